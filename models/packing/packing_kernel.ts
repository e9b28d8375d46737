// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// A choice of rows: y[r] = x[index[r]], or `fill` in all of row r where
// index[r] is negative. One invocation an element, or four of them. A dispatch
// sees rows `first` to `first + rows` of x, and the first dispatch fills.
// Elements are copied as bits, whatever their type.

import {
  defineKernel,
  grid,
  type Kernel,
  launch,
  part,
  windows,
} from "../../engine/kernel_kit.ts";
import type { AnyTensor, IntegerTensor } from "../../engine/mod.ts";

/** The kernel over elements of one WGSL type. */
function chooseKernel(name: string, type: string): Kernel {
  return defineKernel({
    name,
    wgsl: /* wgsl */ `
alias T = ${type};
struct Params { items: u32, width: u32, start: u32, first: u32, rows: u32, fill: i32 }
@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read> index: array<i32>;
@group(0) @binding(2) var<storage, read_write> y: array<T>;
@group(0) @binding(3) var<uniform> p: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let e = id.x + id.y * groups.x * 64u;
  if (e >= p.items) { return; }
  let row = index[p.start + e / p.width];
  if (row < 0) {
    if (p.first == 0u) { y[e] = T(p.fill); }
    return;
  }
  let at = u32(row) - p.first;
  if (at < p.rows) { y[e] = x[at * p.width + e % p.width]; }
}
`,
  });
}

const CHOOSE = chooseKernel("choose_rows", "i32");
const CHOOSE4 = chooseKernel("choose_rows4", "vec4<i32>");

/** The rows of `y` from those of `x` that `index` names; -1 fills a row. */
export function chooseRows(
  y: AnyTensor,
  x: AnyTensor,
  index: IntegerTensor,
  fill = 0,
): void {
  if (y.size === 0) return;
  const { device } = x;
  const size = y.size / index.size;
  const vector = size % 4 === 0;
  const kernel = vector ? CHOOSE4 : CHOOSE;
  const width = vector ? size / 4 : size;
  for (const to of windows(device, index.size, [size])) {
    const items = to.count * width;
    for (const from of windows(device, x.size / size, [size])) {
      launch(device, kernel, {
        bind: [part(x, from, size), index, part(y, to, size)],
        params: {
          items,
          width,
          start: to.start,
          first: from.start,
          rows: from.count,
          fill,
        },
        groups: grid(items, kernel.workgroupSize),
      });
    }
  }
}
