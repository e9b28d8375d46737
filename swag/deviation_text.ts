// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The parts of the kernels of kernels.ts that know how deviations are stored
// (deviation_format.ts). A row begins at a whole vector of four words, and the
// scales of its blocks at the word `scales` of it. An invocation reads or writes
// either four weights or, where it owns a block, sixteen or all of its weights.

import {
  declareInput,
  HALVE_FLOATS,
  WIDEN_HALVES,
} from "../engine/kernel_kit.ts";
import type { DeviationFormat } from "./deviation_format.ts";

/** What an invocation owns, and how it reads: see posterior.ts. */
export type SwagVariant = "block" | "texels" | "vector";

/** How kernels differ in their texts. */
export interface SwagForm {
  readonly variant: SwagVariant;
  readonly format: DeviationFormat;
}

/** WGSL of `widen_codes(w)`: the four whole numbers of 8 bits in a word. */
const WIDEN_CODES = /* wgsl */ `
fn widen_codes(w: u32) -> vec4<f32> {
  let codes = vec4<i32>(bitcast<i32>(w)) << vec4<u32>(24u, 16u, 8u, 0u);
  return vec4<f32>(codes >> vec4<u32>(24u));
}
`;

// The scale of a block, for the number of its first vector in a row.
const SCALE_WORD = /* wgsl */ `
fn scale_at(start: u32, compact: u32) -> f32 {
  return bitcast<f32>(deviations_at(start + p.scales + compact / 16u));
}
`;
const SCALE_VECTOR = /* wgsl */ `
fn scale_at(start: u32, compact: u32) -> f32 {
  let words = vector_at(start + p.scales / 4u + compact / 64u);
  return bitcast<f32>(words[(compact / 16u) & 3u]);
}
`;

/** Reading four weights of a row: `deviation(row, compact)`. */
const FOUR: Readonly<Record<DeviationFormat, string>> = {
  f32: /* wgsl */ `
fn deviation(row: u32, compact: u32) -> vec4<f32> {
  return deviations_at(row * p.row_size + compact);
}
`,
  f16: WIDEN_HALVES + SCALE_WORD + /* wgsl */ `
fn deviation(row: u32, compact: u32) -> vec4<f32> {
  let start = row * p.row_size * 4u;
  let at = start + 2u * compact;
  let halves = widen_halves(vec2<u32>(deviations_at(at), deviations_at(at + 1u)));
  return bitcast<vec4<f32>>(halves) * scale_at(start, compact);
}
`,
  int8: WIDEN_CODES + SCALE_WORD + /* wgsl */ `
fn deviation(row: u32, compact: u32) -> vec4<f32> {
  let start = row * p.row_size * 4u;
  return widen_codes(deviations_at(start + compact)) * scale_at(start, compact);
}
`,
};

/** Reading sixteen weights of a row in fewer bits: `sixteen(row, compact)`. */
const SIXTEEN: Readonly<Record<DeviationFormat, string>> = {
  f32: "",
  f16: WIDEN_HALVES + SCALE_VECTOR + /* wgsl */ `
fn sixteen(row: u32, compact: u32) -> mat4x4<f32> {
  let start = row * p.row_size;
  let scale = scale_at(start, compact);
  let a = vector_at(start + compact / 2u);
  let b = vector_at(start + compact / 2u + 1u);
  return mat4x4<f32>(
    bitcast<vec4<f32>>(widen_halves(a.xy)) * scale,
    bitcast<vec4<f32>>(widen_halves(a.zw)) * scale,
    bitcast<vec4<f32>>(widen_halves(b.xy)) * scale,
    bitcast<vec4<f32>>(widen_halves(b.zw)) * scale,
  );
}
`,
  int8: WIDEN_CODES + SCALE_VECTOR + /* wgsl */ `
fn sixteen(row: u32, compact: u32) -> mat4x4<f32> {
  let start = row * p.row_size;
  let scale = scale_at(start, compact);
  let codes = vector_at(start + compact / 4u);
  return mat4x4<f32>(
    widen_codes(codes.x) * scale,
    widen_codes(codes.y) * scale,
    widen_codes(codes.z) * scale,
    widen_codes(codes.w) * scale,
  );
}
`,
};

/**
 * WGSL that declares the deviations at a binding, and the function that reads them:
 * `deviation(row, compact)` of four weights, or what {@linkcode fetchSixteen} needs.
 */
export function readDeviations(
  binding: number,
  { variant, format }: SwagForm,
): string {
  const texels = variant === "texels";
  if (variant === "vector") {
    const type = format === "f32" ? "vec4<f32>" : "u32";
    return declareInput(binding, "deviations", false, type) + FOUR[format];
  }
  const type = texels || format === "f32" ? "vec4<f32>" : "vec4<u32>";
  const bits = texels
    ? "bitcast<vec4<u32>>(deviations_at(i))"
    : "deviations_at(i)";
  const vector = format === "f32" ? "" : /* wgsl */ `
fn vector_at(i: u32) -> vec4<u32> { return ${bits}; }
`;
  return declareInput(binding, "deviations", texels, type) + vector +
    SIXTEEN[format];
}

/**
 * WGSL of statements that fetch sixteen weights, which follow the vector `compact + j`
 * in the row `row`, as `d0` to `d3`. A matrix would make 32-bit floats slower.
 */
export function fetchSixteen({ format }: SwagForm): string {
  if (format === "f32") {
    return /* wgsl */ `
      let at = row * p.row_size + compact + j;
      let d0 = deviations_at(at);
      let d1 = deviations_at(at + 1u);
      let d2 = deviations_at(at + 2u);
      let d3 = deviations_at(at + 3u);`;
  }
  return /* wgsl */ `
      let m = sixteen(row, compact + j);
      let d0 = m[0];
      let d1 = m[1];
      let d2 = m[2];
      let d3 = m[3];`;
}

/**
 * Writing deviations in fewer bits: `scale_of(top)` gives the scale of a block, by the
 * largest magnitude in it, and its inverse; `put(row, compact, x, inverse)` writes
 * four weights.
 */
const PUT: Readonly<Record<"f16" | "int8", string>> = {
  f16: HALVE_FLOATS + /* wgsl */ `
fn scale_of(top: f32) -> vec2<f32> {
  // The exponent that the largest has once it is rounded to 11 bits.
  let e = clamp((bitcast<u32>(top) + 0x1000u) >> 23u, 15u, 253u);
  return vec2<f32>(bitcast<f32>((e - 14u) << 23u), bitcast<f32>((268u - e) << 23u));
}
fn put(row: u32, compact: u32, x: vec4<f32>, inverse: f32) {
  let halves = halve_floats(bitcast<vec4<u32>>(x * inverse));
  deviations[row + 2u * compact] = halves.x;
  deviations[row + 2u * compact + 1u] = halves.y;
}
`,
  int8: /* wgsl */ `
fn scale_of(top: f32) -> vec2<f32> {
  // What is smaller counts as 0: its inverse would not be finite.
  let least = 1e-35;
  return select(vec2<f32>(), vec2<f32>(top / 127.0, 127.0 / max(top, least)), top > least);
}
fn put(row: u32, compact: u32, x: vec4<f32>, inverse: f32) {
  let whole = vec4<i32>(clamp(round(x * inverse), vec4<f32>(-127.0), vec4<f32>(127.0)));
  let codes = (bitcast<vec4<u32>>(whole) & vec4<u32>(255u)) << vec4<u32>(0u, 8u, 16u, 24u);
  deviations[row + compact] = codes.x | codes.y | codes.z | codes.w;
}
`,
};

/** The largest magnitude of four numbers. */
const LARGEST = /* wgsl */ `
fn largest(x: vec4<f32>) -> f32 {
  let m = max(abs(x.xy), abs(x.zw));
  return max(m.x, m.y);
}
`;

// Without scales, each invocation writes what it has. The loop serves all variants.
const COLLECT_PLAIN = /* wgsl */ `
fn collect_from(start: u32, local: u32) {
  let place = find(start);
  if (!place.exists) { return; }
  for (var j = 0u; j < PER; j++) {
    let deviation = update(start + j, place.compact + j, place.random);
    if (place.random && p.keep == 1u) { deviations[p.row + place.compact + j] = deviation; }
  }
}
`;

// An invocation owns a block. It remembers the deviations until it knows their scale.
const COLLECT_BLOCK = /* wgsl */ `
fn collect_from(start: u32, local: u32) {
  let place = find(start);
  if (!place.exists) { return; }
  var held: array<vec4<f32>, 16>;
  var top = 0.0;
  for (var j = 0u; j < 16u; j++) {
    let deviation = update(start + j, place.compact + j, place.random);
    held[j] = deviation;
    top = max(top, largest(deviation));
  }
  if (!place.random || p.keep == 0u) { return; }
  let scale = scale_of(top);
  deviations[p.row + p.scales + place.compact / 16u] = bitcast<u32>(scale.x);
  for (var j = 0u; j < 16u; j++) { put(p.row, place.compact + j, held[j], scale.y); }
}
`;

// Sixteen invocations share a block, and a workgroup has four. All of them reach the
// barrier, where each has told its own largest deviation.
const COLLECT_VECTOR = /* wgsl */ `
var<workgroup> tops: array<f32, 64>;
fn collect_from(start: u32, local: u32) {
  let place = find(start);
  var deviation = vec4<f32>();
  if (place.exists) { deviation = update(start, place.compact, place.random); }
  tops[local] = largest(deviation);
  workgroupBarrier();
  if (!place.random || p.keep == 0u) { return; }
  var top = 0.0;
  for (var i = 0u; i < 16u; i++) { top = max(top, tops[(local & 48u) + i]); }
  let scale = scale_of(top);
  if (start % 16u == 0u) {
    deviations[p.row + p.scales + place.compact / 16u] = bitcast<u32>(scale.x);
  }
  put(p.row, place.compact, deviation, scale.y);
}
`;

/**
 * WGSL of `collect_from(start, local)`, which updates the moments of what an
 * invocation owns from the vector `start` on, and keeps the deviations. It calls
 * `find` and `update`, and writes to `deviations`.
 */
export function writeDeviations({ variant, format }: SwagForm): string {
  if (format === "f32") return COLLECT_PLAIN;
  return LARGEST + PUT[format] +
    (variant === "vector" ? COLLECT_VECTOR : COLLECT_BLOCK);
}
