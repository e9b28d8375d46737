// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Rotary positions: columns n and n + D/2 of a head turn by position ·
// θ^(-2n/D).
//   y[n]       = x[n] cos a - x[n + D/2] sin a
//   y[n + D/2] = x[n + D/2] cos a + x[n] sin a
// An invocation owns one token and one column (or four, as a vec4) of the first
// half, for `each` heads, which share the angle. Backward turns the other way.
//
// Frequencies are given in turns, as fractions of 2³². A product with the
// position then loses its whole turns by overflow, which is exact. So no large
// argument is ever reduced in floating point, and an angle at position 8192 is
// off by 6e-6 at most. Sine and cosine are Taylor sums on ±π/4, within 2 units
// in the last place, because WGSL guarantees no more than 2⁻¹¹ for its own
// functions.

import { defineKernels, type Kernel } from "../gpu/kernel.ts";

/** The columns of half a head that a dispatch has frequencies for. */
export const ROTARY_COLUMNS = 48;

const WIDE = /* wgsl */ `
alias T = vec4<f32>;
alias U = vec4<u32>;
alias I = vec4<i32>;
fn frequency(n: u32) -> U { return p.turns[n]; }
`;

const NARROW = /* wgsl */ `
alias T = f32;
alias U = u32;
alias I = i32;
fn frequency(n: u32) -> U { return p.turns[n / 4u][n % 4u]; }
`;

const SHARED = /* wgsl */ `
override POSITIONS: u32 = 0u;
struct Params {
  turns: array<vec4<u32>, 12>, // a frequency for each of 48 columns
  items: u32,
  start: u32, // the first token of the window
  length: u32, // of a text, for the position of a token where none is given
  places: u32, // how many positions are given; they repeat
  heads: u32,
  each: u32, // heads of an invocation
  half: u32, // columns of half a head, in units of T
  first: u32, // the first column of the dispatch, in units of T, and how many
  columns: u32,
  sign: f32, // 1 to turn forward, -1 to turn back
}

struct Angle { s: T, c: T }
// Sine and cosine of column p.first + n at a token.
fn angle(n: u32, token: u32) -> Angle {
  var position = token % p.length;
  if (POSITIONS == 1u) { position = positions[token % p.places]; }
  let turn = frequency(n) * position;
  let quarter = (turn + U(0x20000000u)) >> U(30u);
  let r = T(bitcast<I>(turn - (quarter << U(30u)))) * T(1.4629180792671596e-9);
  let z = r * r;
  let s = r + r * z * (T(-0.16666667) + z * (T(8.3333333e-3) +
    z * (T(-1.9841270e-4) + z * T(2.7557319e-6))));
  let c = T(1.0) + z * (T(-0.5) + z * (T(4.1666667e-2) + z * (T(-1.3888889e-3) +
    z * (T(2.4801587e-5) + z * T(-2.7557319e-7)))));
  let odd = (quarter & U(1u)) == U(1u);
  let sine = select(s, c, odd);
  let cosine = select(c, s, odd);
  return Angle(
    select(sine, -sine, (quarter & U(2u)) == U(2u)) * p.sign,
    select(cosine, -cosine, ((quarter + U(1u)) & U(2u)) == U(2u)));
}
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = id.x + id.y * groups.x * 64u;
  if (item >= p.items) { return; }
  let teams = (p.heads + p.each - 1u) / p.each;
  let n = item % p.columns;
  let head = item / p.columns % teams * p.each;
  let token = item / p.columns / teams;
  let a = angle(n, p.start + token);
  for (var h = head; h < min(head + p.each, p.heads); h++) {
    turn_head(token, h, n, a);
  }
}
`;

/** What selects the text of a kernel. */
export interface RotaryForm {
  /**
   * Whether an invocation turns four columns, which must divide half a head.
   */
  wide: boolean;
}

const PLAIN = /* wgsl */ `
@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read> positions: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<T>;
@group(0) @binding(3) var<uniform> p: Params;

fn turn_head(token: u32, h: u32, n: u32, a: Angle) {
  let at = (token * p.heads + h) * p.half * 2u + p.first + n;
  let x0 = x[at];
  let x1 = x[at + p.half];
  y[at] = x0 * a.c - x1 * a.s;
  y[at + p.half] = x1 * a.c + x0 * a.s;
}
`;

const FORWARD = /* wgsl */ `
@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read> positions: array<u32>;
@group(0) @binding(2) var<storage, read_write> q: array<T>;
@group(0) @binding(3) var<storage, read_write> k: array<T>;
@group(0) @binding(4) var<storage, read_write> v: array<T>;
@group(0) @binding(5) var<uniform> p: Params;

fn turn_head(token: u32, h: u32, n: u32, a: Angle) {
  let width = p.half * 2u;
  let at = (token * p.heads + h) * width + p.first + n;
  let wide = (token * p.heads * 3u + h) * width + p.first + n;
  let step = p.heads * width;
  let q0 = x[wide];
  let q1 = x[wide + p.half];
  q[at] = q0 * a.c - q1 * a.s;
  q[at + p.half] = q1 * a.c + q0 * a.s;
  let k0 = x[wide + step];
  let k1 = x[wide + step + p.half];
  k[at] = k0 * a.c - k1 * a.s;
  k[at + p.half] = k1 * a.c + k0 * a.s;
  v[at] = x[wide + step * 2u];
  v[at + p.half] = x[wide + step * 2u + p.half];
}
`;

const BACKWARD = /* wgsl */ `
@group(0) @binding(0) var<storage, read> dq: array<T>;
@group(0) @binding(1) var<storage, read> dk: array<T>;
@group(0) @binding(2) var<storage, read> dv: array<T>;
@group(0) @binding(3) var<storage, read> positions: array<u32>;
@group(0) @binding(4) var<storage, read_write> dx: array<T>;
@group(0) @binding(5) var<uniform> p: Params;

fn turn_head(token: u32, h: u32, n: u32, a: Angle) {
  let width = p.half * 2u;
  let at = (token * p.heads + h) * width + p.first + n;
  let wide = (token * p.heads * 3u + h) * width + p.first + n;
  let step = p.heads * width;
  let q0 = dq[at];
  let q1 = dq[at + p.half];
  dx[wide] = q0 * a.c - q1 * a.s;
  dx[wide + p.half] = q1 * a.c + q0 * a.s;
  let k0 = dk[at];
  let k1 = dk[at + p.half];
  dx[wide + step] = k0 * a.c - k1 * a.s;
  dx[wide + step + p.half] = k1 * a.c + k0 * a.s;
  dx[wide + step * 2u] = dv[at];
  dx[wide + step * 2u + p.half] = dv[at + p.half];
}
`;

function family(name: string, text: string): (form: RotaryForm) => Kernel {
  return defineKernels<RotaryForm>({
    name,
    make: ({ wide }) => ({
      name,
      wgsl: (wide ? WIDE : NARROW) + text + SHARED,
    }),
    forms: { wide: { wide: true }, narrow: { wide: false } },
    key: ({ wide }) => String(wide),
  });
}

const one = family("rotary", PLAIN);
const forward = family("rotary_qkv", FORWARD);
const backward = family("rotary_qkv_backward", BACKWARD);

/**
 * The kernels of a form, for one tensor, or for queries, keys and values
 * together.
 */
export interface RotaryKernels {
  /** y from x; with `sign` -1 dx from dy. */
  one: Kernel;
  /** q, k and v from x [tokens, 3, heads, D]. */
  forward: Kernel;
  /** dx from dq, dk and dv. */
  backward: Kernel;
}

/** The kernels of a form. */
export function rotaryKernels(form: RotaryForm): RotaryKernels {
  return { one: one(form), forward: forward(form), backward: backward(form) };
}
