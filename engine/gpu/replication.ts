// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// For which replicas commands are recorded. Replicas are copies of one program
// that differ in their random numbers and in what follows from them: see
// ../replicas.ts. The memory of a replicated tensor is one block, in which one
// replica's elements lie after the other's, and a command of the program becomes
// one command for all of them (replicated_commands.ts).

import type { Binding, Block, ReplicaSpace } from "./block.ts";

/** The replicas that commands are recorded for. */
export interface Replication {
  /** The number of replicas. */
  readonly count: number;
  /** The only one that commands run for; `undefined` if they run for all. */
  readonly only: number | undefined;
}

let current: Replication | undefined;

/** The replicas that commands are recorded for now; `undefined` for none. */
export function replication(): Replication | undefined {
  return current;
}

/** Whether what is made now is made for each replica. */
export function isReplicating(): boolean {
  return current !== undefined && current.only === undefined;
}

/** The number of replicas that one dispatch works for now; 1 without any. */
export function replicasAtOnce(): number {
  return current !== undefined && current.only === undefined
    ? current.count
    : 1;
}

/** Runs a function whose commands are for these replicas. */
export function replicate<T>(to: Replication | undefined, run: () => T): T {
  const before = current;
  current = to;
  try {
    return run();
  } finally {
    current = before;
  }
}

/** Runs a function that makes what all replicas share, such as given numbers. */
export function shared<T>(run: () => T): T {
  return isReplicating() ? replicate(undefined, run) : run();
}

/**
 * Runs a function that makes what belongs to a block's elements, such as their
 * gradients: for all replicas if the block is theirs, even where commands run for
 * only one.
 *
 * @param block The block.
 * @param run The function.
 * @returns What `run` returns.
 *
 * @example Memory beside that of a replicated tensor
 * ```ts
 * import { Replicas, initialize, zeros } from "@swagpu/swagpu/engine";
 * import { asReplicated, fillInto } from "@swagpu/swagpu/engine/kernels";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * using replicas = new Replicas([1, 2]);
 * const x = replicas.run(() => zeros([3]));
 * const y = replicas.only(1, () => asReplicated(x.block, () => zeros([3])));
 * replicas.only(1, () => fillInto(y, 4));
 * const values = await replicas.data(y);
 * assertEquals(values.map(([first]) => first), [0, 4]);
 * ```
 */
export function asReplicated<T>({ replicas }: Block, run: () => T): T {
  return replicas && current?.only !== undefined
    ? replicate({ count: replicas.count, only: undefined }, run)
    : run();
}

/**
 * The replicas that a command on replicated memory runs for.
 *
 * @param space The memory.
 * @param action What the command does, for the error.
 * @throws {ReplicaError} If commands are not recorded for such replicas now.
 */
export function replicasOf({ count }: ReplicaSpace, action: string): number[] {
  if (current?.count !== count) {
    throw new ReplicaError(
      `Cannot ${action} a tensor of ${count} replicas ` +
        (current ? `among ${current.count}` : "outside of them") +
        ": call run() or only() of the Replicas that made it",
    );
  }
  return current.only !== undefined
    ? [current.only]
    : Array.from({ length: count }, (_, replica) => replica);
}

/**
 * The error when what a program does cannot be done for several replicas at once,
 * or a replicated tensor is used outside of its replicas. The program may still run
 * for one replica after the other.
 *
 * @example Falling back
 * ```ts
 * import {
 *   defaultGenerator,
 *   initialize,
 *   ReplicaError,
 *   Replicas,
 * } from "@swagpu/swagpu/engine";
 * import { philoxUniform } from "@swagpu/swagpu/engine/kernels";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const draw = () => philoxUniform(defaultGenerator().next(), 0); // on the host
 * using replicas = new Replicas([1, 2]);
 * let drawn: number[] = [];
 * try {
 *   replicas.run(draw);
 * } catch (error) {
 *   if (!(error instanceof ReplicaError)) throw error;
 *   drawn = [0, 1].map((replica) => replicas.only(replica, draw));
 * }
 * assertEquals(drawn.length, 2);
 * ```
 */
export class ReplicaError extends TypeError {
  /** The name of the class, which messages begin with. */
  override readonly name = "ReplicaError";
}

/** Words of 32 bits for each replica, on the host and on the GPU. */
export interface ReplicaTable {
  /** The words, replica by replica. */
  readonly words: Uint32Array;
  /** The number of words of a replica. */
  readonly width: number;
  /** The words on the GPU. */
  readonly binding: Binding;
}

/** A parameter of a kernel, of type u32, that differs between replicas. */
export interface ReplicaWord {
  /** Where the values are. */
  readonly table: ReplicaTable;
  /** Which word of each replica it is. */
  readonly at: number;
}

/** Whether a parameter differs between replicas. */
export function isReplicaWord(param: unknown): param is ReplicaWord {
  return typeof param === "object" && param !== null && "table" in param;
}
