// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// A summary of integers that the host wrote into a block. It is enough to report
// at once, without reading anything back, that an id or a class is out of range.
// The block drops the summary when anything else is written there. Integers that
// the GPU computed are not known; results are NaN where they are out of range.

/** A value, and the index where it occurs first. */
interface Found {
  readonly value: number;
  readonly at: number;
}

/** A check of integers, which throws if they are out of range. */
export type IntegerCheck = (integers: HostIntegers) => void;

/** The two smallest and the two largest of a block's integers, and their number. */
export class HostIntegers {
  /** The number of integers. */
  readonly count: number;
  /** The checks that ran on these integers, if they are {@linkcode observed}. */
  readonly checks: IntegerCheck[] | undefined;
  readonly #ends: readonly Found[];

  /** Looks through the values once, or copies another summary. */
  constructor(
    values: Int32Array | Uint32Array | HostIntegers,
    checks?: IntegerCheck[],
  ) {
    this.checks = checks;
    if (values instanceof HostIntegers) {
      this.count = values.count;
      this.#ends = values.#ends;
      return;
    }
    let low: Found | undefined;
    let lower: Found | undefined;
    let high: Found | undefined;
    let higher: Found | undefined;
    for (let at = 0; at < values.length; at++) {
      const value = values[at] ?? 0;
      if (!(value >= (lower?.value ?? Infinity))) {
        [low, lower] = [lower, { value, at }];
      } else if (
        value !== lower?.value && !(value >= (low?.value ?? Infinity))
      ) {
        low = { value, at };
      }
      if (!(value <= (higher?.value ?? -Infinity))) {
        [high, higher] = [higher, { value, at }];
      } else if (
        value !== higher?.value && !(value <= (high?.value ?? -Infinity))
      ) {
        high = { value, at };
      }
    }
    this.count = values.length;
    this.#ends = [lower, higher, low, high].filter((x) => x !== undefined);
  }

  /**
   * A copy that lists the checks that run on it. The integers of a captured step's
   * input are observed, so that replays can check other integers in the same way.
   */
  observed(): HostIntegers {
    return new HostIntegers(this, []);
  }

  /** An integer outside `[0, limit)` other than `except`, if there is one. */
  outside(limit: number, except?: number): Found | undefined {
    return this.#ends.find(({ value }) =>
      (value < 0 || value >= limit) && value !== except
    );
  }
}

/** The summary of values of an integer type; `undefined` for floats. */
export function integersOf(
  values: ArrayBufferView,
): HostIntegers | undefined {
  return values instanceof Int32Array || values instanceof Uint32Array
    ? new HostIntegers(values)
    : undefined;
}
