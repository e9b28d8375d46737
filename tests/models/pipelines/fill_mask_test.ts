// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { manualSeed } from "../../../engine/mod.ts";
import {
  BertForMaskedLM,
  type FillMaskPipeline,
  type MaskFilling,
  pipeline,
  Tokenizer,
} from "../../../models/mod.ts";
import { SwagModel } from "../../../swag/mod.ts";
import { assertClose, FUNCTIONS, gpuTest } from "../../_check.ts";
import { collectAround } from "../../_tiny_models.ts";
import {
  idsOf,
  probabilities,
  rowOf,
  tinyConfig,
  tinyTokenizer,
  valuesOf,
} from "./_tiny.ts";

const tokenizer = tinyTokenizer();

async function filler(): Promise<{
  model: BertForMaskedLM;
  fill: FillMaskPipeline;
}> {
  manualSeed(2);
  const model = new BertForMaskedLM(tinyConfig());
  return { model, fill: await pipeline("fill-mask", { model, tokenizer }) };
}

/** The probabilities at each mask of a text. */
async function expectedOf(
  model: BertForMaskedLM,
  text: string,
): Promise<number[][]> {
  const encoding = tokenizer.encode(text);
  const logits = await valuesOf(model.forward(rowOf(encoding)).logits);
  const width = tokenizer.vocabSize;
  return encoding.inputIds.flatMap((id, i) =>
    id === tokenizer.maskTokenId
      ? [probabilities(logits.slice(i * width, (i + 1) * width))]
      : []
  );
}

function flat(list: MaskFilling[] | MaskFilling[][]): MaskFilling[] {
  return list.flat();
}

gpuTest("fill-mask gives the most probable tokens of a mask", async () => {
  const { model, fill } = await filler();
  const [expected = []] = await expectedOf(model, "I [MASK] the dog");
  const fillings = flat(await fill("I [MASK] the dog"));
  const order = expected.map((_, id) => id)
    .sort((a, b) => (expected[b] ?? 0) - (expected[a] ?? 0)).slice(0, 5);
  assertEquals(fillings.map(({ token }) => token), order);
  assertClose(
    fillings.map(({ score }) => score),
    order.map((id) => expected[id] ?? NaN),
    FUNCTIONS,
  );
  for (const { token, tokenStr, sequence } of fillings) {
    assertEquals(tokenStr, tokenizer.decode([token]));
    assertEquals(
      sequence,
      tokenizer.decode([...idsOf("i"), token, ...idsOf("the", "dog")], {
        skipSpecialTokens: true,
      }),
    );
  }
  assertEquals(Object.keys(fillings[0] ?? {}), [
    "score",
    "token",
    "tokenStr",
    "sequence",
  ]);
  model.dispose();
});

gpuTest(
  "fill-mask gives a list for each of several masks, and leaves the other masks",
  async () => {
    const { model, fill } = await filler();
    const text = "[MASK] like the [MASK]";
    const expected = await expectedOf(model, text);
    const [short, lists] = await fill(["I [MASK]", text], { topK: 2 });
    assertEquals(short?.length, 2);
    assert(lists && Array.isArray(lists[0]) && Array.isArray(lists[1]));
    assertEquals(lists.map((list) => Array.isArray(list) && list.length), [
      2,
      2,
    ]);
    const best = flat(lists.flat().filter((_, i) => i % 2 === 0));
    assertClose(
      best.map(({ score }) => score),
      expected.map((row) => Math.max(...row)),
      FUNCTIONS,
    );
    const [first] = best;
    assertEquals(
      first?.sequence,
      tokenizer.decode([
        ...idsOf("[CLS]"),
        first?.token ?? 0,
        ...idsOf("like", "the", "[MASK]", "[SEP]"),
      ]),
    );
    model.dispose();
  },
);

gpuTest("fill-mask considers the targets only", async () => {
  const { model, fill } = await filler();
  const text = "the [MASK] lives";
  const [expected = []] = await expectedOf(model, text);
  // "dogs" is split into "dog" and "##s", and replaced by the first.
  const fillings = flat(await fill(text, { targets: ["cat", "dogs", "cat"] }));
  const order = idsOf("cat", "dog").sort((a, b) =>
    (expected[b] ?? 0) - (expected[a] ?? 0)
  );
  assertEquals(fillings.map(({ token }) => token), order);
  assertClose(
    fillings.map(({ score }) => score),
    order.map((id) => expected[id] ?? NaN),
    FUNCTIONS,
  );
  const [one] = flat(await fill(text, { targets: "york", topK: 1 }));
  assertEquals(one?.tokenStr, "york");
  await assertRejects(
    () => fill(text, { targets: [] }),
    RangeError,
    "give at least one",
  );
  model.dispose();
});

gpuTest("fill-mask refuses texts and tokenizers without a mask", async () => {
  const { model, fill } = await filler();
  await assertRejects(
    () => fill(["I [MASK]", "I like"]),
    RangeError,
    'Cannot fill "I like": it holds no [MASK]',
  );
  const maskless = new Tokenizer(
    new Map([
      ["vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n"],
      ["tokenizer_config.json", '{"mask_token": null}'],
    ]),
  );
  assertEquals(maskless.maskTokenId, null);
  const other = await pipeline("fill-mask", { model, tokenizer: maskless });
  await assertRejects(() => other("a"), TypeError, "no mask token");
  model.dispose();
});

gpuTest("fill-mask leaves out targets that have no token", async () => {
  const { model, fill } = await filler();
  const fillings = flat(
    await fill("the [MASK] lives", { targets: ["cat", ""] }),
  );
  assertEquals(fillings.map(({ tokenStr }) => tokenStr), ["cat"]);
  await assertRejects(
    () => fill("the [MASK] lives", { targets: [""] }),
    RangeError,
    "give at least one that has a token",
  );
  await assertRejects(
    () => fill("the [MASK] lives", { target: "cat" } as object),
    TypeError,
    'did you mean "targets"?',
  );
  model.dispose();
});

gpuTest("with a posterior, fillings are means over its samples", async () => {
  manualSeed(2);
  const model = new BertForMaskedLM(tinyConfig());
  const swag = SwagModel.fromBase(model, { noCovMat: false });
  await collectAround(swag, { size: 0.3 });
  const sampling = { numPredictions: 4, scale: 0.5, seed: 8 };
  const fill = await pipeline("fill-mask", { model, tokenizer }, {
    posterior: swag,
    sampling,
    batchSize: 2,
  });
  const texts = ["I [MASK] the dog", "the [MASK] [MASK]"];
  const results = await fill(texts, { topK: 3 });
  for (const [i, text] of texts.entries()) {
    // The probabilities at each mask, of each sample.
    const samples: number[][][] = [];
    for (let index = 0; index < 4; index++) {
      swag.sampleParameters({ scale: 0.5, seed: 8, index });
      samples.push(await expectedOf(model, text));
    }
    swag.restoreWeights();
    const masks = samples[0]?.length ?? 0;
    const lists = masks === 1 ? [results[i]] : results[i];
    for (let mask = 0; mask < masks; mask++) {
      const own = samples.map((sample) => sample[mask] ?? []);
      const mean = (of: (p: readonly number[]) => number) =>
        own.reduce((sum, p) => sum + of(p) / own.length, 0);
      const average = tokenizerIds().map((id) => mean((p) => p[id] ?? NaN));
      const entropyOf = (p: readonly number[]) =>
        -p.reduce((sum, x) => sum + x * Math.log(x), 0);
      const entropy = entropyOf(average);
      const order = tokenizerIds()
        .sort((a, b) => (average[b] ?? 0) - (average[a] ?? 0)).slice(0, 3);
      const found = lists?.[mask] as MaskFilling[];
      assertEquals(found.map(({ token }) => token), order);
      for (const { token, score, std, ...rest } of found) {
        const center = average[token] ?? NaN;
        const variance = mean((p) => ((p[token] ?? NaN) - center) ** 2);
        assertClose(
          [
            score,
            std ?? NaN,
            rest.entropy ?? NaN,
            rest.mutualInformation ?? NaN,
          ],
          [center, Math.sqrt(variance), entropy, entropy - mean(entropyOf)],
          { ...FUNCTIONS, absolute: 1e-5 },
        );
        assert((std ?? 0) > 1e-3);
      }
    }
  }
  swag.dispose();
  model.dispose();
});

/** The ids of the vocabulary. */
function tokenizerIds(): number[] {
  return Array.from({ length: tokenizer.vocabSize }, (_, id) => id);
}
