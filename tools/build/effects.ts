// Copyright 2026 the swagpu authors. MIT license.

/**
 * Which files do something when they load that other files depend on. Bundlers leave
 * out every other file of which a program uses no name, which makes a program that
 * trains with SWAG less than half as large.
 *
 * A file that only declares variants of its own kernels is not among them: without it,
 * there are no such kernels.
 *
 * @module
 */

/** The files that tell others something when they load. */
export const EFFECTS: readonly string[] = [
  // The main entry point loads posteriors in all of its functions.
  "mod.ts",
  "auto_swag.ts",
  "cli.ts",
  "engine/trials.ts",
  "models/auto.ts",
];
