// Copyright 2026 the swagpu authors. MIT license.

/**
 * Checks that training did not diverge, before its result replaces older files.
 *
 * @module
 */

import { readAll } from "../engine/mod.ts";
import type { Module } from "../nn/mod.ts";
import { NotFiniteError } from "./not_finite.ts";

/** A training that diverged, as some seeds do and others do not. */
export class DivergedError extends RangeError {
  override name = "DivergedError";
}

/** How many bytes of weights are read at a time. */
const BYTES_AT_A_TIME = 2 ** 27;

/**
 * Checks the last weights: they must be finite numbers, and give finite scores. The
 * loss of the last step does not show it, because it is computed before the weights
 * change.
 *
 * @param model The model.
 * @param tryIt Computes scores of a few rows; a NotFiniteError says that they are bad.
 * @throws {RangeError} If they are not finite; the message says what to do.
 */
export async function checkTrained(
  model: Module,
  tryIt: () => Promise<unknown>,
): Promise<void> {
  const refuse = (what: string): never => {
    throw new DivergedError(
      `Cannot save the model: ${what} after the last step; lower the ` +
        "learning rate. Nothing was saved",
    );
  };
  const parameters = [...model.namedParameters()];
  for (let i = 0; i < parameters.length;) {
    const some: typeof parameters = [];
    for (let bytes = 0; i < parameters.length; i++) {
      const next = parameters[i];
      if (!next || (some.length > 0 && bytes > BYTES_AT_A_TIME)) break;
      bytes += next[1].bytes;
      some.push(next);
    }
    const values = await readAll(some.map(([, parameter]) => parameter));
    const bad = values.findIndex((own) => !isFiniteList(own));
    if (bad >= 0) refuse(`${some[bad]?.[0]} is not finite`);
  }
  try {
    await tryIt();
  } catch (error) {
    if (!(error instanceof NotFiniteError)) throw error;
    refuse("the scores are not finite");
  }
}

function isFiniteList(values: ArrayLike<number>): boolean {
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? 0;
    // Only for NaN and the infinities is this difference not 0.
    if (value - value !== 0) return false;
  }
  return true;
}
