// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The loss of a Trainer: the model's own, a cross-entropy with weights, soft
// targets or smoothing, or the user's.

import { persist } from "../../engine/kernel_kit.ts";
import {
  type AnyTensor,
  crossEntropy,
  hasDType,
  reshape,
  type Tensor,
  tensor,
} from "../../engine/mod.ts";
import type { Module } from "../module.ts";
import type { StepLoss } from "../train_options.ts";

/** A module whose `forward` takes the inputs of a step as one object. */
export interface TrainableModel extends Module {
  /** Computes the outputs, with a `loss` if labels are among the inputs. */
  // deno-lint-ignore no-explicit-any -- inputs differ from model to model
  forward(inputs: any): StepLoss;
}

/** How to compute the loss. */
export interface LossOptions {
  /** The user's own function. */
  computeLoss:
    | ((inputs: never, model: never) => StepLoss)
    | undefined;
  classWeights: ArrayLike<number> | undefined;
  softTargets: boolean;
  labelSmoothing: number;
}

/** Computes losses; free it when they have been computed. */
export class LossFunction implements Disposable {
  /** A factor for each class, if there are some. */
  readonly classWeights: ArrayLike<number> | undefined;
  readonly #model: TrainableModel;
  readonly #options: LossOptions;
  #weight: Tensor | undefined;

  constructor(model: TrainableModel, options: LossOptions) {
    this.#model = model;
    this.#options = options;
    const { classWeights } = options;
    this.classWeights = classWeights;
    if (classWeights) {
      this.#weight = persist(tensor(Float32Array.from(classWeights)));
    }
  }

  /** Computes the output of inputs with its loss. */
  compute(inputs: object): StepLoss {
    const { computeLoss, softTargets, labelSmoothing } = this.#options;
    const model = this.#model;
    if (computeLoss) return computeLoss(inputs as never, model as never);
    if (!this.#weight && !softTargets && labelSmoothing === 0) {
      return model.forward(inputs);
    }
    const { labels, ...others } = inputs as { labels?: AnyTensor };
    if (!labels) {
      throw new TypeError(
        "Cannot compute the cross-entropy: the inputs have no labels",
      );
    }
    // A model would take distributions for independent classes. Other labels it
    // may need, to make the input of a decoder.
    const output = model.forward(softTargets ? others : inputs);
    const { logits } = output as { logits?: Tensor };
    if (!logits) {
      throw new TypeError(
        "Cannot compute the cross-entropy: the model's output has no logits",
      );
    }
    const target = fitted(labels, logits, softTargets);
    const loss = crossEntropy(logits, target, {
      labelSmoothing,
      ...(this.#weight ? { weight: this.#weight } : {}),
    });
    return { loss, logits } as StepLoss;
  }

  /** Frees the class weights. */
  [Symbol.dispose](): void {
    this.#weight?.dispose();
  }
}

/** Labels in the shape that the cross-entropy takes. */
function fitted(
  labels: AnyTensor,
  logits: Tensor,
  softTargets: boolean,
): AnyTensor {
  if (softTargets !== hasDType(labels, "f32")) {
    throw new TypeError(
      `Cannot compute the cross-entropy with labels of ${labels.dtype}: ` +
        (softTargets
          ? "soft targets are probabilities of each class, of f32"
          : "they must be classes, integers; softTargets takes probabilities"),
    );
  }
  const classes = logits.shape.slice(0, -1);
  const rows = classes.reduce((product, length) => product * length, 1);
  return !softTargets && labels.size === rows
    ? reshape(labels, classes)
    : labels;
}
