// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// A derivative may read the inputs or the result of its op. If one of them was
// overwritten after the op ran, the gradient would be wrong. So one clock
// counts nodes of the tape and changes in place, and a derivative throws when
// it reads a tensor that was changed after the node was recorded: an input, the
// result, labels, a mask. Tensors that it does not read may change: the
// derivative of a sum needs no summand.

import { formatShape, type Shape } from "./shape.ts";

/**
 * A tensor, as far as changes are concerned: its memory, and when that changed.
 */
export interface Versioned {
  /** The lengths of the axes, for messages. */
  readonly shape: Shape;
  /** The tensor that this one is a view of, if it is one. */
  readonly base: Versioned | undefined;
  /** The time at which the elements were last overwritten. */
  changedAt: number;
}

let clock = 0;

/**
 * Advances the clock that counts nodes of the tape and changes in place.
 *
 * @returns The time of this event, larger than all before.
 *
 * @example Usage
 * ```ts
 * import { tick } from "@swagpu/swagpu/engine/kernels";
 * import { assert } from "@std/assert";
 *
 * assert(tick() < tick());
 * ```
 */
export function tick(): number {
  return ++clock;
}

/**
 * Notes that a tensor's elements are overwritten. Code that writes over an
 * existing tensor calls this, so that derivatives which need the old elements
 * throw.
 *
 * @param x The tensor; a view notes it for the tensor whose memory it shares.
 *
 * @example Usage
 * ```ts
 * import { backward, initialize, mul, sum, tensor } from "@swagpu/swagpu/engine";
 * import { touch } from "@swagpu/swagpu/engine/kernels";
 * import { assertThrows } from "@std/assert";
 *
 * await initialize();
 * const x = tensor([1, 2], { requiresGrad: true });
 * const y = sum(mul(x, x));
 * touch(x);
 * assertThrows(() => backward(y), TypeError, "modified by an in-place operation");
 * ```
 */
export function touch(x: Versioned): void {
  (x.base ?? x).changedAt = ++clock;
}

/**
 * A derivative, and the time in which the tensors that it reads must not
 * change.
 */
interface Derivation {
  /** The time at which its node was recorded. */
  readonly recordedAt: number;
  /**
   * The time at which the backward pass began, which makes later changes
   * itself.
   */
  readonly startedAt: number;
  /** Gradients that it reads and adds to: they may have been written before. */
  readonly gradients: readonly (Versioned | undefined)[];
}

/** The derivative that is running, if one is. */
let running: Derivation | undefined;

/**
 * Checks that the derivative that is running, if one is, may read a tensor: it
 * must not have been overwritten since the op ran.
 *
 * @throws {TypeError} If it was overwritten.
 */
export function checkUnchanged(x: Versioned): void {
  if (running === undefined) return;
  const { recordedAt, startedAt, gradients } = running;
  const base = x.base ?? x;
  if (base.changedAt <= recordedAt || base.changedAt > startedAt) return;
  if (gradients.some((own) => own && (own.base ?? own) === base)) return;
  throw new TypeError(
    `Cannot go backward: a tensor of shape ${formatShape(x.shape)} that the ` +
      "derivative needs was modified by an in-place operation after it was " +
      "used, such as an optimizer's step, write() or a sample of a posterior: " +
      "go backward before that, or compute the loss again",
  );
}

/** Runs a derivative, and checks the tensors that it reads. */
export function derive<T>(derivation: Derivation, run: () => T): T {
  const outer = running;
  running = derivation;
  try {
    return run();
  } finally {
    running = outer;
  }
}
