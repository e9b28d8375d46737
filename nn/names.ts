// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Names of parameters: paths of attributes, in snake case.

/**
 * Whether a name starts with a prefix, by whole path segments.
 *
 * @param name A name such as `encoder.layer.1.weight`.
 * @param prefix The prefix. Every name starts with `""`.
 * @returns Whether it does.
 *
 * @example Usage
 * ```ts
 * import { hasPrefix } from "@swagpu/swagpu/nn";
 * import { assert, assertFalse } from "@std/assert";
 *
 * assert(hasPrefix("encoder.layer.1.weight", "encoder.layer.1"));
 * assertFalse(hasPrefix("encoder.layer.11.weight", "encoder.layer.1"));
 * ```
 */
export function hasPrefix(name: string, prefix: string): boolean {
  return prefix === "" || name === prefix || name.startsWith(`${prefix}.`);
}

/**
 * Whether a name, or the path of a module that it is in, matches a pattern. In a
 * pattern, `*` stands for any part of a path segment, and a segment `**` for any
 * number of segments, none included. A pattern without them is a prefix of whole
 * path segments, see {@linkcode hasPrefix}.
 *
 * @param name A name such as `encoder.layer.1.attention.weight`.
 * @param pattern The pattern.
 * @returns Whether it matches.
 *
 * @example Usage
 * ```ts
 * import { matchesPath } from "@swagpu/swagpu/nn";
 * import { assert, assertFalse } from "@std/assert";
 *
 * const name = "encoder.layer.1.attention.bias";
 * assert(matchesPath(name, "encoder.layer.*.attention"));
 * assert(matchesPath(name, "**.bias"));
 * assertFalse(matchesPath(name, "encoder.*.attention"));
 * ```
 */
export function matchesPath(name: string, pattern: string): boolean {
  if (!pattern.includes("*")) return hasPrefix(name, pattern);
  const segments = pattern.split(".");
  // All that is below matches anyway.
  while (segments.at(-1) === "**") segments.pop();
  const text = segments.map((segment, i) => {
    if (segment === "**") return String.raw`(?:[^.]+\.)*`;
    const literals = segment.split("*").map((part) =>
      part.replace(/[^\w]/g, String.raw`\$&`)
    );
    const dot = i < segments.length - 1 ? String.raw`\.` : "";
    return literals.join("[^.]*") + dot;
  }).join("");
  if (text === "") return true;
  return new RegExp(String.raw`^${text}(?:\.|$)`).test(name);
}

/**
 * Summarizes names for an error message by their first two path segments.
 *
 * @param names The names.
 * @returns The segments of all names, each once, in quotes.
 *
 * @example Usage
 * ```ts
 * import { topNames } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * const names = ["bert.encoder.layer.0", "bert.encoder.layer.1", "classifier"];
 * assertEquals(topNames(names), '"bert.encoder", "classifier"');
 * ```
 */
export function topNames(names: Iterable<string>): string {
  const tops = new Set<string>();
  for (const name of names) tops.add(name.split(".").slice(0, 2).join("."));
  return [...tops].map((top) => `"${top}"`).join(", ");
}

/**
 * The segment of a name that an attribute stands for: `word_embeddings` for
 * `wordEmbeddings`, but `LayerNorm` and `lora_A` for themselves.
 */
export function snakeCase(name: string): string {
  if (/^[A-Z]|_/.test(name)) return name;
  return name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);
}
