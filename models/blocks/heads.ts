// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// What heads of all architectures do: pick tokens, split scores, find losses.

import {
  add,
  concat,
  full,
  mul,
  reshape,
  slice,
  split,
  type Tensor,
} from "../../engine/mod.ts";
import type {
  EncoderInputs,
  EncoderStates,
  HeadOutput,
  QuestionInputs,
  QuestionOutput,
  Seq2SeqOutput,
} from "../io.ts";
import { positionLoss } from "../loss.ts";

/** The first token's state: `[batch, length, hidden]` to `[batch, hidden]`. */
export function firstToken(x: Tensor): Tensor {
  const [batch = 0, , hidden = 0] = x.shape;
  return reshape(slice(x, { axis: 1, start: 0, end: 1 }), [batch, hidden]);
}

/** Moves labels one place to the left; the last place has none. */
export function nextTokens(labels: Tensor): Tensor {
  const [batch = 0, length = 0] = labels.shape;
  const { dtype, device } = labels;
  return concat([
    slice(labels, { axis: 1, start: 1, end: length }),
    full([batch, 1], -100, { dtype, device }),
  ], 1);
}

/** Only the states between the blocks, where there are any. */
function states({ hiddenStates, attentions }: EncoderStates): EncoderStates {
  return {
    ...(hiddenStates ? { hiddenStates } : {}),
    ...(attentions ? { attentions } : {}),
  };
}

/** A head's scores with the loss, where there is one, and the states. */
export function headOutput(
  logits: Tensor,
  loss: Tensor | undefined,
  output: EncoderStates,
): HeadOutput {
  return { ...(loss ? { loss } : {}), logits, ...states(output) };
}

/** What a head passes on of an encoder and a decoder: all but the last state. */
export function seq2seqStates(
  { lastHiddenState: _, ...states }: Seq2SeqOutput,
): Omit<Seq2SeqOutput, "lastHiddenState"> {
  return states;
}

/** Scores `[batch, length, 2]` as start and end scores, with their loss. */
export function questionOutput(
  scores: Tensor,
  { startPositions, endPositions }: Pick<
    QuestionInputs,
    "startPositions" | "endPositions"
  >,
  output: EncoderStates,
): QuestionOutput {
  const [batch = 0, length = 0] = scores.shape;
  const [startLogits, endLogits] = split(scores, [1, 1], 2)
    .map((x) => reshape(x, [batch, length])) as [Tensor, Tensor];
  if (!startPositions || !endPositions) {
    return { startLogits, endLogits, ...states(output) };
  }
  const loss = mul(
    add(
      positionLoss(startLogits, startPositions),
      positionLoss(endLogits, endPositions),
    ),
    0.5,
  );
  return { loss, startLogits, endLogits, ...states(output) };
}

/** Inputs `[batch, choices, length]` as rows `[batch · choices, length]`. */
export function flattenChoices<I extends EncoderInputs>(inputs: I): I {
  const { inputIds, attentionMask, tokenTypeIds, positionIds } = inputs;
  const [batch = 0, choices = 0, length = 0] = inputIds.shape;
  const rows = (x: Tensor) => reshape(x, [batch * choices, length]);
  return {
    ...inputs,
    inputIds: rows(inputIds),
    ...(attentionMask ? { attentionMask: rows(attentionMask) } : {}),
    ...(tokenTypeIds ? { tokenTypeIds: rows(tokenTypeIds) } : {}),
    ...(positionIds ? { positionIds: rows(positionIds) } : {}),
  };
}
