// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The launcher of kernels/matmul.ts: folds batch axes where that makes one
// larger product, cuts what exceeds one binding, and chooses the variant.

import {
  BLOCKS,
  DIRECT_WORKGROUP,
  type MatmulForm,
  matmulKernel,
  type MatmulVariant,
} from "./kernels/matmul.ts";
import type { Activation } from "./kernels/matmul_activation.ts";
import { grid, launch } from "./launch.ts";
import { fillInto } from "./ops/inplace.ts";
import { allocate, type Tensor } from "./tensor.ts";
import { chooseVariant, defineVariants } from "./tune.ts";
import { view, VIEW_SLACK } from "./view.ts";

/** A batch axis: its length, and the elements from one item to the next. */
export interface BatchAxis {
  count: number;
  a: number;
  b: number;
  /** 0 where the products along the axis are summed. */
  c: number;
}

/** `c = activation(op(a)·op(b) + bias) + residual`, for each item of a batch. */
export interface Product {
  a: Tensor;
  b: Tensor;
  c: Tensor;
  m: number;
  n: number;
  k: number;
  /** Whether items of `a` are stored [k, m]. */
  transposeA: boolean;
  /** Whether items of `b` are stored [n, k]. */
  transposeB: boolean;
  /** Outermost first. */
  batch: readonly BatchAxis[];
  bias?: Tensor | undefined;
  activation?: Activation | undefined;
  /** Of c's shape. */
  residual?: Tensor | undefined;
  /** Of c's shape: receives the argument of the activation. */
  saved?: Tensor | undefined;
  /** Whether to add to what c holds. Excludes the four above. */
  accumulate?: boolean;
}

const MAX_GROUPS = 65535;

/** Records the dispatches of a product. */
export function product(given: Product): void {
  const call = fold(given);
  const { c, batch } = call;
  if (c.size === 0) return;
  if (batch.some(({ count }) => count === 0)) {
    if (!call.accumulate) fillInto(c, 0);
    return;
  }
  const bound = [call.a, call.b, c];
  const whole = bound.every((x) => x.fitsBinding);
  const along = whole ? batch.findLastIndex((axis) => axis.c !== 0) : -1;
  const z = batch[along] ?? { count: 1, a: 0, b: 0, c: 0 };
  const others = batch.filter((_, i) => i !== along);
  const total = others.reduce((items, { count }) => items * count, 1);
  for (let item = 0; item < total; item++) {
    const at = { a: 0, b: 0, c: 0, fresh: !call.accumulate };
    let rest = item;
    for (const axis of others.toReversed()) {
      const i = rest % axis.count;
      rest = Math.floor(rest / axis.count);
      at.a += i * axis.a;
      at.b += i * axis.b;
      at.c += i * axis.c;
      if (axis.c === 0 && i > 0) at.fresh = false;
    }
    for (let start = 0; start < z.count; start += MAX_GROUPS) {
      const count = Math.min(MAX_GROUPS, z.count - start);
      dispatches(call, { ...z, count }, {
        a: at.a + start * z.a,
        b: at.b + start * z.b,
        c: at.c + start * z.c,
        fresh: at.fresh,
      });
    }
  }
}

/** Where an item starts, and whether c holds nothing of it yet. */
interface Place {
  a: number;
  b: number;
  c: number;
  fresh: boolean;
}

/** Turns a batch into more rows, or a sum of products into a longer sum. */
function fold(call: Product): Product {
  const { m, n, k } = call;
  const batch = call.batch.filter(({ count }) => count !== 1);
  const [axis] = batch;
  if (!axis || batch.length > 1) return { ...call, batch };
  const { count, a, b, c } = axis;
  if (!call.transposeA && b === 0 && a === m * k && c === m * n) {
    return { ...call, m: m * count, batch: [] };
  }
  const stacked = call.transposeA && !call.transposeB;
  if (stacked && c === 0 && a === m * k && b === n * k) {
    return { ...call, k: k * count, batch: [] };
  }
  return { ...call, batch };
}

/** One item, or a row of them that one dispatch can take, cut to fit bindings. */
function dispatches(call: Product, z: BatchAxis, at: Place): void {
  const { a, b, c, m, n, k, transposeA, transposeB } = call;
  const { residual, saved } = call;
  const [lda, ldb] = [transposeA ? m : k, transposeB ? k : n];
  const steps = cut(call);
  for (let m0 = 0; m0 < m; m0 += steps.m) {
    const rows = Math.min(steps.m, m - m0);
    for (let n0 = 0; n0 < n; n0 += steps.n) {
      const columns = Math.min(steps.n, n - n0);
      for (let k0 = 0; k0 === 0 || k0 < k; k0 += steps.k) {
        const depth = Math.min(steps.k, k - k0);
        const last = k0 + depth >= k;
        const from = view(
          a,
          at.a + (transposeA ? k0 * lda + m0 : m0 * lda + k0),
          transposeA ? (depth - 1) * lda + rows : (rows - 1) * lda + depth,
        );
        const by = view(
          b,
          at.b + (transposeB ? n0 * ldb + k0 : k0 * ldb + n0),
          transposeB
            ? (columns - 1) * ldb + depth
            : (depth - 1) * ldb + columns,
        );
        const start = at.c + m0 * n + n0;
        const reach = (rows - 1) * n + columns;
        const to = view(c, start, reach);
        const aligned = (offset: number, row: number, item: number) =>
          offset % 4 === 0 && row % 4 === 0 &&
          (z.count === 1 || item % 4 === 0);
        const extra = last ? call : undefined;
        const variant = choose(call, rows, columns, z.count);
        const form: MatmulForm = {
          variant,
          transposeA,
          transposeB,
          vectorA: aligned(from.offset, lda, z.a),
          vectorB: aligned(by.offset, ldb, z.b),
          vectorC: aligned(to.offset, n, z.c) && columns % 4 === 0,
          ragged: depth % 4 !== 0,
          resume: !at.fresh || k0 > 0,
          bias: extra?.bias !== undefined,
          residual: extra?.residual !== undefined,
          activation: extra?.activation,
          save: extra?.saved !== undefined,
        };
        const block = BLOCKS[variant];
        if (block.kind === "direct" && !(form.vectorA && form.vectorB)) {
          form.vectorA = form.vectorB = false; // Fewer kernels, as fast.
        }
        const across = Math.ceil(columns / block.n);
        const down = Math.ceil(rows / block.m);
        const bind = [from.binding, by.binding];
        if (extra?.bias) bind.push(extra.bias);
        if (last && residual) bind.push(view(residual, start, reach).binding);
        bind.push(to.binding);
        if (last && saved) bind.push(view(saved, start, reach).binding);
        launch(c.device, matmulKernel(form), {
          bind,
          params: {
            M: rows,
            N: columns,
            K: depth,
            lda,
            ldb,
            ldc: n,
            offset_a: from.offset,
            offset_b: by.offset,
            offset_c: to.offset,
            batch_a: z.a,
            batch_b: z.b,
            batch_c: z.c,
            bias_at: n0,
          },
          groups: block.kind === "direct"
            ? [...grid(across * down, DIRECT_WORKGROUP), z.count]
            : [across, down, z.count],
        });
      }
    }
  }
}

/** The largest steps along m, n and k at which every part fits a binding. */
function cut(call: Product): { m: number; n: number; k: number } {
  const { a, b, c, m, n, k, transposeA, transposeB } = call;
  const limit = Math.floor(c.device.maxBindingSize / 4) - VIEW_SLACK;
  const steps = { m, n, k: Math.max(Math.min(k, 4 * c.device.maxTurns), 1) };
  const fit = (axis: "m" | "n" | "k", x: Tensor, row: number, unit: number) => {
    if (x.fitsBinding) return;
    const rows = Math.floor(limit / row);
    if (rows >= steps[axis]) return;
    steps[axis] = rows - rows % Math.min(unit, rows > 0 ? unit : 1);
    if (steps[axis] === 0) {
      throw new RangeError(
        `Cannot multiply rows of ${row} elements: ${unit} of them exceed the ` +
          `device's largest binding of ${c.device.maxBindingSize} bytes`,
      );
    }
  };
  fit("m", c, n, 4);
  if (transposeA) fit("k", a, m, 4);
  else fit("m", a, k, 4);
  if (transposeB) fit("n", b, k, 4);
  else fit("k", b, n, 4);
  return steps;
}

const FAMILY = "matmul";

// Shape classes by the size of the result, and a product that stands for each.
const CLASSES: Readonly<Record<string, readonly [number, number, number]>> = {
  rows: [4, 1024, 512],
  small: [128, 128, 256],
  medium: [512, 512, 256],
  large: [1024, 1024, 256],
};

function classOf(m: number, n: number, count: number): string {
  if (m <= 8) return "rows";
  const size = m * n * count;
  if (size <= 2 ** 15) return "small";
  return size <= 2 ** 19 ? "medium" : "large";
}

defineVariants(FAMILY, Object.keys(BLOCKS), {
  classes: CLASSES,
  run: (device, [m = 1, n = 1, k = 1]) => {
    const a = allocate(device, [m, k]);
    const b = allocate(device, [n, k]);
    const c = allocate(device, [m, n]);
    fillInto(a, 1);
    fillInto(b, 1);
    return () =>
      product({
        a,
        b,
        c,
        m,
        n,
        k,
        transposeA: false,
        transposeB: true,
        batch: [],
      });
  },
});

function choose(
  { c, k }: Product,
  m: number,
  n: number,
  count: number,
): MatmulVariant {
  const name = chooseVariant(
    c.device,
    FAMILY,
    classOf(m, n, count),
    () =>
      c.device.isSoftware ? cheapest({ m, n, k }, count) : widest(m, n, count),
  );
  return name in BLOCKS ? name as MatmulVariant : "direct16";
}

/**
 * Multiply-adds from which on the larger blocks are worth compiling, for sums of
 * 64 products or more: those of shorter ones are soon made, and then written.
 */
const WORTH: Partial<Record<MatmulVariant, number>> = {
  direct32: 2 ** 22, // 2 s on two cores
};

/**
 * The block with which an adapter on the CPU loads least: a block costs loads of
 * its rows and columns, and workgroups run on two cores at least.
 */
function cheapest(
  { m, n, k }: { m: number; n: number; k: number },
  count: number,
): MatmulVariant {
  let best: MatmulVariant = "direct16";
  let least = Infinity;
  for (const [name, block] of Object.entries(BLOCKS)) {
    const variant = name as MatmulVariant;
    if (block.kind !== "direct") continue;
    const worth = WORTH[variant];
    if (worth && (k < 64 || m * n * k * count < worth)) continue;
    const blocks = Math.ceil(m / block.m) * Math.ceil(n / block.n);
    const groups = Math.ceil(blocks / DIRECT_WORKGROUP) * count;
    const lanes = Math.min(blocks, DIRECT_WORKGROUP);
    const cost = Math.ceil(groups / 2) * lanes * (block.m + block.n);
    if (cost < least) [best, least] = [variant, cost];
  }
  return best;
}

/** The largest tile of which there are still enough to keep a GPU busy. */
function widest(m: number, n: number, count: number): MatmulVariant {
  const tiles = (size: number) =>
    Math.ceil(m / size) * Math.ceil(n / size) * count;
  if (tiles(128) >= 256) return "tiled128";
  return tiles(64) >= 64 ? "tiled64" : "tiled32";
}
