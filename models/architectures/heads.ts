// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// What the heads of all architectures share: they pick tokens, split scores and
// compute losses.

import {
  add,
  type AnyTensor,
  cast,
  concat,
  equal,
  full,
  type IntegerTensor,
  maskedFill,
  mul,
  reshape,
  slice,
  split,
  type Tensor,
} from "../../engine/mod.ts";
import { crossEntropy } from "../../nn/mod.ts";
import type { PretrainedConfig } from "../config.ts";
import type {
  EncoderInputs,
  EncoderOutput,
  EncoderStates,
  HeadOutput,
  LabeledInputs,
  MaskedLMInputs,
  QuestionInputs,
  QuestionOutput,
} from "../io.ts";
import { classificationLoss, positionLoss } from "../loss.ts";
import { tokenStates, UnpackedLater } from "./packed.ts";

/** The lowest 32-bit number. As a score it gets probability 0 from softmax. */
const LOWEST = -3.4028234663852886e38;

/** The first token's state: `[batch, length, hidden]` to `[batch, hidden]`. */
export function firstToken(x: Tensor): Tensor {
  const [batch = 0, , hidden = 0] = x.shape;
  return reshape(slice(x, { axis: 1, start: 0, end: 1 }), [batch, hidden]);
}

/** Each token's label becomes the next token's; the last one is ignored. */
export function nextTokens(labels: IntegerTensor): Tensor<"i32"> {
  const [batch = 0, length = 0] = labels.shape;
  const { device } = labels;
  return concat([
    cast(slice(labels, { axis: 1, start: 1, end: length }), "i32"),
    full([batch, 1], -100, { dtype: "i32", device }),
  ], 1);
}

/** The hidden states and attentions of an output, as far as it has them. */
function states({ hiddenStates, attentions }: EncoderStates): EncoderStates {
  return {
    ...(hiddenStates ? { hiddenStates } : {}),
    ...(attentions ? { attentions } : {}),
  };
}

/** A head's scores with the loss, if there is one, and the encoder's states. */
export function headOutput(
  logits: Tensor,
  loss: Tensor | undefined,
  output: EncoderStates,
): HeadOutput {
  return { ...(loss ? { loss } : {}), logits, ...states(output) };
}

/**
 * A head's scores of each text with the loss of their labels, if any, and the
 * states.
 */
export function textOutput(
  logits: Tensor,
  labels: AnyTensor | undefined,
  output: EncoderStates,
  { problemType }: PretrainedConfig,
): HeadOutput {
  const loss = labels && classificationLoss(logits, labels, { problemType });
  return headOutput(logits, loss, output);
}

/**
 * A head's scores of each choice, as rows `[batch · choices, 1]`, with the loss
 * of the labels, if any, and the states.
 */
export function choiceOutput(
  scores: Tensor,
  { inputIds, labels }: LabeledInputs,
  output: EncoderStates,
): HeadOutput {
  const [batch = 0, choices = 0] = inputIds.shape;
  const logits = reshape(scores, [batch, choices]);
  return headOutput(logits, labels && crossEntropy(logits, labels), output);
}

/**
 * A head's scores of each token with the loss of their labels, if any, and the
 * states. Where texts are packed, the scores are too: the loss is that of the
 * real tokens, and the scores of all positions are put together when they are
 * read.
 */
export function tokenOutput(
  scores: Tensor,
  labels: IntegerTensor | undefined,
  output: EncoderStates & Pick<EncoderOutput, "packed">,
): HeadOutput {
  const packing = output.packed?.packing;
  if (!packing) {
    const loss = labels && crossEntropy(scores, labels);
    return headOutput(scores, loss, output);
  }
  const loss = labels && crossEntropy(scores, packing.pack(labels, -100));
  const logits = new UnpackedLater(scores, packing);
  return {
    ...(loss ? { loss } : {}),
    ...states(output),
    get logits() {
      return logits.whole;
    },
  };
}

/**
 * A head's scores of masked tokens with the loss of their labels, if any, and
 * the states. If the inputs name the positions to score, `score` gets their
 * states alone, `[positions, hidden]`.
 */
export function maskedOutput(
  score: (x: Tensor) => Tensor,
  { labels, predictions }: Pick<MaskedLMInputs, "labels" | "predictions">,
  output: EncoderOutput,
): HeadOutput {
  if (!predictions) {
    return tokenOutput(score(tokenStates(output)), labels, output);
  }
  const states = predictions.pack(output.lastHiddenState);
  const logits = score(reshape(states, [predictions.tokens, -1]));
  const loss = labels &&
    crossEntropy(logits, reshape(predictions.pack(labels, -100), [-1]));
  return headOutput(logits, loss, output);
}

/**
 * Splits two scores of each token into start and end scores, and computes their
 * loss. Where texts are packed, padding gets the lowest score of all, and an
 * answer that lies in padding is ignored like one beyond the text.
 */
export function questionOutput(
  scores: Tensor,
  { startPositions, endPositions }: Pick<
    QuestionInputs,
    "startPositions" | "endPositions"
  >,
  output: EncoderStates & Pick<EncoderOutput, "packed">,
): QuestionOutput {
  const packing = output.packed?.packing;
  const [startLogits, endLogits] = split(scores, [1, 1], 2).map((x) => {
    const [batch = 0, length = 0] = x.shape;
    if (!packing) return reshape(x, [batch, length]);
    const all = reshape(packing.unpack(x), packing.mask.shape);
    return maskedFill(all, equal(packing.mask, 0), LOWEST);
  }) as [Tensor, Tensor];
  if (!startPositions || !endPositions) {
    return { startLogits, endLogits, ...states(output) };
  }
  const loss = mul(
    add(
      positionLoss(startLogits, startPositions, packing?.mask),
      positionLoss(endLogits, endPositions, packing?.mask),
    ),
    0.5,
  );
  return { loss, startLogits, endLogits, ...states(output) };
}

/** Inputs `[batch, choices, length]` as rows `[batch · choices, length]`. */
export function flattenChoices<I extends EncoderInputs>(inputs: I): I {
  const { inputIds, attentionMask, tokenTypeIds, positionIds } = inputs;
  const [batch = 0, choices = 0, length = 0] = inputIds.shape;
  const rows = (x: IntegerTensor) => reshape(x, [batch * choices, length]);
  return {
    ...inputs,
    inputIds: rows(inputIds),
    ...(attentionMask ? { attentionMask: rows(attentionMask) } : {}),
    ...(tokenTypeIds ? { tokenTypeIds: rows(tokenTypeIds) } : {}),
    ...(positionIds ? { positionIds: rows(positionIds) } : {}),
  };
}
