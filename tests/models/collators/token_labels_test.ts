// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  alignWordLabels,
  DataCollatorForTokenClassification,
  type LabeledSpan,
  tokenizeAndAlignLabels,
  tokenizeAndAlignSpans,
  Tokenizer,
} from "../../../models/mod.ts";
import { rowsOf, wordPiece } from "./_words.ts";

const FIXTURES = new URL("../../fixtures/tokenizers", import.meta.url).pathname;
const NAMES = ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"];
const TOKENIZER = wordPiece("anna liv ##es in new york - ##town 's");

Deno.test("words label their first token, or all of their tokens", () => {
  const example = {
    words: ["Anna", "lives", "in", "newtown"],
    labels: ["B-PER", "O", "O", "B-LOC"],
  };
  const first = tokenizeAndAlignLabels(TOKENIZER, example, {
    labelNames: NAMES,
  });
  // [CLS] anna liv ##es in new ##town [SEP]
  assertEquals(first.inputIds, [2, 5, 6, 7, 8, 9, 12, 3]);
  assertEquals(first.labels, [-100, 3, 0, -100, 0, 1, -100, -100]);
  const all = tokenizeAndAlignLabels(TOKENIZER, example, {
    labelNames: NAMES,
    labelAllTokens: true,
  });
  assertEquals(all.labels, [-100, 3, 0, 0, 0, 1, 2, -100]);
  // Ids work as well as names, and the end may be cut off.
  const cut = tokenizeAndAlignLabels(
    TOKENIZER,
    { words: example.words, labels: [3, 0, 0, 1] },
    { labelNames: NAMES, maxLength: 5 },
  );
  assertEquals(cut.labels, [-100, 3, 0, -100, -100]);
});

Deno.test("a word that ends another with the same label begins a new entity", () => {
  const wordIds = [null, 0, 0, 1, 1, null];
  const options = { labelAllTokens: true, labelNames: NAMES };
  assertEquals(alignWordLabels(wordIds, [1, 1], options), [
    -100,
    1,
    2,
    1,
    2,
    -100,
  ]);
  assertEquals(alignWordLabels(wordIds, [1, -100], options), [
    -100,
    1,
    2,
    -100,
    -100,
    -100,
  ]);
  assertThrows(() => alignWordLabels(wordIds, [1]), RangeError, "word 1");
});

Deno.test("parts of a text label the tokens that they overlap", () => {
  const text = "Anna's in New-York newtown";
  const spans: LabeledSpan[] = [
    { start: 10, end: 18, label: "LOC" },
    { start: 0, end: 4, label: "PER" },
    { start: 22, end: 26, label: "LOC" }, // "town"
  ];
  const labelsOf = (labelAllTokens: boolean, labelNames = NAMES) =>
    tokenizeAndAlignSpans(TOKENIZER, { text, spans }, {
      labelNames,
      labelAllTokens,
    }).labels;
  // [CLS] anna ' s in new - york new ##town [SEP], where ' and s are unknown
  const none = -100;
  assertEquals(labelsOf(false), [none, 3, 0, 0, 0, 1, 2, 2, 1, none, none]);
  assertEquals(labelsOf(true), [none, 3, 0, 0, 0, 1, 2, 2, 0, 1, none]);
  const plain = ["O", "LOC", "PER"];
  assertEquals(labelsOf(true, plain), [
    none,
    2,
    0,
    0,
    0,
    1,
    1,
    1,
    0,
    1,
    none,
  ]);
});

Deno.test("parts that are empty, outside, overlapping or unknown are refused", () => {
  const refused = (spans: LabeledSpan[], text: string) =>
    assertThrows(
      () =>
        tokenizeAndAlignSpans(TOKENIZER, { text: "in new york", spans }, {
          labelNames: NAMES,
        }),
      RangeError,
      text,
    );
  refused([{ start: 3, end: 12, label: "LOC" }], "the text has 11");
  refused([{ start: 3, end: 3, label: "LOC" }], "from 3 to 3");
  refused([{ start: 2, end: 3, label: "LOC" }], "there are only spaces");
  refused([{ start: 0, end: 2, label: "ORG" }], 'label "ORG"');
  refused([
    { start: 3, end: 11, label: "LOC" },
    { start: 0, end: 4, label: "PER" },
  ], '"PER" before it ends at 4');
});

Deno.test("words and labels must agree", () => {
  const align = (words: string[], labels: string[]) => () =>
    tokenizeAndAlignLabels(TOKENIZER, { words, labels }, { labelNames: NAMES });
  assertThrows(align(["in"], []), TypeError, "1 words and 0 labels");
  assertThrows(align(["in"], ["B-ORG"]), RangeError, 'label "B-ORG"');
});

Deno.test("rows and their labels are padded alike, on either side", () => {
  const features = [
    { inputIds: [2, 5, 6, 3], labels: [-100, 1, 2, -100] },
    { inputIds: [2, 3], labels: [-100, -7] },
  ];
  const right = new DataCollatorForTokenClassification(TOKENIZER, {
    padToMultipleOf: 5,
  }).collate(features);
  assertEquals(rowsOf(right.labels), [
    [-100, 1, 2, -100, -100],
    [-100, -7, -100, -100, -100],
  ]);
  const left = new DataCollatorForTokenClassification(TOKENIZER, {
    paddingSide: "left",
    labelPadTokenId: 9,
  }).collate(features);
  assertEquals(rowsOf(left.inputIds), [[2, 5, 6, 3], [0, 0, 2, 3]]);
  assertEquals(rowsOf(left.labels), [[-100, 1, 2, -100], [9, 9, -100, -7]]);
  assertThrows(
    () =>
      new DataCollatorForTokenClassification(TOKENIZER).collate([
        { inputIds: [2, 3], labels: [1] },
      ]),
    TypeError,
    "it has 2 tokens and 1 labels",
  );
});

/** The texts of a tokenizer's fixtures. */
async function textsOf(name: string): Promise<string[]> {
  const vectors: unknown = JSON.parse(
    await Deno.readTextFile(`${FIXTURES}/${name}/vectors.json`),
  );
  const texts = Object.values(vectors as object).flat().map((vector) =>
    (vector as { text?: unknown }).text
  ).filter((text): text is string =>
    typeof text === "string" && text.trim() !== ""
  );
  assert(texts.length > 3, `${name} has ${texts.length} texts`);
  return texts;
}

for (
  const name of [
    "bert_uncased",
    "bert_cased",
    "roberta",
    "modernbert",
    "marian",
  ]
) {
  Deno.test(`labels of all tokens lead back to the parts of a text (${name})`, async () => {
    const tokenizer = await Tokenizer.fromPretrained(`${FIXTURES}/${name}`);
    let parts = 0;
    for (const text of await textsOf(name)) {
      // Every word without punctuation is a part.
      const spans = [...text.matchAll(/(?<!\S)[\p{L}\p{N}]+(?!\S)/gu)]
        .map(({ 0: word, index }) => ({
          start: index,
          end: index + word.length,
          label: "LOC",
        }));
      const { offsets, sequenceIds } = tokenizer.encode(text);
      const { labels, inputIds } = tokenizeAndAlignSpans(
        tokenizer,
        { text, spans },
        { labelNames: NAMES, labelAllTokens: true },
      );
      assertEquals(labels.length, inputIds.length);
      const found: { start: number; end: number }[] = [];
      for (const [i, label] of labels.entries()) {
        assertEquals(label === -100, sequenceIds[i] === null);
        const [from, end] = offsets[i] ?? [0, 0];
        const own = text.slice(from, end);
        const start = end - own.trimStart().length;
        if (label === 1) found.push({ start, end });
        const last = found.at(-1);
        if (label === 2 && last) last.end = Math.max(last.end, end);
      }
      assertEquals(
        found,
        spans.map(({ start, end }) => ({ start, end })),
        JSON.stringify(text),
      );
      parts += spans.length;
    }
    assert(parts > 10, `${name} labels ${parts} parts`);
  });
}

for (const name of ["bert_uncased", "bert_cased", "roberta", "modernbert"]) {
  Deno.test(`labels of words and of parts of a text agree (${name})`, async () => {
    const tokenizer = await Tokenizer.fromPretrained(`${FIXTURES}/${name}`, {
      addPrefixSpace: true,
    });
    let compared = 0;
    for (const one of await textsOf(name)) {
      const words = one.split(/\s+/).filter((word) => word !== "");
      const text = words.join(" ");
      if (/[<[]/.test(text)) continue; // Special tokens take spaces.
      const labels = words.map((_, i) => i % 3 === 0 ? "B-LOC" : "O");
      let at = 0;
      const spans = words.map((word, i) => {
        const start = at;
        at += word.length + 1;
        return { start, end: start + word.length, label: "LOC", i };
      }).filter(({ i }) => i % 3 === 0);
      const options = { labelNames: NAMES, labelAllTokens: true };
      const byWords = tokenizeAndAlignLabels(
        tokenizer,
        { words, labels },
        options,
      );
      const bySpans = tokenizeAndAlignSpans(
        tokenizer,
        { text, spans },
        options,
      );
      assertEquals(bySpans.inputIds, byWords.inputIds, text);
      assertEquals(bySpans.labels, byWords.labels, text);
      compared++;
    }
    assert(compared > 3, `${name} compares ${compared} texts`);
  });
}
