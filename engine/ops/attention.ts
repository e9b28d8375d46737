// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Scaled dot-product attention; kernels/attention*.ts hold the arithmetic.
// Longer than most files: a fifth is the interface's documentation, a quarter
// the checks of its arguments.

import type { Device } from "../gpu/device.ts";
import { type Kernel, specialize } from "../gpu/kernel.ts";
import {
  type AttentionForm,
  attentionRows,
  type AttentionRule,
  attentionWeights,
  mostRows,
} from "../kernels/attention.ts";
import {
  ATTENTION_VARIANTS,
  type AttentionStep,
  blockKernel,
} from "../kernels/attention_blocks.ts";
import { rowsEach, serialTurns } from "../kernels/attention_serial.ts";
import { grid, launch, part, type Window, windows } from "../launch/launch.ts";
import type { Param } from "../gpu/observer.ts";
import { type RandomStream, streamParams } from "../random.ts";
import { formatShape } from "../shape.ts";
import { record } from "../tape.ts";
import { allocate, type Tensor } from "../tensor.ts";
import { chooseVariant, defineVariants } from "../tuning/choice.ts";
import { fillInto } from "../launch/flat.ts";

// How they are measured stands in tuning/trials.ts.
defineVariants("attention", ATTENTION_VARIANTS);
defineVariants("attention_backward", ATTENTION_VARIANTS.slice(0, -1));

/** Dropout of attention's probabilities. */
export interface AttentionDropout {
  /** The share of probabilities to drop, in [0, 1). */
  rate: number;
  /** Where the choice comes from; see `Generator.next`. */
  stream: RandomStream;
}

/** Options of {@linkcode attention}. */
export interface AttentionOptions {
  /** The number of heads; columns `h·D` to `h·D + D` belong to head `h`. */
  heads: number;
  /**
   * Which keys may be seen: integers of shape `[B, Sk]`, 0 for padding, in any
   * pattern.
   *
   * @default {all}
   */
  mask?: Tensor | undefined;
  /**
   * Several texts one after the other in one batch row: for each query the
   * first and one-past-last key that it sees, integers `[Sq, 2]`, neither ever
   * less than the row before's. A query that sees none gives 0. The work follows
   * the texts' lengths, not their sum. The batch must be 1, and there can be no
   * mask.
   *
   * @default {none: a batch row is one text}
   */
  segments?: Tensor | undefined;
  /**
   * With `segments`, the same for keys: the first and one-past-last query that
   * sees each, integers `[Sk, 2]`. Needed where queries and keys are not equally
   * many; without a causal or window rule.
   *
   * @default {segments: queries and keys are the same tokens}
   */
  segmentsOfKeys?: Tensor | undefined;
  /**
   * Whether query `i` sees only keys `j ≤ i + Sk - Sq`.
   *
   * @default {false}
   */
  causal?: boolean;
  /**
   * Only keys within this distance of the query are seen: `|i - j| ≤ window`,
   * with `i + Sk - Sq` in place of `i` where `causal` is set.
   *
   * @default {no limit}
   */
  window?: number;
  /**
   * The factor of the products `q·k`.
   *
   * @default {1 / √D}
   */
  scale?: number;
  /**
   * Dropout of the probabilities.
   *
   * @default {none}
   */
  dropout?: AttentionDropout;
}

/** Workgroups of 64 rows from which on a GPU has enough to do with them. */
const ENOUGH = 512;

const NO_STREAM: RandomStream = { key: [0, 0], stream: [0, 0] };

/** One call: sizes, kernels' constants and parameters. */
interface Plan {
  device: Device;
  form: AttentionForm;
  batch: number;
  sq: number;
  sk: number;
  heads: number;
  width: number;
  constants: Record<string, number>;
  params: Record<string, Param>;
  /** The mask or the segments, and the integers of it for a batch row. */
  mask: Tensor | undefined;
  maskSize: number;
  /** What stands in the mask's place where keys are the rows owned. */
  keysMask: Tensor | undefined;
  /** The class of shapes, and the variants that a user has not pinned. */
  shapeClass: string;
  fallback: () => string;
}

/**
 * Multi-head scaled dot-product attention:
 * `y = softmax(scale · q kᵀ + mask) v` for each head.
 *
 * Heads are columns of `q`, `k` and `v`, as linear layers give them. The
 * `[Sq, Sk]` scores are never stored, forward or backward; a causal or sliding
 * window rule also limits the work, to `O(Sq · window)`. A query whose keys are
 * all masked attends to them evenly, as Hugging Face's additive masks make it
 * (over the keys that the causal or window rule leaves); a query to which that
 * rule leaves no key gives 0, as do all queries where there is no key.
 *
 * @param q Queries `[B, Sq, H·D]`, with `D ≤ 128`.
 * @param k Keys `[B, Sk, H·D]`.
 * @param v Values `[B, Sk, H·D]`.
 * @returns `[B, Sq, H·D]`
 * @throws {TypeError} If shapes or types do not fit.
 * @throws {RangeError} If `heads`, `window` or the dropout rate is out of range,
 * or there are more than some 60,000 tokens (10,000 with dropout) on a software
 * adapter.
 *
 * @example Usage
 * ```ts
 * import { attention, initialize, tensor } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const q = tensor([[[1, 0], [0, 1]]]); // one batch row, two queries, D = 2
 * const v = tensor([[[1, 2], [3, 4]]]);
 * const y = attention(q, q, v, { heads: 1, causal: true });
 * assertEquals([...await y.data()].slice(0, 2), [1, 2]);
 * ```
 */
export function attention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  options: AttentionOptions,
): Tensor {
  const plan = planFor(q, k, v, options);
  const { batch, sq, heads, width } = plan;
  const { device } = q;
  const y = allocate(device, [batch, sq, width]);
  if (y.size === 0 || plan.sk === 0) {
    fillInto(y, 0);
    return record(y, [q, k, v], () => [q, k, v].map(zerosLike));
  }
  const lse = forward(plan, q, k, v, y);
  const result = record(y, [q, k, v], (dy) => {
    const rows = allocate(device, [batch, heads, sq, 4]);
    const dq = q.requiresGrad ? allocate(device, q.shape) : undefined;
    const keys = k.requiresGrad || v.requiresGrad;
    const dk = keys ? allocate(device, k.shape) : undefined;
    const dv = keys ? allocate(device, v.shape) : undefined;
    for (const w of split(plan, q)) {
      const queries = (x: Tensor) => part(x, w, sq * width);
      const others = (x: Tensor) => part(x, w, plan.sk * width);
      const rowsPart = part(rows, w, heads * sq * 4);
      run(plan, w, attentionRows(plan.form), heads * sq, [
        queries(y),
        queries(dy),
        part(lse, w, heads * sq * 2),
        rowsPart,
      ]);
      const inputs = (step: AttentionStep) => [
        queries(q),
        others(k),
        others(v),
        maskPart(plan, w, q, step),
        queries(dy),
        rowsPart,
      ];
      if (dq) {
        runBlocks(plan, w, "queries", [...inputs("queries"), queries(dq)]);
      }
      if (dk && dv) {
        runBlocks(plan, w, "keys", [...inputs("keys"), others(dk), others(dv)]);
      }
    }
    return [dq, dk, dv];
  });
  // Backward is what reads the sums: without it they need not wait for the scope.
  if (!result.requiresGrad) lse.dispose();
  return result;
}

/**
 * The probabilities that {@linkcode attention} multiplies `v` by, before
 * dropout, `[B, H, Sq, Sk]`: for inspection, without a derivative.
 *
 * @throws {TypeError} If shapes or types do not fit.
 * @throws {RangeError} If `heads` or `window` is out of range.
 */
export function attentionProbabilities(
  q: Tensor,
  k: Tensor,
  options: Omit<AttentionOptions, "dropout">,
): Tensor {
  const plan = planFor(q, k, k, options);
  const { batch, sq, sk, heads, width } = plan;
  const { device } = q;
  const a = allocate(device, [batch, heads, sq, sk]);
  if (a.size === 0) return a;
  const y = allocate(device, [batch, sq, width]);
  const lse = forward(plan, q, k, k, y);
  for (const w of windows(device, batch, [heads * sq * sk, sk * width])) {
    run(plan, w, attentionWeights(plan.form), heads * sq * sk, [
      part(q, w, sq * width),
      part(k, w, sk * width),
      maskPart(plan, w, q),
      part(lse, w, heads * sq * 2),
      part(a, w, heads * sq * sk),
    ]);
  }
  y.dispose();
  lse.dispose();
  return a;
}

/** The gradient where there was no query, key or column. */
function zerosLike(x: Tensor): Tensor | undefined {
  if (!x.requiresGrad) return undefined;
  const zeros = allocate(x.device, x.shape);
  fillInto(zeros, 0);
  return zeros;
}

function forward(
  plan: Plan,
  q: Tensor,
  k: Tensor,
  v: Tensor,
  y: Tensor,
): Tensor {
  const { batch, sq, sk, heads, width } = plan;
  const lse = allocate(q.device, [batch, heads, sq, 2]);
  for (const w of split(plan, q)) {
    runBlocks(plan, w, "forward", [
      part(q, w, sq * width),
      part(k, w, sk * width),
      part(v, w, sk * width),
      maskPart(plan, w, q),
      part(y, w, sq * width),
      part(lse, w, heads * sq * 2),
    ]);
  }
  return lse;
}

function split(plan: Plan, x: Tensor): Window[] {
  const { batch, sq, sk, heads, width, maskSize } = plan;
  return windows(x.device, batch, [
    sq * width,
    sk * width,
    heads * sq * 4,
    maskSize,
  ]);
}

type Bindings = Parameters<typeof launch>[2]["bind"];

/** The mask or segments; without, something to bind in its place. */
function maskPart(
  plan: Plan,
  window: Window,
  stand: Tensor,
  step: AttentionStep = "forward",
): Bindings[number] {
  const mask = step === "keys" ? plan.keysMask : plan.mask;
  return mask
    ? part(mask, window, mask.size / plan.batch)
    : part(stand, window, plan.sq * plan.width);
}

/** Runs a kernel of one invocation per item, `each` of them a batch row. */
function run(
  plan: Plan,
  window: Window,
  kernel: Kernel,
  each: number,
  bind: Bindings,
): void {
  launchItems(plan, window, kernel, kernel.workgroupSize, each, bind);
}

/** Runs a kernel whose items are blocks of the rows of a head. */
function runBlocks(
  plan: Plan,
  window: Window,
  step: AttentionStep,
  bind: Bindings,
): void {
  const { device, form, shapeClass, fallback } = plan;
  const rows = step === "keys" ? plan.sk : plan.sq;
  const family = step === "forward" ? "attention" : "attention_backward";
  const block = blockKernel({
    form,
    step,
    variant: chooseVariant(device, family, shapeClass, fallback),
    rows,
    memory: device.gpu.limits.maxComputeWorkgroupStorageSize,
  });
  const each = plan.heads * Math.ceil(rows / block.rows);
  launchItems(plan, window, block.kernel, block.items, each, bind);
}

function launchItems(
  plan: Plan,
  window: Window,
  kernel: Kernel,
  workgroup: number,
  each: number,
  bind: Bindings,
): void {
  const items = window.count * each;
  launch(plan.device, specialize(kernel, plan.constants), {
    bind,
    params: { ...plan.params, batch: window.start, items },
    groups: grid(items, workgroup),
  });
}

function planFor(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  options: AttentionOptions,
): Plan {
  const { heads, mask, segments, causal = false, window, dropout } = options;
  const { segmentsOfKeys = segments } = options;
  const [batch = 0, sq = 0, width = 0] = q.shape;
  const [, sk = 0] = k.shape;
  const shapes = `${formatShape(q.shape)}, ${formatShape(k.shape)} and ${
    formatShape(v.shape)
  }`;
  for (const x of [q, k, v]) {
    if (x.shape.length !== 3 || x.shape[0] !== batch || x.shape[2] !== width) {
      throw new TypeError(
        `Cannot attend with ${shapes}: expected [B, Sq, H·D] and twice [B, Sk, H·D]`,
      );
    }
    if (x.dtype !== "f32") {
      throw new TypeError(
        `Cannot attend with a tensor of ${x.dtype}: cast() it to f32`,
      );
    }
  }
  if (v.shape[1] !== sk) {
    throw new TypeError(
      `Cannot attend with ${shapes}: keys and values must be equally many`,
    );
  }
  const depth = width / heads;
  if (!Number.isInteger(heads) || heads < 1 || !Number.isInteger(depth)) {
    throw new RangeError(
      `Cannot attend with ${heads} heads: they must divide the ${width} columns`,
    );
  }
  if (depth > 128) {
    throw new RangeError(
      `Cannot attend with ${depth} columns a head: 128 is the limit`,
    );
  }
  if (mask) {
    const [rows, columns] = mask.shape;
    if (mask.shape.length !== 2 || rows !== batch || columns !== sk) {
      throw new TypeError(
        `Cannot mask ${sk} keys in ${batch} rows by ${
          formatShape(mask.shape)
        }: expected [${batch}, ${sk}]`,
      );
    }
    if (mask.dtype === "f32") {
      throw new TypeError(
        "Cannot mask by a tensor of f32: cast() it to i32, 1 for keys to keep",
      );
    }
  }
  checkSegments(options, shapes, [batch, sq, sk]);
  if (window !== undefined && !(Number.isInteger(window) && window >= 0)) {
    throw new RangeError(
      `Cannot attend within a window of ${window}: it must be a whole number`,
    );
  }
  const rate = dropout?.rate ?? 0;
  if (!(rate >= 0 && rate < 1)) {
    throw new RangeError(
      `Cannot drop a share of ${rate}: it must be at least 0 and below 1`,
    );
  }
  const offset = causal ? sk - sq : 0;
  const form: AttentionForm = {
    depth,
    aligned: depth % 4 === 0,
    texels: depth % 4 === 0 && q.device.isSoftware,
  };
  if (!segments) {
    checkTurns(q.device, form, { sq, sk, offset, causal, window }, rate > 0);
  }
  const { scale = 1 / Math.sqrt(depth) } = options;
  return {
    device: q.device,
    form,
    batch,
    sq,
    sk,
    heads,
    width,
    mask: segments ?? mask,
    maskSize: segments ? Math.max(sq, sk) * 2 : sk,
    keysMask: segmentsOfKeys ?? mask,
    shapeClass: `${depth <= 64 ? 64 : 128}_${
      Math.max(sq, sk) <= 256 ? "short" : "long"
    }`,
    fallback: () =>
      q.device.isSoftware
        ? "serial"
        : batch * heads * Math.ceil(Math.min(sq, sk) / 64) >= ENOUGH
        ? "tiled64"
        : "tiled32",
    constants: {
      MASK: segments ? 2 : mask ? 1 : 0,
      CAUSAL: causal ? 1 : 0,
      WINDOW: window === undefined ? 0 : 1,
      DROPOUT: rate > 0 ? 1 : 0,
    },
    params: {
      sq,
      sk,
      heads,
      offset,
      // Beyond every distance, so that sums with indices stay in range.
      window: Math.min(window ?? 0, 2 ** 29),
      scale,
      scale2: scale * Math.LOG2E,
      threshold: Math.ceil(rate * 2 ** 24),
      keep: 1 / (1 - rate),
      ...streamParams(dropout?.stream ?? NO_STREAM),
    },
  };
}

/** Throws where a driver would leave a kernel's loops before their end. */
function checkTurns(
  device: Device,
  form: AttentionForm,
  rule: AttentionRule,
  dropout: boolean,
): void {
  // An invocation owns no more rows than these, of queries or of keys.
  const rows = isFinite(device.maxTurns)
    ? rowsEach({ form, rows: Infinity, wide: true, backward: false })
    : 1;
  const met = Math.max(
    mostRows(rule, rows, "queries"),
    mostRows(rule, rows, "keys"),
  );
  if (met * serialTurns(rows, dropout) + 4 * rows <= device.maxTurns) return;
  throw new RangeError(
    `Cannot attend over ${Math.max(rule.sq, rule.sk)} tokens${
      dropout ? " with dropout" : ""
    }: the software adapter's loops end too early, expected a window or a GPU`,
  );
}

/** Throws where the tables of texts that share a row do not fit. */
function checkSegments(
  { mask, segments, segmentsOfKeys, causal, window }: AttentionOptions,
  shapes: string,
  [batch, sq, sk]: readonly [batch: number, sq: number, sk: number],
): void {
  if (!segments && !segmentsOfKeys) return;
  if (!segments || batch !== 1 || mask || (sq !== sk && !segmentsOfKeys)) {
    throw new TypeError(
      `Cannot attend in segments with ${shapes}${
        mask ? " and a mask" : ""
      }: expected a batch of 1, no mask, segments, and segmentsOfKeys where ` +
        "queries and keys differ in number",
    );
  }
  if (segmentsOfKeys && (causal || window !== undefined)) {
    throw new TypeError(
      "Cannot attend in segmentsOfKeys with a causal or window rule: " +
        "queries and keys would have to be the same tokens",
    );
  }
  const tables = [[segments, sq], [segmentsOfKeys ?? segments, sk]] as const;
  for (const [table, length] of tables) {
    const { shape, dtype } = table;
    if (
      shape.length !== 2 || shape[0] !== length || shape[1] !== 2 ||
      dtype === "f32"
    ) {
      throw new TypeError(
        `Cannot attend in segments ${dtype} ${
          formatShape(shape)
        }: expected integers [${length}, 2]`,
      );
    }
  }
}
