// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// What recurrent layers ask of their tensors.

import { formatShape, sameShape } from "../shape.ts";
import type { AnyTensor, IntegerTensor, Tensor } from "../tensor.ts";
import { requireFloat } from "./require_float.ts";

/** The tensors of a call. */
interface RecurrentTensors {
  weightIh: Tensor;
  weightHh: Tensor;
  biasIh?: Tensor | undefined;
  biasHh?: Tensor | undefined;
  hidden?: Tensor | undefined;
  cell?: Tensor | undefined;
  lengths?: IntegerTensor | undefined;
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
  options: RecurrentTensors,
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
