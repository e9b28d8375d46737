// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The launcher of kernels/matmul.ts: folds batch axes where that makes one
// larger product, cuts what exceeds one binding, and splits long sums of small
// results along k.

import { matmulKernel } from "../kernels/matmul.ts";
import {
  type Block,
  BLOCKS,
  type MatmulForm,
  type MatmulVariant,
} from "../kernels/matmul_form.ts";
import type { Activation } from "../kernels/matmul_activation.ts";
import { bindsHeld, type EpilogueForm } from "../kernels/matmul_epilogue.ts";
import { skinnyColumns } from "../kernels/matmul_skinny.ts";
import { splitKernel } from "../kernels/matmul_split.ts";
import { grid, launch } from "./launch.ts";
import { fillInto } from "./flat.ts";
import type { Binding } from "../gpu/block.ts";
import {
  chooseBlock,
  chooseSplits,
  MATMUL_CLASSES,
  MATMUL_FAMILY,
  type ProductSizes,
  SPLIT_FAMILY,
  SPLITS,
} from "./matmul_choice.ts";
import { allocate, type AnyTensor, type Tensor } from "../tensor.ts";
import { defineVariants } from "../tuning/choice.ts";
import { type View, view, VIEW_SLACK } from "./view.ts";

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
  /** Multiplies the result by an activation's derivative at `argument`. */
  derive?: { activation: Activation; argument: Tensor } | undefined;
  /** Whether to add to what c and the sums hold. Excludes all above. */
  accumulate?: boolean;
  /**
   * Receives the sums along k of the rows of op(a), `[m]`, or of the columns of
   * op(b), `[n]`. Products of a batch must be summed, and c not be empty.
   */
  sums?: { of: "a" | "b"; into: Tensor } | undefined;
}

const MAX_GROUPS = 65535;

/** Records the dispatches of a product. */
export function product(given: Product): void {
  const call = fold(given);
  const { c, batch } = call;
  if (c.size === 0) return;
  if (batch.some(({ count }) => count === 0)) {
    if (call.accumulate) return;
    fillInto(c, 0);
    if (call.sums) fillInto(call.sums.into, 0);
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

/** A part of an item, or of a row of them, that one dispatch can take. */
interface Part {
  m0: number;
  n0: number;
  k0: number;
  rows: number;
  columns: number;
  depth: number;
}

/** One item, or a row of them that one dispatch can take, cut to fit bindings. */
function dispatches(call: Product, z: BatchAxis, at: Place): void {
  const { m, n, k } = call;
  const steps = cut(call);
  for (let m0 = 0; m0 < m; m0 += steps.m) {
    const rows = Math.min(steps.m, m - m0);
    for (let n0 = 0; n0 < n; n0 += steps.n) {
      const columns = Math.min(steps.n, n - n0);
      for (let k0 = 0; k0 === 0 || k0 < k; k0 += steps.k) {
        const depth = Math.min(steps.k, k - k0);
        dispatch(call, z, at, { m0, n0, k0, rows, columns, depth });
      }
    }
  }
}

function dispatch(call: Product, z: BatchAxis, at: Place, part: Part): void {
  const { a, b, c, n, k, transposeA, transposeB } = call;
  const { m0, n0, k0, rows, columns, depth } = part;
  const { device } = c;
  const [lda, ldb] = [transposeA ? call.m : k, transposeB ? k : n];
  const from = view(
    a,
    at.a + (transposeA ? k0 * lda + m0 : m0 * lda + k0),
    transposeA ? (depth - 1) * lda + rows : (rows - 1) * lda + depth,
  );
  const by = view(
    b,
    at.b + (transposeB ? n0 * ldb + k0 : k0 * ldb + n0),
    transposeB ? (columns - 1) * ldb + depth : (depth - 1) * ldb + columns,
  );
  const end = ending(call, z, at, part);
  const sizes = {
    m: rows,
    n: columns,
    k: depth,
    transposeB,
    aligned: aligned(from.offset, lda, z.a, z.count) &&
      aligned(by.offset, ldb, z.b, z.count),
    count: z.count,
  };
  const step = Math.ceil(depth / chooseSplits(device, sizes) / 4) * 4;
  const items = depth > 0 ? Math.ceil(depth / step) : 1;
  const room = device.maxBindingSize / 4;
  if (z.count > 1 || items <= 1 || items * rows * columns > room) {
    multiply(call, z, sizes, 1, { from, by, lda, ldb, end });
    return;
  }
  const parts = allocate(device, [items, rows, columns]);
  const sums = end.form.sums
    ? allocate(device, [items, end.sumsLength])
    : undefined;
  multiply(
    call,
    {
      count: items,
      a: step * (transposeA ? lda : 1),
      b: step * (transposeB ? 1 : ldb),
      c: rows * columns,
    },
    { ...sizes, k: step },
    items,
    {
      from,
      by,
      lda,
      ldb,
      end: {
        form: {
          vectorC: columns % 4 === 0,
          texels: false,
          resume: false,
          bias: false,
          residual: false,
          activation: undefined,
          save: false,
          derive: undefined,
          sums: end.form.sums,
        },
        reads: [],
        writes: sums ? [parts, sums] : [parts],
        params: {
          M: rows,
          N: columns,
          ldc: columns,
          offset_c: 0,
          bias_at: 0,
          sums_at: 0,
        },
        sumsLength: end.sumsLength,
      },
      total: depth,
    },
  );
  const kernel = splitKernel(end.form);
  launch(device, kernel, {
    bind: [parts, ...sums ? [sums] : [], ...end.reads, ...end.writes],
    params: { ...end.params, parts: items, sums_length: end.sumsLength },
    groups: grid(
      rows * Math.ceil(columns / 4) + end.sumsLength,
      kernel.workgroupSize,
    ),
  });
  parts.dispose();
  sums?.dispose();
}

/** How a part ends: what its kernel reads besides a and b, and what it writes. */
interface Ending {
  form: EpilogueForm;
  reads: (AnyTensor | Binding)[];
  writes: (AnyTensor | Binding)[];
  params: Readonly<Record<string, number>>;
  sumsLength: number;
}

function ending(call: Product, z: BatchAxis, at: Place, part: Part): Ending {
  const { c, n, k, residual, saved, derive } = call;
  const { m0, n0, k0, rows, columns, depth } = part;
  const start = at.c + m0 * n + n0;
  const reach = (rows - 1) * n + columns;
  const to = view(c, start, reach);
  const last = k0 + depth >= k;
  const like = (x: Tensor) => view(x, start, reach).binding;
  // Parts further along take the same sums.
  const sums = (call.sums?.of === "a" ? n0 : m0) === 0 ? call.sums : undefined;
  const reads: (AnyTensor | Binding)[] = [];
  if (last && call.bias) reads.push(call.bias);
  if (last && residual) reads.push(like(residual));
  if (last && derive) reads.push(like(derive.argument));
  const writes = [to.binding];
  if (last && saved) writes.push(like(saved));
  if (sums) writes.push(sums.into);
  return {
    form: {
      vectorC: columns % 4 === 0 && aligned(to.offset, n, z.c, z.count),
      texels: false,
      resume: !at.fresh || k0 > 0,
      bias: last && call.bias !== undefined,
      residual: last && residual !== undefined,
      activation: last ? call.activation : undefined,
      save: last && saved !== undefined,
      derive: last ? derive?.activation : undefined,
      sums: sums?.of,
    },
    reads,
    writes,
    params: {
      M: rows,
      N: columns,
      ldc: n,
      offset_c: to.offset,
      bias_at: n0,
      sums_at: sums?.of === "a" ? m0 : n0,
    },
    sumsLength: sums ? (sums.of === "a" ? rows : columns) : 0,
  };
}

/** Whether every row of every item starts at a multiple of four elements. */
function aligned(offset: number, row: number, item: number, count: number) {
  return offset % 4 === 0 && row % 4 === 0 && (count === 1 || item % 4 === 0);
}

interface Operands {
  from: View;
  by: View;
  lda: number;
  ldb: number;
  end: Ending;
  /** Of a split sum: k of all items. */
  total?: number;
}

function multiply(
  { c, transposeA, transposeB }: Product,
  z: BatchAxis,
  sizes: ProductSizes,
  splits: number,
  { from, by, lda, ldb, end, total }: Operands,
): void {
  const { m, n, k } = sizes;
  const variant = chooseBlock(c.device, sizes, splits);
  const block: Block = BLOCKS[variant];
  const form: MatmulForm = {
    variant,
    transposeA,
    transposeB,
    vectorA: aligned(from.offset, lda, z.a, z.count),
    vectorB: aligned(by.offset, ldb, z.b, z.count),
    ragged: (total ?? k) % 4 !== 0,
    split: total !== undefined,
    ...end.form,
  };
  if (block.kind === "direct") { // Both alike: fewer kernels, as fast.
    form.texels = form.vectorA = form.vectorB = sizes.aligned;
  }
  const width = block.kind === "skinny" ? skinnyColumns(transposeB) : block.n;
  const blocks = Math.ceil(n / width) * Math.ceil(m / block.m);
  const before = bindsHeld(form) ? end.writes.slice(0, 1) : [];
  const kernel = matmulKernel(form);
  launch(c.device, kernel, {
    bind: [from.binding, by.binding, ...end.reads, ...before, ...end.writes],
    params: {
      ...end.params,
      K: k,
      total: total ?? k,
      lda,
      ldb,
      offset_a: from.offset,
      offset_b: by.offset,
      batch_a: z.a,
      batch_b: z.b,
      batch_c: z.c,
    },
    groups: [
      ...grid(blocks, block.kind === "direct" ? kernel.workgroupSize : 1),
      z.count,
    ],
  });
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

defineVariants(MATMUL_FAMILY, Object.keys(BLOCKS), {
  classes: MATMUL_CLASSES,
  // Tiles need barriers; blocks of many sums need more registers than GPUs have.
  // On a CPU, small blocks only suit small products.
  suits: (device, variant, [m = 1, n = 1]) => {
    const block = BLOCKS[variant as MatmulVariant];
    const direct = block.kind === "direct";
    const sums = block.m * block.n;
    return device.isSoftware
      ? direct && block.m <= 2 * m && (sums > 64 || m * n <= 2 ** 15)
      : !direct || sums <= 256;
  },
  run: (device, [rows = 1, n = 1, depth = 1]) => {
    // A CPU is given less of it, though of the same class.
    const m = device.isSoftware && rows > 128 ? rows * 9 / 16 : rows;
    const k = device.isSoftware ? Math.min(depth, 64) : depth;
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

defineVariants(SPLIT_FAMILY, Object.keys(SPLITS));
