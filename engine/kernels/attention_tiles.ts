// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The tiles of attention_tiled.ts, and the pieces of text that work on them.
//
// A tile holds a slice of 32 columns (eight vec4) of some rows. Tile a holds
// rows that the workgroup owns, tile b rows of the other side. A row takes nine
// vec4, one of them unused, so that eight neighboring rows lie in different
// memory banks. Row EACH·t + r of tile a lies at LINES·r + t: the invocations
// of a line, which read row r of their EACH rows at the same time, then read
// neighboring places. Invocations are 8 across, so that 32 of them read 4 vec4
// of a and 8 of b at a time.

import { type AttentionForm, ownRows } from "./attention_text.ts";
import { unroll } from "./unroll.ts";

/** The number of rows of the other side in a tile. */
export const ATTENTION_TILE = 32;

/** How workgroups and invocations share the work. */
export interface TiledShape {
  /** The rows that a workgroup owns. */
  rows: 32 | 64;
  /** The rows of an invocation; 4 backward. */
  each: 4 | 8;
}

/** The number of slices of 32 columns in a head. */
function slicesOf({ depth }: AttentionForm): number {
  return Math.ceil(depth / 32);
}

/** How many vec4 tile a takes: eight and one unused a row. */
const sliceSize = ({ rows }: TiledShape) => rows * 9;

/** The bytes of workgroup memory that a shape takes. */
export function tiledBytes(shape: TiledShape, forward: boolean): number {
  const partials = forward ? shape.rows * 9 * 4 : 0;
  return 16 * (sliceSize(shape) + 9 * ATTENTION_TILE) + partials;
}

/** The tile that rows go to: `a` for owned rows, `b` for the others. */
export type Side = "a" | "b";

/** The function `load_name_side`, which fetches a slice of rows to a tile. */
export function loadText(name: string, side: Side): string {
  return /* wgsl */ `
fn load_${name}_${side}(b: u32, h: u32, first: u32, length: u32, slice: u32, lane: u32) {
  for (var e = lane; e < COUNT_${side} * 8u; e += THREADS) {
    let row = e / 8u;
    let n = slice * 8u + e % 8u;
    var v = vec4<f32>(0.0);
    if (first + row < length && n * 4u < D) { v = fetch_${name}(base_of(b, h, first + row, length), n); }
    tile_${side}[slot_${side}(row) + e % 8u] = v;
  }
}
`;
}

/**
 * The pieces of WGSL that the tiled kernels have in common: the tiles, the
 * start of `main`, and the products and sums over tiles. They are pieces of
 * text, not functions of WGSL, because the registers that they work on are
 * named variables (see unroll.ts).
 */
export class TiledText {
  readonly slices: number;
  readonly each: number;
  readonly lines: number;
  readonly #size: number;

  constructor(form: AttentionForm, shape: TiledShape) {
    this.slices = slicesOf(form);
    this.each = shape.each;
    this.lines = shape.rows / shape.each;
    this.#size = sliceSize(shape);
  }

  /** The constants of the shape, the tiles, and where rows lie in them. */
  tiles(): string {
    return /* wgsl */ `
const ROWS = ${this.each * this.lines}u;
const EACH = ${this.each}u;
const LINES = ${this.lines}u;
const THREADS = ${8 * this.lines}u;
const COUNT_a = ROWS;
const COUNT_b = 32u;
var<workgroup> tile_a: array<vec4<f32>, ${this.#size}>;
var<workgroup> tile_b: array<vec4<f32>, 288>;
fn slot_a(row: u32) -> u32 { return ((row % EACH) * LINES + row / EACH) * 9u; }
fn slot_b(row: u32) -> u32 { return ((row & 3u) * 8u + row / 4u) * 9u; }
fn vectors(slice: u32) -> u32 { return min((D + 3u) / 4u - slice * 8u, 8u); }
`;
  }

  /** `main` up to its loop: the rows of the workgroup and of the invocation. */
  prologue(length: "sq" | "sk"): string {
    return /* wgsl */ `${ownRows(length, 8 * this.lines)}
  let tx = lane % 8u;
  let ty = lane / 8u;
  let mine = first + ty * EACH;
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

  /**
   * Adds the products of the invocation's rows of `own` with four rows of
   * `other` to the registers `sum0`, `sum1` …, slice by slice.
   */
  products(
    pairs: readonly { sum: string; own: string; other: string }[],
    [ownLength, otherLength]: readonly ["sq" | "sk", "sq" | "sk"],
  ): string {
    return `for (var slice = 0u; slice * 32u < D; slice++) {
      ${
      pairs.map(({ sum, own, other }) =>
        `workgroupBarrier();
      load_${own}_a(b, h, first, p.${ownLength}, slice, lane);
      load_${other}_b(b, h, tile, p.${otherLength}, slice, lane);
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
            `{ let a = tile_a[(ty + ${r * this.lines}u) * 9u + n];
          ${sum}${r} = fma(vec4<f32>(a.w), c3, fma(vec4<f32>(a.z), c2, fma(vec4<f32>(a.y), c1, fma(vec4<f32>(a.x), c0, ${sum}${r})))); }`
          )
        }
      }`
      ).join("\n")
    }
    }`;
  }

  /**
   * Puts four columns of each row into tile a, where {@linkcode sums} reads
   * them.
   */
  share(value: (r: number) => string): string {
    return this.rows((r) =>
      `tile_a[(ty + ${r * this.lines}u) * 9u + tx] = ${value(r)};`
    );
  }

  /**
   * Adds the products of the scores in tile a with the rows of `other` to the
   * registers `sum0_0`, `sum0_1` …: a row's columns, by slices.
   */
  sums(sum: string, other: string, length: "sq" | "sk"): string {
    return unroll(this.slices, (slice) =>
      `    workgroupBarrier();
    load_${other}_b(b, h, tile, p.${length}, ${slice}u, lane);
    workgroupBarrier();
    for (var n = 0u; n < 8u; n++) {
      let b0 = tile_b[n * 9u + tx];
      let b1 = tile_b[(n + 8u) * 9u + tx];
      let b2 = tile_b[(n + 16u) * 9u + tx];
      let b3 = tile_b[(n + 24u) * 9u + tx];
      ${
        this.rows((r) =>
          `{ let w = tile_a[(ty + ${r * this.lines}u) * 9u + n];
        ${sum}${r}_${slice} = fma(vec4<f32>(w.w), b3, fma(vec4<f32>(w.z), b2, fma(vec4<f32>(w.y), b1, fma(vec4<f32>(w.x), b0, ${sum}${r}_${slice})))); }`
        )
      }
    }`);
  }

  /** Writes the registers of all rows and slices to `name`, times a factor. */
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
