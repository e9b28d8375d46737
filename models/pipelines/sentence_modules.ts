// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// What makes the embedding of a sentence from the states of its tokens, in the
// steps of sentence-transformers.

import type { Tensor } from "../../engine/mod.ts";
import type { PoolingMode } from "../pooling/mod.ts";

/** A step from one vector of a sentence to the next. */
export interface SentenceStep extends Partial<Disposable> {
  /** What kind of step it is. */
  readonly kind: "dense" | "normalize";
  /** Maps vectors, `[batch, in]` to `[batch, out]`. */
  apply(x: Tensor): Tensor;
}

/** How the states of tokens become the embedding of a sentence. */
export interface SentenceModules extends Disposable {
  /** The folder or repository that the transformer is loaded from. */
  readonly transformer: string;
  /** How the states of tokens become one vector. */
  readonly modes: readonly PoolingMode[];
  /** Whether the tokens of a prompt count in it. */
  readonly includePrompt: boolean;
  /** What happens to the vector. */
  readonly steps: readonly SentenceStep[];
  /** The most tokens of a text. @default {as many as the model supports} */
  readonly maxLength?: number | undefined;
  /** Whether texts are read in lower case. */
  readonly lowerCase: boolean;
  /** Texts that are put before a sentence, by their names. */
  readonly prompts: Readonly<Record<string, string>>;
  /** The name of the prompt that is used unless another is asked for. */
  readonly defaultPromptName: string | null;
}

/** What a model without such files does: it takes the mean. */
export const MEAN: Omit<SentenceModules, "transformer"> = {
  modes: ["mean"],
  includePrompt: true,
  steps: [],
  lowerCase: false,
  prompts: {},
  defaultPromptName: null,
  [Symbol.dispose]: () => {},
};
