// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Scaled dot-product attention. attention_options.ts checks the arguments,
// attention_plan.ts works out what the kernels need, and kernels/attention*.ts hold
// the arithmetic. Forward keeps for each query the logarithm of its sum of
// exponentials (`lse`), from which backward computes the probabilities again.

import { type Kernel, specialize } from "../gpu/kernel.ts";
import { attentionRows, attentionWeights } from "../kernels/attention.ts";
import {
  ATTENTION_VARIANTS,
  type AttentionStep,
  BACKWARD_VARIANTS,
  blockKernel,
} from "../kernels/attention_blocks.ts";
import { grid, launch, part, type Window, windows } from "../launch/launch.ts";
import { record } from "../tape.ts";
import { allocate, type Tensor } from "../tensor.ts";
import { chooseVariant, defineVariants } from "../tuning/choice.ts";
import { fillInto } from "../launch/flat.ts";
import type { AttentionOptions } from "./attention_options.ts";
import { type AttentionPlan, planFor } from "./attention_plan.ts";

export type {
  AttentionDropout,
  AttentionOptions,
} from "./attention_options.ts";

// engine/trials.ts says how these variants are measured.
defineVariants("attention", ATTENTION_VARIANTS);
defineVariants("attention_backward", BACKWARD_VARIANTS);

/**
 * Multi-head scaled dot-product attention:
 * `y = softmax(scale · q kᵀ + mask) v` for each head.
 *
 * The columns of `q`, `k` and `v` hold one head after the other, as linear layers
 * give them. The `[Sq, Sk]` scores are never stored, forward or backward; a causal
 * or sliding window rule also limits the work, to `O(Sq · window)`. A query whose
 * keys are all masked attends to them evenly, as with Hugging Face's additive masks
 * (over the keys that the causal or window rule leaves); a query to which that
 * rule leaves no key gives 0, as do all queries where there is no key.
 *
 * @param q Queries `[B, Sq, H·D]`, with `D ≤ 128`.
 * @param k Keys `[B, Sk, H·D]`.
 * @param v Values `[B, Sk, H·D]`.
 * @param options The number of heads, which keys a query sees, the scale and
 * dropout.
 * @returns A tensor `[B, Sq, H·D]`.
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
  // Only backward reads them: without it, they need not stay until the scope ends.
  if (!result.requiresGrad) lse.dispose();
  return result;
}

/**
 * The probabilities that {@linkcode attention} multiplies `v` by, before
 * dropout: for inspection, without a derivative.
 *
 * @param q Queries `[B, Sq, H·D]`, with `D ≤ 128`.
 * @param k Keys `[B, Sk, H·D]`.
 * @param options The number of heads, which keys a query sees, and the scale.
 * @returns A tensor `[B, H, Sq, Sk]`.
 * @throws {TypeError} If shapes or types do not fit.
 * @throws {RangeError} If `heads` or `window` is out of range.
 *
 * @example Usage
 * ```ts
 * import {
 *   attentionProbabilities,
 *   initialize,
 *   tensor,
 * } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const q = tensor([[[1, 0], [0, 1]]]);
 * const a = attentionProbabilities(q, q, { heads: 1, causal: true });
 * assertEquals(a.shape, [1, 1, 2, 2]);
 * assertEquals([...await a.data()].slice(0, 2), [1, 0]); // sees itself alone
 * ```
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

/** The gradient of an operand where there is no query, key or column. */
function zerosLike(x: Tensor): Tensor | undefined {
  if (!x.requiresGrad) return undefined;
  const zeros = allocate(x.device, x.shape);
  fillInto(zeros, 0);
  return zeros;
}

/** Computes `y`, and returns `lse` `[B, H, Sq, 2]`. */
function forward(
  plan: AttentionPlan,
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

/** The stretches of the batch whose operands each fit a binding. */
function split(plan: AttentionPlan, x: Tensor): Window[] {
  const { batch, sq, sk, heads, width, maskSize } = plan;
  return windows(x.device, batch, [
    sq * width,
    sk * width,
    heads * sq * 4,
    maskSize,
  ]);
}

type Bindings = Parameters<typeof launch>[2]["bind"];

/** The part of the mask or segments, or another tensor to bind in its place. */
function maskPart(
  plan: AttentionPlan,
  window: Window,
  placeholder: Tensor,
  step: AttentionStep = "forward",
): Bindings[number] {
  const mask = step === "keys" ? plan.keysMask : plan.mask;
  return mask
    ? part(mask, window, mask.size / plan.batch)
    : part(placeholder, window, plan.sq * plan.width);
}

/** Runs a kernel with one invocation an item and `each` items a batch row. */
function run(
  plan: AttentionPlan,
  window: Window,
  kernel: Kernel,
  each: number,
  bind: Bindings,
): void {
  launchItems(plan, window, kernel, kernel.workgroupSize, each, bind);
}

/** Runs a kernel whose items are blocks of the rows of a head. */
function runBlocks(
  plan: AttentionPlan,
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
    variant: chooseVariant(device, family, shapeClass, () => fallback(step)),
    rows,
    memory: device.workgroupMemory,
  });
  const each = plan.heads * Math.ceil(rows / block.rows);
  launchItems(plan, window, block.kernel, block.items, each, bind);
}

function launchItems(
  plan: AttentionPlan,
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
