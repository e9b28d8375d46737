// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Losses of training steps, and norms of their gradients, kept on the GPU until several are read at once: a
// reading waits for the GPU, so reading each loss would make every step wait.

import {
  allocate,
  defineKernel,
  formatShape,
  launch,
  onReplay,
  persist,
  ReplayParam,
} from "../engine/kernel_kit.ts";
import {
  type AnyTensor,
  readAll,
  type Replicas,
  Tensor,
} from "../engine/mod.ts";
import type { StepLoss } from "./train_options.ts";

/** Adds a share of a loss, or of another number, to the element of the step. */
const noteLoss = defineKernel({
  name: "note_loss",
  wgsl: /* wgsl */ `
struct Params { at: u32, first: u32, share: f32 }
@group(0) @binding(0) var<storage, read> loss: array<f32>;
@group(0) @binding(1) var<storage, read_write> slots: array<f32>;
@group(0) @binding(2) var<uniform> p: Params;

@compute @workgroup_size(1)
fn main() {
  let before = select(slots[p.at], 0.0, p.first == 1u);
  slots[p.at] = before + p.share * loss[0];
}
`,
});

/** What {@linkcode LossLedger.read} gives. */
export interface LossReading {
  /** The loss of each step since the last reading. */
  readonly losses: Float32Array<ArrayBuffer>;
  /** The norm of the last step's gradients, if it was noted. */
  readonly norm: number | undefined;
  /** The elements of the other tensor, if one was read along. */
  readonly other: ArrayLike<number>;
}

/** The losses of the latest steps, on the GPU until they are read. */
export class LossLedger implements Disposable {
  /** The number of steps since the last reading. */
  length = 0;
  readonly #capacity: number;
  #isFirst = true;
  #slots: Tensor | undefined;
  #norms: Tensor | undefined;

  /** @param capacity The largest number of steps between two readings. */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Begins a step, whose loss is 0 until batches are added. */
  beginStep(): void {
    this.length++;
    this.#isFirst = true;
  }

  /** Adds a batch's loss to that of the step, weighted by its share. */
  add(loss: Tensor, share: number): void {
    const slots = this.#slots ??= this.#allocate(loss);
    const first = new ReplayParam();
    onReplay(() => {
      first.value = this.#isFirst ? 1 : 0;
      this.#isFirst = false;
    });
    this.#note(loss, slots, { first, share });
  }

  /** Notes the norm of the step's gradients. */
  noteNorm(norm: Tensor): void {
    const norms = this.#norms ??= this.#allocate(norm);
    this.#note(norm, norms, { first: 1, share: 1 });
  }

  #allocate({ device }: Tensor): Tensor {
    return persist(allocate(device, [this.#capacity]));
  }

  #note(
    value: Tensor,
    slots: Tensor,
    params: { first: number | ReplayParam; share: number },
  ): void {
    const at = new ReplayParam();
    onReplay(() => void (at.value = this.length - 1));
    launch(value.device, noteLoss, {
      bind: [value, slots],
      params: { at, ...params },
      groups: [1],
    });
  }

  /**
   * Reads what was noted since the last reading, and another tensor with the
   * same wait.
   */
  async read(other?: AnyTensor): Promise<LossReading> {
    const { length } = this;
    this.length = 0;
    const noted = length > 0 ? [this.#slots, this.#norms] : [];
    const tensors = [...noted, other].filter((x) => x !== undefined);
    const read = await readAll(tensors);
    const of = (x: AnyTensor | undefined) =>
      (x && read[tensors.indexOf(x)]) ?? [];
    const [slots, norms] = noted;
    return {
      losses: Float32Array.from(of(slots)).subarray(0, length),
      norm: norms && of(norms)[length - 1],
      other: of(other),
    };
  }

  /**
   * Reads the losses since the last reading, of each of several replicas.
   *
   * @param replicas The replicas whose losses were added.
   * @param other A replicated tensor to read as well.
   * @returns What {@linkcode read} would give for each replica alone.
   */
  async readEach(
    replicas: Replicas,
    other?: AnyTensor,
  ): Promise<LossReading[]> {
    const { length } = this;
    this.length = 0;
    const slots = length > 0 ? this.#slots : undefined;
    const [losses, others] = await Promise.all(
      [slots, other].map((x) => x && replicas.data(x)),
    );
    return Array.from({ length: replicas.count }, (_, j) => ({
      losses: Float32Array.from(losses?.[j] ?? []).subarray(0, length),
      norm: undefined,
      other: others?.[j] ?? [],
    }));
  }

  /** Frees the losses. */
  [Symbol.dispose](): void {
    this.#slots?.dispose();
    this.#norms?.dispose();
  }
}

/**
 * The loss of a step's output.
 *
 * @throws {TypeError} If there is none, or it has several elements.
 */
export function lossOf(output: StepLoss): Tensor {
  const loss = output instanceof Tensor ? output : output.loss;
  if (loss?.size === 1) return loss;
  throw new TypeError(
    loss
      ? `Cannot train on a loss of shape ${
        formatShape(loss.shape)
      }: it must have one element`
      : "Cannot train: the step returned no loss, pass labels to the model",
  );
}

/**
 * Throws if a loss is not finite.
 *
 * @param losses The losses of the latest steps.
 * @param step The number of steps so far, which the message counts from.
 */
export function checkLosses(losses: Float32Array, step: number): void {
  const bad = losses.findIndex((value) => !Number.isFinite(value));
  if (bad < 0) return;
  throw new RangeError(
    `Cannot train on: the loss of step ${step - losses.length + bad + 1} is ` +
      `${losses[bad]}, ` +
      "lower the learning rate or limit the gradients with maxGradNorm; " +
      "labels outside of the classes, ids outside of the vocabulary and " +
      "inputs that are not finite give such a loss too",
  );
}
