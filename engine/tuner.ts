// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Measures the variants of kernel families. All variants of a class of shapes are
// recorded together and timed by the GPU's clock if it has one. A variant that
// takes more than twice the best time is dropped after its first sample.

import { processorCount, runtimeName } from "../host/inside.ts";
import type { Device } from "./gpu/device.ts";
import { persist, scope, type Scoped } from "./scope.ts";
import {
  families,
  type Family,
  measuredOn,
  rehearse,
} from "./tuning/registry.ts";
import { type Stopwatch, stopwatchFor } from "./tuning/stopwatch.ts";
import "./trials.ts"; // How the families are measured.

/** Incremented when kernels change, which makes stored measurements invalid. */
const KERNELS = 2;

/** Milliseconds of sampling for a class, after all variants are compiled. */
const CLASS_MS = 150;

/** A variant that takes so many times the best time is dropped. */
const HOPELESS = 2;

/** The default stays unless another variant takes at most this share of it. */
const WORTHWHILE = 0.95;

const MAX_ROUNDS = 9;
const MAX_REPEATS = 64;

/** Where measurements are kept between runs; see `fileTuneStore`. */
export interface TuneStore {
  /** Returns the text that was written last, if there is one. */
  read(): Promise<string | undefined>;
  /** Replaces the text. */
  write(text: string): Promise<void>;
  /**
   * Returns the name of the machine's processor, if it is known. A software
   * adapter has the same name on all processors, but which variant is fastest
   * depends on the processor.
   */
  processor?(): Promise<string | undefined>;
}

/** Options of {@linkcode tune}. */
export interface TuneOptions {
  /**
   * The families to measure.
   *
   * @default {all families that can be measured}
   */
  families?: readonly string[];
  /**
   * Where to find earlier measurements and keep new ones. Without it they are
   * forgotten with the device.
   */
  cache?: TuneStore;
  /**
   * Milliseconds after which no other class is measured. The remaining classes
   * run their defaults, and a later call measures them.
   *
   * @default {Infinity}
   */
  budget?: number;
}

/** The measurement of one class of shapes by {@linkcode tune}. */
export interface TuneMeasurement {
  /** The family and the class: `family/class`. */
  key: string;
  /** The variant that runs from now on. */
  variant: string;
  /** The best time of each variant in milliseconds. */
  milliseconds: Record<string, number>;
  /** Milliseconds that the measurement took, including compilation. */
  total: number;
  /** Milliseconds that compilation took. */
  compiling: number;
}

/** The result of {@linkcode tune}. */
export interface TuneReport {
  /** The variant of every class that has been measured, by `family/class`. */
  choices: Record<string, string>;
  /** The measurements that this call made. */
  measured: TuneMeasurement[];
  /** Classes for which no time was left: they run their defaults. */
  unmeasured: string[];
  /** The error of the cache, if it could not be read or written. */
  cacheError: Error | undefined;
}

/**
 * Returns the key under which measurements are stored. It names everything that
 * they depend on: the adapter, the runtime, the version of the kernels and, for a
 * software adapter, the processor.
 *
 * @param device The device of the adapter.
 * @param processor The name of the machine's processor, if it is known.
 * @returns The key.
 *
 * @example Usage
 * ```ts
 * import { initialize, tuneKey } from "@swagpu/swagpu/engine";
 * import { assert } from "@std/assert";
 *
 * const device = await initialize();
 * assert(tuneKey(device).startsWith(device.name));
 * ```
 */
export function tuneKey(device: Device, processor?: string): string {
  const cores = device.isSoftware
    ? `, ${processorCount()} cores${processor ? ` of ${processor}` : ""}`
    : "";
  return `${device.name}${cores} | ${runtimeName()} | kernels ${KERNELS}`;
}

/**
 * Times the variants of each family on a device, and from then on runs the fastest
 * one for every class of shapes. Classes that were measured before, or whose
 * measurements are in the cache, are not measured again. A cache whose text is
 * damaged counts as empty; if it cannot be read or written, the report says so.
 *
 * @param device The device to measure.
 * @param options Which families to measure, where to keep the measurements, and
 * how long to measure.
 * @returns What was found.
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
  const environment = tuneKey(device, await cache?.processor?.().catch(failed));
  const mine = stored[environment] ?? {};
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
    stored[environment] = mine;
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

/** A class in the cache: the fastest variant, and all that were compared. */
interface Entry {
  variant: string;
  among: readonly string[];
}

/** Parses the text of the cache, without the parts that are damaged. */
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

/** Finds the fastest variant for a class of shapes. */
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
  // The scope ends before the first wait: other code may make tensors then.
  const operands: Scoped[] = [];
  const prepare = () => {
    using own = scope();
    const run = trial.run(device, sizes);
    operands.push(...own.tensors);
    operands.forEach(persist);
    return run;
  };
  try {
    return await sampled(device, task, stopwatch, racers, prepare(), start);
  } finally {
    for (const x of operands) x.dispose();
  }
}

/** Times the variants that are left, until it is clear which is fastest. */
async function sampled(
  device: Device,
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
  for (const variant of racers) record(variant); // compiles
  await device.synchronize();
  const compiled = performance.now();
  await sample(1);
  const first = performance.now() - compiled;
  const each = first / racers.length;
  const fastest = () => Math.min(...best.values());
  racers = racers.filter((variant) =>
    (best.get(variant) ?? Infinity) <= HOPELESS * fastest()
  );
  const round = racers.reduce((sum, variant) => {
    const time = best.get(variant) ?? 0;
    return sum + (stopwatch.resolution === 0
      ? each // Its repeats are its own.
      : Math.max(time, Math.min(stopwatch.resolution, MAX_REPEATS * time)));
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
