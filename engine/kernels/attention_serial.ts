// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Attention for adapters on the CPU. An invocation owns R rows of one head
// (queries, or keys for dk and dv) and keeps them in registers. It walks the
// other side row by row, and every row that it fetches serves all R rows.
// There, fetches are what costs, not arithmetic, and a texel costs far less
// than four words of storage. The kernels use no workgroup memory and no
// barrier.
//   forward  q, y in registers: online softmax over keys, lse saved
//   dq       q, dy, dq in registers: p again from lse, ds = p·(dp - Σ dy·y)
//   dkv      k, v, dk, dv in registers: the same, over queries
// Registers are named variables, one for each row and vec4 (`q0_3` is the
// fourth vec4 of row 0), because these drivers make arrays in private memory as
// slow as storage. `deno task wgsl attention_serial` prints the text that
// results.

import type { KernelSource } from "../gpu/kernel.ts";
import { choice, unroll } from "./unroll.ts";
import { type AttentionForm, attentionSource, read } from "./attention_text.ts";

/** What {@linkcode rowsEach} chooses by. */
export interface RowsWork {
  form: AttentionForm;
  /** The number of rows of a head. */
  rows: number;
  /** Whether an invocation takes more rows, at the cost of compilation. */
  wide: boolean;
  /** Whether the kernel is one of backward, which needs more registers. */
  backward: boolean;
}

/**
 * How many rows an invocation owns. The more rows, the fewer fetches, but the
 * time that the driver takes to compile the text grows faster than their
 * number: one to two seconds for 4 rows of 64 columns, four to ten for 8.
 */
export function rowsEach({ form, rows, wide, backward }: RowsWork): number {
  const vectors = Math.ceil(form.depth / 4);
  const scarce = form.texels || backward;
  const budget = (scarce ? 64 : 128) * (wide ? 2 : 1);
  let each = wide ? 16 : 8;
  while (each > 1 && each * vectors > budget) each /= 2;
  while (each > 1 && each / 2 >= rows) each /= 2;
  return each;
}

/** The turns of loops that a kernel takes for each row of the other side. */
export function serialTurns(rows: number, dropout: boolean): number {
  // Dropout draws for the owned rows in a loop, for four keys at a time.
  return dropout ? 2 + Math.ceil(rows / 4) : 1;
}

/** An operand whose rows are read to registers, or written from them. */
interface RowAccess {
  /** The name of the registers, without the numbers of row and vec4. */
  name: string;
  /** The WGSL that reads or writes vec4 `n` of the row at `at`. */
  text: (n: number) => string;
}

/**
 * Reads the registers of all rows, in a loop that chooses among them: a fetch
 * for each register, written out, would take the driver seconds to compile.
 */
function readRows(
  rows: number,
  vectors: number,
  length: string,
  operands: readonly RowAccess[],
): string {
  return `${
    unroll(rows, (r) =>
      unroll(vectors, (n) =>
        operands.map(({ name }) =>
          `var ${name}${r}_${n} = vec4<f32>(0.0);`
        )
          .join(" ")))
  }
  for (var r = 0u; r < ${rows}u; r++) {
    let at = (b * p.${length} + min(first + r, last)) * stride + h * head;
    ${
    unroll(vectors, (n) =>
      operands.map(({ name, text }) =>
        `let ${name}_${n} = ${text(n)};`
      )
        .join(" "))
  }
    ${
    choice("r", rows, (r) =>
      unroll(vectors, (n) =>
        operands.map(({ name }) =>
          `${name}${r}_${n} = ${name}_${n};`
        )
          .join(" ")))
  }
  }`;
}

/**
 * Writes the registers of all rows, in a loop like that of
 * {@linkcode readRows}.
 */
function writeRows(
  rows: number,
  vectors: number,
  length: string,
  operands: readonly RowAccess[],
): string {
  return `for (var r = 0u; r <= last - first; r++) {
    let at = (b * p.${length} + first + r) * stride + h * head;
    ${
    unroll(vectors, (n) =>
      operands.map(({ name }) =>
        `var ${name}_${n} = vec4<f32>(0.0);`
      )
        .join(" "))
  }
    ${
    choice("r", rows, (r) =>
      unroll(vectors, (n) =>
        operands.map(({ name }) =>
          `${name}_${n} = ${name}${r}_${n};`
        )
          .join(" ")))
  }
    ${unroll(vectors, (n) => operands.map(({ text }) => text(n)).join(" "))}
  }`;
}

// Which probabilities dropout keeps; bit r belongs to row r. These are loops,
// unlike the rest: the random generator is long, and R copies would take
// seconds to compile.
const KEPT = /* wgsl */ `
fn kept_of_queries(b: u32, h: u32, first: u32, last: u32, quad: u32) -> vec4<u32> {
  var bits = vec4<u32>(0u);
  for (var i = first; i <= last; i++) {
    bits |= select(vec4<u32>(0u), vec4<u32>(1u << (i - first)), kept4(b, h, i, quad));
  }
  return bits;
}
fn kept_of_keys(b: u32, h: u32, i: u32, first: u32, last: u32) -> u32 {
  var bits = 0u;
  for (var quad = first / 4u; quad <= last / 4u; quad++) {
    let four = select(vec4<u32>(0u), vec4<u32>(1u, 2u, 4u, 8u), kept4(b, h, i, quad));
    bits |= (four.x | four.y | four.z | four.w) << (quad * 4u - first / 4u * 4u);
  }
  return bits >> (first & 3u);
}
fn factor(bits: u32, r: u32) -> f32 { return select(0.0, p.keep, ((bits >> r) & 1u) == 1u); }
`;

/** The start of `main`: which rows of which head the invocation owns. */
function prologue(rows: number, length: string): string {
  return `${KEPT}
@compute @workgroup_size(8)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = id.x + id.y * groups.x * 8u;
  if (item >= p.items) { return; }
  let blocks = (p.${length} + ${rows - 1}u) / ${rows}u;
  let first = item % blocks * ${rows}u;
  let h = item / blocks % p.heads;
  let b = item / blocks / p.heads;
  let head = D / UNIT;
  let stride = p.heads * head;
  let last = min(first + ${rows - 1}u, p.${length} - 1u);
`;
}

/** The kernel of y and lse from q, k and v. */
export function serialForward(form: AttentionForm, rows: number): KernelSource {
  const N = Math.ceil(form.depth / 4);
  const R = rows;
  return attentionSource(
    `attention_serial_${R}`,
    form,
    [
      ...read("q", "k", "v", "mask"),
      { name: "y", access: "write" },
      { name: "lse", access: "write", type: "array<vec2<f32>>" },
    ],
    `${prologue(R, "sq")}
${
      unroll(R, (r) =>
        `let i${r} = min(first + ${r}u, last);
  let segment${r} = segment_of(i${r});
  var m${r} = MASKED;
  var l${r} = 0.0;
  ${unroll(N, (n) => `var y${r}_${n} = vec4<f32>(0.0);`)}`)
    }
  ${
      readRows(R, N, "sq", [
        { name: "q", text: (n) => `fetch_q(at, ${n}u) * p.scale2` },
      ])
    }
  let range = keys_of(first, last);
  var kept = vec4<u32>(0u);
  for (var j = range.x & 0xfffffffcu; j < range.y; j++) {
    let at = (b * p.sk + j) * stride + h * head;
    var visible = true;
    if (MASK == 1u) { visible = mask[b * p.sk + j] != 0u; }
    if (DROPOUT == 1u && (j & 3u) == 0u) { kept = kept_of_queries(b, h, first, last, j / 4u); }
    ${unroll(R, (r) => `var s${r} = 0.0;`)}
    ${
      unroll(N, (n) =>
        `{ let x = fetch_k(at, ${n}u);
      ${unroll(R, (r) => `s${r} += dot(q${r}_${n}, x);`)} }`)
    }
    ${
      unroll(R, (r) =>
        `s${r} = rule(s${r}, visible && within(segment${r}, j), i${r}, j);
    let m_new${r} = max(m${r}, s${r});
    let a${r} = exp2(m${r} - m_new${r});
    s${r} = exp2(s${r} - m_new${r});
    m${r} = m_new${r};
    l${r} = l${r} * a${r} + s${r};
    if (DROPOUT == 1u) { s${r} *= factor(kept[j & 3u], ${r}u); }`)
    }
    ${
      unroll(N, (n) =>
        `{ let x = fetch_v(at, ${n}u);
      ${unroll(R, (r) => `y${r}_${n} = y${r}_${n} * a${r} + s${r} * x;`)} }`)
    }
  }
  ${
      unroll(R, (r) =>
        `if (first + ${r}u <= last) {
    let f = select(0.0, 1.0 / l${r}, l${r} > 0.0);
    ${unroll(N, (n) => `y${r}_${n} *= f;`)}
    lse[(b * p.heads + h) * p.sq + i${r}] = lse_of(m${r}, l${r});
  }`)
    }
  ${
      writeRows(R, N, "sq", [
        { name: "y", text: (n) => `store_y(at, ${n}u, y_${n});` },
      ])
    }
}
`,
  );
}

/** The kernel of dq from q, k, v, dy and rows (lse and Σ dy·y). */
export function serialQueries(form: AttentionForm, rows: number): KernelSource {
  const N = Math.ceil(form.depth / 4);
  const R = rows;
  return attentionSource(
    `attention_serial_dq_${R}`,
    form,
    [
      ...read("q", "k", "v", "mask", "dy", "rows"),
      { name: "dq", access: "write" },
    ],
    `${prologue(R, "sq")}
${
      unroll(R, (r) =>
        `let i${r} = min(first + ${r}u, last);
  let segment${r} = segment_of(i${r});
  let row${r} = row_of((b * p.heads + h) * p.sq + i${r});
  ${unroll(N, (n) => `var dq${r}_${n} = vec4<f32>(0.0);`)}`)
    }
  ${
      readRows(R, N, "sq", [
        { name: "q", text: (n) => `fetch_q(at, ${n}u) * p.scale2` },
        { name: "dy", text: (n) => `fetch_dy(at, ${n}u)` },
      ])
    }
  let range = keys_of(first, last);
  var kept = vec4<u32>(0u);
  for (var j = range.x & 0xfffffffcu; j < range.y; j++) {
    let at = (b * p.sk + j) * stride + h * head;
    var visible = true;
    if (MASK == 1u) { visible = mask[b * p.sk + j] != 0u; }
    if (DROPOUT == 1u && (j & 3u) == 0u) { kept = kept_of_queries(b, h, first, last, j / 4u); }
    ${unroll(R, (r) => `var s${r} = 0.0; var dp${r} = 0.0;`)}
    ${
      unroll(N, (n) =>
        `let k${n} = fetch_k(at, ${n}u);
    ${unroll(R, (r) => `s${r} += dot(q${r}_${n}, k${n});`)}
    { let x = fetch_v(at, ${n}u);
      ${unroll(R, (r) => `dp${r} += dot(dy${r}_${n}, x);`)} }`)
    }
    ${
      unroll(R, (r) =>
        `s${r} = probability(rule(s${r}, visible && within(segment${r}, j), i${r}, j), row${r}.xz, i${r});
    if (DROPOUT == 1u) { dp${r} *= factor(kept[j & 3u], ${r}u); }
    let ds${r} = s${r} * (dp${r} - row${r}.y);`)
    }
    ${unroll(N, (n) => unroll(R, (r) => `dq${r}_${n} += ds${r} * k${n};`))}
  }
  ${
      writeRows(R, N, "sq", [
        { name: "dq", text: (n) => `store_dq(at, ${n}u, dq_${n} * p.scale);` },
      ])
    }
}
`,
  );
}

/** The kernel of dk and dv from q, k, v, dy and rows (lse and Σ dy·y). */
export function serialKeys(form: AttentionForm, rows: number): KernelSource {
  const N = Math.ceil(form.depth / 4);
  const R = rows;
  return attentionSource(
    `attention_serial_dkv_${R}`,
    form,
    [
      ...read("q", "k", "v", "mask", "dy", "rows"),
      { name: "dk", access: "write" },
      { name: "dv", access: "write" },
    ],
    `${prologue(R, "sk")}
${
      unroll(R, (r) =>
        `let j${r} = min(first + ${r}u, last);
  var visible${r} = true;
  if (MASK == 1u) { visible${r} = mask[b * p.sk + j${r}] != 0u; }
  let segment${r} = segment_of(j${r});
  ${
          unroll(N, (n) =>
            `var dk${r}_${n} = vec4<f32>(0.0);
  var dv${r}_${n} = vec4<f32>(0.0);`)
        }`)
    }
  ${
      readRows(R, N, "sk", [
        { name: "k", text: (n) => `fetch_k(at, ${n}u) * p.scale2` },
        { name: "v", text: (n) => `fetch_v(at, ${n}u)` },
      ])
    }
  let range = queries_of(first, last);
  for (var i = range.x; i < range.y; i++) {
    let at = (b * p.sq + i) * stride + h * head;
    let row = row_of((b * p.heads + h) * p.sq + i);
    ${unroll(R, (r) => `var s${r} = 0.0; var dp${r} = 0.0;`)}
    ${
      unroll(N, (n) =>
        `let q${n} = fetch_q(at, ${n}u);
    ${unroll(R, (r) => `s${r} += dot(k${r}_${n}, q${n});`)}
    let dy${n} = fetch_dy(at, ${n}u);
    ${unroll(R, (r) => `dp${r} += dot(v${r}_${n}, dy${n});`)}`)
    }
    ${
      unroll(R, (r) =>
        `s${r} = probability(rule(s${r}, visible${r} && within(segment${r}, i), i, j${r}), row.xz, i);
    var w${r} = s${r};`)
    }
    if (DROPOUT == 1u) {
      let kept = kept_of_keys(b, h, i, first, last);
      ${
      unroll(R, (r) =>
        `{ let f = factor(kept, ${r}u); dp${r} *= f; w${r} *= f; }`)
    }
    }
    ${unroll(R, (r) => `s${r} *= dp${r} - row.y;`)}
    ${
      unroll(N, (n) =>
        unroll(R, (r) =>
          `dk${r}_${n} += s${r} * q${n};
    dv${r}_${n} += w${r} * dy${n};`))
    }
  }
  ${
      writeRows(R, N, "sk", [
        { name: "dk", text: (n) => `store_dk(at, ${n}u, dk_${n} * p.scale);` },
        { name: "dv", text: (n) => `store_dv(at, ${n}u, dv_${n});` },
      ])
    }
}
`,
    "keys",
  );
}
