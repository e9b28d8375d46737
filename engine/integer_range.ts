// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Ids and classes out of range, found where they enter an op, as far as the host
// knows them; see host_integers.ts.

import { HostIntegers } from "./gpu/host_integers.ts";
import { observer } from "./gpu/observer.ts";
import { formatShape, type Shape } from "./shape.ts";
import type { AnyTensor } from "./tensor.ts";

/** Which integers a tensor may hold. */
export interface IntegerRange {
  /** One more than the largest; the least is 0. */
  limit: number;
  /**
   * One more that may occur.
   *
   * @default {none}
   */
  except?: number;
  /** The message, of a value and its place such as `[0, 3]`. */
  message(value: number, place: string): string;
}

/**
 * Throws if the host wrote an integer out of range into a tensor. In a captured
 * step whose input it is, replays test theirs.
 *
 * @throws {RangeError} If there is one.
 */
export function checkIntegers(x: AnyTensor, range: IntegerRange): void {
  const integers = knownIntegers(x);
  if (!integers) return;
  const { shape } = x;
  const check = (integers: HostIntegers) => {
    const found = integers.outside(range.limit, range.except);
    if (!found) return;
    throw new RangeError(range.message(found.value, placeOf(found.at, shape)));
  };
  check(integers);
  if (observer()) integers.checks?.push(check);
}

/** What is known of a tensor's integers. */
export function knownIntegers(x: AnyTensor): HostIntegers | undefined {
  const { integers } = x.block;
  return integers instanceof HostIntegers && integers.count === x.size &&
      x.byteOffset === 0 && x.dtype !== "f32"
    ? integers
    : undefined;
}

/** The indices of a flat place. */
function placeOf(at: number, shape: Shape): string {
  const indices: number[] = [];
  let rest = at;
  for (const length of shape.toReversed()) {
    indices.unshift(rest % length);
    rest = Math.floor(rest / length);
  }
  return formatShape(indices);
}
