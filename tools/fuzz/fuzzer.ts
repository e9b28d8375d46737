// Copyright 2026 the swagpu authors. MIT license.

/**
 * What a fuzzer is: a seeded source of trials, each of which must end in a
 * right result or in a refusal that a user can act on.
 *
 * @module
 */

/** A seeded source of random choices: the same seed gives the same trials. */
export interface Random {
  /** The next number in [0, 1). */
  next(): number;
  /** A whole number in [low, high). */
  integer(low: number, high: number): number;
  /** One of the items. */
  pick<T>(items: readonly T[]): T;
}

/**
 * How a trial ended well: the input was used and the result is right, or it
 * was refused with a message that names the input and the reason.
 */
export type Outcome = "accepted" | "refused";

/** One kind of trial. */
export interface Fuzzer {
  /** What the command line calls it. */
  readonly name: string;
  /** What a trial does, in one sentence. */
  readonly description: string;
  /** Trials of a short run, which takes a few seconds. */
  readonly short: number;
  /** The longest that one trial may take, in seconds, before it counts as hung. */
  readonly limit: number;
  /** Makes what all trials share, such as files or a device. */
  prepare?(): Promise<void>;
  /** Removes what `prepare` made. */
  clean?(): Promise<void>;
  /**
   * Runs one trial.
   *
   * @throws {Finding} If the library got it wrong.
   */
  trial(random: Random): Promise<Outcome>;
}

/** What a trial found: a wrong result, or a message that helps nobody. */
export class Finding extends Error {
  /** The class, for messages. */
  override readonly name = "Finding";
  /** Which kind of fault it is. */
  readonly kind: "wrong result" | "internal message";

  /** Describes the fault with the input that shows it. */
  constructor(kind: Finding["kind"], message: string) {
    super(message);
    this.kind = kind;
  }
}

/** Random choices from a seed (mulberry32). */
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
      if (item === undefined) throw new RangeError("Cannot pick of no items");
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

/** Whether a message is the engine's own and tells the user nothing. */
export function isInternal(error: unknown): boolean {
  return !(error instanceof Error) || INTERNAL.test(error.message);
}
