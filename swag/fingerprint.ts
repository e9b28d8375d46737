// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

import { readAll } from "../engine/mod.ts";
import type { Module } from "../nn/module.ts";
import type { Parameter } from "../nn/parameter.ts";

/** Bytes that one wait for the GPU brings back, at least one parameter. */
const READ_BYTES = 2 ** 24;

/**
 * A text that two models share if their weights are alike bit for bit: the
 * SHA-256 of every parameter's name, shape and own SHA-256, by name. Parameters
 * that the model's class does not save (`keysToIgnoreOnSave`) have no part in
 * it, so that weights keep their fingerprint when they are saved and loaded.
 *
 * It reads the weights from the GPU once, 16 MiB at a time.
 *
 * @param model Its weights of this moment are meant.
 */
export async function fingerprint(model: Module): Promise<string> {
  const { keysToIgnoreOnSave = [] } = model.constructor as {
    keysToIgnoreOnSave?: readonly string[];
  };
  model.parameters(); // Those without a place get one.
  const sorted = [...model.namedParameters()]
    .filter(([name]) => !keysToIgnoreOnSave.includes(name))
    .sort(([a], [b]) => a < b ? -1 : 1);
  const lines: string[] = [];
  for (const group of groupsOf(sorted)) {
    const values = await readAll(group.map(([, parameter]) => parameter));
    for (const [i, [name, { shape }]] of group.entries()) {
      const hash = await sha256(Float32Array.from(values[i] ?? []));
      lines.push(`${name} [${shape.join(", ")}] ${hash}\n`);
    }
  }
  return await sha256(new TextEncoder().encode(lines.join("")));
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

async function sha256(
  data: Float32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>,
): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", data));
  return [...hash].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
