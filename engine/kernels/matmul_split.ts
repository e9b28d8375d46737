// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The second half of a product that is split along k: adds the parts, in their
// order, and ends as the product would have. An invocation owns four neighbours
// of C; the last ones own a sum along k each.

import type { Kernel } from "../gpu/kernel.ts";
import {
  byFours,
  declareBuffers,
  declareParams,
  epilogue,
  EPILOGUE_PARAMS,
  type EpilogueForm,
  readFour,
  type Reading,
} from "./matmul_epilogue.ts";

/** Invocations of a workgroup. */
export const SPLIT_WORKGROUP = 64;

const PARAMS = {
  ...EPILOGUE_PARAMS,
  parts: "u32",
  sums_length: "u32",
} as const;

const kernels = new Map<string, Kernel>();

/**
 * The kernel of a form. Binds the parts `[parts, M, N]`, those of the sums if
 * the form has them, and then what {@linkcode declareBuffers} says.
 */
export function splitKernel(form: EpilogueForm): Kernel {
  const key = Object.values(form).join();
  let kernel = kernels.get(key);
  if (!kernel) {
    const { vectorC, resume, sums } = form;
    const like = byFours(vectorC);
    const given: [string, Reading][] = [["parts", like]];
    if (sums) given.push(["sums_parts", "scalar"]);
    const buffers = declareBuffers(given, form);
    kernel = {
      name: "matmul_split",
      bind: buffers.bind,
      params: PARAMS,
      wgsl: [
        buffers.wgsl,
        declareParams(PARAMS),
        epilogue(form),
        /* wgsl */ `
@compute @workgroup_size(${SPLIT_WORKGROUP})
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let quads = (p.N + 3u) / 4u;
  let at = id.x + id.y * groups.x * ${SPLIT_WORKGROUP}u;
  if (at < p.M * quads) {
    let m = at / quads;
    let n = at % quads * 4u;
    var v = ${resume ? "held(p.offset_c, m, n)" : "vec4<f32>()"};
    var i = m * p.N + n;
    for (var part = 0u; part < p.parts; part++) {
      v += ${readFour("parts", like)};
      i += p.M * p.N;
    }
    finish(p.offset_c, m, n, v + shift(n));
  }
  ${sums ? sumsText(resume) : ""}
}
`,
      ].join("\n"),
    };
    kernels.set(key, kernel);
  }
  return kernel;
}

function sumsText(resume: boolean): string {
  return /* wgsl */ `
  let s = at - p.M * quads;
  if (at >= p.M * quads && s < p.sums_length) {
    var v = ${resume ? "sums[p.sums_at + s]" : "0.0"};
    for (var part = 0u; part < p.parts; part++) {
      v += sums_parts[part * p.sums_length + s];
    }
    sums[p.sums_at + s] = v;
  }`;
}
