// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Element-wise derivatives are WGSL expressions. Only the tensors that an
// expression mentions are bound, and so kept for the way back.

const found = new Map<string, string[]>();

/**
 * Finds the names that an expression mentions.
 *
 * @param body The WGSL expression.
 * @param names The names to look for; always the same for the same expression.
 * @returns Those of the names that occur as words, in their order.
 */
export function mentioned(body: string, names: readonly string[]): string[] {
  let list = found.get(body);
  if (!list) {
    list = names.filter((name) => new RegExp(`\\b${name}\\b`).test(body));
    found.set(body, list);
  }
  return list;
}
