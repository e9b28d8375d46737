// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The functions that a matrix product can end with, and their derivatives, in
// terms of the functions of scalar_functions.ts.

/** A function that a product can end with. */
export type Activation =
  | "gelu"
  | "gelu_tanh"
  | "relu"
  | "sigmoid"
  | "silu"
  | "tanh";

/**
 * Each activation as expressions of WGSL: `y` of the argument `z`, the gradient
 * `dz` of `z` from `dy` and `z`, and, where it can be found so, from `dy` and
 * `y`.
 */
export const ACTIVATIONS: Readonly<
  Record<Activation, { y: string; dz: string; fromY?: string }>
> = {
  gelu: { y: "gelu(z)", dz: "dy * gelu_grad(z)" },
  gelu_tanh: { y: "gelu_tanh(z)", dz: "dy * gelu_tanh_grad(z)" },
  relu: {
    y: "relu(z)",
    dz: "relu_grad(z, dy)",
    fromY: "relu_grad(y, dy)",
  },
  sigmoid: {
    y: "sigmoid(z)",
    dz: "dy * sigmoid_grad(z)",
    fromY: "dy * y * (1.0 - y)",
  },
  silu: {
    y: "z * sigmoid(z)",
    dz: "dy * (sigmoid(z) + z * sigmoid_grad(z))",
  },
  tanh: {
    y: "tanh_safe(z)",
    dz: "dy * tanh_grad(z)",
    fromY: "dy * (1.0 - y * y)",
  },
};
