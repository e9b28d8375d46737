// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertThrows } from "@std/assert";
import {
  bucketedLength,
  DataCollatorWithPadding,
  multiHot,
  softLabels,
  toTensors,
} from "../../../models/mod.ts";
import { gpuTest } from "../../_check.ts";
import { rowsOf, wordPiece } from "./_words.ts";

const TOKENIZER = wordPiece("a b c d");

/** A row of `length` tokens. */
function row(length: number): { inputIds: number[] } {
  return { inputIds: Array.from({ length }, () => 5) };
}

Deno.test("a batch of texts and pairs is padded to the longest", () => {
  const collator = new DataCollatorWithPadding(TOKENIZER);
  const batch = collator.collate([
    { text: "a", textPair: "b c" },
    { text: "d" },
    { inputIds: [2, 3], tokenTypeIds: [1, 0] },
  ]);
  assertEquals(rowsOf(batch.inputIds), [
    [2, 5, 3, 6, 7, 3],
    [2, 8, 3, 0, 0, 0],
    [2, 3, 0, 0, 0, 0],
  ]);
  assertEquals(rowsOf(batch.attentionMask), [
    [1, 1, 1, 1, 1, 1],
    [1, 1, 1, 0, 0, 0],
    [1, 1, 0, 0, 0, 0],
  ]);
  assertEquals(rowsOf(batch.tokenTypeIds), [
    [0, 0, 0, 1, 1, 1],
    [0, 0, 0, 0, 0, 0],
    [1, 0, 0, 0, 0, 0],
  ]);
  assertEquals(Object.keys(batch).sort(), [
    "attentionMask",
    "inputIds",
    "tokenTypeIds",
  ]);
});

Deno.test("a tokenizer's side and type of padding are used", () => {
  const left = wordPiece("a b", { padding_side: "left", pad_token_type_id: 3 });
  const batch = new DataCollatorWithPadding(left).collate([
    { inputIds: [2, 5, 3] },
    { inputIds: [2, 3] },
  ]);
  assertEquals(rowsOf(batch.inputIds), [[2, 5, 3], [0, 2, 3]]);
  assertEquals(rowsOf(batch.attentionMask), [[1, 1, 1], [0, 1, 1]]);
  assertEquals(rowsOf(batch.tokenTypeIds), [[0, 0, 0], [3, 0, 0]]);
});

Deno.test("lengths are those of the strategies of transformers", () => {
  const lengthOf = (
    longest: number,
    options: ConstructorParameters<typeof DataCollatorWithPadding>[1],
  ) =>
    new DataCollatorWithPadding(TOKENIZER, options)
      .collate([row(longest), row(longest)]).inputIds.shape;
  assertEquals(lengthOf(9, {}), [2, 9]);
  assertEquals(lengthOf(9, { padToMultipleOf: 8 }), [2, 16]);
  // As there, a multiple may be beyond maxLength.
  const both = { padToMultipleOf: 8, maxLength: 12 };
  assertEquals(lengthOf(9, both), [2, 16]);
  assertEquals(lengthOf(9, { ...both, padding: "max_length" }), [2, 16]);
  assertEquals(lengthOf(9, { maxLength: 12, padding: "max_length" }), [2, 12]);
  assertEquals(lengthOf(9, { padding: false }), [2, 9]);
  // Bucketed lengths stop at what the model supports.
  assertEquals(lengthOf(9, { ...both, padding: "bucketed" }), [2, 12]);
  assertEquals(lengthOf(9, { padding: "bucketed" }), [2, 16]);
  const buckets = [10, 20];
  assertEquals(lengthOf(9, { padding: "bucketed", buckets }), [2, 10]);
  assertEquals(lengthOf(11, { padding: "bucketed", buckets }), [2, 20]);
});

Deno.test("bucketedLength() has a third of padding at most, and few lengths", () => {
  const lengths = new Set<number>();
  for (let longest = 1; longest <= 512; longest++) {
    const length = bucketedLength(longest);
    lengths.add(length);
    assertEquals(length >= longest && bucketedLength(length) === length, true);
    if (longest > 16) assertEquals(length - longest < length / 3, true);
  }
  assertEquals([...lengths], [
    8,
    16,
    24,
    32,
    48,
    64,
    96,
    128,
    192,
    256,
    384,
    512,
  ]);
  assertEquals(bucketedLength(0), 8);
  assertEquals(bucketedLength(600, { limit: 512 }), 600);
});

Deno.test("texts are cut to maxLength, and rows of tokens beyond it are refused", () => {
  const collator = new DataCollatorWithPadding(TOKENIZER, { maxLength: 4 });
  const batch = collator.collate([{ text: "a b c d" }]);
  assertEquals(rowsOf(batch.inputIds), [[2, 5, 6, 3]]);
  assertThrows(
    () => collator.collate([row(3), row(5)]),
    RangeError,
    "Cannot collate a row of 5 tokens: maxLength is 4",
  );
});

Deno.test("labels become arrays by their kind", () => {
  const rows = <L>(...labels: L[]) =>
    labels.map((label) => ({ ...row(1), label }));
  const classes = new DataCollatorWithPadding(TOKENIZER);
  assertEquals(classes.collate(rows(2, 0, -100)).labels, {
    data: Int32Array.of(2, 0, -100),
    shape: [3],
  });
  assertEquals(classes.collate(rows([0.25, 0.75], softLabels([1, 1]))).labels, {
    data: Float32Array.of(0.25, 0.75, 0.5, 0.5),
    shape: [2, 2],
  });
  const numbers = new DataCollatorWithPadding(TOKENIZER, {
    problemType: "regression",
  });
  assertEquals(numbers.collate(rows(1.5, -2)).labels, {
    data: Float32Array.of(1.5, -2),
    shape: [2],
  });
  assertEquals(numbers.collate(rows([1, 2, 3])).labels.shape, [1, 3]);
  const several = new DataCollatorWithPadding(TOKENIZER, {
    problemType: "multi_label_classification",
  });
  assertEquals(several.collate(rows(multiHot([1], 2), [1, 1])).labels, {
    data: Float32Array.of(0, 1, 1, 1),
    shape: [2, 2],
  });
});

Deno.test("labels that are missing, mixed or out of range are refused", () => {
  const collator = new DataCollatorWithPadding(TOKENIZER);
  const refused = (labels: unknown[], error: typeof TypeError, text: string) =>
    assertThrows(
      () =>
        collator.collate(
          labels.map((label) => ({ ...row(1), label: label as number })),
        ),
      error,
      text,
    );
  refused([1, undefined], TypeError, "the label of row 1: it is undefined");
  refused([1, [1, 0]], TypeError, "all must be of one kind");
  refused([0, 1.5], RangeError, "label 1.5 of row 1");
  refused([-1], RangeError, "label -1 of row 0");
  refused([[1, 0], [1]], TypeError, "1 labels of row 1: row 0 has 2");
  refused([[0.5, 0.4]], RangeError, "they add up to 0.9, expected 1");
  refused([[-0.5, 1.5]], RangeError, "expected a number in [0, 1]");
  const several = new DataCollatorWithPadding(TOKENIZER, {
    problemType: "multi_label_classification",
  });
  assertThrows(
    () => several.collate([{ ...row(1), label: 1 }]),
    TypeError,
    "see multiHot()",
  );
  assertThrows(() => multiHot([2], 2), RangeError, "below 2");
  assertThrows(() => softLabels([0, 0]), RangeError, "their sum positive");
});

Deno.test("wrong options and rows are refused at the call", () => {
  const make = (options: object) => () =>
    new DataCollatorWithPadding(TOKENIZER, options);
  assertThrows(make({ pad_to_multiple_of: 8 }), TypeError, "padToMultipleOf");
  assertThrows(make({ padding: "short" }), TypeError, 'padding "short"');
  assertThrows(make({ padToMultipleOf: 0 }), RangeError, "a multiple of 0");
  assertThrows(make({ maxLength: 1.5 }), RangeError, "maxLength 1.5");
  assertThrows(make({ buckets: [8] }), TypeError, 'need padding "bucketed"');
  assertThrows(
    make({ padding: "bucketed", buckets: [8, 8] }),
    RangeError,
    "rising",
  );
  assertThrows(make({ padding: "max_length" }), RangeError, "Infinity");
  const collator = new DataCollatorWithPadding(TOKENIZER);
  assertThrows(() => collator.collate([]), RangeError, "it has no rows");
  assertThrows(
    () => collator.collate([{} as { text: string }]),
    TypeError,
    "row 0 of a batch: expected inputIds or a text",
  );
  assertThrows(
    () => collator.collate([{ inputIds: [1, 2], tokenTypeIds: [0] }]),
    TypeError,
    "2 tokens and 1 types",
  );
  const unpadded = new DataCollatorWithPadding(TOKENIZER, { padding: false });
  assertThrows(
    () => unpadded.collate([row(1), row(2)]),
    TypeError,
    "they must be equally long",
  );
});

gpuTest("a batch is packed where that pays, in few shapes if asked to", () => {
  const packed = (
    lengths: number[],
    options: ConstructorParameters<typeof DataCollatorWithPadding>[1],
  ) => {
    const collator = new DataCollatorWithPadding(TOKENIZER, {
      usesPacking: true,
      maxLength: 100,
      ...options,
    });
    const { inputIds, packing } = collator.collate(lengths.map(row));
    return [inputIds.shape[1], packing?.tokens];
  };
  assertEquals(packed([3, 20], {}), [20, 23]);
  assertEquals(packed([20, 20], {}), [20, undefined]);
  assertEquals(packed([3, 20], { usesPacking: false }), [20, undefined]);
  assertEquals(packed([3, 20], { padding: "bucketed" }), [64, 24]);
  assertEquals(packed([3, 20], { padding: "bucketed", fewShapes: false }), [
    24,
    23,
  ]);
  const buckets = { padding: "bucketed", buckets: [30] } as const;
  assertEquals(packed([3, 20], buckets), [30, 24]);
});

gpuTest("toTensors() gives the tensors that a step would get", async () => {
  const collator = new DataCollatorWithPadding(TOKENIZER);
  const batch = collator.collate([{ text: "a", label: 1 }]);
  const { inputIds, labels, packing } = toTensors(batch);
  assertEquals([...await inputIds.data()], [2, 5, 3]);
  assertEquals([inputIds.shape, labels.shape, labels.dtype], [
    [1, 3],
    [1],
    "i32",
  ]);
  assertEquals(packing, undefined);
});
