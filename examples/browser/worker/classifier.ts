// Copyright 2026 the swagpu authors. MIT license.

// A model that classifies texts, with its posterior, and what it says about a text.

import {
  keep,
  noGrad,
  readAll,
  scope,
  type Tensor,
} from "@swagpu/swagpu/engine";
import {
  batchInputs,
  type Encoding,
  type Tasks,
  type Tokenizer,
  type TokenRow,
} from "@swagpu/swagpu/models";
import {
  applyTemperature,
  entropy,
  uncertaintyParts,
} from "@swagpu/swagpu/nn/metrics";
import type { SwagModel } from "@swagpu/swagpu/swag";
import type {
  Influences,
  ModelFacts,
  Sampling,
  TextAnswer,
  TextQuestion,
} from "../protocol.ts";

/** What a classifier is made of. */
export interface ClassifierParts {
  readonly name: string;
  readonly model: Tasks["sequenceClassification"];
  readonly tokenizer: Tokenizer;
  /** Absent if the model has none. */
  readonly posterior: SwagModel | undefined;
}

/** The rows of tokens that are computed at a time. */
const ROWS = 16;
/** A text of more tokens is cut, so that an answer does not take minutes. */
const LONGEST = 512;

/** Classifies texts with samples of a model's weights. */
export class Classifier implements Disposable {
  /** What it is made of. */
  readonly parts: ClassifierParts;

  /**
   * Makes a classifier, which from then on owns its parts.
   *
   * @param parts The model, its tokenizer and its posterior.
   * @throws {TypeError} If the model does not choose one of several classes.
   */
  constructor(parts: ClassifierParts) {
    const { name, model: { config } } = parts;
    const problem = config.problemType ?? "single_label_classification";
    if (problem !== "single_label_classification" || config.numLabels < 2) {
      throw new TypeError(
        `Cannot show class probabilities of ${name}: its problem_type is ` +
          `${problem} with ${config.numLabels} labels, expected a model that ` +
          "chooses one of several classes",
      );
    }
    this.parts = parts;
    parts.model.eval();
  }

  /** The classes, in the order of the logits. */
  get labels(): string[] {
    const { id2label, numLabels } = this.parts.model.config;
    return Array.from(
      { length: numLabels },
      (_, id) => id2label[id] ?? `LABEL_${id}`,
    );
  }

  /** What is known about the model. */
  get facts(): ModelFacts {
    const { name, model, posterior } = this.parts;
    return {
      name,
      architecture: model.constructor.name,
      weights: model.parameters().reduce((sum, { size }) => sum + size, 0),
      labels: this.labels,
      posterior: posterior
        ? { collections: posterior.nModels, rank: posterior.covMatRank }
        : null,
    };
  }

  /**
   * Classifies a text with the samples, and with the model's own weights.
   *
   * @param question The text, and which samples.
   * @returns Probabilities, and where their uncertainty comes from.
   */
  async classify(question: TextQuestion): Promise<TextAnswer> {
    const { encoding, isCut } = this.#encode(question.text);
    const own = this.#logits([encoding], undefined);
    const sampled = this.#logits([encoding], question);
    const [plainLogits, logits] = await readAll([own, sampled]);
    own.dispose();
    sampled.dispose();
    const { labels } = this;
    const classes = labels.length;
    const plain = softmax(plainLogits, classes);
    const all = softmax(logits, classes);
    const members = all.length / classes;
    const samples = Array.from(
      { length: members },
      (_, m) => [...all.subarray(m * classes, (m + 1) * classes)],
    );
    const mean = labels.map((_, k) => meanOf(samples.map((p) => p[k] ?? NaN)));
    const parts = uncertaintyParts(all, { members, classes });
    return {
      labels,
      samples,
      mean,
      std: labels.map((_, k) =>
        Math.sqrt(
          meanOf(samples.map((p) => ((p[k] ?? NaN) - (mean[k] ?? NaN)) ** 2)),
        )
      ),
      plain: [...plain],
      entropy: parts.total[0] ?? NaN,
      dataEntropy: parts.expected[0] ?? NaN,
      modelEntropy: parts.mutualInformation[0] ?? NaN,
      plainEntropy: entropy(plain, { classes })[0] ?? NaN,
      tokens: encoding.tokens.filter((_, i) => isOfText(encoding, i)),
      isCut,
    };
  }

  /**
   * Measures how much each token of a text matters, by leaving it out.
   *
   * @param question The text, and which samples.
   * @param signal Stops it between two batches.
   * @returns What the most probable class loses without each token.
   */
  async leaveOut(
    question: TextQuestion,
    signal: AbortSignal,
  ): Promise<Influences> {
    const { encoding } = this.#encode(question.text);
    const places = encoding.tokens.map((_, i) => i)
      .filter((i) => isOfText(encoding, i));
    const rows: TokenRow[] = [
      encoding,
      ...places.map((place) => without(encoding, place)),
    ];
    const { labels } = this;
    const means: number[][] = [];
    for (let start = 0; start < rows.length; start += ROWS) {
      signal.throwIfAborted();
      const some = rows.slice(start, start + ROWS);
      const logits = this.#logits(some, question);
      const probabilities = softmax(await logits.data(), labels.length);
      logits.dispose();
      means.push(...meansOf(probabilities, some.length, labels.length));
    }
    const [whole = [], ...others] = means;
    const best = whole.indexOf(Math.max(...whole));
    return {
      label: labels[best] ?? "",
      values: others.map((mean) => (whole[best] ?? NaN) - (mean[best] ?? NaN)),
    };
  }

  /** Frees the model and its posterior. */
  [Symbol.dispose](): void {
    this.parts.posterior?.dispose();
    this.parts.model.dispose();
  }

  #encode(text: string): { encoding: Encoding; isCut: boolean } {
    const { model, tokenizer } = this.parts;
    const limit = Math.min(
      tokenizer.modelMaxLength,
      model.config.maxTokens,
      LONGEST,
    );
    const encoding = tokenizer.encode(text, {
      maxLength: limit,
      truncation: "longest_first",
      returnOverflowingTokens: true,
    });
    const isCut = (encoding.overflowing?.length ?? 0) > 0;
    return { encoding, isCut };
  }

  /** `[rows, samples, classes]`, with the model's own weights `[rows, classes]`. */
  #logits(rows: readonly TokenRow[], sampling: Sampling | undefined): Tensor {
    const { model, tokenizer, posterior } = this.parts;
    return noGrad(() => {
      using _ = scope();
      const inputs = batchInputs(rows, { padTokenId: tokenizer.padTokenId });
      const forward = () => model.forward(inputs);
      const { samples = 1, scale = 0, seed = 0 } = sampling ?? {};
      const logits = posterior && sampling
        ? posterior.getLogits(forward, { numPredictions: samples, scale, seed })
        : forward().logits;
      return keep(logits);
    });
  }
}

function isOfText({ sequenceIds }: Encoding, place: number): boolean {
  return sequenceIds[place] !== null;
}

function without(
  { inputIds, tokenTypeIds }: TokenRow,
  place: number,
): TokenRow {
  const others = (ids: readonly number[]) => ids.filter((_, i) => i !== place);
  return { inputIds: others(inputIds), tokenTypeIds: others(tokenTypeIds) };
}

function softmax(
  logits: Float32Array | undefined,
  classes: number,
): Float64Array {
  return applyTemperature(logits ?? [], 1, { classes });
}

/** The mean over the samples for each row and class. */
function meansOf(
  probabilities: Float64Array,
  rows: number,
  classes: number,
): number[][] {
  const samples = probabilities.length / (rows * classes);
  return Array.from(
    { length: rows },
    (_, row) =>
      Array.from({ length: classes }, (_, k) =>
        meanOf(
          Array.from(
            { length: samples },
            (_, m) => probabilities[(row * samples + m) * classes + k] ?? NaN,
          ),
        )),
  );
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
