// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Measures the variants of kernel families: all those of a class in one submit,
// timed by the GPU's own clock where it has one. Those slower than twice the
// best leave after their first sample.

import type { Device } from "../gpu/device.ts";
import { families, type Family, measuredOn, rehearse } from "./registry.ts";
import { type Stopwatch, stopwatchFor } from "./stopwatch.ts";
import { persist, scope, type Scoped } from "../scope.ts";

/** Raise it when kernels change what is fast: what was stored is dropped. */
const KERNELS = 1;

/** Sampling that a class gets, in milliseconds, once all is compiled. */
const CLASS_MS = 150;

/** A variant leaves the race once it is so many times slower than the best. */
const HOPELESS = 2;

/** The usual variant stays unless another takes at most this share of it. */
const WORTHWHILE = 0.95;

const MAX_ROUNDS = 9;
const MAX_REPEATS = 64;

/** Where measured choices are kept between runs; see `fileTuneStore`. */
export interface TuneStore {
  /** The text last written, if any. */
  read(): Promise<string | undefined>;
  /** Replaces the text. */
  write(text: string): Promise<void>;
  /**
   * The machine's processor, if it is known. Software adapters bear the same
   * name on all processors, but not the same variants are fastest on them.
   */
  processor?(): Promise<string | undefined>;
}

/** Options of {@linkcode tune}. */
export interface TuneOptions {
  /**
   * The families to measure.
   *
   * @default {all that can be measured}
   */
  families?: readonly string[];
  /**
   * Where to look for earlier measurements, and to keep new ones.
   *
   * @default {none: they last as long as the device}
   */
  cache?: TuneStore;
  /**
   * Milliseconds after which no further class is begun; what is left runs its
   * default, and a later call measures it.
   *
   * @default {Infinity}
   */
  budget?: number;
}

/** What {@linkcode tune} measured of a class. */
export interface TuneMeasurement {
  /** `family/class`. */
  key: string;
  /** The variant that runs from now on. */
  variant: string;
  /** The best time of each variant in milliseconds. */
  milliseconds: Record<string, number>;
  /** Milliseconds that all took, compiling among it. */
  total: number;
  /** Milliseconds of compiling. */
  compiling: number;
}

/** What {@linkcode tune} found. */
export interface TuneReport {
  /** The variant of every class known by now. */
  choices: Record<string, string>;
  /** What was measured by this call. */
  measured: TuneMeasurement[];
  /** Classes that the budget left no time for: they run their defaults. */
  unmeasured: string[];
  /** What went wrong with the cache, if anything; nothing else stops for it. */
  cacheError: Error | undefined;
}

/**
 * What measurements hold for: the adapter, the runtime, the kernels. A browser
 * or driver that says another name is measured anew, and so is a software
 * adapter on another processor.
 *
 * @param device The adapter's device.
 * @param processor The machine's processor, if it is known.
 */
export function tuneKey(device: Device, processor?: string): string {
  const { userAgent, hardwareConcurrency } = navigator;
  const cores = device.isSoftware
    ? `, ${hardwareConcurrency} cores${processor ? ` of ${processor}` : ""}`
    : "";
  return `${device.name}${cores} | ${userAgent} | kernels ${KERNELS}`;
}

/**
 * Times the variants of each family on a device and remembers the fastest for
 * every class of shapes. What is known already, from before or from the cache,
 * is not measured again; a cache that is damaged counts as empty, and one that
 * cannot be read or written is reported.
 *
 * @throws {RangeError} If a family is unknown or cannot be measured.
 *
 * @example Usage
 * ```ts
 * import { initialize, tune } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * const device = await initialize();
 * let text: string | undefined;
 * const cache = { // or fileTuneStore()
 *   read: () => Promise.resolve(text),
 *   write: (t: string) => Promise.resolve(void (text = t)),
 * };
 * const { choices } = await tune(device, { families: ["cumsum"], cache });
 * assertEquals(Object.keys(choices), ["cumsum/all"]);
 * ```
 */
export async function tune(
  device: Device,
  options: TuneOptions = {},
): Promise<TuneReport> {
  const { cache, budget = Infinity } = options;
  const start = performance.now();
  const tasks = tasksOf(options.families);
  const known = measuredOn(device);
  let cacheError: Error | undefined;
  const failed = (error: unknown) => {
    cacheError ??= error instanceof Error ? error : new Error(String(error));
    return undefined;
  };
  const stored = parse(await cache?.read().catch(failed));
  const place = tuneKey(device, await cache?.processor?.().catch(failed));
  const mine = stored[place] ?? {};
  const measured: TuneMeasurement[] = [];
  const unmeasured: string[] = [];
  const stopwatch = stopwatchFor(device);
  try {
    for (const task of tasks) {
      const { key, family: { variants } } = task;
      if (known.has(key)) continue;
      const entry = mine[key];
      if (entry && String(entry.among) === String(variants)) {
        known.set(key, entry.variant);
      } else if (performance.now() - start >= budget) {
        unmeasured.push(key);
      } else {
        const result = await race(device, task, stopwatch);
        measured.push(result);
        known.set(key, result.variant);
        mine[key] = { variant: result.variant, among: variants };
      }
    }
  } finally {
    stopwatch.dispose();
  }
  if (cache && measured.length > 0) {
    stored[place] = mine;
    await cache.write(JSON.stringify(stored, undefined, 2) + "\n")
      .catch(failed);
  }
  const choices = Object.fromEntries(known);
  return { choices, measured, unmeasured, cacheError };
}

/** A class of shapes to measure. */
interface Task {
  key: string;
  name: string;
  family: Family;
  sizes: readonly number[];
}

function tasksOf(names: readonly string[] | undefined): Task[] {
  const able = [...families].filter(([, { trial }]) => trial)
    .map(([name]) => name);
  return (names ?? able).flatMap((name) => {
    const family = families.get(name);
    if (!family?.trial) {
      throw new RangeError(
        `Cannot tune "${name}": the families that can be measured are ${
          able.join(", ")
        }`,
      );
    }
    return Object.entries(family.trial.classes).map(([shapeClass, sizes]) => ({
      key: `${name}/${shapeClass}`,
      name,
      family,
      sizes,
    }));
  });
}

/** What the cache knows of a class: the winner, and whom it beat. */
interface Entry {
  variant: string;
  among: readonly string[];
}

/** Reads the cache, leaving out what cannot be understood. */
function parse(
  text: string | undefined,
): Record<string, Record<string, Entry>> {
  let value: unknown;
  try {
    value = JSON.parse(text ?? "{}");
  } catch {
    return {};
  }
  const adapters = Object.entries(value ?? {}).map(([adapter, entries]) => {
    const sound = Object.entries(entries ?? {}).filter(([, entry]) => {
      const { variant, among } = (entry ?? {}) as Partial<Entry>;
      return Array.isArray(among) && among.includes(variant);
    });
    return [adapter, Object.fromEntries(sound)];
  });
  return Object.fromEntries(adapters);
}

/** Samples the variants of a class until it is clear which is fastest. */
async function race(
  device: Device,
  task: Task,
  stopwatch: Stopwatch,
): Promise<TuneMeasurement> {
  const { key, family: { variants, trial }, sizes } = task;
  const start = performance.now();
  const racers = variants.filter((variant) =>
    trial?.suits?.(device, variant, sizes) ?? true
  );
  const [only = variants[0] ?? ""] = racers;
  if (!trial || racers.length < 2) {
    return { key, variant: only, milliseconds: {}, total: 0, compiling: 0 };
  }
  // Not in a scope: other code may make tensors while this one waits.
  const operands: Scoped[] = [];
  const prepare = () => {
    using own = scope();
    const run = trial.run(device, sizes);
    operands.push(...own.tensors);
    operands.forEach(persist);
    return run;
  };
  try {
    return await sampled(task, stopwatch, racers, prepare(), start);
  } finally {
    for (const x of operands) x.dispose();
  }
}

async function sampled(
  { key, name }: Task,
  stopwatch: Stopwatch,
  racers: readonly string[],
  run: () => void,
  start: number,
): Promise<TuneMeasurement> {
  const [only = ""] = racers;
  const record = (variant: string | undefined, times = 1) =>
    rehearse(name, variant, () => {
      for (let i = 0; i < times; i++) {
        using _ = scope();
        run();
      }
    });
  const usual = record(undefined).get(key);
  const best = new Map<string, number>();
  const sample = async (rounds: number) => {
    const tasks = Array.from({ length: rounds }, () => racers).flat()
      .map((variant) => {
        const once = best.get(variant) ?? Infinity;
        const times = Math.ceil(stopwatch.resolution / Math.max(once, 1e-3));
        return { variant, times: Math.max(1, Math.min(times, MAX_REPEATS)) };
      });
    const taken = await stopwatch.time(
      tasks.map(({ variant, times }) => () => void record(variant, times)),
    );
    tasks.forEach(({ variant, times }, i) => {
      const time = (taken[i] ?? Infinity) / times;
      best.set(variant, Math.min(best.get(variant) ?? Infinity, time));
    });
  };
  await stopwatch.time(racers.map((variant) => () => void record(variant)));
  const compiled = performance.now();
  await sample(1);
  const first = performance.now() - compiled;
  const fastest = () => Math.min(...best.values());
  racers = racers.filter((variant) =>
    (best.get(variant) ?? Infinity) <= HOPELESS * fastest()
  );
  const round = racers.reduce((sum, variant) => {
    const time = best.get(variant) ?? 0;
    return sum + Math.max(time, Math.min(stopwatch.resolution, 64 * time));
  }, 0);
  if (racers.length > 1) {
    const rounds = Math.floor((CLASS_MS - first) / round);
    await sample(Math.min(Math.max(rounds, 2), MAX_ROUNDS));
  }
  const [winner = only] = [...best]
    .sort(([, a], [, b]) => a - b).map(([variant]) => variant);
  const stay = usual !== undefined &&
    fastest() > WORTHWHILE * (best.get(usual) ?? Infinity);
  return {
    key,
    variant: stay ? usual : winner,
    milliseconds: Object.fromEntries(best),
    total: performance.now() - start,
    compiling: Math.max(0, compiled - start - first),
  };
}
