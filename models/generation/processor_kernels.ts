// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Kernels that change the scores [rows, vocabulary] of the next token in place,
// from the tokens so far [rows, capacity], of which the first `length` count.
// Where several invocations write one score, they write the same number.
//   BIAS        one invocation a row and token that ends sequences: adds the
//               bias of each sequence that the token would complete, in order
//   REPETITION  one a row and earlier token. Phase 0 notes the new scores and
//               phase 1 writes them, so that a token that occurs twice changes
//               once
//   NGRAMS      one a row and earlier position: forbids the token that followed
//               the same run there
//   SUPPRESS    one a row and listed token
//   FORCE       one a row and token of the vocabulary
//   EDIT        one a score: KIND 0 makes NaN and infinities finite, 1 divides
//   threshold   one item a row: KIND 0 top-k, 1 top-p, 2 min-p (see below)

import { defineKernel, type Kernel } from "../../engine/kernel_kit.ts";
import { type RowForm, rowKernels } from "./row_kernels.ts";

/**
 * The kernel that biases sequences. `table` holds (token, first sequence,
 * number of sequences) for each ending, then (start, length) of the tokens of
 * each sequence, and then those tokens.
 */
export const BIAS: Kernel = defineKernel({
  name: "bias_sequences",
  wgsl: /* wgsl */ `
struct Params { items: u32, endings: u32, vocabulary: u32, capacity: u32, length: u32 }
@group(0) @binding(0) var<storage, read> tokens: array<i32>;
@group(0) @binding(1) var<storage, read> table: array<i32>;
@group(0) @binding(2) var<storage, read> biases: array<f32>;
@group(0) @binding(3) var<storage, read_write> scores: array<f32>;
@group(0) @binding(4) var<uniform> p: Params;
fn completes(row: u32, start: u32, count: u32) -> bool {
  // This is one token too strict for a row that is the whole beginning of a
  // sequence, as it is in transformers.
  if (count > 1u && count > p.length) { return false; }
  for (var i = 0u; i + 1u < count; i++) {
    if (tokens[row * p.capacity + p.length + 1u - count + i] != table[start + i]) { return false; }
  }
  return true;
}
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = id.x + id.y * groups.x * 64u;
  if (item >= p.items) { return; }
  let row = item / p.endings;
  let ending = item % p.endings * 3u;
  let at = row * p.vocabulary + u32(table[ending]);
  let first = u32(table[ending + 1u]);
  let last = first + u32(table[ending + 2u]);
  var score = scores[at];
  for (var s = first; s < last; s++) {
    let entry = p.endings * 3u + s * 2u;
    if (completes(row, u32(table[entry]), u32(table[entry + 1u]))) { score += biases[s]; }
  }
  scores[at] = score;
}
`,
});

/**
 * The kernel that divides scores above 0 by the penalty, and multiplies those
 * below.
 */
export const REPETITION: Kernel = defineKernel({
  name: "penalize_repetition",
  wgsl: /* wgsl */ `
override PHASE: u32;
struct Params { items: u32, vocabulary: u32, capacity: u32, length: u32, penalty: f32 }
@group(0) @binding(0) var<storage, read> tokens: array<i32>;
@group(0) @binding(1) var<storage, read_write> noted: array<f32>;
@group(0) @binding(2) var<storage, read_write> scores: array<f32>;
@group(0) @binding(3) var<uniform> p: Params;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = id.x + id.y * groups.x * 64u;
  if (item >= p.items) { return; }
  let row = item / p.length;
  let token = u32(tokens[row * p.capacity + item % p.length]);
  if (token >= p.vocabulary) { return; }
  let at = row * p.vocabulary + token;
  if (PHASE == 1u) {
    scores[at] = noted[item];
    return;
  }
  let score = scores[at];
  noted[item] = select(score / p.penalty, score * p.penalty, score < 0.0);
}
`,
});

/**
 * The kernel that forbids repeated runs. `items` counts the starts of runs of
 * `size`.
 */
export const NGRAMS: Kernel = defineKernel({
  name: "forbid_repeated_ngrams",
  wgsl: /* wgsl */ `
struct Params { items: u32, starts: u32, size: u32, vocabulary: u32, capacity: u32, lowest: f32 }
@group(0) @binding(0) var<storage, read> tokens: array<i32>;
@group(0) @binding(1) var<storage, read_write> scores: array<f32>;
@group(0) @binding(2) var<uniform> p: Params;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = id.x + id.y * groups.x * 64u;
  if (item >= p.items) { return; }
  let row = item / p.starts;
  let base = row * p.capacity;
  let start = base + item % p.starts;
  for (var i = 0u; i + 1u < p.size; i++) {
    if (tokens[start + i] != tokens[base + p.starts + i]) { return; }
  }
  let token = u32(tokens[start + p.size - 1u]);
  if (token < p.vocabulary) { scores[row * p.vocabulary + token] = p.lowest; }
}
`,
});

/** The kernel that gives every listed token the score `lowest`. */
export const SUPPRESS: Kernel = defineKernel({
  name: "suppress_tokens",
  wgsl: /* wgsl */ `
struct Params { items: u32, listed: u32, vocabulary: u32, lowest: f32 }
@group(0) @binding(0) var<storage, read> list: array<i32>;
@group(0) @binding(1) var<storage, read_write> scores: array<f32>;
@group(0) @binding(2) var<uniform> p: Params;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = id.x + id.y * groups.x * 64u;
  if (item >= p.items) { return; }
  let token = u32(list[item % p.listed]);
  if (token < p.vocabulary) { scores[item / p.listed * p.vocabulary + token] = p.lowest; }
}
`,
});

/** The kernel that gives listed tokens the score 0, and all others `lowest`. */
export const FORCE: Kernel = defineKernel({
  name: "force_tokens",
  wgsl: /* wgsl */ `
struct Params { items: u32, listed: u32, vocabulary: u32, lowest: f32 }
@group(0) @binding(0) var<storage, read> list: array<i32>;
@group(0) @binding(1) var<storage, read_write> scores: array<f32>;
@group(0) @binding(2) var<uniform> p: Params;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = id.x + id.y * groups.x * 64u;
  if (item >= p.items) { return; }
  var score = p.lowest;
  for (var i = 0u; i < p.listed; i++) {
    if (u32(list[i]) == item % p.vocabulary) { score = 0.0; }
  }
  scores[item] = score;
}
`,
});

/** Values of the constant `KIND` of {@linkcode EDIT}. */
export const EDITS = { finite: 0, divide: 1 } as const;

/** The kernel that changes every score by itself. */
export const EDIT: Kernel = defineKernel({
  name: "edit_scores",
  wgsl: /* wgsl */ `
override KIND: u32;
const LARGEST = 3.4028234663852886e38;
struct Params { items: u32, divisor: f32 }
@group(0) @binding(0) var<storage, read_write> scores: array<f32>;
@group(0) @binding(1) var<uniform> p: Params;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = id.x + id.y * groups.x * 64u;
  if (item >= p.items) { return; }
  let x = scores[item];
  if (KIND == 1u) {
    scores[item] = x / p.divisor;
  } else if ((bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u) {
    scores[item] = 0.0;
  } else {
    scores[item] = clamp(x, -LARGEST, LARGEST);
  }
}
`,
});

/** The most passes of {@linkcode thresholdKernel} over a row. */
export const THRESHOLD_PASSES = 72;

/** Values of the constant `KIND` of {@linkcode thresholdKernel}. */
export const THRESHOLDS = { topK: 0, topP: 1, minP: 2 } as const;

/**
 * The kernel that keeps a row's best scores. The lowest key to keep is found
 * bit by bit, from the highest bit on: in 32 passes over the row whatever it
 * holds, and as many more for top-p.
 *
 *   top-k  the key of the `kept`-th best
 *   top-p  the highest key below which there is no more than `share` of the
 *          probability, but none above that of the `kept`-th best
 *   min-p  no key: a score is dropped whose probability is below `share` times
 *          the best one's, but none of the `kept` best
 */
export const thresholdKernel: (form: RowForm) => Kernel = rowKernels({
  name: "threshold",
  scores: "write",
  wgsl: /* wgsl */ `
override KIND: u32;
struct Params { items: u32, vocabulary: u32, kept: u32, share: f32, lowest: f32 }
@group(0) @binding(0) var<storage, read_write> scores: array<Unit>;
@group(0) @binding(1) var<uniform> p: Params;

fn keys_of(x: vec4<f32>) -> vec4<u32> { return vec4<u32>(key_of(x.x), key_of(x.y), key_of(x.z), key_of(x.w)); }
fn there(quad: u32) -> vec4<bool> {
  return vec4<u32>(quad * 4u) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(p.vocabulary);
}
fn total(x: vec4<f32>) -> f32 { return x.x + x.y + x.z + x.w; }
// How many keys of a row are at least as high as a key.
fn count_from(row: u32, key: u32, lane: u32, step: u32) -> u32 {
  var count = vec4<u32>(0u);
  for (var quad = lane; quad < (p.vocabulary + 3u) / 4u; quad += step) {
    let reaches = keys_of(fetch(row, quad)) >= vec4<u32>(key);
    count += select(vec4<u32>(0u), vec4<u32>(1u), reaches & there(quad));
  }
  return count_of(count.x + count.y + count.z + count.w, lane);
}
// Σ exp(x - top) over the scores whose keys are below a key. Sums of blocks
// round less.
fn mass_below(row: u32, key: u32, top: f32, lane: u32, step: u32) -> f32 {
  let quads = (p.vocabulary + 3u) / 4u;
  var mass = vec4<f32>(0.0);
  for (var start = lane; start < quads; start += step * 64u) {
    var block = vec4<f32>(0.0);
    for (var quad = start; quad < min(start + step * 64u, quads); quad += step) {
      let x = fetch(row, quad);
      block += select(vec4<f32>(0.0), exp(x - vec4<f32>(top)), (keys_of(x) < vec4<u32>(key)) & there(quad));
    }
    mass += block;
  }
  return sum_of(total(mass), lane);
}
fn kth_best(row: u32, lane: u32, step: u32) -> u32 {
  var key = 0u;
  for (var bit = 0x80000000u; bit > 0u; bit /= 2u) {
    if (count_from(row, key | bit, lane, step) >= p.kept) { key |= bit; }
  }
  return key;
}
fn highest(row: u32, lane: u32, step: u32) -> f32 {
  var best = NONE;
  for (var quad = lane; quad < (p.vocabulary + 3u) / 4u; quad += step) {
    let keys = keys_of(fetch(row, quad));
    for (var e = 0u; e < 4u; e++) {
      let pair = vec2<u32>(keys[e], quad * 4u + e);
      if (pair.y < p.vocabulary && better(pair, best)) { best = pair; }
    }
  }
  let token = best_of(best, lane).y;
  return fetch(row, token / 4u)[token % 4u];
}
fn run(row: u32, lane: u32, step: u32) {
  var key = kth_best(row, lane, step);
  var top = 0.0;
  if (KIND != 0u) { top = highest(row, lane, step); }
  if (KIND == 1u) {
    // The factor allows for the rounding of a sum that is just as large.
    let allowed = p.share * 1.000004 * mass_below(row, 0xffffffffu, top, lane, step);
    var lower = 0u;
    for (var bit = 0x80000000u; bit > 0u; bit /= 2u) {
      if (mass_below(row, lower | bit, top, lane, step) <= allowed) { lower |= bit; }
    }
    key = min(key, lower);
  }
  for (var quad = lane; quad < (p.vocabulary + 3u) / 4u; quad += step) {
    let x = fetch(row, quad);
    var drop = keys_of(x) < vec4<u32>(key);
    if (KIND == 2u) { drop = drop & (exp(x - vec4<f32>(top)) < vec4<f32>(p.share)); }
    store(row, quad, select(x, vec4<f32>(p.lowest), drop));
  }
}
`,
});
