// Copyright 2026 the swagpu authors. MIT license.

// All remedies of the few-sample kit in one run of the Trainer, captured.

import { assert, assertEquals } from "@std/assert";
import { manualSeed, readAll } from "../../../engine/mod.ts";
import {
  BartConfig,
  BartForSequenceClassification,
  BertConfig,
  BertForSequenceClassification,
  layerwiseLearningRates,
  MarianConfig,
  MarianMTModel,
  type PretrainedConfig,
  type PreTrainedModel,
  reinitialize,
  unfreezingStages,
} from "../../../models/mod.ts";
import {
  AdamW,
  applyMixout,
  GradualUnfreezingCallback,
  linearSchedule,
  MADGRAD,
  type Module,
  PriorDecay,
  Scheduler,
  Trainer,
} from "../../../nn/mod.ts";
import { gpuTest } from "../../_check.ts";

interface Row {
  inputIds: number[];
  labels: number | number[];
}

type Model = PreTrainedModel<PretrainedConfig> & {
  forward(inputs: never): object;
};

const SIZES = { vocabSize: 24, maxPositionEmbeddings: 16 };
const SEQ2SEQ = {
  ...{ ...SIZES, dModel: 8, encoderFfnDim: 8, decoderFfnDim: 8 },
  ...{ encoderLayers: 2, decoderLayers: 2 },
  ...{ encoderAttentionHeads: 2, decoderAttentionHeads: 2 },
};

/** The models, with the head that has no pre-trained weights. */
const MODELS: Record<string, () => { model: Model; head: string[] }> = {
  bert: () => ({
    model: new BertForSequenceClassification(
      new BertConfig({
        ...{ ...SIZES, hiddenSize: 8, intermediateSize: 8 },
        ...{ numHiddenLayers: 2, numAttentionHeads: 2 },
      }),
    ),
    head: ["classifier"],
  }),
  bart: () => ({
    model: new BartForSequenceClassification(
      new BartConfig({ ...SEQ2SEQ, eosTokenId: 2, padTokenId: 1 }),
    ),
    head: ["classification_head"],
  }),
  marian: () => ({
    model: new MarianMTModel(
      new MarianConfig({ ...SEQ2SEQ, padTokenId: 1, decoderStartTokenId: 1 }),
    ),
    head: [],
  }),
};

/** Texts of five tokens that end with token 2. */
function rows(kind: string): Row[] {
  return Array.from({ length: 12 }, (_, i) => {
    const inputIds = [...[5, 7, 11, 13].map((k) => 3 + (k * i) % 20), 2];
    return { inputIds, labels: kind === "marian" ? inputIds : i % 2 };
  });
}

/** Trains two epochs of six steps with everything at once. */
async function train(kind: string, { capture, rule }: {
  capture: boolean;
  rule: typeof AdamW | typeof MADGRAD;
}) {
  manualSeed(7);
  const { model, head } = MODELS[kind]?.() ??
    { model: null as never, head: [] };
  const renewed = reinitialize(model, { blocks: 1 });
  const mixing = applyMixout(model, { p: 0.5, exclude: head });
  const rates = layerwiseLearningRates(model, {
    ...{ learningRate: 0.02, gamma: 0.8, weightDecay: 0.1 },
  });
  const optimizer = rule === AdamW
    ? new AdamW(rates.groups, { correctBias: false, variant: "transformers" })
    : new MADGRAD(rates.groups, { momentum: 0.5 });
  const prior = new PriorDecay(model, optimizer, { exclude: head });
  const stages = unfreezingStages(model, { blocksPerStage: 4 });
  // Everything but the embeddings, and then all.
  const [last = [], ...others] = stages.toReversed();
  const before = await readAll(model.parameters());
  let runs = 0;
  const forward = model.forward.bind(model);
  model.forward = (inputs) => {
    runs++;
    return forward(inputs);
  };
  const trainer = new Trainer({
    model: model as Model & Module,
    args: {
      ...{ capture, numTrainEpochs: 2, perDeviceTrainBatchSize: 2 },
      ...{ loggingSteps: 1, maxGradNorm: 1 },
    },
    trainDataset: rows(kind),
    dataCollator: (batch: Row[]) => ({
      inputIds: {
        data: Int32Array.from(batch.flatMap(({ inputIds }) => inputIds)),
        shape: [batch.length, 5],
      },
      labels: {
        data: Int32Array.from(batch.flatMap(({ labels }) => labels)),
        shape: kind === "marian" ? [batch.length, 5] : [batch.length],
      },
    }),
    optimizers: [
      optimizer,
      new Scheduler(
        optimizer,
        linearSchedule({ totalSteps: 12, warmupSteps: 2 }),
      ),
    ],
    callbacks: [
      new GradualUnfreezingCallback([others.flat(), last]),
      prior,
      mixing,
    ],
  });
  await trainer.train();
  const after = await readAll(model.parameters());
  const log = trainer.state.logHistory.filter((entry) => "loss" in entry);
  mixing.dispose();
  prior.dispose();
  optimizer.dispose();
  const moved = before.map((values, i) =>
    values.some((x, k) => x !== after[i]?.[k])
  );
  const names = [...model.namedParameters()];
  const fixed = names.flatMap(([name, { requiresGrad }], i) =>
    moved[i] || !requiresGrad ? [] : [name]
  );
  model.dispose();
  return { after, renewed, fixed, log, runs };
}

const RULES: Record<string, (typeof AdamW | typeof MADGRAD)[]> = {
  bert: [AdamW, MADGRAD],
  bart: [AdamW],
  marian: [MADGRAD],
};

for (const [kind, rules] of Object.entries(RULES)) {
  for (const rule of rules) {
    gpuTest(
      `all remedies train ${kind} together with ${rule.name}`,
      async () => {
        const captured = await train(kind, { capture: true, rule });
        if (kind === "bert") { // One architecture is enough for this.
          const eager = await train(kind, { capture: false, rule });
          assertEquals(captured.after, eager.after);
        }
        // Two runs record a step, and two more when something is unfrozen.
        assert(captured.runs < 8, `${captured.runs} runs of 12 steps`);
        assert(captured.renewed.length >= 16);
        // All is trained that has a gradient: token types and biases of keys may not.
        const still = captured.fixed.filter((name) =>
          !/k(ey|_proj)\.bias/.test(name)
        );
        assertEquals(still, []);
        for (const { loss, prior_distance } of captured.log) {
          assert(Number.isFinite(loss) && Number.isFinite(prior_distance));
        }
        assert((captured.log[11]?.prior_distance ?? 0) > 0);
      },
    );
  }
}
