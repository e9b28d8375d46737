// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// A recorded step, ready to be given to the GPU again and again. All parameters
// lie in one uniform buffer; those that change, and values that the host writes,
// come first in it and go up in one write before the first command.

import type { Device } from "../gpu/device.ts";
import { outOfMemory } from "../gpu/faults.ts";
import { PARAMS_BYTES, type Pipeline } from "../gpu/pipeline.ts";
import { observe, type Observer, type ReplayParam } from "../gpu/observer.ts";
import { type Arena, type Plan, planMemory } from "./plan.ts";
import { alignBytes, type Binding, type Block } from "../gpu/block.ts";
import type { Command, Memory, Range, Recording } from "./recording.ts";
import type { CommandList } from "../gpu/stream.ts";

/** Dispatches of the first submit, so that the GPU starts soon. */
const FIRST_CHUNK = 32;

/** Dispatches of every later one. */
const CHUNK = 128;

/** Bind groups kept before they are made anew. */
const MAX_GROUPS = 16384;

/** Copies and clears, then dispatches of one pass. */
interface Stretch {
  readonly before: Command[];
  readonly start: number;
  end: number;
  /** Whether the stretch ends what is submitted together. */
  submit: boolean;
}

type Dispatch = Extract<Command, { kind: "dispatch" }>;
type Upload = Extract<Command, { kind: "upload" }>;

interface Patch {
  /** The word of the buffer. */
  readonly word: number;
  readonly live: ReplayParam;
  readonly type: "u32" | "i32" | "f32";
}

/** One step of one shape. */
export class Program implements CommandList {
  /** The number of dispatches. */
  readonly dispatches: number;
  /** Where the step's own memory lies. */
  readonly plan: Plan;
  readonly #outputs: readonly Memory[];
  readonly #device: Device;
  readonly #recording: Recording;
  readonly #arena: Arena;
  readonly #list: readonly Dispatch[];
  readonly #stretches: readonly Stretch[];
  readonly #constants = new Map<Memory, Block>();
  readonly #buffer: GPUBuffer;
  readonly #offsets: Uint32Array<ArrayBuffer>;
  readonly #groupCounts: Uint32Array<ArrayBuffer>;
  readonly #staging: ArrayBuffer;
  readonly #patches: readonly Patch[];
  readonly #uploads: readonly Upload[];
  readonly #uploadOffsets = new Map<Upload, number>();
  readonly #feed: Feed;
  #bound = -1;
  readonly #staging32: Uint32Array<ArrayBuffer>;
  readonly #stagingFloats: Float32Array<ArrayBuffer>;
  #groups: GPUBindGroup[] = [];
  /** Every group made, by the dispatch and what it binds. */
  readonly #known = new Map<string, GPUBindGroup>();
  #encode: ((encoder: GPUCommandEncoder) => void)[] = [];

  /** Plans memory, takes blocks for constants and writes what stays. */
  constructor(
    device: Device,
    recording: Recording,
    arena: Arena,
    inputs: readonly Memory[],
    outputs: readonly Memory[],
  ) {
    this.#device = device;
    this.#recording = recording;
    this.#arena = arena;
    const { commands } = recording;
    this.#outputs = outputs;
    this.plan = planMemory(commands, inputs, outputs);
    for (const memory of this.plan.constants) {
      const block = device.pool.acquire(memory.block.size);
      block.references = 1;
      this.#constants.set(memory, block);
    }
    const kept = commands.filter((command) => !this.#isConstant(command));
    this.#list = kept.filter((command) => command.kind === "dispatch");
    this.dispatches = this.#list.length;
    this.#stretches = stretchesOf(hoisted(kept));
    const uploads = kept.filter((command) => command.kind === "upload");
    this.#uploads = [
      ...uploads.filter(({ live }) => live),
      ...uploads.filter(({ live }) => !live),
    ];

    // The buffer: live uploads, live parameters, fixed ones, fixed uploads.
    let size = 0;
    const place = (upload: Upload) => {
      this.#uploadOffsets.set(upload, size);
      size += alignBytes(upload.bytes.length);
    };
    for (const upload of this.#uploads) if (upload.live) place(upload);
    const slots = new Map<Dispatch, number>();
    const take = (dispatch: Dispatch) => {
      slots.set(dispatch, size);
      size += PARAMS_BYTES;
    };
    for (const dispatch of this.#list) if (dispatch.live[0]) take(dispatch);
    const renewed = size;
    for (const dispatch of this.#list) if (!dispatch.live[0]) take(dispatch);
    for (const upload of this.#uploads) if (!upload.live) place(upload);
    const contents = new Uint8Array(Math.max(size, PARAMS_BYTES));
    for (const [upload, offset] of this.#uploadOffsets) {
      contents.set(upload.bytes, offset);
    }
    for (const [{ words }, offset] of slots) {
      contents.set(new Uint8Array(words.buffer), offset);
    }
    const { gpu, faults } = device;
    this.#buffer = faults.watch(
      () =>
        gpu.createBuffer({
          label: "captured step",
          size: contents.length,
          usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_SRC |
            GPUBufferUsage.COPY_DST,
        }),
      outOfMemory,
      "out-of-memory",
    );
    faults.watch(() => gpu.queue.writeBuffer(this.#buffer, 0, contents));
    this.#staging = contents.buffer.slice(0, renewed);
    this.#staging32 = new Uint32Array(this.#staging);
    this.#stagingFloats = new Float32Array(this.#staging);
    this.#offsets = Uint32Array.from(this.#list, (d) => slots.get(d) ?? 0);
    this.#groupCounts = Uint32Array.from(this.#list.flatMap((d) => d.groups));
    this.#patches = this.#list.flatMap((dispatch) =>
      dispatch.live.map(({ at, live, type }) => ({
        word: (slots.get(dispatch) ?? 0) / 4 + at,
        live,
        type,
      }))
    );
    this.#feed = new Feed(
      recording.id,
      new Uint8Array(this.#staging),
      this.#uploads.filter(({ live }) => live).map(({ bytes }) => bytes.length),
    );
    for (const command of commands) {
      if (!this.#isConstant(command) || command.kind !== "upload") continue;
      const { memory, offset } = command.ranges[0];
      const block = this.#constants.get(memory);
      const words = new Uint32Array(command.bytes.buffer);
      if (block) device.stream.upload(block, offset, words);
    }
  }

  /** Whether all that the step met is still there, unchanged. */
  get isValid(): boolean {
    const { met, assumptions } = this.#recording;
    for (const { block, generation } of met) {
      if (block.generation !== generation) return false;
    }
    for (const test of assumptions) if (!test()) return false;
    return true;
  }

  /** Bytes that the program takes besides the arena. */
  get bytes(): number {
    let bytes = this.#buffer.size;
    for (const { size } of this.#constants.values()) bytes += size;
    return bytes;
  }

  /** The blocks of the step's results. */
  get written(): readonly Block[] {
    return this.#outputs.map((memory) => this.block(memory));
  }

  /** The block that holds memory of the recording now. */
  block(memory: Memory): Block {
    const slot = this.plan.slots.get(memory);
    if (slot !== undefined) return this.#arena.block(slot);
    return this.#constants.get(memory) ?? memory.block;
  }

  /** Takes the arena's buffers, and looks bind groups up if they changed. */
  bind(): void {
    this.#arena.ensure(this.plan.sizes);
    if (this.#bound === this.#arena.version) return;
    this.#bound = this.#arena.version;
    const { stream } = this.#device;
    const prepared = this.#list.map(({ pipeline, ranges }) =>
      stream.prepare(
        pipeline.layout,
        ranges.map((range) => this.#binding(range)),
      )
    );
    if (this.#known.size > MAX_GROUPS) this.#known.clear();
    this.#groups = prepared.map(({ bound }, i) => {
      const key = `${i} ${bound.map(({ id }) => id).join()}`;
      let group = this.#known.get(key);
      if (!group) {
        const { layout } = (this.#list[i] as Dispatch).pipeline;
        group = stream.makeGroup(layout, bound, this.#buffer);
        this.#known.set(key, group);
      }
      return group;
    });
    this.#encode = this.#stretches.map(({ before, start }) => {
      const copies = prepared[start]?.copies ?? [];
      const steps = before.map((command) => this.#encoder(command));
      return (encoder) => {
        for (const step of steps) step(encoder);
        for (const [source, target, size] of copies) {
          encoder.copyBufferToTexture(source, target, size);
        }
      };
    });
  }

  /** Does on the host what the step does there, and notes values that change. */
  prepare(): void {
    observe(this.#feed, () => {
      this.#feed.start();
      for (const action of this.#recording.actions) action();
      this.#feed.finish();
    });
    for (const { word, live, type } of this.#patches) {
      const words = type === "f32" ? this.#stagingFloats : this.#staging32;
      words[word] = live.value;
    }
  }

  /** Submits the whole step and returns in how many submits. */
  play(): number {
    const { gpu } = this.#device;
    const { queue } = gpu;
    const list = this.#list;
    const groups = this.#groups;
    const counts = this.#groupCounts;
    if (this.#staging.byteLength > 0) {
      queue.writeBuffer(this.#buffer, 0, this.#staging);
    }
    let submits = 0;
    let encoder = gpu.createCommandEncoder();
    for (let s = 0; s < this.#stretches.length; s++) {
      const { start, end, submit } = this.#stretches[s] ?? NOTHING;
      this.#encode[s]?.(encoder);
      if (end > start) {
        const pass = encoder.beginComputePass();
        let before: Pipeline | undefined;
        for (let i = start; i < end; i++) {
          const { pipeline } = list[i] as Dispatch;
          if (pipeline !== before) pass.setPipeline(pipeline.gpu);
          before = pipeline;
          const group = groups[i] as GPUBindGroup;
          if (pipeline.layout.hasParams) {
            pass.setBindGroup(0, group, this.#offsets, i, 1);
          } else {
            pass.setBindGroup(0, group);
          }
          pass.dispatchWorkgroups(
            counts[3 * i] ?? 1,
            counts[3 * i + 1] ?? 1,
            counts[3 * i + 2] ?? 1,
          );
        }
        pass.end();
      }
      if (!submit) continue;
      queue.submit([encoder.finish()]);
      submits++;
      if (s + 1 < this.#stretches.length) encoder = gpu.createCommandEncoder();
    }
    return submits;
  }

  /** Gives all memory back but the arena's. */
  dispose(): void {
    for (const block of this.#constants.values()) {
      if (--block.references === 0) this.#device.pool.release(block);
    }
    this.#constants.clear();
    this.#known.clear();
    this.#buffer.destroy();
  }

  #isConstant({ kind, ranges: [target] }: Command): boolean {
    return kind === "upload" && target !== undefined &&
      this.plan.constants.has(target.memory);
  }

  #binding({ memory, offset, size }: Range): Binding {
    return this.block(memory).window(offset, size);
  }

  #encoder(command: Command): (encoder: GPUCommandEncoder) => void {
    const [first, second] = command.ranges;
    if (!first) return () => {};
    const { buffer } = this.block(first.memory);
    const { offset, size } = first;
    if (command.kind === "upload") {
      const from = this.#uploadOffsets.get(command) ?? 0;
      return (encoder) =>
        encoder.copyBufferToBuffer(this.#buffer, from, buffer, offset, size);
    }
    if (!second) return (encoder) => encoder.clearBuffer(buffer, offset, size);
    const target = this.block(second.memory).buffer;
    return (encoder) =>
      encoder.copyBufferToBuffer(buffer, offset, target, second.offset, size);
  }
}

const NOTHING: Stretch = { before: [], start: 0, end: 0, submit: false };

/** Commands with live uploads first where nothing before them uses the target. */
function hoisted(commands: readonly Command[]): Command[] {
  const used = new Set<Memory>();
  const first: Command[] = [];
  const rest: Command[] = [];
  for (const command of commands) {
    const [target] = command.ranges;
    const early = command.kind === "upload" && target !== undefined &&
      !target.memory.transient && !used.has(target.memory);
    (early ? first : rest).push(command);
    if (!early) { for (const { memory } of command.ranges) used.add(memory); }
  }
  return [...first, ...rest];
}

/** Cuts commands into passes and submits. */
function stretchesOf(commands: readonly Command[]): Stretch[] {
  const open = (start: number) => ({
    before: [],
    start,
    end: start,
    submit: false,
  });
  const stretches: Stretch[] = [];
  let current: Stretch = open(0);
  let dispatches = 0;
  let chunk = 0;
  let limit = FIRST_CHUNK;
  const close = (submit: boolean) => {
    current.submit = submit;
    stretches.push(current);
    current = open(dispatches);
    if (!submit) return;
    chunk = 0;
    limit = CHUNK;
  };
  for (const command of commands) {
    if (command.kind === "dispatch") {
      const { hasTexels } = command.pipeline.layout;
      if (hasTexels && current.end > current.start) close(chunk >= limit);
      current.end = ++dispatches;
      if (++chunk >= limit) close(true);
    } else {
      if (current.end > current.start) close(false);
      current.before.push(command);
    }
  }
  if (current.end > current.start || current.before.length > 0) close(true);
  const last = stretches.at(-1);
  if (last) last.submit = true;
  return stretches;
}

/** Takes what the host writes while its part of a step is done again. */
class Feed implements Observer {
  readonly id: number;
  readonly #staging: Uint8Array<ArrayBuffer>;
  readonly #sizes: readonly number[];
  #next = 0;
  #offset = 0;

  constructor(
    id: number,
    staging: Uint8Array<ArrayBuffer>,
    sizes: readonly number[],
  ) {
    this.id = id;
    this.#staging = staging;
    this.#sizes = sizes;
  }

  start(): void {
    this.#next = this.#offset = 0;
  }

  finish(): void {
    if (this.#next !== this.#sizes.length) this.#changed();
  }

  upload(
    _device: object,
    _block: Block,
    _offset: number,
    { buffer, byteOffset, byteLength }: ArrayBufferView<ArrayBuffer>,
  ): boolean {
    if (this.#sizes[this.#next++] !== byteLength) this.#changed();
    this.#staging.set(
      new Uint8Array(buffer, byteOffset, byteLength),
      this.#offset,
    );
    this.#offset += alignBytes(byteLength);
    return true;
  }

  onReplay(action: () => void): void {
    action();
  }

  // What is true of the host is of no interest any more.
  dependsOn(): void {}
  usesLeaf(): void {}
  preventReplay(): void {}

  dispatch(): never {
    this.#refused();
  }
  copy(): never {
    this.#refused();
  }
  clear(): never {
    this.#refused();
  }
  read(): never {
    this.#refused();
  }
  acquire(): never {
    this.#refused();
  }
  release(): never {
    this.#refused();
  }

  #refused(): never {
    throw new TypeError(
      "Cannot use the GPU in onReplay(): an action sets live values and writes " +
        "tensors",
    );
  }

  #changed(): never {
    throw new TypeError(
      "Cannot replay: what an action writes changed, call clear() before",
    );
  }
}
