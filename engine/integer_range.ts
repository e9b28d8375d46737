// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Ops that take ids or classes check that they are in range, as far as the host
// knows their values; see gpu/host_integers.ts.

import { HostIntegers } from "./gpu/host_integers.ts";
import { observer } from "./gpu/observer.ts";
import { formatShape, type Shape } from "./shape.ts";
import type { AnyTensor } from "./tensor.ts";

/** The integers that a tensor may hold. */
export interface IntegerRange {
  /** One more than the largest integer; the least is 0. */
  limit: number;
  /**
   * An integer that is allowed besides, such as the class to ignore.
   *
   * @default {none}
   */
  except?: number;
  /** Gives the error message for a value and its index, such as `[0, 3]`. */
  message(value: number, index: string): string;
}

/**
 * Checks that the host wrote no integer out of range into a tensor. If the
 * tensor is an input of a captured step, each replay checks its input, too.
 *
 * @throws {RangeError} If an integer is out of range.
 */
export function checkIntegers(x: AnyTensor, range: IntegerRange): void {
  const integers = knownIntegers(x);
  if (!integers) return;
  const { shape } = x;
  const check = (integers: HostIntegers) => {
    const found = integers.outside(range.limit, range.except);
    if (!found) return;
    throw new RangeError(range.message(found.value, indexOf(found.at, shape)));
  };
  check(integers);
  if (observer()) integers.checks?.push(check);
}

/** The values of a tensor's integers, if the host knows them. */
export function knownIntegers(x: AnyTensor): HostIntegers | undefined {
  const { integers } = x.block;
  return integers instanceof HostIntegers && integers.count === x.size &&
      x.byteOffset === 0 && x.dtype !== "f32"
    ? integers
    : undefined;
}

/** The indices of an element from its place in row-major order. */
function indexOf(at: number, shape: Shape): string {
  const indices: number[] = [];
  let rest = at;
  for (const length of shape.toReversed()) {
    indices.unshift(rest % length);
    rest = Math.floor(rest / length);
  }
  return formatShape(indices);
}
