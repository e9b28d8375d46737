// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Whether a training run has driven weights out of the range of 32-bit floats.
// The loss of a step is computed before the step changes the weights, so the
// last loss says nothing about the weights that are saved.

import { formatShape } from "../engine/kernel_kit.ts";
import type { Tensor } from "../engine/mod.ts";
import type { Optimizer } from "./optim.ts";
import { WeightCheck } from "./weight_check.ts";

/** Searches an optimizer's weights for values that nothing can go on from. */
export class DivergenceCheck implements Disposable {
  readonly #weights: WeightCheck;
  readonly #optimizer: Optimizer;

  /** @throws {TypeError} If the optimizer has no parameters. */
  constructor(optimizer: Optimizer) {
    const [first] = optimizer.groups.flatMap(({ parameters }) => parameters);
    if (!first) throw new TypeError("Cannot train: there are no parameters");
    this.#weights = new WeightCheck(first.device);
    this.#optimizer = optimizer;
  }

  /** The answer on the GPU, to be read and given to {@linkcode check}. */
  get answer(): Tensor<"u32"> {
    return this.#weights.answer;
  }

  /** Searches the weights as they are now. */
  look(): void {
    this.#weights.reset();
    this.#optimizer.findDiverged(this.#weights);
  }

  /**
   * Judges an answer that has been read.
   *
   * @param answer The elements of {@linkcode answer}.
   * @param step The number of steps so far, for the message.
   * @throws {RangeError} If a weight that is trained cannot be used.
   */
  check(answer: ArrayLike<number>, step: number): void {
    const found = WeightCheck.parse(answer);
    if (!found) return;
    const parameter = this.#optimizer.parameterOf(found.block);
    // The run does not change frozen weights.
    if (!parameter?.requiresGrad) return;
    throw new RangeError(
      `Cannot use the weights: after step ${step} one of a parameter of shape ` +
        `${formatShape(parameter.shape)} is not finite or beyond 2⁶⁴, so the ` +
        "run has diverged; lower the learning rate or limit the gradients " +
        "with maxGradNorm",
    );
  }

  /** Frees the answer. */
  [Symbol.dispose](): void {
    this.#weights[Symbol.dispose]();
  }
}
