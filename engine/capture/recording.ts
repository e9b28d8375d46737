// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// What is noted while a step is captured: every command of the stream, which
// blocks the pool hands out and takes back, and what of the host the step
// depends on. capture.ts decides what to do with it.

import {
  type Leaf,
  type Observer,
  type Param,
  ReplayParam,
} from "../gpu/observer.ts";
import type { Pipeline } from "../gpu/pipeline.ts";
import type { Binding, Block } from "../gpu/block.ts";
import type { Tensor } from "../tensor.ts";

/** Memory that a recorded command uses: made by the step, or met by it. */
export interface Memory {
  /** The block that the recorded run used. */
  readonly block: Block;
  /** How often the block had been given back by then. */
  readonly generation: number;
  /** The number of the allocation in the step; -1 for what it met. */
  readonly made: number;
  /** Whether the step gave it back or returns it: then replays plan for it. */
  transient: boolean;
}

/** A byte range of {@linkcode Memory}. */
export interface Range {
  readonly memory: Memory;
  readonly offset: number;
  readonly size: number;
}

/** A parameter that replays must renew. */
export interface LiveWord {
  /** The word of the parameter struct. */
  readonly at: number;
  readonly live: ReplayParam;
  readonly type: "u32" | "i32" | "f32";
}

/** One recorded command. */
export type Command =
  | {
    readonly kind: "dispatch";
    readonly name: string;
    readonly pipeline: Pipeline;
    readonly ranges: readonly Range[];
    readonly words: Uint32Array<ArrayBuffer>;
    readonly live: readonly LiveWord[];
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
    /** Whether an action of the host made it: then replays renew it. */
    readonly live: boolean;
  };

let recordings = 0;

/** Notes what one run of a step does. */
export class Recording implements Observer {
  readonly id: number = ++recordings;
  readonly commands: Command[] = [];
  /** What the host did, to be done at every replay. */
  readonly actions: (() => void)[] = [];
  /** What must still hold for a replay. */
  readonly assumptions: (() => boolean)[] = [];
  /** Everything met that was there before. */
  readonly met: Set<Memory> = new Set();
  /** The first reason why this run must not be replayed. */
  refusal: string | undefined;
  readonly #owner: object;
  readonly #memory = new Map<Block, Memory>();
  readonly #leaves = new Set<Leaf>();
  readonly #assumed = new Set<string>();
  #made = 0;
  #acting = false;
  #muted = false;

  /** Notes what reaches the stream and pool of one device. */
  constructor(device: object) {
    this.#owner = device;
  }

  /** Runs without noting uploads and copies: inputs get their values. */
  muted<T>(run: () => T): T {
    this.#muted = true;
    try {
      return run();
    } finally {
      this.#muted = false;
    }
  }

  dispatch(
    device: object,
    name: string,
    pipeline: Pipeline,
    bindings: readonly Binding[],
    params: Readonly<Record<string, Param>>,
    groups: readonly [number, number, number],
  ): void {
    this.#command(device, `the dispatch of ${name}`);
    const words = new Uint32Array(pipeline.fields.length);
    const view = new DataView(words.buffer);
    const live: LiveWord[] = [];
    pipeline.fields.forEach(([field, type], at) => {
      const value = params[field] ?? 0;
      if (value instanceof ReplayParam) live.push({ at, live: value, type });
      else if (type === "f32") view.setFloat32(at * 4, value, true);
      else view.setUint32(at * 4, value, true);
    });
    const ranges = bindings.map((binding) => this.#range(binding));
    this.commands.push({
      kind: "dispatch",
      name,
      pipeline,
      ranges,
      words,
      live,
      groups,
    });
  }

  copy(device: object, source: Binding, target: Binding, bytes: number): void {
    if (this.#muted) return;
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
    if (this.#muted) return false;
    if (device !== this.#owner) this.preventReplay("it uses two devices");
    const bytes = new Uint8Array(buffer, byteOffset, byteLength).slice();
    const ranges = [this.#range({ block, offset, size: byteLength })] as const;
    this.commands.push({ kind: "upload", ranges, bytes, live: this.#acting });
    return false;
  }

  acquire(block: Block): void {
    if (this.#acting) refuseAction("a tensor");
    const { generation } = block;
    const made = this.#made++;
    this.#memory.set(block, { block, generation, made, transient: false });
  }

  release(block: Block): void {
    const memory = this.#memory.get(block);
    if (memory && memory.made >= 0) memory.transient = true;
    else this.preventReplay("it frees a tensor that was made before it");
    this.#memory.delete(block);
  }

  onReplay(action: () => void): void {
    if (this.#acting) return action();
    this.actions.push(action);
    this.#acting = true;
    try {
      action();
    } finally {
      this.#acting = false;
    }
  }

  dependsOn(test: () => boolean, name: string | undefined): void {
    if (this.#acting || name !== undefined && this.#assumed.has(name)) return;
    if (name !== undefined) this.#assumed.add(name);
    this.assumptions.push(test);
  }

  usesLeaf(x: Leaf): void {
    if (this.#leaves.has(x) || this.#memoryOf(x.block).made >= 0) return;
    this.#leaves.add(x);
    const { requiresGrad } = x;
    this.assumptions.push(() => x.requiresGrad === requiresGrad);
  }

  preventReplay(reason: string): void {
    if (!this.#acting) this.refusal ??= reason;
  }

  read(): never {
    const message =
      "Cannot read inside a captured step: return the tensor and read it after";
    this.refusal ??= message;
    throw new TypeError(message);
  }

  /** The memory of a tensor that the step was given or returns. */
  memoryOf(x: Tensor): Memory {
    return this.#memoryOf(x.block);
  }

  #command(device: object, what: string): void {
    if (this.#acting) refuseAction(what);
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
      memory = { block, generation, made: -1, transient: false };
      this.#memory.set(block, memory);
      this.met.add(memory);
    }
    return memory;
  }
}

function refuseAction(what: string): never {
  throw new TypeError(
    `Cannot call ${what} in onReplay(): an action sets live values and writes tensors`,
  );
}

/** How two runs of a step differ where no replay could follow, if they do. */
export function difference(a: Recording, b: Recording): string | undefined {
  const count = Math.min(a.commands.length, b.commands.length);
  const lives = new Map<ReplayParam, ReplayParam>();
  for (let i = 0; i < count; i++) {
    const [x, y] = [a.commands[i], b.commands[i]];
    const found = x && y ? commandDifference(x, y, lives) : undefined;
    if (found) return found;
  }
  if (a.commands.length !== b.commands.length) {
    return `it recorded ${a.commands.length} commands, then ${b.commands.length}`;
  }
  if (a.actions.length !== b.actions.length) {
    return "what it does on the host changed";
  }
  return undefined;
}

function commandDifference(
  a: Command,
  b: Command,
  lives: Map<ReplayParam, ReplayParam>,
): string | undefined {
  const what = a.kind === "dispatch" ? a.name : `a ${a.kind}`;
  if (a.kind !== b.kind || a.ranges.length !== b.ranges.length) {
    return `where it ran ${what} it ran something else`;
  }
  for (const [i, x] of a.ranges.entries()) {
    const y = b.ranges[i];
    if (!y || !sameRange(x, y)) {
      return `${what} met other memory: pass tensors that are made anew for ` +
        "each call as inputs";
    }
  }
  if (a.kind === "dispatch" && b.kind === "dispatch") {
    if (a.pipeline !== b.pipeline) {
      return `where it ran ${a.name} it ran ${b.name}`;
    }
    if (a.groups.some((n, i) => n !== b.groups[i])) {
      return `the workgroups of ${what} changed`;
    }
    if (!sameWords(a.words, b.words) || !sameLives(a.live, b.live, lives)) {
      return `parameters of ${what} changed: pass numbers that change as inputs`;
    }
  }
  if (a.kind === "upload" && b.kind === "upload") {
    if (a.live !== b.live || a.bytes.length !== b.bytes.length) {
      return "what it uploads changed";
    }
    if (!a.live && !sameWords(a.bytes, b.bytes)) {
      return "it made a tensor of other values: pass values that change as " +
        "inputs";
    }
  }
  return undefined;
}

function sameRange(a: Range, b: Range): boolean {
  if (a.offset !== b.offset || a.size !== b.size) return false;
  const [x, y] = [a.memory, b.memory];
  if (x.transient && y.transient) return x.made === y.made;
  return x.transient === y.transient && x.block === y.block &&
    x.generation === y.generation;
}

function sameWords(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Whether live words are at the same places and share values alike. */
function sameLives(
  a: readonly LiveWord[],
  b: readonly LiveWord[],
  lives: Map<ReplayParam, ReplayParam>,
): boolean {
  return a.length === b.length && a.every(({ at, live }, i) => {
    const other = b[i];
    if (!other || other.at !== at) return false;
    const twin = lives.get(live);
    if (!twin) lives.set(live, other.live);
    return twin === undefined || twin === other.live;
  });
}
