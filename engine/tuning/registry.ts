// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The tables behind choice.ts: the kernel families with their variants, and the
// decisions about them. choice.ts lets users see and change them; tuner.ts and
// probe.ts fill them in. They are a file apart because those two and choice.ts
// all need them, and choice.ts needs probe.ts.

import type { Device } from "../gpu/device.ts";

/** How `tune` measures a kernel family. */
export interface Trial {
  /** For each class of shapes, sizes that represent it. */
  classes: Readonly<Record<string, readonly number[]>>;
  /** Makes the operands, and returns a function that records the work once. */
  run: (device: Device, sizes: readonly number[]) => () => void;
  /**
   * Whether a variant can be the fastest on a device at given sizes. A variant
   * that cannot is neither compiled nor measured.
   *
   * @default {every variant can}
   */
  suits?: (
    device: Device,
    variant: string,
    sizes: readonly number[],
  ) => boolean;
}

/** Two variants that give the same bits, and how to find the faster one. */
export interface Probe {
  /** The variant that large calls run until the probe has ended. */
  usual: string;
  /** The variant that may be faster. */
  other: string;
  /**
   * Makes the operands, and returns a function that records about a millisecond of
   * work.
   */
  run: (device: Device) => () => void;
}

/** A kernel family: variants of a kernel that compute the same. */
export interface Family {
  variants: readonly string[];
  trial: Trial | undefined;
  probe?: Probe;
}

/** The families, by name, of all files that have been loaded. */
export const families: Map<string, Family> = new Map();

/** The variant that the user has pinned, by family. */
export const pins: Map<string, string> = new Map();

/** The variant that the user has applied, by `family/class`. */
export const applied: Map<string, string> = new Map();

/** The variant that ran last, by `family/class`. */
export const used: Map<string, string> = new Map();

const measured = new WeakMap<Device, Map<string, string>>();

/** The variant that was measured to be fastest on a device, by `family/class`. */
export function measuredOn(device: Device): Map<string, string> {
  let known = measured.get(device);
  if (!known) measured.set(device, known = new Map());
  return known;
}

/**
 * Records work with a variant pinned, or with the default of the family, and
 * leaves all decisions as they were.
 *
 * @returns The variants that ran, by `family/class`.
 */
export function rehearse(
  family: string,
  variant: string | undefined,
  record: () => void,
): Map<string, string> {
  const state = [pins, applied, used].map((map) => ({ map, before: [...map] }));
  for (const { map } of state) map.clear();
  if (variant !== undefined) pins.set(family, variant);
  try {
    record();
    return new Map(used);
  } finally {
    for (const { map, before } of state) {
      map.clear();
      for (const [key, value] of before) map.set(key, value);
    }
  }
}
