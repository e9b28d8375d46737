// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// f16 in storage, two in each word, and nowhere else: no kernel computes in f16,
// so adapters without `shader-f16` can do it too. Bits are moved as integers,
// since WGSL lets pack2x16float() round in either direction and unpack2x16float()
// take numbers below 2⁻¹⁴ for 0.

import { defineKernel, type Kernel } from "../gpu/kernel.ts";
import { declareInput } from "../gpu/texels.ts";

/**
 * WGSL of `widen_halves(w)`: the four f16 of two words, as bits of f32. It is
 * exact. Neither NaN nor infinities are ever stored.
 */
export const WIDEN_HALVES = /* wgsl */ `
fn widen_halves(w: vec2<u32>) -> vec4<u32> {
  let h = vec4<u32>(w.x, w.x >> 16u, w.y, w.y >> 16u);
  let magnitude = h & vec4<u32>(0x7fffu);
  let normal = (magnitude << vec4<u32>(13u)) + vec4<u32>(0x38000000u);
  // Below 2⁻¹⁴ an f16 is a whole multiple of 2⁻²⁴.
  let small = bitcast<vec4<u32>>(vec4<f32>(magnitude) * 5.9604644775390625e-8);
  return select(normal, small, magnitude < vec4<u32>(0x400u)) |
    ((h & vec4<u32>(0x8000u)) << vec4<u32>(16u));
}
`;

/**
 * WGSL of `halve_floats(b)`: four f32, given as bits, as the f16 of two words. They
 * are rounded to nearest, ties to even, and must be between -65504 and 65504.
 */
export const HALVE_FLOATS = /* wgsl */ `
fn halve_floats(b: vec4<u32>) -> vec2<u32> {
  let a = b & vec4<u32>(0x7fffffffu);
  let r = a - vec4<u32>(0x38000000u);
  let normal = (r + vec4<u32>(0xfffu) + ((r >> vec4<u32>(13u)) & vec4<u32>(1u))) >> vec4<u32>(13u);
  // Below 2⁻¹⁴: the mantissa in units of 2⁻²⁴, rounded. A shift of 25 gives 0.
  let shift = min(vec4<u32>(126u) - min(a >> vec4<u32>(23u), vec4<u32>(112u)), vec4<u32>(25u));
  let m = (a & vec4<u32>(0x7fffffu)) | vec4<u32>(0x800000u);
  let half = (vec4<u32>(1u) << (shift - vec4<u32>(1u))) - vec4<u32>(1u);
  let small = (m + half + ((m >> shift) & vec4<u32>(1u))) >> shift;
  let h = select(normal, small, a < vec4<u32>(0x38800000u)) |
    ((b >> vec4<u32>(16u)) & vec4<u32>(0x8000u));
  return vec2<u32>(h.x | (h.y << 16u), h.z | (h.w << 16u));
}
`;

/**
 * The kernel that rounds f32 to f16, to nearest, ties to even. An invocation
 * makes four words of eight elements.
 */
export const HALVE: Kernel = defineKernel({
  name: "halve",
  wgsl: /* wgsl */ `
struct Params { count: u32, vectors: u32 }
@group(0) @binding(0) var<storage, read> x: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<u32>>;
@group(0) @binding(2) var<uniform> p: Params;

${HALVE_FLOATS}
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = id.x + id.y * groups.x * 64u;
  if (i >= p.count) { return; }
  var second = vec2<u32>();
  if (2u * i + 1u < p.vectors) { second = halve_floats(x[2u * i + 1u]); }
  y[i] = vec4<u32>(halve_floats(x[2u * i]), second);
}
`,
});

/**
 * The kernel that widens f16 to f32: an invocation writes eight elements. It
 * stores whole vectors of four, and so zeros or what was halved as padding.
 */
function widen(variant: "buffers" | "texels"): Kernel {
  const texels = variant === "texels";
  return defineKernel({
    name: texels ? "widen_halves_texels" : "widen_halves",
    wgsl: /* wgsl */ `
struct Params { count: u32, vectors: u32 }
${declareInput(0, "x", texels, texels ? "vec4<f32>" : "vec4<u32>")}
@group(0) @binding(1) var<storage, read_write> y: array<vec4<u32>>;
@group(0) @binding(2) var<uniform> p: Params;
${WIDEN_HALVES}
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = id.x + id.y * groups.x * 64u;
  if (i >= p.count) { return; }
  let w = ${texels ? "bitcast<vec4<u32>>(x_at(i))" : "x_at(i)"};
  y[2u * i] = widen_halves(w.xy);
  if (2u * i + 1u < p.vectors) { y[2u * i + 1u] = widen_halves(w.zw); }
}
`,
  });
}

/** The kernels that widen f16, by how they read them. */
export const WIDEN = {
  buffers: widen("buffers"),
  texels: widen("texels"),
} as const;
