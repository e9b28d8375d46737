// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Attention for GPUs. A workgroup owns 32 or 64 rows of one head (queries, or
// keys for dk and dv) and walks the other side in tiles of 32; an invocation
// holds 4 or 8 rows by 4 columns of a tile of scores. Slices of 32 columns of a
// head pass through workgroup memory, tile a for the owned rows and b for the
// others; once a tile's scores are done they go where tile a was, from the
// invocations that made them to those that sum over them.
//   forward  online softmax over key tiles, y in registers, lse saved
//   dq       p again from lse, ds = p·(dp - Σ dy·y), dq in registers
//   dkv      the same with keys as rows, dk and dv in registers
// Resident shapes keep all slices of the owned rows in workgroup memory; the
// others fetch them again for every tile, and leave room for more workgroups.
// Invocations are 8 across, so that 32 of them read 4 vec4 of a and 8 of b at a
// time; row EACH·t + r lies at slot LINES·r + t, and nine vec4 a slot put eight
// neighbours on different banks.
// Longer than most files: the three kernels share their tiles and their maths.

import type { KernelSource } from "../gpu/kernel.ts";
import {
  type AttentionBinding,
  type AttentionForm,
  attentionSource,
  read,
} from "./attention.ts";
import { unroll } from "./unroll.ts";

/** Rows of the other side in a tile. */
export const ATTENTION_TILE = 32;

/** How a kernel's workgroups and invocations share the work. */
export interface TiledShape {
  /** Rows of a workgroup. */
  rows: 32 | 64;
  /** Rows of an invocation; 4 backward. */
  each: 4 | 8;
  /** Whether all columns of the owned rows stay in workgroup memory. */
  resident: boolean;
}

/** Columns of a head are handled in slices of 32. */
function slicesOf({ depth }: AttentionForm): number {
  return Math.ceil(depth / 32);
}

/** The vec4 of one slice of the owned rows. */
const sliceSize = ({ rows }: TiledShape) => rows * 9;

/**
 * Bytes of workgroup memory that a shape takes.
 *
 * @param operands How many tensors have rows of the workgroup: 1 forward (q),
 * 2 backward (q and dy, or k and v).
 */
export function tiledBytes(
  form: AttentionForm,
  shape: TiledShape,
  operands: number,
): number {
  const kept = shape.resident ? operands * slicesOf(form) : 0;
  const partials = operands === 1 ? shape.rows * 9 * 4 : 0;
  return 16 * ((kept + 1) * sliceSize(shape) + 9 * ATTENTION_TILE) + partials;
}

/** Which tile a tensor's rows go to: the owned ones' a, or the others' b. */
type Side = "a" | "b";

/** A function that fetches a slice of a tensor's rows to a tile. */
function loadText(name: string, side: Side): string {
  return /* wgsl */ `
fn load_${name}_${side}(b: u32, h: u32, first: u32, length: u32, slice: u32, lane: u32, at: u32) {
  for (var e = lane; e < COUNT_${side} * 8u; e += THREADS) {
    let row = e / 8u;
    let n = slice * 8u + e % 8u;
    var v = vec4<f32>(0.0);
    if (first + row < length && n * 4u < D) { v = fetch_${name}(base_of(b, h, first + row, length), n); }
    tile_${side}[at + slot_${side}(row) + e % 8u] = v;
  }
}
`;
}

/** What a kernel's text is put together from. */
class Text {
  readonly slices: number;
  readonly each: number;
  readonly lines: number;
  readonly resident: boolean;
  readonly #size: number;
  readonly #operands: readonly string[];

  /** Operands are the names of the tensors with rows of the workgroup. */
  constructor(
    form: AttentionForm,
    shape: TiledShape,
    operands: readonly string[],
  ) {
    this.slices = slicesOf(form);
    this.each = shape.each;
    this.lines = shape.rows / shape.each;
    this.resident = shape.resident;
    this.#size = sliceSize(shape);
    this.#operands = operands;
  }

  /** Where scores lie in tile a. */
  get scores(): number {
    return this.resident ? this.#operands.length * this.slices * this.#size : 0;
  }

  tiles(): string {
    return `
const ROWS = ${this.each * this.lines}u;
const EACH = ${this.each}u;
const LINES = ${this.lines}u;
const THREADS = ${8 * this.lines}u;
const COUNT_a = ROWS;
const COUNT_b = 32u;
var<workgroup> tile_a: array<vec4<f32>, ${this.scores + this.#size}>;
var<workgroup> tile_b: array<vec4<f32>, 288>;
fn slot_a(row: u32) -> u32 { return ((row % EACH) * LINES + row / EACH) * 9u; }
fn slot_b(row: u32) -> u32 { return ((row & 3u) * 8u + row / 4u) * 9u; }
fn base_of(b: u32, h: u32, row: u32, length: u32) -> u32 {
  return ((b * length + row) * p.heads + h) * (D / UNIT);
}
fn vectors(slice: u32) -> u32 { return min((D + 3u) / 4u - slice * 8u, 8u); }
`;
  }

  prologue(length: "sq" | "sk"): string {
    return `
@compute @workgroup_size(${8 * this.lines})
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = group.x + group.y * groups.x;
  if (item >= p.items) { return; }
  let tx = lane % 8u;
  let ty = lane / 8u;
  let blocks = (p.${length} + ROWS - 1u) / ROWS;
  let first = item % blocks * ROWS;
  let h = item / blocks % p.heads;
  let b = item / blocks / p.heads;
  let last = min(first + ROWS - 1u, p.${length} - 1u);
  let mine = first + ty * EACH;
  ${
      !this.resident
        ? ""
        : this.#operands.map((name, o) =>
          unroll(this.slices, (slice) =>
            `load_${name}_a(b, h, first, p.${length}, ${slice}u, lane, ${
              (o * this.slices + slice) * this.#size
            }u);`)
        ).join("\n")
    }
`;
  }

  /** Text for every row of an invocation. */
  rows(line: (r: number) => string): string {
    return unroll(this.each, line);
  }

  /** Text for every slice of every row. */
  registers(line: (r: number, slice: number) => string): string {
    return this.rows((r) => unroll(this.slices, (slice) => line(r, slice)));
  }

  /** `sum`r += row r of operand `own` times four rows of `other`, by slices. */
  products(
    pairs: readonly { sum: string; own: string; other: string }[],
    [ownLength, otherLength]: readonly ["sq" | "sk", "sq" | "sk"],
  ): string {
    return `for (var slice = 0u; slice * 32u < D; slice++) {
      ${
      pairs.map(({ sum, own, other }) => {
        const at = this.resident
          ? `(${
            this.#operands.indexOf(own) * this.slices
          }u + slice) * ${this.#size}u`
          : "0u";
        const load = this.resident
          ? ""
          : `load_${own}_a(b, h, first, p.${ownLength}, slice, lane, 0u);`;
        return `workgroupBarrier();
      ${load}
      load_${other}_b(b, h, tile, p.${otherLength}, slice, lane, 0u);
      workgroupBarrier();
      for (var n = 0u; n < vectors(slice); n++) {
        let b0 = tile_b[tx * 9u + n];
        let b1 = tile_b[(tx + 8u) * 9u + n];
        let b2 = tile_b[(tx + 16u) * 9u + n];
        let b3 = tile_b[(tx + 24u) * 9u + n];
        let c0 = vec4<f32>(b0.x, b1.x, b2.x, b3.x);
        let c1 = vec4<f32>(b0.y, b1.y, b2.y, b3.y);
        let c2 = vec4<f32>(b0.z, b1.z, b2.z, b3.z);
        let c3 = vec4<f32>(b0.w, b1.w, b2.w, b3.w);
        ${
          this.rows((r) =>
            `{ let a = tile_a[${at} + (ty + ${r * this.lines}u) * 9u + n];
          ${sum}${r} = fma(vec4<f32>(a.w), c3, fma(vec4<f32>(a.z), c2, fma(vec4<f32>(a.y), c1, fma(vec4<f32>(a.x), c0, ${sum}${r})))); }`
          )
        }
      }`;
      }).join("\n")
    }
    }`;
  }

  /** Puts four columns of each row where {@linkcode sums} finds them. */
  share(value: (r: number) => string): string {
    return this.rows((r) =>
      `tile_a[${this.scores}u + (ty + ${r * this.lines}u) * 9u + tx] = ${
        value(r)
      };`
    );
  }

  /** `sum`r_slice += Σ over tile b's rows of a row's scores times columns. */
  sums(sum: string, other: string, length: "sq" | "sk"): string {
    return unroll(this.slices, (slice) =>
      `    workgroupBarrier();
    load_${other}_b(b, h, tile, p.${length}, ${slice}u, lane, 0u);
    workgroupBarrier();
    for (var n = 0u; n < 8u; n++) {
      let b0 = tile_b[n * 9u + tx];
      let b1 = tile_b[(n + 8u) * 9u + tx];
      let b2 = tile_b[(n + 16u) * 9u + tx];
      let b3 = tile_b[(n + 24u) * 9u + tx];
      ${
        this.rows((r) =>
          `{ let w = tile_a[${this.scores}u + (ty + ${
            r * this.lines
          }u) * 9u + n];
        ${sum}${r}_${slice} = fma(vec4<f32>(w.w), b3, fma(vec4<f32>(w.z), b2, fma(vec4<f32>(w.y), b1, fma(vec4<f32>(w.x), b0, ${sum}${r}_${slice})))); }`
        )
      }
    }`);
  }

  /** Stores the rows' columns. */
  save(
    name: string,
    length: "sq" | "sk",
    factor: (r: number) => string,
  ): string {
    return this.registers((r, slice) =>
      `if (mine + ${r}u < p.${length} && (${slice * 8}u + tx) * 4u < D) {
    store_${name}(base_of(b, h, mine + ${r}u, p.${length}), ${
        slice * 8
      }u + tx, ${name}${r}_${slice} * ${factor(r)});
  }`
    );
  }
}

/** Texts of the invocation's rows, and which of four keys are not padding. */
const queryRows = (text: Text) =>
  text.rows((r) => `let text${r} = text_of(min(mine + ${r}u, last));`);
const VISIBLE = /* wgsl */ `
    let j = tile + tx * 4u;
    var visible = vec4<bool>(true);
    if (MASK == 1u) {
      for (var c = 0u; c < 4u; c++) { visible[c] = mask[b * p.sk + min(j + c, p.sk - 1u)] != 0u; }
    }
`;

function tiledSource(
  name: string,
  form: AttentionForm,
  bindings: readonly AttentionBinding[],
  text: Text,
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

/** y and lse from q, k, v. */
export function tiledForward(
  form: AttentionForm,
  shape: TiledShape,
): KernelSource {
  const text = new Text(form, shape, ["q"]);
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
// Of each row: the largest score, later the sum, of four columns each.
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
    if (!whole) { s${r} = rules(s${r}, visible & within4(text${r}, j), mine + ${r}u, j); }
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
    lse[(b * p.heads + h) * p.sq + mine + ${r}u] = select(vec2<f32>(MASKED, 0.0), vec2<f32>(m${r}, log2(l${r})), m${r} > 0.5 * MASKED);
  }`
      )
    }
  ${text.save("y", "sq", (r) => `f${r}`)}
}
`,
  );
}

const BACKWARD = read("q", "k", "v", "mask", "dy", "rows");

/** dq from q, k, v, dy and rows (lse and Σ dy·y). */
export function tiledQueries(
  form: AttentionForm,
  shape: TiledShape,
): KernelSource {
  const text = new Text(form, shape, ["q", "dy"]);
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
    workgroupBarrier(); // Tile a has been read.
    ${
      text.share((r) =>
        `gradients(s${r}, dp${r}, visible & within4(text${r}, j), row${r}, b, h, mine + ${r}u, j)`
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

/** dk and dv from q, k, v, dy and rows (lse and Σ dy·y). */
export function tiledKeys(
  form: AttentionForm,
  shape: TiledShape,
): KernelSource {
  const text = new Text(form, shape, ["k", "v"]);
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
    // Rows are keys here: s0 holds key `mine` against queries i … i + 3.
    /* wgsl */ `
fn inside(starts: vec4<u32>, ends: vec4<u32>, i: u32) -> vec4<bool> {
  return vec4<bool>(MASK != 2u) | ((vec4<u32>(i) >= starts) & (vec4<u32>(i) < ends));
}
struct Column { p: vec4<f32>, ds: vec4<f32> }
// Keys j … j + 3 against query i: probabilities after dropout, and ds.
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
  let starts = vec4<u32>(text0.x, text1.x, text2.x, text3.x);
  let ends = vec4<u32>(text0.y, text1.y, text2.y, text3.y);
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
    workgroupBarrier(); // Tile a has been read.
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
