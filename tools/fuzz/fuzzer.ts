// Copyright 2026 the swagpu authors. MIT license.

/**
 * The interface of a fuzzer: a seeded source of trials, each of which must end with a
 * right result or with an error that helps a user.
 *
 * @module
 */

/** A seeded source of random choices. The same seed gives the same choices. */
export interface Random {
  /** The next number in [0, 1). */
  next(): number;
  /** A whole number in [low, high). */
  integer(low: number, high: number): number;
  /** One of the items. */
  pick<T>(items: readonly T[]): T;
}

/**
 * The good ends of a trial: the input was used and the result is right, or it was
 * refused with a message that names the input and the reason.
 */
export type Outcome = "accepted" | "refused";

/** One kind of trial. */
export interface Fuzzer {
  /** Its name on the command line. */
  readonly name: string;
  /** What a trial does, in one sentence. */
  readonly description: string;
  /** How many trials a short run of a few seconds has. */
  readonly short: number;
  /** The seconds after which a trial counts as hung. */
  readonly limit: number;
  /** Makes the files or the device that all trials share. */
  prepare?(): Promise<void>;
  /** Removes the files that `prepare` made. */
  clean?(): Promise<void>;
  /**
   * Runs one trial.
   *
   * @throws {Finding} If the library has a fault.
   */
  trial(random: Random): Promise<Outcome>;
}

/** A fault that a trial found: a wrong result, or a useless message. */
export class Finding extends Error {
  /** The name of the class. */
  override readonly name = "Finding";
  /** The kind of fault. */
  readonly kind: "wrong result" | "internal message";

  /** Describes the fault with the input that shows it. */
  constructor(kind: Finding["kind"], message: string) {
    super(message);
    this.kind = kind;
  }
}

/** Makes random choices from a seed (mulberry32). */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const integer = (low: number, high: number) =>
    low + Math.floor(next() * (high - low));
  return {
    next,
    integer,
    pick<T>(items: readonly T[]): T {
      const item = items[integer(0, items.length)];
      if (item === undefined) {
        throw new RangeError("Cannot pick from an empty list");
      }
      return item;
    },
  };
}

const INTERNAL = new RegExp([
  "^undefined is not",
  "Cannot read propert",
  "Cannot destructure",
  "is not a function$",
  "is not iterable",
  "is not defined$",
  "Maximum call stack",
  "Invalid array length",
  "Invalid typed array length",
  "Array buffer allocation failed",
  "^Unexpected (token|end|non-whitespace)",
  "Cannot convert undefined",
  "out of bounds$",
  "validation error",
  "\\(os error \\d+\\)$",
].join("|"));

/** Whether a message comes from the JavaScript engine, and does not help a user. */
export function isInternal(error: unknown): boolean {
  return !(error instanceof Error) || INTERNAL.test(error.message);
}
