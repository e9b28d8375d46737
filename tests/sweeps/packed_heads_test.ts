// Copyright 2026 the swagpu authors. MIT license.

// The losses and gradients of every head must be the same for packed texts as for
// the padded batch.

import { assert, assertEquals } from "@std/assert";
import {
  backward,
  type IntegerTensor,
  manualSeed,
  noGrad,
  readAll,
  type Tensor,
  tensor,
} from "../../engine/mod.ts";
import {
  BartForCausalLM,
  BartForConditionalGeneration,
  BartForQuestionAnswering,
  BartForSequenceClassification,
  BertForMaskedLM,
  BertForMultipleChoice,
  BertForQuestionAnswering,
  BertForSequenceClassification,
  BertForTokenClassification,
  BertLMHeadModel,
  MarianForCausalLM,
  MarianMTModel,
  ModernBertForMaskedLM,
  ModernBertForMultipleChoice,
  ModernBertForQuestionAnswering,
  ModernBertForSequenceClassification,
  ModernBertForTokenClassification,
  type PretrainedConfig,
  type PreTrainedModel,
  RobertaForCausalLM,
  RobertaForMaskedLM,
  RobertaForMultipleChoice,
  RobertaForQuestionAnswering,
  RobertaForSequenceClassification,
  RobertaForTokenClassification,
} from "../../models/mod.ts";
import { assertClose, gpuTest, randomValues } from "../_check.ts";
import {
  bart,
  bert,
  bertDecoder,
  LABELS,
  LENGTHS,
  marian,
  modernBert,
  packedOr,
  roberta,
  robertaDecoder,
  type Rows,
  rowsOf,
  SEED,
  SOURCES,
  TARGETS,
  tensors,
  textsOf,
  VOCABULARY,
} from "../models/architectures/_packed_texts.ts";

/** The outputs of any head that the tests read. */
interface Scores {
  loss?: Tensor;
  logits?: Tensor;
  startLogits?: Tensor;
  endLogits?: Tensor;
}

/** Makes a head's batch, with labels, and packed if a multiple is given. */
type Request = (multipleOf: number | undefined) => Record<string, unknown>;

interface Head {
  name: string;
  make(): PreTrainedModel<PretrainedConfig> & {
    forward(inputs: never): Scores;
  };
  request: Request;
  /** The tokens, if each of them has a score. */
  tokens?: Rows;
}

/** Sources with labels of some kind. */
function labeled(labels: () => IntegerTensor): Request {
  return (multipleOf) => ({
    ...tensors(SOURCES),
    ...packedOr("packing", SOURCES, multipleOf),
    labels: labels(),
  });
}

const tokenLabels = (count: number) =>
  labeled(() =>
    tensor(
      Int32Array.from(
        randomValues(SOURCES.ids.length, 9, 0, count),
        (x, i) => SOURCES.mask[i] && i % 3 !== 1 ? Math.floor(x) : -100,
      ),
      { shape: SOURCES.shape },
    )
  );

const ownTokens = labeled(() =>
  tensor(SOURCES.ids.map((id, i) => SOURCES.mask[i] ? id : -100), {
    shape: SOURCES.shape,
  })
);

const textLabels = labeled(() => tensor(Int32Array.of(0, 4, 2, 1)));

const choices: Request = (multipleOf) => {
  const shape = [2, 2, SOURCES.shape[1]];
  const { ids, mask } = SOURCES;
  return {
    inputIds: tensor(ids, { shape }),
    attentionMask: tensor(mask, { shape }),
    ...packedOr("packing", SOURCES, multipleOf),
    labels: tensor(Int32Array.of(1, 0)),
  };
};

const written: Request = (multipleOf) => ({
  ...tensors(SOURCES),
  ...packedOr("packing", SOURCES, multipleOf),
  ...packedOr("decoderPacking", TARGETS, multipleOf),
  labels: tensor(TARGETS.ids, { shape: TARGETS.shape }),
});

const perToken = { tokens: SOURCES };

const HEADS: readonly Head[] = [
  ...([
    [BertForMaskedLM, BertForTokenClassification, bert],
    [RobertaForMaskedLM, RobertaForTokenClassification, roberta],
    [ModernBertForMaskedLM, ModernBertForTokenClassification, modernBert()],
  ] as const).flatMap(([Masked, Tokens, config]): Head[] => [
    {
      name: Masked.name,
      make: () => new Masked(config as never),
      request: tokenLabels(VOCABULARY),
      ...perToken,
    },
    {
      name: Tokens.name,
      make: () => new Tokens(config as never),
      request: tokenLabels(LABELS),
      ...perToken,
    },
  ]),
  ...([
    [BertForSequenceClassification, bert],
    [RobertaForSequenceClassification, roberta],
    [ModernBertForSequenceClassification, modernBert()],
    [ModernBertForSequenceClassification, modernBert("mean")],
    [BartForSequenceClassification, bart],
  ] as const).map(([Model, config]): Head => ({
    name: `${Model.name} ${Reflect.get(config, "classifierPooling") ?? ""}`,
    make: () => new Model(config as never),
    request: textLabels,
  })),
  ...([
    [BertForMultipleChoice, bert],
    [RobertaForMultipleChoice, roberta],
    [ModernBertForMultipleChoice, modernBert()],
  ] as const).map(([Model, config]): Head => ({
    name: Model.name,
    make: () => new Model(config as never),
    request: choices,
  })),
  ...([
    [BertLMHeadModel, bertDecoder],
    [RobertaForCausalLM, robertaDecoder],
    [BartForCausalLM, bart],
    [MarianForCausalLM, marian],
  ] as const).map(([Model, config]): Head => ({
    name: Model.name,
    make: () => new Model(config as never),
    request: ownTokens,
    ...perToken,
  })),
  ...([
    [BartForConditionalGeneration, bart],
    [MarianMTModel, marian],
  ] as const).map(([Model, config]): Head => ({
    name: Model.name,
    make: () => new Model(config as never),
    request: written,
    tokens: TARGETS,
  })),
  {
    name: "BartForConditionalGeneration, of packed sources alone,",
    make: () => new BartForConditionalGeneration(bart),
    request: (multipleOf) => {
      const { decoderPacking: _, ...inputs } = written(multipleOf);
      return inputs;
    },
  },
];

/** A head's loss, scores and gradients, by name. */
async function trained(
  model: ReturnType<Head["make"]>,
  batches: readonly Record<string, unknown>[],
): Promise<Map<string, Float32Array>> {
  const all = new Map<string, Tensor>();
  for (const [i, batch] of batches.entries()) {
    const { loss, ...scores } = model.forward(batch as never);
    assert(loss);
    backward(loss, { gradient: tensor(1 / batches.length) });
    all.set(`loss ${i}`, loss);
    for (const [name, x] of Object.entries(scores)) {
      if (/logits$/i.test(name)) all.set(`${name} ${i}`, x);
    }
  }
  for (const [name, { grad }] of model.namedParameters()) {
    if (grad) all.set(name, grad);
  }
  const values = await readAll([...all.values()]) as Float32Array[];
  for (const [, p] of model.namedParameters()) {
    p.grad?.write(new Float32Array(p.size));
  }
  return new Map([...all.keys()].map((name, i) => [name, values[i] ?? EMPTY]));
}

const EMPTY = new Float32Array();

function assertSame(
  actual: Map<string, ArrayLike<number>>,
  expected: Map<string, ArrayLike<number>>,
): void {
  assertEquals([...actual.keys()].sort(), [...expected.keys()].sort());
  for (const [name, values] of expected) {
    const largest = Math.max(1e-2, ...Array.from(values, Math.abs));
    const tolerance = { absolute: 3e-5 * largest, relative: 3e-5 };
    assertClose(actual.get(name) ?? [], values, tolerance, name);
  }
}

for (const { name, make, request, tokens } of HEADS) {
  gpuTest(`${name} trains on packed texts as on padded ones`, async () => {
    manualSeed(SEED);
    const model = make();
    const padded = await trained(model, [request(undefined)]);
    assert(padded.size > 20);
    const logits = padded.get("logits 0");
    assert(logits);
    if (tokens) {
      const width = logits.length / tokens.mask.length;
      logits.forEach((_, i) => {
        if (!tokens.mask[Math.floor(i / width)]) logits[i] = 0;
      });
    }
    for (const multipleOf of [1, 16]) {
      assertSame(await trained(model, [request(multipleOf)]), padded);
    }
    model.dispose();
  });
}

for (
  const [Model, config] of [
    [BertForQuestionAnswering, bert],
    [RobertaForQuestionAnswering, roberta],
    [ModernBertForQuestionAnswering, modernBert()],
    [BartForQuestionAnswering, bart],
  ] as const
) {
  gpuTest(`${Model.name} finds answers in packed texts as alone`, async () => {
    manualSeed(SEED);
    const model = new Model(config as never);
    const starts = [1, 0, 4, 1];
    const ends = [3, 0, 8, 0];
    const positions = (from: number, to: number) => ({
      startPositions: tensor(Int32Array.from(starts.slice(from, to))),
      endPositions: tensor(Int32Array.from(ends.slice(from, to))),
    });
    const alone = await trained(
      model,
      textsOf(LENGTHS, 3, 2).map((text, row) => ({
        ...tensors(rowsOf([text])),
        ...positions(row, row + 1),
      })),
    );
    const [batch, length] = SOURCES.shape;
    const losses = LENGTHS.map((_, row) => alone.get(`loss ${row}`)?.[0] ?? 0);
    const loss = losses.reduce((sum, x) => sum + x, 0) / batch;
    const expected = new Map<string, ArrayLike<number>>([["loss 0", [loss]]]);
    for (const side of ["startLogits", "endLogits"]) {
      const scores = new Float32Array(batch * length).fill(-3.4028234e38);
      LENGTHS.forEach((_, row) =>
        scores.set(alone.get(`${side} ${row}`) ?? [], row * length)
      );
      expected.set(`${side} 0`, scores);
    }
    for (const [name, values] of alone) {
      if (!/ \d+$/.test(name)) expected.set(name, values);
    }
    for (const multipleOf of [1, 16]) {
      const packed = await trained(model, [{
        ...tensors(SOURCES),
        ...packedOr("packing", SOURCES, multipleOf),
        ...positions(0, batch),
      }]);
      assertSame(packed, expected);
    }
    model.dispose();
  });
}

gpuTest(
  "an answer in the padding of packed texts is ignored",
  async () => {
    manualSeed(SEED);
    const model = new BertForQuestionAnswering(bert);
    const lossOf = (positions: readonly number[]) => {
      const loss = model.forward({
        ...tensors(SOURCES),
        ...packedOr("packing", SOURCES, 1),
        startPositions: tensor(Int32Array.from(positions)),
        endPositions: tensor(Int32Array.from(positions)),
      }).loss;
      return loss;
    };
    const [a, b] = await readAll([lossOf([1, 7, 4, 1]), lossOf([1, 99, 4, 1])]);
    assert(Number.isFinite(a?.[0]));
    assertEquals(a, b);
    model.dispose();
  },
);

gpuTest("packed scores are put together when they are read", async (device) => {
  manualSeed(SEED);
  const model = new BertForMaskedLM(bert).eval();
  const inputs = tokenLabels(VOCABULARY)(1) as never;
  const output = noGrad(() => model.forward(inputs));
  const before = device.pool.statistics().inUse;
  const { logits } = output;
  assertEquals(logits.shape, [...SOURCES.shape, VOCABULARY]);
  assert(device.pool.statistics().inUse > before);
  assert(output.logits === logits);
  logits.dispose();
  assertEquals(output.logits.isDisposed, false);
  assertEquals((await output.logits.data()).length, 4 * 11 * VOCABULARY);
  model.dispose();
});
