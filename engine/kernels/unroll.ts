// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// How register blocks become text. An adapter on the CPU keeps arrays in private
// memory as slow as storage, so that a block is many named variables.

/** Text for every i below `count`, on a line each. */
export function unroll(count: number, line: (i: number) => string): string {
  return Array.from({ length: count }, (_, i) => line(i)).join("\n");
}

/** A choice between lines by the value of a variable. */
export function choice(
  name: string,
  count: number,
  lines: (value: number) => string,
): string {
  return `switch ${name} {\n${
    unroll(count, (value) => `case ${value}u: {\n${lines(value)}\n}`)
  }\ndefault: {}\n}`;
}
