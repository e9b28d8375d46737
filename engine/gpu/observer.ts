// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// How a step that is captured learns what its code does: stream, pool, tape
// and generators tell the observer, if there is one. See capture/capture.ts.

import { refusePromise } from "../asynchronous.ts";
import type { Pipeline } from "./pipeline.ts";
import type { Binding, Block } from "./block.ts";

/**
 * A kernel's parameter whose value is read when it is dispatched, and anew at
 * every replay of a captured step. {@linkcode onReplay} sets it.
 */
export class ReplayParam {
  /** The value now. */
  value: number;

  /**
   * Starts with a value.
   *
   * @param value The value. @default {0}
   */
  constructor(value = 0) {
    this.value = value;
  }
}

/** The value of a kernel's parameter. */
export type Param = number | ReplayParam;

/** What an observer knows of a tensor that the tape starts from. */
export interface Leaf {
  readonly block: Block;
  readonly requiresGrad: boolean;
}

/** What is told of everything that happens while a step is captured. */
export interface Observer {
  /** Rises with every recording. */
  readonly id: number;
  dispatch(
    device: object,
    name: string,
    pipeline: Pipeline,
    bindings: readonly Binding[],
    params: Readonly<Record<string, Param>>,
    groups: readonly [number, number, number],
  ): void;
  copy(device: object, source: Binding, target: Binding, bytes: number): void;
  clear(device: object, block: Block, offset: number, bytes: number): void;
  /** Tells whether the observer has taken the values, so that none go up. */
  upload(
    device: object,
    block: Block,
    offset: number,
    values: ArrayBufferView<ArrayBuffer>,
  ): boolean;
  /** Throws: nothing can be read while a step is captured. */
  read(): void;
  acquire(block: Block): void;
  release(block: Block): void;
  onReplay(action: () => void): void;
  dependsOn(test: () => boolean, name: string | undefined): void;
  usesLeaf(x: Leaf): void;
  preventReplay(reason: string): void;
}

let current: Observer | undefined;

/** Who is told of what happens now. */
export function observer(): Observer | undefined {
  return current;
}

/** Runs a function while an observer is told of what happens. */
export function observe<T>(by: Observer, run: () => T): T {
  const before = current;
  current = by;
  try {
    return run();
  } finally {
    current = before;
  }
}

/**
 * Does something on the host now and, if a step is being captured, again at
 * every replay: actions come first, in order, then the GPU's work.
 *
 * An action may count, set {@linkcode ReplayParam} parameters and `write()` tensors;
 * it must not run ops.
 *
 * @throws {TypeError} If the action is asynchronous.
 *
 * @example A step count that replays go on with
 * ```ts
 * import { add, capture, initialize, onReplay } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * let steps = 0;
 * using step = capture(({ x }) => {
 *   onReplay(() => void steps++);
 *   return { y: add(x, 1) };
 * });
 * for (let i = 0; i < 10; i++) step({ x: Float32Array.of(i) });
 * assertEquals(steps, 10);
 * ```
 */
export function onReplay(action: () => void): void {
  const act = () =>
    refusePromise(
      action() as unknown,
      "Cannot repeat an asynchronous function in onReplay(): nothing would wait for it",
    );
  if (current) current.onReplay(act);
  else act();
}

/**
 * Says, while a step is captured, what of the host it depends on: once the test
 * fails, the step is recorded anew instead of replayed. A test is run before
 * every replay, so it should be quick.
 *
 * @param name What the test is about, where many would be alike: the first of
 * that name counts.
 */
export function dependsOn(test: () => boolean, name?: string): void {
  current?.dependsOn(test, name);
}

/** Says that the step being captured must not be replayed, and why. */
export function preventReplay(reason: string): void {
  current?.preventReplay(reason);
}
