// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Runs a model over answers that are written already, all tokens of several answers
// at once.

import { persist } from "../../engine/kernel_kit.ts";
import {
  crossEntropy,
  indexSelect,
  type IntegerTensor,
  noGrad,
  reshape,
  scope,
  type Tensor,
  tensor,
} from "../../engine/mod.ts";
import type {
  CausalInputs,
  CausalModel,
  Seq2SeqModel,
  TargetInputs,
} from "./decoders.ts";

/** A model without an encoder that scores all positions where there is no cache. */
export interface ScoringCausalModel extends CausalModel {
  /** Computes the scores of the token after each one, `[rows, length, vocabulary]`. */
  forward(
    inputs: Omit<CausalInputs, "cache"> & Partial<CausalInputs>,
  ): { logits: Tensor };
}

/** A model with an encoder that scores all positions where there is no cache. */
export interface ScoringSeq2SeqModel extends Seq2SeqModel {
  /** Computes the scores of the token after each one, `[rows, length, vocabulary]`. */
  forward(
    inputs: Omit<TargetInputs, "cache"> & Partial<TargetInputs>,
  ): { logits: Tensor };
}

/** A model whose answers can be scored; all of this library that generate are. */
export type ScoringModel = ScoringCausalModel | ScoringSeq2SeqModel;

/** An answer to score. */
export interface WrittenAnswer {
  /** The tokens of the source; none where the model has no encoder. */
  readonly source: readonly number[];
  /** The tokens before the answer: the prompt, or the decoder's first tokens. */
  readonly prefix: readonly number[];
  /** The tokens of the answer, at least one. */
  readonly tokens: readonly number[];
}

/** How many positions the model runs for an answer. */
export function positionsOf({ prefix, tokens }: WrittenAnswer): number {
  return prefix.length + tokens.length - 1;
}

/** Answers of which a model runs all tokens at once. */
export class AnswerBatch {
  readonly #model: ScoringModel;
  readonly #answers: readonly WrittenAnswer[];
  /** The most tokens of an answer; shorter ones are followed by padding. */
  readonly #width: number;

  constructor(model: ScoringModel, answers: readonly WrittenAnswer[]) {
    this.#model = model;
    this.#answers = answers;
    this.#width = Math.max(...answers.map(({ tokens }) => tokens.length));
  }

  /**
   * The log-probability of each token, and 0 of padding, `[answers, width]`.
   *
   * @param use Called with the scores, `[answers · width, vocabulary]`.
   * @throws {RangeError} If a score is NaN.
   */
  async logProbabilities(
    use: (logits: Tensor) => void = () => {},
  ): Promise<Float64Array> {
    const losses = this.#losses(use);
    let logs: Float64Array;
    try {
      logs = Float64Array.from(await losses.data(), (loss) => -loss);
    } finally {
      losses.dispose();
    }
    if (!logs.some(Number.isNaN)) return logs;
    throw new RangeError(
      "Cannot score answers: the model's scores hold NaN, look at its weights",
    );
  }

  /** Where the tokens of each answer are among all places. */
  get spans(): (readonly [start: number, end: number])[] {
    return this.#answers.map(({ tokens }, i) => {
      const start = i * this.#width;
      return [start, start + tokens.length];
    });
  }

  /** -log p of each token, `[answers · width]`. */
  #losses(use: (logits: Tensor) => void): Tensor {
    using _ = scope();
    return noGrad(() => {
      const all = this.#forward();
      const [rows, length = 0, vocabulary = 0] = all.shape;
      if (rows !== this.#answers.length || length !== this.#length) {
        throw new TypeError(
          `Cannot score answers by logits [${
            all.shape.join(", ")
          }]: without a ` +
            "cache the model must score all positions, " +
            `[${this.#answers.length}, ${this.#length}, vocabulary]`,
        );
      }
      const places = this.#cells((answer, t, row) =>
        t < answer.tokens.length
          ? row * length + answer.prefix.length - 1 + t
          : 0
      );
      const logits = indexSelect(reshape(all, [-1, vocabulary]), places);
      use(logits);
      const targets = this.#cells(({ tokens }, t) => tokens[t] ?? -100);
      return persist(crossEntropy(logits, targets, { reduction: "none" }));
    });
  }

  /** How many tokens the rows of the model have. */
  get #length(): number {
    return Math.max(...this.#answers.map(positionsOf));
  }

  /** A whole number for each place of each answer. */
  #cells(
    of: (answer: WrittenAnswer, t: number, row: number) => number,
  ): IntegerTensor {
    return tensor(Int32Array.from(
      this.#answers.flatMap((answer, row) =>
        Array.from({ length: this.#width }, (_, t) => of(answer, t, row))
      ),
    ));
  }

  /** Runs the model on all rows, each followed by padding. */
  #forward(): Tensor {
    const rows = this.#answers.map(({ prefix, tokens }) =>
      [...prefix, ...tokens].slice(0, -1)
    );
    const { padTokenId } = this.#model.config;
    const padding = padTokenId ?? 0;
    if (isCausal(this.#model)) {
      const [inputIds, mask] = padded(rows, padding);
      const positions = rows.map((row) => [...row.keys()]);
      return this.#model.forward({
        inputIds,
        ...mask && { attentionMask: mask },
        positionIds: padded(positions, 1)[0],
      }).logits;
    }
    // Answers to the same source share what the encoder makes of it.
    const keys = this.#answers.map(({ source }) => source.join());
    const unique = [...new Set(keys)];
    const sources = unique.map((key) =>
      this.#answers[keys.indexOf(key)]?.source ?? []
    );
    const [inputIds, mask] = padded(sources, padding);
    const encoded = this.#model.encode({
      inputIds,
      ...mask && { attentionMask: mask },
    });
    const [, length = 0, hidden = 0] = encoded.shape;
    const places = tensor(Int32Array.from(keys, (key) => unique.indexOf(key)));
    const states = indexSelect(
      reshape(encoded, [unique.length, length * hidden]),
      places,
    );
    return this.#model.forward({
      encoderLastHiddenState: reshape(states, [keys.length, length, hidden]),
      ...mask && { attentionMask: indexSelect(mask, places) },
      decoderInputIds: padded(rows, padding)[0],
    }).logits;
  }
}

/** Whether a model has no encoder beside its decoder. */
export function isCausal(model: ScoringModel): model is ScoringCausalModel {
  return !model.config.isEncoderDecoder;
}

/** Rows as a tensor, with padding behind them, and the mask if there is any. */
function padded(
  rows: readonly (readonly number[])[],
  padding: number,
): [IntegerTensor, IntegerTensor | undefined] {
  const length = Math.max(...rows.map((row) => row.length));
  const shape = [rows.length, length];
  const table = (of: (row: readonly number[], t: number) => number) =>
    tensor(
      Int32Array.from(
        rows.flatMap((row) => Array.from({ length }, (_, t) => of(row, t))),
      ),
      { shape },
    );
  return [
    table((row, t) => row[t] ?? padding),
    rows.every((row) => row.length === length)
      ? undefined
      : table((row, t) => t < row.length ? 1 : 0),
  ];
}
