// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The Tensor: a shape, an element type and a place in the memory of a device.
// About half of the file is documentation.

import { checkUnchanged, touch } from "./changes.ts";
import type { Device } from "./gpu/device.ts";
import {
  type DType,
  dtypeOf,
  DTYPES,
  isTypedArray,
  type TypedArray,
} from "./dtype.ts";
import {
  alignBytes,
  type Binding,
  type Block,
  BLOCK_ALIGNMENT,
} from "./gpu/block.ts";
import {
  asReplicated,
  isReplicating,
  ReplicaError,
  replication,
} from "./gpu/replication.ts";
import { unpackHalves } from "./half_values.ts";
import { formatShape, type Shape, sizeOf } from "./shape.ts";
import { adopt, forget, persist, type Scope } from "./scope.ts";

/** The memory that holds a tensor's elements. */
export interface Storage {
  /** The part of the pool that holds the elements. */
  readonly block: Block;
  /** Where in the block the elements start: a multiple of 256. */
  readonly byteOffset: number;
}

/** A node of the tape: it tells how the results of an op were made. */
export interface OpNode {
  /** Larger for each new node, so that nodes can be sorted by age. */
  readonly order: number;
  /** The tensors that the op was given. */
  readonly inputs: readonly AnyTensor[];
  /** The results of the op, usually one. */
  readonly outputs: readonly AnyTensor[];
  /** The derivative of the op. */
  readonly backward: JointBackwardFunction;
}

/** A node of the tape for a whole function, which keeps none of its tensors. */
export interface CheckpointNode {
  /** As for an op: the time at which the function began. */
  readonly order: number;
  /**
   * The tensors from outside that the function used and that need a gradient,
   * once for each use.
   */
  readonly inputs: readonly AnyTensor[];
  /** The results of the function that depend on them. */
  readonly outputs: readonly AnyTensor[];
  /** Runs the function again, and gives its results, each for an output. */
  readonly again: () => readonly AnyTensor[];
}

/** A node of the tape: an op, or a function that runs again. */
export type Node = OpNode | CheckpointNode;

/**
 * The derivative of an op: it finds the gradients of the inputs from the
 * gradient of the output.
 *
 * @param dy The gradient of the output.
 * @param into For each input the tensor in which its gradient is being summed,
 * if there is one already. A derivative that can add to it does so and returns
 * it; others return a gradient in a tensor that they made.
 * @returns A tensor for each input, or `undefined` where there is no gradient.
 */
export type BackwardFunction = (
  dy: Tensor,
  into: readonly (Tensor | undefined)[],
) => readonly (Tensor | undefined)[];

/**
 * The derivative of an op with several results: as {@linkcode BackwardFunction},
 * from the gradients of all results. A result that was not used has none.
 */
export type JointBackwardFunction = (
  dys: readonly (Tensor | undefined)[],
  into: readonly (Tensor | undefined)[],
) => readonly (Tensor | undefined)[];

/**
 * An array of numbers on the GPU: contiguous and row-major.
 *
 * The type parameter is the element type, and `data()` gives the typed array of
 * that type. A plain `Tensor` holds floats; a {@linkcode IntegerTensor} holds
 * integers, and an {@linkcode AnyTensor} numbers of any type.
 *
 * Functions make tensors (`tensor`, `zeros`, `matmul` …). The memory goes back
 * to the pool at the end of the `scope` that a tensor was made in, or at
 * `dispose()`.
 *
 * @example Usage
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const x = tensor([[1, 2, 3], [4, 5, 6]]);
 * assertEquals(x.shape, [2, 3]);
 * assertEquals([...await x.data()], [1, 2, 3, 4, 5, 6]);
 * ```
 */
export class Tensor<D extends DType = "f32"> {
  /** The lengths of the axes, outermost first. */
  readonly shape: Shape;
  /** The element type. */
  readonly dtype: D;
  /** The number of elements. */
  readonly size: number;
  /** How this tensor was made; `undefined` for leaves of the tape. */
  node: Node | undefined;
  /** The scope that will free this tensor, if one will. */
  owner: Scope | undefined;
  /**
   * Text that the error for a use after disposal adds, to explain the disposal.
   */
  disposalNote = "";
  /** The tensor that this one is a view of, if it is one. */
  base: Tensor<D> | undefined;
  /** The time at which the elements were last overwritten; see changes.ts. */
  changedAt = 0;
  readonly #device: Device;
  #requiresGrad = false;
  #block: Block | undefined;
  #byteOffset = 0;
  #binding: Binding | undefined;
  #grad: Tensor | undefined;

  /**
   * Describes a tensor. Functions such as `tensor` and `zeros` are the usual
   * way to make one; `allocate` and `alias` serve new ops.
   *
   * @param device The device that holds the elements.
   * @param shape The lengths of the axes.
   * @param dtype The element type.
   * @param storage The memory, unless it is given later.
   */
  constructor(
    device: Device,
    shape: Shape,
    dtype: D,
    storage?: Storage,
  ) {
    this.shape = shape;
    this.dtype = dtype;
    this.size = sizeOf(shape);
    this.#device = device;
    if (storage) this.place(storage);
  }

  /**
   * Gives the tensor its memory. Parameters call this after the constructor, and
   * again when they move.
   */
  protected place({ block, byteOffset }: Storage): void {
    const before = this.#block;
    block.references++;
    this.#block = block;
    this.#byteOffset = byteOffset;
    this.#binding = undefined;
    if (before) this.#leave(before);
  }

  #leave(block: Block): void {
    if (--block.references === 0) this.#device.pool.release(block);
  }

  /** Whether `backward` finds this tensor's gradient. */
  get requiresGrad(): boolean {
    return this.#requiresGrad;
  }

  set requiresGrad(value: boolean) {
    this.#requiresGrad = value;
  }

  /**
   * The elements as f16, two a word, if the tensor is stored so: a frozen
   * `Parameter` can be. `matmul`, `embedding` and `cast` take such a tensor; it
   * has no block for other ops.
   */
  get halves(): Tensor<"u32"> | undefined {
    return undefined;
  }

  /**
   * The gradient that `backward` summed; `undefined` unless this is a leaf with
   * one.
   */
  get grad(): Tensor | undefined {
    return this.#grad;
  }

  /**
   * Gives the gradient as a tensor to add to.
   *
   * @returns The gradient, which is made of zeros at the first call.
   */
  gradientTarget(): Tensor {
    this.#grad ??= asReplicated(this.block, () => {
      const grad = persist(allocate(this.device, this.shape));
      this.device.stream.clear(grad.block, grad.byteOffset, grad.bytes);
      return grad;
    });
    return this.#grad;
  }

  /** Removes the gradient and frees its memory. */
  dropGradient(): void {
    this.#grad?.dispose();
    this.#grad = undefined;
  }

  /** The device that holds the elements. */
  get device(): Device {
    return this.#device;
  }

  /** The number of bytes that the elements take. */
  get bytes(): number {
    return this.size * DTYPES[this.dtype].bytes;
  }

  /**
   * The block that holds the elements.
   *
   * @throws {ReferenceError} If the tensor was disposed.
   */
  get block(): Block {
    if (!this.#block) {
      throw new ReferenceError(
        `Cannot use a tensor of shape ${
          formatShape(this.shape)
        }: it was disposed or its scope has ended; keep() it to use it later` +
          this.disposalNote,
      );
    }
    checkUnchanged(this);
    return this.#block;
  }

  /** Where in {@linkcode Tensor.block} the elements start, in bytes. */
  get byteOffset(): number {
    return this.#byteOffset;
  }

  /** Whether the memory was given back to the pool. */
  get isDisposed(): boolean {
    return this.#block === undefined;
  }

  /** Whether one binding can hold all elements. */
  get fitsBinding(): boolean {
    return alignBytes(this.bytes) <= this.#device.maxBindingSize;
  }

  /**
   * The binding by which a kernel reads or writes all elements.
   *
   * @throws {RangeError} If the elements exceed the device's largest binding.
   */
  get binding(): Binding {
    const block = this.block;
    if (this.#binding) return this.#binding;
    if (!this.fitsBinding) {
      throw new RangeError(
        `Cannot bind a tensor of shape ${
          formatShape(this.shape)
        } at once: ${this.bytes} bytes exceed the device's ` +
          `${this.#device.maxBindingSize}`,
      );
    }
    // A tensor that owns its block binds all of it, so that tensors of many
    // lengths share bind groups. A tensor that shares its block binds exactly
    // its range.
    // A binding is never empty.
    const bytes = Math.max(alignBytes(this.bytes), BLOCK_ALIGNMENT);
    const whole = this.#byteOffset === 0 && bytes === block.asked &&
      block.size <= this.#device.maxBindingSize;
    this.#binding = whole ? block.whole : block.window(this.#byteOffset, bytes);
    return this.#binding;
  }

  /**
   * Gives the binding by which a kernel reads or writes some of the elements.
   *
   * @param start The first element, a multiple of 64.
   * @param count The number of elements.
   * @returns A binding of elements `start` to `start + count`.
   */
  window(start: number, count: number): Binding {
    const bytes = DTYPES[this.dtype].bytes;
    return this.block.window(
      this.#byteOffset + start * bytes,
      alignBytes(count * bytes),
    );
  }

  /**
   * Reads the elements back, row by row. Each call waits for the GPU, which
   * takes 10 ms in Deno; `readAll` reads several tensors with one wait.
   *
   * @returns The elements, in the typed array of the tensor's element type.
   * @throws {GpuError} If the GPU refused commands that were recorded before.
   * @throws {DeviceLostError} If the device is gone.
   */
  async data(): Promise<TypedArray<D>> {
    const [values] = await readElements([this]);
    return values as TypedArray<D>;
  }

  /**
   * Reads the element of a tensor that has only one.
   *
   * @returns The element.
   * @throws {TypeError} If there is not exactly one element.
   */
  async item(): Promise<number> {
    if (this.size !== 1) {
      throw new TypeError(
        `Cannot read the item of a tensor of shape ${
          formatShape(this.shape)
        }: it must have exactly one element`,
      );
    }
    return (await this.data())[0] ?? NaN;
  }

  /**
   * Overwrites the elements with values of the host, row by row.
   *
   * @param values A value for each element. A typed array of the tensor's
   * element type is copied as it is; other values are converted.
   * @throws {TypeError} If there are more or fewer values than elements.
   * @throws {RangeError} If the element type does not hold a value.
   */
  write(values: ArrayLike<number>): void {
    if (values.length !== this.size) {
      throw new TypeError(
        `Cannot write ${values.length} values into a tensor of shape ${
          formatShape(this.shape)
        }: it has ${this.size} elements`,
      );
    }
    const { dtype } = this;
    const typed = isTypedArray(values) && dtypeOf(values) === dtype
      ? values
      : DTYPES[dtype].from(values);
    touch(this);
    if (this.size > 0) {
      this.device.stream.upload(this.block, this.byteOffset, typed);
    }
  }

  /**
   * Describes the tensor, such as `Tensor f32 [2, 3]`. `data()` gives the
   * elements.
   */
  toString(): string {
    const { constructor: { name }, dtype, shape } = this;
    return `${name} ${dtype} ${formatShape(shape)}`;
  }

  /** The text that `console.log` shows in Deno. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }

  /** The text that `console.log` shows in Node. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }

  /**
   * Gives the memory back to the pool. The tensor cannot be used afterwards.
   */
  dispose(): void {
    const block = this.#block;
    if (!block) return;
    forget(this);
    this.dropGradient();
    this.#block = undefined;
    this.#binding = undefined;
    this.node = undefined;
    this.#leave(block);
  }
}

/** A tensor of any element type. */
export type AnyTensor = Tensor<DType>;

/**
 * Tests a tensor's element type, and tells the type checker the result.
 *
 * @param x Any tensor.
 * @param dtype An element type.
 * @returns Whether it is the tensor's.
 *
 * @example Usage
 * ```ts
 * import {
 *   type AnyTensor,
 *   hasDType,
 *   initialize,
 *   tensor,
 * } from "@swagpu/swagpu/engine";
 * import { assert } from "@std/assert";
 *
 * await initialize();
 * const x: AnyTensor = tensor([1, 2]);
 * assert(hasDType(x, "f32"));
 * const values: Float32Array = await x.data();
 * assert(!hasDType(tensor([1, 2], { dtype: "i32" }), "f32"));
 * ```
 */
export function hasDType<D extends DType>(
  x: AnyTensor,
  dtype: D,
): x is Tensor<D> {
  return x.dtype === dtype;
}

/** For each of several tensors, the typed array that holds its elements. */
export type ArraysOf<T extends readonly AnyTensor[]> = {
  -readonly [I in keyof T]: T[I] extends AnyTensor ? TypedArray<T[I]["dtype"]>
    : never;
};

/** A tensor of integers, such as token ids, labels and masks. */
export type IntegerTensor = Tensor<"i32" | "u32">;

/**
 * Makes a tensor with arbitrary contents, for a kernel to fill.
 *
 * @param device The device that holds the elements.
 * @param shape The lengths of the axes.
 * @param dtype The element type.
 * @returns A tensor that the innermost scope frees.
 * @throws {RangeError} If the tensor exceeds the device's largest buffer.
 *
 * @example Usage
 * ```ts
 * import { currentDevice, initialize } from "@swagpu/swagpu/engine";
 * import { allocate, fillInto } from "@swagpu/swagpu/engine/kernels";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const x = allocate(currentDevice(), [2]);
 * fillInto(x, 3);
 * assertEquals([...await x.data()], [3, 3]);
 * ```
 */
export function allocate<D extends DType = "f32">(
  device: Device,
  shape: Shape,
  dtype: D = "f32" as D,
): Tensor<D> {
  const replicas = isReplicating() ? replication()?.count : undefined;
  const own = sizeOf(shape) * DTYPES[dtype].bytes;
  const step = Math.max(alignBytes(own), BLOCK_ALIGNMENT);
  const bytes = replicas === undefined ? own : replicas * step;
  const most = device.gpu.limits.maxBufferSize;
  if (bytes > most) {
    const message = (count: string) =>
      `Cannot make a tensor of shape ${formatShape(shape)}${count}: its ` +
      `${bytes} bytes exceed the device's largest buffer of ${most}`;
    throw replicas === undefined
      ? new RangeError(message(""))
      : new ReplicaError(message(` for ${replicas} replicas`));
  }
  const block = device.pool.acquire(bytes);
  if (replicas !== undefined) {
    block.replicas = { count: replicas, bytes: step };
  }
  const tensor = new Tensor(device, shape, dtype, { block, byteOffset: 0 });
  adopt(tensor);
  return tensor;
}

/**
 * Makes a second tensor over the memory of another one.
 *
 * @param x The tensor whose memory is shared.
 * @param shape The lengths of the axes; the number of elements must be x's.
 * @returns A tensor of x's type without history.
 *
 * @example Usage
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import { alias } from "@swagpu/swagpu/engine/kernels";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const x = tensor([1, 2]);
 * const y = alias(x, [2, 1]);
 * x.write([3, 4]);
 * assertEquals([...await y.data()], [3, 4]);
 * ```
 */
export function alias<D extends DType>(
  x: Tensor<D>,
  shape: Shape = x.shape,
): Tensor<D> {
  x.device.faults.alive();
  const { block, byteOffset } = x;
  const tensor = new Tensor(x.device, shape, x.dtype, { block, byteOffset });
  tensor.base = x.base ?? x;
  adopt(tensor);
  return tensor;
}

/**
 * Reads several tensors back with one wait.
 *
 * Several reads may be in progress at once. Each gives the elements that the
 * tensors had when it was called, even if they are overwritten or freed in the
 * meantime.
 *
 * @param tensors The tensors, all on one device.
 * @returns For each tensor its elements, in the typed array of its element
 * type.
 * @throws {TypeError} If the tensors are on several devices.
 * @throws {GpuError} If the GPU refused commands that were recorded before.
 * @throws {DeviceLostError} If the device is gone.
 *
 * @example Usage
 * ```ts
 * import { initialize, readAll, tensor } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const [x, y] = await readAll([tensor([1, 2]), tensor([3])]);
 * assertEquals([...x!, ...y!], [1, 2, 3]);
 * ```
 */
export async function readAll<const T extends readonly AnyTensor[]>(
  tensors: T,
): Promise<ArraysOf<T>>;
export async function readAll(
  tensors: readonly AnyTensor[],
): Promise<TypedArray[]> {
  return await readElements(tensors);
}

/** Reads the elements of several tensors. */
async function readElements(
  tensors: readonly AnyTensor[],
): Promise<TypedArray[]> {
  const [first] = tensors;
  if (!first) return [];
  const other = tensors.find(({ device }) => device !== first.device);
  if (other) {
    throw new TypeError(
      `Cannot read tensors of two devices at once: ${first.device.name} and ` +
        other.device.name,
    );
  }
  const stored = tensors.map((x) => x.halves ?? x);
  const buffers = await first.device.stream.read(
    stored.map(({ block, byteOffset, bytes }) => ({
      block,
      offset: byteOffset,
      bytes,
    })),
  );
  return tensors.map((x, i) => {
    const { dtype, size } = x;
    const buffer = buffers[i] ?? new ArrayBuffer(0);
    return stored[i] === x
      ? DTYPES[dtype].view(buffer, 0, size)
      : unpackHalves(buffer, size);
  });
}
