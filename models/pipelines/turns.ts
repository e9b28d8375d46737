// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Turns of pipelines that write with the same model: while one has samples of the
// weights in it, no other may run.

/** The calls that use a model now, or wait for it. */
interface Turns {
  /** The last call that must be alone. */
  alone: Promise<unknown>;
  /** The calls after that, which may run at the same time. */
  readonly shared: Set<Promise<unknown>>;
}

const TURNS = new WeakMap<object, Turns>();

function turnsOf(model: object): Turns {
  let turns = TURNS.get(model);
  if (!turns) {
    turns = { alone: Promise.resolve(), shared: new Set() };
    TURNS.set(model, turns);
  }
  return turns;
}

/** Runs when all calls before have ended; those after wait for it. */
export function alone<T>(model: object, run: () => Promise<T>): Promise<T> {
  const turns = turnsOf(model);
  const own = Promise.all([turns.alone, ...turns.shared]).then(run);
  turns.alone = own.catch(() => {});
  turns.shared.clear();
  return own;
}

/** Runs when no call is left that must be {@linkcode alone}. */
export function shared<T>(model: object, run: () => Promise<T>): Promise<T> {
  const turns = turnsOf(model);
  const own = turns.alone.then(run);
  const end = own.catch(() => {}).finally(() => turns.shared.delete(end));
  turns.shared.add(end);
  return own;
}
