// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { AutoTokenizer } from "../../../models/auto_tokenizer.ts";
import { Tokenizer } from "../../../models/tokenizer/mod.ts";

const FIXTURES = new URL("../../fixtures/tokenizers", import.meta.url).pathname;

const TOKENS = ["<s>", "<pad>", "</s>", "<unk>", "Ġ", "a", "b", "ab", "Ġab"];
const MERGES = "#version: 0.2\na b\nĠ ab\n";

function ids(tokens: readonly string[]): string {
  return JSON.stringify(Object.fromEntries(tokens.map((one, i) => [one, i])));
}

function byteLevel(
  more: Record<string, string | undefined> = {},
  options = {},
): Tokenizer {
  const files = {
    "vocab.json": ids([...TOKENS, "<mask>"]),
    "merges.txt": MERGES,
    ...more,
  };
  const kept = Object.entries(files)
    .filter((entry): entry is [string, string] => entry[1] !== undefined);
  return new Tokenizer(new Map(kept), { source: "x", ...options });
}

function bert(more: Record<string, string>): Tokenizer {
  return new Tokenizer(
    new Map(Object.entries({
      "vocab.txt": "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nhi\nyou\n",
      ...more,
    })),
  );
}

Deno.test("vocab.json and merges.txt suffice for RoBERTa's tokenizer", () => {
  const tokenizer = byteLevel();
  assertEquals(tokenizer.encode("ab ab").inputIds, [0, 7, 8, 2]);
  assertEquals(tokenizer.encode(["ab", "b"]).inputIds, [0, 7, 2, 2, 6, 2]);
  assertEquals(tokenizer.encode(["ab", "b"]).tokenTypeIds, Array(6).fill(0));
  // The mask includes the space before it.
  assertEquals(tokenizer.encode("ab <mask>b").inputIds, [0, 7, 9, 6, 2]);
  const { padTokenId, maskTokenId, clsTokenId, eosTokenId } = tokenizer;
  assertEquals([padTokenId, maskTokenId, clsTokenId, eosTokenId], [1, 9, 0, 2]);
  assertEquals(
    tokenizer.decode([0, 7, 8, 9, 2], { skipSpecialTokens: true }),
    "ab ab",
  );
  assertEquals(tokenizer.allSpecialIds, new Set([0, 1, 2, 3, 9]));
  assertEquals(byteLevel({}, { addPrefixSpace: true }).encode("ab").inputIds, [
    0,
    8,
    2,
  ]);
});

Deno.test("vocab.json without <s> makes GPT-2's tokenizer, which adds no special tokens", () => {
  const tokens = ["a", "b", "Ġ", "ab", "Ġab", "<|endoftext|>"];
  const tokenizer = byteLevel({ "vocab.json": ids(tokens) });
  assertEquals(tokenizer.encode("ab ab<|endoftext|>").inputIds, [3, 4, 5]);
  assertEquals(tokenizer.encode(["ab", "b"]).inputIds, [3, 1]);
  assertEquals([tokenizer.eosTokenId, tokenizer.padTokenId], [5, null]);
  // Its offsets include spaces.
  assertEquals(tokenizer.encode("ab ab").offsets, [[0, 2], [2, 5]]);
});

Deno.test("files beside vocab.json name and add tokens", () => {
  const tokenizer = byteLevel({
    "vocab.json": ids(TOKENS),
    "special_tokens_map.json": JSON.stringify({
      mask_token: { content: "<hide>", lstrip: true },
      additional_special_tokens: ["<sep2>"],
      cls_token: "<s>",
      sep_token: "</s>",
      pad_token: "<pad>",
    }),
    "added_tokens.json": '{"word": 9}',
    "tokenizer_config.json": JSON.stringify({ model_max_length: 6 }),
  });
  assertEquals(tokenizer.tokenToId("word"), 9);
  assertEquals(tokenizer.encode("abword <hide><sep2>").inputIds, [
    0,
    7,
    9,
    10,
    11,
    2,
  ]);
  assertEquals(tokenizer.maskTokenId, 10);
  assertEquals(tokenizer.vocabSize, 12);
  assertEquals(tokenizer.modelMaxLength, 6);
  assertEquals(tokenizer.allSpecialIds.has(9), false);
});

Deno.test("files beside vocab.json name the tokens that frame a text", () => {
  const tokenizer = byteLevel({
    "vocab.json": ids([...TOKENS, "<c>", "<e>"]),
    "special_tokens_map.json": '{"cls_token": "<c>"}',
    "tokenizer_config.json": '{"sep_token": {"content": "<e>"}}',
  });
  assertEquals(tokenizer.encode("ab").inputIds, [9, 7, 10]);
  const gpt = byteLevel({
    "vocab.json": ids(["a", "b", "Ġ", "ab", "Ġab", "<|endoftext|>"]),
    "tokenizer_config.json": '{"pad_token": "<pad>"}',
  });
  assertEquals([gpt.padTokenId, gpt.vocabSize], [6, 7]);
});

Deno.test("files beside vocab.txt add tokens", () => {
  const tokenizer = bert({
    "added_tokens.json": '{"HiYou": 7}',
    "special_tokens_map.json": '{"additional_special_tokens": ["[E1]"]}',
  });
  assertEquals(tokenizer.encode("HI [E1] hiyou you").inputIds, [
    2,
    5,
    8,
    7,
    6,
    3,
  ]);
  const decoder = bert({
    "tokenizer_config.json": JSON.stringify({
      added_tokens_decoder: {
        7: { content: "[E]", special: true, single_word: true },
      },
    }),
  });
  assertEquals(decoder.encode("hi [E] x[E]").inputIds.slice(1, 3), [5, 7]);
  assertEquals(
    decoder.decode([5, 7, 6], { skipSpecialTokens: true }),
    "hi you",
  );
});

Deno.test("save() adds tokenizer.json where a folder has the older files only", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const tokenizer = await AutoTokenizer.fromPretrained(
      `${FIXTURES}/roberta`,
    );
    await tokenizer.save(folder);
    const names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
    assertEquals(names, [
      "merges.txt",
      "tokenizer.json",
      "tokenizer_config.json",
      "vocab.json",
    ]);
    const text = " trailing 生 100<mask>";
    const expected = tokenizer.encode([text, text]);
    for (const drop of ["vocab.json", "tokenizer.json"]) {
      const again = await AutoTokenizer.fromPretrained(folder);
      assertEquals(again.encode([text, text]), expected);
      assertEquals(again.allSpecialIds, tokenizer.allSpecialIds);
      await Deno.remove(`${folder}/${drop}`);
    }
    await assertRejects(
      () => AutoTokenizer.fromPretrained(folder),
      Deno.errors.NotFound,
      "it holds neither tokenizer.json nor",
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("Tokenizer says what is wrong with vocab.json and merges.txt", () => {
  const cases: [Record<string, string>, string][] = [
    [
      { "merges.txt": "#version: 0.2\na b\nĠ a b\n" },
      'x/merges.txt: line 3 is "Ġ a b", expected two tokens with a space between',
    ],
    [{ "merges.txt": "a b\n\nĠ ab" }, 'x/merges.txt: line 2 is ""'],
    [
      { "merges.txt": "a b\nab b\n" },
      'x/merges.txt: line 2 joins "ab" and "b", but the vocabulary lacks "abb"',
    ],
    [
      { "vocab.json": '{"<s>": 0, "a": 1, "b": 1, "ab": 2}' },
      'x/vocab.json: "a" and "b" have the same id 1',
    ],
    [
      { "vocab.json": '{"<s>": 0, "a": 1.5}' },
      'x/vocab.json: "a" has the id 1.5, expected a whole number from 0',
    ],
    [
      { "vocab.json": '{"a": 0, "b": 1, "ab": 5}', "merges.txt": "a b" },
      "x/vocab.json: no token has the id 2, and others have greater ones",
    ],
    [
      { "vocab.json": '{"a</w>": 0, "b": 1}', "merges.txt": "" },
      "x/vocab.json: its tokens mark the end of a word",
    ],
    [{ "vocab.json": '{"a": 0' }, "x/vocab.json: "],
    [
      {
        "tokenizer.json": JSON.stringify({
          model: { type: "BPE", vocab: { a: 0, b: 1 }, merges: ["a b c"] },
        }),
      },
      'x/tokenizer.json: merge 0 is "a b c", expected two tokens',
    ],
    [
      {
        "tokenizer.json": JSON.stringify({
          model: { type: "WordPiece", vocab: { a: "0" } },
        }),
      },
      'x/tokenizer.json: "a" has the id "0"',
    ],
  ];
  for (const [more, message] of cases) {
    assertThrows(() => byteLevel(more), SyntaxError, `Cannot read ${message}`);
  }
});

Deno.test("AutoTokenizer refuses a name of neither a folder nor a repository", async () => {
  await assertRejects(
    () => AutoTokenizer.fromPretrained("./no such folder"),
    Deno.errors.NotFound,
    "it is neither a folder nor the id of a hub repository",
  );
});

Deno.test("Tokenizer finds added tokens, however long and many", () => {
  const long = `<${"y".repeat(100_000)}>`;
  const many = Array.from({ length: 20_000 }, (_, i) => `<extra_${i}>`);
  const tokenizer = new Tokenizer(
    new Map([[
      "tokenizer.json",
      JSON.stringify({
        model: { type: "WordPiece", unk_token: "?", vocab: { "?": 0 } },
        added_tokens: [long, ...many].map((content, i) => ({
          content,
          id: 1 + i,
        })),
      }),
    ]]),
  );
  const text = `${long}<extra_19999><extra_1>`;
  const { inputIds } = tokenizer.encode(text, { addSpecialTokens: false });
  assertEquals(inputIds, [1, 1 + 20_000, 3]);
});
