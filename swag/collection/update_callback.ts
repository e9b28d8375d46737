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
  writeFolderAtomically,
} from "../../nn/formats/mod.ts";
import {
  type CallbackState,
  checkOptions,
  type LoadedCallbackState,
  type TrainerCallback,
  type TrainerEvent,
} from "../../nn/mod.ts";
import {
  type GateOptions,
  TroughFinder,
  ValidationGate,
} from "./collection_rules.ts";
import type { SwagModel } from "../swag_model.ts";
import {
  isUpdateState,
  momentTensors,
  readMomentTensors,
  type UpdateState,
} from "./update_state.ts";
import { requireWhole } from "../whole_numbers.ts";

/** Options of {@linkcode SwagUpdateCallback}. */
export interface SwagUpdateOptions {
  /**
   * Collects after every so many steps of the run.
   *
   * @default {at the end of every epoch}
   */
  collectSteps?: number | undefined;
  /**
   * Collects after the last step of each cycle of a cyclical learning rate, such as
   * `lrSchedulerType: "cyclic"` has: after every step whose rate has fallen and after
   * which it rises. It takes the place of `collectSteps`.
   *
   * @default {false}
   */
  collectAtTroughs?: boolean | undefined;
  /**
   * Leaves out weights that measure worse on a validation set than the best before
   * them, by more than a tolerance.
   *
   * @default {all are collected}
   */
  gate?: GateOptions | undefined;
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
  "collectAtTroughs",
  "gate",
  "skipFirst",
  "start",
  "collectAtEnd",
  "saveFolder",
];

/** The names of the folders in `saveFolder`. */
const SAVED = /^swag-checkpoint-\d+$/;

/**
 * Collects the weights of a `Trainer`'s model for a posterior while it trains:
 * at the end of every epoch, or after every `collectSteps` steps, and at the end
 * of the run. These rules are those of swag-transformers' `SwagUpdateCallback`.
 * Beyond them, weights are collected where a cyclical learning rate is lowest, as SWA
 * does, and only where a validation set does not object.
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
 *
 * @example At the ends of cycles, where the loss is not much worse than it was
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
 * const rows = [{ x: [0.5], labels: [2.5] }, { x: [1.5], labels: [4.5] }];
 * using swag = SwagModel.fromBase(model);
 * const callback = new SwagUpdateCallback(swag, {
 *   collectAtTroughs: true,
 *   gate: {
 *     evaluate: async () => (await trainer.evaluate())["eval_loss"] ?? NaN,
 *     greaterIsBetter: false,
 *     tolerance: 0.01,
 *   },
 * });
 * const trainer: Trainer<(typeof rows)[number]> = new Trainer({
 *   model,
 *   args: {
 *     maxSteps: 12,
 *     lrSchedulerType: "cyclic",
 *     lrSchedulerKwargs: { cycleSteps: 4, minLrRate: 0.1 },
 *   },
 *   trainDataset: rows,
 *   evalDataset: rows,
 *   callbacks: [callback],
 * });
 * await trainer.train();
 * assertEquals(callback.collectedSteps, [4, 8, 12]);
 * ```
 */
export class SwagUpdateCallback implements TrainerCallback {
  /** The name under which checkpoints keep the posterior. */
  readonly name: string = "SwagUpdateCallback";
  /** The posterior. */
  readonly swag: SwagModel;
  readonly #collectSteps: number | undefined;
  readonly #troughs: TroughFinder | undefined;
  readonly #gate: ValidationGate | undefined;
  readonly #skipFirst: number;
  readonly #start: number;
  readonly #collectAtEnd: boolean;
  readonly #saveFolder: string | undefined;
  #collected: number[] = [];
  #rejected: number[] = [];
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
    const { collectSteps, collectAtTroughs, gate, skipFirst = 0, start = 0 } =
      options;
    if (collectSteps !== undefined && collectAtTroughs) {
      throw new TypeError(
        "Cannot collect weights with collectSteps and collectAtTroughs: each says " +
          "when, leave one of them out",
      );
    }
    if (collectSteps !== undefined) {
      requireWhole("collect weights", { collectSteps }, 1);
    }
    requireWhole("collect weights", { skipFirst }, 0);
    if (!(start >= 0 && start < Infinity)) {
      throw new RangeError(
        `Cannot collect weights with start ${start}: it must be a number of ` +
          "epochs of at least 0",
      );
    }
    this.swag = swag;
    this.#collectSteps = collectSteps;
    this.#troughs = collectAtTroughs ? new TroughFinder() : undefined;
    this.#gate = gate && new ValidationGate(gate);
    this.#skipFirst = skipFirst;
    this.#start = start;
    this.#collectAtEnd = options.collectAtEnd ?? true;
    this.#saveFolder = options.saveFolder;
  }

  /** The steps of the run at which weights were collected. */
  get collectedSteps(): number[] {
    return [...this.#collected];
  }

  /** The steps of the run at which `gate` left weights out. */
  get rejectedSteps(): number[] {
    return [...this.#rejected];
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
      this.#rejected = [];
      this.#lastStep = 0;
      this.#skipped = 0;
      if (this.#troughs) this.#troughs.state = undefined;
      if (this.#gate) this.#gate.best = null;
    }
    if (this.#saveFolder === undefined) return;
    await requireWritable(this.#saveFolder);
    await recoverFolders(this.#saveFolder, SAVED);
  }

  /** Notes the learning rate, where it tells when to collect. */
  onStepBegin({ optimizer }: TrainerEvent): void {
    if (optimizer) this.#troughs?.note(optimizer.learningRate);
  }

  /** Collects, if `collectSteps` divides the step, or a cycle ends with it. */
  async onStepEnd(event: TrainerEvent): Promise<void> {
    const { state: { globalStep }, optimizer } = event;
    const isDue = this.#collectSteps !== undefined
      ? globalStep % this.#collectSteps === 0
      : optimizer !== undefined &&
        this.#troughs?.isTrough(optimizer.learningRate);
    if (isDue) await this.#update(event);
  }

  /** Collects, unless steps or cycles say when and the run goes on. */
  async onEpochEnd(event: TrainerEvent): Promise<void> {
    const { globalStep, maxSteps } = event.state;
    // Not only in onTrainEnd: the model may have its best weights there.
    const isEnd = this.#collectAtEnd && globalStep >= maxSteps;
    const byEpoch = this.#collectSteps === undefined && !this.#troughs;
    if (byEpoch || isEnd) await this.#update(event);
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
    if (this.#gate && !await this.#gate.passes()) {
      this.#rejected.push(step);
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
    const { shapes, tensors } = momentTensors(parameters);
    const values: UpdateState = {
      ...rest,
      shapes,
      collectedSteps: this.collectedSteps,
      lastStep: this.#lastStep,
      skipped: this.#skipped,
      rejectedSteps: this.rejectedSteps,
      ...this.#troughs ? { troughs: this.#troughs.state } : {},
      ...this.#gate ? { best: this.#gate.best } : {},
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
    const { shapes, collectedSteps, lastStep, skipped, ...others } = values;
    const { rejectedSteps = [], troughs, best = null, ...rest } = others;
    const parameters = await readMomentTensors(tensors, {
      shapes,
      format: rest.settings?.deviations,
    });
    this.swag.loadStateDict({ ...rest, parameters });
    this.#collected = [...collectedSteps];
    this.#rejected = [...rejectedSteps];
    this.#lastStep = lastStep;
    this.#skipped = skipped;
    if (this.#troughs) this.#troughs.state = troughs;
    if (this.#gate) this.#gate.best = best;
  }
}
