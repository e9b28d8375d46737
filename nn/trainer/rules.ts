// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// What the value of an argument must be.

/** What a value must be; `type` is that of JavaScript. */
export interface Rule {
  readonly type: "number" | "string" | "boolean" | "object";
  /** What is wished for, to end an error's message. */
  readonly wish: string;
  accepts(value: unknown): boolean;
}

/** A number, by what is wished for. */
export const number = (
  wish: string,
  accepts: (x: number) => boolean,
): Rule => ({
  type: "number",
  wish,
  accepts: (value) => accepts(value as number),
});

/** A whole number from the least one on. */
export const whole = (least: number): Rule =>
  number(
    `a whole number of at least ${least}`,
    (x) => Number.isSafeInteger(x) && x >= least,
  );

/** One of some texts. */
export const oneOf = (...values: string[]): Rule => ({
  type: "string",
  wish: `one of ${values.map((x) => `"${x}"`).join(", ")}`,
  accepts: (value) => values.includes(value as string),
});

/** Yes or no. */
export const BOOLEAN: Rule = { type: "boolean", wish: "", accepts: () => true };

/** A text. */
export const TEXT: Rule = {
  type: "string",
  wish: "a text that is not empty",
  accepts: (value) => value !== "",
};

/** A number from 0 on. */
export const NOT_NEGATIVE = number(
  "a finite number of at least 0",
  (x) => x >= 0 && x < Infinity,
);

/** A share. */
export const SHARE = number("in [0, 1]", (x) => x >= 0 && x <= 1);

/** A share below 1. */
export const BELOW_ONE = number("in [0, 1)", (x) => x >= 0 && x < 1);

/** A number of steps, or a share of them. */
export const STEPS = number(
  "a whole number of at least 1, or a share of the steps between 0 and 1",
  (x) => x > 0 && (x < 1 || Number.isSafeInteger(x)),
);

/** The seed of a generator. */
export const SEED = number(
  "a whole number between 0 and 2³² - 1",
  (x) => Number.isSafeInteger(x) && x >= 0 && x < 2 ** 32,
);

/**
 * Checks a value; `undefined` counts as absent.
 *
 * @throws {TypeError} If it is of another type.
 * @throws {RangeError} If it is out of range.
 */
export function checkValue(name: string, value: unknown, rule: Rule): void {
  if (value === undefined) return;
  if (typeof value !== rule.type || value === null) {
    throw new TypeError(
      `Cannot train with ${name} ${String(value)}: it must be of the type ` +
        rule.type,
    );
  }
  if (!rule.accepts(value)) {
    throw new RangeError(
      `Cannot train with ${name} ${
        typeof value === "number" ? value : JSON.stringify(value)
      }: it must be ${rule.wish}`,
    );
  }
}
