// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// One training step, executed as it is written or captured and replayed.

import { backward, capture, full, scope } from "../engine/mod.ts";
import { clipGradNorm } from "./optim.ts";
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
  /** Adds a batch's share to the gradients. */
  add(batch: Batch, share: number): void;
  /** Updates the weights. */
  update(): void;
}

type AddGradients = (output: StepLoss, share: number) => void;

/** Makes the steps of a training run. */
export class TrainSteps<Batch> implements Disposable {
  readonly #parts: StepParts<Batch>;
  readonly #ledger: LossLedger;

  /**
   * Prepares the steps.
   *
   * @param options The step, the optimizer, and how to capture.
   * @param ledger Receives the losses.
   */
  constructor(options: StepOptions<Batch>, ledger: LossLedger) {
    const { optimizer, maxGradNorm } = options;
    const addGradients = (output: StepLoss, share: number) => {
      const loss = lossOf(output);
      backward(loss, share === 1 ? {} : { gradient: full(loss.shape, share) });
      ledger.add(loss, share);
    };
    const update = () => {
      const norm = maxGradNorm === undefined
        ? undefined
        : clipGradNorm(optimizer, maxGradNorm);
      optimizer.step();
      if (norm) ledger.noteNorm(norm);
    };
    this.#ledger = ledger;
    this.#parts = "inputs" in options
      ? capturedParts(options, addGradients, update)
      : plainParts(options, addGradients, update);
  }

  /** Makes one step: adds the gradients of all batches, then updates. */
  run(batches: readonly Batch[]): void {
    using _ = scope();
    this.#ledger.beginStep();
    const share = 1 / batches.length;
    for (const batch of batches) this.#parts.add(batch, share);
    this.#parts.update();
  }

  /** Frees what was captured. */
  [Symbol.dispose](): void {
    this.#parts[Symbol.dispose]();
  }
}

function plainParts<Batch>(
  { step }: TrainOptions<Batch>,
  addGradients: AddGradients,
  update: () => void,
): StepParts<Batch> {
  return {
    add(batch, share) {
      using _ = scope();
      addGradients(step(batch), share);
    },
    update,
    [Symbol.dispose]() {},
  };
}

/** The input that holds a batch's share of the step. */
const SHARE = "share of the step";

/**
 * Captures the parts separately, because the number of batches may differ from
 * step to step.
 */
function capturedParts<Batch>(
  { inputs, step, capture: enabled = true }: CapturedTrainOptions<
    Batch,
    object
  >,
  addGradients: AddGradients,
  update: () => void,
): StepParts<Batch> {
  const add = capture((given: { [SHARE]: number }) => {
    const { [SHARE]: share, ...rest } = given;
    addGradients(step(rest), share);
  }, { enabled });
  const updated = capture(update, { enabled });
  return {
    add(batch, share) {
      add({ ...inputs(batch), [SHARE]: share });
    },
    update: () => updated({}),
    [Symbol.dispose]() {
      add.dispose();
      updated.dispose();
    },
  };
}
