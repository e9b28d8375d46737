// Copyright 2026 the swagpu authors. MIT license.

/**
 * The command `info`, which describes the GPU, and the memory that a model takes.
 *
 * @module
 */

import { type Device, initialize, NoAdapterError } from "../engine/mod.ts";
import {
  adapterFacts,
  adapterLines,
  versionLines,
  versions,
} from "./adapter_facts.ts";
import { DEVIATION_FORMATS } from "../swag/mod.ts";
import { type Arguments, type Command, COMMON_OPTIONS } from "./arguments.ts";
import {
  modelFacts,
  modelLines,
  type ModelRequest,
  TASK_NAMES,
} from "./model_memory.ts";
import { Progress } from "./progress.ts";
import { parseBytes } from "./sizes.ts";
import { printLines } from "./standard_output.ts";

/** The most deviations that a posterior can keep. */
const MAX_RANK = 65535;

/** Describes the GPU and a model. */
export const info: Command = {
  name: "info",
  summary:
    "Describes the GPU and the memory that a model takes: its weights, " +
    "its training and a posterior, before anything is allocated.",
  usage: "[--model DIR|ID|FILE] [options]",
  options: {
    Model: [
      {
        name: "model",
        value: "DIR|ID|FILE",
        help: "Folder, id of the hub (only its configuration is downloaded), " +
          "or a config.json.",
      },
      {
        name: "task",
        value: "TASK",
        choices: TASK_NAMES,
        help: `${TASK_NAMES.slice(0, -1).join(", ")} or ${
          TASK_NAMES.at(-1)
        } (what config.json names, else base).`,
      },
      {
        name: "rank",
        value: "N",
        help: "Deviations that the posterior keeps for covariances (20).",
      },
      {
        name: "prefix",
        value: "PREFIX",
        repeatable: true,
        help: "Parameters that are random, such as bert.encoder.layer.11, " +
          "'bert.encoder.layer.*.output' or last-layer (all).",
      },
      {
        name: "deviations",
        value: "FORMAT",
        choices: DEVIATION_FORMATS,
        help: "How the posterior stores deviations: f32, f16 or int8 (f32).",
      },
      { name: "no-cov", help: "The posterior keeps variances only." },
      {
        name: "memory",
        value: "SIZE",
        help: "Memory of the GPU, such as 8GB or 7.5GiB: tells what fits.",
      },
    ],
    Result: [
      { name: "json", help: "Print JSON, with sizes in bytes." },
      ...COMMON_OPTIONS,
    ],
  },
  notes: `Examples:
  swagpu info
  swagpu info --model google-bert/bert-base-uncased --memory 8GB
  swagpu info --model config.json --task sequence-classification \\
    --rank 10 --prefix bert.encoder.layer.11 --json

Sizes are what swagpu takes from the GPU, buffers rounded up as it does. Kernels
need more for what they compute, depending on the size of batches. SGD keeps its
moment without momentum too, because momentum may be set at any step.`,
  async run(args) {
    const request = readRequest(args);
    const progress = new Progress({ quiet: args.flag("quiet") });
    const about = versions();
    const device = await openOrTell(args.flag("json"));
    const facts = await adapterFacts(device);
    const model = request &&
      await progress.during(
        `reading ${request.source}`,
        modelFacts(device, request),
      );
    progress.clear();
    const lines = args.flag("json")
      ? [
        JSON.stringify(
          { versions: about, ...facts, model: model ?? null },
          null,
          2,
        ),
      ]
      : [
        ...versionLines(about),
        "",
        ...adapterLines(facts, device),
        ...model ? ["", ...modelLines(model, device)] : [],
      ];
    await printLines(lines);
    return 0;
  },
};

/** Opens the GPU. If there is none, the versions are printed before the error. */
async function openOrTell(asJson: boolean): Promise<Device> {
  try {
    return await initialize();
  } catch (error) {
    if (error instanceof NoAdapterError) {
      const about = versions();
      await printLines(
        asJson
          ? [
            JSON.stringify(
              { versions: about, adapter: null, model: null },
              null,
              2,
            ),
          ]
          : [...versionLines(about), "", "Adapter", "  none"],
      );
    }
    throw error;
  }
}

/** Reads the options about a model; `undefined` without `--model`. */
function readRequest(args: Arguments): ModelRequest | undefined {
  const source = args.text("model");
  const noCovMat = args.flag("no-cov");
  const rank = args.integer("rank", { min: 1, max: MAX_RANK });
  const prefixes = args.list("prefix");
  const deviations = args.choice("deviations", DEVIATION_FORMATS);
  const task = args.choice("task", TASK_NAMES);
  if (source === undefined) {
    const idle = ["task", "rank", "prefix", "deviations", "no-cov", "memory"]
      .find((name) => args.flag(name));
    if (idle === undefined) return undefined;
    throw new TypeError(
      `Cannot use --${idle} without --model: it applies to a model`,
    );
  }
  if (noCovMat && rank !== undefined) {
    throw new TypeError(
      "Cannot use --rank with --no-cov: without covariances there is no rank",
    );
  }
  return {
    source,
    task,
    memory: memoryOf(args),
    posterior: {
      noCovMat,
      maxNumModels: rank ?? 20,
      ...deviations === undefined ? {} : { deviations },
      modulePrefixList: prefixes.length > 0 ? prefixes : undefined,
    },
  };
}

function memoryOf(args: Arguments): ModelRequest["memory"] {
  const text = args.text("memory");
  if (text === undefined) return undefined;
  const bytes = parseBytes(text);
  if (bytes !== undefined) return { text, bytes };
  throw new RangeError(
    `Cannot use --memory ${text}: expected a size such as 8GB or 7.5GiB`,
  );
}
