// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The names of activations in configurations.

import type { Activation } from "../engine/mod.ts";

/** The kernels' names of activations, by the names that configurations use. */
const ACTIVATIONS: Readonly<Record<string, Activation>> = {
  gelu: "gelu",
  gelu_python: "gelu",
  gelu_new: "gelu_tanh",
  gelu_pytorch_tanh: "gelu_tanh",
  gelu_fast: "gelu_tanh",
  gelu_accurate: "gelu_tanh",
  relu: "relu",
  silu: "silu",
  swish: "silu",
  tanh: "tanh",
};

/**
 * The activation that a configuration names, as the kernels call it.
 *
 * @param name The name in the configuration.
 * @param source The configuration's name in errors.
 * @returns The name that layers and ops take.
 * @throws {TypeError} If no activation has that name.
 *
 * @example Usage
 * ```ts
 * import { activationOf } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(activationOf("gelu_new"), "gelu_tanh");
 * ```
 */
export function activationOf(name: string, source?: string): Activation {
  const activation = Object.hasOwn(ACTIVATIONS, name)
    ? ACTIVATIONS[name]
    : undefined;
  if (!activation) {
    throw new TypeError(
      `Cannot use the activation "${name}"${
        source === undefined ? "" : ` of ${source}`
      }: expected one of ${Object.keys(ACTIVATIONS).join(", ")}`,
    );
  }
  return activation;
}
