// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Which hand-written variant of a kernel family runs. In order: the one pinned,
// the one that `tune` measured to be fastest on this adapter, the family's own
// default. The choice can be part of "same bits", so a run can export it.

import type { Device } from "./device.ts";
import { scope } from "./scope.ts";

/** How {@linkcode tune} measures a family. */
export interface Trial {
  /** For each class of shapes the sizes that stand for it. */
  classes: Readonly<Record<string, readonly number[]>>;
  /** Makes the operands, and returns what records the work once. */
  run: (device: Device, sizes: readonly number[]) => () => void;
}

interface Family {
  variants: readonly string[];
  trial: Trial | undefined;
}

/** Where measured choices are kept between runs; see `fileTuneStore`. */
export interface TuneStore {
  /** The text last written, if any. */
  read(): Promise<string | undefined>;
  /** Replaces the text. */
  write(text: string): Promise<void>;
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
}

const families = new Map<string, Family>();
const pins = new Map<string, string>();
const used = new Map<string, string>();
const measured = new WeakMap<Device, Map<string, string>>();

/** Work recorded for one sample, and samples of each variant. */
const SAMPLE_MS = 20;
const SAMPLES = 3;

/**
 * Names the variants of a kernel family; called by the file that owns it.
 *
 * @param trial How to measure them; without it they can only be pinned.
 */
export function defineVariants(
  family: string,
  variants: readonly string[],
  trial?: Trial,
): void {
  families.set(family, { variants, trial });
}

/** The variants of a family, for tests and benches to loop over. */
export function variantsOf(family: string): readonly string[] {
  return families.get(family)?.variants ?? [];
}

/**
 * Makes every later call of a family use one variant; `undefined` gives the
 * choice back.
 *
 * @throws {RangeError} If the family has no such variant.
 *
 * @example Usage
 * ```ts
 * import { pin, pinned } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * pin("matmul", "tiled64");
 * assertEquals(pinned("matmul"), "tiled64");
 * pin("matmul", undefined);
 * ```
 */
export function pin(family: string, variant: string | undefined): void {
  if (variant === undefined) {
    pins.delete(family);
    return;
  }
  const known = families.get(family)?.variants;
  if (known && !known.includes(variant)) {
    throw new RangeError(
      `Cannot pin ${family} to "${variant}": its variants are ${
        known.join(", ")
      }`,
    );
  }
  pins.set(family, variant);
}

/** The variant that a family is pinned to, if any. */
export function pinned(family: string): string | undefined {
  return pins.get(family);
}

/**
 * The variant to run now for a class of shapes.
 *
 * @param fallback The family's default where nothing is pinned or measured.
 */
export function chooseVariant(
  device: Device,
  family: string,
  shapeClass: string,
  fallback: () => string,
): string {
  const key = `${family}/${shapeClass}`;
  const variant = pins.get(family) ?? measured.get(device)?.get(key) ??
    fallback();
  used.set(key, variant);
  return variant;
}

/** What {@linkcode chooseRowForm} needs to know of a kernel over rows. */
export interface RowWork {
  /** Turns of its loops that the serial form takes for a row. */
  turns: number;
  /** The class of shapes. @default {"all"} */
  shapeClass?: string;
  /** Whether rows are too short for a workgroup. @default {false} */
  narrow?: boolean;
}

/**
 * The form of a kernel over rows: one invocation a row, as an adapter on the
 * CPU has it, or one workgroup. Rows of more turns than the device allows an
 * invocation are a workgroup's, whatever is pinned.
 */
export function chooseRowForm(
  device: Device,
  family: string,
  { turns, shapeClass = "all", narrow = false }: RowWork,
): "serial" | "workgroup" {
  const chosen = chooseVariant(
    device,
    family,
    shapeClass,
    () => device.isSoftware || narrow ? "serial" : "workgroup",
  );
  return chosen === "serial" && turns <= device.maxTurns
    ? "serial"
    : "workgroup";
}

/** What ran last, by family and class of shapes: `{ "matmul/large": … }`. */
export function chosen(): Record<string, string> {
  return Object.fromEntries([...used].sort(([a], [b]) => a < b ? -1 : 1));
}

/**
 * Times the variants of each family on a device and remembers the fastest for
 * every class of shapes. What is known already, from before or from the cache,
 * is not measured again.
 *
 * @returns The fastest variants, by family and class of shapes.
 *
 * @throws {RangeError} If a family is unknown or cannot be measured.
 *
 * @example Usage
 * ```ts
 * import { initialize, tune } from "@swagpu/swagpu/engine";
 *
 * const device = await initialize();
 * let text: string | undefined;
 * const cache = {
 *   read: () => Promise.resolve(text),
 *   write: (t: string) => Promise.resolve(void (text = t)),
 * };
 * await tune(device, { families: [], cache });
 * ```
 */
export async function tune(
  device: Device,
  options: TuneOptions = {},
): Promise<Record<string, string>> {
  const { cache } = options;
  const names = options.families ??
    [...families].filter(([, { trial }]) => trial).map(([name]) => name);
  let known = measured.get(device);
  if (!known) measured.set(device, known = new Map());
  const stored = parse(await cache?.read());
  const mine = stored[device.name] ?? {};
  let news = false;
  for (const name of names) {
    const family = families.get(name);
    if (!family?.trial) {
      throw new RangeError(
        `Cannot tune "${name}": the families that can be measured are ${
          [...families].filter(([, { trial }]) => trial).map(([n]) => n)
            .join(", ")
        }`,
      );
    }
    for (const [shapeClass, sizes] of Object.entries(family.trial.classes)) {
      const key = `${name}/${shapeClass}`;
      const before = known.get(key) ?? mine[key];
      if (before !== undefined && family.variants.includes(before)) {
        known.set(key, before);
        continue;
      }
      known.set(key, await fastest(device, name, family, sizes));
      news = true;
    }
  }
  const result = Object.fromEntries(known);
  if (cache && news) {
    stored[device.name] = { ...mine, ...result };
    await cache.write(JSON.stringify(stored, undefined, 2) + "\n");
  }
  return result;
}

/** Reads the cache; what cannot be read counts as nothing measured. */
function parse(
  text: string | undefined,
): Record<string, Record<string, string>> {
  try {
    const value = JSON.parse(text ?? "{}");
    return value && typeof value === "object" ? value : {};
  } catch {
    return {};
  }
}

async function fastest(
  device: Device,
  name: string,
  { variants, trial }: Family,
  sizes: readonly number[],
): Promise<string> {
  const before = pins.get(name);
  const ran = [...used];
  using _ = scope();
  const run = trial?.run(device, sizes) ?? (() => {});
  const best = new Map<string, number>();
  const repeats = new Map<string, number>();
  try {
    for (let sample = 0; sample < SAMPLES + 2; sample++) {
      for (const variant of variants) {
        pins.set(name, variant);
        const count = repeats.get(variant) ?? 1;
        const start = performance.now();
        for (let i = 0; i < count; i++) run();
        await device.synchronize();
        const time = (performance.now() - start) / count;
        if (sample === 0) continue; // The first compiles.
        if (sample === 1) {
          repeats.set(variant, Math.max(1, Math.ceil(SAMPLE_MS / time)));
        } else {
          best.set(variant, Math.min(best.get(variant) ?? Infinity, time));
        }
      }
    }
  } finally {
    if (before === undefined) pins.delete(name);
    else pins.set(name, before);
    used.clear(); // Trials are not what the program ran.
    for (const [key, variant] of ran) used.set(key, variant);
  }
  const [winner] = [...best].sort(([, a], [, b]) => a - b);
  return winner?.[0] ?? variants[0] ?? "";
}
