// Copyright 2026 the swagpu authors. MIT license.

/**
 * The options of `finetune` that help where examples are few or memory is short.
 *
 * @module
 */

import type { Arguments, Option } from "./arguments.ts";

/** Remedies for fine-tuning that sometimes fails. */
export const REMEDY_OPTIONS: readonly Option[] = [
  {
    name: "reinit-layers",
    value: "N",
    help: "Give the pooler and the N top blocks new values first; 0 for the " +
      "pooler alone.",
  },
  {
    name: "layer-decay",
    value: "X",
    help: "Learn more slowly further down: the rate of each block is X times " +
      "that of the one above it (0.95 is usual), and --learning-rate is the " +
      "head's.",
  },
  {
    name: "rates-by-third",
    help: "The same in four steps: the rates of head, top, middle and lowest " +
      "third have the ratios 3.6, 3.5, 1.75 and 1.",
  },
  {
    name: "mixout",
    value: "P",
    help: "Replace weights at random by those of --model in each step, with " +
      "this probability (0.1 to 0.9), in place of dropout; not in the head.",
  },
  {
    name: "prior-decay",
    help: "Let weights decay to those of --model instead of to 0, by " +
      "--weight-decay; the head is left out.",
  },
  {
    name: "freeze",
    value: "PREFIX",
    repeatable: true,
    help: "Parameters that are not trained, such as bert.embeddings.",
  },
  {
    name: "unfreeze-every",
    value: "N",
    help: "Train the head alone at first, and after every N epochs one block " +
      "more, from the top down.",
  },
  {
    name: "no-bias-correction",
    help: "Leave out AdamW's bias correction, as the first BERT did: large " +
      "steps at the start.",
  },
];

/** What saves memory of the GPU. */
export const MEMORY_OPTIONS: readonly Option[] = [
  {
    name: "gradient-checkpointing",
    help:
      "Compute each block again on the way back instead of keeping what it " +
      "computed: less memory, the same gradients, about a third more time.",
  },
  {
    name: "frozen-dtype",
    value: "f32|f16",
    help: "How the weights that --freeze or --lora-rank keeps from training " +
      "are stored: f16 takes half the memory (f32).",
  },
];

/** A low-rank adapter in place of the weights. */
export const LORA_OPTIONS: readonly Option[] = [
  {
    name: "lora-rank",
    value: "N",
    help:
      "Train a low-rank adapter (LoRA) of this rank and the head, not the " +
      "weights. --output holds the adapter in PEFT's files then, and needs " +
      "the model of --model where it is used.",
  },
  {
    name: "lora-alpha",
    value: "X",
    help: "The adapter is multiplied by this, divided by its rank (8).",
  },
  {
    name: "lora-dropout",
    value: "X",
    help: "Share of the adapter's inputs that are dropped in training (0).",
  },
  {
    name: "lora-modules",
    value: "NAMES",
    help:
      "Layers that are adapted, such as query,value, or all-linear (those " +
      "that PEFT takes for the architecture).",
  },
];

/** The values of {@linkcode LORA_OPTIONS}. */
export interface LoraSettings {
  readonly r: number;
  readonly loraAlpha: number;
  readonly loraDropout: number;
  /** The layers; `undefined` for those that PEFT takes. */
  readonly targetModules: readonly string[] | string | undefined;
}

/** The values of all options of this module. */
export interface RemedySettings {
  /** The blocks that get new values; `undefined` for none, and no pooler. */
  readonly reinitLayers: number | undefined;
  readonly layerDecay: number | undefined;
  readonly ratesByThird: boolean;
  readonly mixout: number | undefined;
  readonly priorDecay: boolean;
  readonly freeze: readonly string[];
  /** The epochs of a stage of unfreezing; `undefined` for none. */
  readonly unfreezeEvery: number | undefined;
  readonly biasCorrection: boolean;
  readonly gradientCheckpointing: boolean;
  /** How frozen weights are stored. */
  readonly frozenDtype: "f32" | "f16";
  /** The adapter; `undefined` for none. */
  readonly lora: LoraSettings | undefined;
}

/** Options that need weights that were trained before. */
const OF_TRAINED = [
  "reinit-layers",
  "mixout",
  "prior-decay",
  "freeze",
  "unfreeze-every",
  "lora-rank",
] as const;

/** Options that say how the weights of the model change, which an adapter leaves. */
const OF_WEIGHTS = [
  "reinit-layers",
  "layer-decay",
  "rates-by-third",
  "mixout",
  "prior-decay",
  "freeze",
  "unfreeze-every",
] as const;

/**
 * Reads the options of this module.
 *
 * @throws {TypeError} If options contradict each other.
 * @throws {RangeError} If a value is out of range.
 */
export function remedySettings(args: Arguments): RemedySettings {
  refuseTogether(
    args,
    "init",
    OF_TRAINED,
    "random weights have nothing to keep",
  );
  refuseTogether(
    args,
    "lora-rank",
    OF_WEIGHTS,
    "with an adapter the model's weights stay as they are",
  );
  refuseTogether(
    args,
    "layer-decay",
    ["rates-by-third"],
    "give one of them",
  );
  refuseTogether(
    args,
    "no-bias-correction",
    args.text("optimizer") === undefined || args.text("optimizer") === "adamw"
      ? []
      : ["optimizer"],
    "it is for adamw",
  );
  const frozenDtype = args.choice("frozen-dtype", ["f32", "f16"]) ?? "f32";
  const freezes = args.flag("lora-rank") || args.flag("freeze");
  if (frozenDtype === "f16" && !freezes) {
    throw new TypeError(
      "Cannot use --frozen-dtype f16 without --freeze or --lora-rank: no " +
        "weight is frozen",
    );
  }
  return {
    reinitLayers: args.integer("reinit-layers", { min: 0 }),
    layerDecay: args.number("layer-decay", { min: 0, max: 1, above: true }),
    ratesByThird: args.flag("rates-by-third"),
    mixout: args.number("mixout", { min: 0, max: 1 }),
    priorDecay: args.flag("prior-decay"),
    freeze: args.list("freeze"),
    unfreezeEvery: args.integer("unfreeze-every", { min: 1 }),
    biasCorrection: !args.flag("no-bias-correction"),
    gradientCheckpointing: args.flag("gradient-checkpointing"),
    frozenDtype,
    lora: loraSettings(args),
  };
}

/** Throws if an option is given together with one of others. */
function refuseTogether(
  args: Arguments,
  name: string,
  others: readonly string[],
  reason: string,
): void {
  if (!args.flag(name)) return;
  const other = others.find((other) => args.flag(other));
  if (other === undefined) return;
  throw new TypeError(`Cannot use --${other} with --${name}: ${reason}`);
}

function loraSettings(args: Arguments): LoraSettings | undefined {
  const r = args.integer("lora-rank", { min: 1 });
  if (r === undefined) {
    for (const { name } of LORA_OPTIONS) {
      if (!args.flag(name)) continue;
      throw new TypeError(
        `Cannot use --${name} without --lora-rank: say how large the adapter is`,
      );
    }
    return undefined;
  }
  const modules = args.text("lora-modules");
  return {
    r,
    loraAlpha: args.number("lora-alpha", { min: 0, above: true }) ?? 8,
    loraDropout: args.number("lora-dropout", { min: 0, max: 1 }) ?? 0,
    targetModules: modules === undefined || modules === "all-linear"
      ? modules
      : modules.split(",").map((name) => name.trim()),
  };
}
