// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertThrows } from "@std/assert";
import { readAll, type Tensor, tensor } from "../../engine/mod.ts";
import { classificationLoss } from "../../models/loss.ts";
import type { ProblemType } from "../../models/config.ts";
import {
  AutoModelForQuestionAnswering,
  AutoModelForSequenceClassification,
  BertConfig,
  BertForSequenceClassification,
} from "../../models/mod.ts";
import { assertClose, FUNCTIONS, gpuTest } from "../_check.ts";

const LOGITS = [[1, 2, 0.5], [-1, 0, 3]];

/** -log softmax of one class of a row. */
function nll(row: readonly number[], label: number): number {
  const total = row.reduce((sum, x) => sum + Math.exp(x), 0);
  return Math.log(total) - (row[label] ?? NaN);
}

gpuTest("a classifier's labels may have an axis of length 1", async () => {
  const logits = tensor(LOGITS);
  const loss = (shape: number[]) =>
    classificationLoss(logits, tensor(Int32Array.of(1, 2), { shape }));
  const values = await readAll([loss([2]), loss([2, 1])]);
  const expected = (nll(LOGITS[0] ?? [], 1) + nll(LOGITS[1] ?? [], 2)) / 2;
  for (const [value = NaN] of values) {
    assertClose([value], [expected], FUNCTIONS);
  }
});

gpuTest("labels that do not fit the problem are refused with a hint", () => {
  const logits = tensor(LOGITS);
  const cases: [ProblemType | null, Tensor, string][] = [
    [null, tensor([0, 1]), "classes must be integers, such as dtype i32"],
    ["single_label_classification", tensor([0, 1]), "such as dtype i32"],
    ["regression", tensor(Int32Array.of(0, 1)), "expected f32 with as many"],
    [null, tensor(Int32Array.of(0, 1, 2)), "expected integers [2]"],
  ];
  for (const [problemType, labels, message] of cases) {
    assertThrows(
      () => classificationLoss(logits, labels, { problemType }),
      TypeError,
      message,
    );
  }
  const soft = tensor([[0, 1, 0], [0.5, 0.5, 0]]);
  assertEquals(
    classificationLoss(logits, soft, {
      problemType: "single_label_classification",
    }).shape,
    [],
  );
});

gpuTest("with labels there is a loss, as the types know", async () => {
  const config = new BertConfig({
    vocabSize: 9,
    hiddenSize: 8,
    numHiddenLayers: 1,
    numAttentionHeads: 2,
    intermediateSize: 8,
  });
  const inputIds = tensor([[1, 2]], { dtype: "i32" });
  const one = tensor(Int32Array.of(1));
  // None of these compiles if `loss` may be absent.
  const classifier = new BertForSequenceClassification(config).eval();
  const first: Tensor = classifier.forward({ inputIds, labels: one }).loss;
  const auto = AutoModelForSequenceClassification.fromConfig(config).eval();
  const second: Tensor = auto.forward({ inputIds, labels: one }).loss;
  const answerer = AutoModelForQuestionAnswering.fromConfig(config).eval();
  const answer = { startPositions: one, endPositions: one };
  const third: Tensor = answerer.forward({ inputIds, ...answer }).loss;
  for (const [value = NaN] of await readAll([first, second, third])) {
    assertEquals(value > 0, true);
  }
  const none: Tensor | undefined = classifier.forward({ inputIds }).loss;
  assertEquals(none, undefined);
  for (const model of [classifier, auto, answerer]) model.dispose();
});
