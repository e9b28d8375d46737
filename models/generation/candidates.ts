// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The best `count` continuations of each group of rows, in order, without
// sorting: in `count` passes, each of which finds the best one after the one
// before. Rows are cut into parts, so that few rows keep a GPU busy, too; a
// second kernel merges the parts.
//
// Drawing is choosing the best after adding Gumbel noise, -log(-log u): each
// continuation is then the best one with its softmax probability, and the next
// ones follow with theirs among those that are left (Gumbel, 1954; Kool et al.,
// 2019). Noise depends on seed, call, step, row and token only.

import {
  allocate,
  launch,
  PHILOX,
  specialize,
} from "../../engine/kernel_kit.ts";
import type { RandomStream, Tensor } from "../../engine/mod.ts";
import { rowForm, rowGrid, rowKernels } from "./row_kernels.ts";

// best[item, i] = the i-th best of part `item % parts` of row `item / parts`,
// as (key, index); indices count along the rows of a group. With OPEN, a row's
// own score is added to all of its continuations.
const bestKernel = rowKernels({
  name: "best_continuations",
  scores: "read",
  wgsl: /* wgsl */ `
override OPEN: u32 = 0u;
override NOISE: u32 = 0u;
struct Params {
  items: u32, vocabulary: u32, parts: u32, span: u32, count: u32, group: u32, step: u32,
  key0: u32, key1: u32, stream0: u32, stream1: u32,
}
@group(0) @binding(0) var<storage, read> scores: array<Unit>;
@group(0) @binding(1) var<storage, read> beams: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read_write> best: array<vec2<u32>>;
@group(0) @binding(3) var<uniform> p: Params;

// -log(-log u) by way of -log(1 - v), which is exact where v is small, as for
// winners.
fn gumbel(row: u32, quad: u32) -> vec4<f32> {
  let block = row * ((p.vocabulary + 3u) / 4u) + quad;
  let bits = philox4x32(vec4<u32>(block, p.step, p.stream0, p.stream1), vec2<u32>(p.key0, p.key1));
  let v = min((vec4<f32>(bits) + vec4<f32>(0.5)) * 2.3283064365386963e-10, vec4<f32>(0.99999994));
  let series = v * (1.0 + v * (0.5 + v * (0.33333333333 + v * (0.25 + v * 0.2))));
  return -log(select(-log(vec4<f32>(1.0) - v), series, v < vec4<f32>(0.03125)));
}
// The better one of found and a token's score, where the score comes after
// last.
fn best_after(last: vec2<u32>, found: vec2<u32>, x: f32, offset: u32, token: u32) -> vec2<u32> {
  let pair = vec2<u32>(key_of(x), offset + token);
  return select(found, pair, token < p.vocabulary && better(pair, found) && better(last, pair));
}
fn run(item: u32, lane: u32, step: u32) {
  let row = item / p.parts;
  let quads = (p.vocabulary + 3u) / 4u;
  let start = item % p.parts * p.span;
  let end = min(start + p.span, quads);
  let offset = row % p.group * p.vocabulary;
  var own = 0.0;
  if (OPEN == 1u) { own = bitcast<f32>(beams[row].x); }
  var last = vec2<u32>(0xffffffffu, 0u);
  for (var i = 0u; i < p.count; i++) {
    var found = NONE;
    for (var quad = start + lane; quad < end; quad += step) {
      var x = fetch(row, quad);
      if (OPEN == 1u) { x += vec4<f32>(own); }
      if (NOISE == 1u) { x += gumbel(row, quad); }
      found = best_after(last, found, x.x, offset, quad * 4u);
      found = best_after(last, found, x.y, offset, quad * 4u + 1u);
      found = best_after(last, found, x.z, offset, quad * 4u + 2u);
      found = best_after(last, found, x.w, offset, quad * 4u + 3u);
    }
    last = best_of(found, lane);
    if (lane == 0u) { best[item * p.count + i] = last; }
  }
}
` + PHILOX,
});

// best[item, i] = the i-th best of the `length` pairs of a group.
const mergeKernel = rowKernels({
  name: "merge_continuations",
  wgsl: /* wgsl */ `
struct Params { items: u32, length: u32, count: u32 }
@group(0) @binding(0) var<storage, read> pairs_in: array<vec2<u32>>;
@group(0) @binding(1) var<storage, read_write> best: array<vec2<u32>>;
@group(0) @binding(2) var<uniform> p: Params;
fn run(item: u32, lane: u32, step: u32) {
  var last = vec2<u32>(0xffffffffu, 0u);
  for (var i = 0u; i < p.count; i++) {
    var found = NONE;
    for (var j = lane; j < p.length; j += step) {
      let pair = pairs_in[item * p.length + j];
      if (better(pair, found) && better(last, pair)) { found = pair; }
    }
    last = best_of(found, lane);
    if (lane == 0u) { best[item * p.count + i] = last; }
  }
}
`,
});

/** The number of tokens of a part. */
const PART = 4096;

/** The stream and step that noise depends on, besides row and token. */
export interface Noise {
  /** The stream of random numbers. */
  readonly stream: RandomStream;
  /** A number that rises with every token. */
  readonly step: number;
}

/** Options of {@linkcode bestContinuations}. */
export interface ContinuationOptions {
  /** How many rows are searched together. @default {1} */
  group?: number;
  /** How many to find for each group, at most `group · V`. @default {1} */
  count?: number;
  /** Each row's own score: the first of four words, `[R, 4]`. @default {0} */
  open?: Tensor<"u32"> | undefined;
  /**
   * The noise to draw with, instead of choosing the best. @default {no noise}
   */
  noise?: Noise | undefined;
}

/**
 * Finds the best continuations of each group of rows, or draws some.
 *
 * @param scores Scores of the next token, `[R, V]`.
 * @param options The groups, how many continuations, and the noise.
 * @returns Pairs of a key and an index `row·V + token` in the group, the best
 * first: `[R / group, count, 2]`.
 */
export function bestContinuations(
  scores: Tensor,
  options: ContinuationOptions = {},
): Tensor<"u32"> {
  const { group = 1, count = 1, open, noise } = options;
  const { device } = scores;
  const [rows = 0, vocabulary = 0] = scores.shape;
  const quads = Math.ceil(vocabulary / 4);
  const parts = Math.ceil(vocabulary / PART);
  const span = Math.ceil(quads / parts);
  const items = rows * parts;
  const form = rowForm(device, { vocabulary, turns: span * count });
  const { key = [0, 0], stream = [0, 0] } = noise?.stream ?? {};
  const partial = allocate(device, [items, count, 2], "u32");
  const kernel = specialize(bestKernel(form), {
    OPEN: open ? 1 : 0,
    NOISE: noise ? 1 : 0,
  });
  launch(device, kernel, {
    bind: [scores, open ?? scores, partial],
    params: {
      items,
      vocabulary,
      parts,
      span,
      count,
      group,
      step: noise?.step ?? 0,
      key0: key[0],
      key1: key[1],
      stream0: stream[0],
      stream1: stream[1],
    },
    groups: rowGrid(kernel, form, items),
  });
  if (parts * group === 1) return partial;
  const groups = rows / group;
  const length = parts * group * count;
  const merge = rowForm(device, { vocabulary, turns: length * count });
  const best = allocate(device, [groups, count, 2], "u32");
  const merging = mergeKernel(merge);
  launch(device, merging, {
    bind: [partial, best],
    params: { items: groups, length, count },
    groups: rowGrid(merging, merge, groups),
  });
  return best;
}
