// Copyright 2026 the swagpu authors. MIT license.

// Particles of a MultiSWAG that are trained in the same dispatches have the bits of
// particles that are trained one after the other.

import {
  assert,
  assertEquals,
  assertNotEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";
import {
  backward,
  crossEntropy,
  currentDevice,
  defaultGenerator,
  elu,
  manualSeed,
  mean,
  mul,
  readAll,
  Replicas,
  type Tensor,
  tensor,
} from "../../../engine/mod.ts";
import { philoxUniform } from "../../../engine/kernel_kit.ts";
import {
  BatchNorm1d,
  Dropout,
  Embedding,
  LayerNorm,
  Linear,
  Module,
  mseLoss,
  SGD,
} from "../../../nn/mod.ts";
import {
  type BayesInferOptions,
  MultiSwag,
  SwagModel,
} from "../../../swag/mod.ts";
import { gpuTest } from "../../_check.ts";

const X = Float32Array.from({ length: 14 }, (_, i) => i / 7 - 1);

class Regression extends Module {
  first = new Linear(1, 16);
  norm = new BatchNorm1d(16);
  dropout = new Dropout(0.2);
  second = new Linear(16, 16);
  last = new Linear(16, 1);
  forward(x: Tensor): Tensor {
    const hidden = this.norm.forward(elu(this.first.forward(x)));
    return this.last.forward(
      elu(this.second.forward(this.dropout.forward(hidden))),
    );
  }
}

interface Feed {
  x: { data: Float32Array<ArrayBuffer>; shape: number[] };
  y: { data: Float32Array<ArrayBuffer>; shape: number[] };
}

const column = (data: Float32Array<ArrayBuffer>) => ({
  data,
  shape: [data.length, 1],
});

const regression: BayesInferOptions<Regression, Feed> = {
  examples: X.length,
  inputs: (rows) => {
    const x = Float32Array.from(rows, (row) => X[row] ?? NaN);
    return { x: column(x), y: column(x.map((x) => Math.sin(3 * x))) };
  },
  step: (model, { x, y }) => mseLoss(model.forward(x), y),
  numModels: 3,
  pretrainEpochs: 3,
  swagEpochs: 5,
  covMatRank: 3,
  seed: 5,
};

/** All that a trained MultiSWAG holds. */
async function contentsOf(multi: MultiSwag<Module>) {
  const moments = await Promise.all(
    multi.particles.map((swag) => swag.moments()),
  );
  const weights = await readAll([...multi.base.namedTensors().values()]);
  return {
    counts: multi.particles.map(({ nModels, covMatRank }) =>
      [nModels, covMatRank] as const
    ),
    moments: moments.map((named) => [...named]),
    weights,
  };
}

/** What training together gives, and one after the other, with the dispatches. */
async function bothWays<M extends Module, Feed extends object>(
  build: () => M,
  options: BayesInferOptions<M, Feed>,
  predict: (model: M) => Tensor,
) {
  const { stream } = currentDevice();
  const results = [];
  for (const together of [true, false]) {
    const { dispatches } = stream.statistics();
    using multi = await MultiSwag.bayesInfer(build, { ...options, together });
    const taken = stream.statistics().dispatches - dispatches;
    using base = multi.base;
    // Predictions use the buffers of each particle, too.
    const logits = multi.getLogits(() => predict(base), { numPredictions: 2 });
    const contents = await contentsOf(multi);
    const mode = base.training;
    results.push(
      [taken, {
        ...contents,
        mode,
        logits: await logits.data(),
      }] as const,
    );
  }
  const [together, apart] = results;
  assert(together && apart);
  return { together, apart };
}

const predictRegression = (model: Regression) =>
  model.forward(tensor(X, { shape: [X.length, 1] }));

const CASES: Readonly<
  Record<string, Partial<BayesInferOptions<Regression, Feed>>>
> = {
  "all examples in a batch": {},
  "batches in another order for each": { batchSize: 5 },
  "resamples": { bootstrap: true },
  "batches of resamples": { bootstrap: true, batchSize: 4 },
  "an optimizer of the caller's": {
    optimizer: (model) =>
      new SGD(model.parameters(), { learningRate: 0.05, momentum: 0.9 }),
  },
  "a part of the weights": { modulePrefixList: ["last", "second.bias"] },
  "a deep ensemble": { pretrainEpochs: 4, swagEpochs: 0 },
};

for (const [name, options] of Object.entries(CASES)) {
  gpuTest(
    `particles have the same bits together and apart: ${name}`,
    async () => {
      const { together, apart } = await bothWays(
        () => new Regression(),
        { ...regression, ...options },
        predictRegression,
      );
      assertEquals(together[1], apart[1]);
      assert(
        together[0] < 0.6 * apart[0],
        `${together[0]} dispatches together, ${apart[0]} apart`,
      );
    },
  );
}

class Classifier extends Module {
  tokens = new Embedding(9, 8);
  norm = new LayerNorm(8);
  output = new Linear(8, 3);
  forward(ids: Tensor<"i32">): Tensor {
    const pooled = mean(this.tokens.forward(ids), { axis: 1 });
    return this.output.forward(this.norm.forward(pooled));
  }
}

interface Texts {
  ids: { data: Int32Array<ArrayBuffer>; shape: number[] };
  labels: Int32Array<ArrayBuffer>;
}

/** Texts of six tokens, or of a length that the first one of a batch decides. */
function texts(
  isRagged: boolean,
  step?: BayesInferOptions<Classifier, Texts>["step"],
): BayesInferOptions<Classifier, Texts> {
  return {
    examples: 8,
    batchSize: 4,
    numModels: 2,
    pretrainEpochs: 1,
    swagEpochs: 3,
    inputs: (rows) => {
      const length = isRagged ? 3 + (rows[0] ?? 0) : 6;
      const tokens = [...rows].flatMap((row) =>
        Array.from({ length }, (_, i) => (row * 5 + i * i) % 9)
      );
      return {
        ids: { data: Int32Array.from(tokens), shape: [rows.length, length] },
        labels: Int32Array.from(rows, (row) => row % 3),
      };
    },
    step: step ??
      ((model, { ids, labels }) => crossEntropy(model.forward(ids), labels)),
  };
}

const predictText = (model: Classifier) =>
  model.forward(tensor(Int32Array.of(1, 2, 3, 4), { shape: [2, 2] }));

gpuTest("particles have the same bits together and apart: texts", async () => {
  const { together, apart } = await bothWays(
    () => new Classifier(),
    texts(false),
    predictText,
  );
  assertEquals(together[1], apart[1]);
  assert(together[0] < 0.8 * apart[0]);
});

gpuTest(
  "particles whose batches differ in shape are trained apart",
  async () => {
    const { together, apart } = await bothWays(
      () => new Classifier(),
      texts(true),
      predictText,
    );
    assertEquals(together[1], apart[1]);
    assert(together[0] >= apart[0]);
  },
);

gpuTest("particles that draw on the host are trained apart", async () => {
  const { together, apart } = await bothWays(
    () => {
      const model = new Classifier();
      const scale = 1 + philoxUniform(defaultGenerator().next(), 0);
      return Object.assign(model, { scale });
    },
    {
      ...texts(false),
      step: (model, { ids, labels }) =>
        mul(crossEntropy(model.forward(ids), labels), model.scale),
    },
    predictText,
  );
  assertEquals(together[1], apart[1]);
  assertNotEquals(together[1].moments[0], together[1].moments[1]);
});

gpuTest(
  "losses are reported for each particle, and particles when done",
  async () => {
    const seen = new Map<number, number>();
    const done: number[] = [];
    using multi = await MultiSwag.bayesInfer(() => new Regression(), {
      ...regression,
      onLog: ({ particle, epoch, step, loss }) => {
        assertEquals(epoch, step - 1);
        assert(loss > 0 && loss < 10);
        seen.set(particle, step);
      },
      onParticle: (particle) => void done.push(particle),
    });
    multi.base.dispose();
    assertEquals([...seen], [[0, 8], [1, 8], [2, 8]]);
    assertEquals(done, [0, 1, 2]);
  },
);

gpuTest(
  "a loss that is not finite ends the training, and frees all",
  async () => {
    await assertRejects(
      () =>
        MultiSwag.bayesInfer(() => new Regression(), {
          ...regression,
          pretrainEpochs: 6,
          swagEpochs: 0,
          learningRate: 1e30,
        }),
      RangeError,
      "Cannot train on: the loss of step",
    );
  },
);

gpuTest(
  "one replica's NaN ends the posterior of all, and says so",
  async () => {
    using replicas = new Replicas([1, 2, 3]);
    using model = replicas.run(() => new Linear(2, 1));
    using swag = replicas.run(() =>
      SwagModel.fromBase(model, { noCovMat: false, maxNumModels: 3 })
    );
    replicas.run(() => swag.collectModel());
    replicas.only(1, () => model.weight.write([1, NaN]));
    replicas.run(() => swag.collectModel());
    const message =
      "weight of replica 1 was not finite, so the posterior of all " +
      "replicas is lost";
    await assertRejects(() => tensor([1]).data(), RangeError, message);
    assertThrows(
      () => replicas.run(() => swag.collectModel()),
      RangeError,
      message,
    );
    await assertRejects(
      () => replicas.only(0, () => swag.moments()),
      RangeError,
      message,
    );
  },
);

for (const deviations of ["f32", "f16", "int8"] as const) {
  gpuTest(
    `a posterior of replicas holds the bits of one alone (${deviations})`,
    async () => {
      const settings = { noCovMat: false, maxNumModels: 3, deviations };
      /** Collects five times while weights are trained. */
      const collected = () => {
        const model = new Linear(9, 11);
        using optimizer = new SGD(model.parameters(), { learningRate: 0.3 });
        const swag = SwagModel.fromBase(model, settings);
        const x = tensor(X.slice(0, 9), { shape: [1, 9] });
        for (let k = 0; k < 5; k++) {
          const y = model.forward(x);
          backward(mean(mul(y, y)));
          optimizer.step();
          swag.collectModel();
        }
        return { model, swag };
      };
      using replicas = new Replicas([4, 5]);
      const together = replicas.run(collected);
      for (const [j, seed] of [4, 5].entries()) {
        manualSeed(seed);
        const alone = collected();
        using own = SwagModel.fromBase(alone.model, settings);
        replicas.only(j, () => own.copyMoments(together.swag));
        const expected = [...await alone.swag.moments()];
        assertEquals([...await own.moments()], expected);
        const read = replicas.only(j, () => together.swag.moments());
        assertEquals([...await read], expected);
        // A sample of one replica is that of its posterior alone.
        replicas.only(j, () => together.swag.sampleParameters({ seed: 3 }));
        own.sampleParameters({ seed: 3 });
        assertEquals(
          (await replicas.data(together.model.weight))[j],
          await alone.model.weight.data(),
        );
        replicas.only(j, () => together.swag.restoreWeights());
        own.acceptWeights();
        alone.swag.dispose();
        alone.model.dispose();
      }
      together.swag.dispose();
      together.model.dispose();
    },
  );
}

gpuTest("copyMoments() asks for the same parameters", () => {
  const model = new Linear(2, 1);
  using a = SwagModel.fromBase(model, { noCovMat: false, maxNumModels: 3 });
  using b = SwagModel.fromBase(model, { noCovMat: false, maxNumModels: 4 });
  assertThrows(
    () => a.copyMoments(b),
    TypeError,
    "Cannot copy moments: the posterior holds 3 deviations in f32 of weight " +
      "[1, 2], bias [1], the other 4 deviations in f32 of weight [1, 2], bias [1]",
  );
  model.dispose();
});
