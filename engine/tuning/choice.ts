// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Which hand-written variant of a kernel family runs. In order: the one pinned,
// the one of choices applied, the one that `tune` measured to be fastest on this
// adapter, the family's own default or what a probe found to give the same bits
// sooner. The choice can be part of "same bits", so a run can export it.

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
} from "./families.ts";

import { probed } from "./probe.ts";

export type { Probe, Trial } from "./families.ts";

/**
 * Names the variants of a kernel family; called by the file that owns it.
 *
 * @param trial How to measure them; without it, and without
 * {@linkcode defineTrial}, they can only be pinned.
 */
export function defineVariants(
  family: string,
  variants: readonly string[],
  trial?: Trial,
): void {
  families.set(family, { variants, trial });
}

/**
 * Says how to measure a family that is defined already.
 *
 * @throws {RangeError} If there is no such family.
 */
export function defineTrial(family: string, trial: Trial): void {
  knownFamily(family, "a trial").trial = trial;
}

/**
 * Says which two variants of a family that is defined already give the same
 * bits, so that a short probe may choose between them.
 *
 * @throws {RangeError} If there is no such family.
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

/** The kernel families that come in variants, in alphabetical order. */
export function familyNames(): string[] {
  return [...families.keys()].sort();
}

/**
 * The classes of shapes that a family is measured for; none if it cannot be.
 */
export function classesOf(family: string): string[] {
  return Object.keys(families.get(family)?.trial?.classes ?? {});
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
  const given = () =>
    pins.get(family) ?? applied.get(key) ?? measuredOn(device).get(key);
  const now = given();
  dependsOn(() => given() === now, key);
  const variant = now ?? probed(device, family, fallback());
  used.set(key, variant);
  return variant;
}

/**
 * What ran last, by family and class of shapes: `{ "matmul/large": … }`. A
 * later run that gives it to {@linkcode applyChoices} runs the same kernels,
 * and so, on the same adapter, gets the same bits.
 */
export function chosen(): Record<string, string> {
  return Object.fromEntries([...used].sort(([a], [b]) => a < b ? -1 : 1));
}

/** What {@linkcode applyChoices} made of a record. */
export interface AppliedChoices {
  /** Keys whose variants run from now on. */
  applied: string[];
  /** Keys that count for nothing: no such family, class or variant. */
  unknown: string[];
}

/**
 * Makes the variants of a record run, as {@linkcode chosen} exported it, in
 * place of what is measured or usual. Replaces what was applied before; `{}`
 * takes it all back. A pin goes before it.
 *
 * Load what defines the families first: `swag` and `models` have their own.
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
