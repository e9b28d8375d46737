// Copyright 2026 the swagpu authors. MIT license.

// Padding to a multiple, in every collator: tokens, masks, labels.

import { assertEquals, assertThrows } from "@std/assert";
import {
  type CollatorOptions,
  DataCollatorForLanguageModeling,
  DataCollatorForQuestionAnswering,
  DataCollatorForSeq2Seq,
  DataCollatorForTokenClassification,
  DataCollatorForWholeWordMask,
  DataCollatorWithPadding,
} from "../../../models/mod.ts";
import { gpuTest } from "../../_check.ts";
import { rowsOf, wordPiece } from "./_words.ts";

const TOKENIZER = wordPiece("a b c ##d");
const ROWS = [{ inputIds: [2, 5, 6, 7, 3] }, { inputIds: [2, 5, 3] }];
const IGNORED = -100;

/** A row of a batch, filled up to a length at its end or its start. */
function filled(
  row: readonly number[],
  filler: number,
  { length, isLeft }: { length: number; isLeft: boolean },
): number[] {
  const fill = Array.from({ length: length - row.length }, () => filler);
  return isLeft ? [...fill, ...row] : [...row, ...fill];
}

/** Options, and the length that they give for rows of 5 tokens. */
const CASES: [CollatorOptions, number][] = [
  [{ padToMultipleOf: 4 }, 8],
  [{ padToMultipleOf: 5 }, 5],
  [{ padToMultipleOf: 8, padding: "longest" }, 8],
  [{ padToMultipleOf: 4, padding: "longest", maxLength: 6 }, 8],
  [{ padToMultipleOf: 4, padding: "max_length", maxLength: 10 }, 12],
  [{ padToMultipleOf: 6, padding: "bucketed" }, 6],
  [{ padToMultipleOf: 4, padding: "bucketed", maxLength: 7 }, 7],
];

for (const [options, length] of CASES) {
  for (const paddingSide of ["right", "left"] as const) {
    const isLeft = paddingSide === "left";
    const all = { ...options, paddingSide };
    const expected = (rows: readonly (readonly number[])[], filler: number) =>
      rows.map((row) => filled(row, filler, { length, isLeft }));
    const tokens = expected(ROWS.map(({ inputIds }) => inputIds), 0);
    const mask = expected(ROWS.map(({ inputIds }) => inputIds.map(() => 1)), 0);

    Deno.test(`tokens, masks and labels have length ${length} with ${JSON.stringify(all)}`, () => {
      const rows = ROWS.map((_, i) => i);
      const given = [[IGNORED, 1, 0, 2, IGNORED], [IGNORED, 4, IGNORED]];
      const labeled = ROWS.map((row, i) => ({
        ...row,
        labels: given[i] ?? [],
      }));
      const hidden = { maskReplaceProb: 0, randomReplaceProb: 0 };
      const everything = { ...all, ...hidden, mlmProbability: 1 };
      const words = [[IGNORED, 5, 6, 7, IGNORED], [IGNORED, 5, IGNORED]];
      const itself = ROWS.map(({ inputIds }) => inputIds);
      const batches = [
        {
          batch: new DataCollatorForTokenClassification(TOKENIZER, all)
            .collate(labeled),
          labels: given,
        },
        {
          batch: new DataCollatorForLanguageModeling(TOKENIZER, everything)
            .collate(ROWS, { rows }),
          labels: words,
        },
        {
          batch: new DataCollatorForWholeWordMask(TOKENIZER, everything)
            .collate(ROWS, { rows }),
          labels: words,
        },
        {
          batch: new DataCollatorForLanguageModeling(TOKENIZER, {
            ...{ ...all, mlm: false },
          }).collate(ROWS),
          labels: itself,
        },
      ];
      for (const { batch, labels } of batches) {
        assertEquals(rowsOf(batch.inputIds), tokens);
        assertEquals(rowsOf(batch.attentionMask), mask);
        assertEquals(batch.tokenTypeIds.shape, [2, length]);
        assertEquals(rowsOf(batch.labels), expected(labels, IGNORED));
      }
      const texts = new DataCollatorWithPadding(TOKENIZER, all).collate(
        ROWS.map((row) => ({ ...row, label: 1 })),
      );
      assertEquals(rowsOf(texts.inputIds), tokens);
      assertEquals(rowsOf(texts.attentionMask), mask);
      assertEquals(texts.labels.shape, [2]); // one label a text
      const answers = new DataCollatorForQuestionAnswering(TOKENIZER, all)
        .collate(ROWS.map((row) => ({
          ...{ ...row, startPositions: 1, endPositions: 2 },
        })));
      assertEquals(rowsOf(answers.inputIds), tokens);
      const moved = ROWS.map(({ inputIds }) =>
        isLeft ? length - inputIds.length : 0
      );
      assertEquals([...answers.startPositions.data], moved.map((n) => n + 1));
      assertEquals([...answers.endPositions.data], moved.map((n) => n + 2));
    });

    Deno.test(`sources and targets are padded with ${JSON.stringify(all)}`, () => {
      const config = { decoderStartTokenId: 2, padTokenId: 0 };
      const targets = [[5, 3], [6, 5, 7, 6, 3]];
      const batch = new DataCollatorForSeq2Seq(TOKENIZER, {
        ...all,
        model: { config },
      }).collate(
        ROWS.map((row, i) => ({ ...row, labels: targets[i] ?? [] })),
      );
      assertEquals(rowsOf(batch.inputIds), tokens);
      assertEquals(rowsOf(batch.attentionMask), mask);
      const labels = expected(targets, IGNORED);
      assertEquals(rowsOf(batch.labels), labels);
      assertEquals(
        rowsOf(batch.decoderInputIds),
        labels.map((row) =>
          [2, ...row.slice(0, -1)].map((id) => id === IGNORED ? 0 : id)
        ),
      );
    });
  }
}

gpuTest("packed rows of few shapes are multiples, too", () => {
  const lengthOf = (padToMultipleOf: number | undefined) =>
    new DataCollatorWithPadding(TOKENIZER, {
      ...{ padding: "bucketed", usesPacking: true, padToMultipleOf },
    }).collate([
      { inputIds: Array.from({ length: 20 }, () => 5) },
      { inputIds: [2, 3] },
    ]).inputIds.shape[1];
  assertEquals([undefined, 8, 48, 5, 100].map(lengthOf), [64, 64, 96, 65, 100]);
});

Deno.test("a multiple beside other lengths, or without padding, is refused", () => {
  const make = (options: CollatorOptions) => () =>
    new DataCollatorForTokenClassification(TOKENIZER, options);
  assertThrows(
    make({ padToMultipleOf: 8, padding: false }),
    TypeError,
    "Cannot collate with padToMultipleOf and padding false: rows are not padded " +
      "then, leave one of them out",
  );
  assertThrows(
    make({ padToMultipleOf: 8, padding: "bucketed", buckets: [8, 16] }),
    TypeError,
    'Cannot collate with buckets: they need padding "bucketed" and no ' +
      "padToMultipleOf",
  );
  for (const padToMultipleOf of [0, -8, 1.5, NaN]) {
    assertThrows(
      make({ padToMultipleOf }),
      RangeError,
      `Cannot pad to a multiple of ${padToMultipleOf}: it must be a whole ` +
        "number from 1",
    );
  }
});
