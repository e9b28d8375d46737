// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// What the models of all architectures take and give.

import type { AnyTensor, IntegerTensor, Tensor } from "../engine/mod.ts";
import type { KeyValueCache } from "./cache.ts";
import type { Packing } from "./packing/packing.ts";

/** What every encoder takes: tensors of integers, `[batch, length]`. */
export interface EncoderInputs {
  /** Tokens, as numbers of the vocabulary. */
  inputIds: IntegerTensor;
  /** 1 where a token counts, 0 where it is padding. @default {all 1} */
  attentionMask?: IntegerTensor | undefined;
  /** 0 for the first text, 1 for the second. @default {all 0} */
  tokenTypeIds?: IntegerTensor | undefined;
  /** The place of each token in its text. @default {0, 1, 2 …} */
  positionIds?: IntegerTensor | undefined;
  /**
   * Where the real tokens are, to compute no padding: see `packingOf`. States
   * and scores of padded places are zeros then.
   *
   * @default {none}
   */
  packing?: Packing | undefined;
  /** Whether to give the states between the blocks. @default {the config's} */
  outputHiddenStates?: boolean | undefined;
  /** Whether to give attention's probabilities. @default {false} */
  outputAttentions?: boolean | undefined;
}

/** What a decoder without an encoder takes. */
export interface CausalLMInputs extends LabelledInputs {
  /**
   * Keys and values of the tokens before `inputIds`. With it, scores are given
   * for the last token only: `[rows, 1, vocabulary]`.
   *
   * @default {none}
   */
  cache?: KeyValueCache | undefined;
}

/** What every encoder gives besides its own output. */
export interface EncoderStates {
  /** The embeddings and each block's output, `[batch, length, hidden]`. */
  hiddenStates?: Tensor[];
  /** Each block's probabilities, `[batch, heads, length, length]`. */
  attentions?: Tensor[];
}

/** States of real tokens, and where those are. */
export interface PackedStates {
  /** `[1, T, hidden]`. */
  states: Tensor;
  /** The packing that was given. */
  packing: Packing;
}

/** What an encoder without a head gives. */
export interface EncoderOutput extends EncoderStates {
  /** `[batch, length, hidden]`; of packed texts it is made when it is read. */
  lastHiddenState: Tensor;
  /** The same of real tokens alone, where a packing was given. */
  packed?: PackedStates | undefined;
  /** `[batch, hidden]`, where the model has a pooler. */
  poolerOutput?: Tensor;
}

/** What a model with one output and a loss gives. */
export interface HeadOutput extends EncoderStates {
  /** The loss, a scalar, where labels were given. */
  loss?: Tensor;
  /**
   * The head's output; its shape is in the class's description. Scores of the
   * tokens of packed texts are put to their places when they are read.
   */
  logits: Tensor;
}

/** Inputs with labels. */
export interface LabelledInputs<Labels extends AnyTensor = IntegerTensor>
  extends EncoderInputs {
  /** What the loss compares with; its shape is in the class's description. */
  labels?: Labels | undefined;
}

/** Inputs that do hold labels. */
export type WithLabels<I> = I & {
  /** What the loss compares with. */
  labels: I extends { labels?: infer Labels } ? NonNullable<Labels> : AnyTensor;
};

/** Inputs that do hold an answer's first and last token. */
export type WithPositions<I> = I & {
  /** The answer's first token. */
  startPositions: IntegerTensor;
  /** The answer's last token. */
  endPositions: IntegerTensor;
};

/** An output that does hold a loss, as there was something to compare with. */
export type WithLoss<O> = O & {
  /** The loss, a scalar. */
  loss: Tensor;
};

/** Inputs with the answer's first and last token, each `[batch]`. */
export interface QuestionInputs extends EncoderInputs {
  /** The answer's first token. */
  startPositions?: IntegerTensor | undefined;
  /** The answer's last token. */
  endPositions?: IntegerTensor | undefined;
}

/** What a question-answering model gives. */
export interface QuestionOutput extends EncoderStates {
  /** The loss, a scalar, where positions were given. */
  loss?: Tensor;
  /** Scores of the answer's first token, `[batch, length]`. */
  startLogits: Tensor;
  /** Scores of the answer's last token, `[batch, length]`. */
  endLogits: Tensor;
}

/** What a model with an encoder and a decoder takes. */
export interface Seq2SeqInputs {
  /** The source's tokens, `[batch, source]`. */
  inputIds?: IntegerTensor | undefined;
  /** 1 where a source token counts, 0 where it is padding. @default {all 1} */
  attentionMask?: IntegerTensor | undefined;
  /**
   * The target's tokens, `[batch, target]`.
   *
   * @default {the labels, or else the source, moved right by one place}
   */
  decoderInputIds?: IntegerTensor | undefined;
  /** 1 where a target token counts, 0 for padding. @default {all 1} */
  decoderAttentionMask?: IntegerTensor | undefined;
  /**
   * Where the source's real tokens are, to compute no padding: see `packingOf`.
   *
   * @default {none}
   */
  packing?: Packing | undefined;
  /**
   * The same of the target, if `packing` is given too. Labels at places that it
   * leaves out count for nothing.
   *
   * @default {`packing`, where the target is the source moved right}
   */
  decoderPacking?: Packing | undefined;
  /** The encoder's output, where it is known already. @default {none} */
  encoderLastHiddenState?: Tensor | undefined;
  /**
   * Keys and values of the tokens before `decoderInputIds`. Rows of the source
   * may then serve several rows of the target, and scores are given for the
   * last token only.
   *
   * @default {none}
   */
  cache?: KeyValueCache | undefined;
  /** Whether to give the states between the blocks. @default {the config's} */
  outputHiddenStates?: boolean | undefined;
  /** Whether to give attention's probabilities. @default {false} */
  outputAttentions?: boolean | undefined;
}

/** Source and target with labels. */
export interface LabelledSeq2SeqInputs<Labels extends AnyTensor = IntegerTensor>
  extends Seq2SeqInputs {
  /** What the loss compares with; its shape is in the class's description. */
  labels?: Labels | undefined;
}

/** What a model with an encoder and a decoder gives besides its output. */
export interface Seq2SeqStates {
  /** The encoder's embeddings and each block's output. */
  encoderHiddenStates?: Tensor[];
  /** The encoder's probabilities, `[batch, heads, source, source]`. */
  encoderAttentions?: Tensor[];
  /** The decoder's embeddings and each block's output. */
  decoderHiddenStates?: Tensor[];
  /** The decoder's probabilities, `[batch, heads, target, target]`. */
  decoderAttentions?: Tensor[];
  /** The probabilities of source for target, `[batch, heads, target, source]`. */
  crossAttentions?: Tensor[];
}

/** What an encoder and a decoder without a head give. */
export interface Seq2SeqOutput extends Seq2SeqStates {
  /** The decoder's, `[batch, target, hidden]`; if packed, made when read. */
  lastHiddenState: Tensor;
  /** The same of real tokens alone, where a packing was given. */
  packed?: PackedStates | undefined;
  /** The encoder's, `[batch, source, hidden]`; if packed, made when read. */
  encoderLastHiddenState: Tensor;
}

/** What an encoder and a decoder with a head give. */
export interface Seq2SeqHeadOutput extends Seq2SeqStates {
  /** The loss, a scalar, where labels were given. */
  loss?: Tensor;
  /** The head's output; its shape is in the class's description. */
  logits: Tensor;
  /** The encoder's, `[batch, source, hidden]`; if packed, made when read. */
  encoderLastHiddenState: Tensor;
}

/** Source and target with the answer's first and last token, each `[batch]`. */
export interface Seq2SeqQuestionInputs extends Seq2SeqInputs {
  /** The answer's first token. */
  startPositions?: IntegerTensor | undefined;
  /** The answer's last token. */
  endPositions?: IntegerTensor | undefined;
}

/** What a question-answering model with an encoder and a decoder gives. */
export interface Seq2SeqQuestionOutput extends QuestionOutput, Seq2SeqStates {
  /** The encoder's, `[batch, source, hidden]`; if packed, made when read. */
  encoderLastHiddenState: Tensor;
}
