// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Beam search by the rules, and in the 32-bit arithmetic, of the vectorized one
// of Hugging Face's transformers. Each prompt has `beams` open rows, and room
// for as many ended ones. The state of row r has four words:
//   x  the open row's score: the sum of the scores of its new tokens (f32)
//   y  the ended row's score, divided by the length penalty (f32)
//   z  twice the ended row's length, plus 1 if it has ended
//   w  in a prompt's first row: 1 while open rows may still become better than
//      ended ones, plus 2 if every continuation that was considered has ended
// Three kernels make a step:
//   ADVANCE  one invocation a prompt computes the new state, and a move for
//            each row: which open row continues and with which token, and what
//            the ended row becomes (an old ended row, or `beams` plus an open
//            row, and with which token)
//   MOVE     one invocation a row and position makes the moves in a second set
//            of tables
//   FINISH   one invocation decides whether the search over all prompts is over
// Once it is over, steps change nothing.

import { defineKernel, type Kernel } from "../../engine/kernel_kit.ts";
import { KEYS } from "./row_kernels.ts";

/** A score low enough to lose against every real row, as in transformers. */
export const LOWEST_SCORE = -1e9;

/**
 * The kernel of the new state and the moves. It gets `count` continuations of
 * each prompt, the best one first, and overwrites them.
 */
export const ADVANCE: Kernel = defineKernel({
  name: "advance_beams",
  wgsl: KEYS + /* wgsl */ `
const UNLIKELY = -1e9;
struct Params {
  prompts: u32, beams: u32, vocabulary: u32, count: u32, length: u32, max_length: u32,
  endings: u32, padding: i32, stop_when_full: u32, divisor: f32, possible_divisor: f32,
}
@group(0) @binding(0) var<storage, read_write> best: array<vec2<u32>>;
@group(0) @binding(1) var<storage, read> scores: array<f32>;
@group(0) @binding(2) var<storage, read> endings: array<i32>;
@group(0) @binding(3) var<storage, read> state: array<vec4<u32>>;
@group(0) @binding(4) var<storage, read_write> next_state: array<vec4<u32>>;
@group(0) @binding(5) var<storage, read_write> moves: array<vec4<i32>>;
@group(0) @binding(6) var<storage, read_write> next: array<i32>;
@group(0) @binding(7) var<storage, read> flags: array<u32>;
@group(0) @binding(8) var<uniform> p: Params;

struct Continuation { origin: u32, token: i32, score: f32, ended: bool }
const ENDED = 0x80000000u;
// Overwrites a continuation's key with its score, and marks it if it ends.
fn complete(base: u32, i: u32) -> bool {
  let at = base / p.beams * p.count + i;
  let index = best[at].y;
  let token = i32(index % p.vocabulary);
  let score = scores[base * p.vocabulary + index] + bitcast<f32>(state[base + index / p.vocabulary].x);
  var ended = p.length + 1u >= p.max_length;
  for (var e = 0u; e < p.endings; e++) { ended = ended || endings[e] == token; }
  best[at] = vec2<u32>(bitcast<u32>(score), select(index, index | ENDED, ended));
  return ended;
}
fn continuation(base: u32, i: u32) -> Continuation {
  let pair = best[base / p.beams * p.count + i];
  let index = pair.y & ~ENDED;
  return Continuation(
    index / p.vocabulary, i32(index % p.vocabulary), bitcast<f32>(pair.x), (pair.y & ENDED) != 0u);
}
fn open_score(c: Continuation) -> f32 { return select(c.score, c.score + UNLIKELY, c.ended); }
// Only the best p.beams continuations may end a row; the others replace those
// that do.
fn ended_score(c: Continuation, i: u32, full: bool, improvable: bool) -> f32 {
  var score = c.score / p.divisor;
  if (full) { score += UNLIKELY; }
  if (!improvable) { score += UNLIKELY; }
  if (!(c.ended && i < p.beams)) { score += UNLIKELY; }
  return score;
}
// Pairs (key, index): the higher key is better, and of equal ones the first
// index.
fn better(a: vec2<u32>, b: vec2<u32>) -> bool { return a.x > b.x || (a.x == b.x && a.y < b.y); }

@compute @workgroup_size(8)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let prompt = id.x + id.y * groups.x * 8u;
  if (prompt >= p.prompts) { return; }
  let base = prompt * p.beams;
  if (flags[0] >= p.prompts * p.beams) {
    for (var k = 0u; k < p.beams; k++) {
      next_state[base + k] = state[base + k];
      moves[base + k] = vec4<i32>(i32(k), p.padding, i32(k), p.padding);
      next[base + k] = p.padding;
    }
    return;
  }
  let improvable = (state[base].w & 1u) == 1u;
  var full = p.stop_when_full == 1u;
  for (var k = 0u; k < p.beams; k++) { full = full && (state[base + k].z & 1u) == 1u; }
  var exhausted = true;
  for (var i = 0u; i < p.count; i++) {
    let ended = complete(base, i);
    exhausted = exhausted && ended;
  }

  var possible = 0.0;
  var worst = 3.4028234e38;
  var some_ended = false;
  var some_open = false;
  var last_open = vec2<u32>(0xffffffffu, 0u);
  var last_ended = vec2<u32>(0xffffffffu, 0u);
  for (var k = 0u; k < p.beams; k++) {
    var found = vec2<u32>(0u, 0xffffffffu);
    for (var i = 0u; i < p.count; i++) {
      let pair = vec2<u32>(key_of(open_score(continuation(base, i))), i);
      if (better(pair, found) && better(last_open, pair)) { found = pair; }
    }
    last_open = found;
    let open = continuation(base, found.y);

    found = vec2<u32>(0u, 0xffffffffu);
    for (var i = 0u; i < p.beams + p.count; i++) {
      var score = 0.0;
      if (i < p.beams) { score = bitcast<f32>(state[base + i].y); }
      else { score = ended_score(continuation(base, i - p.beams), i - p.beams, full, improvable); }
      let pair = vec2<u32>(key_of(score), i);
      if (better(pair, found) && better(last_ended, pair)) { found = pair; }
    }
    last_ended = found;
    var source = i32(found.y);
    var token = p.padding;
    var final_score = 0.0;
    var final_length = 0u;
    if (found.y < p.beams) {
      final_score = bitcast<f32>(state[base + found.y].y);
      final_length = state[base + found.y].z;
    } else {
      let i = found.y - p.beams;
      let c = continuation(base, i);
      source = i32(p.beams + c.origin);
      token = c.token;
      final_score = ended_score(c, i, full, improvable);
      final_length = (p.length + 1u) * 2u + select(0u, 1u, c.ended && i < p.beams);
    }
    if ((final_length & 1u) == 1u) { some_ended = true; } else { some_open = true; }
    worst = min(worst, final_score);
    let score = open_score(open);
    if (k == 0u) { possible = score / p.possible_divisor; }
    next_state[base + k] = vec4<u32>(bitcast<u32>(score), bitcast<u32>(final_score), final_length, 0u);
    moves[base + k] = vec4<i32>(i32(open.origin), open.token, source, token);
    next[base + k] = open.token;
  }
  let could = (some_ended && possible > worst) || (some_open && possible > UNLIKELY);
  next_state[base].w = select(0u, 1u, improvable && could) + select(0u, 2u, exhausted);
}
`,
});

/**
 * The kernel of the tokens, ended tokens and origins after the moves of a step.
 */
export const MOVE: Kernel = defineKernel({
  name: "move_beams",
  wgsl: /* wgsl */ `
struct Params { items: u32, beams: u32, capacity: u32, length: u32 }
@group(0) @binding(0) var<storage, read> moves: array<vec4<i32>>;
@group(0) @binding(1) var<storage, read> tokens: array<i32>;
@group(0) @binding(2) var<storage, read> ended: array<i32>;
@group(0) @binding(3) var<storage, read> origins: array<i32>;
@group(0) @binding(4) var<storage, read_write> next_tokens: array<i32>;
@group(0) @binding(5) var<storage, read_write> next_ended: array<i32>;
@group(0) @binding(6) var<storage, read_write> next_origins: array<i32>;
@group(0) @binding(7) var<storage, read_write> places: array<i32>;
@group(0) @binding(8) var<uniform> p: Params;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = id.x + id.y * groups.x * 64u;
  if (item >= p.items) { return; }
  let row = item / (p.length + 1u);
  let j = item % (p.length + 1u);
  let base = row / p.beams * p.beams;
  let m = moves[row];
  let at = row * p.capacity + j;
  let source_at = (base + u32(m.x)) * p.capacity + j;
  if (j == 0u) { places[row] += 1; }
  if (j < p.length) {
    next_tokens[at] = tokens[source_at];
    next_origins[at] = origins[source_at];
  } else {
    next_tokens[at] = m.y;
    next_origins[at] = i32(row);
  }
  let source = u32(m.z);
  if (source < p.beams) { next_ended[at] = ended[(base + source) * p.capacity + j]; }
  else if (j < p.length) { next_ended[at] = tokens[(base + source - p.beams) * p.capacity + j]; }
  else { next_ended[at] = m.w; }
}
`,
});

/**
 * The kernel that sets the flags once no open row of any prompt can change the
 * result.
 */
export const FINISH: Kernel = defineKernel({
  name: "finish_beams",
  wgsl: /* wgsl */ `
const LOWEST = 0xff800000u; // -infinity
struct Params { prompts: u32, beams: u32, length: u32, stop_when_full: u32 }
@group(0) @binding(0) var<storage, read> state: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read_write> flags: array<u32>;
@group(0) @binding(2) var<uniform> p: Params;
@compute @workgroup_size(1)
fn main() {
  let rows = p.prompts * p.beams;
  if (flags[0] >= rows) { return; }
  var full = p.stop_when_full == 1u;
  var improvable = false;
  var exhausted = true;
  for (var row = 0u; row < rows; row++) {
    let s = state[row];
    full = full && (s.z & 1u) == 1u;
    if (row % p.beams == 0u) {
      improvable = improvable || (s.w & 1u) == 1u;
      exhausted = exhausted && (s.w & 2u) == 2u;
      // Blocked: no token may follow the best open row, and no row of the
      // prompt has ended.
      var blocked = s.x == LOWEST || (s.x & 0x7fffffffu) > 0x7f800000u;
      for (var k = 0u; k < p.beams; k++) {
        let other = state[row + k];
        blocked = blocked && !((other.z & 1u) == 1u && other.y != LOWEST);
      }
      if (blocked) { flags[3] = min(flags[3], p.length); }
    }
  }
  flags[1] = p.length;
  if (full || exhausted || !improvable) { flags[0] = rows; }
}
`,
});
