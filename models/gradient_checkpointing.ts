// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Gradient checkpointing of models: each block of a stack runs again on the way
// back, so that of all blocks but one the inputs alone are kept.

import { dependsOn } from "../engine/kernel_kit.ts";
import { checkpoint, type Tensor } from "../engine/mod.ts";
import type { Module } from "../nn/mod.ts";

/**
 * A module with blocks that can be checkpointed: it runs each of them by
 * {@linkcode runBlock}. `PreTrainedModel.gradientCheckpointingEnable` finds the
 * module by its property.
 */
export interface BlockStack extends Module {
  /** Whether blocks are checkpointed in training mode. */
  gradientCheckpointing: boolean;
}

/** Whether a module is a {@linkcode BlockStack}. */
export function isBlockStack(module: Module): module is BlockStack {
  return "gradientCheckpointing" in module;
}

/**
 * Lists that a block adds tensors to, such as attention's probabilities; each is
 * there if it is wanted.
 */
export type BlockLists = readonly (Tensor[] | undefined)[];

/** Options of {@linkcode runBlock}. */
export interface RunBlockOptions {
  /**
   * Lists that the block adds tensors to.
   *
   * @default {[]}
   */
  lists?: BlockLists;
  /**
   * The cache of the tokens before, if there is one. A block that writes to it
   * cannot run twice, so it is not checkpointed.
   *
   * @default {none}
   */
  cache?: object | undefined;
}

/**
 * Runs a block of a stack, as a checkpoint if the stack is in training mode and
 * its `gradientCheckpointing` is set.
 *
 * @param stack The module whose block it is.
 * @param x The states before the block.
 * @param run Runs the block on the states, and adds to the lists that it is given.
 * It must not use variables that are assigned again later.
 * @param options The lists and the cache.
 * @returns The states after the block.
 *
 * @example A stack of one's own
 * ```ts
 * import {
 *   backward,
 *   initialize,
 *   sum,
 *   type Tensor,
 *   tensor,
 * } from "@swagpu/swagpu/engine";
 * import { type BlockStack, runBlock } from "@swagpu/swagpu/models";
 * import { Linear, Module } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * class Stack extends Module implements BlockStack {
 *   gradientCheckpointing = true;
 *   runs = 0;
 *   layers = [new Linear(2, 2), new Linear(2, 2)];
 *   forward(x: Tensor): Tensor {
 *     for (const layer of this.layers) {
 *       x = runBlock(this, x, (x) => {
 *         this.runs++;
 *         return layer.forward(x, { activation: "tanh" });
 *       });
 *     }
 *     return x;
 *   }
 * }
 *
 * await initialize();
 * const stack = new Stack();
 * backward(sum(stack.forward(tensor([[1, 2]]))));
 * assertEquals(stack.runs, 4); // each of the two layers twice
 * ```
 */
export function runBlock(
  stack: BlockStack,
  x: Tensor,
  run: (x: Tensor, ...lists: BlockLists) => Tensor,
  options: RunBlockOptions = {},
): Tensor {
  const { lists = [], cache } = options;
  const now = stack.gradientCheckpointing;
  dependsOn(() => stack.gradientCheckpointing === now);
  if (!now || !stack.training || cache) return run(x, ...lists);
  // The block runs twice, but adds to the lists once.
  const { y, added } = checkpoint((x: Tensor) => {
    const added = lists.map((list) => list && [] as Tensor[]);
    return { y: run(x, ...added), added };
  }, x);
  added.forEach((tensors = [], i) => lists[i]?.push(...tensors));
  return y;
}
