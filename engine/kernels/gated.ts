// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Gated activations: y = act(a) · b for rows [a, b] of x. An invocation owns
// four columns of a row (or one, where rows do not divide by four), forward and
// backward. Backward computes act and its derivative again.
//   da = dy · b · act'(a)    db = dy · act(a)

import { defineKernels, type Kernel } from "../gpu/kernel.ts";
import { type Activation, ACTIVATIONS } from "./matmul_activation.ts";
import { scalarFunctions } from "./scalar_functions.ts";

/** What selects the kernel of a gated activation. */
export interface GatedForm {
  /** The function. */
  activation: Activation;
  /** Whether an invocation owns four columns. */
  wide: boolean;
}

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

const FORWARD = /* wgsl */ `
struct Params { items: u32, columns: u32 } // columns of y, in units of T
@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read_write> y: array<T>;
@group(0) @binding(2) var<uniform> p: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = id.x + id.y * groups.x * 64u;
  if (i >= p.items) { return; }
  let at = i / p.columns * p.columns + i; // The place of a; that of b is p.columns further.
  y[i] = activate(x[at]) * x[at + p.columns];
}
`;

const BACKWARD = /* wgsl */ `
struct Params { items: u32, columns: u32 } // columns of y, in units of T
@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read> dy: array<T>;
@group(0) @binding(2) var<storage, read_write> dx: array<T>;
@group(0) @binding(3) var<uniform> p: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = id.x + id.y * groups.x * 64u;
  if (i >= p.items) { return; }
  let at = i / p.columns * p.columns + i; // The place of a; that of b is p.columns further.
  let a = x[at];
  let g = dy[i];
  dx[at] = derive(g * x[at + p.columns], a);
  dx[at + p.columns] = g * activate(a);
}
`;

/** The functions `activate` and `derive` of elements of type `T`. */
function functions({ activation, wide }: GatedForm): string {
  const { y, dz } = ACTIVATIONS[activation];
  return scalarFunctions(`${y} ${dz}`) + /* wgsl */ `
fn activation(z: f32) -> f32 { return ${y}; }
fn derivative(dy: f32, z: f32) -> f32 { return ${dz}; }
` + (wide ? WIDE : NARROW);
}

const FORMS = {
  wide: { activation: "gelu", wide: true },
  narrow: { activation: "gelu", wide: false },
} as const;

const key = ({ activation, wide }: GatedForm) => `${activation} ${wide}`;

/** The kernel of y from x. */
export const gatedForward: (form: GatedForm) => Kernel = defineKernels({
  name: "gated",
  make: (form) => ({
    name: `gated_${form.activation}`,
    wgsl: functions(form) + FORWARD,
  }),
  forms: FORMS,
  key,
});

/** The kernel of dx from x and dy. */
export const gatedBackward: (form: GatedForm) => Kernel = defineKernels({
  name: "gated_backward",
  make: (form) => ({
    name: `gated_${form.activation}_backward`,
    wgsl: functions(form) + BACKWARD,
  }),
  forms: FORMS,
  key,
});
