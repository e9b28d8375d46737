// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Which variant of a kernel family runs. It is the first of these that exists: the
// variant that the user pinned; the one of applied choices; the one that `tune`
// measured to be fastest on this adapter; the default of the family, or a faster
// one with the same bits that a probe found. Results can differ in their last
// bits between variants, so a run can export its choices. The tables of families
// and decisions are in registry.ts.

import type { Device } from "../gpu/device.ts";
import { dependsOn } from "../gpu/observer.ts";
import {
  applied,
  families,
  type Family,
  measuredOn,
  pins,
  type Probe,
  type Trial,
  used,
} from "./registry.ts";
import { probed } from "./probe.ts";

export type { Probe, Trial } from "./registry.ts";

/**
 * Declares a kernel family. The file that launches the kernels calls it.
 *
 * @param family The name of the family.
 * @param variants The names of its variants.
 * @param trial How to measure them. Without it, and without
 * {@linkcode defineTrial}, `tune` does not know the family.
 *
 * @example A family whose variants can be pinned
 * ```ts
 * import { initialize, pin, variantsOf } from "@swagpu/swagpu/engine";
 * import { chooseVariant, defineVariants } from "@swagpu/swagpu/engine/kernels";
 * import { assertEquals } from "@std/assert";
 *
 * const device = await initialize();
 * defineVariants("sort", ["bitonic", "radix"]);
 * const choose = () => chooseVariant(device, "sort", "all", () => "bitonic");
 * assertEquals(variantsOf("sort"), ["bitonic", "radix"]);
 * assertEquals(choose(), "bitonic");
 * pin("sort", "radix");
 * assertEquals(choose(), "radix");
 * ```
 */
export function defineVariants(
  family: string,
  variants: readonly string[],
  trial?: Trial,
): void {
  families.set(family, { variants, trial });
}

/**
 * Declares how to measure a family that is declared already.
 *
 * @param family The name of the family.
 * @param trial How to measure it.
 * @throws {RangeError} If no family has that name.
 *
 * @example Usage
 * ```ts
 * import { add, classesOf, full } from "@swagpu/swagpu/engine";
 * import { defineTrial, defineVariants } from "@swagpu/swagpu/engine/kernels";
 * import { assertEquals } from "@std/assert";
 *
 * defineVariants("plus", ["narrow", "wide"]);
 * defineTrial("plus", {
 *   classes: { short: [1000], long: [1000000] },
 *   run: (device, [size = 1]) => {
 *     const x = full([size], 1, { device });
 *     return () => void add(x, x);
 *   },
 * });
 * assertEquals(classesOf("plus"), ["short", "long"]);
 * ```
 */
export function defineTrial(family: string, trial: Trial): void {
  knownFamily(family, "a trial").trial = trial;
}

/**
 * Declares which two variants of a family give the same bits, so that a short
 * probe can choose between them. The family is declared already.
 *
 * @param family The name of the family.
 * @param probe The two variants, and how to measure them.
 * @throws {RangeError} If no family has that name.
 *
 * @example Usage
 * ```ts
 * import { add, full } from "@swagpu/swagpu/engine";
 * import { defineProbe, defineVariants } from "@swagpu/swagpu/engine/kernels";
 *
 * defineVariants("minus", ["buffers", "texels"]);
 * defineProbe("minus", {
 *   usual: "buffers",
 *   other: "texels",
 *   run: (device) => {
 *     const x = full([2 ** 18], 1, { device });
 *     return () => void add(x, x);
 *   },
 * });
 * ```
 */
export function defineProbe(family: string, probe: Probe): void {
  knownFamily(family, "a probe").probe = probe;
}

function knownFamily(family: string, what: string): Family {
  const known = families.get(family);
  if (known) return known;
  throw new RangeError(
    `Cannot define ${what} of "${family}": the families are ${
      familyNames().join(", ")
    }`,
  );
}

/**
 * Lists the kernel families that have variants.
 *
 * @returns Their names, in alphabetical order.
 *
 * @example Usage
 * ```ts
 * import { familyNames } from "@swagpu/swagpu/engine";
 * import { assert } from "@std/assert";
 *
 * assert(familyNames().includes("matmul"));
 * ```
 */
export function familyNames(): string[] {
  return [...families.keys()].sort();
}

/**
 * Lists the classes of shapes for which a family is measured.
 *
 * @param family The name of the family.
 * @returns The names of the classes; empty if the family cannot be measured.
 *
 * @example Usage
 * ```ts
 * import { classesOf } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(classesOf("cross_entropy"), ["narrow", "wide"]);
 * ```
 */
export function classesOf(family: string): string[] {
  return Object.keys(families.get(family)?.trial?.classes ?? {});
}

/**
 * Lists the variants of a family.
 *
 * @param family The name of the family.
 * @returns The names of the variants; empty if no family has that name.
 *
 * @example Usage
 * ```ts
 * import { variantsOf } from "@swagpu/swagpu/engine";
 * import { assert } from "@std/assert";
 *
 * assert(variantsOf("matmul").includes("tiled64"));
 * ```
 */
export function variantsOf(family: string): readonly string[] {
  return families.get(family)?.variants ?? [];
}

/**
 * Makes every later call of a family run one variant.
 *
 * @param family The name of the family.
 * @param variant The variant to run; `undefined` ends the pinning.
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

/**
 * Returns the variant that a family is pinned to.
 *
 * @param family The name of the family.
 * @returns The variant, or `undefined` if the family is not pinned.
 *
 * @example Usage
 * ```ts
 * import { pinned } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(pinned("matmul"), undefined);
 * ```
 */
export function pinned(family: string): string | undefined {
  return pins.get(family);
}

/**
 * Chooses the variant to run now.
 *
 * @param device The device that runs it.
 * @param family The name of the family.
 * @param shapeClass The class that the shapes of this call belong to.
 * @param fallback Returns the default, where nothing is pinned or measured.
 * @returns The name of the variant.
 *
 * @example Usage
 * ```ts
 * import { chosen, initialize } from "@swagpu/swagpu/engine";
 * import { chooseVariant, defineVariants } from "@swagpu/swagpu/engine/kernels";
 * import { assertEquals } from "@std/assert";
 *
 * const device = await initialize();
 * defineVariants("search", ["linear", "binary"]);
 * chooseVariant(device, "search", "short", () => "linear");
 * assertEquals(chosen()["search/short"], "linear");
 * ```
 */
export function chooseVariant(
  device: Device,
  family: string,
  shapeClass: string,
  fallback: () => string,
): string {
  const key = `${family}/${shapeClass}`;
  const given = () =>
    pins.get(family) ?? applied.get(key) ?? measuredOn(device).get(key);
  const now = given();
  dependsOn(() => given() === now, key);
  const variant = now ?? probed(device, family, fallback());
  used.set(key, variant);
  return variant;
}

/**
 * Returns the variants that ran last. A later run that gives them to
 * {@linkcode applyChoices} runs the same kernels and so, on the same adapter, gets
 * the same bits.
 *
 * @returns The variants by family and class of shapes: `{ "matmul/large": … }`.
 *
 * @example Usage
 * ```ts
 * import { chosen, cumsum, initialize, tensor } from "@swagpu/swagpu/engine";
 * import { assert } from "@std/assert";
 *
 * await initialize();
 * cumsum(tensor([1, 2, 3]), { axis: 0 });
 * assert("cumsum/all" in chosen());
 * ```
 */
export function chosen(): Record<string, string> {
  return Object.fromEntries([...used].sort(([a], [b]) => a < b ? -1 : 1));
}

/** The result of {@linkcode applyChoices}. */
export interface AppliedChoices {
  /** The keys whose variants run from now on. */
  applied: string[];
  /** The keys without effect: the family, class or variant is not known. */
  unknown: string[];
}

/**
 * Makes the variants run that {@linkcode chosen} returned in another run. They
 * count more than measurements and defaults, and less than pins. They replace all
 * choices that were applied before; `{}` only removes those.
 *
 * Import the modules first whose families the choices name: `swag` and `models`
 * have families, too.
 *
 * @param choices Variants by family and class of shapes.
 * @returns Which choices have an effect.
 *
 * @example Usage
 * ```ts
 * import {
 *   applyChoices,
 *   chosen,
 *   initialize,
 *   matmul,
 *   ones,
 * } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * matmul(ones([4, 64]), ones([64, 64]));
 * const record = JSON.stringify(chosen()); // kept beside the results
 *
 * const { unknown } = applyChoices(JSON.parse(record));
 * assertEquals(unknown, []);
 * applyChoices({});
 * ```
 */
export function applyChoices(
  choices: Readonly<Record<string, string>>,
): AppliedChoices {
  applied.clear();
  const unknown: string[] = [];
  for (const [key, variant] of Object.entries(choices)) {
    const at = key.indexOf("/");
    const family = families.get(key.slice(0, at));
    const classes = family?.trial?.classes;
    const known = family?.variants.includes(variant) &&
      (!classes || key.slice(at + 1) in classes);
    if (known) applied.set(key, variant);
    else unknown.push(key);
  }
  return { applied: [...applied.keys()], unknown };
}
