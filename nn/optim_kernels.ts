// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Kernels over a flat segment, which read and write each element once. An
// invocation owns PER vec4s that follow one another. Parameters start at
// multiples of 16 vec4s, so that these belong to one parameter. `block_slot`
// holds, for every block of 16 vec4s, the number of its parameter in `slots`
// (0xffffffff where this optimizer has no parameter there). `slots` holds eight
// numbers a parameter, which the optimizer fills in for each step. The last of
// them says what is done: 0 nothing, 1 a step, 2 only clearing the gradient. The
// one before it is for `pull`, and the others are the rule's. On a GPU, PER = 1 lets neighbors read neighbors; on a CPU adapter, PER = 16
// saves the look-ups.

import { defineKernel, type Kernel } from "../engine/kernel_kit.ts";

/** How many numbers the table has for each parameter. */
export const SLOT_FIELDS = 8;

/** The one of them that says how far the weights are pulled. */
export const PULL_FIELD = 6;

/** The one of them that says what is done. */
export const ACTION_FIELD = 7;

/** The slot of a block that belongs to no parameter of the optimizer. */
export const NO_SLOT = 0xffffffff;

// A gradient times a factor. Zeros stay zero even if the factor is NaN, so that
// the padding behind a parameter does.
export const SCALED: string = /* wgsl */ `
fn scaled(gradient: vec4<f32>, factor: f32) -> vec4<f32> {
  return select(gradient * factor, vec4<f32>(), gradient == vec4<f32>());
}
`;

// How `main` of each optimizer begins, up to the loop over its vec4s. There `a`
// and `b` are the first and the last four of the parameter's slot, and `i` is
// the vec4.
export const START_OF_STEP: string = /* wgsl */ `@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) size: vec3<u32>) {
  let start = (id.x + id.y * size.x * 64u) * PER;
  if (start >= p.vectors) { return; }
  let slot = block_slot[(p.first + start) / 16u];
  if (slot == 0xffffffffu) { return; }
  let b = slots[2u * slot + 1u];
  if (b.w != 1.0) {
    if (b.w == 2.0 && p.keep == 0u) {
      for (var i = start; i < min(start + PER, p.vectors); i++) { gradient[i] = vec4<f32>(); }
    }
    return;
  }
  let a = slots[2u * slot];
  let clip = scale[0];
  for (var i = start; i < min(start + PER, p.vectors); i++) {`;

// Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019, in
// PyTorch's order: decay first, then the step with eps outside the correction.
// slots: 1 - lr·decay, β₁, β₂, lr / (1 - β₁ᵗ), 1 / √(1 - β₂ᵗ), eps. Other rules
// of this form put other numbers there.
export const adamw: Kernel = defineKernel({
  name: "adamw",
  wgsl: /* wgsl */ `
override PER: u32 = 1u;
struct Params { vectors: u32, first: u32, keep: u32 }
@group(0) @binding(0) var<storage, read_write> value: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> gradient: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> m: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> v: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> block_slot: array<u32>;
@group(0) @binding(5) var<storage, read> slots: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> scale: array<f32>;
@group(0) @binding(7) var<uniform> p: Params;
${SCALED}
${START_OF_STEP}
    let g = scaled(gradient[i], clip);
    let m1 = fma(vec4<f32>(1.0 - a.y), g - m[i], m[i]);
    let v1 = a.z * v[i] + (1.0 - a.z) * g * g;
    m[i] = m1;
    v[i] = v1;
    value[i] = value[i] * a.x - a.w * m1 / (sqrt(v1) * b.x + b.y);
    if (p.keep == 0u) { gradient[i] = vec4<f32>(); }
  }
}
`,
});

// SGD as in PyTorch: decay is added to the gradient, and the buffer starts as
// the first gradient. slots: lr, decay, momentum, 1 - dampening, nesterov,
// whether the buffer starts.
export const sgd: Kernel = defineKernel({
  name: "sgd",
  wgsl: /* wgsl */ `
override PER: u32 = 1u;
struct Params { vectors: u32, first: u32, keep: u32 }
@group(0) @binding(0) var<storage, read_write> value: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> gradient: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> buffer: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> block_slot: array<u32>;
@group(0) @binding(4) var<storage, read> slots: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> scale: array<f32>;
@group(0) @binding(6) var<uniform> p: Params;
${SCALED}
${START_OF_STEP}
    let x = value[i];
    var g = scaled(gradient[i], clip) + a.y * x;
    if (a.z != 0.0) {
      var moved = g;
      if (b.y == 0.0) { moved = a.z * buffer[i] + a.w * g; }
      buffer[i] = moved;
      g = select(moved, g + a.z * moved, b.x != 0.0);
    }
    value[i] = x - a.x * g;
    if (p.keep == 0u) { gradient[i] = vec4<f32>(); }
  }
}
`,
});

// The cube root of numbers that are not negative. pow() may be a thousandth of a
// percent off, which a step of Newton's method mends where nothing overflows.
const CUBE_ROOT = /* wgsl */ `
fn cube_root(x: vec4<f32>) -> vec4<f32> {
  let r = pow(x, vec4<f32>(0.33333333333));
  let better = r - (r - x / (r * r)) * 0.33333333333;
  return select(r, better, (x > vec4<f32>(1e-30)) & (x < vec4<f32>(1e30)));
}
`;

// a / b, but 0 where b is 0.
const QUOTIENT = /* wgsl */ `
fn quotient(a: vec4<f32>, b: vec4<f32>) -> vec4<f32> {
  return select(a / b, vec4<f32>(), b == vec4<f32>());
}
`;

// Defazio and Jelassi, "Adaptivity without Compromise: A Momentumized, Adaptive,
// Dual Averaged Gradient Method for Stochastic Optimization", 2021: a point z is
// where all gradients together lead from x0, and the weights follow it. Without
// momentum the weights are z, and x0 is what led to them. A weight whose moments
// are all 0 has not started, or it started at 0 and has not moved.
// slots: λ, 1 - momentum, eps, coupled decay, lr·decoupled decay.
export const madgrad: Kernel = defineKernel({
  name: "madgrad",
  wgsl: /* wgsl */ `
override PER: u32 = 1u;
struct Params { vectors: u32, first: u32, keep: u32 }
@group(0) @binding(0) var<storage, read_write> value: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> gradient: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> squares: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> sum: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> start_point: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> block_slot: array<u32>;
@group(0) @binding(6) var<storage, read> slots: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read> scale: array<f32>;
@group(0) @binding(8) var<uniform> p: Params;
${SCALED}${CUBE_ROOT}${QUOTIENT}
${START_OF_STEP}
    let x = value[i];
    let g = scaled(gradient[i], clip) + a.w * x;
    let s0 = sum[i];
    let v0 = squares[i];
    let zero = vec4<f32>();
    var x0 = start_point[i];
    x0 = select(x0, x, (x0 == zero) & (s0 == zero) & (v0 == zero));
    if (a.y == 1.0) { x0 = x + quotient(s0, cube_root(v0) + a.z); }
    let s = s0 + a.x * g;
    let v = v0 + a.x * g * g;
    squares[i] = v;
    sum[i] = s;
    start_point[i] = x0;
    let z = x0 - quotient(s, cube_root(v) + a.z);
    var y = z;
    if (a.y != 1.0) { y = (1.0 - a.y) * x + a.y * z; }
    value[i] = y - b.x * x;
    if (p.keep == 0u) { gradient[i] = vec4<f32>(); }
  }
}
`,
});

// MADGRAD with mirror descent in the place of dual averaging: z itself moves.
// slots: lr·∛t, 1 - momentum, eps, coupled decay, lr·decoupled decay, what the
// squares are multiplied by.
export const mirrorMadgrad: Kernel = defineKernel({
  name: "mirror_madgrad",
  wgsl: /* wgsl */ `
override PER: u32 = 1u;
struct Params { vectors: u32, first: u32, keep: u32 }
@group(0) @binding(0) var<storage, read_write> value: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> gradient: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> squares: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> point: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> block_slot: array<u32>;
@group(0) @binding(5) var<storage, read> slots: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> scale: array<f32>;
@group(0) @binding(7) var<uniform> p: Params;
${SCALED}${CUBE_ROOT}${QUOTIENT}
${START_OF_STEP}
    let x = value[i];
    let g = scaled(gradient[i], clip) + a.w * x;
    let v0 = squares[i];
    var z = point[i];
    z = select(z, x, (z == vec4<f32>()) & (v0 == vec4<f32>()));
    let v = b.y * v0 + g * g;
    z = z - b.x * z - a.x * quotient(g, cube_root(v) + a.z);
    squares[i] = v;
    point[i] = z;
    value[i] = (1.0 - a.y) * x + a.y * z;
    if (p.keep == 0u) { gradient[i] = vec4<f32>(); }
  }
}
`,
});

// Moves the weights that a step will change by a share of their way to a prior:
// θ = θ - share (θ - prior).
export const pullToPrior: Kernel = defineKernel({
  name: "pull_to_prior",
  wgsl: /* wgsl */ `
override PER: u32 = 1u;
struct Params { vectors: u32, first: u32 }
@group(0) @binding(0) var<storage, read_write> value: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> prior: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> block_slot: array<u32>;
@group(0) @binding(3) var<storage, read> slots: array<vec4<f32>>;
@group(0) @binding(4) var<uniform> p: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) size: vec3<u32>) {
  let start = (id.x + id.y * size.x * 64u) * PER;
  if (start >= p.vectors) { return; }
  let slot = block_slot[(p.first + start) / 16u];
  if (slot == 0xffffffffu) { return; }
  let b = slots[2u * slot + 1u];
  if (b.w != 1.0 || b.z == 0.0) { return; }
  for (var i = start; i < min(start + PER, p.vectors); i++) {
    value[i] = value[i] - b.z * (value[i] - prior[i]);
  }
}
`,
});

// The sum of squares of the gradients in blocks that have a slot. An invocation
// adds up `run` blocks to one partial sum, in a fixed order.
export const squares: Kernel = defineKernel({
  name: "gradient_squares",
  wgsl: /* wgsl */ `
struct Params { vectors: u32, first: u32, at: u32, run: u32 }
@group(0) @binding(0) var<storage, read> gradient: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> block_slot: array<u32>;
@group(0) @binding(2) var<storage, read_write> partial: array<f32>;
@group(0) @binding(3) var<uniform> p: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let start = id.x * p.run * 16u;
  if (start >= p.vectors) { return; }
  var sum = vec4<f32>();
  for (var i = start; i < min(start + p.run * 16u, p.vectors); i += 16u) {
    if (block_slot[(p.first + i) / 16u] == 0xffffffffu) { continue; }
    for (var j = i; j < i + 16u; j++) {
      let g = gradient[j];
      sum = fma(g, g, sum);
    }
  }
  partial[p.at + id.x] = (sum.x + sum.y) + (sum.z + sum.w);
}
`,
});

// norm = √Σ partial, scale = min(1, max / (norm + 1e-6)), by one workgroup: its
// invocations sum strided shares, which are then added in order. As in PyTorch,
// an infinite norm gives 0, and a norm of NaN gives NaN. min() may drop a NaN,
// so its bits decide.
export const clipScale: Kernel = defineKernel({
  name: "clip_scale",
  wgsl: /* wgsl */ `
struct Params { count: u32, max: f32 }
@group(0) @binding(0) var<storage, read> partial: array<f32>;
@group(0) @binding(1) var<storage, read_write> norm: array<f32>;
@group(0) @binding(2) var<storage, read_write> scale: array<f32>;
@group(0) @binding(3) var<uniform> p: Params;
var<workgroup> shares: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) lane: u32) {
  var sum = 0.0;
  for (var i = lane; i < p.count; i += 64u) { sum += partial[i]; }
  shares[lane] = sum;
  workgroupBarrier();
  if (lane == 0u) {
    var total = 0.0;
    for (var i = 0u; i < 64u; i++) { total += shares[i]; }
    let length = sqrt(total);
    norm[0] = length;
    let factor = p.max / (length + 1e-6);
    let is_nan = (bitcast<u32>(factor) & 0x7fffffffu) > 0x7f800000u;
    scale[0] = select(min(1.0, factor), factor, is_nan);
  }
}
`,
});

// gradient = scale · gradient in the blocks that have a slot.
export const scaleGradients: Kernel = defineKernel({
  name: "scale_gradients",
  wgsl: /* wgsl */ `
override PER: u32 = 1u;
struct Params { vectors: u32, first: u32 }
@group(0) @binding(0) var<storage, read_write> gradient: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> block_slot: array<u32>;
@group(0) @binding(2) var<storage, read> scale: array<f32>;
@group(0) @binding(3) var<uniform> p: Params;
${SCALED}
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) size: vec3<u32>) {
  let start = (id.x + id.y * size.x * 64u) * PER;
  if (start >= p.vectors || block_slot[(p.first + start) / 16u] == 0xffffffffu) { return; }
  let factor = scale[0];
  for (var i = start; i < min(start + PER, p.vectors); i++) { gradient[i] = scaled(gradient[i], factor); }
}
`,
});
