// Copyright 2026 the swagpu authors. MIT license.

// The callback that measures the posterior at the end of a run.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { readAll, type Tensor, tensor } from "../../../engine/mod.ts";
import { alias } from "../../../engine/kernel_kit.ts";
import {
  type ModelPrediction,
  SWAGCallback,
  type SWAGCallbackOptions,
  SwagModel,
} from "../../../swag/mod.ts";
import { assertClose, gpuTest } from "../../_check.ts";
import { inFolder, names } from "../../_folder.ts";
import { type Tiny, tinyRows, tinyTrainer } from "../../nn/trainer/_tiny.ts";

const ROWS = tinyRows(5, 2);

/** Trains with the callback, whose options follow from the model. */
async function run(
  folder: string,
  more: (model: Tiny) => Partial<SWAGCallbackOptions<number[][]>> = () => ({}),
  { maxNumModels = 6, signal }: {
    maxNumModels?: number;
    signal?: AbortSignal;
  } = {},
) {
  const { model, trainer } = tinyTrainer({
    ...{ maxSteps: 12, learningRate: 0.05, lrSchedulerType: "constant" },
    perDeviceTrainBatchSize: 4,
  });
  const swag = SwagModel.fromBase(model, { noCovMat: false, maxNumModels });
  const predictions: ModelPrediction[] = [];
  const callback = new SWAGCallback<number[][]>(swag, {
    collectSteps: 1,
    batches: () =>
      [ROWS.slice(0, 2), ROWS.slice(2)].map((rows) => rows.map(({ x }) => x)),
    forward: (x) => model.forward({ x: tensor(x) }),
    score: async (all) => {
      predictions.push(...all);
      const [first = []] = await readAll(all.map((p) => p.probabilities));
      return { first: first[0] ?? NaN };
    },
    reportFolder: folder,
    ...more(model),
  });
  trainer.addCallback(callback);
  const dispose = () => {
    swag.dispose();
    model.dispose();
  };
  try {
    await trainer.train(signal ? { signal } : {});
  } catch (error) {
    dispose();
    throw error;
  }
  const path = `${folder}/swag_eval_report.json`;
  const report = names(folder).length > 0
    ? JSON.parse(await Deno.readTextFile(path))
    : undefined;
  return { model, swag, callback, report, dispose };
}

gpuTest(
  "SWAGCallback measures an ensemble, and leaves the mean",
  () =>
    inFolder(async (folder) => {
      const { model, swag, report, dispose } = await run(folder);
      const steps = Array.from({ length: 12 }, (_, i) => i + 1);
      const { metrics, ...facts } = report;
      assertEquals(facts, {
        ...{ num_samples: 6, scale: 0.5, seed: 0, n_models: 12 },
        ...{ cov_mat_rank: 6, collected_steps: steps },
      });
      // The model has the mean for good, and an equal share of each sample was taken.
      assert(!swag.holdsSample);
      const moments = await swag.moments();
      for (const [name, parameter] of model.namedParameters()) {
        assertEquals(await parameter.data(), moments.get(name)?.mean);
      }
      model.eval();
      const x = tensor(ROWS.slice(0, 2).map(({ x }) => x));
      let first = 0;
      for (let index = 0; index < 6; index++) {
        const logits = swag.withSample(
          { scale: 0.5, seed: 0, index },
          () => model.forward({ x }).logits,
        );
        const [a = 0, b = 0] = await logits.data();
        first += 1 / (1 + Math.exp(b - a)) / 6;
      }
      assertClose([metrics.first], [first]);
      dispose();
    }),
);

gpuTest(
  "SWAGCallback scales the whole covariance, unlike dicee",
  () =>
    inFolder(async (folder) => {
      // There are as many samples as deviations that could be held; 12 are.
      const maxNumModels = 1500;
      const scale = 0.25;
      let flat: Float32Array = new Float32Array();
      const { model, swag, dispose } = await run(folder, (model) => ({
        scale,
        batches: () => [[]],
        forward: () => {
          const { segment } = model.first.weight.location ?? {};
          const values = segment?.values as Tensor;
          return alias(values, [1, values.size]);
        },
        problemType: "regression",
        score: async ([prediction]) => {
          flat = await prediction?.samples?.data() as Float32Array;
          return {};
        },
      }), { maxNumModels });
      assertEquals(swag.covMatRank, 12);
      // The sums of all variances: of the samples, and of the parts of the posterior.
      let [found, diagonal, lowRank] = [0, 0, 0];
      const width = flat.length / maxNumModels;
      const moments = await swag.moments();
      for (const [name, parameter] of model.namedParameters()) {
        const { variance = [], deviations = [] } = moments.get(name) ?? {};
        for (const v of variance) diagonal += v;
        for (const d of deviations) lowRank += d * d / 11;
        const at = parameter.location?.offset ?? 0;
        for (let i = at; i < at + parameter.size; i++) {
          let [sum, squares] = [0, 0];
          for (let s = 0; s < maxNumModels; s++) {
            const d = (flat[s * width + i] ?? NaN) - (flat[i] ?? NaN);
            sum += d;
            squares += d * d;
          }
          found += squares / maxNumModels - (sum / maxNumModels) ** 2;
        }
      }
      const expected = scale * (diagonal + lowRank);
      const dicee = scale ** 2 * diagonal + lowRank;
      // A normal number in one direction has the largest standard error, √(2 / 1500).
      assert(Math.abs(found / expected - 1) < 4 * 0.037, `${found / expected}`);
      assert(dicee / expected > 1.5, `${dicee / expected}`);
      dispose();
    }),
);

gpuTest(
  "SWAGCallback refuses a run that has collected nothing",
  () =>
    inFolder(async (folder) => {
      const late = { collectSteps: 5, skipFirst: 3 };
      await assertRejects(
        () => run(folder, () => late),
        RangeError,
        "Cannot measure the posterior: nothing has been collected",
      );
      assertEquals(names(folder), []);
      await Deno.writeTextFile(`${folder}/file`, "");
      await assertRejects(() => run(`${folder}/file/below`), Error, "file");
      const { model } = tinyTrainer({});
      using swag = SwagModel.fromBase(model);
      const rest = {
        batches: () => [],
        forward: () => tensor([0]),
        score: () => ({}),
        reportFolder: folder,
      };
      assertThrows(
        () => new SWAGCallback(swag, { ...rest, scale: -1 }),
        RangeError,
        "Cannot measure a posterior with scale -1",
      );
      assertThrows(
        () => new SWAGCallback(swag, { ...rest, samples: 3 } as never),
        TypeError,
        'option "samples"',
      );
      model.dispose();
    }),
);

gpuTest(
  "SWAGCallback waits for the end of a run that a signal has cut",
  () =>
    inFolder(async (folder) => {
      const controller = new AbortController();
      const gate = {
        evaluate: () => {
          controller.abort();
          return 0;
        },
      };
      const { swag, report, model, dispose } = await run(
        folder,
        () => ({ gate }),
        { signal: controller.signal },
      );
      assertEquals([swag.nModels, report], [1, undefined]);
      const first = await model.first.weight.data();
      const { mean } =
        (await swag.moments(["first.weight"])).get("first.weight") ??
          {};
      // One collection is its own mean, and no other weights have come since.
      assertEquals(first, mean);
      dispose();
    }),
);
