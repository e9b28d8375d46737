// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Softmax and its logarithm over n elements that lie `inner` apart: element c
// of row (o, i) is at (o·n + c)·inner + i. The first pass finds the maximum and
// the sum of exponentials together, and rescales the sum when the maximum
// rises; the second one writes. rows.ts says who owns a row, and when it is
// read only once. With inner = 1 and n a multiple of four, rows are read as
// vec4 (`V`). The logarithm subtracts the maximum first and then log Σ: where
// the maximum is large, the sum of the two would lose the digits of log Σ. A
// row of -∞ only gives NaN, as in other libraries.

import type { Kernel } from "../gpu/kernel.ts";
import { declareRows, eachOf, type RowForm, rowKernels } from "./rows.ts";
import { scalarFunctions } from "./scalar_functions.ts";
import { unroll } from "./unroll.ts";

const HEAD = /* wgsl */ `
override LOG: u32 = 0u;
struct Params { rows: u32, n: u32, inner: u32 }
fn start_of(row: u32) -> u32 { return row / p.inner * p.n * p.inner + row % p.inner; }
`;

/** The kernel of y from x. */
export const softmaxForward: (form: RowForm) => Kernel = rowKernels({
  name: "softmax",
  text: (form) => {
    const held = form.held > 0;
    const each = (line: (v: string) => string) =>
      eachOf(
        form,
        "p.n",
        (i) => line(held ? `v${i}` : "x_at(base + c * p.inner)"),
      );
    // Where a row is held, its maximum is known before the first exponential.
    const largestAndSum = held
      ? each((v) =>
        `${v} = x_at(base + c * p.inner); m = max(m, largest(${v}));`
      ) + "\n" + each((v) => `s += total(exp(${v} - V(m)));`)
      : each((v) => `
    let v = ${v};
    let top = max(m, largest(v));
    s = s * scale_to(m, top) + total(exp(v - V(top)));
    m = top;
`);
    const writeLog = each((v) =>
      `y[base + c * p.inner] = (${v} - V(all.x)) - V(log_sum);`
    );
    const write = each((v) =>
      `y[base + c * p.inner] = exp(${v} - V(all.x)) * f;`
    );
    return HEAD + scalarFunctions("logarithm( not_a_number(") + /* wgsl */ `
${declareRows(form, 0, "x")}
@group(0) @binding(1) var<storage, read_write> y: array<V>;
@group(0) @binding(2) var<uniform> p: Params;
const LOWEST = -3.4028234e38;

// The factor of a sum of exponentials when the maximum rises to top.
fn scale_to(value: f32, top: f32) -> f32 { return exp(value - top); }
fn join(a: vec2<f32>, b: vec2<f32>) -> vec2<f32> {
  let m = max(a.x, b.x);
  return vec2<f32>(m, a.y * scale_to(a.x, m) + b.y * scale_to(b.x, m));
}
fn run(row: u32, lane: u32, live: bool) {
  let base = start_of(row);
  var m = LOWEST;
  var s = 0.0;
${unroll(form.held, (i) => `  var v${i} = V();`)}
${largestAndSum}
  let all = reduce(vec2<f32>(m, s));
  if (!live) { return; }
  // No exponential exceeds 1, except that of a NaN, which some drivers make ∞.
  let exps = select(all.y, not_a_number(all.y), all.y > 3.4028234e38);
  if (LOG == 1u) {
    let log_sum = logarithm(exps);
${writeLog}
  } else {
    let f = 1.0 / exps;
${write}
  }
}
`;
  },
});

/** The kernel of dx from y and dy. */
export const softmaxBackward: (form: RowForm) => Kernel = rowKernels({
  name: "softmax_backward",
  text: (form) => {
    const held = form.held > 0;
    const each = (line: (y: string, dy: string) => string) =>
      eachOf(
        form,
        "p.n",
        (i) => held ? line(`y${i}`, `dy${i}`) : line("y_at(at)", "dy_at(at)"),
      );
    const sum = each((y, dy) => `
    let at = base + c * p.inner;
    ${held ? `${y} = y_at(at); ${dy} = dy_at(at);` : ""}
    if (LOG == 1u) { s += ${dy}; } else { s += ${dy} * ${y}; }
`);
    const write = each((y, dy) => `
    let at = base + c * p.inner;
    if (LOG == 1u) { dx[at] = ${dy} - exp(${y}) * sum; }
    else { dx[at] = ${y} * (${dy} - V(sum)); }
`);
    return HEAD + /* wgsl */ `
${declareRows(form, 0, "y")}
${declareRows(form, 1, "dy")}
@group(0) @binding(2) var<storage, read_write> dx: array<V>;
@group(0) @binding(3) var<uniform> p: Params;

fn join(a: vec2<f32>, b: vec2<f32>) -> vec2<f32> { return a + b; }
fn run(row: u32, lane: u32, live: bool) {
  let base = start_of(row);
  var s = V();
${unroll(form.held, (i) => `  var y${i} = V();\n  var dy${i} = V();`)}
${sum}
  let sum = reduce(vec2<f32>(total(s), 0.0)).x;
  if (!live) { return; }
${write}
}
`;
  },
});
