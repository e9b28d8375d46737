// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

import type { Kernel } from "./kernel.ts";
import {
  assertFits,
  type BindLayout,
  type BindNode,
  PARAMS_BYTES,
  type Pipeline,
  type PipelineCache,
} from "./pipeline.ts";
import { assertApart } from "./collisions.ts";
import { GpuError } from "./errors.ts";
import { type Faults, outOfMemory, UNWRITTEN, UPLOADED } from "./faults.ts";
import type { Binding, Block } from "./block.ts";
import type { TypedArray } from "../dtype.ts";
import { integersOf } from "./host_integers.ts";
import { observer, type Param, ReplayParam } from "./observer.ts";
import { Mirrors, type TexelBinding } from "./texels.ts";

/** Dispatches per submit: the GPU works while the next chunk is recorded. */
const CHUNK = 64;

/** Bytes of small uploads that one chunk holds back; see `upload`. */
const UPLOAD_BYTES = 256 * 1024;

/** Bind groups kept before the cache starts anew. */
const MAX_GROUPS = 16384;

/** Figures of a {@linkcode Stream}, counted since it was made. */
export interface StreamStatistics {
  /** Dispatches recorded. */
  dispatches: number;
  /** Chunks submitted. */
  submits: number;
  /** Bind groups made; constant in steady state. */
  bindGroups: number;
  /** Waits for the GPU: each costs 10 ms or more in Deno. */
  reads: number;
}

/** A byte range to read back. */
export interface ReadRange {
  /** The buffer. */
  block: Block;
  /** Bytes from its start. */
  offset: number;
  /** How many bytes. */
  bytes: number;
}

/** A range that the next reading brings along, whatever else it reads. */
export interface Rider {
  /** What is brought along. */
  readonly range: ReadRange;
  /**
   * Called when the range is about to be copied.
   *
   * @returns What to do with its bytes once they are there; it may throw.
   */
  board(): (bytes: ArrayBuffer) => void;
}

/** The arguments of `copyBufferToTexture`. */
export type PreparedCopy = readonly [
  source: GPUTexelCopyBufferInfo,
  target: GPUTexelCopyTextureInfo,
  size: number[],
];

/** What a dispatch binds, and the copies to textures that must come before. */
export interface PreparedBindings {
  /** What to bind: mirrors in place of what is read as texels. */
  readonly bound: readonly (Binding | TexelBinding)[];
  /** One or two for each binding that is read as texels. */
  readonly copies: readonly PreparedCopy[];
}

/** Commands put together before, such as those of a captured step. */
export interface CommandList {
  /** How many dispatches there are. */
  readonly dispatches: number;
  /** The blocks that are written anew for the caller to read. */
  readonly written: readonly Block[];
  /** Submits all of them, and returns in how many submits. */
  play(): number;
}

/**
 * Records commands into one open pass and submits it in chunks.
 *
 * The only place that calls `queue.writeBuffer`, but for captured steps (see
 * `capture/program.ts`), before which all is submitted: a write runs before what is
 * recorded but not yet submitted, so where the target of an {@linkcode upload}
 * is in use, the values wait in an arena and a copy is recorded (or, if they
 * are many, the chunk is submitted first). Parameters and small uploads of a
 * chunk go up in one write each.
 */
export class Stream {
  readonly #gpu: GPUDevice;
  readonly #pipelines: PipelineCache;
  readonly #faults: Faults;
  readonly #arena: GPUBuffer;
  readonly #staging = new ArrayBuffer(CHUNK * PARAMS_BYTES);
  readonly #u32 = new Uint32Array(this.#staging);
  readonly #i32 = new Int32Array(this.#staging);
  readonly #f32 = new Float32Array(this.#staging);
  readonly #mirrors: Mirrors;
  readonly #uploads: GPUBuffer;
  readonly #uploadStaging = new Uint8Array(UPLOAD_BYTES);
  readonly #readers: GPUBuffer[] = [];
  readonly #riders = new Set<Rider>();
  /** Those that a reading under way brings along. */
  readonly #aboard = new Set<Rider>();
  readonly #dynamicOffset = new Uint32Array(1);
  #encoder: GPUCommandEncoder | undefined;
  #pass: GPUComputePassEncoder | undefined;
  #pipeline: Pipeline | undefined;
  #slots = 0;
  #uploaded = 0;
  #pending = 0;
  #chunk = 0;
  #groups = 0;
  #dispatches = 0;
  #bindGroups = 0;
  #reads = 0;

  /** Every {@linkcode Device} has one. */
  constructor(gpu: GPUDevice, pipelines: PipelineCache, faults: Faults) {
    this.#gpu = gpu;
    this.#pipelines = pipelines;
    this.#faults = faults;
    this.#mirrors = new Mirrors(gpu, faults);
    this.#arena = gpu.createBuffer({
      label: "params",
      size: CHUNK * PARAMS_BYTES,
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
    this.#uploads = gpu.createBuffer({
      label: "uploads",
      size: UPLOAD_BYTES,
      usage: GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
    });
  }

  /** Counts since the stream was made. */
  statistics(): StreamStatistics {
    return {
      dispatches: this.#dispatches,
      submits: this.#chunk,
      bindGroups: this.#bindGroups,
      reads: this.#reads,
    };
  }

  /** Records one dispatch of `x·y·z` workgroups. */
  dispatch(
    kernel: Kernel,
    bindings: readonly Binding[],
    params: Readonly<Record<string, Param>>,
    x: number,
    y: number,
    z: number,
  ): void {
    this.#faults.alive();
    if (this.#faults.hasRefusals) {
      for (const { block } of bindings) this.#assertWritten(block, kernel.name);
    }
    const pipeline = this.#pipelines.get(kernel);
    assertFits(kernel, pipeline, bindings.length, params);
    const { bind } = pipeline.layout;
    const bound = pipeline.layout.hasTexels
      ? this.#mirrored(pipeline.layout, bindings)
      : bindings;
    const pass = this.#pass ??= this.#openPass();
    if (pipeline !== this.#pipeline) {
      pass.setPipeline(pipeline.gpu);
      this.#pipeline = pipeline;
    }
    const group = this.#group(pipeline.layout, bound);
    const fields = pipeline.fields;
    if (fields.length > 0) {
      const offset = this.#slots * PARAMS_BYTES;
      let at = offset >> 2;
      for (const [name, type] of fields) {
        const param = params[name];
        const value = param instanceof ReplayParam ? param.value : param;
        if (value === undefined) {
          throw new TypeError(
            `Cannot dispatch ${kernel.name}: parameter ${name} is missing`,
          );
        }
        if (type === "f32") this.#f32[at++] = value;
        else if (type === "u32") this.#u32[at++] = value;
        else this.#i32[at++] = value;
      }
      this.#slots++;
      this.#dynamicOffset[0] = offset;
      // As a typed array: a plain one takes Deno four times as long.
      pass.setBindGroup(0, group, this.#dynamicOffset, 0, 1);
    } else {
      pass.setBindGroup(0, group);
    }
    pass.dispatchWorkgroups(x, y, z);
    for (let i = 0; i < bindings.length; i++) {
      const { block } = bindings[i] as Binding;
      block.chunk = this.#chunk;
      if (bind[i] !== "write") continue;
      block.integers = undefined;
      if (block.made === UNWRITTEN) block.made = this.#chunk;
    }
    this.#dispatches++;
    observer()?.dispatch(
      this,
      kernel.name,
      pipeline,
      bindings,
      params,
      [x, y, z],
    );
    if (++this.#pending >= CHUNK) this.flush();
  }

  /** Records a copy of whole 4-byte words between two different buffers. */
  copy(source: Binding, target: Binding, bytes: number): void {
    this.#faults.alive();
    this.#assertWritten(source.block, "a copy");
    observer()?.copy(this, source, target, bytes);
    this.#closePass();
    this.#open().copyBufferToBuffer(
      source.block.buffer,
      source.offset,
      target.block.buffer,
      target.offset,
      Math.ceil(bytes / 4) * 4,
    );
    source.block.chunk = this.#chunk;
    this.#writes(target.block);
    target.block.integers = undefined;
    this.#pending++;
  }

  /** Records zeroing a range. */
  clear(block: Block, offset: number, bytes: number): void {
    this.#faults.alive();
    observer()?.clear(this, block, offset, bytes);
    this.#closePass();
    this.#open().clearBuffer(block.buffer, offset, Math.ceil(bytes / 4) * 4);
    this.#writes(block);
    block.integers = undefined;
    this.#pending++;
  }

  /** Writes host values into a block, after everything recorded before. */
  upload(block: Block, offset: number, values: TypedArray): void {
    this.#faults.alive();
    block.integers = offset === 0 ? integersOf(values) : undefined;
    if (observer()?.upload(this, block, offset, values)) return;
    const used = block.chunk === this.#chunk && this.#pending > 0;
    if (used && this.#uploaded + values.byteLength <= UPLOAD_BYTES) {
      this.#uploadLater(block, offset, values);
      return;
    }
    if (used) this.flush();
    this.#faults.watch(() =>
      this.#gpu.queue.writeBuffer(block.buffer, offset, values)
    );
    if (block.made === UNWRITTEN) block.made = UPLOADED;
  }

  #uploadLater(block: Block, offset: number, values: TypedArray): void {
    const { buffer, byteOffset, byteLength } = values;
    const bytes = new Uint8Array(buffer, byteOffset, byteLength);
    this.#uploadStaging.set(bytes, this.#uploaded);
    this.#closePass();
    this.#open().copyBufferToBuffer(
      this.#uploads,
      this.#uploaded,
      block.buffer,
      offset,
      byteLength,
    );
    this.#uploaded += byteLength;
    this.#writes(block);
    this.#pending++;
  }

  /** Submits what is recorded, and throws what the GPU has reported by now. */
  flush(): void {
    this.#faults.alive();
    this.#closePass();
    const encoder = this.#encoder;
    if (encoder) {
      this.#encoder = undefined;
      const slots = this.#slots;
      const uploaded = this.#uploaded;
      this.#slots = this.#uploaded = this.#pending = 0;
      this.#faults.submit(this.#chunk++, () => {
        const { queue } = this.#gpu;
        if (slots > 0) {
          const bytes = slots * PARAMS_BYTES;
          queue.writeBuffer(this.#arena, 0, this.#staging, 0, bytes);
        }
        if (uploaded > 0) {
          const staging = this.#uploadStaging;
          queue.writeBuffer(this.#uploads, 0, staging, 0, uploaded);
        }
        queue.submit([encoder.finish()]);
      });
    }
    this.#faults.check();
  }

  /**
   * Has the next reading bring a range along: what must be known, but not so soon
   * that it is worth a wait of its own.
   */
  bring(rider: Rider): void {
    this.#riders.add(rider);
  }

  /** Takes a range back that no reading has brought along yet. */
  leave(rider: Rider): void {
    this.#riders.delete(rider);
    this.#aboard.delete(rider);
  }

  /**
   * Reads with all riders, and tells them. If that fails, the next reading brings
   * them; of several that throw, the first one's error is thrown.
   */
  async #readWithRiders(ranges: readonly ReadRange[]): Promise<ArrayBuffer[]> {
    const riders = [...this.#riders];
    this.#riders.clear();
    for (const rider of riders) this.#aboard.add(rider);
    const receive = riders.map((rider) => rider.board());
    let results: ArrayBuffer[];
    try {
      results = await this.#read([
        ...ranges,
        ...riders.map(({ range }) => range),
      ], true);
    } catch (error) {
      for (const rider of riders) {
        if (this.#aboard.delete(rider)) this.#riders.add(rider);
      }
      throw error;
    }
    const errors: unknown[] = [];
    riders.forEach((rider, i) => {
      this.#aboard.delete(rider);
      try {
        receive[i]?.(results[ranges.length + i] ?? new ArrayBuffer(0));
      } catch (error) {
        errors.push(error);
      }
    });
    if (errors.length > 0) throw errors[0];
    return results.slice(0, ranges.length);
  }

  /** Reads several ranges back with one wait. */
  async read(ranges: readonly ReadRange[]): Promise<ArrayBuffer[]> {
    if (this.#riders.size > 0) return await this.#readWithRiders(ranges);
    return await this.#read(ranges, true);
  }

  /**
   * The same for what runs beside the user's code, such as a measurement: what
   * the GPU refused is the user's to know, at the next flush or read.
   */
  async readAside(ranges: readonly ReadRange[]): Promise<ArrayBuffer[]> {
    return await this.#read(ranges, false);
  }

  async #read(
    ranges: readonly ReadRange[],
    isHeard: boolean,
  ): Promise<ArrayBuffer[]> {
    this.#faults.alive();
    observer()?.read();
    for (const { block } of ranges) this.#assertWritten(block, "a read");
    const offsets: number[] = [];
    let total = 0;
    for (const { bytes } of ranges) {
      offsets.push(total);
      total += Math.ceil(bytes / 8) * 8;
    }
    if (total === 0) {
      await this.wait();
      return ranges.map(() => new ArrayBuffer(0));
    }
    const reader = this.#takeReader(total);
    let isMapped = false;
    try {
      this.#closePass();
      const encoder = this.#open();
      ranges.forEach(({ block, offset, bytes }, i) => {
        if (bytes > 0) {
          encoder.copyBufferToBuffer(
            block.buffer,
            offset,
            reader,
            offsets[i] ?? 0,
            Math.ceil(bytes / 4) * 4,
          );
        }
      });
      this.flush();
      this.#reads++;
      const mapped = reader.mapAsync(GPUMapMode.READ, 0, total);
      mapped.then(() => isMapped = true, () => {});
      await this.#faults.settle(mapped, "read from the GPU", isHeard);
      for (const { block } of ranges) this.#assertWritten(block, "a read");
      const bytes = reader.getMappedRange(0, total);
      return ranges.map(({ bytes: length }, i) => {
        const start = offsets[i] ?? 0;
        return bytes.slice(start, start + length);
      });
    } finally {
      if (isMapped) {
        reader.unmap();
        this.#readers.push(reader);
      } else reader.destroy(); // Nobody can tell what state it is in.
    }
  }

  /** Records noting the time, in nanoseconds, once all before is done. */
  stamp(querySet: GPUQuerySet, index: number): void {
    this.#closePass();
    const timestampWrites = { querySet, beginningOfPassWriteIndex: index };
    this.#open().beginComputePass({ timestampWrites }).end();
    this.#pending++;
  }

  /** Records writing the times that were noted to a buffer. */
  resolve(querySet: GPUQuerySet, count: number, target: Block): void {
    this.#closePass();
    this.#open().resolveQuerySet(querySet, 0, count, target.buffer, 0);
    this.#writes(target);
    this.#pending++;
  }

  /** Submits what is recorded and waits until the GPU has done it. */
  async wait(): Promise<void> {
    this.#faults.alive();
    observer()?.read();
    this.flush();
    this.#reads++;
    await this.#faults.settle(
      this.#gpu.queue.onSubmittedWorkDone(),
      "wait for the GPU",
    );
  }

  /** Submits what is recorded, then commands that were put together before. */
  play(list: CommandList): void {
    this.flush();
    this.#faults.submit(this.#chunk, () => {
      for (const block of list.written) {
        block.made = this.#chunk;
        block.integers = undefined;
      }
      this.#chunk += list.play();
    });
    this.#dispatches += list.dispatches;
    this.#faults.check();
  }

  /** Finds what a dispatch that will be repeated must bind. */
  prepare(layout: BindLayout, bindings: readonly Binding[]): PreparedBindings {
    const copies: PreparedCopy[] = [];
    const bound = bindings.map((binding, place) => {
      if (layout.bind[place] !== "texels") return binding;
      const plan = this.#mirrors.plan(binding, place);
      copies.push(...plan.copies);
      return plan.mirror;
    });
    return { bound, copies };
  }

  /** Notes that what is recorded next writes a block. */
  #writes(block: Block): void {
    block.chunk = this.#chunk;
    if (block.made === UNWRITTEN) block.made = this.#chunk;
  }

  /** Throws where a block holds nothing, as the commands for it were refused. */
  #assertWritten(block: Block, reader: string): void {
    if (!this.#faults.hasRefusals) return;
    const cause = this.#faults.refusalOf(block.made);
    if (!cause) return;
    throw new GpuError(
      `Cannot use a tensor in ${reader}: the commands that made it were ` +
        `refused: ${cause.message}`,
      { cause },
    );
  }

  #open(): GPUCommandEncoder {
    return this.#encoder ??= this.#gpu.createCommandEncoder();
  }

  #openPass(): GPUComputePassEncoder {
    this.#pipeline = undefined;
    return this.#open().beginComputePass();
  }

  #closePass(): void {
    this.#pass?.end();
    this.#pass = undefined;
  }

  #takeReader(bytes: number): GPUBuffer {
    const i = this.#readers.findIndex((reader) => reader.size >= bytes);
    const [reader] = i < 0 ? [] : this.#readers.splice(i, 1);
    if (reader) return reader;
    // One spare of each magnitude is enough; the smaller ones go.
    for (const spare of this.#readers.splice(0)) spare.destroy();
    return this.#faults.watch(
      () =>
        this.#gpu.createBuffer({
          size: 2 ** Math.ceil(Math.log2(Math.max(bytes, 4096))),
          usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
        }),
      outOfMemory,
      "out-of-memory",
    );
  }

  /** The bindings with those that are read as texels replaced by mirrors. */
  #mirrored(
    { bind }: BindLayout,
    bindings: readonly Binding[],
  ): (Binding | TexelBinding)[] {
    this.#closePass();
    const encoder = this.#open();
    return bindings.map((binding, place) =>
      bind[place] === "texels"
        ? this.#mirrors.copy(encoder, binding, place)
        : binding
    );
  }

  #group(
    layout: BindLayout,
    bindings: readonly (Binding | TexelBinding)[],
  ): GPUBindGroup {
    let node: BindNode = layout.groups;
    for (const { id } of bindings) {
      node.next ??= new Map();
      let next = node.next.get(id);
      if (!next) {
        node.next.set(id, next = { next: undefined, group: undefined });
      }
      node = next;
    }
    if (node.group) return node.group;
    if (++this.#groups > MAX_GROUPS) {
      this.#pipelines.dropGroups();
      this.#groups = 0;
    }
    return node.group = this.makeGroup(layout, bindings, this.#arena);
  }

  /** Makes a bind group, with a buffer of parameters if the layout has them. */
  makeGroup(
    layout: BindLayout,
    bindings: readonly (Binding | TexelBinding)[],
    params: GPUBuffer,
  ): GPUBindGroup {
    this.#bindGroups++;
    assertApart(layout, bindings);
    const resources: GPUBindingResource[] = bindings.map((bound) =>
      "view" in bound ? bound.view : {
        buffer: bound.block.buffer,
        offset: bound.offset,
        size: bound.size,
      }
    );
    if (layout.hasParams) {
      resources.push({ buffer: params, size: PARAMS_BYTES });
    }
    return this.#faults.watch(() =>
      this.#gpu.createBindGroup({
        layout: layout.gpu,
        entries: resources.map((resource, binding) => ({ binding, resource })),
      })
    );
  }
}
