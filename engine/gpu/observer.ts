// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// How a captured step learns what its code does. While it is recorded or
// replayed there is an observer, and stream, pool, tape and generators call its
// methods. The functions that user code calls inside a step are here as well. See
// capture/capture.ts.

import { refusePromise } from "../asynchronous.ts";
import type { Pipeline } from "./pipeline.ts";
import type { Binding, Block } from "./block.ts";
import type { ReplicaWord } from "./replication.ts";

/**
 * A parameter of a kernel whose value is read at every dispatch, and again at
 * every replay of a captured step. An action given to {@linkcode onReplay} sets
 * it.
 *
 * @example A factor that grows with every call
 * ```ts
 * import { capture, initialize, type Tensor } from "@swagpu/swagpu/engine";
 * import {
 *   allocate,
 *   defineKernel,
 *   launch,
 *   onReplay,
 *   ReplayParam,
 * } from "@swagpu/swagpu/engine/kernels";
 * import { assertEquals } from "@std/assert";
 *
 * const SCALE = defineKernel({
 *   name: "scale",
 *   wgsl: `
 *     struct Params { factor: f32 }
 *     @group(0) @binding(0) var<storage, read> x: array<f32>;
 *     @group(0) @binding(1) var<storage, read_write> y: array<f32>;
 *     @group(0) @binding(2) var<uniform> params: Params;
 *     @compute @workgroup_size(1) fn main() { y[0] = params.factor * x[0]; }`,
 * });
 * const device = await initialize();
 * const factor = new ReplayParam();
 * using step = capture(({ x }: { x: Tensor }) => {
 *   onReplay(() => void factor.value++);
 *   const y = allocate(device, [1]);
 *   launch(device, SCALE, { bind: [x, y], params: { factor }, groups: [1] });
 *   return y;
 * });
 * for (let i = 1; i < 6; i++) {
 *   assertEquals(await step({ x: Float32Array.of(10) }).item(), 10 * i);
 * }
 * ```
 */
export class ReplayParam {
  /** The value that the next dispatch or replay reads. */
  value: number;

  /**
   * Starts with a value.
   *
   * @param value The first value, 0 by default.
   */
  constructor(value = 0) {
    this.value = value;
  }
}

/** A parameter of a dispatch: a number, or one that replays read again. */
export type PlainParam = number | ReplayParam;

/** A parameter of a kernel; a {@linkcode ReplicaWord} differs between replicas. */
export type Param = PlainParam | ReplicaWord;

/** A tensor that no recorded op made, as an observer sees it. */
export interface Leaf {
  readonly block: Block;
  readonly requiresGrad: boolean;
}

/** Notes what happens while a step is recorded or replayed. */
export interface Observer {
  /** Identifies the recording; incremented with every recording. */
  readonly id: number;
  dispatch(
    device: object,
    name: string,
    pipeline: Pipeline,
    bindings: readonly Binding[],
    params: Readonly<Record<string, PlainParam>>,
    groups: readonly [number, number, number],
  ): void;
  copy(device: object, source: Binding, target: Binding, bytes: number): void;
  clear(device: object, block: Block, offset: number, bytes: number): void;
  /** Returns whether the observer uploads the values itself. */
  upload(
    device: object,
    block: Block,
    offset: number,
    values: ArrayBufferView<ArrayBuffer>,
  ): boolean;
  /** Throws, because nothing can be read inside a captured step. */
  read(): void;
  acquire(block: Block): void;
  release(block: Block): void;
  onReplay(action: () => void): void;
  dependsOn(test: () => boolean, name: string | undefined): void;
  usesLeaf(x: Leaf): void;
  preventReplay(reason: string): void;
}

let current: Observer | undefined;

/** The observer of the capture in progress; `undefined` outside of one. */
export function observer(): Observer | undefined {
  return current;
}

/**
 * Whether a captured step is being recorded or replayed. Code that skips work when
 * nothing has changed needs it: work skipped now would be missing from replays.
 *
 * @returns Whether the caller runs inside a captured step.
 *
 * @example Usage
 * ```ts
 * import { capture, initialize } from "@swagpu/swagpu/engine";
 * import { isCapturing } from "@swagpu/swagpu/engine/kernels";
 * import { assert } from "@std/assert";
 *
 * await initialize();
 * using step = capture(() => assert(isCapturing()));
 * step({});
 * assert(!isCapturing());
 * ```
 */
export function isCapturing(): boolean {
  return current !== undefined;
}

/** Runs a function with an observer. */
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
 * Runs an action on the host now and, if a step is being captured, again at
 * every replay. A replay runs all actions first, in order, and then the commands
 * of the GPU.
 *
 * An action may count, set {@linkcode ReplayParam}s and `write()` tensors. It must
 * not run ops.
 *
 * @param action The action.
 * @throws {TypeError} If the action is asynchronous.
 *
 * @example A count that replays continue
 * ```ts
 * import { add, capture, initialize } from "@swagpu/swagpu/engine";
 * import { onReplay } from "@swagpu/swagpu/engine/kernels";
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
      "Cannot repeat an asynchronous function in onReplay(): the replay would not wait for it",
    );
  if (current) current.onReplay(act);
  else act();
}

/**
 * Declares a condition on host state that the captured step relies on. The test
 * runs before every replay; when it returns false, the step is recorded again.
 * Does nothing outside of a captured step.
 *
 * @param test Returns whether the condition still holds. It should be quick.
 * @param name Names the condition, where code would declare it many times: only
 * the first test of a name is kept.
 *
 * @example A switch of the host
 * ```ts
 * import { add, capture, initialize, type Tensor } from "@swagpu/swagpu/engine";
 * import { dependsOn } from "@swagpu/swagpu/engine/kernels";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * let amount = 1;
 * using step = capture(({ x }: { x: Tensor }) => {
 *   const now = amount;
 *   dependsOn(() => amount === now);
 *   return add(x, now);
 * });
 * for (let i = 0; i < 4; i++) step({ x: Float32Array.of(0) });
 * amount = 2;
 * assertEquals(await step({ x: Float32Array.of(0) }).item(), 2);
 * ```
 */
export function dependsOn(test: () => boolean, name?: string): void {
  current?.dependsOn(test, name);
}

/**
 * Declares that the step being captured must never be replayed. Does nothing
 * outside of a captured step.
 *
 * @param reason Why; the `reason` of the captured step says it.
 *
 * @example Usage
 * ```ts
 * import { capture, initialize } from "@swagpu/swagpu/engine";
 * import { preventReplay } from "@swagpu/swagpu/engine/kernels";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * using step = capture(() => preventReplay("it asks the clock"));
 * for (let i = 0; i < 4; i++) step({});
 * assertEquals(step.reason, "it asks the clock");
 * ```
 */
export function preventReplay(reason: string): void {
  current?.preventReplay(reason);
}
