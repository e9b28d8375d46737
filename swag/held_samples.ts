// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Calls during which a model holds a sample instead of its own weights. Calls may
 * be nested, and may wait for promises; a model's weights are written back in the
 * reverse order of the calls.
 *
 * @module
 */

import { isThenable } from "../engine/kernel_kit.ts";
import type { Module } from "../nn/mod.ts";

/** A call that has not ended. */
interface Hold {
  /** Whether the call waits for a promise. */
  isWaiting: boolean;
  /** Whether the call is over, except for writing back the weights. */
  isDone: boolean;
  /** Writes back the weights from before the call. */
  readonly restore: () => void;
}

/** For each model the calls that have not ended, the outermost first. */
const HOLDS = new WeakMap<Module, Hold[]>();

/**
 * Runs a function that overwrites a model's weights, and then restores them. If
 * the function returns a promise, they are restored when it settles.
 *
 * @param model The model.
 * @param run The function.
 * @param restore Writes back the weights from before the call.
 * @returns What the function returns; a promise that rejects with a `TypeError`
 * if another call for the same model already waits for a promise.
 */
export function holdSample<T>(
  model: Module,
  run: () => T,
  restore: () => void,
): T {
  const holds = holdsOf(model);
  const hold: Hold = { isWaiting: false, isDone: false, restore };
  holds.push(hold);
  let result: T;
  try {
    result = run();
  } catch (error) {
    end(holds, hold);
    throw error;
  }
  if (!isThenable(result)) {
    end(holds, hold);
    return result;
  }
  const promise = Promise.resolve(result);
  const around = holds.slice(0, holds.indexOf(hold));
  if (around.some(({ isWaiting }) => isWaiting)) {
    promise.catch(() => {}); // The error below is reported instead of its own.
    end(holds, hold);
    return Promise.reject(
      new TypeError(
        "Cannot hold a sample during another asynchronous withSample(): the " +
          "model has room for one set of weights, await the first call before",
      ),
    ) as T;
  }
  hold.isWaiting = true;
  return promise.finally(() => end(holds, hold)) as T;
}

/**
 * Throws if a call for a model waits for a promise, so that its weights must stay.
 *
 * @throws {TypeError} If that is so.
 */
export function refuseHeld(action: string, model: Module): void {
  if (!holdsOf(model).some(({ isWaiting }) => isWaiting)) return;
  throw new TypeError(
    `Cannot ${action}: the model holds a sample for another asynchronous call, ` +
      "await that call before",
  );
}

function holdsOf(model: Module): Hold[] {
  let holds = HOLDS.get(model);
  if (!holds) HOLDS.set(model, holds = []);
  return holds;
}

/** Ends a call. Its weights are restored once all calls inside it have ended. */
function end(holds: Hold[], hold: Hold): void {
  hold.isDone = true;
  for (let last = holds.at(-1); last?.isDone; last = holds.at(-1)) {
    holds.pop();
    last.restore();
  }
}
