// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The functions that a matrix product can end with, over those of
// SCALAR_FUNCTIONS.

/** A function that a product can end with. */
export type Activation =
  | "gelu"
  | "gelu_tanh"
  | "relu"
  | "sigmoid"
  | "silu"
  | "tanh";

/** An activation in WGSL: of `z`; its derivative from `z`, or from `y` alone. */
export const ACTIVATIONS: Readonly<
  Record<Activation, { y: string; dz: string; fromY?: string }>
> = {
  gelu: { y: "gelu(z)", dz: "dy * gelu_grad(z)" },
  gelu_tanh: { y: "gelu_tanh(z)", dz: "dy * gelu_tanh_grad(z)" },
  relu: {
    y: "select(z, 0.0, z <= 0.0)",
    dz: "select(0.0, dy, z > 0.0)",
    fromY: "select(0.0, dy, y > 0.0)",
  },
  sigmoid: {
    y: "sigmoid(z)",
    dz: "dy * sigmoid(z) * (1.0 - sigmoid(z))",
    fromY: "dy * y * (1.0 - y)",
  },
  silu: {
    y: "z * sigmoid(z)",
    dz: "dy * sigmoid(z) * (1.0 + z * (1.0 - sigmoid(z)))",
  },
  tanh: {
    y: "tanh_safe(z)",
    dz: "dy * (1.0 - tanh_safe(z) * tanh_safe(z))",
    fromY: "dy * (1.0 - y * y)",
  },
};
