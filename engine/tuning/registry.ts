// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The kernel families and what has been decided about them: what choice.ts lets
// users see and change, and tuner.ts fills in.

import type { Device } from "../gpu/device.ts";

/** How `tune` measures a family. */
export interface Trial {
  /** For each class of shapes the sizes that stand for it. */
  classes: Readonly<Record<string, readonly number[]>>;
  /** Makes the operands, and returns what records the work once. */
  run: (device: Device, sizes: readonly number[]) => () => void;
  /**
   * Whether a variant may be the fastest on such an adapter at such sizes; what
   * cannot be is neither compiled nor measured.
   *
   * @default {all may}
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
  /** Makes the operands, and returns what records about a millisecond's work. */
  run: (device: Device) => () => void;
}

/** A kernel in several forms that give the same result. */
export interface Family {
  variants: readonly string[];
  trial: Trial | undefined;
  probe?: Probe;
}

/** Every family whose file has been loaded. */
export const families: Map<string, Family> = new Map();

/** Variants by family that run whatever else is known. */
export const pins: Map<string, string> = new Map();

/** Variants by `family/class` that a program brought with it. */
export const applied: Map<string, string> = new Map();

/** Variants by `family/class` that ran last. */
export const used: Map<string, string> = new Map();

const measured = new WeakMap<Device, Map<string, string>>();

/** Variants by `family/class` that were fastest on a device. */
export function measuredOn(device: Device): Map<string, string> {
  let known = measured.get(device);
  if (!known) measured.set(device, known = new Map());
  return known;
}

/**
 * Records with a variant pinned, or with the family's default, and without a
 * trace of it afterwards.
 *
 * @returns What ran, by `family/class`.
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
