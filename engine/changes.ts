// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// A derivative may read what its op took or gave. If that was overwritten since,
// the gradient would be one of no function at all. So nodes of the tape and
// changes in place are counted by one clock, and a derivative that reads a tensor
// changed after its node was recorded throws. What it does not read may change:
// the derivative of a sum needs no summand.

import { formatShape } from "./shape.ts";
import type { Tensor } from "./tensor.ts";

let clock = 0;

/** The number of the next event. */
export function tick(): number {
  return ++clock;
}

/** Notes that a tensor's elements were overwritten, also by another view. */
export function touch(x: Tensor): void {
  (x.base ?? x).changedAt = ++clock;
}

/** Tensors that the derivative under way must not read. */
let overwritten: ReadonlySet<Tensor> | undefined;

/** Throws if a tensor was overwritten that the derivative under way reads. */
export function checkUnchanged(x: Tensor): void {
  if (overwritten === undefined || !overwritten.has(x.base ?? x)) return;
  throw new TypeError(
    `Cannot go backward: a tensor of shape ${formatShape(x.shape)} that the ` +
      "derivative needs was modified by an in-place operation after it was " +
      "used, such as an optimizer's step, write() or a sample of a posterior: " +
      "go backward before that, or compute the loss again",
  );
}

/** Runs the derivative of a node that was recorded at a time. */
export function derive<T>(
  order: number,
  [y, inputs]: readonly [Tensor, readonly Tensor[]],
  run: () => T,
): T {
  let changed: Set<Tensor> | undefined;
  const look = (x: Tensor) => {
    const base = x.base ?? x;
    if (base.changedAt > order) (changed ??= new Set()).add(base);
  };
  look(y);
  inputs.forEach(look);
  if (!changed) return run();
  overwritten = changed;
  try {
    return run();
  } finally {
    overwritten = undefined;
  }
}
