// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Collecting and sampling, over a piece of a segment (layout.ts); the parts that
// know how deviations are stored are in deviation_text.ts. An invocation owns PER
// vec4s that follow one another within a block of 16. On a GPU PER is 1, so that
// neighbors read neighbors; on a CPU adapter it is 16, which saves look-ups. Means
// run parallel to the weights; second moments and deviations have a compact index,
// which the map gives. Large inputs can be read as texels, which is several times
// faster on CPU adapters. Then collecting binds what it updates twice, once to read
// and once to write.

import {
  declareInput,
  declareTexels,
  defineKernels,
  type Kernel,
  PHILOX,
} from "../engine/kernel_kit.ts";
import {
  fetchSixteen,
  readDeviations,
  type SwagForm,
  writeDeviations,
} from "./deviation_text.ts";

/** Forms that stand for all, for lists of kernels. */
const FORMS: Readonly<Record<string, SwagForm>> = {
  buffers: { variant: "block", format: "f32" },
  texels: { variant: "texels", format: "f32" },
  vector: { variant: "vector", format: "f32" },
  "block int8": { variant: "block", format: "int8" },
  "texels f16": { variant: "texels", format: "f16" },
  "vector int8": { variant: "vector", format: "int8" },
};

/** How many vectors an invocation owns. */
const PER = { block: 16, texels: 16, vector: 1 } as const;

const OLD_BUFFERS = /* wgsl */ `
fn mean_at(i: u32) -> vec4<f32> { return mean[i]; }
fn m2_at(i: u32) -> vec4<f32> { return m2[i]; }
`;

const OLD_TEXELS = declareTexels(5, "old_mean") + declareTexels(6, "old_m2") +
  /* wgsl */ `
fn mean_at(i: u32) -> vec4<f32> { return old_mean_texel(i); }
fn m2_at(i: u32) -> vec4<f32> { return old_m2_texel(i); }
`;

/**
 * The kernels that collect the weights. With texels, mean and M2 are bound twice.
 *
 * Welford, "Note on a method for calculating corrected sums of squares and
 * products", 1962: mean' = mean + (x - mean)/n, M2' = M2 + (x - mean)(x -
 * mean'). The difference of E[x²] and E[x]² would lose all digits in 32 bits.
 * The row of deviations is x - mean', so the first one is exactly 0. Nothing is
 * collected once weights have been found that are not finite, because a mean
 * that becomes NaN stays NaN.
 */
export const collect: (form: SwagForm) => Kernel = defineKernels<SwagForm>({
  name: "swag_collect",
  forms: FORMS,
  make({ variant, format }) {
    const texels = variant === "texels";
    return {
      name: `swag_collect_${variant}_${format}`,
      wgsl: /* wgsl */ `
const PER: u32 = ${PER[variant]}u;
struct Params {
  vectors: u32, spans: u32, row: u32, scales: u32, keep: u32, inverse: f32,
}
${declareInput(0, "value", texels)}
${texels ? OLD_TEXELS : OLD_BUFFERS}
@group(0) @binding(1) var<storage, read_write> mean: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> m2: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> deviations: array<${
        format === "f32" ? "vec4<f32>" : "u32"
      }>;
@group(0) @binding(4) var<storage, read> map: array<u32>;
@group(0) @binding(${texels ? 7 : 5}) var<storage, read> unusable: array<u32>;
@group(0) @binding(${texels ? 8 : 6}) var<uniform> p: Params;

/** Where a vector of the piece belongs, if it does. */
struct Place { exists: bool, random: bool, compact: u32 }
fn find(start: u32) -> Place {
  if (start >= p.vectors || unusable[0] != 0xffffffffu) { return Place(); }
  let block = start / 16u;
  let span = map[4u * p.spans + block];
  if (span == 0xffffffffu) { return Place(); }
  let compact = (map[4u * span + 1u] + block) * 16u + start % 16u;
  return Place(true, map[4u * span + 3u] != 0xffffffffu, compact);
}

/** Updates the moments of four weights, and gives their deviations. */
fn update(at: u32, compact: u32, random: bool) -> vec4<f32> {
  let x = value_at(at);
  let before = mean_at(at);
  let d = x - before;
  let after = before + d * p.inverse;
  mean[at] = after;
  let deviation = x - after;
  if (random) { m2[compact] = m2_at(compact) + d * deviation; }
  return deviation;
}
${writeDeviations({ variant, format })}
@compute @workgroup_size(64)
fn main(
  @builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) size: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  collect_from((id.x + id.y * size.x * 64u) * PER, local);
}
`,
    };
  },
});

// value = mean + diagonal·√max(M2/n, clamp) ⊙ z1 + low_rank·Σₖ zₖ Dₖ, the rows
// of D from the oldest on. z has one row of numbers for all parameters (stride
// 0) or one for each random parameter (stride = rank). The factors include the
// scale and the normalization; with diagonal = 0 the result is the mean.
// Padding after a parameter's end stays 0. Weights that are not random get
// their mean.
function sampleText(form: SwagForm, noise: string, last: number): string {
  const texels = form.variant === "texels";
  return /* wgsl */ `
const PER: u32 = ${PER[form.variant]}u;
struct Params {
  vectors: u32, spans: u32, rank: u32, oldest: u32, rows: u32, row_size: u32, scales: u32,
  stride: u32, key0: u32, key1: u32, stream0: u32, stream1: u32,
  inverse: f32, clamp: f32, diagonal: f32, low_rank: f32,
}
@group(0) @binding(0) var<storage, read_write> value: array<vec4<f32>>;
${declareInput(1, "mean", texels)}
${declareInput(2, "m2", texels)}
${readDeviations(3, form)}
@group(0) @binding(4) var<storage, read> map: array<u32>;
@group(0) @binding(5) var<storage, read> z: array<f32>;
${noise}
@group(0) @binding(${last}) var<uniform> p: Params;

/** Writes four weights, given their share of the low-rank part. */
fn finish(at: u32, compact: u32, logical: u32, end: u32, low_rank: vec4<f32>) {
  let deviation = sqrt(max(m2_at(compact) * p.inverse, vec4<f32>(p.clamp)));
  let x = mean_at(at) + (p.diagonal * deviation * noise(at, logical) + p.low_rank * low_rank);
  let element = vec4<u32>(4u * at) + vec4<u32>(0u, 1u, 2u, 3u);
  value[at] = select(vec4<f32>(), x, element < vec4<u32>(end));
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) size: vec3<u32>) {
  let start = (id.x + id.y * size.x * 64u) * PER;
  if (start >= p.vectors) { return; }
  let block = start / 16u;
  let span = map[4u * p.spans + block];
  if (span == 0xffffffffu) { return; }
  let parameter = map[4u * span + 3u];
  if (parameter == 0xffffffffu || p.diagonal == 0.0) {
    for (var at = start; at < start + PER; at++) { value[at] = mean_at(at); }
    return;
  }
  let logical = (map[4u * span] + block) * 16u + start % 16u;
  let compact = (map[4u * span + 1u] + block) * 16u + start % 16u;
  let end = map[4u * span + 2u];
  let numbers = parameter * p.stride;
${form.variant === "vector" ? SUM_FOUR : sumSixteen(form)}
}
`;
}

const SUM_FOUR = /* wgsl */ `
  var low_rank = vec4<f32>();
  for (var k = 0u; k < p.rank; k++) {
    let row = p.oldest + k;
    let d = deviation(select(row, row - p.rows, row >= p.rows), compact);
    low_rank = fma(d, vec4<f32>(z[numbers + k]), low_rank);
  }
  finish(start, compact, logical, end, low_rank);
`;

const sumSixteen = (form: SwagForm) => /* wgsl */ `
  for (var j = 0u; j < PER; j += 4u) {
    var a = vec4<f32>();
    var b = vec4<f32>();
    var c = vec4<f32>();
    var d = vec4<f32>();
    for (var k = 0u; k < p.rank; k++) {
      let next = p.oldest + k;
      let row = select(next, next - p.rows, next >= p.rows);
      let zk = vec4<f32>(z[numbers + k]);${fetchSixteen(form)}
      a = fma(d0, zk, a);
      b = fma(d1, zk, b);
      c = fma(d2, zk, c);
      d = fma(d3, zk, d);
    }
    finish(start + j, compact + j, logical + j, end, a);
    finish(start + j + 1u, compact + j + 1u, logical + j + 1u, end, b);
    finish(start + j + 2u, compact + j + 2u, logical + j + 2u, end, c);
    finish(start + j + 3u, compact + j + 3u, logical + j + 3u, end, d);
  }
`;

// Noise that is computed on the spot, from the logical index of each weight.
const MADE = /* wgsl */ `
fn noise(at: u32, logical: u32) -> vec4<f32> {
  return philox_normal4(philox_block(vec2<u32>(p.key0, p.key1), vec2<u32>(p.stream0, p.stream1), logical));
}
` + PHILOX;

// Noise from a buffer that is laid out like the means.
const GIVEN = /* wgsl */ `
@group(0) @binding(6) var<storage, read> given: array<vec4<f32>>;
fn noise(at: u32, logical: u32) -> vec4<f32> {
  return given[at];
}
`;

/** The kernels that sample with noise from each weight's logical index. */
export const sample: (form: SwagForm) => Kernel = defineKernels<SwagForm>({
  name: "swag_sample",
  forms: FORMS,
  make: (form) => ({
    name: `swag_sample_${form.variant}_${form.format}`,
    wgsl: sampleText(form, MADE, 6),
  }),
});

/**
 * The kernels that sample with noise that is given, laid out like the means.
 */
export const sampleGiven: (form: SwagForm) => Kernel = defineKernels<SwagForm>({
  name: "swag_sample_given",
  forms: FORMS,
  make: (form) => ({
    name: `swag_sample_given_${form.variant}_${form.format}`,
    wgsl: sampleText(form, GIVEN, 7),
  }),
});
