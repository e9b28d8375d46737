// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { type Device, openDevice } from "../../../engine/gpu/device.ts";
import { add } from "../../../engine/ops/binary.ts";
import { tensor, zeros } from "../../../engine/ops/creation.ts";
import {
  crossEntropy,
  type CrossEntropyOptions,
} from "../../../engine/ops/cross_entropy.ts";
import {
  bceWithLogits,
  klDivergence,
  mseLoss,
} from "../../../engine/ops/loss.ts";
import type { LossReduction } from "../../../engine/ops/loss_reduction.ts";
import { backward } from "../../../engine/tape.ts";
import { readAll } from "../../../engine/tensor.ts";
import {
  assertClose,
  checkOp,
  FUNCTIONS,
  gpuTest,
  randomValues,
} from "../../_check.ts";
import { eachVariant } from "../../_variants.ts";
import { crossEntropyReference, reduceLosses } from "../../reference/losses.ts";

const REDUCTIONS: LossReduction[] = ["mean", "sum", "none"];

function labels(
  rows: number,
  classes: number,
  seed: number,
): Int32Array<ArrayBuffer> {
  return Int32Array.from(randomValues(rows, seed, 0, classes), Math.floor);
}

/** Rows that sum to 1. */
function distributions(
  rows: number,
  classes: number,
  seed: number,
): Float32Array<ArrayBuffer> {
  const values = randomValues(rows * classes, seed, 0, 1);
  return values.map((v, i) => {
    const row = Math.floor(i / classes) * classes;
    return v / values.slice(row, row + classes).reduce((s, u) => s + u, 0);
  });
}

async function checkCrossEntropy(
  rows: number,
  classes: number,
  options: Omit<CrossEntropyOptions, "weight"> & {
    weights?: boolean;
    soft?: boolean;
    ignored?: boolean;
  },
): Promise<void> {
  const { weights, soft = false, ignored, ...rest } = options;
  const target = soft
    ? distributions(rows, classes, 3)
    : labels(rows, classes, 3);
  const ignoreIndex = rest.ignoreIndex ?? -100;
  if (ignored) { for (let r = 0; r < rows; r += 3) target[r] = ignoreIndex; }
  const weight = weights ? randomValues(classes, 4, 0.5, 2) : undefined;
  await checkOp(
    [{ shape: [rows, classes], low: -3, high: 3 }],
    (logits) =>
      crossEntropy(
        logits,
        tensor(target, { shape: soft ? [rows, classes] : [rows] }),
        { ...rest, ...(weight ? { weight: tensor(weight) } : {}) },
      ),
    (logits) =>
      crossEntropyReference(logits, {
        target,
        classes,
        soft,
        ignoreIndex,
        smoothing: rest.labelSmoothing ?? 0,
        reduction: rest.reduction ?? "mean",
        ...(weight ? { weight } : {}),
      }),
    {
      forward: FUNCTIONS,
      backward: FUNCTIONS,
      elements: 12,
      label: `${rows} rows of ${classes}, ${JSON.stringify(options)}`,
    },
  );
}

eachVariant(
  "cross_entropy",
  "crossEntropy() matches the reference",
  async () => {
    for (
      const [rows, classes] of [
        [1, 2],
        [7, 3],
        [17, 33],
        [2, 1025],
        [3, 1026],
        [5, 1028],
        [130, 1],
      ] as const
    ) {
      await checkCrossEntropy(rows, classes, {});
    }
    for (const reduction of REDUCTIONS) {
      for (const labelSmoothing of [0, 0.1]) {
        for (const weights of [false, true]) {
          const options = { reduction, labelSmoothing, weights };
          await checkCrossEntropy(7, 5, { ...options, soft: true });
          await checkCrossEntropy(7, 129, { ...options, ignored: true });
        }
      }
    }
    await checkCrossEntropy(9, 4, { ignored: true, ignoreIndex: 0 });
  },
);

eachVariant(
  "cross_entropy",
  "crossEntropy() stays finite for huge and masked logits",
  async () => {
    const logits = tensor([[1e4, 0], [-1e4, -1e4], [-Infinity, 0]], {
      requiresGrad: true,
    });
    const target = tensor([1, 0, 1], { dtype: "i32" });
    const y = crossEntropy(logits, target, { reduction: "none" });
    backward(y, { gradient: tensor([1, 1, 1]) });
    const [loss, grad] = await readAll([y, logits.grad ?? logits]);
    assertClose(loss ?? [], [1e4, Math.LN2, 0]);
    assertClose(grad ?? [], [1, -1, -0.5, 0.5, 0, 0]);
  },
);

gpuTest(
  "crossEntropy() of ignored rows alone is NaN as a mean, 0 as a sum",
  async () => {
    const logits = zeros([2, 3], { requiresGrad: true });
    const target = tensor([-100, -100], { dtype: "i32" });
    const mean = crossEntropy(logits, target);
    backward(mean);
    const sum = crossEntropy(logits, target, { reduction: "sum" });
    const [a, b, grad] = await readAll([mean, sum, logits.grad ?? logits]);
    assertEquals([...a ?? [], ...b ?? []], [NaN, 0]);
    assertEquals([...grad ?? []], [0, 0, 0, 0, 0, 0]);
  },
);

eachVariant(
  "cross_entropy",
  "crossEntropy() shows classes of the GPU out of range as NaN",
  async () => {
    const logits = zeros([3, 2], { requiresGrad: true });
    const target = add(tensor([0, 2, -1], { dtype: "i32" }), 0);
    const y = crossEntropy(logits, target, { reduction: "none" });
    backward(y, { gradient: tensor([1, 1, 1]) });
    const [loss, grad] = await readAll([y, logits.grad ?? logits]);
    assertClose(loss ?? [], [Math.LN2, NaN, NaN]);
    assertClose(grad ?? [], [-0.5, 0.5, NaN, NaN, NaN, NaN]);
  },
);

gpuTest(
  "crossEntropy() takes any leading axes, and classes of u32",
  async () => {
    const values = randomValues(2 * 3 * 4, 5);
    const classes = labels(6, 4, 6);
    const flat = crossEntropy(
      tensor(values, { shape: [6, 4] }),
      tensor(classes),
    );
    const deep = crossEntropy(
      tensor(values, { shape: [2, 3, 4] }),
      tensor(Uint32Array.from(classes), { shape: [2, 3] }),
      { reduction: "none" },
    );
    assertEquals(deep.shape, [2, 3]);
    const [a, b] = await readAll([flat, deep]);
    assertClose(a ?? [], [
      [...b ?? []].reduce((s, v) => s + v, 0) / 6,
    ]);
  },
);

gpuTest("crossEntropy() gives the same bits through windows", async (whole) => {
  const small = await openDevice({ maxBindingSize: 32 * 1024 });
  const rows = 333;
  const run = (device: Device, reduction: LossReduction, soft: boolean) => {
    const classes = 37;
    const logits = tensor(randomValues(rows * classes, 1), {
      shape: [rows, classes],
      device,
      requiresGrad: true,
    });
    const target = soft
      ? tensor(distributions(rows, classes, 2), {
        shape: [rows, classes],
        device,
      })
      : tensor(labels(rows, classes, 2), { device });
    const y = crossEntropy(logits, target, { reduction, labelSmoothing: 0.1 });
    backward(y, {
      gradient: tensor(randomValues(y.size, 3), { shape: y.shape, device }),
    });
    assert(logits.grad);
    return readAll([y, logits.grad]);
  };
  for (const reduction of REDUCTIONS) {
    for (const soft of [false, true]) {
      assertEquals(
        await run(small, reduction, soft),
        await run(whole, reduction, soft),
      );
    }
  }
  await small.destroy();
});

gpuTest("mseLoss() matches the reference", async () => {
  for (const shape of [[1], [7, 5], [1025]]) {
    for (const reduction of REDUCTIONS) {
      await checkOp(
        [{ shape }, { shape }],
        (x, t) => mseLoss(x, t, { reduction }),
        (x, t) =>
          reduceLosses([...x].map((v, i) => (v - (t[i] ?? 0)) ** 2), reduction),
        { elements: 10, label: `[${shape}] ${reduction}` },
      );
    }
  }
});

gpuTest(
  "bceWithLogits() matches the reference, with and without weights",
  async () => {
    for (const [positive, weighted] of [[0, 0], [1, 0], [0, 1], [1, 1]]) {
      for (const reduction of REDUCTIONS) {
        const pos = positive ? [0.5, 2, 3] : [1, 1, 1];
        const weight = weighted ? [2, 0.5, 1] : [1, 1, 1];
        await checkOp(
          [{ shape: [17, 3], low: -4, high: 4 }, { shape: [17, 3], low: 0 }],
          (x, t) =>
            bceWithLogits(x, t, {
              reduction,
              ...(positive ? { posWeight: tensor(pos) } : {}),
              ...(weighted ? { weight: tensor(weight) } : {}),
            }),
          (x, t) =>
            reduceLosses(
              [...x].map((v, i) => {
                const s = 1 / (1 + Math.exp(-v));
                const y = t[i] ?? 0;
                return -(weight[i % 3] ?? 1) *
                  ((pos[i % 3] ?? 1) * y * Math.log(s) +
                    (1 - y) * Math.log(1 - s));
              }),
              reduction,
            ),
          { forward: FUNCTIONS, backward: FUNCTIONS, elements: 20 },
        );
      }
    }
  },
);

gpuTest("bceWithLogits() stays finite for huge logits", async () => {
  const x = tensor([500, -500, 500, -500], { requiresGrad: true });
  const y = bceWithLogits(x, tensor([1, 0, 0, 1]), { reduction: "sum" });
  backward(y);
  const [loss, grad] = await readAll([y, x.grad ?? x]);
  assertClose(loss ?? [], [1000]);
  assertClose(grad ?? [], [0, 0, 1, -1]);
});

gpuTest(
  "klDivergence() matches the reference, of targets and of their logs",
  async () => {
    for (const reduction of [...REDUCTIONS, "batchmean"] as const) {
      for (const logTarget of [false, true]) {
        await checkOp(
          [
            { shape: [7, 5], low: -3, high: 0 },
            logTarget
              ? { shape: [7, 5], low: -3, high: 0 }
              : { shape: [7, 5], low: 0.1, high: 1 },
          ],
          (x, t) => klDivergence(x, t, { reduction, logTarget }),
          (x, t) => {
            const losses = [...x].map((v, i) => {
              const y = t[i] ?? 0;
              return logTarget ? Math.exp(y) * (y - v) : y * (Math.log(y) - v);
            });
            return reduction === "batchmean"
              ? [losses.reduce((s, v) => s + v, 0) / 7]
              : reduceLosses(losses, reduction);
          },
          { forward: FUNCTIONS, backward: FUNCTIONS, elements: 20 },
        );
      }
    }
    const x = tensor([-1, -2]);
    assertEquals(
      await klDivergence(x, tensor([0, 1]), { reduction: "sum" }).item(),
      2,
      "a probability of 0 adds nothing",
    );
  },
);

gpuTest("losses refuse what does not fit", () => {
  const logits = zeros([2, 3]);
  const target = zeros([2], { dtype: "i32" });
  for (const name of ["Mean", "average", "", 1]) {
    const options = { reduction: name as "mean" };
    for (
      const loss of [
        () => crossEntropy(logits, target, options),
        () => mseLoss(logits, logits, options),
        () => bceWithLogits(logits, logits, options),
        () => klDivergence(logits, logits, options),
      ]
    ) {
      assertThrows(
        loss,
        RangeError,
        `Cannot reduce losses by ${JSON.stringify(name)}: expected "mean", ` +
          '"sum", "none"',
      );
    }
  }
  for (const name of ["posWeight", "weight"]) {
    for (
      const [factor, message] of [
        [target, `Cannot take the loss of ${name} of i32: cast() them to f32`],
        [zeros([2]), "[2]"],
        [
          zeros([2, 2, 3]),
          `Cannot take the loss of [2, 3] with a ${name} of [2, 2, 3]: it must ` +
          "broadcast to the logits",
        ],
      ] as const
    ) {
      assertThrows(
        () => bceWithLogits(logits, logits, { [name]: factor }),
        TypeError,
        message,
      );
    }
  }
  assertThrows(
    () => crossEntropy(logits, zeros([3], { dtype: "i32" })),
    TypeError,
    "Cannot take the cross-entropy of logits of shape [2, 3] with targets of " +
      "shape [3]: expected classes of shape [2]",
  );
  assertThrows(
    () => crossEntropy(logits, zeros([2])),
    TypeError,
    "expected distributions of shape [2, 3]",
  );
  assertThrows(
    () => crossEntropy(logits, target, { weight: zeros([2]) }),
    TypeError,
    "Cannot weight 3 classes by a tensor of shape [2]: expected [3]",
  );
  assertThrows(
    () => crossEntropy(logits, target, { labelSmoothing: 2 }),
    RangeError,
    "Cannot smooth labels by 2: it must be between 0 and 1",
  );
  assertThrows(
    () => crossEntropy(zeros([]), target),
    TypeError,
    "the last axis must hold the classes",
  );
  assertThrows(
    // @ts-expect-error -- the types ask for floats
    () => crossEntropy(target, target),
    TypeError,
    "Cannot take the cross-entropy of a tensor of i32: cast() it to f32",
  );
  assertThrows(
    () => mseLoss(logits, zeros([3])),
    TypeError,
    "Cannot take the loss of [2, 3] against [3]: the shapes must be equal",
  );
  assertThrows(
    // @ts-expect-error -- the types ask for floats
    () => bceWithLogits(logits, zeros([2, 3], { dtype: "u32" })),
    TypeError,
    "Cannot take the loss of targets of u32: cast() them to f32",
  );
});
