// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

import type { Activation } from "../engine/mod.ts";

/** What configurations call the activations, and what the kernels call them. */
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
 * The activation that a configuration names.
 *
 * @param name The name.
 * @param source What errors call the configuration, if anything.
 * @throws {TypeError} If there is none of that name.
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
