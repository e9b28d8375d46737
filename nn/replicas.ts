// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Weights between replicas and ordinary modules.

import { copyInto, formatShape, sameShape } from "../engine/kernel_kit.ts";
import type { Replicas, Tensor } from "../engine/mod.ts";
import type { Module } from "./module.ts";

/**
 * Copies the weights of modules to the replicas of one: parameters and buffers, by
 * name.
 *
 * @param replicas The replicas.
 * @param to A module that was made in `replicas.run()`.
 * @param from An ordinary module for each replica, of the same kind.
 * @throws {TypeError} If there are more or fewer modules than replicas, or their
 * parameters and buffers differ. Nothing is copied then.
 *
 * @example Trained models go on as replicas
 * ```ts
 * import { initialize, Replicas } from "@swagpu/swagpu/engine";
 * import { Linear, stackModules } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const layers = [new Linear(2, 1), new Linear(2, 1)];
 * using replicas = new Replicas([1, 2]);
 * const both = replicas.run(() => new Linear(2, 1));
 * stackModules(replicas, both, layers);
 * const weights = await replicas.data(both.weight);
 * assertEquals(weights[1], await layers[1]!.weight.data());
 * ```
 */
export function stackModules(
  replicas: Replicas,
  to: Module,
  from: readonly Module[],
): void {
  // Parameters get their memory at first use, which must be for all replicas.
  replicas.run(() => place(to));
  const pairs = pairsOf(replicas, to, from);
  pairs.forEach((pairs, replica) =>
    replicas.only(replica, () => {
      for (const [replicated, own] of pairs) copyInto(replicated, own);
    })
  );
}

/**
 * Copies the weights of the replicas of a module to ordinary ones: parameters and
 * buffers, by name.
 *
 * @param replicas The replicas.
 * @param from A module that was made in `replicas.run()`.
 * @param to An ordinary module for each replica, of the same kind.
 * @throws {TypeError} If there are more or fewer modules than replicas, or their
 * parameters and buffers differ. Nothing is copied then.
 *
 * @example Replicas become models of their own
 * ```ts
 * import { initialize, Replicas } from "@swagpu/swagpu/engine";
 * import { Linear, unstackModules } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * using replicas = new Replicas([1, 2]);
 * const both = replicas.run(() => {
 *   const layer = new Linear(2, 1);
 *   layer.placeParameters();
 *   return layer;
 * });
 * const layers = [new Linear(2, 1), new Linear(2, 1)];
 * unstackModules(replicas, both, layers);
 * const weights = await replicas.data(both.weight);
 * assertEquals(await layers[1]!.weight.data(), weights[1]);
 * ```
 */
export function unstackModules(
  replicas: Replicas,
  from: Module,
  to: readonly Module[],
): void {
  const pairs = pairsOf(replicas, from, to);
  pairs.forEach((pairs, replica) =>
    replicas.only(replica, () => {
      for (const [replicated, own] of pairs) copyInto(own, replicated);
    })
  );
}

/** Gives the parameters and buffers of a module their memory. */
function place(module: Module): void {
  module.placeParameters();
  for (const buffer of module.namedBuffers().values()) buffer.block;
}

/** For each replica, each tensor beside that of the replica's own module. */
function pairsOf(
  { count }: Replicas,
  replicated: Module,
  modules: readonly Module[],
): [replicated: Tensor, own: Tensor][][] {
  if (modules.length !== count) {
    throw new TypeError(
      `Cannot copy weights between ${count} replicas and ${modules.length} ` +
        "modules: give one for each replica",
    );
  }
  const tensors = replicated.namedTensors();
  for (const [name, { block }] of tensors) {
    if (block.replicas?.count === count) continue;
    throw new TypeError(
      `Cannot copy weights of ${count} replicas: ${name} is not replicated; ` +
        "make the module in run() of the Replicas",
    );
  }
  return modules.map((module, replica) => {
    place(module);
    const own = module.namedTensors();
    const names = new Set([...tensors.keys(), ...own.keys()]);
    return [...names].map((name) => {
      const [x, y] = [tensors.get(name), own.get(name)];
      if (x && y && sameShape(x.shape, y.shape)) return [x, y];
      const describe = (z: Tensor | undefined) =>
        z ? formatShape(z.shape) : "nothing";
      throw new TypeError(
        `Cannot copy weights of replica ${replica}: ${name} is ` +
          `${describe(x)} among the replicas and ${describe(y)} in its module`,
      );
    });
  });
}
