// Copyright 2026 the swagpu authors. MIT license.

// What swag_transformers does wrong or not at all, and the posterior does right. Each
// test here would fail with the behavior of the original; others of this kind stand
// beside what they are about, such as the scale of blocks in sample_test.ts.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertNotEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { AutoSwagModelForSeq2SeqLM } from "../../auto_swag.ts";
import { manualSeed, readAll, type Tensor, tensor } from "../../engine/mod.ts";
import {
  architectureOf,
  BartForConditionalGeneration,
  BertForQuestionAnswering,
  BertForSequenceClassification,
  BertForTokenClassification,
} from "../../models/mod.ts";
import { BatchNorm1d, Linear, Module, updateBn } from "../../nn/mod.ts";
import { SwagModel, type SwagOptions } from "../../swag/mod.ts";
import { assertClose, gpuTest, randomValues } from "../_check.ts";
import { inFolder } from "../_folder.ts";
import { collectAround, tinyConfigOf } from "../_tiny_models.ts";
import { tinyConfig, tinyTokenizer } from "../models/pipelines/_tiny.ts";
import { Tree } from "./_tree.ts";

const SHAPES = { "a.weight": [4, 5], "b.weight": [17] };

/** A posterior with five collections. */
function collected(options: SwagOptions): { model: Tree; swag: SwagModel } {
  const model = new Tree(SHAPES);
  const swag = SwagModel.fromBase(model, options);
  for (let t = 0; t < 5; t++) {
    model.setAll(randomValues(37, t));
    swag.collectModel();
  }
  return { model, swag };
}

function free(swag: SwagModel): void {
  swag.dispose();
  swag.base.dispose();
}

gpuTest("without a scale, samples are those of SWAG as published", async () => {
  // The original draws with scale 1, and advises 0.5 where there are covariances.
  const { model, swag } = collected({ noCovMat: false });
  const { swag: diagonal } = collected({});
  const drawn = async (
    swag: SwagModel,
    options: Parameters<SwagModel["sampleParameters"]>[0],
  ) => {
    swag.sampleParameters({ seed: 4, ...options });
    return await readAll(swag.base.parameters());
  };
  const own = await drawn(swag, {});
  assertEquals(own, await drawn(swag, { scale: 0.5 }));
  assertEquals(own, await drawn(swag, { scale: 0.5, cov: true }));
  assertNotEquals(own, await drawn(swag, { scale: 1 }));
  const alone = await drawn(swag, { cov: false });
  assertEquals(alone, await drawn(swag, { cov: false, scale: 1 }));
  assertEquals(await drawn(diagonal, {}), await drawn(diagonal, { scale: 1 }));
  // Logits and densities are those of the same Gaussian.
  const [weight] = model.parameters();
  assert(weight);
  const logits = (scale?: number) =>
    swag.getLogits(() => weight, {
      numPredictions: 3,
      seed: 1,
      ...scale === undefined ? {} : { scale },
    }).data();
  assertEquals(await logits(), await logits(0.5));
  assertEquals(
    await swag.logProbability(),
    await swag.logProbability({ scale: 0.5 }),
  );
  free(swag);
  free(diagonal);
});

gpuTest(
  "deviations are divided by the number held, not by the room for them",
  async () => {
    const sample = async (options: SwagOptions) => {
      const { swag } = collected({
        noCovMat: false,
        maxNumModels: 20,
        ...options,
      });
      swag.sampleParameters({ seed: 2 });
      const values = await readAll(swag.base.parameters());
      free(swag);
      return values;
    };
    const own = await sample({});
    assertEquals(own, await sample({ normalize: "rank" }));
    assertNotEquals(own, await sample({ normalize: "capacity" }));
  },
);

gpuTest("covariances that were not kept are refused in every mode", () => {
  // The original fails to concatenate, or silently leaves them out in blocks.
  const { swag } = collected({});
  for (const blockwise of [false, true]) {
    assertThrows(
      () => swag.sampleParameters({ cov: true, blockwise }),
      TypeError,
      "the posterior keeps no deviations, build it with noCovMat: false",
    );
  }
  free(swag);
});

gpuTest(
  "a posterior without collections leaves the model as it is",
  async () => {
    // The original sets its weights to 0, so that all logits are 0.
    manualSeed(1);
    const model = new BertForSequenceClassification(tinyConfig()).eval();
    const inputs = { inputIds: tensor([[2, 5, 3]], { dtype: "i32" }) };
    const before = await model.forward(inputs).logits.data();
    assert(before.some((x) => x !== 0));
    using swag = SwagModel.fromBase(model, { noCovMat: false });
    assertEquals(await model.forward(inputs).logits.data(), before);
    assertEquals(
      await swag.getLogits(() => model.forward(inputs)).data(),
      before,
    );
    assertThrows(
      () => swag.withSample({}, () => model.forward(inputs)),
      RangeError,
      "Cannot sample weights: nothing has been collected, call collectModel()",
    );
    assertEquals(await model.forward(inputs).logits.data(), before);
    model.dispose();
  },
);

gpuTest(
  "getLogits() gives those of tokens, spans and masked words",
  async () => {
    // The original knows logits [batch, classes] alone.
    const ids = [[2, 5, 6, 7, 3], [2, 8, 9, 3, 0]];
    const inputs = {
      inputIds: tensor(ids, { dtype: "i32" }),
      attentionMask: tensor([[1, 1, 1, 1, 1], [1, 1, 1, 1, 0]], {
        dtype: "i32",
      }),
    };
    const sampling = { scale: 0.5, seed: 6 };
    /** The logits of each sample, one after the other. */
    const loop = async (swag: SwagModel, forward: () => Tensor[]) => {
      const all: ArrayLike<number>[][] = [];
      for (let index = 0; index < 3; index++) {
        swag.sampleParameters({ ...sampling, index });
        all.push(await readAll(forward()));
      }
      swag.restoreWeights();
      return all;
    };
    const compare = async (
      logits: Tensor,
      swag: SwagModel,
      forward: () => Tensor[],
    ) => {
      const values = await logits.data();
      const samples = await loop(swag, forward);
      const parts = samples[0]?.length ?? 0;
      const width = (samples[0]?.[0]?.length ?? 0) / 2;
      for (let row = 0; row < 2; row++) {
        samples.forEach((tensors, s) =>
          tensors.forEach((own, part) => {
            const at = ((row * 3 + s) * parts + part) * width;
            assertClose(
              values.subarray(at, at + width),
              Array.from(own).slice(row * width, (row + 1) * width),
            );
          })
        );
      }
    };
    {
      const model = new BertForTokenClassification(
        tinyConfig({ numLabels: 4 }),
      );
      const swag = SwagModel.fromBase(model.eval(), { noCovMat: false });
      await collectAround(swag);
      const forward = () => model.forward(inputs);
      const logits = swag.getLogits(forward, {
        numPredictions: 3,
        ...sampling,
      });
      assertEquals(logits.shape, [2, 3, 5, 4]);
      await compare(logits, swag, () => [forward().logits]);
      free(swag);
    }
    {
      const model = new BertForQuestionAnswering(tinyConfig());
      const swag = SwagModel.fromBase(model.eval(), { noCovMat: false });
      await collectAround(swag);
      const forward = () => model.forward(inputs);
      const logits = swag.getLogits(forward, {
        numPredictions: 3,
        ...sampling,
      });
      assertEquals(logits.shape, [2, 3, 2, 5]);
      await compare(logits, swag, () => {
        const { startLogits, endLogits } = forward();
        return [startLogits, endLogits];
      });
      free(swag);
    }
    {
      const Model = architectureOf("bert").models.maskedLM;
      assert(Model);
      const model = new Model(tinyConfig());
      const swag = SwagModel.fromBase(model.eval(), { noCovMat: false });
      await collectAround(swag);
      const forward = () => model.forward(inputs);
      const logits = swag.getLogits(forward, {
        numPredictions: 3,
        ...sampling,
      });
      assertEquals(logits.shape, [2, 3, 5, tinyTokenizer().vocabSize]);
      await compare(logits, swag, () => [forward().logits]);
      free(swag);
    }
  },
);

gpuTest(
  "the moments of all weights are read with a prefix list, too",
  async () => {
    // The original's export to NumPy and its log density fail there.
    const { swag } = collected({ noCovMat: false, modulePrefixList: ["a"] });
    const moments = await swag.moments();
    assertEquals([...moments.keys()], ["a.weight", "b.weight"]);
    assertEquals(moments.get("a.weight")?.variance?.length, 20);
    assertEquals(moments.get("b.weight")?.variance, undefined);
    const sum = new Float64Array(37);
    for (let t = 0; t < 5; t++) {
      randomValues(37, t).forEach((x, i) => sum[i] = (sum[i] ?? 0) + x / 5);
    }
    assertClose(moments.get("b.weight")?.mean ?? [], sum.subarray(20));
    swag.sampleParameters({ seed: 1 });
    assert(Number.isFinite(await swag.logProbability()));
    free(swag);
  },
);

gpuTest(
  "a loaded posterior is built once, and tied weights stay tied",
  (device) =>
    inFolder(async (folder) => {
      const Model = architectureOf("bart").models.seq2SeqLM;
      assert(Model);
      const model = new Model(tinyConfigOf("bart"));
      const swag = SwagModel.fromBase(model, { noCovMat: false });
      await collectAround(swag);
      await swag.savePretrained(folder);
      free(swag);
      await device.synchronize();
      const before = device.pool.statistics().inUse;
      const again = await AutoSwagModelForSeq2SeqLM.fromPretrained(folder);
      const both = device.pool.statistics().inUse - before;
      again.dispose();
      const alone = device.pool.statistics().inUse - before;
      // The original needs twice as much, because its constructor builds two.
      const { total } = again.memoryEstimate;
      assert(both - alone >= total && both - alone < 1.1 * total);
      again.base.dispose();

      const other = await AutoSwagModelForSeq2SeqLM.fromPretrained(folder);
      const { base } = other;
      assert(base instanceof BartForConditionalGeneration);
      other.sampleParameters({ seed: 3 });
      const { shared } = base.model;
      const sample = await shared.weight.data();
      for (const { weight } of [base.lmHead, base.model.encoder.embedTokens]) {
        assertStrictEquals(weight, shared.weight);
      }
      other.restoreWeights();
      assertNotEquals(await shared.weight.data(), sample);
      free(other);
    }),
);

gpuTest(
  "statistics of batch norms are those of the training, or made anew",
  async () => {
    // The original leaves them as they were when the model was wrapped.
    class Net extends Module {
      readonly linear = new Linear(2, 1);
      readonly norm = new BatchNorm1d(1);
      forward(x: Tensor): Tensor {
        return this.norm.forward(this.linear.forward(x));
      }
    }
    manualSeed(1);
    const model = new Net();
    const swag = SwagModel.fromBase(model);
    const batch = tensor([[1, 2], [3, 5], [-4, 1]]);
    for (let t = 0; t < 4; t++) {
      model.linear.weight.write([1 + t, 2 - t]);
      model.forward(batch);
      swag.collectModel();
    }
    model.eval();
    const { runningMean } = model.norm;
    assert(runningMean);
    const trained = await runningMean.item();
    assert(trained !== 0);
    await swag.withSample({ seed: 1 }, async () => {
      assertEquals(await runningMean.item(), trained);
      await updateBn([batch], model);
      const outputs = await model.linear.forward(batch).data();
      const mean = outputs.reduce((sum, x) => sum + x / 3, 0);
      assertAlmostEquals(await runningMean.item(), mean, 1e-5);
    });
    free(swag);
  },
);
