// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Random numbers by counter, not by state: see kernels/random.ts.

import { touch } from "./changes.ts";
import { currentDevice, type Device } from "./gpu/device.ts";
import { specialize } from "./gpu/kernel.ts";
import { DISTRIBUTIONS, RANDOM_FILL } from "./kernels/random.ts";
import { grid, launch, part, windows } from "./launch/launch.ts";
import {
  observer,
  onReplay,
  type Param,
  preventReplay,
  ReplayParam,
} from "./gpu/observer.ts";
import { checkShape, type Shape } from "./shape.ts";
import { allocate, type Tensor } from "./tensor.ts";

/**
 * One stream of random numbers: element k depends on these four words and k
 * alone, whatever device, order or split of storage makes it.
 */
export interface RandomStream {
  /** The seed, low word first. */
  readonly key: readonly [number, number];
  /** The stream's number, low word first. */
  readonly stream: readonly [number, number];
}

/**
 * Gives every random op a stream of its own, in the order of the calls.
 *
 * @example Usage
 * ```ts
 * import { Generator, initialize, normal } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const a = normal([3], { generator: new Generator(7) });
 * const b = normal([3], { generator: new Generator(7) });
 * assertEquals(await a.data(), await b.data());
 * ```
 */
export class Generator {
  #position = 0;
  #key: readonly [number, number];
  /** The recording of a captured step that made this generator, if one did. */
  readonly #maker = observer()?.id;

  /**
   * Starts at the first stream of a seed.
   *
   * @param seed A whole number of up to 64 bits; negative ones wrap around.
   * @throws {RangeError} If the seed is not a whole number.
   */
  constructor(seed: number | bigint) {
    this.#key = keyOf(seed);
  }

  /** The number of streams given so far; set it to continue a saved run. */
  get position(): number {
    if (this.#isLive) preventReplay("it asks how far a generator is");
    return this.#position;
  }

  set position(value: number) {
    if (this.#isLive) preventReplay("it moves a generator");
    this.#position = value;
  }

  /** Starts again from a seed. */
  reset(seed: number | bigint): void {
    const key = keyOf(seed);
    const reset = () => {
      this.#key = key;
      this.#position = 0;
    };
    if (this.#isLive) onReplay(reset);
    else reset();
  }

  /** The next stream. */
  next(): RandomStream {
    if (!this.#isLive) return this.#draw();
    const stream = new LiveStream();
    onReplay(() => stream.set(this.#draw()));
    return stream;
  }

  /** Whether a captured step draws that did not make the generator. */
  get #isLive(): boolean {
    const now = observer();
    return now !== undefined && now.id !== this.#maker;
  }

  #draw(): RandomStream {
    const number = this.#position++;
    return {
      key: this.#key,
      stream: [number >>> 0, Math.floor(number / 2 ** 32)],
    };
  }
}

/** A stream of a captured step: another one at every replay. */
class LiveStream implements RandomStream {
  readonly params = {
    key0: new ReplayParam(),
    key1: new ReplayParam(),
    stream0: new ReplayParam(),
    stream1: new ReplayParam(),
  } satisfies StreamParams;
  #now: RandomStream = { key: [0, 0], stream: [0, 0] };

  set(now: RandomStream): void {
    this.#now = now;
    const { key0, key1, stream0, stream1 } = this.params;
    key0.value = now.key[0];
    key1.value = now.key[1];
    stream0.value = now.stream[0];
    stream1.value = now.stream[1];
  }

  get key(): readonly [number, number] {
    return this.#frozen.key;
  }

  get stream(): readonly [number, number] {
    return this.#frozen.stream;
  }

  get #frozen(): RandomStream {
    preventReplay("it uses random numbers on the host");
    return this.#now;
  }
}

/** A stream as parameters of a kernel. */
export interface StreamParams {
  /** The low word of the seed. */
  readonly key0: Param;
  /** The high word of the seed. */
  readonly key1: Param;
  /** The low word of the stream's number. */
  readonly stream0: Param;
  /** The high word of the stream's number. */
  readonly stream1: Param;
}

/**
 * A stream as parameters of a kernel, renewed at every replay of a captured
 * step. What reads a stream's words itself keeps the step from being replayed.
 */
export function streamParams(stream: RandomStream): StreamParams {
  if (stream instanceof LiveStream) return stream.params;
  const { key: [key0, key1], stream: [stream0, stream1] } = stream;
  return { key0, key1, stream0, stream1 };
}

function keyOf(seed: number | bigint): [number, number] {
  if (typeof seed === "number" && !Number.isSafeInteger(seed)) {
    throw new RangeError(`Cannot seed with ${seed}: it must be a whole number`);
  }
  const bits = BigInt.asUintN(64, BigInt(seed));
  return [Number(bits & 0xffffffffn), Number(bits >> 32n)];
}

const standard = new Generator(0);

/** The generator of every random op that is not given one. Its seed is 0. */
export function defaultGenerator(): Generator {
  return standard;
}

/** Starts the default generator again from a seed. */
export function manualSeed(seed: number | bigint): void {
  standard.reset(seed);
}

/** Options of every function that makes a random tensor. */
export interface RandomOptions {
  /**
   * Where the stream comes from.
   *
   * @default {the default generator, see {@linkcode manualSeed}}
   */
  generator?: Generator;
  /**
   * The device to hold the tensor.
   *
   * @default {the current device}
   */
  device?: Device;
}

/** Options of {@linkcode uniform}. */
export interface UniformOptions extends RandomOptions {
  /**
   * The lowest value.
   *
   * @default {0}
   */
  low?: number;
  /**
   * The value that is never exceeded.
   *
   * @default {1}
   */
  high?: number;
}

/** Options of {@linkcode normal}. */
export interface NormalOptions extends RandomOptions {
  /**
   * The mean of the distribution.
   *
   * @default {0}
   */
  mean?: number;
  /**
   * Its standard deviation.
   *
   * @default {1}
   */
  std?: number;
}

/**
 * Makes a tensor of numbers spread evenly over `[low, high)`, in 2²⁴ steps.
 *
 * @throws {RangeError} If an end is not finite, or `low` exceeds `high`.
 *
 * @example Usage
 * ```ts
 * import { initialize, manualSeed, uniform } from "@swagpu/swagpu/engine";
 * import { assert } from "@std/assert";
 *
 * await initialize();
 * manualSeed(1);
 * const x = await uniform([100], { low: 2, high: 3 }).data();
 * assert(x.every((value) => value >= 2 && value <= 3));
 * ```
 */
export function uniform(shape: Shape, options: UniformOptions = {}): Tensor {
  const { low = 0, high = 1 } = options;
  if (!(low <= high && Number.isFinite(high - low))) {
    throw new RangeError(
      `Cannot draw from [${low}, ${high}): the ends must be finite and in order`,
    );
  }
  return random(shape, "uniform", low, high, options);
}

/**
 * Makes a tensor of normally distributed numbers, by Box and Muller's method.
 *
 * @throws {RangeError} If `std` is negative.
 */
export function normal(shape: Shape, options: NormalOptions = {}): Tensor {
  const { mean = 0, std = 1 } = options;
  if (!(std >= 0)) {
    throw new RangeError(
      `Cannot draw normal numbers with std ${std}: it must not be negative`,
    );
  }
  return random(shape, "normal", mean, std, options);
}

/**
 * Makes a tensor (f32) of ones with probability `p`, and zeros else.
 *
 * @throws {RangeError} If `p` is not in [0, 1].
 */
export function bernoulli(
  shape: Shape,
  p: number,
  options: RandomOptions = {},
): Tensor {
  if (!(p >= 0 && p <= 1)) {
    throw new RangeError(
      `Cannot draw with probability ${p}: it must be between 0 and 1`,
    );
  }
  return random(shape, "bernoulli", p, 0, options);
}

function random(
  shape: Shape,
  kind: Distribution,
  a: number,
  b: number,
  options: RandomOptions,
): Tensor {
  checkShape("make a random tensor", shape);
  const { generator = standard, device = currentDevice() } = options;
  const y = allocate(device, [...shape]);
  fillRandom(y, kind, generator.next(), { a, b });
  return y;
}

/** The distributions that {@linkcode fillRandom} draws from. */
export type Distribution = "uniform" | "normal" | "bernoulli";

/** What {@linkcode fillRandom} draws. */
export interface FillOptions {
  /** The low end, the mean, or the probability of 1. */
  a: number;
  /** The high end, or the standard deviation. */
  b: number;
  /**
   * The place in the stream of the tensor's first element.
   *
   * @default {0}
   */
  offset?: number;
}

/**
 * Writes elements `offset`, `offset + 1` … of a stream over a tensor that owns
 * its padding: one made by `allocate`, not a view between others.
 */
export function fillRandom(
  y: Tensor,
  kind: Distribution,
  stream: RandomStream,
  { a, b, offset = 0 }: FillOptions,
): void {
  if (y.size === 0) return;
  touch(y);
  const kernel = specialize(RANDOM_FILL, { KIND: DISTRIBUTIONS[kind] });
  for (const window of windows(y.device, y.size, [1])) {
    const start = offset + window.start;
    launch(y.device, kernel, {
      bind: [part(y, window, 1)],
      params: {
        count: window.count,
        block: Math.floor(start / 4),
        lane: start % 4,
        ...streamParams(stream),
        a,
        b,
      },
      groups: grid(Math.ceil(window.count / 4), kernel.workgroupSize),
    });
  }
}

// -------------------------------------------------------------- on the host

/** Four words of 32 bits. */
export type Words = readonly [number, number, number, number];

function multiplyHigh(a: number, b: number): number {
  const al = a & 0xffff;
  const ah = a >>> 16;
  const bl = b & 0xffff;
  const bh = b >>> 16;
  const lh = al * bh;
  const hl = ah * bl;
  const middle = Math.floor(al * bl / 65536) + lh % 65536 + hl % 65536;
  return ah * bh + Math.floor(lh / 65536) + Math.floor(hl / 65536) +
    Math.floor(middle / 65536);
}

/** Philox 4x32-10 on the host: the same words as the GPU's. */
export function philox4x32(
  counter: Words,
  key: readonly [number, number],
): [number, number, number, number] {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(0xd2511f53, c0);
    const high1 = multiplyHigh(0xcd9e8d57, c2);
    const low0 = Math.imul(0xd2511f53, c0);
    const low1 = Math.imul(0xcd9e8d57, c2);
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1 >>> 0;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0 >>> 0;
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  return [c0, c1, c2, c3];
}

function blockOf({ key, stream }: RandomStream, index: number): Words {
  return philox4x32(
    [Math.floor(index / 4) >>> 0, 0, stream[0], stream[1]],
    key,
  );
}

/** Element `index` of a stream on the host, uniform in [0, 1). */
export function philoxUniform(stream: RandomStream, index: number): number {
  const bits = blockOf(stream, index)[index % 4] ?? 0;
  return (bits >>> 8) / 2 ** 24;
}

/** Element `index` of a stream on the host, normally distributed, in float64. */
export function philoxNormal(stream: RandomStream, index: number): number {
  const block = blockOf(stream, index);
  const pair = index % 4 < 2 ? 0 : 2;
  const u = ((block[pair] ?? 0) >>> 8) / 2 ** 24 + 2 ** -24;
  const angle = 2 * Math.PI * (((block[pair + 1] ?? 0) >>> 8) / 2 ** 24 - 0.5);
  const radius = Math.sqrt(-2 * Math.log(u));
  return radius * (index % 2 === 0 ? Math.cos(angle) : Math.sin(angle));
}
