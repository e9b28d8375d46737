// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Attention forward for large GPUs: the arithmetic of attention_tiled.ts in the
// form of a product of large matrices, as in matmul_tiled.ts. A workgroup owns 64
// queries of a head and walks the keys in tiles of 64. An invocation has a quad of
// queries, and for the scores two quads of keys. Both products are outer products
// of vec4s with one axis written out: q·kᵀ along the columns of a head, with three
// reads of workgroup memory for 32 multiply-adds, and p·v along the keys.
//
// Workgroup memory, 42 KiB for heads of 64 columns:
//   own       the queries, times the scale, as [column][quad of queries]
//   slices    two halves, each a slice of k as [column][quad of keys], or of v as
//             [key][quad of columns]
//   weights   the exponentials of a tile of scores, as [key][quad of queries]
//   partials  for each quad of queries what each of its 8 invocations found
// The first axis is split into lines of four, [line][4], because invocations move
// blocks of four by four. A tile takes a step for each 16 columns of k, and then
// four steps with 16 rows of v each. While a step multiplies the slice in one half,
// it fetches the next, also that of the next tile, to registers, and stores it in
// the other half at its end. So a step takes one barrier, and nothing waits for
// storage. A tile takes one more, between writing weights and reading them; the
// largest scores need none of their own, as the last step along k has one.
//
// Banks: 8 neighboring invocations read 8 neighboring vec4s, or the same one. What
// is written across that order has the position of its vec4s turned by an exclusive
// or with the line, so that those writes go to different banks, too.
//
// On an H200, 128 invocations with 4×8 scores each were faster than 64 with 8×8
// and than tiles of 32, and steps in a loop faster than steps that are written
// out: more workgroups run at once, which hides more. bench/RESULTS.md has the
// times.
//
// Registers: s{k} holds the scores of key k with the four queries, m and l the
// largest score and the sum of each query, and y{r}_{c} quad c of the columns of
// query r. `deno task wgsl attention_flash` prints the text that results.

import type { KernelSource } from "../gpu/kernel.ts";
import {
  type AttentionForm,
  attentionSource,
  ownRows,
  read,
} from "./attention_text.ts";
import { unroll } from "./unroll.ts";

/** The queries of a workgroup. */
export const FLASH_ROWS = 64;

/** The keys of a tile. */
const TILE = 64;

/** The invocations that share a quad of queries. */
const ACROSS = 8;

/** The invocations of a workgroup. */
const THREADS = ACROSS * FLASH_ROWS / 4;

/** The keys of an invocation: a quad in each half of the tile. */
const KEYS = TILE / ACROSS;

/** The columns of k, or rows of v, in a slice, in quads. */
const LINES = 4;

/** How the columns of a head are shared, all in quads. */
function columnsOf({ depth }: AttentionForm) {
  const quads = Math.ceil(depth / 4);
  const each = Math.ceil(quads / ACROSS);
  return {
    /** All of them. */
    quads,
    /** The same in whole slices. */
    padded: Math.ceil(quads / LINES) * LINES,
    /** Those that an invocation sums. */
    each,
    /** The vec4s of a slice in a row: keys, or columns of all invocations. */
    width: Math.max(TILE / 4, each * ACROSS),
  };
}

/** The bytes of workgroup memory that the kernel takes. */
export function flashBytes(form: AttentionForm): number {
  const { padded, width } = columnsOf(form);
  const own = padded * FLASH_ROWS;
  const slices = 2 * LINES * 4 * width;
  const weights = TILE * FLASH_ROWS / 4;
  const partials = ACROSS * FLASH_ROWS / 4;
  return 16 * (own + slices + weights + partials);
}

/** The kernel of y and lse from q, k and v. */
export function flashForward(form: AttentionForm): KernelSource {
  const columns = columnsOf(form);
  const { quads, padded, width } = columns;
  const slices = staging(columns);
  const keys = (line: (k: number) => string) => unroll(KEYS, line);
  const sums = (line: (r: number, c: number) => string) =>
    unroll(4, (r) => unroll(columns.each, (c) => line(r, c)));
  const all = (join: (a: string, b: string) => string) =>
    Array.from({ length: KEYS }, (_, k) => `s${k}`).reduce(join);
  const steps = padded / LINES;
  // Column j of a line of q and k.
  const score = (j: number) => /* wgsl */ `
        let a${j} = own[n][${j}][ya];
        let b0_${j} = slices[half][line][${j}][xb];
        let b1_${j} = slices[half][line][${j}][xb + ${ACROSS}u];
${
    keys((k) =>
      `        s${k} = fma(vec4<f32>(b${Math.floor(k / 4)}_${j}[${
        k % 4
      }]), a${j}, s${k});`
    )
  }`;
  // Key j of a line of weights and v.
  const sum = (j: number) => /* wgsl */ `
        let a${j} = weights[n][${j}][ya];
${
    unroll(columns.each, (c) =>
      `        let b${c}_${j} = slices[half][line][${j}][x + ${c * ACROSS}u];`)
  }
${
    sums((r, c) =>
      `        y${r}_${c} = fma(vec4<f32>(a${j}[${r}]), b${c}_${j}, y${r}_${c});`
    )
  }`;
  return attentionSource(
    "attention_flash",
    form,
    [
      ...read("q", "k", "v", "mask"),
      { name: "y", access: "write" },
      { name: "lse", access: "write", type: "array<vec2<f32>>" },
    ],
    /* wgsl */ `
const ROWS = ${FLASH_ROWS}u;
const TILE = ${TILE}u;
alias Quads = array<array<vec4<f32>, ${FLASH_ROWS / 4}>, 4>;
var<workgroup> own: array<Quads, ${padded}>;
var<workgroup> weights: array<Quads, ${TILE / 4}>;
var<workgroup> slices: array<array<array<array<vec4<f32>, ${width}>, 4>, ${LINES}>, 2>;
var<workgroup> partials: array<array<vec4<f32>, ${FLASH_ROWS / 4}>, ${ACROSS}>;
// Rows first … first + 63 of q, of which those from length on are zeros.
fn load_q(b: u32, h: u32, first: u32, lane: u32) {
  for (var e = lane; e < ${padded * FLASH_ROWS / 4}u; e += ${THREADS}u) {
    let n = e % ${padded}u;
    let at = e / ${padded}u;
    let row = first + at * 4u;
${
      unroll(4, (r) => /* wgsl */ `
    var q${r} = vec4<f32>();
    if (row + ${r}u < p.sq && n < ${quads}u) { q${r} = p.scale2 * fetch_q(base_of(b, h, row + ${r}u, p.sq), n); }`)
    }
${
      unroll(
        4,
        (c) =>
          `    own[n][${c}][at ^ (n & 7u)] = vec4<f32>(q0[${c}], q1[${c}], q2[${c}], q3[${c}]);`,
      )
    }
  }
}
${slices.functions}
// The scores of queries i … i + 3 with key j, after the rules.
fn rules(s: vec4<f32>, starts: vec4<u32>, ends: vec4<u32>, b: u32, i: u32, j: u32) -> vec4<f32> {
  var visible = inside(starts, ends, j);
  if (MASK == 1u) { visible = vec4<bool>(mask[b * p.sk + min(j, p.sk - 1u)] != 0u); }
  return vec4<f32>(
    rule(s.x, visible.x, i, j), rule(s.y, visible.y, i + 1u, j),
    rule(s.z, visible.z, i + 2u, j), rule(s.w, visible.w, i + 3u, j));
}
${ownRows("sq", THREADS)}
  let x = lane % ${ACROSS}u;
  let y = lane / ${ACROSS}u;
  let mine = first + y * 4u;
  let turned = y ^ x; // Where what the invocation writes for its queries lies.
  load_q(b, h, first, lane);
${
      unroll(
        4,
        (r) => `  let segment${r} = segment_of(min(mine + ${r}u, last));`,
      )
    }
  let starts = vec4<u32>(segment0.x, segment1.x, segment2.x, segment3.x);
  let ends = vec4<u32>(segment0.y, segment1.y, segment2.y, segment3.y);
  var m = vec4<f32>(MASKED);
  var l = vec4<f32>();
${sums((r, c) => `  var y${r}_${c} = vec4<f32>();`)}
${slices.registers}
  let range = keys_of(first, last);
  let start = range.x & 0xfffffffcu; // Dropout draws for quads of keys.
  var half = 0u;
  if (start < range.y) {
${slices.fetchKeys("start", "0u")}
${slices.storeKeys}
  }
  workgroupBarrier();
  for (var tile = start; tile < range.y; tile += TILE) {
${keys((k) => `    var s${k} = vec4<f32>();`)}
    for (var step = 0u; step < ${steps}u; step++) {
      let more = step + 1u < ${steps}u;
      if (more) {
${slices.fetchKeys("tile", "(step + 1u)")}
      } else {
${slices.fetchValues("0u")}
      }
      for (var line = 0u; line < ${LINES}u; line++) {
        let n = step * ${LINES}u + line;
        let ya = y ^ (n & 7u);
        let xb = x ^ turn(line);
${unroll(4, score)}
      }
      half = 1u - half;
      if (more) {
${slices.storeKeys}
      } else {
${slices.storeValues}
        if (!unruled(first, last, tile, tile + TILE - 1u)) {
${
      keys((k) =>
        `          s${k} = rules(s${k}, starts, ends, b, mine, ${keyOf(k)});`
      )
    }
        }
        partials[x][turned] = ${all((a, b) => `max(${a}, ${b})`)};
      }
      workgroupBarrier();
    }
    var largest = m;
${
      unroll(
        ACROSS,
        (t) => `    largest = max(largest, partials[${t}][y ^ ${t}u]);`,
      )
    }
    let a = exp2(m - largest);
    m = largest;
${keys((k) => `    s${k} = exp2(s${k} - m);`)}
    l = l * a + (${all((a, b) => `${a} + ${b}`)}); // of the invocation's keys
${sums((r, c) => `    y${r}_${c} *= a[${r}];`)}
    if (DROPOUT == 1u) {
${
      unroll(KEYS / 4, (quad) => /* wgsl */ `
      {
        let quad = ${keyOf(quad * 4)} / 4u;
${
        unroll(
          4,
          (r) => `        let d${r} = factors(b, h, mine + ${r}u, quad);`,
        )
      }
${
        unroll(
          4,
          (c) =>
            `        s${
              quad * 4 + c
            } *= vec4<f32>(d0[${c}], d1[${c}], d2[${c}], d3[${c}]);`,
        )
      }
      }`)
    }
    }
${
      keys((k) =>
        `    weights[x + ${Math.floor(k / 4) * ACROSS}u][${
          k % 4
        }][turned] = s${k};`
      )
    }
    workgroupBarrier();
    for (var step = 0u; step < ${TILE / 4 / LINES}u; step++) {
      let more = step + 1u < ${TILE / 4 / LINES}u;
      let another = tile + TILE < range.y;
      if (more) {
${slices.fetchValues("(step + 1u)")}
      } else if (another) {
${slices.fetchKeys("(tile + TILE)", "0u")}
      }
      for (var line = 0u; line < ${LINES}u; line++) {
        let n = step * ${LINES}u + line;
        let ya = y ^ (n & 7u);
${unroll(4, sum)}
      }
      half = 1u - half;
      if (more) {
${slices.storeValues}
      } else if (another) {
${slices.storeKeys}
      }
      workgroupBarrier();
    }
  }
  partials[x][turned] = l;
  workgroupBarrier();
  l = ${
      Array.from({ length: ACROSS }, (_, t) => `partials[${t}][y ^ ${t}u]`)
        .join(" + ")
    };
  let f = select(vec4<f32>(), 1.0 / l, l > vec4<f32>());
${
      unroll(4, (r) => /* wgsl */ `
  if (mine + ${r}u < p.sq) {
    if (x == 0u) { lse[(b * p.heads + h) * p.sq + mine + ${r}u] = lse_of(m[${r}], l[${r}]); }
    let base = base_of(b, h, mine + ${r}u, p.sq);
${
        unroll(columns.each, (c) =>
          `    if (x + ${c * ACROSS}u < ${quads}u) { store_y(base, x + ${
            c * ACROSS
          }u, y${r}_${c} * f[${r}]); }`)
      }
  }`)
    }
}
`,
  );
}

/** The index of key `k` of an invocation. */
const keyOf = (k: number) =>
  `(tile + x * 4u + ${Math.floor(k / 4) * 4 * ACROSS + k % 4}u)`;

/**
 * The text that brings slices of k and v from storage to registers, and on to
 * the half that is next. An invocation fetches a block of k, four keys by four
 * columns, which it turns when it stores it; of v it fetches rows as they are.
 * Neighboring invocations fetch neighbors in storage.
 *
 * Beyond the last key or column it fetches the last, which is as finite as the
 * others and meets a weight or a query of 0: so nothing branches, and nothing
 * waits for what is fetched.
 */
function staging({ quads, padded, each }: ReturnType<typeof columnsOf>) {
  const blocks = LINES * TILE / 4;
  const part = (name: string) => /* wgsl */ `
fn part_${name}(b: u32, h: u32, row: u32, n: u32) -> vec4<f32> {
  return fetch_${name}(base_of(b, h, min(row, p.sk - 1u), p.sk), ${
    padded > quads ? `min(n, ${quads - 1}u)` : "n"
  });
}`;
  /** The lines for what an invocation has of a slice of v, e vec4s from its first. */
  const deal = (line: (share: number, e: string) => string) =>
    unroll(each, (share) => {
      const e = `(lane + ${share * THREADS}u)`;
      const count = LINES * 4 * quads;
      const text = line(share, e);
      return (share + 1) * THREADS <= count
        ? `        ${text}`
        : `        if (${e} < ${count}u) { ${text} }`;
    });
  return {
    functions: `fn turn(line: u32) -> u32 { return line * ${8 / LINES}u; }${
      part("k")
    }${part("v")}`,
    registers: unroll(
      Math.max(4, each),
      (f) => `  var fetched${f} = vec4<f32>();`,
    ),
    fetchKeys: (tile: string, slice: string) => /* wgsl */ `
        if (lane < ${blocks}u) {
          let n = ${slice} * ${LINES}u + lane % ${LINES}u;
          let row = ${tile} + lane / ${LINES}u * 4u;
${
      unroll(
        4,
        (r) => `          fetched${r} = part_k(b, h, row + ${r}u, n);`,
      )
    }
        }`,
    storeKeys: /* wgsl */ `
        if (lane < ${blocks}u) {
          let line = lane % ${LINES}u;
          let at = (lane / ${LINES}u) ^ turn(line);
${
      unroll(
        4,
        (c) =>
          `          slices[half][line][${c}][at] = vec4<f32>(fetched0[${c}], fetched1[${c}], fetched2[${c}], fetched3[${c}]);`,
      )
    }
        }`,
    fetchValues: (slice: string) =>
      deal((share, e) =>
        `fetched${share} = part_v(b, h, tile + ${slice} * ${
          LINES * 4
        }u + ${e} / ${quads}u, ${e} % ${quads}u);`
      ),
    storeValues: deal((share, e) =>
      `slices[half][${e} / ${quads}u / 4u][${e} / ${quads}u % 4u][${e} % ${quads}u] = fetched${share};`
    ),
  };
}
