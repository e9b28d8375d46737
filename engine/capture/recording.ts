// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The observer while a step is recorded. It notes every command of the stream,
// every block that the pool hands out and takes back, and the conditions on the
// host that the step relies on. step_runner.ts decides what becomes of it.

import {
  type Leaf,
  type Observer,
  type PlainParam,
  ReplayParam,
} from "../gpu/observer.ts";
import type { Pipeline } from "../gpu/pipeline.ts";
import type { Binding, Block } from "../gpu/block.ts";
import type { AnyTensor } from "../tensor.ts";

/**
 * Memory that a recorded command uses. It is either allocated by the step or
 * external: it existed before the step began.
 */
export interface Memory {
  /** The block that the recorded run used. */
  readonly block: Block;
  /** The block's generation at that time, which rises when it is released. */
  readonly generation: number;
  /** Index of the allocation within the step, or -1 for external memory. */
  readonly allocation: number;
  /**
   * Whether the step releases the memory or returns it as a result. Replays then
   * choose where it lies; otherwise they use the block of the recorded run.
   */
  transient: boolean;
}

/** A byte range of {@linkcode Memory}. */
export interface Range {
  readonly memory: Memory;
  readonly offset: number;
  readonly size: number;
}

/** A word of a dispatch's parameters that is set again at every replay. */
export interface ReplayWord {
  /** The index of the word in the parameter struct. */
  readonly word: number;
  /** Where its value is read from. */
  readonly param: ReplayParam;
  readonly type: "u32" | "i32" | "f32";
}

/** One recorded command. */
export type Command =
  | {
    readonly kind: "dispatch";
    readonly name: string;
    readonly pipeline: Pipeline;
    readonly ranges: readonly Range[];
    /** The parameter struct, with 0 for each of `replayWords`. */
    readonly words: Uint32Array<ArrayBuffer>;
    readonly replayWords: readonly ReplayWord[];
    readonly groups: readonly [number, number, number];
  }
  | {
    readonly kind: "copy";
    readonly ranges: readonly [source: Range, target: Range];
  }
  | { readonly kind: "clear"; readonly ranges: readonly [target: Range] }
  | {
    readonly kind: "upload";
    readonly ranges: readonly [target: Range];
    readonly bytes: Uint8Array<ArrayBuffer>;
    /** Whether an `onReplay()` action uploads it: each replay has new bytes. */
    readonly isRenewed: boolean;
  };

let recordings = 0;

/** The recording of one run of a step. */
export class Recording implements Observer {
  readonly id: number = ++recordings;
  /** The commands, in order. */
  readonly commands: Command[] = [];
  /** The actions given to `onReplay()`, in order. */
  readonly actions: (() => void)[] = [];
  /** Conditions that must hold before a replay. */
  readonly conditions: (() => boolean)[] = [];
  /** The external memory that the step uses. */
  readonly external: Set<Memory> = new Set();
  /** The first reason why this run must not be replayed. */
  refusal: string | undefined;
  readonly #owner: object;
  readonly #memory = new Map<Block, Memory>();
  readonly #leaves = new Set<Leaf>();
  /** Names of conditions that are known already. */
  readonly #named = new Set<string>();
  #allocations = 0;
  #isActing = false;
  #isPaused = false;

  /** Records what reaches the stream of one device. */
  constructor(stream: object) {
    this.#owner = stream;
  }

  /** Runs a function that gives inputs their values, which is not recorded. */
  unrecorded<T>(run: () => T): T {
    this.#isPaused = true;
    try {
      return run();
    } finally {
      this.#isPaused = false;
    }
  }

  dispatch(
    device: object,
    name: string,
    pipeline: Pipeline,
    bindings: readonly Binding[],
    params: Readonly<Record<string, PlainParam>>,
    groups: readonly [number, number, number],
  ): void {
    this.#command(device, `the dispatch of ${name}`);
    const words = new Uint32Array(pipeline.fields.length);
    const view = new DataView(words.buffer);
    const replayWords: ReplayWord[] = [];
    pipeline.fields.forEach(([field, type], word) => {
      const param = params[field] ?? 0;
      if (param instanceof ReplayParam) {
        replayWords.push({ word, param, type });
      } else if (type === "f32") view.setFloat32(word * 4, param, true);
      else view.setUint32(word * 4, param, true);
    });
    const ranges = bindings.map((binding) => this.#range(binding));
    this.commands.push({
      kind: "dispatch",
      name,
      pipeline,
      ranges,
      words,
      replayWords,
      groups,
    });
  }

  copy(device: object, source: Binding, target: Binding, bytes: number): void {
    if (this.#isPaused) return;
    this.#command(device, "a copy");
    const range = ({ block, offset }: Binding) =>
      this.#range({ block, offset, size: Math.ceil(bytes / 4) * 4 });
    this.commands.push({
      kind: "copy",
      ranges: [range(source), range(target)],
    });
  }

  clear(device: object, block: Block, offset: number, bytes: number): void {
    this.#command(device, "a clear");
    const size = Math.ceil(bytes / 4) * 4;
    const ranges = [this.#range({ block, offset, size })] as const;
    this.commands.push({ kind: "clear", ranges });
  }

  upload(
    device: object,
    block: Block,
    offset: number,
    { buffer, byteOffset, byteLength }: ArrayBufferView<ArrayBuffer>,
  ): boolean {
    if (this.#isPaused) return false;
    if (device !== this.#owner) this.preventReplay("it uses two devices");
    const bytes = new Uint8Array(buffer, byteOffset, byteLength).slice();
    const ranges = [this.#range({ block, offset, size: byteLength })] as const;
    const isRenewed = this.#isActing;
    this.commands.push({ kind: "upload", ranges, bytes, isRenewed });
    return false;
  }

  acquire(block: Block): void {
    if (this.#isActing) refuseAction("the allocation of a tensor");
    const { generation } = block;
    const allocation = this.#allocations++;
    this.#memory.set(block, {
      block,
      generation,
      allocation,
      transient: false,
    });
  }

  release(block: Block): void {
    const memory = this.#memory.get(block);
    if (memory && memory.allocation >= 0) memory.transient = true;
    else this.preventReplay("it frees a tensor that was made before it");
    this.#memory.delete(block);
  }

  onReplay(action: () => void): void {
    if (this.#isActing) return action();
    this.actions.push(action);
    this.#isActing = true;
    try {
      action();
    } finally {
      this.#isActing = false;
    }
  }

  dependsOn(test: () => boolean, name: string | undefined): void {
    if (this.#isActing || name !== undefined && this.#named.has(name)) return;
    if (name !== undefined) this.#named.add(name);
    this.conditions.push(test);
  }

  usesLeaf(x: Leaf): void {
    if (this.#leaves.has(x) || this.#memoryOf(x.block).allocation >= 0) return;
    this.#leaves.add(x);
    const { requiresGrad } = x;
    this.conditions.push(() => x.requiresGrad === requiresGrad);
  }

  preventReplay(reason: string): void {
    if (!this.#isActing) this.refusal ??= reason;
  }

  read(): never {
    const message =
      "Cannot read inside a captured step: return the tensor and read it afterwards";
    this.refusal ??= message;
    throw new TypeError(message);
  }

  /** The memory of a tensor that the step was given or returns. */
  memoryOf(x: AnyTensor): Memory {
    return this.#memoryOf(x.block);
  }

  /** Checks that a command may be recorded now. */
  #command(device: object, command: string): void {
    if (this.#isActing) refuseAction(command);
    if (device !== this.#owner) this.preventReplay("it uses two devices");
  }

  #range(
    { block, offset, size }: Pick<Binding, "block" | "offset" | "size">,
  ): Range {
    return { memory: this.#memoryOf(block), offset, size };
  }

  #memoryOf(block: Block): Memory {
    let memory = this.#memory.get(block);
    if (!memory) {
      const { generation } = block;
      memory = { block, generation, allocation: -1, transient: false };
      this.#memory.set(block, memory);
      this.external.add(memory);
    }
    return memory;
  }
}

function refuseAction(command: string): never {
  throw new TypeError(
    `Cannot record ${command} in onReplay(): an action may only set ` +
      "ReplayParams and write tensors",
  );
}

/**
 * Compares two runs of a step.
 *
 * @returns How they differ, where no replay could follow the difference;
 * `undefined` if a replay of one does what the other did.
 */
export function difference(a: Recording, b: Recording): string | undefined {
  const count = Math.min(a.commands.length, b.commands.length);
  const params = new Map<ReplayParam, ReplayParam>();
  for (let i = 0; i < count; i++) {
    const [x, y] = [a.commands[i], b.commands[i]];
    const found = x && y ? commandDifference(x, y, params) : undefined;
    if (found) return found;
  }
  if (a.commands.length !== b.commands.length) {
    return `it recorded ${a.commands.length} commands, then ${b.commands.length}`;
  }
  if (a.actions.length !== b.actions.length) {
    return `it called onReplay() ${a.actions.length} times, then ` +
      `${b.actions.length}`;
  }
  return undefined;
}

function commandDifference(
  a: Command,
  b: Command,
  params: Map<ReplayParam, ReplayParam>,
): string | undefined {
  const name = a.kind === "dispatch" ? a.name : `a ${a.kind}`;
  if (a.kind !== b.kind || a.ranges.length !== b.ranges.length) {
    return `where it ran ${name} it ran something else`;
  }
  for (const [i, x] of a.ranges.entries()) {
    const y = b.ranges[i];
    if (!y || !isSameRange(x, y)) {
      return `${name} used other memory: pass a tensor that is made for each ` +
        "call as an input";
    }
  }
  if (a.kind === "dispatch" && b.kind === "dispatch") {
    if (a.pipeline !== b.pipeline) {
      return `where it ran ${a.name} it ran ${b.name}`;
    }
    if (a.groups.some((n, i) => n !== b.groups[i])) {
      return `the workgroups of ${name} changed`;
    }
    if (
      !areSameNumbers(a.words, b.words) ||
      !areSameParams(a.replayWords, b.replayWords, params)
    ) {
      return `parameters of ${name} changed: pass numbers that change as inputs`;
    }
  }
  if (a.kind === "upload" && b.kind === "upload") {
    if (a.isRenewed !== b.isRenewed || a.bytes.length !== b.bytes.length) {
      return "its uploads changed";
    }
    if (!a.isRenewed && !areSameNumbers(a.bytes, b.bytes)) {
      return "it made a tensor of other values: pass values that change as " +
        "inputs";
    }
  }
  return undefined;
}

function isSameRange(a: Range, b: Range): boolean {
  if (a.offset !== b.offset || a.size !== b.size) return false;
  const [x, y] = [a.memory, b.memory];
  if (x.transient && y.transient) return x.allocation === y.allocation;
  return x.transient === y.transient && x.block === y.block &&
    x.generation === y.generation;
}

function areSameNumbers(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/**
 * Whether two dispatches read the same words from the same parameters. A run may
 * make its own parameters: then each must stand for one of the other run,
 * throughout.
 */
function areSameParams(
  a: readonly ReplayWord[],
  b: readonly ReplayWord[],
  params: Map<ReplayParam, ReplayParam>,
): boolean {
  return a.length === b.length && a.every(({ word, param }, i) => {
    const other = b[i];
    if (!other || other.word !== word) return false;
    const twin = params.get(param);
    if (!twin) params.set(param, other.param);
    return twin === undefined || twin === other.param;
  });
}
