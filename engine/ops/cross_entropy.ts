// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

import { copyStrided } from "../launch/copy.ts";
import { specialize } from "../gpu/kernel.ts";
import {
  BACKWARD_FOURS,
  BACKWARD_RUN,
  BACKWARD_WORKGROUP,
  CROSS_ENTROPY_BACKWARD,
  CROSS_ENTROPY_BACKWARD_TEXELS,
  CROSS_ENTROPY_FINISH,
  CROSS_ENTROPY_SERIAL,
  CROSS_ENTROPY_TEXELS,
  CROSS_ENTROPY_WORKGROUP,
  SERIAL_WORKGROUP,
} from "../kernels/cross_entropy.ts";
import { ROW_VARIANTS } from "../kernels/rows.ts";
import { checkIntegers } from "../integer_range.ts";
import { grid, launch, part } from "../launch/launch.ts";
import { reduceAxes } from "../launch/reduction.ts";
import { rowForm, rowWindows } from "../launch/rows.ts";
import { formatShape, sameShape } from "../shape.ts";
import { record } from "../tape.ts";
import { allocate, type Tensor } from "../tensor.ts";
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
   * Rows with this class count for nothing.
   *
   * @default {-100}
   */
  ignoreIndex?: number;
  /**
   * The share ε of the target that is spread evenly over all classes.
   *
   * @default {0}
   */
  labelSmoothing?: number;
  /**
   * `"mean"` divides by the number of rows that are not ignored, or by the sum
   * of their classes' weights.
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
 * Cross-entropy of logits with class indices or with distributions:
 * `-Σ_c w_c q_c log softmax(z)_c`, where `q = (1 - ε) t + ε / C`.
 *
 * PyTorch's rules: with `"mean"` the divisor is the sum of the weights of the
 * rows' classes (for distributions, the number of rows), counted on the GPU;
 * where every row is ignored the mean is NaN. A class outside `[0, C)` that is
 * not ignored is refused if the host wrote it, and gives NaN if the GPU made it.
 * Distributions and weights get no gradient.
 *
 * @param logits `[…, C]`.
 * @param target Classes `[…]` as i32 or u32, or distributions `[…, C]` as f32.
 * @returns A scalar, or `[…]` with reduction `"none"`.
 * @throws {TypeError} If the shapes do not fit.
 * @throws {RangeError} If the host wrote a class outside `[0, C)` that is not
 * ignored, the smoothing is not in [0, 1], or there is no such reduction.
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
  target: Tensor,
  options: CrossEntropyOptions = {},
): Tensor {
  const {
    ignoreIndex = -100,
    labelSmoothing = 0,
    reduction = "mean",
    weight,
  } = options;
  const soft = target.dtype === "f32";
  const classes = checkCrossEntropy(logits, target, options);
  const { device } = logits;
  const rows = logits.size / classes;
  const shape = logits.shape.slice(0, -1);
  const constants = { SOFT: soft ? 1 : 0, WEIGHTED: weight ? 1 : 0 };
  const params = { classes, ignore: ignoreIndex, smoothing: labelSmoothing };
  const labels = soft ? classes : 1;
  const stats = allocate(device, [rows, 4]);
  const narrow = classes < 32;
  // Once by fours for the largest, and once more, one by one with weights.
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
  const texels = form.variant === "texels";
  const forward = specialize(FORWARDS[form.variant], constants);
  const parts = rowWindows(device, form, rows, [classes, 4]);
  for (const window of parts) {
    launch(device, forward, {
      bind: [
        part(logits, window, classes),
        part(target, window, labels),
        weight ?? part(target, window, labels),
        part(stats, window, 4),
      ],
      params: { ...params, rows: window.count },
      groups: grid(
        window.count,
        form.variant === "workgroup" ? 1 : SERIAL_WORKGROUP,
      ),
    });
  }

  const mean = reduction === "mean" ? 1 : 0;
  const totals = reduceAxes(stats, [true, false], [4], "sum");
  const perRow = reduction === "none";
  const y = allocate(device, perRow ? shape : []);
  if (perRow) {
    const losses = { offset: 0, strides: [4] };
    copyStrided(stats, y, [rows], losses, { offset: 0, strides: [1] });
  } else {
    launch(device, CROSS_ENTROPY_FINISH, {
      bind: [totals, y],
      params: { mean },
      groups: [1],
    });
  }

  record(y, [logits], (dy) => {
    const dlogits = allocate(device, logits.shape);
    const kernel = specialize(
      texels ? CROSS_ENTROPY_BACKWARD_TEXELS : CROSS_ENTROPY_BACKWARD,
      constants,
    );
    for (const window of parts) {
      launch(device, kernel, {
        bind: [
          part(logits, window, classes),
          part(target, window, labels),
          weight ?? part(target, window, labels),
          part(stats, window, 4),
          totals,
          dy,
          part(dlogits, window, classes),
        ],
        params: {
          ...params,
          rows: window.count,
          per_row: perRow ? 1 : 0,
          mean,
          first: window.start,
        },
        groups: texels
          ? grid(
            window.count *
              Math.ceil((Math.floor(classes / 4) + 2) / BACKWARD_FOURS),
            SERIAL_WORKGROUP,
          )
          : grid(
            window.count * Math.ceil(classes / BACKWARD_RUN),
            BACKWARD_WORKGROUP,
          ),
      });
    }
    return [dlogits];
  });
  if (!y.requiresGrad) {
    stats.dispose();
    totals.dispose();
  }
  return y;
}

/** Throws unless all fits together; gives the number of classes. */
function checkCrossEntropy(
  logits: Tensor,
  target: Tensor,
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
