// Copyright 2026 the swagpu authors. MIT license.

/**
 * What `finetune` writes down of its run, for `report` and for those who want to repeat
 * it.
 *
 * @module
 */

import { currentDevice, describeAdapter } from "../engine/mod.ts";
import type { Fact } from "../report/mod.ts";
import { versions } from "./adapter_facts.ts";
import type { Arguments } from "./arguments.ts";
import type { TrainSettings } from "./finetune_settings.ts";
import type { RemedySettings } from "./remedy_settings.ts";
import { commandLine, type FileFacts, writeRunFacts } from "./run_facts.ts";
import type { CollectSettings } from "./swag_settings.ts";
import type { RunEnd } from "./training.ts";

/** A run that has ended. */
export interface RunRecord {
  /** The options that it was called with. */
  args: Arguments;
  /** The name of the task. */
  task: string;
  /** How it has trained. */
  settings: TrainSettings;
  /** What helped it. */
  remedies: RemedySettings;
  /** When it has collected weights. */
  collect: CollectSettings | undefined;
  /** The file that it has learned from. */
  train: FileFacts;
  /** What it was measured on. */
  validation: FileFacts | undefined;
  /** How it ended. */
  end: RunEnd;
}

/** Writes a run down in the folder of its model. */
export async function recordRun(
  folder: string,
  { args, task, settings, remedies, collect, train, validation, end }:
    RunRecord,
): Promise<void> {
  const device = currentDevice();
  const { runtime, swagpu } = versions();
  const base = args.text("model");
  await writeRunFacts(folder, {
    command: commandLine("swagpu finetune", args.words),
    task,
    ...base === undefined ? {} : { base },
    settings: {
      ...settingsOf(settings, end),
      ...remedyFacts(remedies),
      ...posteriorSettings(collect, settings),
    },
    data: { train, ...validation ? { validation } : {} },
    seed: settings.seed,
    adapter: describeAdapter(device),
    runtime,
    versions: { swagpu },
    seconds: end.seconds,
    peakMemory: device.pool.statistics().peak,
    snapshots: end.snapshots,
  });
}

/** The settings that say what the numbers of a run come from. */
function settingsOf(
  settings: TrainSettings,
  { steps }: RunEnd,
): Record<string, Fact> {
  return {
    steps,
    epochs: settings.maxSteps === undefined ? settings.epochs : null,
    "batch size": settings.batchSize,
    "gradient accumulation": settings.gradientAccumulation,
    optimizer: settings.optimizer,
    "learning rate": settings.learningRate,
    "weight decay": settings.weightDecay,
    schedule: settings.schedule,
    ...settings.cycle === undefined ? {} : {
      "steps of a cycle": settings.cycle.steps,
      "rate at its end": settings.cycle.end,
    },
    "warmup ratio": settings.warmupRatio,
    "largest gradient norm": settings.maxGradNorm ?? null,
  };
}

/** The remedies that were used; the others are not named. */
function remedyFacts(
  {
    freeze,
    lora,
    biasCorrection,
    gradientCheckpointing,
    frozenDtype,
    ...remedies
  }: RemedySettings,
): Record<string, Fact> {
  const facts: Record<string, Fact | undefined> = {
    "new values in top blocks": remedies.reinitLayers,
    "layer decay of the rate": remedies.layerDecay,
    "rates by third": remedies.ratesByThird ? "yes" : undefined,
    "mixout": remedies.mixout,
    "decay to": remedies.priorDecay ? "the weights before" : undefined,
    "frozen": freeze.length > 0 ? freeze.join(", ") : undefined,
    "epochs between unfreezing": remedies.unfreezeEvery,
    "bias correction": biasCorrection ? undefined : "none",
    "gradient checkpointing": gradientCheckpointing ? "yes" : undefined,
    "type of frozen weights": frozenDtype === "f16" ? "f16" : undefined,
    "LoRA rank": lora?.r,
    "LoRA alpha": lora?.loraAlpha,
    "LoRA dropout": lora?.loraDropout,
  };
  return Object.fromEntries(
    Object.entries(facts).filter((entry): entry is [string, Fact] =>
      entry[1] !== undefined
    ),
  );
}

function posteriorSettings(
  collect: CollectSettings | undefined,
  { cycle }: TrainSettings,
): Record<string, Fact> {
  if (!collect) return {};
  const { start, every, gate, options } = collect;
  return {
    "SWAG start": start,
    "SWAG collect steps": every ?? (cycle ? "a cycle" : "an epoch"),
    ...gate === undefined ? {} : { "SWAG gate": gate },
    "SWAG rank": options.noCovMat ? 0 : options.maxNumModels ?? null,
    "SWAG deviations": options.noCovMat ? null : options.deviations ?? "f32",
    "SWAG modules": options.modulePrefixList?.join(", ") ?? "all",
  };
}
