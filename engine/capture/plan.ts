// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The memory of a captured step. Once the step is recorded, the life of each of
// its tensors is known: from the first command that uses it to the last. So
// tensors take turns in a few slots. Each slot is a whole buffer, because WebGPU
// refuses one buffer that is bound for reading and writing in a dispatch, even at
// disjoint ranges.

import type { Block } from "../gpu/block.ts";
import type { Pool } from "../gpu/pool.ts";
import type { Command, Memory } from "./recording.ts";

/** Where the memory that a step allocates lies at replays. */
export interface Plan {
  /** The slot of each tensor; the largest slots come first. */
  readonly slots: ReadonlyMap<Memory, number>;
  /** Bytes of each slot. */
  readonly sizes: readonly number[];
  /** Memory that is uploaded once and then only read: it has no slot. */
  readonly constants: ReadonlySet<Memory>;
}

/** The commands during which memory is in use, by their index. */
interface Life {
  readonly memory: Memory;
  first: number;
  last: number;
}

/**
 * Plans slots for the memory that a step allocates: the largest tensors choose
 * first, and each chooses the smallest slot that is free during its life.
 *
 * @param commands The commands of the step, in order.
 * @param inputs Memory that is written before the first command.
 * @param outputs Memory that is read after the last command.
 */
export function planMemory(
  commands: readonly Command[],
  inputs: readonly Memory[],
  outputs: readonly Memory[],
): Plan {
  const constants = constantsOf(commands);
  for (const memory of outputs) constants.delete(memory); // The caller may write them.
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

/** Memory that is written by fixed uploads alone, before anything reads it. */
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
        if (command.isRenewed || !memory.transient || read.has(memory)) {
          drop(memory);
        } else if (!others.has(memory)) constants.add(memory);
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
 * The buffers of the slots of a captured step. They hold one run at a time, so
 * the programs of all shapes share them: a slot is as large as the program with
 * the largest needs it.
 */
export class Arena {
  /** Incremented whenever a slot gets another buffer. */
  version = 0;
  readonly #pool: Pool;
  readonly #sizes: number[] = [];
  readonly #blocks: Block[] = [];

  /** Starts without buffers; they come from a pool and go back to it. */
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

  /** Makes every slot at least as large as a plan needs it. */
  ensure(sizes: readonly number[]): void {
    sizes.forEach((size, slot) => {
      const known = Math.max(size, this.#sizes[slot] ?? 0);
      this.#sizes[slot] = known;
      const block = this.#blocks[slot];
      if (block && block.size >= known) return;
      const next = this.#pool.acquire(known); // If it throws, nothing has changed.
      next.references = 1;
      this.#blocks[slot] = next;
      if (block) this.#free(block);
      this.version++;
    });
  }

  /** Gives the buffers back; the next replay takes some again. */
  release(): void {
    if (this.#blocks.length === 0) return;
    for (const block of this.#blocks) this.#free(block);
    this.#blocks.length = 0;
    this.version++;
  }

  /** Gives the buffers back and forgets how large the slots were. */
  clear(): void {
    this.release();
    this.#sizes.length = 0;
  }

  #free(block: Block): void {
    if (--block.references === 0) this.#pool.release(block);
  }
}
