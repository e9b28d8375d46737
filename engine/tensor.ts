// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

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
import { formatShape, type Shape, sizeOf } from "./shape.ts";
import { adopt, forget, persist, type Scope } from "./scope.ts";

/** Where a tensor's elements lie. */
export interface Storage {
  /** The buffer. */
  readonly block: Block;
  /** A multiple of 256. */
  readonly byteOffset: number;
}

/** A node of the tape: how the tensor that holds it was made. */
export interface Node {
  /** Rises with every node, so that larger means made later. */
  readonly order: number;
  /** What the op took. */
  readonly inputs: readonly AnyTensor[];
  /** Its derivative. */
  readonly backward: BackwardFunction;
}

/**
 * Gives the gradients of an op's inputs from the gradient of its output.
 *
 * @param dy The gradient of the output.
 * @param into For each input the tensor in which its gradient is being summed,
 * where that exists already: a kernel that can add to it does so and returns
 * it; all others return the gradient alone.
 * @returns One tensor per input; `undefined` where there is no gradient.
 */
export type BackwardFunction = (
  dy: Tensor,
  into: readonly (Tensor | undefined)[],
) => readonly (Tensor | undefined)[];

/**
 * An array of numbers on the GPU: contiguous, row-major.
 *
 * Tensors are made by functions (`tensor`, `zeros`, `matmul` …). Their memory
 * goes back to the pool when the {@linkcode scope} that they were made in ends,
 * or at {@linkcode dispose}.
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
  /** Whether {@linkcode backward} is to find this tensor's gradient. */
  requiresGrad = false;
  /** How this tensor was made; leaves have none. */
  node: Node | undefined;
  /** The scope that will free this tensor, if any. */
  owner: Scope | undefined;
  /** What the error for a use after disposal adds: why it may be unexpected. */
  disposalNote = "";
  /** The tensor that this one is a view of, if it is one. */
  base: Tensor<D> | undefined;
  /** When the elements were last overwritten; see changes.ts. */
  changedAt = 0;
  readonly #device: Device;
  #block: Block | undefined;
  #byteOffset = 0;
  #binding: Binding | undefined;
  #grad: Tensor | undefined;

  /** Use {@linkcode allocate}, {@linkcode alias} or the creation functions. */
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

  /** Gives the tensor its memory; {@linkcode Parameter}s get theirs late. */
  protected place({ block, byteOffset }: Storage): void {
    this.#block = block;
    this.#byteOffset = byteOffset;
    block.references++;
  }

  /** The gradient that {@linkcode backward} summed, for leaves of the tape. */
  get grad(): Tensor | undefined {
    return this.#grad;
  }

  /** The gradient as a tensor to add to: all zero at first. */
  gradientTarget(): Tensor {
    if (!this.#grad) {
      const grad = persist(allocate(this.device, this.shape));
      this.device.stream.clear(grad.block, grad.byteOffset, grad.bytes);
      this.#grad = grad;
    }
    return this.#grad;
  }

  /** Forgets the gradient and frees its memory. */
  dropGradient(): void {
    this.#grad?.dispose();
    this.#grad = undefined;
  }

  /** The device that holds the elements. */
  get device(): Device {
    return this.#device;
  }

  /** The bytes of the elements. */
  get bytes(): number {
    return this.size * DTYPES[this.dtype].bytes;
  }

  /** The block that holds the elements. */
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

  /** Where in {@linkcode block} the elements start. */
  get byteOffset(): number {
    return this.#byteOffset;
  }

  /** Whether the memory has been given back. */
  get isDisposed(): boolean {
    return this.#block === undefined;
  }

  /** Whether one binding can hold all elements. */
  get fitsBinding(): boolean {
    return alignBytes(this.bytes) <= this.#device.maxBindingSize;
  }

  /**
   * All elements as a kernel sees them.
   *
   * @throws {RangeError} If they exceed the device's largest binding.
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
    // Who has all that was asked for has the slack, too, so that tensors of many
    // lengths share bind groups. Who has less shares the block: exactly its own.
    const bytes = Math.max(alignBytes(this.bytes), BLOCK_ALIGNMENT); // Never of none.
    const whole = this.#byteOffset === 0 && bytes === block.asked &&
      block.size <= this.#device.maxBindingSize;
    this.#binding = whole ? block.whole : block.window(this.#byteOffset, bytes);
    return this.#binding;
  }

  /**
   * Elements `start` to `start + count` as a kernel sees them.
   *
   * `start` counts elements and must be a multiple of 64.
   */
  window(start: number, count: number): Binding {
    const bytes = DTYPES[this.dtype].bytes;
    return this.block.window(
      this.#byteOffset + start * bytes,
      alignBytes(count * bytes),
    );
  }

  /** Reads the elements back, row by row. Costs one wait: 10 ms in Deno. */
  async data(): Promise<TypedArray<D>> {
    const [buffer] = await readBuffers([this]);
    return viewOf(this, buffer);
  }

  /**
   * Reads the only element back.
   *
   * @throws {TypeError} If there is not exactly one.
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

  /** Overwrites the elements with host values, row by row. */
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

  /** Such as `Tensor f32 [2, 3]`; `await data()` gives the elements. */
  toString(): string {
    const { constructor: { name }, dtype, shape } = this;
    return `${name} ${dtype} ${formatShape(shape)}`;
  }

  /** What `console.log` shows in Deno. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }

  /** What `console.log` shows in Node. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }

  /** Gives the memory back to the pool; the tensor cannot be used after. */
  dispose(): void {
    const block = this.#block;
    if (!block) return;
    forget(this);
    this.dropGradient();
    this.#block = undefined;
    this.#binding = undefined;
    this.node = undefined;
    if (--block.references === 0) this.#device.pool.release(block);
  }
}

/** A tensor of any element type. */
export type AnyTensor = Tensor<DType>;

/**
 * Whether a tensor has an element type, which the type checker then knows, too.
 *
 * @param x Any tensor.
 * @param dtype The element type that it may have.
 * @returns Whether it has it.
 *
 * @example Usage
 * ```ts
 * import { type AnyTensor, hasDType, initialize, tensor } from "@swagpu/swagpu/engine";
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
 * @throws {RangeError} If no buffer of the device can be so large.
 */
export function allocate<D extends DType = "f32">(
  device: Device,
  shape: Shape,
  dtype: D = "f32" as D,
): Tensor<D> {
  const bytes = sizeOf(shape) * DTYPES[dtype].bytes;
  const most = device.gpu.limits.maxBufferSize;
  if (bytes > most) {
    throw new RangeError(
      `Cannot make a tensor of shape ${
        formatShape(shape)
      }: its ${bytes} bytes exceed the device's largest buffer of ${most}`,
    );
  }
  const block = device.pool.acquire(bytes);
  const tensor = new Tensor(device, shape, dtype, { block, byteOffset: 0 });
  adopt(tensor);
  return tensor;
}

/** Makes a second tensor over the same memory, with a shape of the same size. */
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
 * Reads several tensors back with one wait. Several reads may be under way at
 * once; each gives the elements of the moment when it was called, whatever is
 * recorded, written or freed meanwhile.
 *
 * @throws {TypeError} If the tensors are not all on one device.
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
  const buffers = await readBuffers(tensors);
  return tensors.map((x, i) => viewOf(x, buffers[i]));
}

async function readBuffers(
  tensors: readonly AnyTensor[],
): Promise<ArrayBuffer[]> {
  const [first] = tensors;
  if (!first) return [];
  const other = tensors.find(({ device }) => device !== first.device);
  if (other) {
    throw new TypeError(
      `Cannot read tensors of two devices at once: ${first.device.name} and ` +
        other.device.name,
    );
  }
  return await first.device.stream.read(
    tensors.map(({ block, byteOffset, bytes }) => ({
      block,
      offset: byteOffset,
      bytes,
    })),
  );
}

/** The elements of a tensor from the bytes that were read. */
function viewOf<D extends DType>(
  { dtype, size }: Tensor<D>,
  buffer: ArrayBuffer = new ArrayBuffer(0),
): TypedArray<D> {
  return DTYPES[dtype].view(buffer, 0, size);
}
