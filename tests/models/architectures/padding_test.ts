// Copyright 2026 the swagpu authors. MIT license.

// Padding must not be seen: its tokens, its length and the other rows of the
// batch never change the states of a row's real tokens. Left padding follows the
// rule by which each architecture counts positions.

import fc from "fast-check";
import {
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
  BertModel,
  MarianConfig,
  MarianModel,
  ModernBertConfig,
  ModernBertModel,
  RobertaConfig,
  RobertaModel,
} from "../../../models/mod.ts";
import { assertClose, gpuTest, type Tolerance } from "../../_check.ts";

/** Other lengths sum in another order: rounding after a few layers. */
const LAYERS: Tolerance = { absolute: 2e-5, relative: 2e-5 };

const WIDTH = 16;
const VOCABULARY = 30;
/** Tokens from here on have no role in any architecture. */
const ORDINARY = 5;
const SEED = 20;

interface Batch {
  inputIds: IntegerTensor;
  attentionMask: IntegerTensor;
  positionIds?: IntegerTensor;
}

/** One architecture: its states `[batch, length, WIDTH]`. */
interface Subject {
  name: string;
  padding: number;
  make(): {
    encode(batch: Batch): Tensor;
    /** The decoder's states for a batch of sources, where there is one. */
    decode?: (batch: Batch) => Tensor;
    dispose(): void;
  };
}

const BERT_LIKE = {
  vocabSize: VOCABULARY,
  hiddenSize: WIDTH,
  numHiddenLayers: 2,
  numAttentionHeads: 2,
  intermediateSize: 24,
  maxPositionEmbeddings: 40,
  initializerRange: 0.3,
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
};

function encoder(
  model: BertModel | RobertaModel | ModernBertModel,
): ReturnType<Subject["make"]> {
  model.eval();
  return {
    encode: (batch) => model.forward(batch).lastHiddenState,
    dispose: () => model.dispose(),
  };
}

function encoderDecoder(
  model: BartModel | MarianModel,
): ReturnType<Subject["make"]> {
  model.eval();
  const forward = (batch: Batch) => {
    const rows = batch.inputIds.shape[0] ?? 0;
    const target = Int32Array.from({ length: 3 * rows }, (_, i) => 7 + i % 3);
    const decoderInputIds = tensor(target, { shape: [rows, 3] });
    return model.forward({ ...batch, decoderInputIds });
  };
  return {
    encode: (batch) => forward(batch).encoderLastHiddenState,
    decode: (batch) => forward(batch).lastHiddenState,
    dispose: () => model.dispose(),
  };
}

const SUBJECTS: readonly Subject[] = [
  {
    name: "BERT",
    padding: 0,
    make: () => encoder(new BertModel(new BertConfig(BERT_LIKE))),
  },
  {
    name: "RoBERTa",
    padding: 1,
    make: () => encoder(new RobertaModel(new RobertaConfig(BERT_LIKE))),
  },
  {
    name: "ModernBERT",
    padding: 3,
    make: () =>
      encoder(
        new ModernBertModel(
          new ModernBertConfig({
            ...BERT_LIKE,
            numHiddenLayers: 3,
            globalAttnEveryNLayers: 2,
            localAttention: 4,
            padTokenId: 3,
            clsTokenId: 1,
            sepTokenId: 2,
            bosTokenId: 1,
            eosTokenId: 2,
          }),
        ),
      ),
  },
  {
    name: "BART",
    padding: 1,
    make: () => encoderDecoder(new BartModel(new BartConfig(BART_LIKE))),
  },
  {
    name: "Marian",
    padding: 4,
    make: () =>
      encoderDecoder(
        new MarianModel(
          new MarianConfig({
            ...BART_LIKE,
            padTokenId: 4,
            decoderStartTokenId: 4,
            eosTokenId: 0,
          }),
        ),
      ),
  },
];

/** Rows filled up to `length` with tokens of `filler`. */
function batchOf(
  rows: readonly (readonly number[])[],
  length: number,
  side: "left" | "right",
  filler: (i: number) => number,
): Batch {
  const ids = new Int32Array(rows.length * length);
  const mask = new Int32Array(ids.length);
  for (const [i, row] of rows.entries()) {
    const start = i * length + (side === "left" ? length - row.length : 0);
    for (let k = i * length; k < (i + 1) * length; k++) ids[k] = filler(k);
    ids.set(row, start);
    mask.fill(1, start, start + row.length);
  }
  const shape = [rows.length, length];
  return {
    inputIds: tensor(ids, { shape }),
    attentionMask: tensor(mask, { shape }),
  };
}

async function statesOf(run: () => Tensor): Promise<ArrayLike<number>> {
  using _ = scope();
  const [values = new Float32Array()] = await readAll([noGrad(run)]);
  return values;
}

const token = fc.integer({ min: ORDINARY, max: VOCABULARY - 1 });
const row = fc.array(token, { minLength: 1, maxLength: 9 });
const PARAMETERS = { numRuns: 8, seed: 1 };

for (const { name, padding, make } of SUBJECTS) {
  gpuTest(`${name}: right padding and neighbors are not seen`, async () => {
    manualSeed(SEED);
    const { encode, decode, dispose } = make();
    const property = fc.asyncProperty(
      fc.array(row, { minLength: 1, maxLength: 4 }),
      fc.nat(5),
      token,
      async (rows, extra, junk) => {
        const longest = Math.max(...rows.map(({ length }) => length));
        const length = longest + extra;
        const filler = (i: number) => i % 3 === 0 ? padding : junk;
        const together = () => batchOf(rows, length, "right", filler);
        const states = await statesOf(() => encode(together()));
        const decoded = decode && await statesOf(() => decode(together()));
        for (const [i, row] of rows.entries()) {
          const alone = () => batchOf([row], row.length, "right", () => 0);
          const start = i * length * WIDTH;
          assertClose(
            Array.from(states).slice(start, start + row.length * WIDTH),
            await statesOf(() => encode(alone())),
            LAYERS,
          );
          if (!decode || !decoded) continue;
          assertClose(
            Array.from(decoded).slice(i * 3 * WIDTH, (i + 1) * 3 * WIDTH),
            await statesOf(() => decode(alone())),
            LAYERS,
          );
        }
      },
    );
    await fc.assert(property, PARAMETERS);
    dispose();
  });
}

/** One row alone, whose positions start at `first`. */
type Shifted = (
  row: readonly number[],
  first: number,
) => Promise<ArrayLike<number>>;

/** Left-padded rows must equal what `alone` gives for them. */
async function checkLeft(
  encode: (batch: Batch) => Tensor,
  padding: number,
  alone: Shifted,
): Promise<void> {
  const property = fc.asyncProperty(row, fc.nat(5), async (row, before) => {
    const length = row.length + before;
    const states = await statesOf(() =>
      encode(batchOf([row], length, "left", () => padding))
    );
    assertClose(
      Array.from(states).slice(before * WIDTH),
      await alone(row, before),
      LAYERS,
    );
  });
  await fc.assert(property, PARAMETERS);
}

function subject(name: string): Subject {
  const found = SUBJECTS.find((subject) => subject.name === name);
  if (!found) throw new RangeError(`Cannot find ${name}`);
  return found;
}

gpuTest("BERT: left padding moves the positions", async () => {
  manualSeed(SEED);
  const { make, padding } = subject("BERT");
  const { encode, dispose } = make();
  await checkLeft(encode, padding, (row, first) =>
    statesOf(() => {
      const batch = batchOf([row], row.length, "right", () => 0);
      const positions = Int32Array.from(row, (_, i) => first + i);
      const positionIds = tensor(positions, { shape: [1, row.length] });
      return encode({ ...batch, positionIds });
    }));
  dispose();
});

// RoBERTa counts tokens that are no padding; rotary positions are relative.
for (const name of ["RoBERTa", "ModernBERT"]) {
  gpuTest(`${name}: left padding changes nothing`, async () => {
    manualSeed(SEED);
    const { make, padding } = subject(name);
    const { encode, dispose } = make();
    await checkLeft(
      encode,
      padding,
      (row) =>
        statesOf(() => encode(batchOf([row], row.length, "right", () => 0))),
    );
    dispose();
  });
}

for (
  const [name, build] of [
    ["BART", () => new BartModel(new BartConfig(BART_LIKE))],
    ["Marian", () =>
      new MarianModel(
        new MarianConfig({
          ...BART_LIKE,
          padTokenId: 4,
          decoderStartTokenId: 4,
        }),
      )],
  ] as const
) {
  gpuTest(`${name}: left padding moves the positions`, async () => {
    manualSeed(SEED);
    const model = build();
    const { encode, dispose } = encoderDecoder(model);
    const table = model.namedParameters().get("encoder.embed_positions.weight");
    if (!table) throw new RangeError("Cannot find the table of positions");
    const original = Float32Array.from(await table.data());
    const moved = new Float32Array(original.length);
    await checkLeft(encode, 4, async (row, first) => {
      // The same model with a table that begins `first` positions later.
      moved.set(original.subarray(first * WIDTH));
      table.write(moved);
      const batch = () => batchOf([row], row.length, "right", () => 0);
      const states = await statesOf(() => encode(batch()));
      table.write(original);
      return states;
    });
    dispose();
  });
}
