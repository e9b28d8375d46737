// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Streams of random numbers, and the generator that gives each random op its
// own. Numbers are made by counter, not by state: see kernels/random.ts.

import { drawn, isRepeating } from "./draws.ts";
import {
  observer,
  onReplay,
  type Param,
  preventReplay,
  ReplayParam,
} from "./gpu/observer.ts";
import type { RandomStream } from "./random_stream.ts";

/** What a {@linkcode Generator} needs to continue a run. */
export interface GeneratorState {
  /** The seed as two words of 32 bits, low word first. */
  key: readonly [number, number];
  /** The number of streams given so far. */
  position: number;
}

/**
 * Gives each random op its own stream, in the order of the calls.
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

  /** The number of streams given so far. Set it to continue a saved run. */
  get position(): number {
    if (this.#isLive) preventReplay("it asks how far a generator is");
    return this.#position;
  }

  set position(value: number) {
    if (isRepeating()) return; // The first run has moved it.
    if (this.#isLive) preventReplay("it moves a generator");
    this.#position = value;
  }

  /**
   * Starts again from a seed.
   *
   * @param seed A whole number of up to 64 bits; negative ones wrap around.
   * @throws {RangeError} If the seed is not a whole number.
   */
  reset(seed: number | bigint): void {
    const key = keyOf(seed);
    if (isRepeating()) return; // The first run has done it.
    const reset = () => {
      this.#key = key;
      this.#position = 0;
    };
    if (this.#isLive) onReplay(reset);
    else reset();
  }

  /**
   * What is needed to continue: the seed and the number of streams given.
   *
   * @example A run that is continued draws what it would have drawn
   * ```ts
   * import { Generator, initialize, normal } from "@swagpu/swagpu/engine";
   * import { assertEquals } from "@std/assert";
   *
   * await initialize();
   * const generator = new Generator(7);
   * normal([3], { generator });
   * const state = JSON.parse(JSON.stringify(generator.stateDict()));
   * const again = new Generator(0);
   * again.loadStateDict(state);
   * assertEquals(
   *   await normal([3], { generator: again }).data(),
   *   await normal([3], { generator }).data(),
   * );
   * ```
   */
  stateDict(): GeneratorState {
    const [low, high] = this.#key;
    return { key: [low, high], position: this.position };
  }

  /**
   * Continues from a state that {@linkcode stateDict} has given.
   *
   * @param state The state of a generator.
   * @throws {RangeError} If the words of the seed are not integers of 32 bits,
   * or the position is not a whole number of at least 0.
   */
  loadStateDict(state: GeneratorState): void {
    const { key, position } = state;
    const words = Uint32Array.from(key);
    if (words.length !== 2 || key.some((word, i) => word !== words[i])) {
      throw new RangeError(
        `Cannot load the generator's state: the seed is [${key.join(", ")}], ` +
          "but must be two integers of 32 bits",
      );
    }
    if (!(Number.isSafeInteger(position) && position >= 0)) {
      throw new RangeError(
        `Cannot load the generator's state: the position is ${position}, but ` +
          "must be a whole number of at least 0",
      );
    }
    if (isRepeating()) return; // The first run has loaded it.
    this.position = position;
    this.#key = [key[0], key[1]];
  }

  /**
   * Takes the next stream.
   *
   * @returns A stream that this generator has not given before. When the
   * function of a `checkpoint` runs again, it is that of the first run.
   */
  next(): RandomStream {
    return drawn(() => {
      if (!this.#isLive) return this.#draw();
      const stream = new LiveStream();
      onReplay(() => stream.set(this.#draw()));
      return stream;
    });
  }

  /**
   * Whether a capture is in progress that did not make this generator: then
   * each draw must be repeated at every replay.
   */
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

/**
 * A stream that is drawn in a captured step: every replay draws another one.
 */
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

/** A stream of random numbers as parameters of a kernel. */
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
 * Gives a stream as parameters of a kernel. Every replay of a captured step
 * renews them. Code that reads the stream's words instead prevents the replay.
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

/**
 * Gives the generator of every random op that is not given one. Its seed is 0.
 *
 * @returns The same generator at every call.
 *
 * @example Drawing the same numbers twice
 * ```ts
 * import { defaultGenerator, initialize, uniform } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const { position } = defaultGenerator();
 * const x = await uniform([3]).data();
 * defaultGenerator().position = position;
 * assertEquals(await uniform([3]).data(), x);
 * ```
 */
export function defaultGenerator(): Generator {
  return standard;
}

/**
 * Starts the default generator again from a seed.
 *
 * @param seed A whole number of up to 64 bits; negative ones wrap around.
 * @throws {RangeError} If the seed is not a whole number.
 *
 * @example Usage
 * ```ts
 * import { initialize, manualSeed, normal } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * manualSeed(3);
 * const x = await normal([4]).data();
 * manualSeed(3);
 * assertEquals(await normal([4]).data(), x);
 * ```
 */
export function manualSeed(seed: number | bigint): void {
  standard.reset(seed);
}
