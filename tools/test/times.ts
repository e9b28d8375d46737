// Copyright 2026 the swagpu authors. MIT license.

/**
 * Which test files take longest, so that whoever makes the tests slower sees it.
 *
 * @module
 */

/** How long the tests of a file took. */
export interface FileTime {
  /** The path of the file. */
  name: string;
  /** The seconds from the start of the file to its end. */
  seconds: number;
}

/** The files that are listed. */
const MOST = 10;

/**
 * Lists the ten files that took longest, the slowest first, with a line above.
 * Gives an empty list for a single file.
 */
export function listSlowest(times: readonly FileTime[]): string[] {
  if (times.length < 2) return [];
  const slowest = times.toSorted((a, b) => b.seconds - a.seconds)
    .slice(0, MOST)
    .map(({ name, seconds }) => ({ name, time: seconds.toFixed(1) }));
  const width = Math.max(...slowest.map(({ time }) => time.length));
  return [
    "The slowest files:",
    ...slowest.map(({ name, time }) => `${time.padStart(width)} s  ${name}`),
  ];
}
