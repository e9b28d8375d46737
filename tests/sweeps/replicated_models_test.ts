// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  backward,
  capture,
  manualSeed,
  mul,
  readAll,
  Replicas,
  scope,
  type Tensor,
  tensor,
} from "../../engine/mod.ts";
import {
  BartConfig,
  BartForSequenceClassification,
  BertConfig,
  BertForSequenceClassification,
  ModernBertConfig,
  ModernBertForSequenceClassification,
} from "../../models/mod.ts";
import {
  AdamW,
  clipGradNorm,
  type Module,
  type Optimizer,
  type Parameter,
  SGD,
} from "../../nn/mod.ts";
import { gpuTest } from "../_check.ts";

const SEEDS = [31, 32, 33];
const STEPS = 5;

const SIZES = {
  vocabSize: 30,
  hiddenSize: 24,
  numHiddenLayers: 1,
  numAttentionHeads: 2,
  intermediateSize: 36,
  numLabels: 3,
};

/** A classifier in training mode, as all models are when they are made. */
type Classifier = Module & {
  forward(inputs: ReturnType<typeof batch>): { loss?: Tensor; logits: Tensor };
};

/** A batch of three texts, two of them padded. */
function batch() {
  const i32 = (rows: number[][]) => tensor(rows, { dtype: "i32" });
  return {
    inputIds: i32([[2, 7, 29, 4, 11], [2, 9, 3, 0, 0], [2, 14, 8, 3, 0]]),
    attentionMask: i32([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 1, 1, 1, 0]]),
    labels: tensor([2, 0, 1], { dtype: "i32" }),
  };
}

/** Trains a classifier with dropout; `run` runs its parts. */
function train(
  make: () => Classifier,
  optimize: (parameters: Parameter[]) => Optimizer,
  run: <T>(part: () => T) => T,
  isCaptured = false,
) {
  const { model, optimizer } = run(() => {
    const model = make();
    model.placeParameters();
    model.train();
    return { model, optimizer: optimize(model.parameters()) };
  });
  using step = capture((inputs: ReturnType<typeof batch>) => {
    const { loss, logits } = model.forward(inputs);
    assert(loss);
    backward(loss);
    const norm = clipGradNorm(optimizer, 1);
    optimizer.step();
    return { loss, logits, norm };
  }, { enabled: isCaptured });
  let last: Record<string, Tensor> = {};
  for (let k = 0; k < STEPS; k++) {
    run(() => {
      using _ = scope();
      last = step(batch());
    });
  }
  if (isCaptured) assertEquals(step.reason, undefined);
  // The results of the step are freed with it.
  const results = run(() => Object.values(last).map((x) => mul(x, 1)));
  optimizer.dispose();
  return { model, results: [...results, ...model.parameters()] };
}

const adamW = (parameters: Parameter[]) =>
  new AdamW(parameters, { learningRate: 0.01, weightDecay: 0.1 }) as Optimizer;
const sgd = (parameters: Parameter[]) =>
  new SGD(parameters, { learningRate: 0.1 }) as Optimizer;

const bert = () =>
  new BertForSequenceClassification(
    new BertConfig({ ...SIZES, initializerRange: 0.3 }),
  );

const CASES = {
  "BERT trained by SGD": [bert, sgd],
  "BERT trained by AdamW": [bert, adamW],
  "ModernBERT": [
    () =>
      new ModernBertForSequenceClassification(
        new ModernBertConfig({
          ...SIZES,
          numHiddenLayers: 2,
          attentionDropout: 0.1,
          mlpDropout: 0.1,
          padTokenId: 0,
          bosTokenId: 1,
          eosTokenId: 2,
          clsTokenId: 1,
          sepTokenId: 2,
        }),
      ),
    adamW,
  ],
} as const;

for (const [name, [make, optimize]] of Object.entries(CASES)) {
  gpuTest(`replicas have the bits of one alone: ${name}`, async () => {
    using replicas = new Replicas(SEEDS);
    const { model, results } = train(
      make,
      optimize,
      (part) => replicas.run(part),
      true,
    );
    using _ = model;
    const found = await Promise.all(results.map((x) => replicas.data(x)));
    for (const [j, seed] of SEEDS.entries()) {
      manualSeed(seed);
      const alone = train(make, optimize, (part) => part());
      using _ = alone.model;
      assertEquals(
        found.map((x) => x[j]),
        await readAll(alone.results),
        `replica ${j}`,
      );
    }
  });
}

gpuTest("a model that draws on the host is refused as replicas", () => {
  using replicas = new Replicas(SEEDS);
  using model = replicas.run(() =>
    new BartForSequenceClassification(
      new BartConfig({
        vocabSize: 30,
        dModel: 8,
        encoderLayers: 1,
        decoderLayers: 1,
        encoderAttentionHeads: 2,
        decoderAttentionHeads: 2,
        encoderFfnDim: 8,
        decoderFfnDim: 8,
        encoderLayerdrop: 0.5,
        numLabels: 3,
      }),
    ).train()
  );
  assertThrows(
    () => replicas.run(() => model.forward(batch())),
    TypeError,
    "Cannot draw random numbers on the host for several replicas at once",
  );
});
