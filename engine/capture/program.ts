// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// A recorded step, ready to be submitted again and again without running its
// code. Memory is planned (plan.ts), commands are cut into passes and submits
// (stretches.ts), and all parameters lie in one buffer (uniforms.ts).

import type { Binding, Block } from "../gpu/block.ts";
import type { Device } from "../gpu/device.ts";
import { outOfMemory } from "../gpu/faults.ts";
import { BufferUsage } from "../gpu/flags.ts";
import { observe } from "../gpu/observer.ts";
import type { Pipeline } from "../gpu/pipeline.ts";
import type { CommandList } from "../gpu/stream.ts";
import { type Arena, type Plan, planMemory } from "./plan.ts";
import type { Command, Memory, Range, Recording } from "./recording.ts";
import { ReplayUploads } from "./replay_uploads.ts";
import { type Stretch, stretchesOf } from "./stretches.ts";
import {
  type BufferWord,
  type Dispatch,
  layOutUniforms,
  type Upload,
} from "./uniforms.ts";

/** Bind groups to keep before all are dropped. */
const MAX_GROUPS = 16384;

/** The program of a step for inputs of one key. */
export class Program implements CommandList {
  /** The number of dispatches. */
  readonly dispatches: number;
  /** Where the memory lies that the step allocates. */
  readonly plan: Plan;
  readonly #outputs: readonly Memory[];
  readonly #device: Device;
  readonly #recording: Recording;
  readonly #arena: Arena;
  readonly #list: readonly Dispatch[];
  readonly #stretches: readonly Stretch[];
  readonly #constants = new Map<Memory, Block>();
  /** Parameters and uploads; see uniforms.ts. */
  readonly #buffer: GPUBuffer;
  readonly #offsets: Uint32Array<ArrayBuffer>;
  readonly #uploadOffsets: ReadonlyMap<Upload, number>;
  readonly #groupCounts: Uint32Array<ArrayBuffer>;
  /** The start of the buffer, which every replay writes. */
  readonly #staging: ArrayBuffer;
  readonly #staging32: Uint32Array<ArrayBuffer>;
  readonly #stagingFloats: Float32Array<ArrayBuffer>;
  readonly #words: readonly BufferWord[];
  readonly #replayUploads: ReplayUploads;
  /** The version of the arena whose buffers the groups bind. */
  #bound = -1;
  #groups: GPUBindGroup[] = [];
  /** Every group made, by its dispatch and bindings. */
  readonly #known = new Map<string, GPUBindGroup>();
  #encode: ((encoder: GPUCommandEncoder) => void)[] = [];

  /** Plans the step, and uploads what stays the same at every replay. */
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
    this.#outputs = outputs;
    const { commands } = recording;
    this.plan = planMemory(commands, inputs, outputs);
    this.#takeConstants();
    const kept = commands.filter((command) => !this.#isConstant(command));
    this.#list = kept.filter((command) => command.kind === "dispatch");
    this.dispatches = this.#list.length;
    this.#stretches = stretchesOf(kept);
    const uploads = kept.filter((command) => command.kind === "upload");
    const layout = layOutUniforms(this.#list, uploads);
    this.#offsets = layout.offsets;
    this.#uploadOffsets = layout.uploadOffsets;
    this.#words = layout.words;
    this.#buffer = this.#createBuffer(layout.contents);
    this.#staging = layout.contents.buffer.slice(0, layout.renewedBytes);
    this.#staging32 = new Uint32Array(this.#staging);
    this.#stagingFloats = new Float32Array(this.#staging);
    this.#groupCounts = Uint32Array.from(this.#list.flatMap((d) => d.groups));
    this.#replayUploads = new ReplayUploads(
      recording.id,
      new Uint8Array(this.#staging),
      uploads.filter(({ isRenewed }) => isRenewed)
        .map(({ bytes }) => bytes.length),
    );
    this.#fillConstants();
  }

  /** Whether all external memory is still there and all conditions hold. */
  get isValid(): boolean {
    const { external, conditions } = this.#recording;
    for (const { block, generation } of external) {
      if (block.generation !== generation) return false;
    }
    for (const test of conditions) if (!test()) return false;
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

  /** Takes the buffers of the arena, and finds bind groups if they changed. */
  bind(): void {
    this.#arena.ensure(this.plan.sizes);
    if (this.#bound === this.#arena.version) return;
    this.#bound = this.#arena.version;
    const { bindGroups } = this.#device.stream;
    const prepared = this.#list.map(({ pipeline, ranges }) =>
      bindGroups.prepare(
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
        group = bindGroups.make(layout, bound, this.#buffer);
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

  /** Runs the recorded actions, and collects all values that change. */
  prepare(): void {
    observe(this.#replayUploads, () => {
      this.#replayUploads.start();
      for (const action of this.#recording.actions) action();
      this.#replayUploads.finish();
    });
    for (const { word, param, type } of this.#words) {
      const words = type === "f32" ? this.#stagingFloats : this.#staging32;
      words[word] = param.value;
    }
  }

  /** Submits the whole step, and returns in how many submits. */
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
      const { start, end, submit } = this.#stretches[s] as Stretch;
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

  /** Gives back all memory except the arena's. */
  dispose(): void {
    for (const block of this.#constants.values()) {
      if (--block.references === 0) this.#device.pool.release(block);
    }
    this.#constants.clear();
    this.#known.clear();
    this.#buffer.destroy();
  }

  #takeConstants(): void {
    for (const memory of this.plan.constants) {
      const block = this.#device.pool.acquire(memory.block.size);
      block.references = 1;
      this.#constants.set(memory, block);
    }
  }

  #fillConstants(): void {
    for (const command of this.#recording.commands) {
      if (!this.#isConstant(command) || command.kind !== "upload") continue;
      const { memory, offset } = command.ranges[0];
      const block = this.#constants.get(memory);
      const words = new Uint32Array(command.bytes.buffer);
      if (block) this.#device.stream.upload(block, offset, words);
    }
  }

  #isConstant({ kind, ranges: [target] }: Command): boolean {
    return kind === "upload" && target !== undefined &&
      this.plan.constants.has(target.memory);
  }

  #createBuffer(contents: Uint8Array<ArrayBuffer>): GPUBuffer {
    const { gpu, faults } = this.#device;
    const buffer = faults.watch(
      () =>
        gpu.createBuffer({
          label: "captured step",
          size: contents.length,
          usage: BufferUsage.UNIFORM | BufferUsage.COPY_SRC |
            BufferUsage.COPY_DST,
        }),
      outOfMemory,
      "out-of-memory",
    );
    faults.watch(() => gpu.queue.writeBuffer(buffer, 0, contents));
    return buffer;
  }

  #binding({ memory, offset, size }: Range): Binding {
    return this.block(memory).window(offset, size);
  }

  /** A function that encodes a command other than a dispatch. */
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
