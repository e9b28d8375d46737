// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// One training step, executed as it is written or captured and replayed.

import {
  backward,
  capture,
  full,
  mul,
  noGrad,
  reshape,
  scope,
  type Tensor,
  tensor,
} from "../engine/mod.ts";
import { clipGradNorm, type Optimizer } from "./optim.ts";
import { type LossLedger, lossOf } from "./loss_ledger.ts";
import type {
  CapturedTrainOptions,
  StepLoss,
  TrainOptions,
} from "./train_options.ts";

/** The options that steps depend on. */
type StepOptions<Batch> =
  | TrainOptions<Batch>
  | CapturedTrainOptions<Batch, object>;

/** The two parts of a step: the first runs for each batch, then the second. */
interface StepParts<Batch> extends Disposable {
  /**
   * Adds a batch's share to the gradients. Where the step is made of several runs,
   * `run` is the share of this one of the loss.
   */
  add(batch: Batch, share: number, run: number): void;
  /** Updates the weights. */
  update(): void;
}

/**
 * Shares that differ from step to step are tensors: a captured step is recorded
 * for every value of a number.
 */
type Share = number | Tensor;

type AddGradients = (output: StepLoss, share: Share, run: number) => void;

/** Makes the steps of a training run. */
export class TrainSteps<Batch> implements Disposable {
  readonly #parts: StepParts<Batch>;
  readonly #optimizer: Optimizer;
  readonly #ledger: LossLedger;
  readonly #weigh: ((batch: Batch) => number) | undefined;

  /**
   * Prepares the steps.
   *
   * @param options The step, the optimizer, and how to capture.
   * @param ledger Receives the losses.
   */
  constructor(options: StepOptions<Batch>, ledger: LossLedger) {
    const { optimizer, maxGradNorm } = options;
    const addGradients: AddGradients = (output, share, run) => {
      const loss = lossOf(output);
      if (typeof share !== "number") {
        const gradient = reshape(share, loss.shape);
        backward(loss, { gradient });
        return ledger.add(noGrad(() => mul(loss, gradient)), run);
      }
      backward(loss, share === 1 ? {} : { gradient: full(loss.shape, share) });
      ledger.add(loss, share * run);
    };
    const update = () => {
      const norm = maxGradNorm === undefined
        ? undefined
        : clipGradNorm(optimizer, maxGradNorm);
      optimizer.step();
      if (norm) ledger.noteNorm(norm);
    };
    this.#optimizer = optimizer;
    this.#ledger = ledger;
    this.#weigh = options.batchWeight;
    this.#parts = "inputs" in options
      ? capturedParts(options, addGradients, update)
      : plainParts(options, addGradients, update);
  }

  /** Makes one step: adds the gradients of all batches, then updates. */
  run(batches: readonly Batch[]): void {
    using _ = scope();
    this.#ledger.beginStep();
    const shares = this.#sharesOf(batches);
    this.#optimizer.accumulate((run) => {
      for (const [i, batch] of batches.entries()) {
        const share = shares[i] ?? 0;
        // The loss of a batch without labels is NaN.
        if (share > 0) this.#parts.add(batch, share, run);
      }
    });
    this.#parts.update();
  }

  /** How much of the step each batch is. */
  #sharesOf(batches: readonly Batch[]): number[] {
    const weights = batches.map((batch) => {
      const weight = this.#weigh?.(batch) ?? 1;
      if (weight >= 0 && weight < Infinity) return weight;
      throw new RangeError(
        `Cannot train on a batch of the weight ${weight}: batchWeight must give ` +
          "a finite number of at least 0",
      );
    });
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return weights.map((weight) =>
      total > 0 ? weight / total : 1 / batches.length
    );
  }

  /** Frees what was captured. */
  [Symbol.dispose](): void {
    this.#parts[Symbol.dispose]();
  }
}

function plainParts<Batch>(
  { step, batchWeight }: TrainOptions<Batch>,
  addGradients: AddGradients,
  update: () => void,
): StepParts<Batch> {
  return {
    add(batch, share, run) {
      using _ = scope();
      addGradients(step(batch), batchWeight ? tensor([share]) : share, run);
    },
    update,
    [Symbol.dispose]() {},
  };
}

/** The inputs that hold a batch's share of the step, and a run's of the loss. */
const SHARE = "share of the step";
const RUN = "share of the loss";

/**
 * Captures the parts separately, because the number of batches may differ from
 * step to step.
 */
function capturedParts<Batch>(
  { inputs, step, batchWeight, capture: enabled = true }: CapturedTrainOptions<
    Batch,
    object
  >,
  addGradients: AddGradients,
  update: () => void,
): StepParts<Batch> {
  const add = capture((given: { [SHARE]: Share; [RUN]: number }) => {
    const { [SHARE]: share, [RUN]: run, ...rest } = given;
    addGradients(step(rest), share, run);
  }, { enabled });
  const updated = capture(update, { enabled });
  return {
    add(batch, share, run) {
      const given = batchWeight ? Float32Array.of(share) : share;
      add({ ...inputs(batch), [SHARE]: given, [RUN]: run });
    },
    update: () => updated({}),
    [Symbol.dispose]() {
      add.dispose();
      updated.dispose();
    },
  };
}
