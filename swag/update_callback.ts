// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * A callback of nn's Trainer that collects weights for a posterior.
 *
 * @module
 */

import {
  recoverFolders,
  requireWritable,
  type SafetensorsSource,
  writeFolderAtomically,
} from "../nn/formats/mod.ts";
import {
  type CallbackState,
  checkOptions,
  type LoadedCallbackState,
  type StateSource,
  type TrainerCallback,
  type TrainerEvent,
} from "../nn/mod.ts";
import type { DeviationFormat } from "./deviation_format.ts";
import type { SwagParameterState, SwagState } from "./state_dict.ts";
import type { SwagModel } from "./swag_model.ts";

/** Options of {@linkcode SwagUpdateCallback}. */
export interface SwagUpdateOptions {
  /**
   * Collects after every so many steps of the run.
   *
   * @default {at the end of every epoch}
   */
  collectSteps?: number | undefined;
  /** How many of the first collections are left out. @default {0} */
  skipFirst?: number | undefined;
  /**
   * The passes over the data before the first collection; may be a fraction.
   * What would be collected before does not count for `skipFirst`.
   *
   * @default {0}
   */
  start?: number | undefined;
  /**
   * Whether to collect once more at the end of the run, if the last step is not
   * among those at which weights were collected.
   *
   * @default {true}
   */
  collectAtEnd?: boolean | undefined;
  /**
   * A folder in which the posterior is saved after each collection, as
   * `swag-checkpoint-{step}/swag.safetensors`.
   *
   * @default {none}
   */
  saveFolder?: string | undefined;
}

const OPTIONS: readonly (keyof SwagUpdateOptions)[] = [
  "collectSteps",
  "skipFirst",
  "start",
  "collectAtEnd",
  "saveFolder",
];

/** The names of the folders in `saveFolder`. */
const SAVED = /^swag-checkpoint-\d+$/;

/** What a checkpoint keeps besides the moments. */
interface UpdateState extends Omit<SwagState, "parameters"> {
  shapes: Record<string, number[]>;
  collectedSteps: number[];
  lastStep: number;
  skipped: number;
}

/** The moments of a parameter. */
const MOMENTS = [
  "mean",
  "squaredDeviations",
  "deviations",
  "deviationScales",
] as const;

/**
 * Collects the weights of a `Trainer`'s model for a posterior while it trains:
 * at the end of every epoch, or after every `collectSteps` steps, and at the end
 * of the run. The rules are those of swag-transformers' `SwagUpdateCallback`.
 *
 * Checkpoints of the run hold the posterior, so that a run that is cut and
 * resumes gives the posterior of the run that was not cut, bit for bit. When a
 * signal ends a run, nothing more is collected, because the run may go on. Nor
 * is it when a callback ends a run in the middle of an epoch and
 * `loadBestModelAtEnd` has put other weights in the place of the last ones.
 *
 * @example A posterior of the second half of a run
 * ```ts
 * import { initialize, manualSeed, type Tensor } from "@swagpu/swagpu/engine";
 * import { Linear, Module, mseLoss, Trainer } from "@swagpu/swagpu/nn";
 * import { SwagModel, SwagUpdateCallback } from "@swagpu/swagpu/swag";
 * import { assertEquals } from "@std/assert";
 *
 * class Line extends Module {
 *   readonly linear = new Linear(1, 1);
 *   forward({ x, labels }: { x: Tensor; labels: Tensor }) {
 *     return { loss: mseLoss(this.linear.forward(x), labels) };
 *   }
 * }
 *
 * await initialize();
 * manualSeed(0);
 * const model = new Line();
 * using swag = SwagModel.fromBase(model, { noCovMat: false });
 * const callback = new SwagUpdateCallback(swag, { start: 5 });
 * const trainer = new Trainer({
 *   model,
 *   args: { numTrainEpochs: 10, lrSchedulerType: "constant" },
 *   trainDataset: [{ x: [0.5], labels: [2.5] }, { x: [1.5], labels: [4.5] }],
 *   callbacks: [callback],
 * });
 * await trainer.train();
 * assertEquals(callback.collectedSteps, [6, 7, 8, 9, 10]);
 * assertEquals(swag.nModels, 5);
 * ```
 */
export class SwagUpdateCallback implements TrainerCallback {
  /** The name under which checkpoints keep the posterior. */
  readonly name = "SwagUpdateCallback";
  /** The posterior. */
  readonly swag: SwagModel;
  readonly #collectSteps: number | undefined;
  readonly #skipFirst: number;
  readonly #start: number;
  readonly #collectAtEnd: boolean;
  readonly #saveFolder: string | undefined;
  #collected: number[] = [];
  /** The last step that was collected or left out. */
  #lastStep = 0;
  #skipped = 0;

  /**
   * Checks the options. Nothing is collected before the run.
   *
   * @param swag The posterior, over the model that is trained.
   * @param options When to collect, and where to save.
   * @throws {RangeError} If a number is out of range.
   * @throws {TypeError} If an option is not known.
   */
  constructor(swag: SwagModel, options: SwagUpdateOptions = {}) {
    checkOptions(options, { action: "collect weights", known: OPTIONS });
    const { collectSteps, skipFirst = 0, start = 0 } = options;
    if (collectSteps !== undefined) requireWhole({ collectSteps }, 1);
    requireWhole({ skipFirst }, 0);
    if (!(start >= 0 && start < Infinity)) {
      throw new RangeError(
        `Cannot collect weights with start ${start}: it must be a number of ` +
          "epochs of at least 0",
      );
    }
    this.swag = swag;
    this.#collectSteps = collectSteps;
    this.#skipFirst = skipFirst;
    this.#start = start;
    this.#collectAtEnd = options.collectAtEnd ?? true;
    this.#saveFolder = options.saveFolder;
  }

  /** The steps of the run at which weights were collected. */
  get collectedSteps(): number[] {
    return [...this.#collected];
  }

  /**
   * Begins to count, unless the run resumes, and tries the folder.
   *
   * @throws {RangeError} If the run ends before `start`.
   * @throws {Error} If `saveFolder` cannot be written to.
   */
  async onTrainBegin({ state }: TrainerEvent): Promise<void> {
    if (this.#start >= state.numTrainEpochs) {
      throw new RangeError(
        `Cannot collect weights with start ${this.#start}: the run ends with ` +
          `epoch ${state.numTrainEpochs}; let it start earlier`,
      );
    }
    if (state.globalStep === 0) {
      this.#collected = [];
      this.#lastStep = 0;
      this.#skipped = 0;
    }
    if (this.#saveFolder === undefined) return;
    await requireWritable(this.#saveFolder);
    await recoverFolders(this.#saveFolder, SAVED);
  }

  /** Collects, if `collectSteps` is set and divides the step. */
  async onStepEnd(event: TrainerEvent): Promise<void> {
    if (this.#collectSteps === undefined) return;
    if (event.state.globalStep % this.#collectSteps !== 0) return;
    await this.#update(event);
  }

  /** Collects, unless `collectSteps` is set and the run goes on. */
  async onEpochEnd(event: TrainerEvent): Promise<void> {
    const { globalStep, maxSteps } = event.state;
    // Not only in onTrainEnd: the model may have its best weights there.
    const isEnd = this.#collectAtEnd && globalStep >= maxSteps;
    if (this.#collectSteps === undefined || isEnd) await this.#update(event);
  }

  /** Collects at the end of a run that a callback has ended within an epoch. */
  async onTrainEnd(event: TrainerEvent): Promise<void> {
    if (!this.#collectAtEnd || event.aborted) return;
    const { args, state } = event;
    const hasOthers = args.loadBestModelAtEnd &&
      state.bestModelCheckpoint !== undefined &&
      state.bestGlobalStep !== state.globalStep;
    if (!hasOthers) await this.#update(event);
  }

  /** Collects the weights, unless they are left out or were collected. */
  async #update({ model, state }: TrainerEvent): Promise<void> {
    const { globalStep: step, epoch } = state;
    if (step === this.#lastStep || epoch <= this.#start) return;
    this.#lastStep = step;
    if (this.#skipped < this.#skipFirst) {
      this.#skipped++;
      return;
    }
    this.swag.collectModel(model);
    this.#collected.push(step);
    if (this.#saveFolder === undefined) return;
    await writeFolderAtomically(
      `${this.#saveFolder}/swag-checkpoint-${step}`,
      (folder) => this.swag.save(`${folder}/swag.safetensors`),
    );
  }

  /** The posterior, and when it was updated. */
  async stateDict(): Promise<CallbackState> {
    const { parameters, ...rest } = await this.swag.stateDict();
    const shapes: Record<string, number[]> = {};
    const tensors: [string, SafetensorsSource][] = [];
    for (const [name, own] of Object.entries(parameters)) {
      shapes[name] = own.shape;
      for (const moment of MOMENTS) {
        const data = own[moment];
        if (!data) continue;
        const shape = [data.length];
        const dtype = dtypeOf(data);
        tensors.push([`${name}.${moment}`, { shape, dtype, data }]);
      }
    }
    const values: UpdateState = {
      ...rest,
      shapes,
      collectedSteps: this.collectedSteps,
      lastStep: this.#lastStep,
      skipped: this.#skipped,
    };
    return { values, tensors };
  }

  /**
   * Continues from a state.
   *
   * @param state What {@linkcode stateDict} has given.
   * @throws {TypeError} If it is of another kind, or of a posterior with other
   * options or parameters.
   */
  async loadStateDict(
    { values, tensors }: LoadedCallbackState,
  ): Promise<void> {
    if (!isUpdateState(values) || !tensors) {
      throw new TypeError(
        "Cannot load the state of SwagUpdateCallback: it holds no posterior",
      );
    }
    const { shapes, collectedSteps, lastStep, skipped, ...rest } = values;
    const parameters: SwagState["parameters"] = {};
    const names = new Set(tensors.names);
    for (const [name, shape] of Object.entries(shapes)) {
      parameters[name] = await readParameter(tensors, names, {
        name,
        shape,
        format: rest.settings?.deviations,
      });
    }
    this.swag.loadStateDict({ ...rest, parameters });
    this.#collected = [...collectedSteps];
    this.#lastStep = lastStep;
    this.#skipped = skipped;
  }
}

function requireWhole(named: Record<string, number>, least: number): void {
  for (const [name, value] of Object.entries(named)) {
    if (Number.isSafeInteger(value) && value >= least) continue;
    throw new RangeError(
      `Cannot collect weights with ${name} ${value}: it must be a whole ` +
        `number of at least ${least}`,
    );
  }
}

/** Whether a callback's values are ours; the posterior checks its own part. */
function isUpdateState(values: unknown): values is UpdateState {
  if (typeof values !== "object" || values === null) return false;
  const { shapes, collectedSteps, lastStep, skipped }: Partial<UpdateState> =
    values;
  return typeof shapes === "object" && shapes !== null &&
    Array.isArray(collectedSteps) &&
    [...collectedSteps, lastStep, skipped].every(Number.isSafeInteger);
}

/** The type in the checkpoint, which holds the values exactly. */
function dtypeOf(
  values: Float32Array | Float16Array | Int8Array,
): "F32" | "F16" | "I8" {
  if (values instanceof Int8Array) return "I8";
  return values instanceof Float32Array ? "F32" : "F16";
}

/** Reads the moments of a parameter that a checkpoint has of it. */
async function readParameter(
  tensors: StateSource,
  names: ReadonlySet<string>,
  { name, shape, format }: {
    name: string;
    shape: number[];
    format: DeviationFormat | undefined;
  },
): Promise<SwagParameterState> {
  const state: SwagParameterState = { shape, mean: new Float32Array() };
  for (const moment of MOMENTS) {
    const key = `${name}.${moment}`;
    if (!names.has(key)) continue;
    const { data } = await tensors.tensor(key);
    if (moment !== "deviations") state[moment] = Float32Array.from(data);
    else if (format === "int8") state[moment] = Int8Array.from(data);
    else if (format === "f16") state[moment] = Float16Array.from(data);
    else state[moment] = Float32Array.from(data);
  }
  return state;
}
