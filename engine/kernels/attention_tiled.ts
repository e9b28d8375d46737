// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Attention for GPUs. A workgroup owns 32 or 64 rows of one head (queries, or
// keys for dk and dv) and walks the rows of the other side in tiles of 32. An
// invocation computes 4 or 8 rows by 4 columns of a tile of scores. For that,
// slices of 32 columns of a head pass through workgroup memory
// (attention_tiles.ts). Once the scores of a tile are done they take the place
// of tile a, so that the invocations that sum over them can read them.
//   forward  online softmax over key tiles, y in registers, lse saved
//   dq       p again from lse, ds = p·(dp - Σ dy·y), dq in registers
//   dkv      the same with keys as rows, dk and dv in registers
// Slices of the owned rows are fetched again for every tile: workgroup memory for
// all of them would leave room for fewer workgroups, which is slower.
// `deno task wgsl attention_tiled` prints the text that results.

import type { KernelSource } from "../gpu/kernel.ts";
import {
  type AttentionBinding,
  type AttentionForm,
  attentionSource,
  read,
} from "./attention_text.ts";
import {
  loadText,
  type Side,
  type TiledShape,
  TiledText,
} from "./attention_tiles.ts";
import { unroll } from "./unroll.ts";

/** The segments of the invocation's rows. */
const queryRows = (text: TiledText) =>
  text.rows((r) => `let segment${r} = segment_of(min(mine + ${r}u, last));`);

// Which of the four keys that an invocation scores are not padding.
const VISIBLE = /* wgsl */ `
    let j = tile + tx * 4u;
    var visible = vec4<bool>(true);
    if (MASK == 1u) {
      for (var c = 0u; c < 4u; c++) { visible[c] = mask[b * p.sk + min(j + c, p.sk - 1u)] != 0u; }
    }
`;

/**
 * Puts a kernel together: the shared text, the tiles, what loads them, and a
 * body.
 */
function tiledSource(
  name: string,
  form: AttentionForm,
  bindings: readonly AttentionBinding[],
  text: TiledText,
  loads: readonly (readonly [name: string, side: Side])[],
  body: string,
  owned: "queries" | "keys" = "queries",
): KernelSource {
  return attentionSource(
    name,
    form,
    bindings,
    [
      text.tiles(),
      ...loads.map(([name, side]) => loadText(name, side)),
      body,
    ].join(""),
    owned,
  );
}

/** The kernel of y and lse from q, k and v. */
export function tiledForward(
  form: AttentionForm,
  shape: TiledShape,
): KernelSource {
  const text = new TiledText(form, shape);
  return tiledSource(
    "attention_tiled",
    form,
    [
      ...read("q", "k", "v", "mask"),
      { name: "y", access: "write" },
      { name: "lse", access: "write", type: "array<vec2<f32>>" },
    ],
    text,
    [["q", "a"], ["k", "b"], ["v", "b"]],
    /* wgsl */ `
// For each row: the largest scores, and later the sums, of four columns each.
var<workgroup> partials: array<f32, ${shape.rows * 9}>;
fn rules(s: vec4<f32>, visible: vec4<bool>, i: u32, j: u32) -> vec4<f32> {
  return vec4<f32>(
    rule(s.x, visible.x, i, j), rule(s.y, visible.y, i, j + 1u),
    rule(s.z, visible.z, i, j + 2u), rule(s.w, visible.w, i, j + 3u));
}
fn max_of_row(row: u32) -> f32 {
  var m = partials[row * 9u];
  for (var t = 1u; t < 8u; t++) { m = max(m, partials[row * 9u + t]); }
  return m;
}
fn sum_of_row(row: u32) -> f32 {
  var sum = partials[row * 9u];
  for (var t = 1u; t < 8u; t++) { sum += partials[row * 9u + t]; }
  return sum;
}
${text.prologue("sq")}
  ${queryRows(text)}
  ${text.rows((r) => `var m${r} = MASKED; var l${r} = 0.0;`)}
  ${text.registers((r, slice) => `var y${r}_${slice} = vec4<f32>(0.0);`)}
  let range = keys_of(first, last);
  for (var tile = range.x & 0xfffffffcu; tile < range.y; tile += 32u) {
    ${VISIBLE}
    ${text.rows((r) => `var s${r} = vec4<f32>(0.0);`)}
    ${text.products([{ sum: "s", own: "q", other: "k" }], ["sq", "sk"])}
    let whole = unruled(first, last, tile, tile + 31u);
    ${
      text.rows((r) =>
        `s${r} *= p.scale2;
    if (!whole) { s${r} = rules(s${r}, visible & within4(segment${r}, j), mine + ${r}u, j); }
    partials[(ty * EACH + ${r}u) * 9u + tx] = max(max(s${r}.x, s${r}.y), max(s${r}.z, s${r}.w));`
      )
    }
    workgroupBarrier();
    ${
      text.rows((r) =>
        `{ let m = max(m${r}, max_of_row(ty * EACH + ${r}u));
      let a = exp2(m${r} - m);
      m${r} = m;
      s${r} = exp2(s${r} - m);
      l${r} = l${r} * a + ((s${r}.x + s${r}.y) + (s${r}.z + s${r}.w)); // of four columns
      if (DROPOUT == 1u) { s${r} *= factors(b, h, mine + ${r}u, j / 4u); }
      ${unroll(text.slices, (slice) => `y${r}_${slice} *= a;`)} }`
      )
    }
    ${text.share((r) => `s${r}`)}
${text.sums("y", "v", "sk")}
  }
  workgroupBarrier();
  ${text.rows((r) => `partials[(ty * EACH + ${r}u) * 9u + tx] = l${r};`)}
  workgroupBarrier();
  ${
      text.rows((r) =>
        `l${r} = sum_of_row(ty * EACH + ${r}u);
  let f${r} = select(0.0, 1.0 / l${r}, l${r} > 0.0);
  if (tx == 0u && mine + ${r}u < p.sq) {
    lse[(b * p.heads + h) * p.sq + mine + ${r}u] = lse_of(m${r}, l${r});
  }`
      )
    }
  ${text.save("y", "sq", (r) => `f${r}`)}
}
`,
  );
}

const BACKWARD = read("q", "k", "v", "mask", "dy", "rows");

/** The kernel of dq from q, k, v, dy and rows (lse and Σ dy·y). */
export function tiledQueries(
  form: AttentionForm,
  shape: TiledShape,
): KernelSource {
  const text = new TiledText(form, shape);
  return tiledSource(
    "attention_tiled_dq",
    form,
    [...BACKWARD, { name: "dq", access: "write" }],
    text,
    [["q", "a"], ["k", "b"], ["dy", "a"], ["v", "b"]],
    /* wgsl */ `
fn gradients(s: vec4<f32>, dp: vec4<f32>, visible: vec4<bool>, row: vec3<f32>, b: u32, h: u32, i: u32, j: u32) -> vec4<f32> {
  let t = s * p.scale2;
  let w = vec4<f32>(
    probability(rule(t.x, visible.x, i, j), row.xz, i),
    probability(rule(t.y, visible.y, i, j + 1u), row.xz, i),
    probability(rule(t.z, visible.z, i, j + 2u), row.xz, i),
    probability(rule(t.w, visible.w, i, j + 3u), row.xz, i));
  var d = dp;
  if (DROPOUT == 1u) { d *= factors(b, h, i, j / 4u); }
  return w * (d - row.y);
}
${text.prologue("sq")}
  ${queryRows(text)}
  ${
      text.rows((r) =>
        `let row${r} = row_of((b * p.heads + h) * p.sq + min(mine + ${r}u, last));`
      )
    }
  ${text.registers((r, slice) => `var dq${r}_${slice} = vec4<f32>(0.0);`)}
  let range = keys_of(first, last);
  for (var tile = range.x & 0xfffffffcu; tile < range.y; tile += 32u) {
    ${VISIBLE}
    ${text.rows((r) => `var s${r} = vec4<f32>(0.0); var dp${r} = s${r};`)}
    ${
      text.products([
        { sum: "s", own: "q", other: "k" },
        { sum: "dp", own: "dy", other: "v" },
      ], ["sq", "sk"])
    }
    workgroupBarrier(); // All have read tile a, which is now overwritten.
    ${
      text.share((r) =>
        `gradients(s${r}, dp${r}, visible & within4(segment${r}, j), row${r}, b, h, mine + ${r}u, j)`
      )
    }
${text.sums("dq", "k", "sk")}
  }
  ${text.save("dq", "sq", () => "p.scale")}
}
`,
  );
}

const XYZW = ["x", "y", "z", "w"];

/** The kernel of dk and dv from q, k, v, dy and rows (lse and Σ dy·y). */
export function tiledKeys(
  form: AttentionForm,
  shape: TiledShape,
): KernelSource {
  const text = new TiledText(form, shape);
  const four = (line: (c: number) => string) => unroll(4, line);
  const across = (name: string, c: number) =>
    `vec4<f32>(${[0, 1, 2, 3].map((r) => `${name}${r}.${XYZW[c]}`)})`;
  const shared = (field: string) =>
    text.share((r) =>
      `vec4<f32>(${[0, 1, 2, 3].map((c) => `c${c}.${field}.${XYZW[r]}`)})`
    );
  return tiledSource(
    "attention_tiled_dkv",
    form,
    [
      ...BACKWARD,
      { name: "dk", access: "write" },
      { name: "dv", access: "write" },
    ],
    text,
    [["k", "a"], ["q", "b"], ["v", "a"], ["dy", "b"]],
    // Rows are keys here: s0 holds the scores of key `mine` and four queries.
    /* wgsl */ `
struct Column { p: vec4<f32>, ds: vec4<f32> }
// For keys j … j + 3 and query i: probabilities after dropout, and ds.
fn column(s: vec4<f32>, dp: vec4<f32>, visible: vec4<bool>, row: vec3<f32>, b: u32, h: u32, i: u32, j: u32) -> Column {
  if (i >= p.sq) { return Column(); }
  let t = s * p.scale2;
  let w = vec4<f32>(
    probability(rule(t.x, visible.x, i, j), row.xz, i),
    probability(rule(t.y, visible.y, i, j + 1u), row.xz, i),
    probability(rule(t.z, visible.z, i, j + 2u), row.xz, i),
    probability(rule(t.w, visible.w, i, j + 3u), row.xz, i));
  var keep = vec4<f32>(1.0);
  if (DROPOUT == 1u) { keep = factors(b, h, i, j / 4u); }
  return Column(w * keep, w * (dp * keep - row.y));
}
${text.prologue("sk")}
  ${
      text.registers((r, slice) =>
        `var dk${r}_${slice} = vec4<f32>(0.0); var dv${r}_${slice} = vec4<f32>(0.0);`
      )
    }
  var visible = vec4<bool>(true);
  if (MASK == 1u) {
    for (var c = 0u; c < 4u; c++) { visible[c] = mask[b * p.sk + min(mine + c, last)] != 0u; }
  }
  ${queryRows(text)}
  let starts = vec4<u32>(segment0.x, segment1.x, segment2.x, segment3.x);
  let ends = vec4<u32>(segment0.y, segment1.y, segment2.y, segment3.y);
  let range = queries_of(first, last);
  for (var tile = range.x; tile < range.y; tile += 32u) {
    let i = tile + tx * 4u;
    ${text.rows((r) => `var s${r} = vec4<f32>(0.0); var dp${r} = s${r};`)}
    ${
      text.products([
        { sum: "s", own: "k", other: "q" },
        { sum: "dp", own: "v", other: "dy" },
      ], ["sk", "sq"])
    }
    ${
      four((c) =>
        `let row${c} = row_of((b * p.heads + h) * p.sq + min(i + ${c}u, p.sq - 1u));
    let c${c} = column(${across("s", c)}, ${
          across("dp", c)
        }, visible & inside(starts, ends, i + ${c}u), row${c}, b, h, i + ${c}u, mine);`
      )
    }
    workgroupBarrier(); // All have read tile a, which is now overwritten.
    ${shared("p")}
${text.sums("dv", "dy", "sq")}
    workgroupBarrier();
    ${shared("ds")}
${text.sums("dk", "q", "sq")}
  }
  ${text.save("dk", "sk", () => "p.scale")}
  ${text.save("dv", "sk", () => "1.0")}
}
`,
    "keys",
  );
}
