// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  DataCollatorForLanguageModeling,
  DataCollatorForWholeWordMask,
  groupTexts,
  Tokenizer,
} from "../../../models/mod.ts";
import { rowsOf, wordPiece } from "./_words.ts";

const FIXTURES = new URL("../../fixtures/tokenizers", import.meta.url).pathname;

/** 95 whole words after 5 special tokens. */
const WORDS = wordPiece(
  Array.from({ length: 95 }, (_, i) => `w${i}`).join(" "),
);
const VOCABULARY = 100;
const MASK = 4;

/** Fails unless a count is within five standard deviations of n·p. */
function assertShare(count: number, n: number, p: number, what: string): void {
  const bound = 5 * Math.sqrt(n * p * (1 - p));
  assert(
    Math.abs(count - n * p) <= bound,
    `${what}: ${count} of ${n}, expected ${n * p} ± ${bound}`,
  );
}

/** Rows of words between special tokens. */
function textRows(rows: number, length: number): { inputIds: number[] }[] {
  return Array.from({ length: rows }, (_, i) => ({
    inputIds: [
      2,
      ...Array.from({ length }, (_, j) => 5 + (i * 31 + j * 7) % 95),
      3,
    ],
  }));
}

Deno.test("15 of 100 tokens are hidden: 80 masked, 10 random, 10 kept", () => {
  const features = textRows(200, 100);
  const rows = features.map((_, i) => i);
  const collator = new DataCollatorForLanguageModeling(WORDS, { seed: 3 });
  const { inputIds, labels } = collator.collate(features, { rows });
  const whole = features.flatMap((feature) => feature.inputIds);
  let [hidden, masked, same] = [0, 0, 0];
  const drawn = new Map<number, number>();
  for (const [i, label] of labels.data.entries()) {
    const id = inputIds.data[i] ?? -1;
    if (label === -100) {
      assertEquals(id, whole[i]);
      continue;
    }
    assertEquals(label, whole[i]);
    assert(label >= 5, "special tokens are never hidden");
    hidden++;
    if (id === MASK) masked++;
    else if (id === label) same++;
    else drawn.set(id, (drawn.get(id) ?? 0) + 1);
  }
  assertShare(hidden, 20000, 0.15, "hidden");
  // A random token may be the mask token or the token itself.
  const hit = 0.1 / VOCABULARY;
  assertShare(masked, hidden, 0.8 + hit, "masked");
  assertShare(same, hidden, 0.1 + hit, "kept");
  const random = [...drawn.values()].reduce((a, b) => a + b, 0);
  assertShare(random, hidden, 0.1 - 2 * hit, "random");
  // The random tokens are of the whole vocabulary: 3.1 of each on average.
  assert(drawn.size > 80, `${drawn.size} different random tokens`);
  assert(Math.max(...drawn.values()) < 15);
});

Deno.test("what is hidden depends on the row, the epoch and the seed alone", () => {
  const features = textRows(4, 60);
  const make = (seed: number) =>
    new DataCollatorForLanguageModeling(WORDS, { seed, padToMultipleOf: 8 });
  const some = (rows: number[], epoch: number, seed = 1) => {
    const batch = make(seed).collate(
      rows.map((row) => features[row] ?? { inputIds: [] }),
      { rows, epoch },
    );
    return rowsOf(batch.labels).map((row) => row.join());
  };
  const all = some([0, 1, 2, 3], 0);
  assertEquals(new Set(all).size, 4);
  assertEquals(some([2, 0], 0), [all[2], all[0]]);
  assert(some([0], 1)[0] !== all[0]);
  assert(some([0], 0, 2)[0] !== all[0]);
  // The same text in two rows is hidden differently.
  const [a, b] = rowsOf(
    make(1).collate([features[0], features[0]].flatMap((x) => x ?? []), {
      rows: [0, 9],
    }).labels,
  );
  assert(String(a) !== String(b));
});

Deno.test("shares of 0 and 1 are obeyed, and text features are tokenized", () => {
  const collate = (options: object) =>
    new DataCollatorForLanguageModeling(WORDS, options)
      .collate([{ text: "w0 w1 [MASK] zzz" }], { rows: [0] });
  const all = collate({
    mlmProbability: 1,
    maskReplaceProb: 0,
    randomReplaceProb: 0,
  });
  // The mask token and the unknown token are special.
  assertEquals(rowsOf(all.inputIds), [[2, 5, 6, 4, 1, 3]]);
  assertEquals(rowsOf(all.labels), [[-100, 5, 6, -100, -100, -100]]);
  const none = collate({ mlmProbability: 0 });
  assertEquals(rowsOf(none.labels), [[-100, -100, -100, -100, -100, -100]]);
});

Deno.test("without mlm the labels are the tokens, and -100 at padding", () => {
  const collator = new DataCollatorForLanguageModeling(WORDS, { mlm: false });
  const { inputIds, labels } = collator.collate([
    { inputIds: [2, 7, 8, 3] },
    { inputIds: [2, 0, 3] },
  ]);
  assertEquals(rowsOf(inputIds), [[2, 7, 8, 3], [2, 0, 3, 0]]);
  assertEquals(rowsOf(labels), [[2, 7, 8, 3], [2, -100, 3, -100]]);
});

Deno.test("wrong options and a missing place are refused", () => {
  const make = (options: object) => () =>
    new DataCollatorForLanguageModeling(WORDS, options);
  assertThrows(make({ mlmProbability: 1.5 }), RangeError, "mlmProbability 1.5");
  assertThrows(make({ randomReplaceProb: 0.3 }), RangeError, "above 1");
  assertThrows(make({ seed: 0.5 }), RangeError, "seed 0.5");
  assertThrows(make({ mlm: false, seed: 1 }), TypeError, "seed and mlm false");
  assertThrows(make({ mlmProb: 0.1 }), TypeError, "mlmProb");
  const collator = make({})();
  const features = textRows(2, 3);
  assertThrows(
    () => collator.collate(features),
    TypeError,
    "expected { rows }",
  );
  assertThrows(
    () => collator.collate(features, { rows: [1] }),
    TypeError,
    "not 1 rows",
  );
  assertThrows(
    () => collator.collate(features, { rows: [1, -1] }),
    RangeError,
    "row -1",
  );
  assertThrows(
    () => collator.collate(features, { rows: [1, 2], epoch: 0.5 }),
    RangeError,
    "epoch 0.5",
  );
});

/** The words of a row as lists of indices, of which some are hidden. */
function hiddenWords(
  labels: readonly number[],
  words: readonly (readonly number[])[],
): number {
  let hidden = 0;
  for (const word of words) {
    const count = word.filter((index) => labels[index] !== -100).length;
    assert(count === 0 || count === word.length, `a part of ${word} is hidden`);
    hidden += count;
  }
  return hidden;
}

Deno.test("words of WordPiece are hidden as a whole", () => {
  const tokenizer = wordPiece("play ##ed ##ing un ##want");
  const text = "play played playing unwanted play unwanting";
  const words = [[1], [2, 3], [4, 5], [6, 7, 8], [9], [10, 11, 12]];
  const collator = new DataCollatorForWholeWordMask(tokenizer, {
    mlmProbability: 0.4,
  });
  const rows = Array.from({ length: 200 }, (_, i) => i);
  const { labels, inputIds } = collator.collate(
    rows.map(() => ({ text })),
    { rows },
  );
  assertEquals(inputIds.shape, [200, 14]);
  const counts = words.map(() => 0);
  for (const row of rowsOf(labels)) {
    const hidden = hiddenWords(row, words);
    // 0.4 · 14 = 5.6 tokens: at most 6, and at least 4, where the rest was too
    // long to fit.
    assert(hidden >= 4 && hidden <= 6, `${hidden} hidden`);
    assertEquals([row[0], row[13]], [-100, -100]);
    for (const [i, word] of words.entries()) {
      if (row[word[0] ?? 0] !== -100) counts[i] = (counts[i] ?? 0) + 1;
    }
  }
  assert(counts.every((count) => count > 20 && count < 180), `${counts}`);
});

const MARKED = wordPiece("w1 w2 w3 w4 w5 ##s");

Deno.test("at least one token is hidden, and at most maxPredictions", () => {
  const collate = (options: object, text: string) => {
    const collator = new DataCollatorForWholeWordMask(MARKED, options);
    const { labels } = collator.collate([{ text }], { rows: [0] });
    return [...labels.data].filter((label) => label !== -100).length;
  };
  assertEquals(collate({ mlmProbability: 0.01 }, "w1 w2"), 1);
  assertEquals(collate({ mlmProbability: 1 }, "w1 w2 w3"), 3);
  assertEquals(
    collate({ mlmProbability: 1, maxPredictions: 2 }, "w1 w2 w3"),
    2,
  );
  // Python rounds half to even: 0.5 · 5 = 2.5 gives 2, 0.5 · 7 = 3.5 gives 4.
  assertEquals(collate({ mlmProbability: 0.5 }, "w1 w2 w3"), 2);
  assertEquals(collate({ mlmProbability: 0.5 }, "w1 w2 w3 w4 w5"), 4);
});

for (const name of ["roberta", "modernbert"]) {
  Deno.test(`words of a byte-level tokenizer begin at spaces (${name})`, async () => {
    const tokenizer = await Tokenizer.fromPretrained(`${FIXTURES}/${name}`);
    const text = "The quick brown fox, jumped over 1000 unaffable dogs.";
    const { tokens, sequenceIds } = tokenizer.encode(text);
    const words: number[][] = [];
    for (const [i, token] of tokens.entries()) {
      if (sequenceIds[i] === null) continue;
      if (token.startsWith("Ġ") || words.length === 0) words.push([]);
      words.at(-1)?.push(i);
    }
    assertEquals(words.length, text.split(" ").length);
    const collator = new DataCollatorForWholeWordMask(tokenizer, {
      mlmProbability: 0.5,
    });
    for (const epoch of [0, 1, 2, 3, 4]) {
      const { labels } = collator.collate([{ text }], { rows: [5], epoch });
      assert(hiddenWords(rowsOf(labels)[0] ?? [], words) > 0);
    }
  });
}

/** A SentencePiece tokenizer with a mask token. */
function sentencePiece(): Tokenizer {
  const pieces = ["<unk>", "<mask>", "▁play", "ed", "▁un", "want", "▁a", "."];
  const added = [0, 1].map((id) => ({
    id,
    content: pieces[id],
    special: true,
    normalized: false,
    single_word: false,
    lstrip: false,
    rstrip: false,
  }));
  const content = JSON.stringify({
    added_tokens: added,
    pre_tokenizer: {
      type: "Metaspace",
      replacement: "▁",
      prepend_scheme: "always",
    },
    model: {
      type: "Unigram",
      unk_id: 0,
      vocab: pieces.map((piece, i) => [piece, -i]),
    },
  });
  const config = JSON.stringify({ mask_token: "<mask>", unk_token: "<unk>" });
  return new Tokenizer(
    new Map([["tokenizer.json", content], ["tokenizer_config.json", config]]),
  );
}

Deno.test("words of SentencePiece begin at their mark", () => {
  const tokenizer = sentencePiece();
  const text = "a played unwanted. a play";
  const { tokens } = tokenizer.encode(text);
  assertEquals(tokens, [
    ..."▁a ▁play ed ▁un want ed . ▁a ▁play".split(" "),
  ]);
  const words = [[0], [1, 2], [3, 4, 5, 6], [7], [8]];
  const collator = new DataCollatorForWholeWordMask(tokenizer, {
    mlmProbability: 0.5,
  });
  const rows = Array.from({ length: 30 }, (_, i) => i);
  const { labels } = collator.collate(rows.map(() => ({ text })), { rows });
  for (const row of rowsOf(labels)) assert(hiddenWords(row, words) >= 3);
});

Deno.test("a vocabulary without marks, or a tokenizer without mask, is refused", async () => {
  assertThrows(
    () => new DataCollatorForWholeWordMask(wordPiece("a b")),
    TypeError,
    "no token of the vocabulary begins with ##",
  );
  const marian = await Tokenizer.fromPretrained(`${FIXTURES}/marian`);
  assertThrows(
    () => new DataCollatorForWholeWordMask(marian),
    TypeError,
    "has no mask token",
  );
});

Deno.test("groupTexts() cuts all tokens into blocks and drops the rest", () => {
  const texts = [
    { inputIds: [2, 7, 3], tokenTypeIds: [0, 0, 1] },
    { inputIds: [2, 8, 9, 10, 3] },
    { inputIds: [] },
    { inputIds: [2, 3, 3] },
  ];
  const blocks = groupTexts(texts, { blockSize: 4 });
  assertEquals(blocks.map(({ inputIds }) => [...inputIds]), [
    [2, 7, 3, 2],
    [8, 9, 10, 3],
  ]);
  assertEquals([...blocks[0]?.tokenTypeIds ?? []], [0, 0, 1, 0]);
  assertEquals(groupTexts(texts, { blockSize: 12 }), []);
  assertThrows(
    () => groupTexts(texts, { blockSize: 0 }),
    RangeError,
    "0 tokens",
  );
});
