// Copyright 2026 the swagpu authors. MIT license.
// Compares trained tokenizers with those that Hugging Face's compiled trainers make
// of the same text, and lets the compiled tokenizers read the saved files.

import { assert, assertEquals } from "@std/assert";
import { Tokenizer as Oracle } from "tokenizers";
import { trainTokenizer } from "../../../models/tokenizer/mod.ts";
import type { TrainTokenizerOptions } from "../../../models/tokenizer/mod.ts";
import { learnMerges } from "../../../models/tokenizer/training/learn_merges.ts";
import { Pauses } from "../../../models/tokenizer/training/pauses.ts";
import { wordPieceRules } from "../../../models/tokenizer/training/trained_files.ts";
import {
  bertCutter,
  countWords,
} from "../../../models/tokenizer/training/word_counts.ts";
import { randomFrom } from "../../../tools/fuzz/fuzzer.ts";
import { randomText } from "../../../tools/fuzz/random_tokenizers.ts";
import { compare } from "../../../tools/fuzz/tokenizers.ts";
import { inFolder } from "../../_folder.ts";

const HARBOR = new URL(
  "../../fixtures/tokenizers/training/harbor.txt",
  import.meta.url,
).pathname;

/** A text as the lines of a file. They keep their ends, as in Rust. */
function linesOf(text: string): string[] {
  return text.split(/(?<=\n)/);
}

/** The parts of a `tokenizer.json` that training makes. */
interface Trained {
  tokens: string[];
  merges: string[];
}

function readTrained(json: string): Trained {
  const { model } = JSON.parse(json);
  const byId = Object.entries(model.vocab as Record<string, number>)
    .sort(([, a], [, b]) => a - b);
  // No id is missing.
  assertEquals(byId.map(([, id]) => id), byId.map((_, i) => i));
  return {
    tokens: byId.map(([token]) => token),
    merges: (model.merges ?? []).map((pair: string[]) => pair.join(" ")),
  };
}

/** Trains with the compiled library, whose trainers have their defaults. */
async function trainTheirs(text: string, json: object): Promise<Trained> {
  return await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/text.txt`, text);
    const oracle = Oracle.fromString(JSON.stringify(json));
    oracle.train([`${folder}/text.txt`]);
    oracle.save(`${folder}/tokenizer.json`);
    return readTrained(await Deno.readTextFile(`${folder}/tokenizer.json`));
  });
}

/** Trains here, and reads the saved file. */
async function trainOurs(
  texts: Iterable<string>,
  options: TrainTokenizerOptions,
): Promise<{ json: Record<string, unknown>; trained: Trained }> {
  return await inFolder(async (folder) => {
    const tokenizer = await trainTokenizer(texts, options);
    await tokenizer.save(folder);
    const text = await Deno.readTextFile(`${folder}/tokenizer.json`);
    return { json: JSON.parse(text), trained: readTrained(text) };
  });
}

const EMPTY = {
  version: "1.0",
  truncation: null,
  padding: null,
  added_tokens: [],
  normalizer: null,
  post_processor: null,
  decoder: null,
};

/** Texts that stress different parts: ordinary ones, repetitions, any characters. */
async function corpora(): Promise<string[]> {
  const random = randomFrom(3);
  const words = (letters: string, count: number, longest: number) =>
    Array.from({ length: count }, () =>
      Array.from(
        { length: random.integer(1, longest) },
        () => letters[random.integer(0, letters.length - 1)],
      ).join("")).join(" ");
  return [
    await Deno.readTextFile(HARBOR),
    // Pairs overlap, and several pairs make the same token.
    words("ab", 300, 12),
    words("aaab", 100, 20),
    words("abcde", 300, 8) + "\n" + words("xyz#", 100, 9),
    Array.from({ length: 60 }, () => randomText(random, ["##a", "[UNK]"]))
      .join("\n"),
  ];
}

Deno.test("byte-level BPE learns what the compiled trainer learns", async () => {
  for (const text of await corpora()) {
    for (const lowercase of [false, true]) {
      for (const addPrefixSpace of lowercase ? [true] : [false, true]) {
        const expected = await trainTheirs(text, {
          ...EMPTY,
          normalizer: lowercase ? { type: "Lowercase" } : null,
          pre_tokenizer: {
            type: "ByteLevel",
            add_prefix_space: addPrefixSpace,
            trim_offsets: true,
            use_regex: true,
          },
          model: { type: "BPE", vocab: {}, merges: [] },
        });
        const { trained } = await trainOurs(linesOf(text), {
          type: "bpe",
          lowercase,
          addPrefixSpace,
          minFrequency: 0,
          specialTokens: [],
          initialAlphabet: [],
        });
        assertEquals(trained, expected);
      }
    }
  }
});

Deno.test("WordPiece learns what the compiled trainer learns, given its order of characters", async () => {
  for (const [i, text] of (await corpora()).entries()) {
    const rules = {
      cleanText: i % 2 === 0,
      handleChineseChars: i !== 0,
      stripAccents: i === 3 ? false : null,
      lowercase: i % 2 === 0,
      continuingSubwordPrefix: "##",
      specialTokens: ["[UNK]", "[CLS]", "[SEP]"],
    };
    const { normalizer, pre_tokenizer } = wordPieceRules(rules);
    const { tokens } = await trainTheirs(text, {
      ...EMPTY,
      normalizer,
      pre_tokenizer,
      model: {
        type: "WordPiece",
        unk_token: "[UNK]",
        continuing_subword_prefix: "##",
        max_input_chars_per_word: 100,
        vocab: { "[UNK]": 0 },
      },
    });
    const isCharacter = (token: string) =>
      [...token.replace(/^##(?=.)/su, "")].length === 1;
    const initial = tokens.slice(
      0,
      tokens.findIndex((token) => !isCharacter(token)),
    );
    const pauses = new Pauses();
    const words = await countWords(
      linesOf(text),
      bertCutter({ normalizer, pre_tokenizer }),
      { pauses },
    );
    const learned = await learnMerges(words, initial, {
      vocabSize: 30000,
      minFrequency: 0,
      prefix: "##",
      maxTokenLength: Infinity,
      pauses,
    });
    assertEquals(learned.tokens, tokens);
    assert(learned.tokens.length > initial.length);
    // The public function has the same characters, in the order of code points.
    const { trained } = await trainOurs(linesOf(text), {
      ...rules,
      type: "wordpiece",
      minFrequency: 0,
    });
    const special = trained.tokens.splice(0, 3);
    assertEquals(special, rules.specialTokens);
    assertEquals(
      trained.tokens.slice(0, initial.length).sort(),
      initial.toSorted(),
    );
  }
});

Deno.test("the compiled tokenizers read trained tokenizers and give the same", async () => {
  const harbor = await Deno.readTextFile(HARBOR);
  const choices: TrainTokenizerOptions[] = [
    { type: "bpe", vocabSize: 400 },
    { type: "bpe", vocabSize: 330, lowercase: true, addPrefixSpace: true },
    { type: "bpe", vocabSize: 300, specialTokens: ["<|endoftext|>"] },
    {
      type: "bpe",
      vocabSize: 120,
      minFrequency: 1,
      initialAlphabet: [],
      limitAlphabet: 40,
    },
    { type: "wordpiece", vocabSize: 300 },
    {
      type: "wordpiece",
      vocabSize: 280,
      lowercase: false,
      continuingSubwordPrefix: "@@",
    },
    {
      type: "wordpiece",
      vocabSize: 250,
      cleanText: false,
      handleChineseChars: false,
      limitAlphabet: 30,
    },
  ];
  for (const [seed, options] of choices.entries()) {
    const { json } = await trainOurs(linesOf(harbor), options);
    const random = randomFrom(seed);
    const special = (json.added_tokens as { content: string }[])
      .map(({ content }) => content);
    const texts = [
      ...linesOf(harbor),
      ...Array.from({ length: 40 }, () => randomText(random, special)),
    ];
    assertEquals(await compare(random, { json, texts }), "accepted");
  }
});
