// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// What is remembered of integers that the host wrote into a block: enough to tell
// at once, without reading anything back, that an id or a class is out of range.
// The block forgets it as soon as anything else is written there. Integers that
// the GPU made are not known; out of range, they show as NaN.

/** A value and its first place. */
interface Found {
  readonly value: number;
  readonly at: number;
}

/** A test of integers, which throws. */
export type IntegerCheck = (integers: HostIntegers) => void;

/** The two least and the two largest of a block's integers, and how many. */
export class HostIntegers {
  /** How many there are. */
  readonly count: number;
  /** The tests that they met, of which {@linkcode observed} ones keep a list. */
  readonly checks: IntegerCheck[] | undefined;
  readonly #ends: readonly Found[];

  /** Looks through the values once, or takes over what another found. */
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

  /** The same for an input of a captured step, whose replays bring others. */
  observed(): HostIntegers {
    return new HostIntegers(this, []);
  }

  /** One that is outside `[0, limit)` and not `except`, if there is any. */
  outside(limit: number, except?: number): Found | undefined {
    return this.#ends.find(({ value }) =>
      (value < 0 || value >= limit) && value !== except
    );
  }
}

/** Summarizes values of an integer type; floats have no summary. */
export function integersOf(
  values: ArrayBufferView,
): HostIntegers | undefined {
  return values instanceof Int32Array || values instanceof Uint32Array
    ? new HostIntegers(values)
    : undefined;
}
