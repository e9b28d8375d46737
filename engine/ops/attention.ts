// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Scaled dot-product attention; kernels/attention*.ts hold the arithmetic.
// Longer than most files: a fifth is the interface's documentation, a quarter
// the checks of its arguments.

import type { Device } from "../device.ts";
import { type Kernel, specialize } from "../kernel.ts";
import {
  ATTENTION_ROWS_WORKGROUP,
  type AttentionForm,
  attentionRows,
  attentionWeights,
} from "../kernels/attention.ts";
import {
  ATTENTION_SERIAL_WORKGROUP,
  rowsEach,
  serialForward,
  serialKeys,
  serialQueries,
} from "../kernels/attention_serial.ts";
import {
  ATTENTION_TILE,
  tiledForward,
  tiledKeys,
  tiledQueries,
} from "../kernels/attention_tiled.ts";
import { grid, launch, part, type Window, windows } from "../launch.ts";
import type { RandomStream } from "../random.ts";
import { formatShape } from "../shape.ts";
import { record } from "../tape.ts";
import { allocate, type Tensor } from "../tensor.ts";
import { chooseVariant, defineVariants } from "../tune.ts";

defineVariants("attention", ["serial", "tiled"]);

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
   * Several texts one after the other in one batch row: for each token the
   * first and one-past-last token of its text, integers `[S, 2]`. A query sees
   * keys of its own text alone, and the work follows the texts' lengths, not
   * their sum. The batch must be 1, queries and keys equally many, and there
   * can be no mask.
   *
   * @default {none: a batch row is one text}
   */
  segments?: Tensor | undefined;
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
  params: Record<string, number>;
  /** The mask or the segments, and the integers of it for a batch row. */
  mask: Tensor | undefined;
  maskSize: number;
  tiled: boolean;
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
 * rule leaves no key gives 0.
 *
 * @param q Queries `[B, Sq, H·D]`, with `D ≤ 128`.
 * @param k Keys `[B, Sk, H·D]`.
 * @param v Values `[B, Sk, H·D]`.
 * @returns `[B, Sq, H·D]`
 * @throws {TypeError} If shapes or types do not fit.
 * @throws {RangeError} If `heads`, `window` or the dropout rate is out of range,
 * or there are more than some 60,000 tokens (15,000 with dropout) on a software
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
  if (y.size === 0) return y;
  const lse = forward(plan, q, k, v, y);
  const result = record(y, [q, k, v], (dy) => {
    const rows = allocate(device, [batch, heads, sq, 2]);
    const dq = q.requiresGrad ? allocate(device, q.shape) : undefined;
    const keys = k.requiresGrad || v.requiresGrad;
    const dk = keys ? allocate(device, k.shape) : undefined;
    const dv = keys ? allocate(device, v.shape) : undefined;
    for (const w of split(plan, q)) {
      const queries = (x: Tensor) => part(x, w, sq * width);
      const others = (x: Tensor) => part(x, w, plan.sk * width);
      const rowsPart = part(rows, w, heads * sq * 2);
      run(plan, w, rowsKernel, ATTENTION_ROWS_WORKGROUP, heads * sq, [
        queries(y),
        queries(dy),
        part(lse, w, heads * sq),
        rowsPart,
      ]);
      const inputs = [
        queries(q),
        others(k),
        others(v),
        maskPart(plan, w, q),
        queries(dy),
        rowsPart,
      ];
      if (dq) runBlocks(plan, w, "queries", [...inputs, queries(dq)]);
      if (dk && dv) {
        runBlocks(plan, w, "keys", [...inputs, others(dk), others(dv)]);
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
    run(plan, w, weightsKernel, ATTENTION_ROWS_WORKGROUP, heads * sq * sk, [
      part(q, w, sq * width),
      part(k, w, sk * width),
      maskPart(plan, w, q),
      part(lse, w, heads * sq),
      part(a, w, heads * sq * sk),
    ]);
  }
  y.dispose();
  lse.dispose();
  return a;
}

function forward(
  plan: Plan,
  q: Tensor,
  k: Tensor,
  v: Tensor,
  y: Tensor,
): Tensor {
  const { batch, sq, sk, heads, width } = plan;
  const lse = allocate(q.device, [batch, heads, sq]);
  for (const w of split(plan, q)) {
    runBlocks(plan, w, "forward", [
      part(q, w, sq * width),
      part(k, w, sk * width),
      part(v, w, sk * width),
      maskPart(plan, w, q),
      part(y, w, sq * width),
      part(lse, w, heads * sq),
    ]);
  }
  return lse;
}

function split(plan: Plan, x: Tensor): Window[] {
  const { batch, sq, sk, heads, width, maskSize } = plan;
  return windows(x.device, batch, [
    sq * width,
    sk * width,
    heads * sq * 2,
    maskSize,
  ]);
}

type Bindings = Parameters<typeof launch>[2]["bind"];

/** The mask or segments; without, something to bind in its place. */
function maskPart(plan: Plan, window: Window, stand: Tensor): Bindings[number] {
  return plan.mask
    ? part(plan.mask, window, plan.maskSize)
    : part(stand, window, plan.sq * plan.width);
}

const rowsKernel = { name: "rows", make: attentionRows };
const weightsKernel = { name: "weights", make: attentionWeights };

const made = new Map<string, Kernel>();

function kernelFor(
  { form }: Plan,
  name: string,
  make: (form: AttentionForm) => Kernel,
): Kernel {
  const key = `${name} ${form.depth} ${form.aligned}`;
  let kernel = made.get(key);
  if (!kernel) made.set(key, kernel = make(form));
  return kernel;
}

/** Runs a kernel of one invocation per item, `each` of them a batch row. */
function run(
  plan: Plan,
  window: Window,
  { name, make }: typeof rowsKernel,
  workgroup: number,
  each: number,
  bind: Bindings,
): void {
  const items = window.count * each;
  launch(plan.device, specialize(kernelFor(plan, name, make), plan.constants), {
    bind,
    params: { ...plan.params, batch: window.start, items },
    groups: grid(items, workgroup),
  });
}

const TILED = {
  forward: tiledForward,
  queries: tiledQueries,
  keys: tiledKeys,
} as const;

const SERIAL = {
  forward: serialForward,
  queries: serialQueries,
  keys: serialKeys,
} as const;

/** Runs a kernel whose items are blocks of the rows of a head. */
function runBlocks(
  plan: Plan,
  window: Window,
  step: keyof typeof TILED,
  bind: Bindings,
): void {
  const rows = step === "keys" ? plan.sk : plan.sq;
  if (plan.tiled) {
    const each = plan.heads * Math.ceil(rows / ATTENTION_TILE);
    run(
      plan,
      window,
      { name: `tiled ${step}`, make: TILED[step] },
      1,
      each,
      bind,
    );
    return;
  }
  const { batch, sq, sk, width, form } = plan;
  const size = rowsEach({
    depth: form.depth,
    rows,
    products: batch * sq * sk * width,
    backward: step !== "forward",
  });
  const each = plan.heads * Math.ceil(rows / size);
  run(
    plan,
    window,
    {
      name: `serial ${step} ${size}`,
      make: (form) => SERIAL[step](form, size),
    },
    ATTENTION_SERIAL_WORKGROUP,
    each,
    bind,
  );
}

function planFor(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  options: AttentionOptions,
): Plan {
  const { heads, mask, segments, causal = false, window, dropout } = options;
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
  if (v.shape[1] !== sk || (sk === 0 && q.size > 0)) {
    throw new TypeError(
      `Cannot attend with ${shapes}: keys and values must be equally many, ` +
        "and at least one",
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
  if (segments) checkSegments(segments, mask, shapes, batch, sq, sk);
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
  checkTurns(q.device, segments ? 0 : Math.max(sq, sk), window, rate);
  const { scale = 1 / Math.sqrt(depth) } = options;
  const { key = [0, 0], stream = [0, 0] } = dropout?.stream ?? {};
  const variant = chooseVariant(
    q.device,
    "attention",
    "all",
    () => q.device.isSoftware ? "serial" : "tiled",
  );
  return {
    device: q.device,
    form: { depth, aligned: depth % 4 === 0 },
    batch,
    sq,
    sk,
    heads,
    width,
    mask: segments ?? mask,
    maskSize: segments ? sk * 2 : sk,
    tiled: variant === "tiled",
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
      offset: causal ? sk - sq : 0,
      // Beyond every distance, so that sums with indices stay in range.
      window: Math.min(window ?? 0, 2 ** 29),
      scale,
      scale2: scale * Math.LOG2E,
      threshold: Math.ceil(rate * 2 ** 24),
      keep: 1 / (1 - rate),
      key0: key[0],
      key1: key[1],
      stream0: stream[0],
      stream1: stream[1],
    },
  };
}

/** Throws where a driver would leave a kernel's loop before its end. */
function checkTurns(
  device: Device,
  length: number,
  window = Infinity,
  rate = 0,
): void {
  // Dropout draws in loops of its own: up to three turns a row.
  const turns = Math.min(length, 2 * window + 16) * (rate > 0 ? 4 : 1);
  if (turns <= device.maxTurns) return;
  throw new RangeError(
    `Cannot attend over ${length} tokens${rate > 0 ? " with dropout" : ""}: ` +
      "the software adapter's loops end too early, expected a window or a GPU",
  );
}

function checkSegments(
  segments: Tensor,
  mask: Tensor | undefined,
  shapes: string,
  batch: number,
  sq: number,
  sk: number,
): void {
  if (batch !== 1 || sq !== sk || mask) {
    throw new TypeError(
      `Cannot attend in segments with ${shapes}${
        mask ? " and a mask" : ""
      }: expected a batch of 1, as many queries as keys, and no mask`,
    );
  }
  const [rows, columns] = segments.shape;
  if (
    segments.shape.length !== 2 || rows !== sk || columns !== 2 ||
    segments.dtype === "f32"
  ) {
    throw new TypeError(
      `Cannot attend in segments ${segments.dtype} ${
        formatShape(segments.shape)
      }: expected integers [${sk}, 2]`,
    );
  }
}
