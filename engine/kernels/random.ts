// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Counter-based random numbers: Philox 4x32-10 (Salmon et al., 2011). Element k
// of a stream is word k % 4 of the block with counter (k / 4, 0, stream). So it
// depends on key, stream and k only. An invocation makes whole blocks.

import { defineKernel, type Kernel } from "../gpu/kernel.ts";

/**
 * WGSL functions of random numbers, to be added to the text of a kernel:
 * `philox4x32(counter, key)` and `philox_block(key, stream, block)` give four
 * random words, which `philox_uniform4` turns into numbers in [0, 1), and
 * `philox_normal4` into normal ones.
 *
 * Box-Muller takes words (0, 1) for elements 0 and 1, and words (2, 3) for 2
 * and 3: radius √(-2 ln u) with u in (0, 1], and angle in [-π, π). Near u = 1,
 * where the GPU's logarithm is coarse, a series in 1 - u replaces it.
 */
export const PHILOX: string = /* wgsl */ `
fn philox_round(c: vec4<u32>, k: vec2<u32>) -> vec4<u32> {
  let a = c.xz;
  let m = vec2<u32>(0xD2511F53u, 0xCD9E8D57u);
  let al = a & vec2<u32>(0xffffu);
  let ah = a >> vec2<u32>(16u);
  let ml = m & vec2<u32>(0xffffu);
  let mh = m >> vec2<u32>(16u);
  let lh = al * mh;
  let hl = ah * ml;
  let middle = ((al * ml) >> vec2<u32>(16u)) + (lh & vec2<u32>(0xffffu)) + (hl & vec2<u32>(0xffffu));
  let high = ah * mh + (lh >> vec2<u32>(16u)) + (hl >> vec2<u32>(16u)) + (middle >> vec2<u32>(16u));
  let low = a * m;
  return vec4<u32>(high.y ^ c.y ^ k.x, low.y, high.x ^ c.w ^ k.y, low.x);
}
fn philox4x32(counter: vec4<u32>, key: vec2<u32>) -> vec4<u32> {
  let w = vec2<u32>(0x9E3779B9u, 0xBB67AE85u);
  var c = philox_round(counter, key);
  c = philox_round(c, key + w);
  c = philox_round(c, key + w * 2u);
  c = philox_round(c, key + w * 3u);
  c = philox_round(c, key + w * 4u);
  c = philox_round(c, key + w * 5u);
  c = philox_round(c, key + w * 6u);
  c = philox_round(c, key + w * 7u);
  c = philox_round(c, key + w * 8u);
  return philox_round(c, key + w * 9u);
}
fn philox_block(key: vec2<u32>, stream: vec2<u32>, block: u32) -> vec4<u32> {
  return philox4x32(vec4<u32>(block, 0u, stream.x, stream.y), key);
}
fn philox_uniform4(bits: vec4<u32>) -> vec4<f32> {
  return vec4<f32>(bits >> vec4<u32>(8u)) * 5.9604644775390625e-8;
}
fn philox_normal4(bits: vec4<u32>) -> vec4<f32> {
  let u = philox_uniform4(bits);
  let v = vec2<f32>(0.99999994039535522) - u.xz; // 1 - u for u in (0, 1]
  let series = v * (1.0 + v * (0.5 + v * (0.33333333333 + v * (0.25 + v * 0.2))));
  let minus_log = select(-log(u.xz + vec2<f32>(5.9604644775390625e-8)), series, v < vec2<f32>(0.03125));
  let radius = sqrt(2.0 * minus_log);
  let angle = 6.283185307179586 * (u.yw - vec2<f32>(0.5));
  let x = radius * cos(angle);
  let y = radius * sin(angle);
  return vec4<f32>(x.x, y.x, x.y, y.y);
}
`;

/** Values of the constant `KIND` of {@linkcode RANDOM_FILL}. */
export const DISTRIBUTIONS = { uniform: 0, normal: 1, bernoulli: 2 } as const;

/**
 * The kernel that fills y with random numbers, four an invocation:
 * a + (b - a)·u, a + b·z, or 1 where u < a. The logical index of `y[0]` is
 * `4·block + lane`.
 */
export const RANDOM_FILL: Kernel = defineKernel({
  name: "random_fill",
  wgsl: /* wgsl */ `
override KIND: u32;
struct Params { count: u32, block: u32, lane: u32, key0: u32, key1: u32, stream0: u32, stream1: u32, a: f32, b: f32 }
@group(0) @binding(0) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(1) var<uniform> p: Params;

fn draw(block: u32) -> vec4<f32> {
  let bits = philox_block(vec2<u32>(p.key0, p.key1), vec2<u32>(p.stream0, p.stream1), block);
  if (KIND == 1u) { return p.a + p.b * philox_normal4(bits); }
  let u = philox_uniform4(bits);
  if (KIND == 0u) { return p.a + (p.b - p.a) * u; }
  return select(vec4<f32>(0.0), vec4<f32>(1.0), u < vec4<f32>(p.a));
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = id.x + id.y * groups.x * 64u;
  if (i * 4u >= p.count) { return; }
  var v = draw(p.block + i);
  if (p.lane > 0u) {
    let next = draw(p.block + i + 1u);
    if (p.lane == 1u) { v = vec4<f32>(v.yzw, next.x); }
    else if (p.lane == 2u) { v = vec4<f32>(v.zw, next.xy); }
    else { v = vec4<f32>(v.w, next.xyz); }
  }
  y[i] = v;
}
` + PHILOX,
});

/**
 * The kernel of inverted dropout: y = x / (1 - rate) where the element's u ≥
 * rate, else 0. Backward is the same kernel over dy with the same stream.
 */
export const DROPOUT: Kernel = defineKernel({
  name: "dropout",
  wgsl: /* wgsl */ `
struct Params { count: u32, block: u32, key0: u32, key1: u32, stream0: u32, stream1: u32, rate: f32, scale: f32 }
@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(2) var<uniform> p: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = id.x + id.y * groups.x * 64u;
  if (i * 4u >= p.count) { return; }
  let bits = philox_block(vec2<u32>(p.key0, p.key1), vec2<u32>(p.stream0, p.stream1), p.block + i);
  let u = philox_uniform4(bits);
  y[i] = select(vec4<f32>(0.0), x[i] * p.scale, u >= vec4<f32>(p.rate));
}
` + PHILOX,
});
