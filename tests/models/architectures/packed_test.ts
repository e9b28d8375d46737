// Copyright 2026 the swagpu authors. MIT license.

// In every architecture, the states of packed texts must be those of the texts
// alone, and fillers must change nothing.

import fc from "fast-check";
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  backward,
  capture,
  type IntegerTensor,
  manualSeed,
  noGrad,
  readAll,
  scope,
  type Tensor,
  tensor,
} from "../../../engine/mod.ts";
import {
  BartConfig,
  BartModel,
  BertConfig,
  BertForSequenceClassification,
  BertModel,
  generate,
  MarianModel,
  MarianMTModel,
  ModernBertModel,
  type Packing,
  packingOf,
  RobertaModel,
} from "../../../models/mod.ts";
import { SGD } from "../../../nn/mod.ts";
import { assertClose, gpuTest, type Tolerance } from "../../_check.ts";
import {
  bart,
  BART_LIKE,
  bert,
  BERT_LIKE,
  marian,
  modernBert,
  ORDINARY,
  roberta,
  type Rows,
  rowsOf,
  SEED,
  SOURCES,
  TARGETS,
  tensors,
  textsOf,
  VOCABULARY,
  WIDTH,
} from "./_packed_texts.ts";

/** Other shapes sum in another order: rounding after a few layers. */
const LAYERS: Tolerance = { absolute: 2e-5, relative: 2e-5 };

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
  return await readAll(noGrad(run));
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

  gpuTest(`${name}: fillers change no bit of the states`, async (device) => {
    manualSeed(SEED);
    const model = make();
    model.eval();
    const { isSoftware } = device;
    const compare = async (lengths: readonly number[]) => {
      const sources = rowsOf(textsOf([5, 1, 9, 2], 3), { padding });
      const targets = rowsOf(textsOf(lengths, 7), { padding });
      return await Promise.all(
        [1, 32].map((multipleOf) =>
          read(() => statesOf(model, sources, targets, multipleOf))
        ),
      );
    };
    // The kernels that GPUs choose, too.
    for (const software of new Set([isSoftware, false])) {
      try {
        Object.assign(device, { isSoftware: software });
        const [plain, filled] = await compare([3, 8, 1, 6]);
        assertEquals(filled, plain);
        // Products of up to 16 rows have a kernel of their own on GPUs, which
        // adds in another order.
        const [few, more = []] = await compare([3, 6, 1, 4]);
        few?.forEach((side, i) => assertClose(more[i] ?? [], side, LAYERS));
      } finally {
        Object.assign(device, { isSoftware });
      }
    }
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

// --------------------------------------------------------------------- limits

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
      (
        inputs: {
          inputIds: IntegerTensor;
          packing: Packing;
          labels: IntegerTensor;
        },
      ) => {
        const { loss } = model.forward(inputs);
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
