// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// How the encoder and the decoder of BART and Marian work together, and what
// their heads share.

import {
  cast,
  concat,
  equal,
  full,
  type IntegerTensor,
  reshape,
  slice,
  type Tensor,
  where,
} from "../../engine/mod.ts";
import { type Buffer, type Linear, Module } from "../../nn/mod.ts";
import type { Seq2SeqConfig } from "./bart_config.ts";
import {
  DecoderStack,
  type Seq2SeqDecoder,
  type Seq2SeqEncoder,
  type StackParts,
} from "./bart_stacks.ts";
import { tokenOutput } from "./heads.ts";
import { tokenStates } from "./packed.ts";
import type {
  CausalLMInputs,
  EncoderOutput,
  HeadOutput,
  LabeledSeq2SeqInputs,
  QuestionOutput,
  Seq2SeqHeadOutput,
  Seq2SeqInputs,
  Seq2SeqOutput,
  Seq2SeqQuestionOutput,
  Seq2SeqStates,
} from "../io.ts";
import type { Packing } from "../packing/mod.ts";

// --------------------------------------------------------- encoder and decoder

/**
 * Encodes the source, unless `inputs` hold the encoder's output already, and
 * decodes the target.
 *
 * @param model The encoder and the decoder.
 * @param inputs The source, and what to give besides the last states.
 * @param decoderInputIds The target's tokens, `[batch, target]`.
 * @param decoderPacking Where the target's real tokens are; it needs a packing
 * of the source too.
 */
export function encodeAndDecode(
  model: { encoder: Seq2SeqEncoder; decoder: Seq2SeqDecoder },
  inputs: Seq2SeqInputs,
  decoderInputIds: IntegerTensor,
  decoderPacking: Packing | undefined = inputs.decoderPacking,
): Seq2SeqOutput {
  const { packing, encoderLastHiddenState } = inputs;
  const { outputHiddenStates, outputAttentions } = inputs;
  const source: EncoderOutput = encoderLastHiddenState
    ? { lastHiddenState: encoderLastHiddenState }
    : model.encoder.forward(inputs);
  const target = model.decoder.forward({
    inputIds: decoderInputIds,
    attentionMask: inputs.decoderAttentionMask,
    memory: decoderPacking && packing
      ? source.packed?.states ?? packing.pack(source.lastHiddenState)
      : source.lastHiddenState,
    memoryMask: inputs.attentionMask ?? packing?.mask,
    packing: decoderPacking,
    memoryPacking: packing,
    cache: inputs.cache,
    outputHiddenStates,
    outputAttentions,
  });
  return {
    ...(target.packed ? { packed: target.packed } : {}),
    ...givenStates({
      encoderHiddenStates: source.hiddenStates,
      encoderAttentions: source.attentions,
      decoderHiddenStates: target.hiddenStates,
      decoderAttentions: target.attentions,
      crossAttentions: target.crossAttentions,
    }),
    get lastHiddenState() {
      return target.lastHiddenState;
    },
    get encoderLastHiddenState() {
      return source.lastHiddenState;
    },
  };
}

const STATES = [
  "encoderHiddenStates",
  "encoderAttentions",
  "decoderHiddenStates",
  "decoderAttentions",
  "crossAttentions",
] as const satisfies readonly (keyof Seq2SeqStates)[];

/** The hidden states and attentions that are there. */
function givenStates(
  states: Partial<Record<keyof Seq2SeqStates, Tensor[] | undefined>>,
): Seq2SeqStates {
  const given: Seq2SeqStates = {};
  for (const name of STATES) {
    const tensors = states[name];
    if (tensors) given[name] = tensors;
  }
  return given;
}

/**
 * The decoder's input for a target: every token moves one position to the
 * right, the start token comes first, and ignored labels become padding.
 *
 * @throws {TypeError} If the configuration has no start or padding token.
 */
export function shiftRight(
  ids: IntegerTensor,
  { decoderStartTokenId, padTokenId }: Seq2SeqConfig,
): Tensor<"i32"> {
  if (decoderStartTokenId === null || padTokenId === null) {
    throw new TypeError(
      "Cannot make the decoder's input: " +
        `decoderStartTokenId is ${decoderStartTokenId} and ` +
        `padTokenId is ${padTokenId}, both must be numbers`,
    );
  }
  const [batch = 0, length = 0] = ids.shape;
  const { device } = ids;
  const first = full([batch, 1], decoderStartTokenId, { dtype: "i32", device });
  if (length < 2) return first;
  const kept = slice(ids, { axis: 1, start: 0, end: length - 1 });
  const rest = cast(kept, "i32"); // -100 does not exist in u32.
  return concat([first, where(equal(rest, -100), padTokenId, rest)], 1);
}

// ----------------------------------------------------------------------- heads

/** A head's output beside the states of its encoder and decoder. */
export function seq2seqHeadOutput(
  head: HeadOutput,
  output: Seq2SeqOutput,
): Seq2SeqHeadOutput {
  return {
    ...(head.loss ? { loss: head.loss } : {}),
    ...givenStates(output),
    get logits() {
      return head.logits;
    },
    get encoderLastHiddenState() {
      return output.encoderLastHiddenState;
    },
  };
}

/** The same for a head that finds answers. */
export function seq2seqQuestionOutput(
  head: QuestionOutput,
  output: Seq2SeqOutput,
): Seq2SeqQuestionOutput {
  return {
    ...head,
    ...givenStates(output),
    get encoderLastHiddenState() {
      return output.encoderLastHiddenState;
    },
  };
}

/** The parts of a model that generates texts from texts. */
interface TextToText {
  config: Seq2SeqConfig;
  model: { forward(inputs: Seq2SeqInputs): Seq2SeqOutput };
  lmHead: Linear;
  finalLogitsBias: Buffer;
}

/**
 * Scores of the vocabulary at each position of the target, with their loss. The
 * target is the labels, moved one position to the right, unless
 * `decoderInputIds` is given. With a cache only the last token is scored.
 */
export function scoreTargets(
  { config, model, lmHead, finalLogitsBias }: TextToText,
  inputs: LabeledSeq2SeqInputs,
): Seq2SeqHeadOutput {
  const { labels, decoderInputIds, cache } = inputs;
  const output = model.forward({
    ...inputs,
    decoderInputIds: decoderInputIds ?? (labels && shiftRight(labels, config)),
  });
  const x = tokenStates(output);
  const scores = lmHead.forward(cache ? lastToken(x) : x, {
    bias: reshape(finalLogitsBias, [finalLogitsBias.size]),
  });
  const { packed } = output;
  return seq2seqHeadOutput(tokenOutput(scores, labels, { packed }), output);
}

/** The state of each row's last token, `[rows, 1, hidden]`. */
function lastToken(x: Tensor): Tensor {
  return slice(x, { axis: 1, start: -1 });
}

// -------------------------------------------------------------- decoder alone

/**
 * A decoder without an encoder. It is an attribute of a module because
 * checkpoints call its parameters `model.decoder…`.
 */
export class DecoderOnly extends Module {
  decoder: Seq2SeqDecoder;

  constructor(config: Seq2SeqConfig, parts: StackParts) {
    super();
    this.decoder = new DecoderStack(config, parts);
  }
}

/** A decoder's scores of the vocabulary at each position, with their loss. */
export function scoreTexts(
  { decoder }: { decoder: Seq2SeqDecoder },
  head: Linear,
  inputs: CausalLMInputs,
): HeadOutput {
  const { labels, cache } = inputs;
  const output = decoder.forward(inputs);
  const x = tokenStates(output);
  return tokenOutput(head.forward(cache ? lastToken(x) : x), labels, output);
}
