// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { AutoTokenizer } from "../../../models/auto_tokenizer.ts";
import { Tokenizer } from "../../../models/tokenizer/mod.ts";
import { spm } from "./_spm.ts";

const FIXTURE =
  new URL("../../fixtures/tokenizers/marian", import.meta.url).pathname;

const SOURCE = spm([["▁", -3], ["▁hello", -1], ["▁world", -1], [",", -2]]);
const TARGET = spm([["▁", -3], ["▁bon", -1], ["jour", -1], ["▁monde", -1]]);
const TOKENS = [
  "</s>",
  "<unk>",
  ">>fra<<",
  "▁hello",
  "▁world",
  ",",
  "▁bon",
  "jour",
  "▁monde",
  "▁",
  "<pad>",
];

type Files = Map<string, string | Uint8Array<ArrayBuffer>>;

function ids(tokens: readonly string[]): string {
  return JSON.stringify(Object.fromEntries(tokens.map((one, i) => [one, i])));
}

function files(
  more: Record<string, string | Uint8Array<ArrayBuffer>> = {},
): Files {
  return new Map(Object.entries({
    "source.spm": SOURCE,
    "target.spm": TARGET,
    "vocab.json": ids(TOKENS),
    ...more,
  }));
}

const tokenizer = new Tokenizer(files());

Deno.test("AutoTokenizer reproduces the recorded vectors of Marian", async () => {
  const tokenizer = await AutoTokenizer.fromPretrained(FIXTURE);
  const vectors: {
    side: string;
    text: string;
    tokens: string[];
    ids: number[];
  }[] = JSON.parse(await Deno.readTextFile(`${FIXTURE}/vectors.json`));
  for (const { side, text, tokens, ids } of vectors) {
    const textTarget = side === "target";
    const encoding = tokenizer.encode(text, { textTarget });
    assertEquals(encoding.inputIds, ids, text);
    assertEquals(encoding.tokens.slice(0, -1), tokens, text);
    if (!textTarget) continue;
    assertEquals(tokenizer.decode(ids, { skipSpecialTokens: true }), text);
  }
});

Deno.test("Marian's texts end in </s>, and pairs are joined", () => {
  assertEquals(tokenizer.encode("hello, world").inputIds, [3, 5, 4, 0]);
  assertEquals(tokenizer.encode(["hello", "world"]).inputIds, [3, 4, 0]);
  assertEquals(tokenizer.encode("").inputIds, [0]);
  assertEquals(
    tokenizer.encode("bonjour monde", { textTarget: true }).inputIds,
    [6, 7, 8, 0],
  );
  const batch = tokenizer.batch(["hello, world", "world"]);
  assertEquals([...batch.inputIds], [3, 5, 4, 0, 4, 0, 10, 10]);
  assertEquals([...batch.tokenTypeIds], Array(8).fill(0));
  const { vocabSize, modelMaxLength, padTokenId, eosTokenId } = tokenizer;
  assertEquals([vocabSize, modelMaxLength], [11, 512]);
  assertEquals([padTokenId, eosTokenId, tokenizer.unkTokenId], [10, 0, 1]);
});

Deno.test("Marian takes the language from the beginning of a text", () => {
  assertEquals(tokenizer.encode(">>fra<< hello").inputIds, [2, 3, 0]);
  assertEquals(tokenizer.encode(">>deu<< hello").inputIds, [1, 3, 0]);
  // Elsewhere the mark is removed and has no effect.
  assertEquals(tokenizer.encode("hello >>fra<< world").inputIds, [3, 4, 0]);
});

Deno.test("Marian's special tokens are found in a text, unknown pieces joined", () => {
  assertEquals(
    tokenizer.encode("hello</s>world<pad>").inputIds,
    [3, 0, 4, 10, 0],
  );
  assertEquals(tokenizer.encode("hello xyz").inputIds, [3, 9, 1, 0]);
});

Deno.test("Marian's offsets point into the text, past language and spaces", () => {
  const text = ">>fra<< hello,  world</s>";
  const { offsets, wordIds } = tokenizer.encode(text);
  assertEquals(
    offsets.slice(0, -1).map(([start, end]) => text.slice(start, end)),
    [">>fra<<", "hello", ",", "world", "</s>"],
  );
  assertEquals(wordIds, [0, 1, 1, 2, 3, null]);
  const inner = "hello >>fra<< world";
  assertEquals(
    tokenizer.encode(inner).offsets.slice(0, 2)
      .map(([start, end]) => inner.slice(start, end)),
    ["hello", "world"],
  );
});

Deno.test("decode() of Marian follows the target's model", () => {
  assertEquals(tokenizer.decode([6, 7, 8, 0]), "bonjour monde</s>");
  assertEquals(tokenizer.decode([10, 6, 7, 0, 8]), "<pad> bonjour</s> monde");
  const skipSpecialTokens = true;
  assertEquals(
    tokenizer.decode([10, 6, 7, 8, 0, 10], { skipSpecialTokens }),
    "bonjour monde",
  );
  // Pieces of the source are unknown to the target's model, and are kept.
  assertEquals(tokenizer.decode([3, 4], { skipSpecialTokens }), "hello world");
  assertEquals(tokenizer.decode([6, 99]), "bon<unk>");
  assertEquals(
    tokenizer.decode([6, 9, 5], { skipSpecialTokens, cleanUpSpaces: true }),
    "bon,",
  );
});

Deno.test("Marian with target_vocab.json has other ids for the target language", () => {
  const target = ["</s>", "▁monde", "<unk>", "jour", "▁bon", "<pad>"];
  const both = new Tokenizer(files({ "target_vocab.json": ids(target) }));
  assertEquals(both.encode("hello").inputIds, [3, 0]);
  const encoding = both.encode("bonjour monde", { textTarget: true });
  assertEquals(encoding.inputIds, [4, 3, 1, 0]);
  assertEquals(both.decode([4, 3, 1, 0]), "bonjour monde</s>");
  const joint = new Tokenizer(files({
    "target_vocab.json": ids(target),
    "tokenizer_config.json": '{"separate_vocabs": false}',
  }));
  assertEquals(joint.encode("bon", { textTarget: true }).inputIds, [6, 0]);
});

Deno.test("save() writes Marian's files back as they were", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const one = await Tokenizer.fromPretrained(FIXTURE);
    one.modelMaxLength = 40;
    await one.save(folder);
    const names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
    assertEquals(names, [
      "source.spm",
      "target.spm",
      "tokenizer_config.json",
      "vocab.json",
    ]);
    for (const name of ["source.spm", "target.spm", "vocab.json"]) {
      assertEquals(
        await Deno.readFile(`${folder}/${name}`),
        await Deno.readFile(`${FIXTURE}/${name}`),
      );
    }
    const again = await AutoTokenizer.fromPretrained(folder);
    assertEquals(again.modelMaxLength, 40);
    await Deno.remove(`${folder}/target.spm`);
    await assertRejects(
      () => AutoTokenizer.fromPretrained(folder),
      Deno.errors.NotFound,
      `Cannot read the tokenizer of ${folder}: it lacks target.spm`,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("Marian says what is wrong with its files", () => {
  const cases: [Record<string, string | Uint8Array<ArrayBuffer>>, string][] = [
    [
      { "vocab.json": '{"</s>": 0, "<unk>": 0}' },
      'x/vocab.json: "</s>" and "<unk>" have the same id 0',
    ],
    [
      { "vocab.json": '{"</s>": "0"}' },
      'x/vocab.json: "</s>" has the id "0", expected a whole number',
    ],
    [
      { "vocab.json": '{"</s>": 0, "<unk>": 2}' },
      "x/vocab.json: no token has the id 1",
    ],
    [{ "vocab.json": '{"</s>": 0}' }, "x/vocab.json: it holds no <unk>"],
    [{ "vocab.json": "[]" }, "x/vocab.json: it does not hold an object"],
    [{ "source.spm": SOURCE.slice(0, 9) }, "x/source.spm: it ends after 9"],
    [{ "target.spm": new Uint8Array() }, "x/target.spm: it holds no pieces"],
  ];
  for (const [more, message] of cases) {
    assertThrows(
      () => new Tokenizer(files(more), { source: "x" }),
      SyntaxError,
      `Cannot read ${message}`,
    );
  }
});
