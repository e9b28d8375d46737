// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Cross-entropy and its derivative; kernels/cross_entropy.ts holds the arithmetic.

import type { Binding } from "../gpu/block.ts";
import { specialize } from "../gpu/kernel.ts";
import { checkIntegers } from "../integer_range.ts";
import {
  BACKWARD_FOURS,
  BACKWARD_RUN,
  CROSS_ENTROPY_BACKWARD,
  CROSS_ENTROPY_BACKWARD_TEXELS,
  CROSS_ENTROPY_FINISH,
  CROSS_ENTROPY_SERIAL,
  CROSS_ENTROPY_TEXELS,
  CROSS_ENTROPY_WORKGROUP,
} from "../kernels/cross_entropy.ts";
import { ROW_VARIANTS, type RowForm } from "../kernels/rows.ts";
import { copyStrided } from "../launch/copy.ts";
import { grid, launch, part, type Window } from "../launch/launch.ts";
import { reduceAxes } from "../launch/reduction.ts";
import { rowForm, rowWindows } from "../launch/rows.ts";
import { formatShape, sameShape } from "../shape.ts";
import { record } from "../tape.ts";
import { allocate, type AnyTensor, type Tensor } from "../tensor.ts";
import { defineVariants } from "../tuning/choice.ts";
import { checkReduction, type LossReduction } from "./loss_reduction.ts";
import { requireFloat } from "./require_float.ts";

defineVariants("cross_entropy", ROW_VARIANTS);

const FORWARDS = {
  serial: CROSS_ENTROPY_SERIAL,
  texels: CROSS_ENTROPY_TEXELS,
  workgroup: CROSS_ENTROPY_WORKGROUP,
} as const;

/** Options of {@linkcode crossEntropy}. */
export interface CrossEntropyOptions {
  /**
   * Rows of this class are ignored: their loss and their gradient are 0.
   *
   * @default {-100}
   */
  ignoreIndex?: number;
  /**
   * The share ε of the target that is spread evenly over all classes, between 0
   * and 1.
   *
   * @default {0}
   */
  labelSmoothing?: number;
  /**
   * How the losses of the rows become the result. `"mean"` divides their sum by the
   * number of rows that are not ignored, or by the sum of their classes' weights.
   *
   * @default {"mean"}
   */
  reduction?: LossReduction;
  /**
   * A factor for every class, `[C]`.
   *
   * @default {ones}
   */
  weight?: Tensor;
}

/**
 * Computes the cross-entropy of logits with class indices or with distributions:
 * `-Σ_c w_c q_c log softmax(z)_c`, where `q = (1 - ε) t + ε / C`.
 *
 * The rules are PyTorch's. With `"mean"` the divisor is the sum of the weights of
 * the rows' classes (for distributions, the number of rows), which the GPU adds up.
 * If every row is ignored, the mean is NaN. A class outside `[0, C)` that is not
 * ignored throws if the host wrote it, and gives NaN if the GPU computed it.
 * Distributions and weights get no gradient.
 *
 * @param logits `[…, C]`, of f32.
 * @param target Classes `[…]` of i32 or u32, or distributions `[…, C]` of f32.
 * @param options Ignored class, smoothing, reduction and class weights.
 * @returns A scalar, or `[…]` with the reduction `"none"`.
 * @throws {TypeError} If the shapes do not fit together, or the logits or weights
 * are not of f32.
 * @throws {RangeError} If the host wrote a class outside `[0, C)` that is not
 * ignored, the smoothing is not between 0 and 1, the ignored class is not a 32-bit
 * integer, or the reduction is unknown.
 *
 * @example Usage
 * ```ts
 * import { crossEntropy, initialize, tensor } from "@swagpu/swagpu/engine";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * await initialize();
 * const logits = tensor([[0, 0], [0, Math.log(3)]]);
 * const target = tensor([0, 1], { dtype: "i32" });
 * const loss = crossEntropy(logits, target);
 * assertAlmostEquals(await loss.item(), (Math.log(2) + Math.log(4 / 3)) / 2, 1e-6);
 * ```
 */
export function crossEntropy(
  logits: Tensor,
  target: AnyTensor,
  options: CrossEntropyOptions = {},
): Tensor {
  const { reduction = "mean" } = options;
  const call = callOf(logits, target, options);
  const { device } = logits;
  const stats = forward(call);
  const totals = reduceAxes(stats, [true, false], [4], "sum");
  const perRow = reduction === "none";
  const mean = reduction === "mean" ? 1 : 0;
  const y = allocate(device, perRow ? logits.shape.slice(0, -1) : []);
  if (perRow) {
    const losses = { offset: 0, strides: [4] };
    const target = { offset: 0, strides: [1] };
    copyStrided(stats, y, [call.rows], losses, target);
  } else {
    launch(device, CROSS_ENTROPY_FINISH, {
      bind: [totals, y],
      params: { mean },
      groups: [1],
    });
  }
  record(y, [logits], (dy) => [
    backward(call, { stats, totals, dy, perRow: perRow ? 1 : 0, mean }),
  ]);
  if (!y.requiresGrad) {
    stats.dispose();
    totals.dispose();
  }
  return y;
}

/** A checked call, with what its kernels have in common. */
interface Call {
  logits: Tensor;
  target: AnyTensor;
  weight: Tensor | undefined;
  rows: number;
  classes: number;
  /** The number of elements of the target that belong to a row. */
  labels: number;
  constants: Readonly<Record<string, number>>;
  params: Readonly<Record<string, number>>;
  variant: RowForm["variant"];
  windows: readonly Window[];
}

function callOf(
  logits: Tensor,
  target: AnyTensor,
  options: CrossEntropyOptions,
): Call {
  const { ignoreIndex = -100, labelSmoothing = 0, weight } = options;
  const soft = target.dtype === "f32";
  const classes = checkCrossEntropy(logits, target, options);
  const { device } = logits;
  const rows = logits.size / classes;
  const narrow = classes < 32;
  // The serial kernels read a row by fours to find its largest logit, then again
  // for the sums: one by one if there are weights.
  const single = soft || weight !== undefined || labelSmoothing > 0;
  const form = rowForm(device, "cross_entropy", {
    n: classes,
    rows,
    vectors: !soft && !weight,
    turns: classes / 4 + (single ? classes + classes / 64 : classes / 4) + 6,
    shapeClass: narrow ? "narrow" : "wide",
    narrow,
    walk: true,
  });
  return {
    logits,
    target,
    weight,
    rows,
    classes,
    labels: soft ? classes : 1,
    constants: { SOFT: soft ? 1 : 0, WEIGHTED: weight ? 1 : 0 },
    params: { classes, ignore: ignoreIndex, smoothing: labelSmoothing },
    variant: form.variant,
    windows: rowWindows(device, form, rows, [classes, 4]),
  };
}

/** Computes four numbers for each row; see kernels/cross_entropy.ts. */
function forward(call: Call): Tensor {
  const { logits, variant } = call;
  const { device } = logits;
  const stats = allocate(device, [call.rows, 4]);
  const kernel = specialize(FORWARDS[variant], call.constants);
  for (const window of call.windows) {
    launch(device, kernel, {
      bind: [...inputsOf(call, window), part(stats, window, 4)],
      params: { ...call.params, rows: window.count },
      groups: grid(
        window.count,
        variant === "workgroup" ? 1 : kernel.workgroupSize,
      ),
    });
  }
  return stats;
}

/** What the derivative reads besides the call. */
interface Saved {
  /** Four numbers for each row, and their sums over all rows. */
  stats: Tensor;
  totals: Tensor;
  dy: Tensor;
  /** 1 if dy has an element for each row, 0 if it is a scalar. */
  perRow: 0 | 1;
  /** 1 if the result is a mean, 0 if not. */
  mean: 0 | 1;
}

/** Computes the gradient of the logits. */
function backward(
  call: Call,
  { stats, totals, dy, perRow, mean }: Saved,
): Tensor {
  const { logits, classes } = call;
  const { device } = logits;
  const dlogits = allocate(device, logits.shape);
  const texels = call.variant === "texels";
  const kernel = specialize(
    texels ? CROSS_ENTROPY_BACKWARD_TEXELS : CROSS_ENTROPY_BACKWARD,
    call.constants,
  );
  for (const window of call.windows) {
    launch(device, kernel, {
      bind: [
        ...inputsOf(call, window),
        part(stats, window, 4),
        totals,
        dy,
        part(dlogits, window, classes),
      ],
      params: {
        ...call.params,
        rows: window.count,
        per_row: perRow,
        mean,
        first: window.start,
      },
      groups: texels
        ? grid(
          window.count *
            Math.ceil((Math.floor(classes / 4) + 2) / BACKWARD_FOURS),
          kernel.workgroupSize,
        )
        : grid(
          window.count * Math.ceil(classes / BACKWARD_RUN),
          kernel.workgroupSize,
        ),
    });
  }
  return dlogits;
}

/** The parts of the logits, the target and the weights that a window reads. */
function inputsOf(
  { logits, target, weight, classes, labels }: Call,
  window: Window,
): (AnyTensor | Binding)[] {
  const targets = part(target, window, labels);
  // The binding of the weights must be given even if they are not read.
  return [part(logits, window, classes), targets, weight ?? targets];
}

/**
 * Throws unless the arguments fit together.
 *
 * @returns The number of classes.
 */
function checkCrossEntropy(
  logits: Tensor,
  target: AnyTensor,
  {
    ignoreIndex = -100,
    labelSmoothing = 0,
    reduction = "mean",
    weight,
  }: CrossEntropyOptions,
): number {
  for (const x of weight ? [logits, weight] : [logits]) {
    requireFloat("take the cross-entropy of", x);
  }
  const classes = logits.shape.at(-1);
  if (classes === undefined || classes === 0) {
    throw new TypeError(
      `Cannot take the cross-entropy of logits of shape ${
        formatShape(logits.shape)
      }: the last axis must hold the classes`,
    );
  }
  const soft = target.dtype === "f32";
  const expected = soft ? logits.shape : logits.shape.slice(0, -1);
  if (!sameShape(target.shape, expected)) {
    throw new TypeError(
      `Cannot take the cross-entropy of logits of shape ${
        formatShape(logits.shape)
      } with targets of shape ${formatShape(target.shape)}: expected ${
        soft ? "distributions" : "classes"
      } of shape ${formatShape(expected)}${
        soft ? '; for classes say dtype: "i32"' : ""
      }`,
    );
  }
  if (weight && !sameShape(weight.shape, [classes])) {
    throw new TypeError(
      `Cannot weight ${classes} classes by a tensor of shape ${
        formatShape(weight.shape)
      }: expected ${formatShape([classes])}`,
    );
  }
  if ((ignoreIndex | 0) !== ignoreIndex) {
    throw new RangeError(
      `Cannot ignore class ${ignoreIndex}: it must be a whole number of 32 bits`,
    );
  }
  if (!soft) {
    checkIntegers(target, {
      limit: classes,
      except: ignoreIndex,
      message: (label, place) =>
        `Cannot take the cross-entropy with class ${label} at ${place}: the ` +
        `logits have ${classes} classes, from 0`,
    });
  }
  checkReduction(reduction);
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1)) {
    throw new RangeError(
      `Cannot smooth labels by ${labelSmoothing}: it must be between 0 and 1`,
    );
  }
  return classes;
}
