// Copyright 2026 the swagpu authors. MIT license.

// What BERT and RoBERTa share: encoding token by token with a cache.

import { assertEquals, assertThrows } from "@std/assert";
import {
  type IntegerTensor,
  noGrad,
  readAll,
  slice,
  tensor,
} from "../../../engine/mod.ts";
import {
  BertConfig,
  BertLMHeadModel,
  KeyValueCache,
  RobertaConfig,
  RobertaForCausalLM,
} from "../../../models/mod.ts";
import { assertClose, gpuTest } from "../../_check.ts";

const TINY = {
  vocabSize: 30,
  hiddenSize: 8,
  numHiddenLayers: 2,
  numAttentionHeads: 2,
  intermediateSize: 12,
  maxPositionEmbeddings: 10,
  initializerRange: 0.3,
  isDecoder: true,
};

function tokens(rows: readonly (readonly number[])[]): IntegerTensor {
  return tensor(rows, { dtype: "i32" });
}

/** The columns from `start` to before `end`. */
function columns(
  rows: readonly (readonly number[])[],
  start: number,
  end: number,
): IntegerTensor {
  return tokens(rows.map((row) => row.slice(start, end)));
}

const ROWS = [[3, 5, 7, 9, 11, 4], [8, 6, 4, 12, 29, 2]];

const MODELS = {
  BertLMHeadModel: () => new BertLMHeadModel(new BertConfig(TINY)),
  RobertaForCausalLM: () => new RobertaForCausalLM(new RobertaConfig(TINY)),
};

for (const [name, build] of Object.entries(MODELS)) {
  gpuTest(
    `${name}() gives the last token's scores with a cache, as without one`,
    async () => {
      const model = build().eval();
      const whole = noGrad(() => model.forward({ inputIds: tokens(ROWS) }));
      using cache = new KeyValueCache({ rows: 2, capacity: 6 });
      let start = 0;
      for (const end of [3, 4, 6]) {
        const inputIds = columns(ROWS, start, end);
        const { logits } = noGrad(() => model.forward({ inputIds, cache }));
        assertEquals(logits.shape, [2, 1, TINY.vocabSize]);
        cache.advance(end - start);
        const [actual, expected] = await readAll([
          logits,
          slice(whole.logits, { axis: 1, start: end - 1, end }),
        ]);
        assertClose(actual ?? [], expected ?? []);
        start = end;
      }
      model.dispose();
    },
  );

  gpuTest(`${name}() takes positions and padding of a cache`, async () => {
    const model = build().eval();
    const positions = [[0, 1, 2, 3], [1, 1, 0, 1]];
    const masks = [[1, 1, 1, 1], [0, 0, 1, 1]];
    const whole = noGrad(() =>
      model.forward({
        inputIds: columns(ROWS, 0, 4),
        positionIds: tokens(positions),
        attentionMask: tokens(masks),
      })
    );
    using cache = new KeyValueCache({
      rows: 2,
      capacity: 6,
      mask: columns(masks, 0, 3),
    });
    const step = (start: number, end: number) => {
      const { logits } = noGrad(() =>
        model.forward({
          inputIds: columns(ROWS, start, end),
          positionIds: columns(positions, start, end),
          cache,
        })
      );
      cache.advance(end - start);
      return logits;
    };
    step(0, 3);
    const [actual, expected] = await readAll([
      step(3, 4),
      slice(whole.logits, { axis: 1, start: 3 }),
    ]);
    assertClose(actual ?? [], expected ?? []);
    model.dispose();
  });

  gpuTest(`${name}() counts the positions in the cache`, () => {
    const model = build().eval();
    const positions = name === "BertLMHeadModel" ? 10 : 8;
    using cache = new KeyValueCache({ rows: 2, capacity: 20 });
    cache.advance(positions - 2);
    const inputIds = columns(ROWS, 0, 2);
    noGrad(() => model.forward({ inputIds, cache }));
    cache.advance(1);
    assertThrows(
      () => model.forward({ inputIds, cache }),
      RangeError,
      `Cannot encode 2 tokens after ${positions - 1} others: ` +
        `the model supports ${positions} positions`,
    );
    model.dispose();
  });
}

gpuTest("a cache is refused where it cannot give what is asked", () => {
  const inputIds = tokens(ROWS);
  using cache = new KeyValueCache({ rows: 2, capacity: 6 });
  const both = new BertLMHeadModel(
    new BertConfig({ ...TINY, isDecoder: false }),
  );
  assertThrows(
    () => both.forward({ inputIds, cache }),
    TypeError,
    "Cannot encode with a cache: isDecoder is false",
  );
  const decoder = new BertLMHeadModel(new BertConfig(TINY));
  assertThrows(
    () => decoder.forward({ inputIds, cache, outputAttentions: true }),
    TypeError,
    "Cannot encode with a cache: it holds no attention probabilities",
  );
  both.dispose();
  decoder.dispose();
});
