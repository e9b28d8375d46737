// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

import { checkOptions } from "../options.ts";

/** Which biases are trained beside an adapter. */
export type LoraBias = "none" | "all" | "lora_only";

/** Options of {@linkcode LoraConfig}, with PEFT's names in camelCase. */
export interface LoraConfigOptions {
  /** The rank: the length of the narrow axis of A and B. @default 8 */
  r?: number;
  /** The update is multiplied by `loraAlpha / r`. @default 8 */
  loraAlpha?: number;
  /** The share of the adapter's inputs that training drops, in [0, 1). @default 0 */
  loraDropout?: number;
  /**
   * The `Linear` layers that get an adapter. Names select every layer whose path
   * ends with them, by whole segments: `["query", "value"]`. A text is an
   * expression that the whole path must match, or `"all-linear"`: all of them,
   * except those whose weight another module shares, such as a tied output layer.
   *
   * @default {those that PEFT takes for the architecture}
   */
  targetModules?: readonly string[] | string | undefined;
  /** The same for layers that get none, although selected. @default {none} */
  excludeModules?: readonly string[] | string | undefined;
  /**
   * The biases that are trained: none, all of the model, or those of the layers
   * that get an adapter.
   *
   * @default "none"
   */
  bias?: LoraBias;
  /**
   * The modules that are trained and saved whole, such as a new head: all whose
   * path ends with one of these names. Layers in them get no adapter.
   *
   * @default {none, or the head if `taskType` is that of a head}
   */
  modulesToSave?: readonly string[] | undefined;
  /** Whether the update is multiplied by `loraAlpha / √r`. @default false */
  useRslora?: boolean;
  /**
   * How A and B begin. `true`: A uniform in ±1/√in and B zero, so that the
   * adapter changes nothing yet. `"gaussian"`: A normal with deviation `1 / r`
   * and B zero. `false`: both random.
   *
   * @default true
   */
  initLoraWeights?: boolean | "gaussian";
  /** Other ranks, by the end of the path or an expression for it. @default {{}} */
  rankPattern?: Readonly<Record<string, number>>;
  /** Other values of `loraAlpha`, in the same way. @default {{}} */
  alphaPattern?: Readonly<Record<string, number>>;
  /** The blocks that are adapted, counted from 0. @default {all} */
  layersToTransform?: readonly number[] | number | undefined;
  /** The names of the lists that hold the blocks. @default {any} */
  layersPattern?: readonly string[] | string | undefined;
  /**
   * PEFT's name of the task, such as `"SEQ_CLS"`, `"TOKEN_CLS"`,
   * `"QUESTION_ANS"`, `"CAUSAL_LM"` or `"SEQ_2_SEQ_LM"`.
   *
   * @default {none}
   */
  taskType?: string | undefined;
  /** The model that the adapter is for; noted in the file. @default {none} */
  baseModelNameOrPath?: string | undefined;
  /** The revision of that model; noted in the file. @default {none} */
  revision?: string | undefined;
}

const OPTIONS = [
  "r",
  "loraAlpha",
  "loraDropout",
  "targetModules",
  "excludeModules",
  "bias",
  "modulesToSave",
  "useRslora",
  "initLoraWeights",
  "rankPattern",
  "alphaPattern",
  "layersToTransform",
  "layersPattern",
  "taskType",
  "baseModelNameOrPath",
  "revision",
] satisfies (keyof LoraConfigOptions)[];

const BIASES: readonly string[] = ["none", "all", "lora_only"];

/**
 * What a low-rank adapter (LoRA; Hu et al., "LoRA: Low-Rank Adaptation of Large
 * Language Models", 2021) adds to a model, with the names, the defaults and the
 * rules of PEFT.
 *
 * @example Usage
 * ```ts
 * import { LoraConfig } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * const config = new LoraConfig({ r: 4, targetModules: ["query", "value"] });
 * assertEquals([config.r, config.loraAlpha, config.bias], [4, 8, "none"]);
 * ```
 */
export class LoraConfig {
  /** The rank. */
  readonly r: number;
  /** The update is multiplied by `loraAlpha / r`. */
  readonly loraAlpha: number;
  /** The share of the adapter's inputs that training drops. */
  readonly loraDropout: number;
  /** The layers that get an adapter. */
  readonly targetModules: readonly string[] | string | undefined;
  /** The layers that get none, although selected. */
  readonly excludeModules: readonly string[] | string | undefined;
  /** The biases that are trained. */
  readonly bias: LoraBias;
  /** The modules that are trained and saved whole. */
  readonly modulesToSave: readonly string[] | undefined;
  /** Whether the update is multiplied by `loraAlpha / √r`. */
  readonly useRslora: boolean;
  /** How A and B begin. */
  readonly initLoraWeights: boolean | "gaussian";
  /** Other ranks. */
  readonly rankPattern: Readonly<Record<string, number>>;
  /** Other values of `loraAlpha`. */
  readonly alphaPattern: Readonly<Record<string, number>>;
  /** The blocks that are adapted. */
  readonly layersToTransform: readonly number[] | number | undefined;
  /** The names of the lists that hold the blocks. */
  readonly layersPattern: readonly string[] | string | undefined;
  /** PEFT's name of the task. */
  readonly taskType: string | undefined;
  /** The model that the adapter is for. */
  readonly baseModelNameOrPath: string | undefined;
  /** The revision of that model. */
  readonly revision: string | undefined;

  /**
   * Checks the options.
   *
   * @param options The options; PEFT's defaults fill in the others.
   * @throws {TypeError} If an option is not known or of a wrong kind.
   * @throws {RangeError} If a number is out of range.
   */
  constructor(options: LoraConfigOptions = {}) {
    checkOptions(options, { action: "configure LoRA", known: OPTIONS });
    const {
      r = 8,
      loraAlpha = 8,
      loraDropout = 0,
      bias = "none",
      useRslora = false,
      initLoraWeights = true,
      rankPattern = {},
      alphaPattern = {},
    } = options;
    requireRank("r", r);
    requirePositive("loraAlpha", loraAlpha);
    if (!(loraDropout >= 0 && loraDropout < 1)) {
      throw wrong("loraDropout", loraDropout, "it must be in [0, 1)");
    }
    if (!BIASES.includes(bias)) {
      throw wrong("bias", bias, `expected one of ${BIASES.join(", ")}`);
    }
    if (
      typeof initLoraWeights !== "boolean" && initLoraWeights !== "gaussian"
    ) {
      throw wrong(
        "initLoraWeights",
        initLoraWeights,
        'expected true, false or "gaussian"',
      );
    }
    for (const [name, rank] of Object.entries(rankPattern)) {
      requireRank(`rankPattern of "${name}"`, rank);
    }
    for (const [name, alpha] of Object.entries(alphaPattern)) {
      requirePositive(`alphaPattern of "${name}"`, alpha);
    }
    this.r = r;
    this.loraAlpha = loraAlpha;
    this.loraDropout = loraDropout;
    this.targetModules = options.targetModules;
    this.excludeModules = options.excludeModules;
    this.bias = bias;
    this.modulesToSave = options.modulesToSave;
    this.useRslora = useRslora;
    this.initLoraWeights = initLoraWeights;
    this.rankPattern = rankPattern;
    this.alphaPattern = alphaPattern;
    this.layersToTransform = options.layersToTransform;
    this.layersPattern = options.layersPattern;
    this.taskType = options.taskType;
    this.baseModelNameOrPath = options.baseModelNameOrPath;
    this.revision = options.revision;
  }
}

function requireRank(name: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 1) return;
  throw wrong(name, value, "it must be a whole number of at least 1");
}

function requirePositive(name: string, value: number): void {
  if (Number.isFinite(value) && value > 0) return;
  throw wrong(name, value, "it must be a positive number");
}

function wrong(name: string, value: unknown, expected: string): RangeError {
  return new RangeError(
    `Cannot configure LoRA with ${name} ${JSON.stringify(value)}: ${expected}`,
  );
}
