// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// A derivative may read what its op took or gave. If that was overwritten since,
// the gradient would be one of no function at all. So nodes of the tape and
// changes in place are counted by one clock, and a derivative that reads a tensor
// changed after its node was recorded throws: an input, the result, labels, a mask.
// What it does not read may change: the derivative of a sum needs no summand.

import { formatShape, type Shape } from "./shape.ts";

/** What is known here of a tensor: whose memory it has, and when that changed. */
export interface Versioned {
  readonly shape: Shape;
  /** The tensor that it is a view of, if it is one. */
  readonly base: Versioned | undefined;
  /** When the elements were last overwritten. */
  changedAt: number;
}

let clock = 0;

/** The number of the next event. */
export function tick(): number {
  return ++clock;
}

/** Notes that a tensor's elements were overwritten, also by another view. */
export function touch(x: Versioned): void {
  (x.base ?? x).changedAt = ++clock;
}

/** A derivative, and when what it reads must not have changed. */
interface Derivation {
  /** When its node was recorded. */
  readonly recordedAt: number;
  /** When the pass backward began: what is overwritten later, it writes itself. */
  readonly startedAt: number;
  /** Gradients that it takes and adds to, which may have been written before. */
  readonly gradients: readonly (Versioned | undefined)[];
}

/** The derivative under way. */
let underWay: Derivation | undefined;

/**
 * Throws if the derivative under way reads a tensor that was overwritten since:
 * an input, the result, or what else its op took, such as labels and indices.
 */
export function checkUnchanged(x: Versioned): void {
  if (underWay === undefined) return;
  const { recordedAt, startedAt, gradients } = underWay;
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

/** Runs a derivative; what it reads must be what its op took and gave. */
export function derive<T>(derivation: Derivation, run: () => T): T {
  const outer = underWay;
  underWay = derivation;
  try {
    return run();
  } finally {
    underWay = outer;
  }
}
