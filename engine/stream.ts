// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

import {
  type BindLayout,
  type BindNode,
  type Kernel,
  PARAMS_BYTES,
  type Pipeline,
  type PipelineCache,
} from "./kernel.ts";
import type { Binding, Block } from "./pool.ts";
import type { TypedArray } from "./dtype.ts";
import { integersOf } from "./host_integers.ts";
import { Live, observer, type Param } from "./observer.ts";
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
  readonly #check: () => void;
  readonly #arena: GPUBuffer;
  readonly #staging = new ArrayBuffer(CHUNK * PARAMS_BYTES);
  readonly #u32 = new Uint32Array(this.#staging);
  readonly #i32 = new Int32Array(this.#staging);
  readonly #f32 = new Float32Array(this.#staging);
  readonly #mirrors: Mirrors;
  readonly #uploads: GPUBuffer;
  readonly #uploadStaging = new Uint8Array(UPLOAD_BYTES);
  readonly #readers: GPUBuffer[] = [];
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
  constructor(gpu: GPUDevice, pipelines: PipelineCache, check: () => void) {
    this.#gpu = gpu;
    this.#pipelines = pipelines;
    this.#check = check;
    this.#mirrors = new Mirrors(gpu);
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
    const pipeline = this.#pipelines.get(kernel);
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
      const offset = this.#slots++ * PARAMS_BYTES;
      let at = offset >> 2;
      for (const [name, type] of fields) {
        const param = params[name];
        const value = param instanceof Live ? param.value : param;
        if (value === undefined) {
          throw new TypeError(
            `Cannot dispatch ${kernel.name}: parameter ${name} is missing`,
          );
        }
        if (type === "f32") this.#f32[at++] = value;
        else if (type === "u32") this.#u32[at++] = value;
        else this.#i32[at++] = value;
      }
      this.#dynamicOffset[0] = offset;
      // As a typed array: a plain one takes Deno four times as long.
      pass.setBindGroup(0, group, this.#dynamicOffset, 0, 1);
    } else {
      pass.setBindGroup(0, group);
    }
    pass.dispatchWorkgroups(x, y, z);
    for (let i = 0; i < bindings.length; i++) {
      const block = bindings[i]?.block;
      if (!block) continue;
      block.chunk = this.#chunk;
      if (kernel.bind[i] === "write") block.integers = undefined;
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
    observer()?.copy(this, source, target, bytes);
    this.#closePass();
    this.#open().copyBufferToBuffer(
      source.block.buffer,
      source.offset,
      target.block.buffer,
      target.offset,
      Math.ceil(bytes / 4) * 4,
    );
    source.block.chunk = target.block.chunk = this.#chunk;
    target.block.integers = undefined;
    this.#pending++;
  }

  /** Records zeroing a range. */
  clear(block: Block, offset: number, bytes: number): void {
    observer()?.clear(this, block, offset, bytes);
    this.#closePass();
    this.#open().clearBuffer(block.buffer, offset, Math.ceil(bytes / 4) * 4);
    block.chunk = this.#chunk;
    block.integers = undefined;
    this.#pending++;
  }

  /** Writes host values into a block, after everything recorded before. */
  upload(block: Block, offset: number, values: TypedArray): void {
    block.integers = offset === 0 ? integersOf(values) : undefined;
    if (observer()?.upload(this, block, offset, values)) return;
    const used = block.chunk === this.#chunk && this.#pending > 0;
    if (used && this.#uploaded + values.byteLength <= UPLOAD_BYTES) {
      this.#uploadLater(block, offset, values);
      return;
    }
    if (used) this.flush();
    this.#gpu.queue.writeBuffer(block.buffer, offset, values);
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
    this.#pending++;
  }

  /** Submits what is recorded, and throws what the GPU has reported by now. */
  flush(): void {
    this.#closePass();
    const encoder = this.#encoder;
    if (encoder) {
      if (this.#slots > 0) {
        this.#gpu.queue.writeBuffer(
          this.#arena,
          0,
          this.#staging,
          0,
          this.#slots * PARAMS_BYTES,
        );
      }
      if (this.#uploaded > 0) {
        this.#gpu.queue.writeBuffer(
          this.#uploads,
          0,
          this.#uploadStaging,
          0,
          this.#uploaded,
        );
      }
      this.#gpu.queue.submit([encoder.finish()]);
      this.#encoder = undefined;
      this.#slots = 0;
      this.#uploaded = 0;
      this.#pending = 0;
      this.#chunk++;
    }
    this.#check();
  }

  /** Reads several ranges back with one wait. */
  async read(ranges: readonly ReadRange[]): Promise<ArrayBuffer[]> {
    observer()?.read();
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
    try {
      await reader.mapAsync(GPUMapMode.READ, 0, total);
    } catch (error) {
      this.#check();
      throw error;
    }
    const mapped = reader.getMappedRange(0, total);
    const results = ranges.map(({ bytes }, i) => {
      const start = offsets[i] ?? 0;
      return mapped.slice(start, start + bytes);
    });
    reader.unmap();
    this.#readers.push(reader);
    this.#check();
    return results;
  }

  /** Records noting the time, in nanoseconds, once all before is done. */
  stamp(querySet: GPUQuerySet, index: number): void {
    this.#closePass();
    const timestampWrites = { querySet, beginningOfPassWriteIndex: index };
    this.#open().beginComputePass({ timestampWrites }).end();
    this.#pending++;
  }

  /** Submits what is recorded and waits until the GPU has done it. */
  async wait(): Promise<void> {
    observer()?.read();
    this.flush();
    this.#reads++;
    await this.#gpu.queue.onSubmittedWorkDone();
    this.#check();
  }

  /** Submits what is recorded, then commands that were put together before. */
  play(list: CommandList): void {
    this.flush();
    this.#chunk += list.play();
    this.#dispatches += list.dispatches;
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
    return this.#gpu.createBuffer({
      size: 2 ** Math.ceil(Math.log2(Math.max(bytes, 4096))),
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
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
    return this.#gpu.createBindGroup({
      layout: layout.gpu,
      entries: resources.map((resource, binding) => ({ binding, resource })),
    });
  }
}
