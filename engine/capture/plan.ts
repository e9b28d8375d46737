// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Memory of a captured step. Lifetimes are known: from the first command that
// uses a tensor to the last. So tensors take turns in few slots, each a buffer
// of its own, because WebGPU refuses one buffer bound for reading and writing in
// a dispatch even at disjoint ranges.

import type { Block } from "../gpu/block.ts";
import type { Pool } from "../gpu/pool.ts";
import type { Command, Memory } from "./recording.ts";

/** Where the memory that a step makes lies at replays. */
export interface Plan {
  /** The slot of each tensor; slots are sorted by falling size. */
  readonly slots: ReadonlyMap<Memory, number>;
  /** Bytes of each slot. */
  readonly sizes: readonly number[];
  /** What is uploaded once and only read: blocks of its own. */
  readonly constants: ReadonlySet<Memory>;
}

interface Life {
  readonly memory: Memory;
  first: number;
  last: number;
}

/**
 * Plans slots for what a step makes: the largest tensors choose first, each the
 * smallest slot that no other tensor needs during its life.
 *
 * @param inputs What is written before the first command.
 * @param outputs What is read after the last.
 */
export function planMemory(
  commands: readonly Command[],
  inputs: readonly Memory[],
  outputs: readonly Memory[],
): Plan {
  const constants = constantsOf(commands);
  for (const memory of outputs) constants.delete(memory); // A caller may write.
  const lives = new Map<Memory, Life>();
  const use = (memory: Memory, at: number) => {
    if (!memory.transient || constants.has(memory)) return;
    const life = lives.get(memory);
    if (life) life.last = at;
    else lives.set(memory, { memory, first: at, last: at });
  };
  for (const memory of inputs) use(memory, -1);
  commands.forEach(({ ranges }, at) => {
    for (const { memory } of ranges) use(memory, at);
  });
  for (const memory of outputs) use(memory, Infinity);
  const sorted = [...lives.values()].sort((a, b) =>
    b.memory.block.size - a.memory.block.size || a.first - b.first
  );
  const slots = new Map<Memory, number>();
  const sizes: number[] = [];
  const tenants: Life[][] = [];
  for (const life of sorted) {
    const slot = tenants.findLastIndex((others) =>
      others.every(({ first, last }) => last < life.first || life.last < first)
    );
    const found = slot < 0 ? tenants.push([]) - 1 : slot;
    tenants[found]?.push(life);
    sizes[found] ??= life.memory.block.size;
    slots.set(life.memory, found);
  }
  return { slots, sizes, constants };
}

/** Memory that only uploads of fixed values write, before anything reads it. */
function constantsOf(commands: readonly Command[]): Set<Memory> {
  const constants = new Set<Memory>();
  const others = new Set<Memory>();
  const drop = (memory: Memory) => {
    constants.delete(memory);
    others.add(memory);
  };
  const read = new Set<Memory>();
  for (const command of commands) {
    const { ranges } = command;
    ranges.forEach(({ memory }, i) => {
      if (command.kind === "upload") {
        if (command.live || !memory.transient || read.has(memory)) drop(memory);
        else if (!others.has(memory)) constants.add(memory);
      } else if (command.kind === "dispatch") {
        if (command.pipeline.layout.bind[i] === "write") drop(memory);
        read.add(memory);
      } else if (command.kind === "clear" || i === 1) drop(memory);
      else read.add(memory);
    });
  }
  return constants;
}

/**
 * The slots of every program of a captured step. They hold one run at a time,
 * so programs of all shapes share them: slot i is as large as the largest needs.
 */
export class Arena {
  /** Rises whenever a slot gets another buffer. */
  version = 0;
  readonly #pool: Pool;
  readonly #sizes: number[] = [];
  readonly #blocks: Block[] = [];

  /** Takes its blocks from a pool, and gives them back to it. */
  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** Bytes that the slots hold now. */
  get bytes(): number {
    return this.#blocks.reduce((sum, { size }) => sum + size, 0);
  }

  /** The buffer of a slot. */
  block(slot: number): Block {
    const block = this.#blocks[slot];
    if (!block) throw new ReferenceError(`Cannot find slot ${slot}`);
    return block;
  }

  /** Makes room for a plan's sizes. */
  ensure(sizes: readonly number[]): void {
    sizes.forEach((size, slot) => {
      const known = Math.max(size, this.#sizes[slot] ?? 0);
      this.#sizes[slot] = known;
      const block = this.#blocks[slot];
      if (block && block.size >= known) return;
      const next = this.#pool.acquire(known); // May throw: all is as it was.
      next.references = 1;
      this.#blocks[slot] = next;
      if (block) this.#free(block);
      this.version++;
    });
  }

  /** Gives the buffers back until the next replay needs them. */
  release(): void {
    if (this.#blocks.length === 0) return;
    for (const block of this.#blocks) this.#free(block);
    this.#blocks.length = 0;
    this.version++;
  }

  /** Forgets the sizes, too. */
  clear(): void {
    this.release();
    this.#sizes.length = 0;
  }

  #free(block: Block): void {
    if (--block.references === 0) this.#pool.release(block);
  }
}
