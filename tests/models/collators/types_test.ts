// Copyright 2026 the swagpu authors. MIT license.

// What the type checker knows of batches, and of what `step` gets of them.
// `deno check` is the test: each line assigns a value to its exact type, and each
// `@ts-expect-error` must be one.

import { assertEquals } from "@std/assert";
import type { Tensor } from "../../../engine/mod.ts";
import {
  type AnsweredFeature,
  type CollatedBatch,
  DataCollatorForLanguageModeling,
  DataCollatorForQuestionAnswering,
  DataCollatorForSeq2Seq,
  DataCollatorForTokenClassification,
  DataCollatorWithPadding,
  type FloatValues,
  type IntegerValues,
  MarianConfig,
  type Packing,
  type ProblemType,
  type QuestionFeature,
  toTensors,
} from "../../../models/mod.ts";
import type { StepInputs } from "../../../nn/mod.ts";
import { gpuTest } from "../../_check.ts";
import { wordPiece } from "./_words.ts";

const TOKENIZER = wordPiece("a b");
const ROW = { inputIds: [2, 3] };

/** Holds if both types are the same, and not only assignable. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends
  (<T>() => T extends B ? 1 : 2) ? true : false;

/** Takes a value whose type is exactly `T`. */
function exactly<T>() {
  return <V>(value: V & (Same<T, V> extends true ? V : never)): V => value;
}

Deno.test("the types of labels follow from those of the features", () => {
  const classes = new DataCollatorWithPadding(TOKENIZER);
  const text = classes.collate([{ text: "a", label: 1 }]);
  exactly<IntegerValues>()(text.inputIds);
  exactly<IntegerValues>()(text.labels);
  exactly<FloatValues>()(classes.collate([{ ...ROW, label: [0, 1] }]).labels);

  const regression = { problemType: "regression" } as const;
  const numbers = new DataCollatorWithPadding(TOKENIZER, regression);
  exactly<FloatValues>()(numbers.collate([{ ...ROW, label: 1.5 }]).labels);

  const problemType = null as ProblemType | null;
  const either = new DataCollatorWithPadding(TOKENIZER, { problemType });
  exactly<IntegerValues | FloatValues>()(
    either.collate([{ ...ROW, label: 1 }]).labels,
  );

  const unlabeled = classes.collate([ROW]);
  exactly<CollatedBatch>()(unlabeled);
  // @ts-expect-error There are no labels.
  assertEquals(unlabeled.labels, undefined);

  const perhaps: { inputIds: number[]; label?: number } = ROW;
  exactly<IntegerValues | undefined>()(classes.collate([perhaps]).labels);
  // @ts-expect-error A name is not a label.
  const wrong = () => classes.collate([{ ...ROW, label: "good" }]);
  assertEquals(typeof wrong, "function");
});

Deno.test("the places of answers are known where the features have them", () => {
  const collator = new DataCollatorForQuestionAnswering(TOKENIZER);
  const answered: AnsweredFeature = {
    inputIds: [2, 3],
    tokenTypeIds: [0, 0],
    exampleId: "1",
    offsetMapping: [null, null],
    startPositions: 0,
    endPositions: 0,
  };
  exactly<IntegerValues>()(collator.collate([answered]).endPositions);
  const { startPositions: _, endPositions: __, ...rest } = answered;
  const open: QuestionFeature = rest;
  exactly<CollatedBatch>()(collator.collate([open]));
});

Deno.test("the decoder's inputs are known where a model is given", () => {
  const features = [{ inputIds: [2, 3], labels: [2, 3] }];
  const config = new MarianConfig({ padTokenId: 0, decoderStartTokenId: 0 });
  const shifted = new DataCollatorForSeq2Seq(TOKENIZER, { model: { config } });
  exactly<IntegerValues>()(shifted.collate(features).decoderInputIds);
  const plain = new DataCollatorForSeq2Seq(TOKENIZER).collate(features);
  // @ts-expect-error There was no model.
  assertEquals(plain.decoderInputIds, undefined);
});

gpuTest("a step gets tensors of exact types", () => {
  const batch = new DataCollatorWithPadding(TOKENIZER, {
    problemType: "regression",
  }).collate([{ ...ROW, label: 1 }]);
  const inputs: StepInputs<typeof batch> = toTensors(batch);
  exactly<Tensor<"i32">>()(inputs.inputIds);
  exactly<Tensor<"i32">>()(inputs.attentionMask);
  exactly<Tensor<"f32">>()(inputs.labels);
  exactly<Packing | undefined>()(inputs.packing);
  // @ts-expect-error The labels are floats.
  const labels: Tensor<"i32"> = inputs.labels;
  assertEquals(labels.shape, [1]);

  const tokens = new DataCollatorForTokenClassification(TOKENIZER)
    .collate([{ ...ROW, labels: [1, 0] }]);
  exactly<Tensor<"i32">>()(toTensors(tokens).labels);
  const model = new DataCollatorForLanguageModeling(TOKENIZER)
    .collate([ROW], { rows: [0] });
  exactly<Tensor<"i32">>()(toTensors(model).labels);
});
