// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// What the encoders of all architectures take and give.

import type { Tensor } from "../engine/mod.ts";

/** What every encoder takes: tensors of integers, `[batch, length]`. */
export interface EncoderInputs {
  /** Tokens, as numbers of the vocabulary. */
  inputIds: Tensor;
  /** 1 where a token counts, 0 where it is padding. @default {all 1} */
  attentionMask?: Tensor | undefined;
  /** 0 for the first text, 1 for the second. @default {all 0} */
  tokenTypeIds?: Tensor | undefined;
  /** The place of each token in its text. @default {0, 1, 2 …} */
  positionIds?: Tensor | undefined;
  /** Whether to give the states between the blocks. @default {the config's} */
  outputHiddenStates?: boolean | undefined;
  /** Whether to give attention's probabilities. @default {false} */
  outputAttentions?: boolean | undefined;
}

/** What every encoder gives besides its own output. */
export interface EncoderStates {
  /** The embeddings and each block's output, `[batch, length, hidden]`. */
  hiddenStates?: Tensor[];
  /** Each block's probabilities, `[batch, heads, length, length]`. */
  attentions?: Tensor[];
}

/** What an encoder without a head gives. */
export interface EncoderOutput extends EncoderStates {
  /** `[batch, length, hidden]`. */
  lastHiddenState: Tensor;
  /** `[batch, hidden]`, where the model has a pooler. */
  poolerOutput?: Tensor;
}

/** What a model with one output and a loss gives. */
export interface HeadOutput extends EncoderStates {
  /** The loss, a scalar, where labels were given. */
  loss?: Tensor;
  /** The head's output; its shape is in the class's description. */
  logits: Tensor;
}

/** Inputs with labels. */
export interface LabelledInputs extends EncoderInputs {
  /** What the loss compares with; its shape is in the class's description. */
  labels?: Tensor | undefined;
}

/** Inputs with the answer's first and last token, each `[batch]`. */
export interface QuestionInputs extends EncoderInputs {
  /** The answer's first token. */
  startPositions?: Tensor | undefined;
  /** The answer's last token. */
  endPositions?: Tensor | undefined;
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
