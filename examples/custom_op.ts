// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

/**
 * An op that swagpu does not have, added from outside: root mean square
 * normalization (Zhang and Sennrich, "Root Mean Square Layer Normalization",
 * 2019) in one file, with its derivative and with a kernel in two variants.
 *
 * Whatever is built from `launch()` and `record()` works everywhere: in training,
 * inside captured steps, on tensors larger than a binding, and in `tune()`.
 *
 * ```sh
 * deno run -A examples/custom_op.ts
 * ```
 *
 * @module
 */

import {
  backward,
  capture,
  type Device,
  full,
  initialize,
  pin,
  readAll,
  sum,
  type Tensor,
  tensor,
  variantsOf,
} from "@swagpu/swagpu/engine";
import {
  allocate,
  chooseRowForm,
  defineKernel,
  defineVariants,
  formatShape,
  grid,
  launch,
  part,
  record,
  specialize,
  windows,
} from "@swagpu/swagpu/engine/kernels";

// ------------------------------------------------------------------- kernels

const WORKGROUP = 64;

/**
 * What both kernels share. `LANES` invocations own a row: one, which adds up the
 * whole row, or a workgroup, whose sums are added in shared memory. So one text
 * gives both variants.
 */
const ROWS = /* wgsl */ `
override LANES: u32 = ${WORKGROUP};

var<workgroup> sums: array<f32, ${WORKGROUP}>;

// All invocations of a workgroup call it, because it has barriers.
fn sum_over_lanes(local: u32, value: f32) -> f32 {
  sums[local] = value;
  for (var step = LANES / 2u; step > 0u; step /= 2u) {
    workgroupBarrier();
    if (local % LANES < step) { sums[local] += sums[local + step]; }
  }
  if (LANES > 1u) { workgroupBarrier(); }
  return sums[local - local % LANES];
}

fn row_of(group: vec3<u32>, groups: vec3<u32>, local: u32) -> u32 {
  let first = (group.x + group.y * groups.x) * (${WORKGROUP}u / LANES);
  return first + local / LANES;
}
`;

/**
 * `y = x · r` with `r = 1 / √(mean(x²) + ε)` of the row, which is kept for the
 * derivative. Two passes over the row: the sum of squares, then the result.
 */
const FORWARD = defineKernel({
  name: "rms_norm",
  wgsl: /* wgsl */ `
struct Params { rows: u32, size: u32, eps: f32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<storage, read_write> r: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;
${ROWS}
@compute @workgroup_size(${WORKGROUP})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let row = row_of(group, groups, local);
  let lane = local % LANES;
  var squares = 0.0;
  if (row < params.rows) {
    for (var i = lane; i < params.size; i += LANES) {
      let value = x[row * params.size + i];
      squares += value * value;
    }
  }
  let total = sum_over_lanes(local, squares);
  if (row >= params.rows) { return; }
  let scale = inverseSqrt(total / f32(params.size) + params.eps);
  for (var i = lane; i < params.size; i += LANES) {
    y[row * params.size + i] = x[row * params.size + i] * scale;
  }
  if (lane == 0u) { r[row] = scale; }
}`,
});

/**
 * `dx = r · dy - x · r³ · mean(dy · x)`. Two passes over the row: the sum of
 * `dy · x`, then the result.
 */
const BACKWARD = defineKernel({
  name: "rms_norm_backward",
  wgsl: /* wgsl */ `
struct Params { rows: u32, size: u32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> r: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;
${ROWS}
@compute @workgroup_size(${WORKGROUP})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let row = row_of(group, groups, local);
  let lane = local % LANES;
  var products = 0.0;
  if (row < params.rows) {
    for (var i = lane; i < params.size; i += LANES) {
      products += dy[row * params.size + i] * x[row * params.size + i];
    }
  }
  let total = sum_over_lanes(local, products);
  if (row >= params.rows) { return; }
  let scale = r[row];
  let factor = scale * scale * scale * total / f32(params.size);
  for (var i = lane; i < params.size; i += LANES) {
    let at = row * params.size + i;
    dx[at] = scale * dy[at] - factor * x[at];
  }
}`,
});

// ------------------------------------------------------------------------ op

/** Options of {@linkcode rmsNorm}. */
export interface RmsNormOptions {
  /**
   * Added to the mean square, so that rows of zeros stay finite.
   *
   * @default {1e-6}
   */
  eps?: number;
}

/**
 * Divides every row along the last axis by its root mean square:
 * `y = x / √(mean(x²) + ε)`.
 *
 * @param x Any shape; the last axis must not be empty.
 * @param options What is added to the mean square.
 * @returns A tensor of the shape of `x`.
 * @throws {TypeError} If `x` is not of f32, or if its last axis is empty.
 */
export function rmsNorm(x: Tensor, options: RmsNormOptions = {}): Tensor {
  const { device, shape } = x;
  const { eps = 1e-6 } = options;
  const size = shape[shape.length - 1] ?? 1;
  if (x.dtype !== "f32" || size === 0) {
    throw new TypeError(
      `Cannot normalize ${x.dtype} of shape ${formatShape(shape)}: expected ` +
        "f32 with a last axis that is not empty",
    );
  }
  const rows = x.size / size;
  const y = allocate(device, shape);
  const r = allocate(device, [rows]);
  const lanes = lanesFor(device, size);
  const kernel = specialize(FORWARD, { LANES: lanes });
  // One window covers all rows unless they exceed what one binding can hold.
  for (const window of windows(device, rows, [size, size, 1])) {
    launch(device, kernel, {
      bind: [part(x, window, size), part(y, window, size), part(r, window, 1)],
      params: { rows: window.count, size, eps },
      groups: grid(window.count * lanes, WORKGROUP),
    });
  }
  return record(y, [x], (dy) => [gradient(x, dy, r)]);
}

function gradient(x: Tensor, dy: Tensor, r: Tensor): Tensor {
  const { device, shape } = x;
  const size = shape[shape.length - 1] ?? 1;
  const dx = allocate(device, shape);
  const lanes = lanesFor(device, size);
  const kernel = specialize(BACKWARD, { LANES: lanes });
  for (const window of windows(device, r.size, [size, size, 1, size])) {
    launch(device, kernel, {
      bind: [
        part(x, window, size),
        part(dy, window, size),
        part(r, window, 1),
        part(dx, window, size),
      ],
      params: { rows: window.count, size },
      groups: grid(window.count * lanes, WORKGROUP),
    });
  }
  return dx;
}

// ------------------------------------------------------------------ variants

/** How many invocations own a row of so many elements. */
function lanesFor(device: Device, size: number): number {
  const form = chooseRowForm(device, "rms_norm", { turns: 2 * size });
  return form === "serial" ? 1 : WORKGROUP;
}

defineVariants("rms_norm", ["serial", "workgroup"], {
  classes: { all: [4096, 768] },
  run: (device, [rows = 1, size = 1]) => {
    const shape = [device.isSoftware ? rows / 32 : rows, size];
    const x = full(shape, 0.5, { device, requiresGrad: true });
    return () => backward(sum(rmsNorm(x)));
  },
});

// ----------------------------------------------------------------------- run

if (import.meta.main) {
  await initialize();
  const x = tensor([[3, 4], [0, 2]]);
  for (const variant of variantsOf("rms_norm")) {
    pin("rms_norm", variant);
    const [y] = await readAll([rmsNorm(x)]);
    console.log(`${variant}: [${[...y ?? []].map((v) => v.toFixed(4))}]`);
  }
  pin("rms_norm", undefined);

  using step = capture(({ x }: { x: Tensor }) => ({ y: rmsNorm(x) }));
  for (let i = 0; i < 5; i++) step({ x });
  console.log(step.reason ?? "captured: the last of five calls was a replay");
}
