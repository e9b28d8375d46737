// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Fingerprints of weights, by which a saved posterior recognizes the model that it
 * belongs to.
 *
 * @module
 */

import { readAll, type TypedArray } from "../engine/mod.ts";
import { asSaved, type SavedDtype } from "../nn/formats/mod.ts";
import type { Module, Parameter } from "../nn/mod.ts";

/** How many bytes are read with one wait for the GPU; at least one parameter. */
const READ_BYTES = 2 ** 26;

/**
 * Computes a text that is the same for two models whose weights are equal bit for
 * bit, and almost certainly differs otherwise: the SHA-256 of every parameter's
 * name, shape, and a hash of its values in 128 bits, sorted by name. That hash is
 * fast, but does not resist forgery: a fingerprint detects files that were mixed up
 * by mistake. Parameters that the model's class does not save
 * (`keysToIgnoreOnSave`) are left out, so that weights keep their fingerprint when
 * they are saved and loaded.
 *
 * The weights are read from the GPU once, 64 MiB at a time.
 *
 * @param model The model, whose current weights are read.
 * @param dtype The type in which they are saved: the fingerprint is that of the
 * weights which are loaded then.
 */
export async function fingerprint(
  model: Module,
  dtype: SavedDtype = "float32",
): Promise<string> {
  const { keysToIgnoreOnSave = [] } = model.constructor as {
    keysToIgnoreOnSave?: readonly string[];
  };
  model.placeParameters();
  const sorted = [...model.namedParameters()]
    .filter(([name]) => !keysToIgnoreOnSave.includes(name))
    .sort(([a], [b]) => a < b ? -1 : 1);
  const lines: string[] = [];
  for (const group of groupsOf(sorted)) {
    const values = await readAll(group.map(([, parameter]) => parameter));
    for (const [i, [name, { shape }]] of group.entries()) {
      const own = asSaved(
        (values[i] ?? []) as Float32Array<ArrayBuffer>,
        shape,
        dtype,
      );
      lines.push(`${name} [${shape.join(", ")}] ${hashOf(own)}\n`);
    }
  }
  const text = new TextEncoder().encode(lines.join(""));
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", text));
  return [...hash].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

type Named = readonly [string, Parameter];

function groupsOf(parameters: readonly Named[]): Named[][] {
  const groups: Named[][] = [];
  let bytes = Infinity;
  for (const named of parameters) {
    const own = 4 * named[1].size;
    if (bytes + own > READ_BYTES) {
      groups.push([]);
      bytes = 0;
    }
    groups.at(-1)?.push(named);
    bytes += own;
  }
  return groups;
}

/**
 * Hashes the bits of a tensor to 128 bits: each of four lanes takes every fourth
 * word. Each step is a bijection, so that a change of one word always shows.
 */
function hashOf(values: TypedArray): string {
  const { buffer, byteOffset, length } = values;
  const words = new Uint32Array(buffer, byteOffset, length);
  let a = 1;
  let b = 2;
  let c = 3;
  let d = 4;
  for (let i = 0; i < length; i += 4) {
    a = step(a, words[i] ?? 0);
    b = step(b, words[i + 1] ?? 0);
    c = step(c, words[i + 2] ?? 0);
    d = step(d, words[i + 3] ?? 0);
  }
  return [a, b, c, d]
    .map((lane) => (lane >>> 0).toString(16).padStart(8, "0")).join("");
}

/** Multiplies by an odd number (2³² over the golden ratio), then mixes in the high bits. */
function step(lane: number, word: number): number {
  const product = Math.imul(lane ^ word, 0x9e3779b1);
  return product ^ (product >>> 15);
}
