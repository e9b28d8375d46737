// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Deviations as matrices of 32-bit floats on the GPU, some columns at a time, for
 * computing with the engine's operations.
 *
 * @module
 */

import {
  allocate,
  defineKernels,
  grid,
  type Kernel,
  launch,
} from "../engine/kernel_kit.ts";
import { scope, type Tensor } from "../engine/mod.ts";
import { SEGMENT_ALIGNMENT } from "../nn/mod.ts";
import type { DeviationFormat } from "./deviation_format.ts";
import { readDeviations } from "./deviation_text.ts";
import type { Posterior } from "./posterior.ts";

/** About how many values a matrix has. */
const VALUES = 2 ** 21;

/** Copies vectors of all rows, from the oldest on. An invocation copies one. */
const copyRows: (format: DeviationFormat) => Kernel = defineKernels<
  DeviationFormat
>({
  name: "swag_rows",
  forms: { f32: "f32", f16: "f16", int8: "int8" },
  make: (format) => ({
    name: `swag_rows_${format}`,
    wgsl: /* wgsl */ `
struct Params {
  count: u32, vectors: u32, first: u32, oldest: u32, rows: u32, row_size: u32, scales: u32,
}
${readDeviations(0, { variant: "vector", format })}
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(2) var<uniform> p: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) size: vec3<u32>) {
  let i = id.x + id.y * size.x * 64u;
  if (i >= p.count) { return; }
  let row = p.oldest + i / p.vectors;
  y[i] = deviation(select(row, row - p.rows, row >= p.rows), p.first + i % p.vectors);
}
`,
  }),
});

/**
 * Calls a function with matrices `[rank, columns]` that hold all deviations together,
 * the oldest in the first row. Padding is 0. A matrix is freed after its call.
 *
 * @param posterior The posterior, which has deviations.
 * @param run The function.
 */
export function eachDeviations(
  posterior: Posterior,
  run: (rows: Tensor) => void,
): void {
  const { rank, oldest, layout: { rows }, settings } = posterior;
  const kernel = copyRows(settings.deviations);
  for (
    const { segment: { device }, deviations, columns, row } of posterior.pieces
  ) {
    const values = Math.min(VALUES, device.maxBindingSize / 4);
    const blocks = Math.max(1, Math.floor(values / rank / SEGMENT_ALIGNMENT));
    const most = blocks * SEGMENT_ALIGNMENT;
    for (let first = 0; first < columns; first += most) {
      using _ = scope();
      const width = Math.min(most, columns - first);
      const matrix = allocate(device, [rank, width]);
      const count = rank * width / 4;
      launch(device, kernel, {
        bind: [deviations, matrix],
        params: {
          count,
          vectors: width / 4,
          first: first / 4,
          oldest,
          rows,
          row_size: row.rowBytes / 16,
          scales: row.scales / 4,
        },
        groups: grid(count, kernel.workgroupSize),
      });
      run(matrix);
    }
  }
}
