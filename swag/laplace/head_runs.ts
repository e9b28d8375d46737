// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Runs a model on one batch with several samples of its last layer: the whole model
// once, and then the layer alone, where that gives the same logits.

import { allocate, copyInto, persist } from "../../engine/kernel_kit.ts";
import { defaultGenerator, type Tensor } from "../../engine/mod.ts";
import type { Linear, Module } from "../../nn/mod.ts";
import {
  type BatchRuns,
  logitsOf,
  type LogitsOutput,
  type SpanOutput,
} from "../runs.ts";
import { layerRunOf, observeLayer } from "./last_layer.ts";

/** The result of a model. */
type Output = LogitsOutput | SpanOutput;

/**
 * Runs a model on a batch. The features of the layer are those of the first run; the
 * whole model runs each time if the layer's output is not the logits, the model is in
 * training mode, or it draws random numbers.
 */
export class HeadRuns implements BatchRuns {
  readonly #base: Module;
  readonly #layer: Linear;
  readonly #forward: () => Output;
  #features: Tensor | undefined;
  #isWhole = false;

  constructor(base: Module, layer: Linear, forward: () => Output) {
    this.#base = base;
    this.#layer = layer;
    this.#forward = forward;
  }

  /** Runs the model with the weights that it has now. */
  run(): Output {
    if (this.#features) return this.#layer.forward(this.#features);
    if (this.#isWhole) return this.#forward();
    this.#isWhole = this.#base.training;
    if (this.#isWhole) return this.#forward();
    const generator = defaultGenerator();
    const { position } = generator;
    const copies: Tensor[] = [];
    try {
      const { output, calls } = observeLayer(
        this.#layer,
        this.#forward,
        // A copy, because the model may free or overwrite what it gives its layer.
        (x) => copies.push(copyOf(x)),
      );
      const run = layerRunOf(calls, logitsOf(output).logits);
      this.#isWhole = run instanceof TypeError ||
        generator.position !== position;
      if (!this.#isWhole) this.#features = copies.shift();
      return output;
    } finally {
      for (const x of copies) x.dispose();
    }
  }

  /** Frees the features. */
  [Symbol.dispose](): void {
    this.#features?.dispose();
  }
}

function copyOf(x: Tensor): Tensor {
  const copy = persist(allocate(x.device, x.shape));
  copyInto(copy, x);
  return copy;
}
