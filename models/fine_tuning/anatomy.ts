// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Which parameters of a model are embeddings, blocks and head: what every
// architecture has, found by the names of its parameters.

import type { Module } from "../../nn/mod.ts";

/** A block of a model. */
export interface Block {
  /** Its path, such as `bert.encoder.layer.3`. */
  readonly path: string;
  /** The path of the list that it is in, such as `bert.encoder.layer`. */
  readonly stack: string;
  /** Its parameters. */
  readonly names: readonly string[];
}

/** The parameters of a model by name, each once. */
export interface Anatomy {
  /** What turns tokens into states, up to the first block. */
  readonly embeddings: readonly string[];
  /**
   * The blocks from the bottom to the top: those of the encoder come before
   * those of the decoder.
   */
  readonly blocks: readonly Block[];
  /** The base model's pooler, part of the head. */
  readonly pooler: readonly string[];
  /** All that comes after the blocks, inside of the base model and outside. */
  readonly head: readonly string[];
}

/** The list and the number of a block at the start of a name, if there are. */
const BLOCK = /^(?<stack>.*?[^.\d][^.]*)\.(?<index>\d+)\./;

/** Segments of names of embeddings, such as `embed_positions` and `mask_emb`. */
const EMBEDDING = /(^|\.)([^.]*embed[^.]*|[^.]*_emb|shared)(\.|$)/i;

const POOLER = /(^|\.)pooler\./;

/**
 * Finds the parts of a model.
 *
 * A model with a head holds the base model as one attribute, which its class
 * names. There the first list of modules in a name is a stack of blocks. What is
 * called an embedding, or comes before the first block, belongs to the
 * embeddings, and the rest to the head. A tied parameter counts by its first
 * name.
 *
 * @throws {RangeError} If the model has no blocks.
 */
export function anatomyOf(model: Module): Anatomy {
  const names = [...model.namedParameters().keys()];
  const base = basePathOf(model, names);
  const stacks = new Map<string, Map<string, string[]>>();
  const embeddings: string[] = [];
  const head: string[] = [];
  for (const name of names) {
    if (!name.startsWith(base)) {
      head.push(name);
      continue;
    }
    const inner = name.slice(base.length);
    const { stack, index } = BLOCK.exec(inner)?.groups ?? {};
    if (stack !== undefined && index !== undefined) {
      const path = base + stack;
      const blocks = stacks.get(path) ?? new Map<string, string[]>();
      stacks.set(path, blocks);
      blocks.set(index, [...blocks.get(index) ?? [], name]);
    } else if (stacks.size === 0 || EMBEDDING.test(inner)) {
      embeddings.push(name);
    } else {
      head.push(name);
    }
  }
  if (stacks.size === 0) {
    throw new RangeError(
      `Cannot find the blocks of ${model.constructor.name}: no parameter of ` +
        `${base === "" ? "it" : `"${base.slice(0, -1)}"`} is in a list of ` +
        "modules",
    );
  }
  const blocks = [...stacks].flatMap(([stack, inStack]) =>
    [...inStack].map(([index, own]) => ({
      path: `${stack}.${index}`,
      stack,
      names: own,
    }))
  );
  const pooler = head.filter((name) =>
    name.startsWith(base) && POOLER.test(name)
  );
  return { embeddings, blocks, pooler, head };
}

/** What the names of the base model begin with: "" if the model is one itself. */
function basePathOf(model: Module, names: readonly string[]): string {
  const { basePrefix } = model.constructor as { basePrefix?: unknown };
  if (typeof basePrefix !== "string" || basePrefix === "") return "";
  const path = `${basePrefix}.`;
  return names.some((name) => name.startsWith(path)) ? path : "";
}
