// Copyright 2026 the swagpu authors. MIT license.

import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import fc from "fast-check";
import {
  Tokenizer,
  type TokenizerTrainingProgress,
  trainTokenizer,
  type TrainTokenizerOptions,
} from "../../../models/tokenizer/mod.ts";
import { initialTokens } from "../../../models/tokenizer/training/initial_tokens.ts";
import { learnMerges } from "../../../models/tokenizer/training/learn_merges.ts";
import { Pauses } from "../../../models/tokenizer/training/pauses.ts";
import { inFolder, names } from "../../_folder.ts";

const HARBOR = await Deno.readTextFile(
  new URL("../../fixtures/tokenizers/training/harbor.txt", import.meta.url),
);
const LINES = HARBOR.split(/(?<=\n)/);

/** Learns merges of words, without special tokens. */
async function learn(
  counts: Record<string, number>,
  options: { vocabSize?: number; minFrequency?: number; longest?: number } = {},
): Promise<{ tokens: string[]; merges: string[] }> {
  const words = new Map(Object.entries(counts));
  const initial = initialTokens(words, {
    specialTokens: [],
    initialAlphabet: [],
    limitAlphabet: Infinity,
    prefix: null,
  });
  const { tokens, merges } = await learnMerges(words, initial, {
    vocabSize: options.vocabSize ?? 1000,
    minFrequency: options.minFrequency ?? 2,
    prefix: null,
    maxTokenLength: options.longest ?? Infinity,
    pauses: new Pauses(),
  });
  return {
    tokens: tokens.slice(initial.length),
    merges: merges.map((pair) => pair.join(" ")),
  };
}

/** The tokens that were learned, in the order of their ids. */
async function learnedTokens(
  texts: Iterable<string>,
  options: TrainTokenizerOptions,
): Promise<string[]> {
  const tokenizer = await trainTokenizer(texts, options);
  return Array.from(
    { length: tokenizer.vocabSize },
    (_, id) => tokenizer.idToToken(id) ?? "",
  );
}

Deno.test("the words of Sennrich, Haddow and Birch, algorithm 1", async () => {
  // Worked by hand: the ids are · 10, d 0, e 1, i 2, l 3, n 4, o 5, r 6, s 7, t 8, w 9
  // (· marks the end of a word), and then those of new tokens from 11. Of pairs that
  // are equally frequent, the one with the smaller ids is joined first.
  const counts = { "low·": 5, "lower·": 2, "newest·": 6, "widest·": 3 };
  const { tokens, merges } = await learn(counts, { vocabSize: 11 + 10 });
  assertEquals(merges, [
    "e s", // 9 times, as s t and t ·, which have greater ids.
    "t ·", // 9 times, as es t.
    "es t·", // 9 times.
    "l o", // 7 times, as o w.
    "lo w", // 7 times.
    "e w", // 6 times, as n e and w est·.
    "n ew", // 6 times, as ew est·.
    "new est·", // 6 times.
    "low ·", // 5 times.
    "d est·", // 3 times, as i d and w i.
  ]);
  assertEquals(tokens, merges.map((pair) => pair.replace(" ", "")));
});

Deno.test("the words of Hugging Face's course", async () => {
  // https://huggingface.co/learn/llm-course/chapter6/5
  const counts = { hug: 10, pug: 5, pun: 12, bun: 4, hugs: 5 };
  const { merges } = await learn(counts, { vocabSize: 7 + 3 });
  assertEquals(merges, ["u g", "u n", "h ug"]);
  const texts = Object.entries(counts)
    .flatMap(([word, count]) => Array<string>(count).fill(word));
  const tokenizer = await trainTokenizer(texts, {
    type: "bpe",
    specialTokens: ["<unk>"],
    initialAlphabet: [],
    vocabSize: 1 + 7 + 3,
  });
  const tokens = (text: string) => tokenizer.encode(text).tokens;
  assertEquals(tokens("bug"), ["b", "ug"]);
  assertEquals(tokens("mug"), ["<unk>", "ug"]);
  assertEquals(tokens("thug"), ["<unk>", "hug"]);
  assertEquals(tokens("unhug"), ["un", "hug"]);
});

Deno.test("pairs that overlap are counted as they are joined", async () => {
  // aaaa holds a a three times, and joining from the left leaves aa aa.
  assertEquals((await learn({ aaaa: 2 })).merges, ["a a", "aa aa"]);
  // aaa becomes aa a.
  assertEquals((await learn({ aaa: 3 })).merges, ["a a", "aa a"]);
});

Deno.test("a pair must occur minFrequency times", async () => {
  const counts = { ab: 3, cd: 2, ef: 1 };
  const tokens = async (minFrequency: number) =>
    (await learn(counts, { minFrequency })).tokens;
  assertEquals(await tokens(0), ["ab", "cd", "ef"]);
  assertEquals(await tokens(2), ["ab", "cd"]);
  assertEquals(await tokens(3), ["ab"]);
  assertEquals(await tokens(4), []);
});

Deno.test("tokens of more than two characters stay below maxTokenLength", async () => {
  const longest = async (longest: number) =>
    (await learn({ abcdefgh: 2 }, { longest })).tokens;
  assertEquals(await longest(2), ["ab", "cd", "ef", "gh"]);
  assertEquals(await longest(4), ["ab", "cd", "ef", "gh"]);
  assertEquals(await longest(5), ["ab", "cd", "ef", "gh", "abcd", "efgh"]);
  const tokens = await learnedTokens(LINES, {
    type: "bpe",
    vocabSize: 400,
    maxTokenLength: 4,
    specialTokens: [],
  });
  assert(tokens.every((token) => token.length < 4));
});

Deno.test("special tokens come first, then characters, then what continues words", async () => {
  const tokens = await learnedTokens(["cab b", "ba"], {
    type: "wordpiece",
    specialTokens: ["[SEP]", "[CLS]", "[UNK]", "[NEW]"],
    initialAlphabet: ["z"],
    minFrequency: 100,
  });
  assertEquals(
    tokens.join(" "),
    "[SEP] [CLS] [UNK] [NEW] a b c z ##a ##b",
  );
});

Deno.test("a special token may be learned too, and keeps its id", async () => {
  const tokens = await learnedTokens(["abc abc", "abc"], {
    type: "bpe",
    specialTokens: ["ab"],
    initialAlphabet: [],
    minFrequency: 3,
  });
  assertEquals(tokens, ["ab", "a", "b", "c", "Ġ", "abc"]);
});

Deno.test("limitAlphabet leaves out the rarest characters", async () => {
  // a occurs 3 times, b and c once.
  const words = new Map([["aba", 1], ["ca", 1]]);
  const options = { specialTokens: [], prefix: null };
  const tokens = (limitAlphabet: number, initialAlphabet: string[] = []) =>
    initialTokens(words, { ...options, limitAlphabet, initialAlphabet })
      .join("");
  assertEquals(tokens(1), "a");
  assertEquals(tokens(2), "ab"); // Of b and c, b has the smaller code point.
  assertEquals(tokens(3), "abc");
  assertEquals(tokens(2, ["z"]), "az");
  const tokenizer = await trainTokenizer(["aba", "ca"], {
    type: "wordpiece",
    limitAlphabet: 2,
    vocabSize: 100,
  });
  assertEquals(tokenizer.tokenToId("c"), null);
  assertEquals(tokenizer.encode("ca").tokens, ["[CLS]", "[UNK]", "[SEP]"]);
});

Deno.test("a trained tokenizer is saved and loaded unchanged", async () => {
  for (
    const options of [
      { type: "bpe", vocabSize: 350 },
      { type: "bpe", vocabSize: 300, specialTokens: ["<|endoftext|>", "<x>"] },
      { type: "wordpiece", vocabSize: 200 },
    ] as const
  ) {
    const tokenizer = await trainTokenizer(LINES, options);
    assertEquals(tokenizer.vocabSize, options.vocabSize);
    await inFolder(async (folder) => {
      await tokenizer.save(folder);
      assertEquals(names(folder), [
        "special_tokens_map.json",
        "tokenizer.json",
        "tokenizer_config.json",
      ]);
      const loaded = await Tokenizer.fromPretrained(folder);
      for (const text of [...LINES, "a <mask> [MASK] <x>"]) {
        assertEquals(loaded.encode(text), tokenizer.encode(text));
        assertEquals(
          loaded.encode([text, "again"]),
          tokenizer.encode([text, "again"]),
        );
      }
      assertEquals(loaded.allSpecialIds, tokenizer.allSpecialIds);
    });
  }
});

Deno.test("special tokens have their roles and frame texts", async () => {
  const bert = await trainTokenizer(LINES, {
    type: "wordpiece",
    minFrequency: 1,
  });
  assertEquals(
    [bert.padTokenId, bert.unkTokenId, bert.clsTokenId, bert.sepTokenId],
    [0, 1, 2, 3],
  );
  assertEquals([bert.maskTokenId, bert.bosTokenId], [4, null]);
  const { tokens, tokenTypeIds } = bert.encode(["The harbor", "sleeps"]);
  assertEquals(tokens, ["[CLS]", "the", "harbor", "[SEP]", "sleeps", "[SEP]"]);
  assertEquals(tokenTypeIds, [0, 0, 0, 0, 1, 1]);
  assertEquals(
    bert.decode(bert.encode("It's cold!").inputIds, {
      skipSpecialTokens: true,
    }),
    "it's cold[UNK]".replace("[UNK]", ""),
  );

  const roberta = await trainTokenizer(LINES, { type: "bpe" });
  assertEquals(
    [roberta.clsTokenId, roberta.padTokenId, roberta.sepTokenId],
    [0, 1, 2],
  );
  assertEquals([roberta.unkTokenId, roberta.maskTokenId], [3, 4]);
  assertEquals([roberta.bosTokenId, roberta.eosTokenId], [0, 2]);
  const pair = roberta.encode(["The harbor", "sleeps"]).tokens;
  assertEquals(pair.filter((token) => token.startsWith("<")), [
    "<s>",
    "</s>",
    "</s>",
    "</s>",
  ]);
  // The mask includes the space before it, as RoBERTa's.
  assertEquals(
    roberta.encode("the <mask>", { addSpecialTokens: false }).tokens.at(-1),
    "<mask>",
  );

  const gpt = await trainTokenizer(LINES, {
    type: "bpe",
    specialTokens: ["<|endoftext|>"],
  });
  assertEquals([gpt.eosTokenId, gpt.clsTokenId, gpt.padTokenId], [
    0,
    null,
    null,
  ]);
  assert(!gpt.encode("The harbor").tokens.includes("<|endoftext|>"));
});

Deno.test("byte-level BPE spells and restores every text", async () => {
  const tokenizer = await trainTokenizer(LINES, {
    type: "bpe",
    vocabSize: 320,
    specialTokens: [],
  });
  const usual = [
    ..."aest \n\t'",
    "the",
    "'s",
    "  ",
    "é",
    "é",
    "晴",
    "🚢",
    "\u200d",
  ];
  const spelled = fc.string({ unit: fc.constantFrom(...usual), maxLength: 60 });
  const any = fc.array(fc.integer({ min: 0, max: 0x10ffff }), { maxLength: 30 })
    .map((codes) => String.fromCodePoint(...codes).toWellFormed());
  fc.assert(fc.property(fc.oneof(spelled, any), (text) => {
    const { inputIds } = tokenizer.encode(text);
    assertEquals(tokenizer.decode(inputIds), text);
  }));
});

Deno.test("every token but a character is made of two tokens before it", async () => {
  const word = fc.string({
    unit: fc.constantFrom("a", "b", "c"),
    minLength: 1,
    maxLength: 8,
  });
  await fc.assert(fc.asyncProperty(
    fc.dictionary(word, fc.integer({ min: 1, max: 9 }), { minKeys: 1 }),
    fc.integer({ min: 4, max: 20 }),
    async (counts, vocabSize) => {
      const { tokens, merges } = await learn(counts, {
        vocabSize,
        minFrequency: 1,
      });
      assert(tokens.length + 1 <= vocabSize);
      const known = new Set("abc");
      for (const pair of merges) {
        const [left = "", right = ""] = pair.split(" ");
        assert(known.has(left) && known.has(right), pair);
        known.add(left + right);
      }
      assert(tokens.every((token) => known.has(token)));
      // Without a limit, words that occur become tokens.
      const all = await learn(counts, { minFrequency: 1 });
      for (const word of Object.keys(counts)) {
        assert(word.length === 1 || all.tokens.includes(word), word);
      }
    },
  ));
});

Deno.test("texts may be made as they are needed", async () => {
  async function* texts(): AsyncGenerator<string> {
    for (const line of LINES) yield await Promise.resolve(line);
  }
  const options = { type: "bpe", vocabSize: 400 } as const;
  const [given, made] = [
    await trainTokenizer(LINES, options),
    await trainTokenizer(texts(), options),
  ];
  assertEquals(made.encode(HARBOR), given.encode(HARBOR));
  // The order of texts does not matter.
  const turned = await trainTokenizer(LINES.toReversed(), options);
  assertEquals(turned.encode(HARBOR), given.encode(HARBOR));
});

Deno.test("training says how far it is, and stops when it shall", async () => {
  const reports: TokenizerTrainingProgress[] = [];
  await trainTokenizer(LINES, {
    type: "wordpiece",
    vocabSize: 200,
    onProgress: (report) => reports.push(report),
  });
  assertEquals(reports, [
    { stage: "words", done: LINES.length, total: null },
    { stage: "merges", done: 200, total: 200 },
  ]);
  const reason = new Error("enough");
  const controller = new AbortController();
  let read = 0;
  const endless = function* (): Generator<string> {
    for (;; read++) yield `text ${read % 1000}`;
  };
  setTimeout(() => controller.abort(reason), 20);
  const error = await assertRejects(() =>
    trainTokenizer(endless(), { type: "bpe", signal: controller.signal })
  );
  assertEquals(error, reason);
  assert(read > 0);
  await assertRejects(
    () =>
      trainTokenizer(["a"], { type: "bpe", signal: AbortSignal.abort(reason) }),
    Error,
    "enough",
  );
});

Deno.test("bad options and texts get an error that says what is expected", async () => {
  const refused = async (
    options: object,
    type: typeof TypeError | typeof RangeError,
    ...parts: string[]
  ): Promise<void> => {
    const error = await assertRejects(
      () => trainTokenizer(["a text"], options as TrainTokenizerOptions),
      type,
    );
    for (const part of parts) assertStringIncludes(error.message, part);
  };
  const [bpe, wordpiece] = [{ type: "bpe" }, { type: "wordpiece" }];
  await refused({}, RangeError, "type is undefined", '"wordpiece" or "bpe"');
  await refused({ type: "unigram" }, RangeError, 'type is "unigram"');
  await refused({ ...bpe, vocab_size: 9 }, TypeError, 'mean "vocabSize"?');
  await refused({ ...bpe, continuingSubwordPrefix: "##" }, TypeError, "bpe");
  await refused({ ...wordpiece, trimOffsets: true }, TypeError, "wordpiece");
  await refused({ ...bpe, vocabSize: 260 }, RangeError, "at least 261");
  await refused({ ...bpe, vocabSize: 1.5 }, RangeError, "whole number");
  await refused({ ...bpe, vocabSize: 2 ** 24 + 1 }, RangeError, "vocabSize");
  await refused({ ...bpe, minFrequency: -1 }, RangeError, "minFrequency");
  await refused({ ...bpe, maxTokenLength: 1 }, RangeError, "from 2");
  await refused({ ...bpe, limitAlphabet: 0 }, RangeError, "limitAlphabet");
  await refused({ ...bpe, lowercase: "yes" }, TypeError, "true or false");
  await refused({ ...bpe, initialAlphabet: ["ab"] }, RangeError, '"ab"');
  await refused({ ...bpe, initialAlphabet: [" "] }, RangeError, '"Ġ"');
  await refused(
    { ...bpe, specialTokens: "<s>" },
    TypeError,
    "expected strings",
  );
  await refused({ ...bpe, specialTokens: ["a", "a"] }, RangeError, "twice");
  await refused({ ...bpe, specialTokens: [""] }, RangeError, "empty");
  await refused(
    { ...wordpiece, specialTokens: ["[UNK]"] },
    RangeError,
    "[CLS]",
  );

  const train = (texts: unknown) =>
    trainTokenizer(texts as string[], { type: "bpe" });
  await assertRejects(() => train("a text"), TypeError, "expected a list");
  await assertRejects(() => train(["a", 7]), TypeError, "text 1 is of type");
  await assertRejects(() => train([]), RangeError, "no words");
  await assertRejects(() => train([""]), RangeError, "no words");
});
