// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  backward,
  full,
  manualSeed,
  ones,
  slice,
  sum,
  type Tensor,
  tensor,
  zeros,
} from "../../../engine/mod.ts";
import {
  AttentionPooling,
  ConcatPooling,
  ConvPooling,
  type PoolingHead,
  RecurrentPooling,
  TokenPooling,
  WeightedLayerPooling,
  WKPooling,
} from "../../../models/mod.ts";
import type { Parameter } from "../../../nn/mod.ts";
import {
  assertClose,
  checkOp,
  gpuTest,
  randomValues,
  SUMS,
} from "../../_check.ts";
import { wkReference } from "../../reference/wk_pooling.ts";

const [LAYERS, BATCH, LENGTH, HIDDEN] = [5, 3, 6, 4] as const;
const COUNTS = [6, 3, 4];

/** Every head. */
const HEADS: Record<string, () => PoolingHead> = {
  cls: () => new TokenPooling(HIDDEN),
  mean: () => new TokenPooling(HIDDEN, { mode: "mean" }),
  max: () => new TokenPooling(HIDDEN, { mode: "max" }),
  "mean and max": () => new TokenPooling(HIDDEN, { mode: ["mean", "max"] }),
  "the layer before": () => new TokenPooling(HIDDEN, { layer: -2 }),
  concat: () => new ConcatPooling(HIDDEN, { mode: "mean" }),
  conv: () => new ConvPooling(HIDDEN, { channels: 7, outputSize: 3 }),
  "wide conv": () =>
    new ConvPooling(HIDDEN, { channels: 7, kernelSize: 3, outputSize: 3 }),
  weighted: () =>
    new WeightedLayerPooling(HIDDEN, {
      numHiddenLayers: LAYERS - 1,
      layerStart: 2,
      mode: "mean",
    }),
  lstm: () => new RecurrentPooling(HIDDEN, { units: 3 }),
  gru: () => new RecurrentPooling(HIDDEN, { kind: "gru", units: 3 }),
  attention: () => new AttentionPooling(HIDDEN, { outputSize: 3 }),
  WK: () => new WKPooling(HIDDEN, { layerStart: 0 }),
};

/** The states of a layer, with other numbers in padding if `pad` is given. */
function statesOf(layer: number, masks: number[][], pad?: number): Tensor {
  const values = randomValues(BATCH * LENGTH * HIDDEN, layer + 1);
  const isPad = (i: number) => masks.flat()[Math.floor(i / HIDDEN)] === 0;
  return tensor(
    values.map((value, i) =>
      isPad(i) && pad !== undefined ? pad * (i + layer) : value
    ),
    { shape: [BATCH, LENGTH, HIDDEN], requiresGrad: true },
  );
}

function inputsOf(masks: number[][], pad?: number) {
  return {
    hiddenStates: Array.from(
      { length: LAYERS },
      (_, layer) => statesOf(layer, masks, pad),
    ),
    attentionMask: tensor(masks, { dtype: "i32" }),
  };
}

/** Padding on the right, and on the left. */
const MASKS = {
  right: COUNTS.map((n) => Array.from({ length: LENGTH }, (_, i) => +(i < n))),
  left: COUNTS.map((n) =>
    Array.from({ length: LENGTH }, (_, i) => +(i >= LENGTH - n))
  ),
};

for (const [name, make] of Object.entries(HEADS)) {
  gpuTest(`padding does not leak into the head ${name}`, async () => {
    manualSeed(1);
    const head = make();
    for (const masks of Object.values(MASKS)) {
      const given = inputsOf(masks);
      const y = head.forward(given);
      assertEquals(y.shape, [BATCH, head.outputSize]);
      const values = await y.data();
      assert(values.every(Number.isFinite));
      for (const pad of [0, 9, -50]) {
        const other = await head.forward(inputsOf(masks, pad)).data();
        assertEquals(other, values);
      }
      // Nor does its gradient, and tokens have one.
      backward(sum(y));
      let total = 0;
      for (const states of given.hiddenStates) {
        const gradient = await states.grad?.data() ?? new Float32Array();
        gradient.forEach((value, i) => {
          if (masks.flat()[Math.floor(i / HIDDEN)] === 0) {
            assertEquals(value, 0);
          } else total += Math.abs(value);
        });
      }
      assert(total > 0.01 && Number.isFinite(total));
    }
    head.dispose();
  });

  gpuTest(
    `a text alone gives the same vector in the head ${name}`,
    async () => {
      manualSeed(1);
      const head = make();
      const { hiddenStates, attentionMask } = inputsOf(MASKS.right);
      const row = slice(head.forward({ hiddenStates, attentionMask }), {
        start: 1,
        end: 2,
      });
      const alone = head.forward({
        hiddenStates: hiddenStates.map((x) =>
          slice(slice(x, { start: 1, end: 2 }), {
            axis: 1,
            end: COUNTS[1] ?? 0,
          })
        ),
        attentionMask: ones([1, COUNTS[1] ?? 0], { dtype: "i32" }),
      });
      assertClose(await alone.data(), await row.data(), SUMS);
      head.dispose();
    },
  );
}

gpuTest("equal weights give the mean of the layers that count", async () => {
  const head = new WeightedLayerPooling(2, { numHiddenLayers: 6 });
  assertEquals(head.layerWeights.shape, [3]);
  const hiddenStates = Array.from(
    { length: 7 },
    (_, i) => full([1, 2, 2], i ** 2),
  );
  const mixed = await head.mix({ hiddenStates }).data();
  assertClose(mixed, new Array(4).fill((16 + 25 + 36) / 3));
  assertThrows(
    () => head.mix({ hiddenStates: hiddenStates.slice(1) }),
    RangeError,
    "Cannot weigh 2 layers from layer 4: there are 3 weights",
  );
  const given = new WeightedLayerPooling(2, {
    numHiddenLayers: 6,
    layerStart: 5,
    layerWeights: [1, 3],
  });
  assertClose(
    await given.mix({ hiddenStates }).data(),
    new Array(4).fill((25 + 3 * 36) / 4),
  );
  head.dispose();
  given.dispose();
});

gpuTest("weighted layers and their gradients match the reference", async () => {
  const [layers, start] = [4, 1];
  const shape = [2, 3, 5];
  const values = [2, -0.5, 0.25]; // no softmax: any sign, and they are divided
  await checkOp(
    [
      ...Array.from({ length: layers }, () => ({ shape })),
      { shape: [layers - start], values },
    ],
    (...tensors) => {
      const head = new WeightedLayerPooling(5, {
        numHiddenLayers: layers - 1,
        layerStart: start,
      });
      head.layerWeights = tensors[layers] as Parameter;
      return head.mix({ hiddenStates: tensors.slice(0, layers) });
    },
    (...given) => {
      const weights = [...given[layers] ?? []];
      const total = weights.reduce((sum, w) => sum + w, 0);
      return (given[0] ?? []).map((_, i) =>
        weights.reduce(
          (sum, w, k) => sum + w * (given[start + k]?.[i] ?? NaN),
          0,
        ) /
        total
      );
    },
  );
});

gpuTest("WK pooling matches the reference where layers are alike", async () => {
  const [layers, tokens, width] = [9, 4, 24];
  const size = tokens * width;
  for (const difference of [1, 0.1]) {
    // Each layer is the one before it and a little more.
    let before = randomValues(size, 1);
    const states = Array.from({ length: layers }, (_, layer) => {
      const more = randomValues(size, layer + 2);
      before = before.map((value, i) => value + difference * (more[i] ?? NaN));
      return before;
    });
    for (const windowSize of [1, 2, 3]) {
      const head = new WKPooling(width, { layerStart: 0, windowSize });
      const y = head.forward({
        hiddenStates: states.map((x) =>
          tensor(x, { shape: [1, tokens, width] })
        ),
        attentionMask: ones([1, tokens], { dtype: "i32" }),
      });
      const expected = wkReference(
        states.map((x) =>
          Array.from(
            { length: tokens - 1 },
            (_, t) => [...x.slice(t * width, (t + 1) * width)],
          )
        ),
        windowSize,
      );
      const label = `difference ${difference}, window ${windowSize}`;
      const tolerance = { absolute: 1e-4, relative: 0 };
      assertClose(await y.data(), expected, tolerance, label);
    }
  }
});

gpuTest("WK pooling of texts and layers that have little to say", async () => {
  const head = new WKPooling(2, { layerStart: 0 });
  const attentionMask = tensor([[1, 1, 1], [1, 0, 0], [0, 0, 0]], {
    dtype: "i32",
  });
  // The layers are the same, and some states are 0.
  const states = tensor([[[1, 2], [3, 1], [0, 0]], [[1, 1], [0, 0], [0, 0]], [
    [0, 0],
    [0, 0],
    [0, 0],
  ]], { requiresGrad: true });
  const hiddenStates = [states, states, states, states];
  const y = head.forward({ hiddenStates, attentionMask });
  const values = await y.data();
  assertEquals([...values.slice(2)], [0, 0, 0, 0]);
  assert(values.every(Number.isFinite));
  backward(sum(y));
  assert((await states.grad?.data() ?? []).every(Number.isFinite));
});

gpuTest("pooling heads refuse what does not fit", () => {
  const attentionMask = ones([1, 2], { dtype: "i32" });
  const hiddenStates = [zeros([1, 2, 4]), zeros([1, 2, 4])];
  assertThrows(
    () =>
      new TokenPooling(4, { layer: -3 }).forward({
        hiddenStates,
        attentionMask,
      }),
    RangeError,
    "Cannot pool layer -3: there are 2 hidden states",
  );
  assertThrows(
    () => new ConcatPooling(4).forward({ hiddenStates, attentionMask }),
    RangeError,
    "Cannot pool layer -3",
  );
  assertThrows(
    () =>
      new WKPooling(4, { layerStart: 0 }).forward({
        hiddenStates,
        attentionMask,
      }),
    RangeError,
    "Cannot pool 2 layers from layer 0 of 2: at least three must count",
  );
  assertThrows(
    () => new RecurrentPooling(4, { kind: "rnn" as "gru" }),
    RangeError,
    'Cannot pool with kind "rnn": expected "lstm" or "gru"',
  );
  assertThrows(
    () => new WeightedLayerPooling(4, { numHiddenLayers: 3 }),
    RangeError,
    "Cannot pool 3 blocks and the embeddings from layer 4: there is none",
  );
  assertThrows(
    () =>
      new WeightedLayerPooling(4, {
        numHiddenLayers: 4,
        layerStart: 2,
        layerWeights: [1],
      }),
    RangeError,
    "with 1 weights: expected 3",
  );
  assertThrows(
    () => new AttentionPooling(4, { hidden: 3 } as never),
    TypeError,
    'Cannot build an AttentionPooling with option "hidden"',
  );
  assertThrows(
    () => new TokenPooling(4, { mode: "avg" as "mean" }),
    RangeError,
    'Cannot pool tokens by "avg"',
  );
});
