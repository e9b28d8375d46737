// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertGreater } from "@std/assert";
import { Tokenizer } from "@huggingface/tokenizers";
import { generateReviews } from "../../../examples/quickstart/grammar.ts";
import {
  learnVocabulary,
  writeTokenizer,
} from "../../../examples/quickstart/vocabulary.ts";
import { Tokenizer as OwnTokenizer } from "../../../models/mod.ts";
import { inFolder } from "../../_folder.ts";

const { train, test, ood } = generateReviews({ seed: 1 });
const vocabulary = learnVocabulary(train.map(({ text }) => text));

async function load(): Promise<Tokenizer> {
  return await inFolder(async (folder) => {
    await writeTokenizer(folder, vocabulary);
    const lines = (await Deno.readTextFile(`${folder}/vocab.txt`)).split("\n");
    assertEquals(lines, [...vocabulary, ""]);
    const json = async (name: string) =>
      JSON.parse(await Deno.readTextFile(`${folder}/${name}`));
    return new Tokenizer(
      await json("tokenizer.json"),
      await json("tokenizer_config.json"),
    );
  });
}

Deno.test("learnVocabulary() begins with BERT's special tokens, and repeats no token", () => {
  assertEquals(vocabulary.slice(0, 5), [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
  ]);
  assertEquals(new Set(vocabulary).size, vocabulary.length);
  assertEquals(vocabulary, learnVocabulary(train.map(({ text }) => text)));
});

Deno.test("learnVocabulary() keeps frequent words whole and merges the commonest pair", () => {
  const tokens = learnVocabulary(["Low low lower", "newest widest low"], {
    minimumCount: 3,
    pieces: 1,
  });
  assert(tokens.includes("low"));
  assert(!tokens.includes("newest"));
  // "es" and "st" both occur in two words, so the alphabetical order decides.
  assertEquals(tokens.at(-1), "##es");
});

Deno.test("learnVocabulary() gives files that @huggingface/tokenizers reads and encodes with", async () => {
  const tokenizer = await load();
  const { ids, tokens } = tokenizer.encode("The food was NOT good");
  assertEquals(tokens, ["[CLS]", "the", "food", "was", "not", "good", "[SEP]"]);
  assertEquals(ids, tokens.map((token) => vocabulary.indexOf(token)));
  const pair = tokenizer.encode("the food", { text_pair: "the room" });
  assertEquals(pair.tokens, [
    "[CLS]",
    "the",
    "food",
    "[SEP]",
    "the",
    "room",
    "[SEP]",
  ]);
});

Deno.test("learnVocabulary() splits rare and unseen words into pieces, never [UNK]", async () => {
  const tokenizer = await load();
  const unknown = vocabulary.indexOf("[UNK]");
  let split = 0;
  for (const { text } of [...train, ...test, ...ood]) {
    const { ids, tokens } = tokenizer.encode(text);
    assert(!ids.includes(unknown), text);
    // Joining the pieces gives the text back.
    const joined = tokens.slice(1, -1).join(" ").replaceAll(" ##", "");
    assertEquals(joined, text);
    assert(ids.length <= 64, text);
    if (tokens.some((token) => token.startsWith("##"))) split++;
  }
  // Checks every sentence of the unfamiliar subject, and some familiar ones.
  assertGreater(split, ood.length);
  const { tokens } = tokenizer.encode("keyboard");
  assertGreater(tokens.length, 3);
  // Learned pieces are longer than letters, so there are fewer tokens than letters.
  assert(tokens.length - 2 < "keyboard".length, tokens.join(" "));
});

Deno.test("writeTokenizer() replaces the vocabulary of an earlier run", async () => {
  await inFolder(async (folder) => {
    await writeTokenizer(folder, vocabulary);
    const other = [...vocabulary.slice(0, 5), "other"];
    await writeTokenizer(folder, other);
    const tokenizer = await OwnTokenizer.fromPretrained(folder);
    assertEquals(tokenizer.vocabSize, other.length);
    assertEquals(tokenizer.encode("other").inputIds, [2, 5, 3]);
  });
});
