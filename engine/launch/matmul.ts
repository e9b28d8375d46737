// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The launcher of the kernels in kernels/matmul.ts. A call goes through four
// steps, each a function below:
//
//   foldBatch      merges a batch into one larger product, if it lies so in memory
//   cutIntoParts   cuts an item of the batch into parts whose operands fit bindings
//   launchPart     splits the sum over k of a small part among more workgroups
//   launchItems    chooses a kernel and records the dispatch
//
// Longer than most files, because these steps share their types.

import type { Binding } from "../gpu/block.ts";
import { matmulKernel } from "../kernels/matmul.ts";
import type { Activation } from "../kernels/matmul_activation.ts";
import {
  bindsHeld,
  type EpilogueForm,
  PLAIN_EPILOGUE,
} from "../kernels/matmul_epilogue.ts";
import {
  type Block,
  BLOCKS,
  type MatmulForm,
  type MatmulVariant,
} from "../kernels/matmul_form.ts";
import { skinnyColumns } from "../kernels/matmul_skinny.ts";
import { splitKernel } from "../kernels/matmul_split.ts";
import { allocate, type AnyTensor, type Tensor } from "../tensor.ts";
import { defineVariants } from "../tuning/choice.ts";
import {
  type Box,
  boxes,
  elementsThatFit,
  inOrder,
  rowsThatFit,
  type View,
  viewOf,
  wholeBox,
} from "./cut.ts";
import { fillInto } from "./flat.ts";
import { widened } from "./halves.ts";
import { grid, launch } from "./launch.ts";
import {
  chooseBlock,
  chooseSplits,
  MATMUL_CLASSES,
  MATMUL_FAMILY,
  type MatmulSizes,
  SPLIT_FAMILY,
  SPLITS,
} from "./matmul_choice.ts";

/** A batch axis: its length, and the elements from one item to the next. */
export interface BatchAxis {
  count: number;
  a: number;
  b: number;
  /** 0 if the products along the axis are added up. */
  c: number;
}

/** `c = activation(op(a)·op(b) + bias) + residual`, for each item of a batch. */
export interface MatmulCall {
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
  /** Added to every row of the products, `[n]`. */
  bias?: Tensor | undefined;
  /** Applied to the products and their bias. */
  activation?: Activation | undefined;
  /** Added to the result. Same shape as `c`. */
  residual?: Tensor | undefined;
  /** Receives the argument of the activation. Same shape as `c`. */
  saved?: Tensor | undefined;
  /** Multiplies the result by an activation's derivative at `argument`. */
  derive?: { activation: Activation; argument: Tensor } | undefined;
  /** Whether to add to what `c` and the sums hold. Excludes the options above. */
  accumulate?: boolean;
  /**
   * Receives the sums along k of the rows of op(a), `[m]`, or of the columns of
   * op(b), `[n]`. Then the products of a batch must be added up, and `c` must have
   * elements.
   */
  sums?: { of: "a" | "b"; into: Tensor } | undefined;
}

/** WebGPU's limit on workgroups along an axis. */
const MAX_GROUPS = 65535;

/**
 * Records the dispatches that compute the products of a call. An operand that is
 * stored as f16 is widened for as long as they take.
 */
export function launchMatmul(given: MatmulCall): void {
  const [a, b] = [widened(given.a), widened(given.b)];
  launchWide(a === given.a && b === given.b ? given : { ...given, a, b });
  if (a !== given.a) a.dispose();
  if (b !== given.b) b.dispose();
}

function launchWide(given: MatmulCall): void {
  const call = foldBatch(given);
  const { c, batch } = call;
  if (c.size === 0) return;
  if (batch.some(({ count }) => count === 0)) {
    if (call.accumulate) return;
    fillInto(c, 0);
    if (call.sums) fillInto(call.sums.into, 0);
    return;
  }
  // One dispatch takes the items along one axis of the batch.
  const along = fits(call) ? batch.findLastIndex((axis) => axis.c !== 0) : -1;
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
      cutIntoParts(call, { ...z, count }, {
        a: at.a + start * z.a,
        b: at.b + start * z.b,
        c: at.c + start * z.c,
        fresh: at.fresh,
      });
    }
  }
}

/** Whether one binding can hold each of a, b and c. */
function fits({ a, b, c }: MatmulCall): boolean {
  return a.fitsBinding && b.fitsBinding && c.fitsBinding;
}

/** Turns a batch into more rows, or a sum of products into a longer sum. */
function foldBatch(call: MatmulCall): MatmulCall {
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

/** Where an item starts in each tensor, and whether it is the first to write c. */
interface ItemStart {
  a: number;
  b: number;
  c: number;
  /** Whether c holds nothing yet that the item must be added to. */
  fresh: boolean;
}

/** What one dispatch computes: a box of [m, n, k], for each of `z.count` items. */
interface Part {
  call: MatmulCall;
  z: BatchAxis;
  at: ItemStart;
  box: Box;
}

/** Cuts an item, or a row of items, into parts whose operands fit bindings. */
function cutIntoParts(call: MatmulCall, z: BatchAxis, at: ItemStart): void {
  const lengths = [call.m, call.n, call.k];
  const limits = limitsOf(call);
  const cut = lengths.some((length, axis) => length > (limits[axis] ?? 0));
  if (!cut) return launchPart({ call, z, at, box: wholeBox(lengths) });
  const choose = inOrder(...limits.map((step, axis) => ({ axis, step })));
  for (const box of boxes(lengths, choose)) launchPart({ call, z, at, box });
}

/** The most that one part may have of m, n and k. */
function limitsOf(call: MatmulCall): [m: number, n: number, k: number] {
  const { a, b, c, m, n, k, transposeA, transposeB } = call;
  const { device } = c;
  const limits: [number, number, number] = [
    m,
    n,
    Math.max(Math.min(k, 4 * device.maxTurns), 1),
  ];
  if (fits(call)) return limits;
  const limit = (axis: 0 | 1 | 2, x: Tensor, size: number) => {
    if (x.fitsBinding) return;
    if (Math.floor(elementsThatFit(device) / size) >= limits[axis]) return;
    limits[axis] = rowsThatFit(device, { action: "multiply", size, unit: 4 });
  };
  limit(0, c, n);
  limit(transposeA ? 2 : 0, a, transposeA ? m : k);
  limit(transposeB ? 1 : 2, b, transposeB ? k : n);
  return limits;
}

/** The operands of a part as its kernels see them. */
interface Operands {
  a: View;
  b: View;
  /** Elements from one row of a and of b, as stored, to the next. */
  lda: number;
  ldb: number;
}

function operandsOf({ call, at, box }: Part): Operands {
  const { a, b, transposeA, transposeB } = call;
  const lda = transposeA ? call.m : call.k;
  const ldb = transposeB ? call.k : call.n;
  return {
    a: viewOf({
      tensor: a,
      start: at.a,
      strides: transposeA ? [1, 0, lda] : [lda, 0, 1],
    }, box),
    b: viewOf({
      tensor: b,
      start: at.b,
      strides: transposeB ? [0, ldb, 1] : [0, 1, ldb],
    }, box),
    lda,
    ldb,
  };
}

function launchPart(part: Part): void {
  const { call, z, box } = part;
  const { device } = call.c;
  const [rows = 0, columns = 0, depth = 0] = box.count;
  const operands = operandsOf(part);
  const { a, b, lda, ldb } = operands;
  const epilogue = epilogueOf(part);
  const sizes = {
    m: rows,
    n: columns,
    k: depth,
    transposeB: call.transposeB,
    aligned: aligned(a.offset, lda, z.a, z.count) &&
      aligned(b.offset, ldb, z.b, z.count),
    count: z.count,
  };
  const whole = { ...sizes, m: call.m, n: call.n };
  const step = Math.ceil(depth / chooseSplits(device, whole) / 4) * 4;
  const splits = depth > 0 ? Math.ceil(depth / step) : 1;
  const room = device.maxBindingSize / 4;
  if (z.count > 1 || splits <= 1 || splits * rows * columns > room) {
    launchItems({ call, z, sizes, splits: 1, operands, epilogue });
  } else {
    launchSplit({ call, z, sizes, splits, operands, epilogue }, step);
  }
}

/** One dispatch of a kernel that multiplies. */
interface Items {
  call: MatmulCall;
  /** The items that the dispatch computes. */
  z: BatchAxis;
  sizes: MatmulSizes;
  /** The number of parts that the sum over k is split into. */
  splits: number;
  operands: Operands;
  epilogue: Epilogue;
  /** The length of the whole sum over k, if the items are parts of it. */
  total?: number;
}

/** Computes parts of a sum over k as if they were items, then adds them up. */
function launchSplit(whole: Items, step: number): void {
  const { call, sizes, splits, operands, epilogue } = whole;
  const { device } = call.c;
  const { m, n, k } = sizes;
  const { lda, ldb } = operands;
  const { form, sumsLength } = epilogue;
  const parts = allocate(device, [splits, m, n]);
  const sums = form.sums ? allocate(device, [splits, sumsLength]) : undefined;
  launchItems({
    ...whole,
    z: {
      count: splits,
      a: step * (call.transposeA ? lda : 1),
      b: step * (call.transposeB ? 1 : ldb),
      c: m * n,
    },
    sizes: { ...sizes, k: step },
    epilogue: {
      form: {
        ...PLAIN_EPILOGUE,
        vectorC: n % 4 === 0,
        sums: form.sums,
      },
      reads: [],
      writes: sums ? [parts, sums] : [parts],
      params: { M: m, N: n, ldc: n, offset_c: 0, bias_at: 0, sums_at: 0 },
      sumsLength,
    },
    total: k,
  });
  const kernel = splitKernel(form);
  launch(device, kernel, {
    bind: [
      parts,
      ...sums ? [sums] : [],
      ...epilogue.reads,
      ...epilogue.writes,
    ],
    params: { ...epilogue.params, parts: splits, sums_length: sumsLength },
    groups: grid(m * Math.ceil(n / 4) + sumsLength, kernel.workgroupSize),
  });
  parts.dispose();
  sums?.dispose();
}

/** What follows the sums of a part: what the kernel reads besides a and b, and writes. */
interface Epilogue {
  form: EpilogueForm;
  reads: (AnyTensor | Binding)[];
  writes: (AnyTensor | Binding)[];
  params: Readonly<Record<string, number>>;
  /** The number of sums along k that the part writes. */
  sumsLength: number;
}

function epilogueOf({ call, z, at, box }: Part): Epilogue {
  const { c, n, k, residual, saved, derive } = call;
  const [m0 = 0, n0 = 0, k0 = 0] = box.start;
  const [rows = 0, columns = 0, depth = 0] = box.count;
  const viewLikeC = (tensor: Tensor) =>
    viewOf({ tensor, start: at.c, strides: [n, 1, 0] }, box);
  const to = viewLikeC(c);
  const last = k0 + depth >= k;
  // Only the first part along the other axis writes the sums: later ones read the
  // same rows again.
  const sums = (call.sums?.of === "a" ? n0 : m0) === 0 ? call.sums : undefined;
  const reads: (AnyTensor | Binding)[] = [];
  if (last && call.bias) reads.push(call.bias);
  if (last && residual) reads.push(viewLikeC(residual).binding);
  if (last && derive) reads.push(viewLikeC(derive.argument).binding);
  const writes = [to.binding];
  if (last && saved) writes.push(viewLikeC(saved).binding);
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

function launchItems(
  { call, z, sizes, splits, operands, epilogue, total }: Items,
): void {
  const { c, transposeA, transposeB } = call;
  const { m, n, k } = sizes;
  const { a, b, lda, ldb } = operands;
  // By the rows and columns of the whole product, as is the number of splits:
  // its elements have the same bits then, wherever it is cut along them.
  const variant = chooseBlock(
    c.device,
    { ...sizes, m: call.m, n: call.n },
    splits,
  );
  const block: Block = BLOCKS[variant];
  const form: MatmulForm = {
    variant,
    transposeA,
    transposeB,
    vectorA: aligned(a.offset, lda, z.a, z.count),
    vectorB: aligned(b.offset, ldb, z.b, z.count),
    ragged: (total ?? k) % 4 !== 0,
    split: total !== undefined,
    ...epilogue.form,
  };
  if (block.kind === "direct") {
    // Reads both operands in the same way: as fast, and fewer kernels to compile.
    form.texels = form.vectorA = form.vectorB = sizes.aligned;
  }
  const width = block.kind === "skinny" ? skinnyColumns(transposeB) : block.n;
  const blocks = Math.ceil(n / width) * Math.ceil(m / block.m);
  const { reads, writes } = epilogue;
  const held = bindsHeld(form) ? writes.slice(0, 1) : [];
  const kernel = matmulKernel(form);
  launch(c.device, kernel, {
    bind: [a.binding, b.binding, ...reads, ...held, ...writes],
    params: {
      ...epilogue.params,
      K: k,
      total: total ?? k,
      lda,
      ldb,
      offset_a: a.offset,
      offset_b: b.offset,
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

defineVariants(MATMUL_FAMILY, Object.keys(BLOCKS), {
  classes: MATMUL_CLASSES,
  // On a CPU only direct blocks suit, which have no barriers, and small ones only
  // for small products. Direct blocks of many sums need more registers than GPUs
  // have.
  suits: (device, variant, [m = 1, n = 1]) => {
    const block = BLOCKS[variant as MatmulVariant];
    const direct = block.kind === "direct";
    const sums = block.m * block.n;
    return device.isSoftware
      ? direct && block.m <= 2 * m && (sums > 64 || m * n <= 2 ** 15)
      : !direct || sums <= 256;
  },
  run: (device, [rows = 1, n = 1, depth = 1]) => {
    // Less work, of the same shape class, is enough to measure a CPU.
    const m = device.isSoftware && rows > 128 ? rows * 9 / 16 : rows;
    const k = device.isSoftware ? Math.min(depth, 64) : depth;
    const a = allocate(device, [m, k]);
    const b = allocate(device, [n, k]);
    const c = allocate(device, [m, n]);
    fillInto(a, 1);
    fillInto(b, 1);
    return () =>
      launchMatmul({
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
