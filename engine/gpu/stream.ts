// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

import type { TypedArray } from "../dtype.ts";
import { BindGroups } from "./bind_groups.ts";
import type { Binding, Block } from "./block.ts";
import { GpuError } from "./errors.ts";
import { type Faults, outOfMemory, UNWRITTEN, UPLOADED } from "./faults.ts";
import { BufferUsage, MapMode } from "./flags.ts";
import { integersOf } from "./host_integers.ts";
import type { Kernel } from "./kernel.ts";
import { observer, type Param, type PlainParam } from "./observer.ts";
import { assertFits, type Pipeline, type PipelineCache } from "./pipeline.ts";
import {
  copiesOf,
  dispatchesOf,
  type DispatchLimits,
  rangesOf,
  readRangeOf,
  uploadsOf,
} from "./replicated_commands.ts";
import { isReplicating, replication } from "./replication.ts";
import { ParamArena, UploadArena } from "./uploads.ts";

/** Dispatches per submit: the GPU works while the next chunk is recorded. */
const CHUNK = 64;

/** Counts of a {@linkcode Stream} since it was made. */
export interface StreamStatistics {
  /** Dispatches recorded. */
  dispatches: number;
  /** Chunks submitted. */
  submits: number;
  /** Bind groups made; a step that is repeated makes none. */
  bindGroups: number;
  /** Waits for the GPU: each takes 10 ms or more in Deno. */
  reads: number;
}

/**
 * A range that the next reading brings along, whatever else it reads: for
 * numbers that must be known some time, but not so soon that they are worth a
 * wait.
 */
export interface Rider {
  /** The bytes to bring along. */
  readonly range: {
    /** The buffer. */
    readonly block: Block;
    /** Bytes from the start of the buffer. */
    readonly offset: number;
    /** How many bytes. */
    readonly bytes: number;
  };
  /**
   * Called when the range is about to be copied.
   *
   * @returns A function that is called with the bytes once they are there; it
   * may throw.
   */
  board(): (bytes: ArrayBuffer) => void;
}

/** Commands that were put together before, such as those of a captured step. */
export interface CommandList {
  /** How many dispatches there are. */
  readonly dispatches: number;
  /** The blocks that the commands write for the caller to read. */
  readonly written: readonly Block[];
  /** Submits all commands, and returns in how many submits. */
  play(): number;
}

/**
 * Records commands into one open pass and submits them in chunks.
 *
 * `queue.writeBuffer` takes effect before commands that are recorded but not
 * submitted. So only this class calls it (and `capture/program.ts`, which submits
 * everything first): where a command of the chunk uses the memory that an
 * {@linkcode upload} writes, the values wait beside the chunk and a copy is
 * recorded or, if they are many, the chunk is submitted first. The parameters and
 * the small uploads of a chunk go up in one write each.
 *
 * @example Counting dispatches
 * ```ts
 * import { add, initialize, tensor } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * const { stream } = await initialize();
 * const x = tensor([1, 2]);
 * const { dispatches } = stream.statistics();
 * add(x, 1);
 * assertEquals(stream.statistics().dispatches, dispatches + 1);
 * ```
 */
export class Stream {
  /**
   * What dispatches bind.
   *
   * @internal
   */
  readonly bindGroups: BindGroups;
  readonly #gpu: GPUDevice;
  readonly #pipelines: PipelineCache;
  readonly #faults: Faults;
  readonly #params: ParamArena;
  readonly #uploads: UploadArena;
  readonly #readers: GPUBuffer[] = [];
  readonly #riders = new Set<Rider>();
  readonly #limits: DispatchLimits;
  /** The riders that a reading in progress brings along. */
  readonly #aboard = new Set<Rider>();
  readonly #dynamicOffset = new Uint32Array(1);
  #encoder: GPUCommandEncoder | undefined;
  #pass: GPUComputePassEncoder | undefined;
  #pipeline: Pipeline | undefined;
  #pending = 0;
  #chunk = 0;
  #dispatches = 0;
  #reads = 0;

  /**
   * Starts with nothing recorded. Every {@linkcode Device} has one stream.
   *
   * @param gpu WebGPU's own device.
   * @param pipelines Where kernels are compiled.
   * @param faults Where errors of the GPU are reported.
   */
  constructor(gpu: GPUDevice, pipelines: PipelineCache, faults: Faults) {
    this.#gpu = gpu;
    this.#pipelines = pipelines;
    this.#faults = faults;
    this.#limits = {
      binding: gpu.limits.maxStorageBufferBindingSize,
      groups: gpu.limits.maxComputeWorkgroupsPerDimension,
      buffers: gpu.limits.maxStorageBuffersPerShaderStage,
    };
    this.#params = new ParamArena(gpu, CHUNK);
    this.#uploads = new UploadArena(gpu);
    this.bindGroups = new BindGroups(
      gpu,
      pipelines,
      faults,
      this.#params.buffer,
    );
  }

  /** Counts since the stream was made. */
  statistics(): StreamStatistics {
    return {
      dispatches: this.#dispatches,
      submits: this.#chunk,
      bindGroups: this.bindGroups.made,
      reads: this.#reads,
    };
  }

  /** Records one dispatch of `x·y·z` workgroups, for each replica if any. */
  dispatch(
    kernel: Kernel,
    bindings: readonly Binding[],
    params: Readonly<Record<string, Param>>,
    x: number,
    y: number,
    z: number,
  ): void {
    let isPlain = !replication();
    for (let i = 0; isPlain && i < bindings.length; i++) {
      isPlain = !bindings[i]?.block.replicas;
    }
    if (isPlain) {
      const plain = params as Readonly<Record<string, PlainParam>>;
      this.#dispatch(kernel, bindings, plain, x, y, z);
      return;
    }
    const call = { kernel, bindings, params, groups: [x, y, z] } as const;
    for (const plain of dispatchesOf(call, this.#limits)) {
      const { kernel, bindings, params, groups } = plain;
      this.#dispatch(kernel, bindings, params, ...groups);
    }
  }

  #dispatch(
    kernel: Kernel,
    bindings: readonly Binding[],
    params: Readonly<Record<string, PlainParam>>,
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
    const { layout, fields } = pipeline;
    let bound: Parameters<BindGroups["get"]>[1] = bindings;
    if (layout.hasTexels) {
      this.#closePass();
      bound = this.bindGroups.mirror(layout, bindings, this.#open());
    }
    const pass = this.#pass ??= this.#openPass();
    if (pipeline !== this.#pipeline) {
      pass.setPipeline(pipeline.gpu);
      this.#pipeline = pipeline;
    }
    const group = this.bindGroups.get(layout, bound);
    if (fields.length > 0) {
      this.#dynamicOffset[0] = this.#params.add(kernel.name, fields, params);
      // As a typed array: a plain one takes Deno four times as long.
      pass.setBindGroup(0, group, this.#dynamicOffset, 0, 1);
    } else {
      pass.setBindGroup(0, group);
    }
    pass.dispatchWorkgroups(x, y, z);
    const { bind } = layout;
    const chunk = this.#chunk;
    for (let i = 0; i < bindings.length; i++) {
      const { block } = bindings[i] as Binding;
      block.chunk = chunk;
      if (bind[i] !== "write") continue;
      block.integers = undefined;
      if (block.made === UNWRITTEN) block.made = chunk;
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
    for (const copy of copiesOf(source, target, bytes)) this.#copy(...copy);
  }

  #copy(source: Binding, target: Binding, bytes: number): void {
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

  /** Records setting a range of bytes to zero. */
  clear(block: Block, offset: number, bytes: number): void {
    for (const range of rangesOf(block, { offset, bytes }, "clear")) {
      this.#clear(block, range.offset, range.bytes);
    }
  }

  #clear(block: Block, offset: number, bytes: number): void {
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
    for (const [at, part] of uploadsOf(block, offset, values)) {
      this.#upload(block, at, part);
    }
    if (!block.replicas) return;
    block.integers = isReplicating() && offset === 0
      ? integersOf(values)
      : undefined;
  }

  #upload(block: Block, offset: number, values: TypedArray): void {
    this.#faults.alive();
    block.integers = offset === 0 ? integersOf(values) : undefined;
    if (observer()?.upload(this, block, offset, values)) return;
    const isUsed = block.chunk === this.#chunk && this.#pending > 0;
    if (isUsed && this.#uploads.hasRoom(values.byteLength)) {
      this.#closePass();
      this.#uploads.copy(this.#open(), values, block.buffer, offset);
      this.#writes(block);
      this.#pending++;
      return;
    }
    if (isUsed) this.flush();
    this.#faults.watch(() =>
      this.#gpu.queue.writeBuffer(block.buffer, offset, values)
    );
    if (block.made === UNWRITTEN) block.made = UPLOADED;
  }

  /**
   * Submits what is recorded, and throws what the GPU has reported by now.
   *
   * @throws {GpuError} If a command was refused or memory ran out.
   */
  flush(): void {
    this.#faults.alive();
    this.#closePass();
    const encoder = this.#encoder;
    if (encoder) {
      this.#encoder = undefined;
      this.#pending = 0;
      const paramBytes = this.#params.take();
      const uploadBytes = this.#uploads.take();
      this.#faults.submit(this.#chunk++, () => {
        const { queue } = this.#gpu;
        this.#params.write(queue, paramBytes);
        this.#uploads.write(queue, uploadBytes);
        queue.submit([encoder.finish()]);
      });
    }
    this.#faults.check();
  }

  /**
   * Submits what is recorded, then commands that were put together before.
   *
   * @internal
   */
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

  /** Has the next reading bring a range along. */
  bring(rider: Rider): void {
    this.#riders.add(rider);
  }

  /** Takes back a range that no reading has brought along yet. */
  leave(rider: Rider): void {
    this.#riders.delete(rider);
    this.#aboard.delete(rider);
  }

  /**
   * Reads several ranges back with one wait.
   *
   * @throws {GpuError} If a command was refused or memory ran out.
   */
  async read(ranges: readonly Rider["range"][]): Promise<ArrayBuffer[]> {
    const plain = ranges.map(readRangeOf);
    if (this.#riders.size > 0) return await this.#readWithRiders(plain);
    return await this.#read(plain, true);
  }

  /**
   * Like {@linkcode read}, for what runs beside the user's code, such as a
   * measurement. Commands of the user that the GPU refused are reported to the
   * user, at the next flush or read.
   */
  async readAside(ranges: readonly Rider["range"][]): Promise<ArrayBuffer[]> {
    return await this.#read(ranges, false);
  }

  /**
   * Reads with all riders, and gives them their bytes. If the reading fails, the
   * next one brings them. If several riders throw, the first error is thrown.
   */
  async #readWithRiders(
    ranges: readonly Rider["range"][],
  ): Promise<ArrayBuffer[]> {
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

  /** @param throwsToCaller Whether the caller is the one to learn of errors. */
  async #read(
    ranges: readonly Rider["range"][],
    throwsToCaller: boolean,
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
      const mapped = reader.mapAsync(MapMode.READ, 0, total);
      mapped.then(() => isMapped = true, () => {});
      await this.#faults.settle(mapped, "read from the GPU", throwsToCaller);
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
      } else reader.destroy(); // Its state is unknown.
    }
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

  /** Records noting the time, in nanoseconds, once everything before is done. */
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

  /** Notes that the chunk that is being recorded writes a block. */
  #writes(block: Block): void {
    block.chunk = this.#chunk;
    if (block.made === UNWRITTEN) block.made = this.#chunk;
  }

  /** Throws if the commands that should have written a block were refused. */
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
    // One spare is enough: the smaller ones are destroyed.
    for (const spare of this.#readers.splice(0)) spare.destroy();
    return this.#faults.watch(
      () =>
        this.#gpu.createBuffer({
          size: 2 ** Math.ceil(Math.log2(Math.max(bytes, 4096))),
          usage: BufferUsage.MAP_READ | BufferUsage.COPY_DST,
        }),
      outOfMemory,
      "out-of-memory",
    );
  }
}
