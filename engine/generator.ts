// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Streams of random numbers, and the generator that gives each random op its
// own. Numbers are made by counter, not by state: see kernels/random.ts.

import { drawn, isRepeating } from "./draws.ts";
import {
  dependsOn,
  observer,
  onReplay,
  type Param,
  preventReplay,
  ReplayParam,
} from "./gpu/observer.ts";
import {
  isReplicating,
  ReplicaError,
  type ReplicaTable,
  replication,
} from "./gpu/replication.ts";
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
  /** A seed for each replica, two words each, if replicas draw from it. */
  #seeds: ReplicaTable | undefined;
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

  /**
   * A generator from which several replicas draw, each with another seed.
   *
   * @param seeds The seeds, two words each as {@linkcode keyOf} gives them.
   *
   * @internal
   */
  static ofReplicas(seeds: ReplicaTable): Generator {
    const generator = new Generator(0);
    generator.#seeds = seeds;
    return generator;
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
      this.#seeds = undefined; // From now on all replicas draw the same.
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
    const [low, high] = this.#ownKey;
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
    this.#seeds = undefined;
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
      const seeds = this.#seeds;
      dependsOn(() => this.#seeds === seeds);
      const stream = new LiveStream(isReplicating() ? seeds : undefined);
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
    const seeds = this.#seeds;
    const key = seeds && isReplicating() ? undefined : this.#ownKey;
    const number = this.#position++;
    const stream = [number >>> 0, Math.floor(number / 2 ** 32)] as const;
    if (!key && seeds) return new ReplicaStream(seeds, stream);
    return { key: key ?? this.#key, stream };
  }

  /** The seed of the one replica that draws, where replicas have their own. */
  get #ownKey(): readonly [number, number] {
    const seeds = this.#seeds;
    if (!seeds) return this.#key;
    const only = replication()?.only;
    if (only === undefined) {
      throw new ReplicaError(
        "Cannot draw from the generator of replicas outside of them: call " +
          "run() or only() of the Replicas",
      );
    }
    const { words, width } = seeds;
    return [words[only * width] ?? 0, words[only * width + 1] ?? 0];
  }
}

/** A stream from which several replicas draw, each with another seed. */
class ReplicaStream implements RandomStream {
  readonly stream: readonly [number, number];
  readonly #seeds: ReplicaTable;

  constructor(seeds: ReplicaTable, stream: readonly [number, number]) {
    this.#seeds = seeds;
    this.stream = stream;
  }

  get key(): never {
    throw new ReplicaError(
      "Cannot draw random numbers on the host for several replicas at once: " +
        "call only() of the Replicas for one after the other",
    );
  }

  get params(): StreamParams {
    const [stream0, stream1] = this.stream;
    return { ...seedParams(this.#seeds), stream0, stream1 };
  }
}

/** The words of the replicas' seeds as parameters of a kernel. */
function seedParams(seeds: ReplicaTable): Pick<StreamParams, "key0" | "key1"> {
  return { key0: { table: seeds, at: 0 }, key1: { table: seeds, at: 1 } };
}

/**
 * A stream that is drawn in a captured step: every replay draws another one.
 */
class LiveStream implements RandomStream {
  readonly params: StreamParams & Record<"stream0" | "stream1", ReplayParam>;
  readonly #key: readonly [ReplayParam, ReplayParam] | undefined;
  #now: RandomStream = { key: [0, 0], stream: [0, 0] };

  /** @param seeds The seeds of replicas, if each of them draws with its own. */
  constructor(seeds: ReplicaTable | undefined) {
    const own = seeds
      ? undefined
      : [new ReplayParam(), new ReplayParam()] as const;
    this.#key = own;
    this.params = {
      ...seeds
        ? seedParams(seeds)
        : { key0: own?.[0] ?? 0, key1: own?.[1] ?? 0 },
      stream0: new ReplayParam(),
      stream1: new ReplayParam(),
    };
  }

  set(now: RandomStream): void {
    this.#now = now;
    const { stream0, stream1 } = this.params;
    this.#key?.forEach((word, i) => word.value = now.key[i] ?? 0);
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
  if (stream instanceof LiveStream || stream instanceof ReplicaStream) {
    return stream.params;
  }
  const { key: [key0, key1], stream: [stream0, stream1] } = stream;
  return { key0, key1, stream0, stream1 };
}

/** The two words of a seed, low word first. */
export function keyOf(seed: number | bigint): [number, number] {
  if (typeof seed === "number" && !Number.isSafeInteger(seed)) {
    throw new RangeError(`Cannot seed with ${seed}: it must be a whole number`);
  }
  const bits = BigInt.asUintN(64, BigInt(seed));
  return [Number(bits & 0xffffffffn), Number(bits >> 32n)];
}

let standard = new Generator(0);

/** Runs a function with another default generator. */
export function withGenerator<T>(generator: Generator, run: () => T): T {
  const before = standard;
  standard = generator;
  try {
    return run();
  } finally {
    standard = before;
  }
}

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
