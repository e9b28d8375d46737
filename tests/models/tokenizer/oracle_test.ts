// Copyright 2026 the swagpu authors. MIT license.
// Compares tokenizers with the compiled ones of Hugging Face, which transformers
// uses.

import { Tokenizer } from "../../../models/tokenizer/mod.ts";
import { randomFrom } from "../../../tools/fuzz/fuzzer.ts";
import {
  randomText,
  randomTokenizer,
} from "../../../tools/fuzz/random_tokenizers.ts";
import { compare } from "../../../tools/fuzz/tokenizers.ts";
import { charsmap } from "./_spm.ts";

const FIXTURES = new URL("../../fixtures/tokenizers", import.meta.url).pathname;

/** The `tokenizer.json` of a folder, or one that is derived from its files. */
async function jsonOf(name: string): Promise<Record<string, unknown>> {
  const folder = await Deno.makeTempDir();
  try {
    const tokenizer = await Tokenizer.fromPretrained(`${FIXTURES}/${name}`);
    await tokenizer.save(folder);
    return JSON.parse(await Deno.readTextFile(`${folder}/tokenizer.json`));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

for (const model of ["WordPiece", "WordLevel", "BPE", "Unigram"] as const) {
  Deno.test(`random ${model} tokenizers give what the compiled ones give`, async () => {
    for (let seed = 0; seed < 60; seed++) {
      const random = randomFrom(seed);
      await compare(random, randomTokenizer(random, model));
    }
  });
}

for (
  const name of ["bert_uncased", "bert_cased", "roberta", "modernbert"] as const
) {
  Deno.test(`${name} gives what the compiled tokenizer gives for any text`, async () => {
    const json = await jsonOf(name);
    const random = randomFrom(7);
    const special = ["[MASK]", "<mask>", "[SEP]", "</s>", " don't", "ing"];
    for (let i = 0; i < 4; i++) {
      const texts = Array.from(
        { length: 30 },
        () => randomText(random, special),
      );
      await compare(random, { json, texts });
    }
  });
}

Deno.test("Precompiled replaces as the compiled tokenizers do", async () => {
  const rules = charsmap({
    "ﬁ": "fi",
    "Ⓐ": "a",
    "\u00ad": "",
    "e\u0301": "é",
    "ab": "x",
    "a": "yy",
    "👨": "m",
  });
  const json = {
    normalizer: {
      type: "Precompiled",
      precompiled_charsmap: btoa(String.fromCharCode(...rules)),
    },
    pre_tokenizer: { type: "WhitespaceSplit" },
    post_processor: null,
    decoder: null,
    added_tokens: [],
    truncation: null,
    padding: null,
    version: "1.0",
    model: {
      type: "BPE",
      unk_token: null,
      vocab: Object.fromEntries(
        [..."fiaxyémb \u00ad👩\u200d\u0301"].map((char, i) => [char, i]),
      ),
      merges: [],
    },
  };
  const texts = [
    "ﬁⒶ a\u00ad",
    "\u00adab e\u0301e a\u0300 👨\u200d👩x",
    "ab aba",
    "\u00ad\u00ad x",
    "\r\n a",
  ];
  await compare(randomFrom(1), { json, texts });
});
