// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Gated activations: y = act(a) · b for rows [a, b] of x. An invocation owns
// four columns of a row (or one, where rows do not divide by four), forward and
// backward; act and its derivative are found again backward.
//   da = dy · b · act'(a)    db = dy · act(a)

import type { Kernel, ParamType } from "../gpu/kernel.ts";
import { type Activation, ACTIVATIONS } from "./matmul_activation.ts";
import { scalarFunctions } from "./scalar_functions.ts";

/** Invocations of a workgroup. */
export const GATED_WORKGROUP = 64;

const PARAMS: Readonly<Record<string, ParamType>> = {
  items: "u32",
  /** Columns of y, in units of the form. */
  columns: "u32",
};

const START = /* wgsl */ `
struct Params { items: u32, columns: u32 }
@group(1) @binding(0) var<uniform> p: Params;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = id.x + id.y * groups.x * 64u;
  if (i >= p.items) { return; }
  let at = i / p.columns * p.columns + i; // of a; b is p.columns further
`;

const FORWARD = /* wgsl */ `
@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read_write> y: array<T>;
` + START + /* wgsl */ `
  y[i] = activate(x[at]) * x[at + p.columns];
}
`;

const BACKWARD = /* wgsl */ `
@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read> dy: array<T>;
@group(0) @binding(2) var<storage, read_write> dx: array<T>;
` + START + /* wgsl */ `
  let a = x[at];
  let g = dy[i];
  dx[at] = derive(g * x[at + p.columns], a);
  dx[at + p.columns] = g * activate(a);
}
`;

const NARROW = /* wgsl */ `
alias T = f32;
fn activate(z: f32) -> f32 { return activation(z); }
fn derive(dy: f32, z: f32) -> f32 { return derivative(dy, z); }
`;

const WIDE = /* wgsl */ `
alias T = vec4<f32>;
fn activate(z: T) -> T {
  return T(activation(z.x), activation(z.y), activation(z.z), activation(z.w));
}
fn derive(dy: T, z: T) -> T {
  return T(
    derivative(dy.x, z.x), derivative(dy.y, z.y),
    derivative(dy.z, z.z), derivative(dy.w, z.w));
}
`;

/** The kernels of an activation. */
export interface GatedKernels {
  /** y from x. */
  forward: Kernel;
  /** dx from x and dy. */
  backward: Kernel;
}

const made = new Map<string, GatedKernels>();

/** The kernels of an activation, for four columns at a time or for one. */
export function gatedKernels(
  activation: Activation,
  wide: boolean,
): GatedKernels {
  const key = `${activation} ${wide}`;
  let kernels = made.get(key);
  if (!kernels) {
    const { y, dz } = ACTIVATIONS[activation];
    const text = scalarFunctions(`${y} ${dz}`) +
      `fn activation(z: f32) -> f32 { return ${y}; }\n` +
      `fn derivative(dy: f32, z: f32) -> f32 { return ${dz}; }\n` +
      (wide ? WIDE : NARROW);
    kernels = {
      forward: {
        name: `gated_${activation}`,
        bind: ["read", "write"],
        params: PARAMS,
        wgsl: text + FORWARD,
      },
      backward: {
        name: `gated_${activation}_backward`,
        bind: ["read", "read", "write"],
        params: PARAMS,
        wgsl: text + BACKWARD,
      },
    };
    made.set(key, kernels);
  }
  return kernels;
}
