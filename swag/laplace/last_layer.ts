// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * The last linear layer of a model, and what goes into it.
 *
 * @module
 */

import { formatShape } from "../../engine/kernel_kit.ts";
import type { Tensor } from "../../engine/mod.ts";
import { Linear, type Module } from "../../nn/mod.ts";
import { logitsOf, type LogitsOutput } from "../runs.ts";

/**
 * The linear layer of a model that comes last in attribute order.
 *
 * @throws {TypeError} If the model has none.
 */
export function lastLinear(model: Module): Linear {
  const layer = [...model.namedModules().values()]
    .findLast((module) => module instanceof Linear);
  if (layer) return layer;
  throw new TypeError(
    "Cannot find the last layer: the model has no Linear",
  );
}

/**
 * Throws unless a layer's weights may be changed without changing anything else.
 *
 * @throws {TypeError} If it is not a plain layer of the model, or its weight is
 * shared or stored as f16.
 */
export function checkLayer(model: Module, layer: Linear): void {
  const refuse = (what: string, wish: string): never => {
    throw new TypeError(`Cannot sample the last layer: ${what}, ${wish}`);
  };
  if (![...model.namedModules().values()].includes(layer)) {
    refuse("the model does not have it", "give one of its modules");
  }
  if (layer.constructor !== Linear) {
    refuse(`it is a ${layer.constructor.name}`, "it must be a plain Linear");
  }
  const { weight, bias } = layer;
  const tied = new Set(model.tiedNames().values());
  for (const [name, parameter] of model.namedParameters()) {
    if (parameter !== weight && parameter !== bias) continue;
    if (tied.has(name)) {
      refuse(`${name} is tied`, "another layer would change with it");
    }
    if (parameter.halves) {
      refuse(`${name} is stored as f16`, "it must be of 32-bit floats");
    }
  }
}

/** What a layer has been given, and what it has made of it. */
export interface LayerRun {
  /** The features, `[rows, in]`. */
  readonly features: Tensor;
  /** The logits, `[rows, out]`. */
  readonly logits: Tensor;
}

/** A call of a layer. */
interface LayerCall {
  readonly x: Tensor;
  readonly y: Tensor;
  /** Whether it has no option that adds something to the product. */
  readonly isPlain: boolean;
}

/**
 * Runs a model on a batch, and finds out what its last layer is given.
 *
 * @param layer The layer.
 * @param forward Runs the model.
 * @throws {TypeError} If the layer is not called exactly once, or its output is not
 * the logits of the model, `[rows, classes]`.
 */
export function runLayer(layer: Linear, forward: () => unknown): LayerRun {
  const { output, calls } = observeLayer(layer, forward);
  const run = layerRunOf(calls, logitsOf(output as LogitsOutput).logits);
  if (run instanceof TypeError) throw run;
  return run;
}

/**
 * Calls a function, and notes when a layer is called meanwhile.
 *
 * @param onCall Called with what the layer is given.
 */
export function observeLayer<T>(
  layer: Linear,
  forward: () => T,
  onCall: (x: Tensor) => void = () => {},
): { output: T; calls: readonly LayerCall[] } {
  const calls: LayerCall[] = [];
  const own = layer.forward;
  // A layer may have a method of its own already, such as one that logs its calls.
  const before = Object.getOwnPropertyDescriptor(layer, "forward");
  layer.forward = (x, options = {}) => {
    onCall(x);
    const y = own.call(layer, x, options);
    calls.push({ x, y, isPlain: !options.activation && !options.residual });
    return y;
  };
  try {
    return { output: forward(), calls };
  } finally {
    // What hides the method of the class, or was there before.
    Reflect.deleteProperty(layer, "forward");
    if (before) Object.defineProperty(layer, "forward", before);
  }
}

/** The single call of a layer that makes the logits, or why there is none. */
export function layerRunOf(
  calls: readonly LayerCall[],
  logits: Tensor,
): LayerRun | TypeError {
  const [call] = calls;
  if (!call || calls.length > 1) {
    return new TypeError(
      `Cannot find the features of the last layer: the model calls it ` +
        `${calls.length} times, it must do so once a batch`,
    );
  }
  const { x, y, isPlain } = call;
  const isSame = y.block === logits.block &&
    y.byteOffset === logits.byteOffset && y.size === logits.size;
  if (!isPlain || !isSame) {
    return new TypeError(
      "Cannot sample the last layer: the model changes its output, the logits " +
        "must be what the layer gives",
    );
  }
  if (x.shape.length !== 2 || logits.shape.length !== 2) {
    return new TypeError(
      `Cannot fit the last layer to logits of shape ${
        formatShape(logits.shape)
      } from features of shape ${
        formatShape(x.shape)
      }: expected [rows, classes] from [rows, features]`,
    );
  }
  return { features: x, logits };
}
