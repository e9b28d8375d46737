// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// How a block of registers becomes text. The drivers of adapters on the CPU
// make arrays in private memory as slow as storage, so a block is written as
// many named variables, and what is done with each of them as many lines.

/** The lines for every `i` below `count`. */
export function unroll(count: number, line: (i: number) => string): string {
  return Array.from({ length: count }, (_, i) => line(i)).join("\n");
}

/**
 * A switch: the lines for the value that a variable has, for values below
 * `count`. It lets a loop work on one named register after the other.
 */
export function choice(
  name: string,
  count: number,
  lines: (value: number) => string,
): string {
  return `switch ${name} {\n${
    unroll(count, (value) => `case ${value}u: {\n${lines(value)}\n}`)
  }\ndefault: {}\n}`;
}
