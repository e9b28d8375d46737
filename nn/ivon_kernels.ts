// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The kernels of IVON, over a flat segment in the manner of optim_kernels.ts: an
// invocation owns PER vec4s that belong to one parameter. In `rows` a parameter has
// four words: the end of its elements in the segment, ess and the weight decay as
// bits of floats, and what is done with it: 0 nothing, 1 Price's estimate of the
// Hessian, 2 that of squared gradients. Behind the end there is padding, which stays
// zero; the Hessian is zero there, too, so that its precision may be.

import { defineKernel, type Kernel } from "../engine/kernel_kit.ts";
import { SCALED, START_OF_STEP } from "./optim_kernels.ts";

/** How many words `rows` has for each parameter. */
export const ROW_WORDS = 4;

/** What is done with a parameter. */
export const MODES = { nothing: 0, price: 1, gradsq: 2 } as const;

// How `main` begins, up to the loop over its vec4s. There `row` is the parameter's
// and `i` the vec4.
const START = /* wgsl */ `@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) size: vec3<u32>) {
  let start = (id.x + id.y * size.x * 64u) * PER;
  if (start >= p.vectors) { return; }
  let slot = block_slot[(p.first + start) / 16u];
  if (slot == 0xffffffffu) { return; }
  let row = rows[slot];
  if (row.w == 0u) { return; }
  for (var i = start; i < min(start + PER, p.vectors); i++) {`;

// Whether elements are before the end of their parameter.
const INSIDE = /* wgsl */ `
fn inside(vector: u32, end: u32) -> vec4<bool> {
  return vec4<u32>(4u * vector) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(end);
}
`;

// The first Hessian: ess holds it here.
export const startHessian: Kernel = defineKernel({
  name: "ivon_start_hessian",
  wgsl: /* wgsl */ `
override PER: u32 = 1u;
struct Params { vectors: u32, first: u32 }
@group(0) @binding(0) var<storage, read_write> hessian: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> block_slot: array<u32>;
@group(0) @binding(2) var<storage, read> rows: array<vec4<u32>>;
@group(0) @binding(3) var<uniform> p: Params;
${INSIDE}
${START}
    hessian[i] = select(vec4<f32>(), vec4<f32>(bitcast<f32>(row.y)), inside(p.first + i, row.x));
  }
}
`,
});

// kept = value, value = kept + z / √(ess (h + wd)), with the numbers z that `kept`
// holds before.
export const sampleWeights: Kernel = defineKernel({
  name: "ivon_sample",
  wgsl: /* wgsl */ `
override PER: u32 = 1u;
struct Params { vectors: u32, first: u32 }
@group(0) @binding(0) var<storage, read_write> value: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> kept: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> hessian: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> block_slot: array<u32>;
@group(0) @binding(4) var<storage, read> rows: array<vec4<u32>>;
@group(0) @binding(5) var<uniform> p: Params;
${INSIDE}
${START}
    let x = value[i];
    let sharpness = bitcast<f32>(row.y) * (hessian[i] + bitcast<f32>(row.z));
    let moved = x + kept[i] / sqrt(max(sharpness, vec4<f32>(1e-30)));
    kept[i] = x;
    value[i] = select(x, moved, inside(p.first + i, row.x));
  }
}
`,
});

// value = kept.
export const restoreWeights: Kernel = defineKernel({
  name: "ivon_restore",
  wgsl: /* wgsl */ `
override PER: u32 = 1u;
struct Params { vectors: u32, first: u32 }
@group(0) @binding(0) var<storage, read_write> value: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> kept: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> block_slot: array<u32>;
@group(0) @binding(3) var<storage, read> rows: array<vec4<u32>>;
@group(0) @binding(4) var<uniform> p: Params;

${START}
    value[i] = kept[i];
  }
}
`,
});

// others = gradient, gradient = 0: before the backward pass of another sample, whose
// gradient has to be told from the mean of those before.
export const setAside: Kernel = defineKernel({
  name: "ivon_set_aside",
  wgsl: /* wgsl */ `
override PER: u32 = 1u;
struct Params { vectors: u32, first: u32 }
@group(0) @binding(0) var<storage, read_write> gradient: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> others: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> block_slot: array<u32>;
@group(0) @binding(3) var<storage, read> rows: array<vec4<u32>>;
@group(0) @binding(4) var<uniform> p: Params;

${START}
    others[i] = gradient[i];
    gradient[i] = vec4<f32>();
  }
}
`,
});

// After the backward pass of sample `count`: its share of the estimate of the Hessian
// and of the mean gradient, and value = kept. By Price's theorem the mean of
// (θ - m) g times the precision is the mean of the Hessian's diagonal.
export const gatherSample: Kernel = defineKernel({
  name: "ivon_gather",
  wgsl: /* wgsl */ `
override PER: u32 = 1u;
struct Params { vectors: u32, first: u32, count: f32 }
@group(0) @binding(0) var<storage, read_write> value: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> gradient: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> estimate: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> kept: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> hessian: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> others: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> block_slot: array<u32>;
@group(0) @binding(7) var<storage, read> rows: array<vec4<u32>>;
@group(0) @binding(8) var<uniform> p: Params;

${START}
    var g = gradient[i];
    let mean = kept[i];
    var own = g * g;
    if (row.w == 1u) {
      own = (value[i] - mean) * g * (hessian[i] + bitcast<f32>(row.z));
    }
    own *= bitcast<f32>(row.y);
    if (p.count > 1.0) {
      own = estimate[i] + (own - estimate[i]) / p.count;
      g = others[i] + (g - others[i]) / p.count;
    }
    estimate[i] = own;
    gradient[i] = g;
    value[i] = mean;
  }
}
`,
});

// Shen et al., "Variational Learning is Effective for Large Deep Networks", 2024,
// algorithm 1. The factors of what is new come as 1 - β, which has few digits left
// if β is close to 1 in 32 bits.
// slots: lr, 1 - β₁, 1 - β₂, weight decay, 1 / (1 - β₁ᵗ), clip radius.
export const ivon: Kernel = defineKernel({
  name: "ivon",
  wgsl: /* wgsl */ `
override PER: u32 = 1u;
struct Params { vectors: u32, first: u32, keep: u32 }
@group(0) @binding(0) var<storage, read_write> value: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> gradient: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> momentum: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> hessian: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> estimate: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> block_slot: array<u32>;
@group(0) @binding(6) var<storage, read> slots: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read> scale: array<f32>;
@group(0) @binding(8) var<uniform> p: Params;
${SCALED}
${START_OF_STEP}
    let g = scaled(gradient[i], clip);
    let h0 = hessian[i];
    let change = a.z * (estimate[i] - h0);
    let least = vec4<f32>(1e-30);
    let h = h0 + change + 0.5 * change * change / max(h0 + a.w, least);
    let m = momentum[i] + a.y * (g - momentum[i]);
    hessian[i] = h;
    momentum[i] = m;
    let x = value[i];
    let way = (m * b.x + a.w * x) / max(h + a.w, least);
    value[i] = x - a.x * clamp(way, vec4<f32>(-b.y), vec4<f32>(b.y));
    if (p.keep == 0u) { gradient[i] = vec4<f32>(); }
  }
}
`,
});
