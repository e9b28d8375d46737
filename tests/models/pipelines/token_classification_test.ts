// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertRejects } from "@std/assert";
import { manualSeed } from "../../../engine/mod.ts";
import {
  BertForTokenClassification,
  type EncoderInputs,
  type HeadOutput,
  pipeline,
  Tokenizer,
} from "../../../models/mod.ts";
import { assertClose, FUNCTIONS, gpuTest } from "../../_check.ts";
import {
  probabilities,
  rowOf,
  TableModel,
  tableOf,
  tinyConfig,
  tinyTokenizer,
  valuesOf,
} from "./_tiny.ts";

const LABELS = { 0: "O", 1: "B-PER", 2: "I-PER", 3: "B-LOC", 4: "I-LOC" };
const tokenizer = tinyTokenizer();

class TableTagger extends TableModel {
  forward({ inputIds }: EncoderInputs): HeadOutput {
    const [logits] = this.scores(inputIds);
    if (!logits) throw new TypeError("Cannot score: there is no table");
    return { logits };
  }
}

/** Scores of 0, except for one, which is `value`. */
function one(label: number, value: number): number[] {
  return Object.keys(LABELS).map((_, i) => i === label ? value : 0);
}

/** The probability of that label in {@linkcode one}. */
function sure(value: number): number {
  return Math.exp(value) / (Math.exp(value) + 4);
}

const OUTSIDE = Object.fromEntries(
  "i like the in lives and . , dog play cat who '".split(" ")
    .map((word) => [word, one(0, 3)]),
);

function tagger(
  rows: Record<string, number[]>,
  places = 64,
): { model: TableTagger; tokenizer: Tokenizer } {
  const table = tableOf(5, { ...OUTSIDE, ...rows });
  return {
    model: new TableTagger([table], {
      id2label: LABELS,
      maxPositionEmbeddings: places,
    }),
    tokenizer,
  };
}

const PEOPLE = {
  anna: one(1, 2),
  paris: one(3, 2),
  new: one(3, 3),
  york: one(4, 1),
};
const TEXT = "Anna lives in New York, and Anna in Paris";

gpuTest("token-classification labels tokens with their offsets", async () => {
  const label = await pipeline("token-classification", tagger(PEOPLE));
  const found = await label(TEXT);
  assertEquals(
    found.map(({ entity, index, word, start, end }) => [
      entity,
      index,
      word,
      TEXT.slice(start, end),
    ]),
    [
      ["B-PER", 1, "anna", "Anna"],
      ["B-LOC", 4, "new", "New"],
      ["I-LOC", 5, "york", "York"],
      ["B-PER", 8, "anna", "Anna"],
      ["B-LOC", 10, "paris", "Paris"],
    ],
  );
  assertClose(
    found.map(({ score }) => score),
    [2, 3, 1, 2, 2].map(sure),
    FUNCTIONS,
  );
  assertEquals(Object.keys(found[0] ?? {}), [
    "entity",
    "score",
    "index",
    "word",
    "start",
    "end",
  ]);
  const all = await label(TEXT, { ignoreLabels: [] });
  assertEquals(all.length, 10);
  assertEquals((await label([TEXT, "I"])).map((list) => list.length), [5, 0]);
});

gpuTest("token-classification agrees with the model's forward", async () => {
  manualSeed(4);
  const model = new BertForTokenClassification(
    tinyConfig({ id2label: LABELS }),
  );
  const label = await pipeline("ner", { model, tokenizer });
  const texts = ["the dogs in New York", "Anna", "I like playing"];
  const found = await label(texts, { ignoreLabels: [], batchSize: 2 });
  for (const [i, text] of texts.entries()) {
    const encoding = tokenizer.encode(text);
    const logits = await valuesOf(model.forward(rowOf(encoding)).logits);
    const expected = encoding.inputIds.slice(1, -1).map((_, k) =>
      probabilities(logits.slice((k + 1) * 5, (k + 2) * 5))
    );
    assertClose(
      found[i]?.map(({ score }) => score) ?? [],
      expected.map((row) => Math.max(...row)),
      FUNCTIONS,
    );
    assertEquals(
      found[i]?.map(({ entity }) => entity),
      expected.map((row) =>
        Object.values(LABELS)[row.indexOf(Math.max(...row))]
      ),
    );
  }
  model.dispose();
});

gpuTest("token-classification joins neighbors of one label", async () => {
  const label = await pipeline("ner", tagger(PEOPLE));
  const options = { aggregationStrategy: "simple" } as const;
  const found = await label(TEXT, options);
  assertEquals(
    found.map(({ entityGroup, word, start, end }) => [
      entityGroup,
      word,
      TEXT.slice(start, end),
    ]),
    [
      ["PER", "anna", "Anna"],
      ["LOC", "new york", "New York"],
      ["PER", "anna", "Anna"],
      ["LOC", "paris", "Paris"],
    ],
  );
  assertClose([found[1]?.score ?? 0], [(sure(3) + sure(1)) / 2], FUNCTIONS);
  assertEquals(Object.keys(found[0] ?? {}), [
    "entityGroup",
    "score",
    "word",
    "start",
    "end",
  ]);
  // B- begins a new entity, whatever the previous label is.
  const twins = await label("Anna Anna", options);
  assertEquals(twins.map(({ word }) => word), ["anna", "anna"]);
  assertEquals(await label([TEXT], options), [found]);
  const places = await label(TEXT, { ...options, ignoreLabels: ["PER", "O"] });
  assertEquals(places.map(({ entityGroup }) => entityGroup), ["LOC", "LOC"]);
});

const WORD = { play: one(1, 2), "##ing": one(4, 3), "##s": one(1, 1) };
const MEAN = [0, 1, 2, 3, 4].map((label) =>
  [one(1, 2), one(4, 3), one(1, 1)]
    .map((scores) => probabilities(scores)[label] ?? 0)
    .reduce((a, b) => a + b, 0) / 3
);
const STRATEGIES = [
  ["first", "PER", sure(2)],
  ["max", "LOC", sure(3)],
  [
    "average",
    MEAN.indexOf(Math.max(...MEAN)) === 1 ? "PER" : "LOC",
    Math.max(
      ...MEAN,
    ),
  ],
] as const;

for (const [aggregationStrategy, group, score] of STRATEGIES) {
  gpuTest(
    `token-classification gives a word one label by "${aggregationStrategy}"`,
    async () => {
      const label = await pipeline("ner", tagger(WORD));
      const text = "I like Playings.";
      const [entity, ...others] = await label(text, { aggregationStrategy });
      assertEquals(others, []);
      assertEquals(entity?.entityGroup, group);
      assertEquals(entity?.word, "playings");
      assertEquals(text.slice(entity?.start, entity?.end), "Playings");
      assertClose([entity?.score ?? 0], [score], FUNCTIONS);
    },
  );
}

gpuTest(
  "token-classification keeps the spelling of unknown words",
  async () => {
    const label = await pipeline(
      "ner",
      tagger({ anna: one(1, 2), "[UNK]": one(2, 3) }),
    );
    const [entity] = await label("the Anna Österberg lives", {
      aggregationStrategy: "simple",
    });
    assertEquals(entity?.word, "anna Österberg");
    const [, token] = await label("Anna Österberg");
    assertEquals(token?.word, "Österberg");
    assertEquals([token?.start, token?.end], [5, 14]);
  },
);

gpuTest(
  "token-classification splits words at spaces if tokens are not marked",
  async () => {
    const pieces = ["<unk>", "Ġ", "N", "Y", "-", "a", "Ġa"];
    const bytes = new Tokenizer(
      new Map([[
        "tokenizer.json",
        JSON.stringify({
          model: {
            type: "BPE",
            unk_token: "<unk>",
            vocab: Object.fromEntries(pieces.map((piece, i) => [piece, i])),
            merges: [["Ġ", "a"]],
          },
          pre_tokenizer: {
            type: "ByteLevel",
            add_prefix_space: false,
            trim_offsets: true,
            use_regex: true,
          },
          post_processor: {
            type: "ByteLevel",
            add_prefix_space: false,
            trim_offsets: true,
            use_regex: true,
          },
          decoder: { type: "ByteLevel" },
        }),
      ]]),
    );
    const table = [0, 0, 1, 2, 3, 4, 0].map((label) => one(label, 2));
    const model = new TableTagger([table], { id2label: LABELS });
    const label = await pipeline("ner", { model, tokenizer: bytes });
    const found = await label("N-Y a", {
      aggregationStrategy: "first",
      ignoreLabels: [],
    });
    assertEquals(
      found.map(({ entityGroup, start, end }) => [entityGroup, start, end]),
      [["PER", 0, 3], ["O", 4, 5]],
    );
  },
);

gpuTest(
  "token-classification reads long texts in windows with a stride",
  async () => {
    const text = "the Anna lives in New York . ".repeat(4).trim();
    const { model } = tagger(PEOPLE, 12);
    const label = await pipeline("ner", { model, tokenizer });
    const whole = await (await pipeline("ner", tagger(PEOPLE)))(text, {
      aggregationStrategy: "simple",
    });
    assertEquals(whole.length, 8);
    const aggregationStrategy = "simple" as const;
    const cut = await label(text, { aggregationStrategy });
    assertEquals(cut.length, 3);
    const windowed = await label([text, "Anna"], {
      aggregationStrategy,
      stride: 4,
    });
    assertEquals(
      windowed[0]?.map(({ word, start, end }) => [word, start, end]),
      whole.map(({ word, start, end }) => [word, start, end]),
    );
    assertEquals(windowed[1]?.length, 1);
    await assertRejects(() => label(text, { stride: 4 }), TypeError, "windows");
    await assertRejects(
      () => label(text, { aggregationStrategy: "simpel" as "simple" }),
      RangeError,
      'aggregationStrategy "simpel": expected one of "none", "simple"',
    );
    await assertRejects(
      () => label(text, { ignoreLabel: ["O"] } as object),
      TypeError,
      'did you mean "ignoreLabels"?',
    );
  },
);

gpuTest("an entity's name is its label after the first hyphen", async () => {
  const names: [label: string, group: string][] = [
    ["B-tax-percent", "tax-percent"],
    ["I-a-b-c", "a-b-c"],
    ["ORG", "ORG"],
    ["x-y", "y"],
    ["B-", ""],
  ];
  const { model } = tagger({ anna: one(1, 3) });
  for (const [label, group] of names) {
    for (const aggregationStrategy of ["simple", "first", "max"] as const) {
      model.config.id2label = { ...LABELS, 1: label };
      const tag = await pipeline("ner", { model, tokenizer });
      const found = await tag("i like anna", { aggregationStrategy });
      assertEquals(found.map(({ entityGroup }) => entityGroup), [group]);
    }
  }
  model.dispose();
});
