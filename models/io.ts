// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The inputs and outputs of models, which all architectures share.

import type { AnyTensor, IntegerTensor, Tensor } from "../engine/mod.ts";
import type { KeyValueCache } from "./cache.ts";
import type { Packing } from "./packing/mod.ts";

/** The inputs of every encoder: tensors of integers, `[batch, length]`. */
export interface EncoderInputs {
  /** The ids of the tokens in the vocabulary. */
  inputIds: IntegerTensor;
  /** 1 for tokens, 0 for padding. @default {all 1} */
  attentionMask?: IntegerTensor | undefined;
  /** 0 for the first text, 1 for the second. @default {all 0} */
  tokenTypeIds?: IntegerTensor | undefined;
  /** The position of each token in its text. @default {0, 1, 2 …} */
  positionIds?: IntegerTensor | undefined;
  /**
   * Where the real tokens are, so that padding is not computed; see
   * `packingOf`. States and scores are then zeros at padding.
   *
   * @default {none}
   */
  packing?: Packing | undefined;
  /** Whether to give the states between the blocks. @default {the config's} */
  outputHiddenStates?: boolean | undefined;
  /**
   * Whether to give attention's probabilities. Packings and caches allow none.
   *
   * @default {the config's}
   */
  outputAttentions?: boolean | undefined;
}

/** The inputs of a decoder without an encoder. */
export interface CausalLMInputs extends LabeledInputs {
  /**
   * Keys and values of the tokens before `inputIds`. With a cache, only the
   * last token is scored: `[rows, 1, vocabulary]`.
   *
   * @default {none}
   */
  cache?: KeyValueCache | undefined;
}

/** The outputs of every encoder on request. */
export interface EncoderStates {
  /** The embeddings and each block's output, `[batch, length, hidden]`. */
  hiddenStates?: Tensor[];
  /** Each block's attention probabilities, `[batch, heads, length, length]`. */
  attentions?: Tensor[];
}

/** The states of packed texts. */
export interface PackedStates {
  /** The states of the real tokens, `[1, T, hidden]`. */
  states: Tensor;
  /** Where those tokens are in the batch. */
  packing: Packing;
}

/** The outputs of an encoder without a head. */
export interface EncoderOutput extends EncoderStates {
  /**
   * The last states, `[batch, length, hidden]`. Of packed texts they are put
   * together when they are first read.
   */
  lastHiddenState: Tensor;
  /** The last states of the real tokens alone, if a packing was given. */
  packed?: PackedStates | undefined;
  /** The pooler's output, `[batch, hidden]`, if the model has a pooler. */
  poolerOutput?: Tensor;
}

/** The outputs of a model with one kind of scores. */
export interface HeadOutput extends EncoderStates {
  /** The loss, a scalar, if labels were given. */
  loss?: Tensor;
  /**
   * The scores, whose shape the description of the class gives. Scores of the
   * tokens of packed texts are put together when they are first read.
   */
  logits: Tensor;
}

/** The inputs of an encoder with a head. */
export interface LabeledInputs<Labels extends AnyTensor = IntegerTensor>
  extends EncoderInputs {
  /** The correct answers, whose shape the description of the class gives. */
  labels?: Labels | undefined;
}

/** The inputs of a head that fills masked tokens. */
export interface MaskedLMInputs extends LabeledInputs {
  /**
   * The only positions to score, as a packing: `packingOf(labels.map((label) =>
   * label === -100 ? 0 : 1), shape)`. That saves most of the multiplication by
   * the vocabulary, because few tokens are masked. Logits are then
   * `[positions, vocabulary]`.
   *
   * @default {all positions}
   */
  predictions?: Packing | undefined;
}

/**
 * Inputs `I` that hold labels for certain. For these, the `forward` of every head
 * has a signature that returns a {@linkcode WithLoss}.
 */
export type WithLabels<I> = I & {
  /** The correct answers. */
  labels: I extends { labels?: infer Labels } ? NonNullable<Labels> : AnyTensor;
};

/** Inputs `I` that hold the position of an answer for certain. */
export type WithPositions<I> = I & {
  /** The position of the answer's first token, `[batch]`. */
  startPositions: IntegerTensor;
  /** The position of the answer's last token, `[batch]`. */
  endPositions: IntegerTensor;
};

/** An output `O` that holds a loss for certain, because there were labels. */
export type WithLoss<O> = O & {
  /** The loss, a scalar. */
  loss: Tensor;
};

/** Inputs `I` that ask for hidden states for certain. */
export type AskingForStates<I> = I & {
  /** Whether to give the states between the blocks. */
  outputHiddenStates: true;
};

/** An output `O` that holds hidden states for certain. */
export type WithStates<O> = O & {
  /** The embeddings and each block's output, `[batch, length, hidden]`. */
  hiddenStates: Tensor[];
};

/** The inputs of a model that finds answers. */
export interface QuestionInputs extends EncoderInputs {
  /** The position of the answer's first token, `[batch]`. */
  startPositions?: IntegerTensor | undefined;
  /** The position of the answer's last token, `[batch]`. */
  endPositions?: IntegerTensor | undefined;
}

/** The outputs of a model that finds answers. */
export interface QuestionOutput extends EncoderStates {
  /** The loss, a scalar, if the answer's positions were given. */
  loss?: Tensor;
  /** Each token's score as the first of the answer, `[batch, length]`. */
  startLogits: Tensor;
  /** Each token's score as the last of the answer, `[batch, length]`. */
  endLogits: Tensor;
}

/** The inputs of a model with an encoder and a decoder. */
export interface Seq2SeqInputs {
  /** The source's tokens, `[batch, source]`. */
  inputIds?: IntegerTensor | undefined;
  /** 1 for source tokens, 0 for padding, `[batch, source]`. @default {all 1} */
  attentionMask?: IntegerTensor | undefined;
  /**
   * The target's tokens, `[batch, target]`.
   *
   * @default {the labels, or else the source, moved one position to the right}
   */
  decoderInputIds?: IntegerTensor | undefined;
  /** 1 for target tokens, 0 for padding, `[batch, target]`. @default {all 1} */
  decoderAttentionMask?: IntegerTensor | undefined;
  /**
   * Where the source's real tokens are, so that padding is not computed; see
   * `packingOf`.
   *
   * @default {none}
   */
  packing?: Packing | undefined;
  /**
   * Where the target's real tokens are, if `packing` is given too. Labels of
   * padding are ignored.
   *
   * @default {`packing`, if the target is the source moved to the right}
   */
  decoderPacking?: Packing | undefined;
  /**
   * The encoder's output for this source, `[batch, source, hidden]`. With it,
   * the encoder is not run.
   *
   * @default {none}
   */
  encoderLastHiddenState?: Tensor | undefined;
  /**
   * Keys and values of the tokens before `decoderInputIds`. With a cache, each
   * row of the source may belong to several rows of the target, and only the
   * last token is scored.
   *
   * @default {none}
   */
  cache?: KeyValueCache | undefined;
  /** Whether to give the states between the blocks. @default {the config's} */
  outputHiddenStates?: boolean | undefined;
  /**
   * Whether to give attention's probabilities. Packings and caches allow none.
   *
   * @default {the config's}
   */
  outputAttentions?: boolean | undefined;
}

/** The inputs of an encoder and a decoder with a head. */
export interface LabeledSeq2SeqInputs<Labels extends AnyTensor = IntegerTensor>
  extends Seq2SeqInputs {
  /** The correct answers, whose shape the description of the class gives. */
  labels?: Labels | undefined;
}

/** The outputs of an encoder and a decoder on request. */
export interface Seq2SeqStates {
  /** The encoder's embeddings and each block's output. */
  encoderHiddenStates?: Tensor[];
  /**
   * The encoder's attention probabilities, `[batch, heads, source, source]`.
   */
  encoderAttentions?: Tensor[];
  /** The decoder's embeddings and each block's output. */
  decoderHiddenStates?: Tensor[];
  /**
   * The decoder's attention probabilities, `[batch, heads, target, target]`.
   */
  decoderAttentions?: Tensor[];
  /** The target's attention to the source, `[batch, heads, target, source]`. */
  crossAttentions?: Tensor[];
}

/** The outputs of an encoder and a decoder without a head. */
export interface Seq2SeqOutput extends Seq2SeqStates {
  /**
   * The decoder's last states, `[batch, target, hidden]`. Of packed texts they
   * are put together when they are first read.
   */
  lastHiddenState: Tensor;
  /** The last states of the real tokens alone, if a packing was given. */
  packed?: PackedStates | undefined;
  /**
   * The encoder's last states, `[batch, source, hidden]`. Of packed texts they
   * are put together when they are first read.
   */
  encoderLastHiddenState: Tensor;
}

/** The outputs of an encoder and a decoder with a head. */
export interface Seq2SeqHeadOutput extends Seq2SeqStates {
  /** The loss, a scalar, if labels were given. */
  loss?: Tensor;
  /** The scores, whose shape the description of the class gives. */
  logits: Tensor;
  /**
   * The encoder's last states, `[batch, source, hidden]`. Of packed texts they
   * are put together when they are first read.
   */
  encoderLastHiddenState: Tensor;
}

/** The inputs of an encoder and a decoder that find answers. */
export interface Seq2SeqQuestionInputs extends Seq2SeqInputs {
  /** The position of the answer's first token, `[batch]`. */
  startPositions?: IntegerTensor | undefined;
  /** The position of the answer's last token, `[batch]`. */
  endPositions?: IntegerTensor | undefined;
}

/** The outputs of an encoder and a decoder that find answers. */
export interface Seq2SeqQuestionOutput extends QuestionOutput, Seq2SeqStates {
  /**
   * The encoder's last states, `[batch, source, hidden]`. Of packed texts they
   * are put together when they are first read.
   */
  encoderLastHiddenState: Tensor;
}
