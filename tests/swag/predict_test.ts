// Copyright 2026 the swagpu authors. MIT license.

// Compares predictions of each kind of problem with a float64 twin, and checks the mode
// of the model during predictions.

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  add,
  backward,
  mul,
  readAll,
  reshape,
  sum,
  type Tensor,
  tensor,
} from "../../engine/mod.ts";
import { Dropout, Linear, Module } from "../../nn/mod.ts";
import {
  type PredictionProblem,
  summarizeLogits,
  SwagModel,
} from "../../swag/mod.ts";
import { assertClose, FUNCTIONS, gpuTest, randomValues } from "../_check.ts";

/** A head with a configuration like those of Hugging Face's models. */
class Head extends Module {
  dense: Linear;
  dropout = new Dropout(0.5);
  constructor(outputs: number, readonly config: Record<string, unknown> = {}) {
    super();
    this.dense = new Linear(2, outputs);
  }
  forward(x: Tensor): { logits: Tensor } {
    return { logits: this.dense.forward(this.dropout.forward(x)) };
  }
}

/** Makes a posterior of three collections over a head. */
function collected(outputs: number, config: Record<string, unknown> = {}) {
  const model = new Head(outputs, config);
  const swag = SwagModel.fromBase(model, { noCovMat: false });
  for (let n = 0; n < 3; n++) {
    model.dense.weight.write(randomValues(2 * outputs, n));
    swag.collectModel();
  }
  const free = () => {
    swag.dispose();
    model.dispose();
  };
  return { model, swag, free };
}

const mean = (values: readonly number[]) =>
  values.reduce((sum, x) => sum + x, 0) / values.length;
const surprise = (p: number) => p > 0 ? -p * Math.log(p) : 0;
const deviation = (values: readonly number[]) =>
  Math.sqrt(mean(values.map((x) => (x - mean(values)) ** 2)));
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

/** Turns logits [batch, samples, labels] into the list of samples of each element. */
function columns(logits: Float32Array, samples: number, labels: number) {
  const batch = logits.length / samples / labels;
  return Array.from(
    { length: batch * labels },
    (_, i) =>
      Array.from(
        { length: samples },
        (_, s) =>
          logits[
            (Math.floor(i / labels) * samples + s) * labels + i % labels
          ] ?? NaN,
      ),
  );
}

gpuTest(
  "summarizeLogits() gives each of several labels a sigmoid and entropies",
  async () => {
    const [samples, labels] = [5, 3];
    const logits = randomValues(2 * samples * labels, 1, -6, 6);
    logits.set([200, -200], 0); // These are certain, and must not give 0 · ∞.
    const summary = summarizeLogits(
      tensor(logits, { shape: [2, samples, labels] }),
      { problemType: "multi_label_classification" },
    );
    const both = columns(logits, samples, labels);
    const binary = (p: number) => surprise(p) + surprise(1 - p);
    const entropy = both.map((xs) => binary(mean(xs.map(sigmoid))));
    const own = both.map((xs) => mean(xs.map((x) => binary(sigmoid(x)))));
    const expected = {
      probabilities: both.map((xs) => mean(xs.map(sigmoid))),
      entropy,
      expectedEntropy: own,
      mutualInformation: entropy.map((x, i) => Math.max(0, x - (own[i] ?? 0))),
      std: both.map((xs) => deviation(xs.map(sigmoid))),
    };
    for (const [name, values] of Object.entries(expected)) {
      const actual = summary[name as keyof typeof expected];
      assertEquals(actual.shape, [2, labels]);
      assertClose(await actual.data(), values, FUNCTIONS, name);
    }
  },
);

gpuTest(
  "summarizeLogits() gives numbers a mean, spread and samples",
  async () => {
    const logits = randomValues(2 * 5 * 3, 2, -3, 3);
    const summary = summarizeLogits(tensor(logits, { shape: [2, 5, 3] }), {
      problemType: "regression",
    });
    const both = columns(logits, 5, 3);
    assertClose(await summary.mean.data(), both.map(mean), FUNCTIONS);
    assertClose(await summary.std.data(), both.map(deviation), FUNCTIONS);
    assertEquals(await summary.samples.data(), logits);
    assertThrows(
      () => (summary as unknown as { entropy: Tensor }).entropy,
      TypeError,
      "Cannot read the entropy of a regression: it has mean, std and samples",
    );
  },
);

gpuTest(
  "summarizeLogits() keeps the digits of a spread beside a large mean",
  async () => {
    // The samples are equal, but their mean near 1e6 is rounded.
    const samples = [1, 3, 30].map((n) => Array<number>(n).fill(1000007.4));
    for (const values of [...samples, [1e6, 1e6 + 0.5, 1e6 + 0.25]]) {
      const logits = tensor([values.map((x) => [x])]);
      const { std } = summarizeLogits(logits, { problemType: "regression" });
      const exact = deviation(values.map(Math.fround));
      assertClose(await std.data(), [exact], {
        absolute: 1e-6,
        relative: 1e-4,
      });
    }
  },
);

gpuTest("predict() follows the model's problem type", async () => {
  const x = [[1, 2], [3, -1]];
  for (
    const [outputs, config, kind] of [
      [1, { problemType: "regression" }, "regression"],
      [2, { problemType: "regression" }, "regression"],
      [1, { problemType: null, numLabels: 1 }, "regression"],
      [1, { problemType: "multi_label_classification" }, "labels"],
      [3, { problemType: "multi_label_classification" }, "labels"],
      [3, { problemType: "single_label_classification" }, "classes"],
      [3, { problemType: null }, "classes"],
      [3, {}, "classes"],
    ] as const
  ) {
    const { model, swag, free } = collected(outputs, config);
    const options = { numPredictions: 3, seed: 1 };
    const forward = () => model.forward(tensor(x));
    const logits = swag.getLogits(forward, options);
    const prediction = swag.predict(forward, options);
    if (kind === "regression") {
      const { mean, samples } = prediction;
      assert(mean && samples);
      assertEquals(mean.shape, [2, outputs]);
      assertEquals(await samples.data(), await logits.data());
    } else {
      const { probabilities, entropy } = prediction;
      assertEquals(probabilities.shape, [2, outputs]);
      assertEquals(entropy.shape, kind === "labels" ? [2, outputs] : [2]);
      const total = [...await probabilities.data()];
      const one = total.slice(0, outputs).reduce((n, p) => n + p, 0);
      assertEquals(Math.abs(one - 1) < 1e-5, kind === "classes");
    }
    // The option takes precedence over the configuration.
    const own = swag.predict(forward, {
      ...options,
      problemType: "regression",
    });
    assertEquals(await own.samples.data(), await logits.data());
    free();
  }
});

gpuTest(
  "predict() refuses a single logit if neither options nor model say what it means",
  () => {
    const { model, swag, free } = collected(1);
    const forward = () => model.forward(tensor([[1, 2]]));
    assertThrows(
      () => swag.predict(forward, { numPredictions: 2 }),
      TypeError,
      'pass problemType: "regression" or "multi_label_classification"',
    );
    assertThrows(
      () => summarizeLogits(tensor([[[1], [2]]])),
      TypeError,
      "a single logit is no choice among classes",
    );
    const bad = { problemType: "classification" as PredictionProblem };
    assertThrows(
      () => swag.predict(forward, bad),
      RangeError,
      '"classification"',
    );
    assertThrows(
      () => swag.predict(forward, { samples: 3 } as object),
      TypeError,
      'Cannot predict with option "samples"',
    );
    assert(!swag.holdsSample);
    free();
  },
);

gpuTest("predict() supports tokens and spans", async () => {
  const { model, swag, free } = collected(4, { problemType: "regression" });
  const x = tensor([[1, 2], [3, -1], [0, 1]]);
  const logits = () => reshape(model.forward(x).logits, [1, 3, 4]);
  const options = { numPredictions: 2, seed: 3 };
  // These are classes of tokens, and the problem type applies to whole texts.
  const tokens = swag.predict(logits, options);
  assertEquals(tokens.probabilities.shape, [1, 3, 4]);
  assertEquals(tokens.entropy.shape, [1, 3]);

  const startLogits = () => reshape(model.forward(x).logits, [3, 4]);
  const endLogits = () => mul(startLogits(), 2);
  const span = () => ({ startLogits: startLogits(), endLogits: endLogits() });
  assertEquals(swag.getLogits(span, options).shape, [3, 2, 2, 4]);
  const { start, end } = swag.predict(span, options);
  const alone = {
    ...options,
    problemType: "single_label_classification",
  } as const;
  for (
    const [actual, forward] of [[start, startLogits], [end, endLogits]] as const
  ) {
    const expected = swag.predict(forward, alone);
    for (const key of ["probabilities", "entropy", "std"] as const) {
      assertEquals(await actual[key].data(), await expected[key].data());
    }
  }
  free();
});

gpuTest(
  "predict() switches dropout off and then restores the mode",
  async () => {
    const { model, swag, free } = collected(3);
    const forward = () => model.forward(tensor([[1, 2], [3, 4]]));
    const options = { scale: 0, numPredictions: 4 };
    for (const mode of [true, false]) {
      model.train(mode);
      model.dense.training = !mode; // The modes of the parts differ.
      const modes = () =>
        [...model.namedModules().values()].map(({ training }) => training);
      const before = modes();
      const std = async (training?: boolean) => {
        const given = training === undefined ? {} : { training };
        const { std } = swag.predict(forward, { ...options, ...given });
        return Math.max(...await std.data());
      };
      assert(await std() < 1e-6);
      assert(await std(false) < 1e-6);
      assert(await std(true) > 1e-3, "dropout is active");
      assertEquals(modes(), before);
      assertThrows(() =>
        swag.predict(() => {
          throw new Error("no");
        })
      );
      assertEquals(modes(), before);
    }
    free();
  },
);

gpuTest("predictAll() draws each sample once for all batches", async () => {
  const { model, swag, free } = collected(3);
  const rows = [[[1, 2], [3, 4]], [[5, 6]], [[7, 8]]];
  const forward = (x: number[][]) => model.forward(tensor(x));
  const options = { numPredictions: 3, seed: 5, scale: 0.5 };
  const weights: string[] = [];
  const all = swag.predictAll(new Set(rows), (x) => {
    weights.push(`${x}`);
    return forward(x);
  }, options);
  assertEquals(weights, [...rows, ...rows, ...rows].map(String));
  for (const [i, x] of rows.entries()) {
    const one = swag.predict(() => forward(x), options);
    for (const key of ["probabilities", "mutualInformation", "std"] as const) {
      assertEquals(await all[i]?.[key].data(), await one[key].data());
    }
  }
  const numbers = swag.predictAll(rows, forward, {
    ...options,
    problemType: "regression",
  });
  assertEquals(numbers.map(({ mean }) => mean.shape), [[2, 3], [1, 3], [1, 3]]);
  assertEquals(swag.predictAll([], forward, options), []);
  assert(!swag.holdsSample);
  // Without a seed each call continues where the last one ended.
  const [a, b] = [1, 2].map(() =>
    swag.predictAll(rows, forward, { numPredictions: 2 })[0]
  );
  const [p, q] = await readAll(
    [a?.probabilities, b?.probabilities] as Tensor[],
  );
  assert(p?.some((x, i) => x !== q?.[i]));
  free();
});

gpuTest("backward() refuses weights that were sampled after forward()", () => {
  const { swag, free } = collected(1);
  const model = swag.base as Head;
  model.eval();
  const x = tensor([[1, 2]], { requiresGrad: true });
  const loss = sum(add(model.forward(x).logits, 1));
  swag.sampleParameters({ seed: 1 });
  assertThrows(() => backward(loss), TypeError, "in-place operation");
  swag.restoreWeights();
  assertThrows(() => backward(loss), TypeError, "in-place operation");
  x.dropGradient();
  free();
});
