// Copyright 2026 the swagpu authors. MIT license.

/**
 * Where the numbers of a report come from: the run that trained the model, the data,
 * and the machine.
 *
 * @module
 */

import { disk } from "../host/mod.ts";
import { describeAdapter, type Device } from "../engine/mod.ts";
import type { PretrainedConfig } from "../models/mod.ts";
import type { Provenance, SplitFacts } from "../report/mod.ts";
import { versions } from "./adapter_facts.ts";
import type { Arguments } from "./arguments.ts";
import { POSTERIOR_NAME } from "./classifier.ts";
import { hashOf } from "./hash.ts";
import { baseName, type RunFacts } from "./run_facts.ts";

/** What {@linkcode provenanceOf} tells about. */
export interface ProvenanceSource {
  args: Arguments;
  config: PretrainedConfig;
  /** The GPU. */
  device: Device;
  /** The folder of the model, or its id on the hub. */
  model: string;
  /** How it was trained, if that is known. */
  run: RunFacts | undefined;
  /** The rows of the test set. */
  rows: number;
  /** How the posterior was used; `undefined` without one. */
  posterior: { samples: number; scale: number; seed: number } | undefined;
}

/** The name of the data in a report. */
export function dataNameOf(args: Arguments): string {
  const path = args.needed("data");
  return args.text("data-name") ??
    (path === "-" ? "standard input" : baseName(path));
}

/** The name of a model: its id on the hub, or the last part of its folder's path. */
export async function modelNameOf(source: string): Promise<string> {
  try {
    return baseName(await disk(source).realPath(source));
  } catch {
    return source; // It is no folder.
  }
}

/** The facts of table 4 and of the model card. */
export async function provenanceOf(
  { args, config, device, model, run, rows, posterior }: ProvenanceSource,
): Promise<Provenance> {
  const split = args.text("eval-split") ?? "test";
  const { train, validation } = run?.data ?? {};
  const splits: SplitFacts[] = [
    ...train ? [{ name: `train (${train.path})`, rows: train.rows }] : [],
    ...validation
      ? [{ name: `validation (${validation.path})`, rows: validation.rows }]
      : [],
    { name: `${split}, which is reported`, rows, ...await fileHash(args) },
  ];
  const { runtime, swagpu } = versions();
  const architecture = config.architectures?.[0];
  const { peakMemory } = run ?? {};
  return {
    ...run
      ? { command: run.command, seed: run.seed, seconds: run.seconds }
      : {},
    ...peakMemory === undefined ? {} : { peakMemory },
    settings: {
      ...run?.settings,
      ...posterior
        ? {
          "samples of the report": posterior.samples,
          "scale of the report": posterior.scale,
          "seed of the report": posterior.seed,
        }
        : {},
    },
    data: { name: dataNameOf(args), split, splits },
    model: {
      name: await modelNameOf(model),
      ...architecture === undefined ? {} : { architecture },
      // A model without the facts of its run may come from anywhere.
      ...run ? { base: run.base ?? null } : {},
      ...posterior && posterior.samples > 0
        ? { posterior: POSTERIOR_NAME }
        : {},
      task: "text-classification",
    },
    adapter: run?.adapter ?? describeAdapter(device),
    runtime: run?.runtime ?? runtime,
    versions: run?.versions ?? { swagpu },
  };
}

/** The hash of the test set, unless it came from standard input. */
async function fileHash(args: Arguments): Promise<{ hash?: string }> {
  const path = args.needed("data");
  if (path === "-") return {};
  return { hash: await hashOf(await disk(path).readFile(path)) };
}
