// Copyright 2026 the swagpu authors. MIT license.

// Packed texts must be what they are alone, in every architecture; losses and
// gradients of every head must be those of the padded batch; and fillers must
// change nothing.

import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  backward,
  capture,
  manualSeed,
  noGrad,
  readAll,
  scope,
  type Tensor,
  tensor,
} from "../../../engine/mod.ts";
import { SGD } from "../../../nn/mod.ts";
import {
  BartConfig,
  BartForCausalLM,
  BartForConditionalGeneration,
  BartForQuestionAnswering,
  BartForSequenceClassification,
  BartModel,
  BertConfig,
  BertForMaskedLM,
  BertForMultipleChoice,
  BertForQuestionAnswering,
  BertForSequenceClassification,
  BertForTokenClassification,
  BertLMHeadModel,
  BertModel,
  generate,
  MarianConfig,
  MarianForCausalLM,
  MarianModel,
  MarianMTModel,
  ModernBertConfig,
  ModernBertForMaskedLM,
  ModernBertForMultipleChoice,
  ModernBertForQuestionAnswering,
  ModernBertForSequenceClassification,
  ModernBertForTokenClassification,
  ModernBertModel,
  type Packing,
  packingOf,
  type PretrainedConfig,
  type PreTrainedModel,
  RobertaConfig,
  RobertaForCausalLM,
  RobertaForMaskedLM,
  RobertaForMultipleChoice,
  RobertaForQuestionAnswering,
  RobertaForSequenceClassification,
  RobertaForTokenClassification,
  RobertaModel,
} from "../../../models/mod.ts";
import {
  assertClose,
  gpuTest,
  randomValues,
  type Tolerance,
} from "../../_check.ts";

/** Other shapes sum in another order: rounding after a few layers. */
const LAYERS: Tolerance = { absolute: 2e-5, relative: 2e-5 };

const WIDTH = 16;
const VOCABULARY = 30;
const LABELS = 5;
/** Tokens from here on have no role in any architecture. */
const ORDINARY = 5;
const SEED = 20;

const BERT_LIKE = {
  vocabSize: VOCABULARY,
  hiddenSize: WIDTH,
  numHiddenLayers: 2,
  numAttentionHeads: 2,
  intermediateSize: 24,
  maxPositionEmbeddings: 40,
  initializerRange: 0.3,
  numLabels: LABELS,
  hiddenDropoutProb: 0,
  attentionProbsDropoutProb: 0,
};

const BART_LIKE = {
  vocabSize: VOCABULARY,
  dModel: WIDTH,
  encoderLayers: 2,
  decoderLayers: 2,
  encoderAttentionHeads: 2,
  decoderAttentionHeads: 2,
  encoderFfnDim: 24,
  decoderFfnDim: 24,
  maxPositionEmbeddings: 40,
  initStd: 0.3,
  numLabels: LABELS,
  dropout: 0,
};

const bert = new BertConfig(BERT_LIKE);
const bertDecoder = new BertConfig({ ...BERT_LIKE, isDecoder: true });
const roberta = new RobertaConfig(BERT_LIKE);
const robertaDecoder = new RobertaConfig({ ...BERT_LIKE, isDecoder: true });
const bart = new BartConfig(BART_LIKE);
const marian = new MarianConfig({
  ...BART_LIKE,
  padTokenId: 4,
  decoderStartTokenId: 4,
  eosTokenId: 0,
});

function modernBert(classifierPooling: "cls" | "mean" = "cls") {
  return new ModernBertConfig({
    vocabSize: VOCABULARY,
    hiddenSize: WIDTH,
    numHiddenLayers: 3,
    numAttentionHeads: 2,
    intermediateSize: 24,
    maxPositionEmbeddings: 40,
    initializerRange: 0.3,
    globalAttnEveryNLayers: 2,
    localAttention: 4,
    numLabels: LABELS,
    classifierPooling,
    padTokenId: 3,
    clsTokenId: 1,
    sepTokenId: 2,
    bosTokenId: 1,
    eosTokenId: 2,
  });
}

// -------------------------------------------------------------------- inputs

interface Rows {
  ids: Int32Array<ArrayBuffer>;
  mask: Int32Array<ArrayBuffer>;
  shape: [number, number];
}

/** Rows filled up on the right, or on the left. */
function rowsOf(
  texts: readonly (readonly number[])[],
  { extra = 0, padding = 0, left = false } = {},
): Rows {
  const length = Math.max(...texts.map((text) => text.length)) + extra;
  const ids = new Int32Array(texts.length * length).fill(padding);
  const mask = new Int32Array(ids.length);
  for (const [i, text] of texts.entries()) {
    const start = i * length + (left ? length - text.length : 0);
    ids.set(text, start);
    mask.fill(1, start, start + text.length);
  }
  return { ids, mask, shape: [texts.length, length] };
}

function tensors({ ids, mask, shape }: Rows): {
  inputIds: Tensor;
  attentionMask: Tensor;
} {
  return {
    inputIds: tensor(ids, { shape }),
    attentionMask: tensor(mask, { shape }),
  };
}

/** Ordinary tokens; `last` ends each text. */
function textsOf(
  lengths: readonly number[],
  seed: number,
  last?: number,
): number[][] {
  return lengths.map((length, row) =>
    Array.from(
      randomValues(length, seed + row, ORDINARY, VOCABULARY),
      (x, i) => last !== undefined && i === length - 1 ? last : Math.floor(x),
    )
  );
}

// ------------------------------------------------------------- texts as alone

interface Subject {
  name: string;
  padding: number;
  make(): BertModel | RobertaModel | ModernBertModel | BartModel | MarianModel;
}

const SUBJECTS: readonly Subject[] = [
  { name: "BERT", padding: 0, make: () => new BertModel(bert) },
  { name: "RoBERTa", padding: 1, make: () => new RobertaModel(roberta) },
  {
    name: "ModernBERT",
    padding: 3,
    make: () => new ModernBertModel(modernBert()),
  },
  { name: "BART", padding: 1, make: () => new BartModel(bart) },
  { name: "Marian", padding: 4, make: () => new MarianModel(marian) },
];

/** The last states of each side, `[batch, length, WIDTH]`. */
function statesOf(
  model: ReturnType<Subject["make"]>,
  sources: Rows,
  targets: Rows,
  multipleOf?: number,
): Tensor[] {
  const pack = ({ mask, shape }: Rows) =>
    multipleOf === undefined
      ? undefined
      : packingOf(mask, shape, { multipleOf });
  const inputs = { ...tensors(sources), packing: pack(sources) };
  if (!(model instanceof BartModel || model instanceof MarianModel)) {
    return [model.forward(inputs).lastHiddenState];
  }
  const { inputIds, attentionMask } = tensors(targets);
  const output = model.forward({
    ...inputs,
    decoderInputIds: inputIds,
    decoderAttentionMask: attentionMask,
    decoderPacking: pack(targets),
  });
  return [output.encoderLastHiddenState, output.lastHiddenState];
}

async function read(run: () => Tensor[]): Promise<Float32Array[]> {
  using _ = scope();
  return await readAll(noGrad(run)) as Float32Array[];
}

const token = fc.integer({ min: ORDINARY, max: VOCABULARY - 1 });
const text = fc.array(token, { minLength: 1, maxLength: 9 });
const PARAMETERS = { numRuns: 8, seed: 1 };

for (const { name, padding, make } of SUBJECTS) {
  gpuTest(`${name}: packed texts are what they are alone`, async () => {
    manualSeed(SEED);
    const model = make();
    model.eval();
    assertEquals(model.usesPacking, true);
    const property = fc.asyncProperty(
      fc.array(fc.tuple(text, text), { minLength: 1, maxLength: 4 }),
      fc.nat(5),
      fc.constantFrom(1, 2, 8, 64),
      async (pairs, extra, multipleOf) => {
        const [sources, targets] = [0, 1].map((side) =>
          rowsOf(pairs.map((pair) => pair[side] ?? []), { extra, padding })
        ) as [Rows, Rows];
        const packed = await read(() =>
          statesOf(model, sources, targets, multipleOf)
        );
        for (const [row, pair] of pairs.entries()) {
          const [source, target] = pair.map((text) => rowsOf([text])) as [
            Rows,
            Rows,
          ];
          const alone = await read(() => statesOf(model, source, target));
          for (const [side, values] of packed.entries()) {
            const size = values.length / pairs.length;
            const own = Array.from(values).slice(row * size, (row + 1) * size);
            const real = (pair[side]?.length ?? 0) * WIDTH;
            assertClose(own.slice(0, real), alone[side] ?? [], LAYERS);
            assert(own.slice(real).every((x) => x === 0), "padding is not 0");
          }
        }
      },
    );
    await fc.assert(property, PARAMETERS);
    model.dispose();
  });

  gpuTest(`${name}: fillers change no bit of the states`, async () => {
    manualSeed(SEED);
    const model = make();
    model.eval();
    const sources = rowsOf(textsOf([5, 1, 9, 2], 3), { padding });
    const targets = rowsOf(textsOf([3, 6, 1, 4], 7), { padding });
    const [plain, filled] = await Promise.all(
      [1, 32].map((multipleOf) =>
        read(() => statesOf(model, sources, targets, multipleOf))
      ),
    );
    assertEquals(filled, plain);
    model.dispose();
  });
}

for (const { name, padding, make } of SUBJECTS.slice(0, 3)) {
  gpuTest(`${name}: texts padded to the left are packed, too`, async () => {
    manualSeed(SEED);
    const model = make();
    model.eval();
    const rows = rowsOf(textsOf([5, 1, 9, 2], 3), { padding, left: true });
    const [[padded = []] = [], [packed = []] = []] = await Promise.all(
      [undefined, 1].map((multipleOf) =>
        read(() => statesOf(model, rows, rows, multipleOf))
      ),
    );
    const real = Array.from(
      padded,
      (x, i) => rows.mask[Math.floor(i / WIDTH)] ? x : 0,
    );
    assertClose(packed, real, LAYERS);
    model.dispose();
  });
}

// ---------------------------------------------------------------------- heads

/** What is read of any head. */
interface Scores {
  loss?: Tensor;
  logits?: Tensor;
  startLogits?: Tensor;
  endLogits?: Tensor;
}

/** A batch as each head wants it: with labels, and packed if asked for. */
type Request = (multipleOf: number | undefined) => Record<string, unknown>;

interface Head {
  name: string;
  make(): PreTrainedModel<PretrainedConfig> & {
    forward(inputs: never): Scores;
  };
  request: Request;
  /** Whether a score belongs to each token of these. */
  tokens?: Rows;
}

const LENGTHS = [5, 1, 9, 2];
const SOURCES = rowsOf(textsOf(LENGTHS, 3, 2), { extra: 2, padding: 1 });
const TARGETS = rowsOf(textsOf([3, 6, 1, 4], 7), { extra: 1, padding: -100 });

function packedOr(
  name: string,
  { mask, shape }: Rows,
  multipleOf: number | undefined,
): Record<string, Packing> {
  return multipleOf === undefined
    ? {}
    : { [name]: packingOf(mask, shape, { multipleOf }) };
}

/** Sources with labels of some kind. */
function labelled(labels: () => Tensor): Request {
  return (multipleOf) => ({
    ...tensors(SOURCES),
    ...packedOr("packing", SOURCES, multipleOf),
    labels: labels(),
  });
}

const tokenLabels = (count: number) =>
  labelled(() =>
    tensor(
      Int32Array.from(
        randomValues(SOURCES.ids.length, 9, 0, count),
        (x, i) => SOURCES.mask[i] && i % 3 !== 1 ? Math.floor(x) : -100,
      ),
      { shape: SOURCES.shape },
    )
  );

const ownTokens = labelled(() =>
  tensor(SOURCES.ids.map((id, i) => SOURCES.mask[i] ? id : -100), {
    shape: SOURCES.shape,
  })
);

const textLabels = labelled(() => tensor(Int32Array.of(0, 4, 2, 1)));

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

// --------------------------------------------------------------------- limits

gpuTest(
  "an answer in the padding of packed texts counts for nothing",
  async () => {
    manualSeed(SEED);
    const model = new BertForQuestionAnswering(bert);
    const lossOf = (places: readonly number[]) => {
      const loss = model.forward({
        ...tensors(SOURCES),
        ...packedOr("packing", SOURCES, 1),
        startPositions: tensor(Int32Array.from(places)),
        endPositions: tensor(Int32Array.from(places)),
      }).loss;
      assert(loss);
      return loss;
    };
    const [a, b] = await readAll([lossOf([1, 7, 4, 1]), lossOf([1, 99, 4, 1])]);
    assert(Number.isFinite(a?.[0]));
    assertEquals(a, b);
    model.dispose();
  },
);

gpuTest("dropout acts on packed texts, while training alone", async () => {
  manualSeed(SEED);
  const rates = { hiddenDropoutProb: 0.3, attentionProbsDropoutProb: 0.3 };
  const models = [
    new BertModel(new BertConfig({ ...BERT_LIKE, ...rates })),
    new BartModel(
      new BartConfig({ ...BART_LIKE, dropout: 0.3, attentionDropout: 0.3 }),
    ),
  ];
  const targets = rowsOf(textsOf([3, 6, 1, 4], 7), { padding: 1 });
  for (const model of models) {
    const run = (multipleOf: number) =>
      read(() => statesOf(model, SOURCES, targets, multipleOf));
    const [a, b] = [await run(1), await run(1)];
    assert(a[0]?.some((x, i) => x !== b[0]?.[i]));
    const last = statesOf(model, SOURCES, targets, 16).at(-1);
    assert(last);
    backward(last, { gradient: last });
    const gradients = [...model.namedParameters().values()]
      .flatMap(({ grad }) => grad ? [grad] : []);
    const values = await readAll(gradients);
    assert(values.every((own) => [...own].every(Number.isFinite)));
    model.eval();
    assertEquals(await run(1), await run(16));
    model.dispose();
  }
});

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

gpuTest("models refuse packings that they cannot use", () => {
  const model = new BertModel(bert);
  const inputs = tensors(SOURCES);
  const wrong = packingOf([1, 1], [1, 2]);
  assertThrows(
    () => model.forward({ ...inputs, packing: wrong }),
    TypeError,
    "Cannot encode [4, 11] by a packing of [1, 2]",
  );
  const packing = packingOf(SOURCES.mask, SOURCES.shape);
  assertThrows(
    () => model.forward({ ...inputs, packing, outputAttentions: true }),
    TypeError,
    "Cannot give attention's probabilities of packed texts",
  );
  const seq2seq = new BartModel(bart);
  const decoderPacking = packingOf(TARGETS.mask, TARGETS.shape);
  const decoderInputIds = tensor(TARGETS.mask, { shape: TARGETS.shape });
  assertThrows(
    () => seq2seq.forward({ ...inputs, decoderInputIds, decoderPacking }),
    TypeError,
    "Cannot decode a packed target of an unpacked source",
  );
  assertThrows(
    () => packing.segmentsOf(wrong),
    TypeError,
    "Cannot relate a packing of 4 texts to one of 1",
  );
  model.dispose();
  seq2seq.dispose();
});

gpuTest(
  "generate() packs sources where that pays, and writes the same",
  async () => {
    manualSeed(SEED);
    const model = new MarianMTModel(marian).eval();
    const encode = model.encode.bind(model);
    const tokens: (number | undefined)[] = [];
    let packs = true;
    Object.assign(model, {
      encode(inputs: Parameters<typeof encode>[0]) {
        tokens.push(inputs.packing?.tokens);
        return encode(packs ? inputs : { ...inputs, packing: undefined });
      },
    });
    const sources = textsOf([2, 9, 4], 3);
    const rows = (side: "left" | "right", id: number, values: number[][]) =>
      values.map((row) => {
        const fill = new Array<number>(9 - row.length).fill(id);
        return side === "left" ? [...fill, ...row] : [...row, ...fill];
      });
    const write = (attentionMask: number[][], inputIds: number[][]) =>
      generate(model, {
        inputIds,
        attentionMask,
        maxNewTokens: 6,
        eosTokenId: null,
      });
    const ones = sources.map((row) => row.map(() => 1));
    const ids = rows("right", 4, sources);
    const mask = rows("right", 0, ones);
    const packed = await write(mask, ids);
    packs = false;
    assertEquals(await write(mask, ids), packed);
    // Sources with holes cannot be packed, full ones need not.
    await write(mask.map((row) => row.map((m, i) => i === 1 ? 0 : m)), ids);
    await write(mask.map((row) => row.map(() => 1)), ids);
    assertEquals(tokens, [15, 15, undefined, undefined]);
    model.dispose();
  },
);

gpuTest("a captured step takes packings as inputs", async () => {
  const batches = [[5, 1, 9, 2], [3, 3, 2, 9], [1, 9, 1, 1], [4, 4, 9, 2]]
    .map((lengths, i) => rowsOf(textsOf(lengths, 3 + i), { padding: 0 }));
  const losses: Float32Array[][] = [];
  for (const enabled of [false, true]) {
    manualSeed(SEED);
    const model = new BertForSequenceClassification(bert);
    const optimizer = new SGD(model.parameters(), { learningRate: 0.1 });
    using step = capture(
      (inputs: { inputIds: Tensor; packing: Packing; labels: Tensor }) => {
        const { loss } = model.forward(inputs);
        assert(loss);
        backward(loss);
        optimizer.step();
        return { loss };
      },
      { enabled },
    );
    const own: Float32Array[] = [];
    let replays = 0;
    for (const { ids, mask, shape } of [...batches, ...batches]) {
      using _ = scope();
      const { loss } = step({
        inputIds: { data: ids, shape },
        packing: packingOf(mask, shape, { multipleOf: 24 }),
        labels: Int32Array.of(0, 4, 2, 1),
      });
      own.push(Float32Array.from(await loss.data()));
      if (step.reason === undefined) replays++;
    }
    assert(enabled ? replays >= 4 : replays === 0);
    losses.push(own);
    model.dispose();
    optimizer.dispose();
  }
  assertEquals(losses[1], losses[0]);
});
