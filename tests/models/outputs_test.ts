// Copyright 2026 the swagpu authors. MIT license.

// What the inputs ask for is certain in the outputs: these functions have the
// types that a training loop needs, so that the type checker runs this test.

import { assertEquals } from "@std/assert";
import { scope, type Tensor, tensor } from "../../engine/mod.ts";
import {
  type AutoModelForMultipleChoice,
  type AutoModelForQuestionAnswering,
  type AutoModelForSeq2SeqLM,
  type AutoModelForSequenceClassification,
  type BartForCausalLM,
  type BartForConditionalGeneration,
  type BartForQuestionAnswering,
  type BartForSequenceClassification,
  BertConfig,
  type BertForMaskedLM,
  type BertForMultipleChoice,
  type BertForQuestionAnswering,
  BertForSequenceClassification,
  type BertForTokenClassification,
  type BertLMHeadModel,
  BertModel,
  type EncoderInputs,
  type LabeledInputs,
  type MarianForCausalLM,
  type MarianMTModel,
  type ModernBertForMaskedLM,
  type ModernBertForMultipleChoice,
  type ModernBertForQuestionAnswering,
  type ModernBertForSequenceClassification,
  type ModernBertForTokenClassification,
  type ModernBertModel,
  type RobertaForCausalLM,
  type RobertaForMaskedLM,
  type RobertaForMultipleChoice,
  type RobertaForQuestionAnswering,
  type RobertaForSequenceClassification,
  type RobertaForTokenClassification,
  type RobertaModel,
} from "../../models/mod.ts";
import { gpuTest } from "../_check.ts";

/** Every head whose labels are called `labels`, and the classes for any one. */
type LabeledModels = readonly [
  BertForMaskedLM,
  BertLMHeadModel,
  BertForSequenceClassification,
  BertForMultipleChoice,
  BertForTokenClassification,
  RobertaForMaskedLM,
  RobertaForCausalLM,
  RobertaForSequenceClassification,
  RobertaForMultipleChoice,
  RobertaForTokenClassification,
  ModernBertForMaskedLM,
  ModernBertForSequenceClassification,
  ModernBertForMultipleChoice,
  ModernBertForTokenClassification,
  BartForConditionalGeneration,
  BartForSequenceClassification,
  BartForCausalLM,
  MarianMTModel,
  MarianForCausalLM,
  ReturnType<typeof AutoModelForSequenceClassification.fromConfig>,
  ReturnType<typeof AutoModelForMultipleChoice.fromConfig>,
  ReturnType<typeof AutoModelForSeq2SeqLM.fromConfig>,
];

/** Every head that finds answers. */
type QuestionModels = readonly [
  BertForQuestionAnswering,
  RobertaForQuestionAnswering,
  ModernBertForQuestionAnswering,
  BartForQuestionAnswering,
  ReturnType<typeof AutoModelForQuestionAnswering.fromConfig>,
];

type Ids = EncoderInputs["inputIds"];

interface Labeled {
  inputIds: Ids;
  labels: NonNullable<LabeledInputs["labels"]>;
}

interface Positioned {
  inputIds: Ids;
  startPositions: Ids;
  endPositions: Ids;
}

/** `true` for a model whose `forward` gives `O` for `I`. */
type Gives<M, I, O> = M extends { forward(inputs: I): O } ? true : false;

/** `true` if it is true of all models. */
type All<L extends readonly unknown[], I, O> = false extends
  { [K in keyof L]: Gives<L[K], I, O> }[number] ? false : true;

const LABELED: All<LabeledModels, Labeled, { loss: Tensor; logits: Tensor }> =
  true;
const POSITIONED: All<QuestionModels, Positioned, { loss: Tensor }> = true;
const STATES: All<
  readonly [BertModel, RobertaModel, ModernBertModel],
  { inputIds: Ids; outputHiddenStates: true },
  { hiddenStates: Tensor[] }
> = true;
/** The test can fail: nothing is certain without labels. */
const WITHOUT: All<LabeledModels, { inputIds: Ids }, { loss: Tensor }> = false;

const TINY = {
  vocabSize: 10,
  hiddenSize: 8,
  numHiddenLayers: 1,
  numAttentionHeads: 2,
};

gpuTest("outputs hold a loss and hidden states where inputs ask", () => {
  using _ = scope();
  assertEquals([LABELED, POSITIONED, STATES, WITHOUT], [
    true,
    true,
    true,
    false,
  ]);
  const config = new BertConfig(TINY);
  const inputIds = tensor([[2, 7, 3]], { dtype: "i32" });
  const labels = tensor([1], { dtype: "i32" });
  const model = new BertForSequenceClassification(config);
  const loss: Tensor = model.forward({ inputIds, labels }).loss;
  assertEquals(loss.shape, []);
  assertEquals(model.forward({ inputIds }).loss, undefined);
  const encoder = new BertModel(config);
  const states: Tensor[] =
    encoder.forward({ inputIds, outputHiddenStates: true }).hiddenStates;
  assertEquals(states.length, 2);
  model.dispose();
  encoder.dispose();
});
