// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The options of recurrent layers, their results, and what is asked of tensors.

import { formatShape, sameShape } from "../shape.ts";
import type { AnyTensor, IntegerTensor, Tensor } from "../tensor.ts";
import { requireFloat } from "./require_float.ts";

/** Options of `gru`, where `G` is 3, and the common ones of others. */
export interface RecurrentOptions {
  /** The weight of the inputs, `[G·H, in]`. */
  weightIh: Tensor;
  /** The weight of the state, `[G·H, H]`. */
  weightHh: Tensor;
  /** The bias of the inputs, `[G·H]`. @default {none} */
  biasIh?: Tensor | undefined;
  /** The bias of the state, `[G·H]`. @default {none} */
  biasHh?: Tensor | undefined;
  /** The state before the first step, `[batch, H]`. @default {zeros} */
  hidden?: Tensor | undefined;
  /**
   * How many times each text has, `[batch]`. After its end a text keeps its
   * state, and its output is 0.
   *
   * @default {all times}
   */
  lengths?: IntegerTensor | undefined;
  /**
   * Whether to go from the last time to the first. With lengths, each text
   * starts at its own end.
   *
   * @default {false}
   */
  reverse?: boolean | undefined;
}

/** Options of `lstm`, where `G` is 4. */
export interface LstmOptions extends RecurrentOptions {
  /** The cell before the first step, `[batch, H]`. @default {zeros} */
  cell?: Tensor | undefined;
}

/** The results of `gru`. */
export interface GruResult {
  /** The state after each time, `[times, batch, H]`. */
  output: Tensor;
  /** The state after the last step, `[batch, H]`. */
  hidden: Tensor;
}

/** The results of `lstm`. */
export interface LstmResult extends GruResult {
  /** The cell after the last step, `[batch, H]`. */
  cell: Tensor;
}

/** The sizes of a call. */
export interface RecurrentSizes {
  times: number;
  batch: number;
  /** How many units the state has. */
  width: number;
}

/**
 * Checks shapes and types of a recurrent layer's tensors.
 *
 * @throws {TypeError} If some do not fit.
 */
export function checkRecurrent(
  { name, gates }: { name: string; gates: number },
  x: Tensor,
  options: LstmOptions,
): RecurrentSizes {
  const [times = 0, batch = 0, features = 0] = x.shape;
  const { weightIh, weightHh, lengths, ...others } = options;
  const [, width = 0] = weightHh.shape;
  if (x.shape.length !== 3) {
    throw new TypeError(
      `Cannot run ${name} over ${formatShape(x.shape)}: ` +
        "expected [times, batch, features]",
    );
  }
  const rows = gates * width;
  const expected: [string, AnyTensor | undefined, number[]][] = [
    ["weightHh", weightHh, [rows, width]],
    ["weightIh", weightIh, [rows, features]],
    ["biasIh", others.biasIh, [rows]],
    ["biasHh", others.biasHh, [rows]],
    ["hidden", others.hidden, [batch, width]],
    ["cell", others.cell, [batch, width]],
    ["lengths", lengths, [batch]],
  ];
  for (const [label, value, shape] of expected) {
    if (!value) continue;
    if (!sameShape(value.shape, shape)) {
      throw new TypeError(
        `Cannot run ${name} over ${formatShape(x.shape)} with ${label} of ` +
          `${formatShape(value.shape)}: expected ${formatShape(shape)}`,
      );
    }
    if (label !== "lengths") requireFloat(`run ${name} with`, value, label);
    else if (value.dtype === "f32") {
      throw new TypeError(
        `Cannot run ${name} with lengths of f32: expected integers`,
      );
    }
  }
  requireFloat(`run ${name} over`, x);
  return { times, batch, width };
}
