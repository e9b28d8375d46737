// Copyright 2026 the swagpu authors. MIT license.

/**
 * Whether a training came to something, before it is saved over what was there.
 *
 * @module
 */

import { readAll } from "../engine/mod.ts";
import { type Classifier, NotFiniteError, scoresOf } from "./classifier.ts";
import type { Texts } from "./texts.ts";

/** Texts that are scored with the last weights. */
const TRIALS = 32;

/** Bytes of weights that are read at a time. */
const BYTES_AT_A_TIME = 2 ** 27;

/**
 * Checks the last weights: they must be finite numbers, and give finite scores.
 * A loss is computed before its step, so that of the last step says nothing
 * about the weights that it leaves.
 *
 * @throws {RangeError} If they are not; the message says what to do.
 */
export async function checkTrained(
  { model }: Classifier,
  texts: Texts,
): Promise<void> {
  const refuse = (what: string): never => {
    throw new RangeError(
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
  const rows = Math.min(TRIALS, texts.count);
  try {
    await scoresOf(model, texts, { batchSize: rows, rows });
  } catch (error) {
    if (!(error instanceof NotFiniteError)) throw error;
    refuse("the scores are not finite");
  }
}

function isFiniteList(values: ArrayLike<number>): boolean {
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? 0;
    // NaN and the infinities alone differ from themselves by what is not 0.
    if (value - value !== 0) return false;
  }
  return true;
}
