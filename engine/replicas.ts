// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Several copies of one program in the same dispatches. gpu/replication.ts says
// how their memory lies, gpu/replicated_commands.ts and gpu/replicated_text.ts
// what becomes of commands and kernels.

import { refusePromise } from "./asynchronous.ts";
import { Generator, keyOf, withGenerator } from "./generator.ts";
import { alignBytes, BLOCK_ALIGNMENT } from "./gpu/block.ts";
import { ReplicaError, replicate } from "./gpu/replication.ts";
import { type DTypeOf, tensor } from "./ops/creation.ts";
import { adopt, persist } from "./scope.ts";
import { formatShape, sameShape, type Shape, sizeOf } from "./shape.ts";
import { allocate, type AnyTensor, readAll, Tensor } from "./tensor.ts";
import { type DType, dtypeOf, type TypedArray } from "./dtype.ts";

/**
 * Copies of one program that run in the same dispatches: as many models of one
 * kind as there are seeds, trained at once.
 *
 * What {@linkcode Replicas.run} runs is written for one copy. Every tensor that it
 * makes has, behind its shape, elements for each replica, and every op, derivative
 * and optimizer step works on all of them in one dispatch. The replicas differ in
 * the numbers that the default generator gives: replica j draws what a program
 * would draw after `manualSeed(seeds[j])`, so that it has other initial weights and
 * other dropout masks. Each replica gets the bits that it would have alone.
 *
 * Tensors that were made outside, and those that `tensor()` and `arange()` make of
 * numbers of the host, are shared: all replicas read them, and none may write them.
 *
 * @example Three lines, fitted at once
 * ```ts
 * import {
 *   backward,
 *   initialize,
 *   mean,
 *   mul,
 *   Replicas,
 *   sub,
 *   tensor,
 * } from "@swagpu/swagpu/engine";
 * import { Linear, SGD } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * using replicas = new Replicas([1, 2, 3]);
 * const x = tensor([[0], [1]]);
 * const y = tensor([[1], [3]]);
 * const loss = replicas.run(() => {
 *   const line = new Linear(1, 1);
 *   const optimizer = new SGD(line.parameters(), { learningRate: 0.5 });
 *   const loss = () => {
 *     const error = sub(line.forward(x), y);
 *     return mean(mul(error, error));
 *   };
 *   for (let step = 0; step < 60; step++) {
 *     backward(loss());
 *     optimizer.step();
 *   }
 *   return loss();
 * });
 * const losses = await replicas.data(loss);
 * assertEquals(losses.map(([loss = NaN]) => loss < 1e-6), [true, true, true]);
 * ```
 */
export class Replicas implements Disposable {
  /** The number of replicas. */
  readonly count: number;
  readonly #table: Tensor<"u32">;
  readonly #generator: Generator;

  /**
   * Starts replicas that have drawn no random numbers yet.
   *
   * @param seeds The seed of each replica, as for `manualSeed`.
   * @throws {RangeError} If there is no seed, or one is not a whole number.
   */
  constructor(seeds: readonly (number | bigint)[]) {
    if (seeds.length === 0) {
      throw new RangeError("Cannot make 0 replicas: give at least one seed");
    }
    const words = Uint32Array.from(seeds.flatMap(keyOf));
    this.count = seeds.length;
    const table = replicate(undefined, () => persist(tensor(words)));
    this.#table = table;
    this.#generator = Generator.ofReplicas({
      words,
      width: 2,
      get binding() {
        return table.binding;
      },
    });
  }

  /**
   * How many streams of random numbers each replica has drawn. Set it to continue
   * a saved run.
   */
  get position(): number {
    return this.#generator.position;
  }

  set position(value: number) {
    this.#generator.position = value;
  }

  /**
   * Runs a function for all replicas at once.
   *
   * @param run The function, such as a training step. It must not be asynchronous.
   * @returns What `run` returns. The tensors in it are replicated: only these
   * Replicas can use or read them.
   * @throws {ReplicaError} If the function reads a tensor, draws random numbers on
   * the host, writes to a tensor that the replicas share, or makes one that exceeds
   * the device's largest buffer for so many replicas.
   * @throws {TypeError} If the function returns a promise.
   */
  run<T>(run: () => T): T {
    return this.#for(undefined, () => {
      const result = run();
      refusePromise(
        result,
        "Cannot run an asynchronous function for replicas: what follows its " +
          "first await would run outside of them; call run() between awaits",
      );
      return result;
    });
  }

  /**
   * Runs a function for one replica. To the function a replicated tensor is that
   * replica's own, to read and to write; tensors that it makes are ordinary ones.
   *
   * @param replica The number of the replica, from 0.
   * @param run The function. It may return the promise of a read, which is awaited
   * outside; what follows an `await` within it would run outside of the replica.
   * @returns What `run` returns.
   * @throws {RangeError} If there is no such replica.
   *
   * @example The weights of one replica
   * ```ts
   * import { initialize, manualSeed, Replicas } from "@swagpu/swagpu/engine";
   * import { Linear } from "@swagpu/swagpu/nn";
   * import { assertEquals } from "@std/assert";
   *
   * await initialize();
   * using replicas = new Replicas([4, 5]);
   * const layer = replicas.run(() => {
   *   const layer = new Linear(3, 2);
   *   layer.placeParameters();
   *   return layer;
   * });
   * manualSeed(5);
   * assertEquals(
   *   await replicas.only(1, () => layer.weight.data()),
   *   await new Linear(3, 2).weight.data(),
   * );
   * ```
   */
  only<T>(replica: number, run: () => T): T {
    this.#check(replica);
    return this.#for(replica, run);
  }

  /**
   * Copies one replica's elements to an ordinary tensor.
   *
   * @param x A replicated tensor.
   * @param replica The number of the replica, from 0.
   * @returns A tensor of x's shape without history.
   * @throws {ReplicaError} If x is not replicated so many times.
   * @throws {RangeError} If there is no such replica.
   */
  take<D extends DType>(x: Tensor<D>, replica: number): Tensor<D> {
    this.#require(x, "take a replica of");
    return this.only(replica, () => {
      const y = allocate(x.device, x.shape, x.dtype);
      copyElements(x, y);
      return y;
    });
  }

  /**
   * Makes a replicated tensor that holds other elements for each replica, such as
   * other examples to learn from.
   *
   * @param tensors An ordinary tensor for each replica, of one shape and type.
   * @returns A tensor of that shape, without history.
   * @throws {ReplicaError} If there are more or fewer tensors than replicas, their
   * shapes or types differ, or one is replicated.
   *
   * @example Usage
   * ```ts
   * import { initialize, mul, Replicas, tensor } from "@swagpu/swagpu/engine";
   * import { assertEquals } from "@std/assert";
   *
   * await initialize();
   * using replicas = new Replicas([1, 2]);
   * const x = replicas.stack([tensor([1, 2]), tensor([3, 4])]);
   * const y = replicas.run(() => mul(x, tensor([10, 100])));
   * assertEquals((await replicas.data(y)).map((y) => [...y]), [
   *   [10, 200],
   *   [30, 400],
   * ]);
   * ```
   */
  stack<D extends DType>(tensors: readonly Tensor<D>[]): Tensor<D> {
    const [first] = tensors;
    if (!first || tensors.length !== this.count) {
      throw new ReplicaError(
        `Cannot stack ${tensors.length} tensors: there are ${this.count} replicas`,
      );
    }
    for (const { shape, dtype, block } of tensors) {
      if (dtype === first.dtype && sameShape(shape, first.shape)) {
        if (!block.replicas) continue;
        throw new ReplicaError(
          "Cannot stack a tensor that is replicated already",
        );
      }
      throw new ReplicaError(
        `Cannot stack ${first.dtype} ${formatShape(first.shape)} and ${dtype} ${
          formatShape(shape)
        }: they must be of one shape and type`,
      );
    }
    const y = this.run(() => allocate(first.device, first.shape, first.dtype));
    tensors.forEach((x, replica) => {
      this.only(replica, () => copyElements(x, y));
    });
    return y;
  }

  /**
   * Makes a replicated tensor of other numbers of the host for each replica, in one
   * upload.
   *
   * @param values The numbers of each replica, row by row, in typed arrays of one
   * type.
   * @param shape The lengths of the axes.
   * @returns A tensor of that shape.
   * @throws {ReplicaError} If there are more or fewer arrays than replicas, their
   * types differ, or one does not fill the shape.
   *
   * @example Usage
   * ```ts
   * import { initialize, Replicas } from "@swagpu/swagpu/engine";
   * import { assertEquals } from "@std/assert";
   *
   * await initialize();
   * using replicas = new Replicas([1, 2]);
   * const x = replicas.tensor([Int32Array.of(1, 2), Int32Array.of(3, 4)], [2]);
   * assertEquals((await replicas.data(x)).map((x) => [...x]), [[1, 2], [3, 4]]);
   * ```
   */
  tensor<A extends TypedArray>(
    values: readonly A[],
    shape: Shape,
  ): Tensor<DTypeOf<A>> {
    const [first] = values;
    if (!first || values.length !== this.count) {
      throw new ReplicaError(
        `Cannot make a tensor of ${values.length} arrays: there are ` +
          `${this.count} replicas`,
      );
    }
    const size = sizeOf(shape);
    const dtype = dtypeOf(first);
    for (const own of values) {
      if (own.length === size && dtypeOf(own) === dtype) continue;
      throw new ReplicaError(
        `Cannot make a ${dtype} tensor of shape ${formatShape(shape)} of ` +
          `${own.length} values of ${dtypeOf(own)}: each replica needs ${size}`,
      );
    }
    const step = Math.max(alignBytes(first.byteLength), BLOCK_ALIGNMENT);
    const all = new Uint8Array(this.count * step);
    values.forEach(({ buffer, byteOffset, byteLength }, replica) => {
      all.set(new Uint8Array(buffer, byteOffset, byteLength), replica * step);
    });
    return replicate(undefined, () => {
      // First as a tensor of all, which the replicas then share out.
      const whole = tensor(new Uint32Array(all.buffer));
      const { device, block } = whole;
      const x = new Tensor(device, [...shape], dtype, { block, byteOffset: 0 });
      adopt(x);
      block.replicas = { count: this.count, bytes: step };
      block.integers = undefined; // Those of the whole.
      whole.dispose();
      return x as Tensor<DTypeOf<A>>;
    });
  }

  /**
   * Reads the elements of all replicas with one wait.
   *
   * @param x A replicated tensor.
   * @returns For each replica what `x.data()` would give if it were alone.
   * @throws {ReplicaError} If x is not replicated so many times.
   */
  async data<D extends DType>(x: Tensor<D>): Promise<TypedArray<D>[]> {
    this.#require(x, "read the replicas of");
    const own = Array.from(
      { length: this.count },
      (_, replica) => this.take(x, replica),
    );
    const read = readAll(own);
    for (const y of own) y.dispose(); // What a read gives is settled at its call.
    return await read as TypedArray<D>[];
  }

  /** Frees the seeds. Replicated tensors are freed as others are. */
  dispose(): void {
    this.#table.dispose();
  }

  /** The same as {@linkcode dispose}. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #for<T>(only: number | undefined, run: () => T): T {
    const { count } = this;
    return withGenerator(
      this.#generator,
      () => replicate({ count, only }, run),
    );
  }

  #check(replica: number): void {
    if (Number.isInteger(replica) && replica >= 0 && replica < this.count) {
      return;
    }
    throw new RangeError(
      `Cannot run for replica ${replica}: there are ${this.count}, from 0`,
    );
  }

  #require({ shape, block: { replicas } }: AnyTensor, action: string): void {
    if (replicas?.count === this.count) return;
    throw new ReplicaError(
      `Cannot ${action} a tensor of shape ${formatShape(shape)}: it ` +
        (replicas
          ? `has ${replicas.count} replicas, and not ${this.count}`
          : "is not replicated: all replicas share it"),
    );
  }
}

/** Copies all elements of a tensor to another of its shape. */
function copyElements(x: AnyTensor, y: AnyTensor): void {
  if (x.size === 0) return;
  const whole = ({ block, byteOffset, bytes }: AnyTensor) =>
    block.window(byteOffset, alignBytes(bytes));
  x.device.stream.copy(whole(x), whole(y), x.bytes);
}
