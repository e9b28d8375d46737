// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The collator of texts and pairs with one label each.

import type { ProblemType } from "../config.ts";
import type { Tokenizer } from "../tokenizer/mod.ts";
import { type CollatedBatch, type CollatorOptions, Padder } from "./padding.ts";
import { type TextFeature, tokensOf } from "./text_features.ts";
import {
  type FeatureLabel,
  type LabelValues,
  labelValues,
} from "./text_labels.ts";
import type { FloatValues, IntegerValues } from "./values.ts";

/** Options of {@linkcode DataCollatorWithPadding}. */
export interface TextCollatorOptions<
  P extends ProblemType | null = "single_label_classification",
> extends CollatorOptions {
  /**
   * What labels mean, as in the configuration of a model. Each row has
   *
   * - `"single_label_classification"`: the number of a class, or soft labels: a
   *   list with the probability of each class;
   * - `"multi_label_classification"`: a list with a number in [0, 1] for each
   *   label, see {@linkcode multiHot};
   * - `"regression"`: a number, or a list of numbers;
   * - `null`, where the labels decide: the number of a class, or a list as for
   *   several labels.
   *
   * @default {"single_label_classification"}
   */
  problemType?: P;
}

/**
 * The labels of a batch of features `F`, if they have any: i32 `[rows]` for
 * classes, f32 `[rows]` for numbers, f32 `[rows, labels]` for lists.
 */
export type TextLabels<F, P> = "label" extends keyof F
  ? F extends { readonly label: infer L }
    ? { readonly labels: LabelValues<P, L> }
  : {
    readonly labels?:
      | LabelValues<P, F extends { readonly label?: infer L } ? L : never>
      | undefined;
  }
  : unknown;

/**
 * Makes batches of texts and pairs: rows of tokens are padded to a common length,
 * and their labels become one array, named `labels`.
 *
 * A batch is on the host, as `inputs` of `train()` wants it, and the types of
 * `step` follow from it: class labels are a `Tensor<"i32">`, numbers and lists
 * a `Tensor<"f32">`. {@linkcode toTensors} makes tensors for other loops.
 *
 * @typeParam P What labels mean.
 *
 * @example Usage
 * ```ts
 * import { DataCollatorWithPadding, Tokenizer } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * const vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nplay";
 * const tokenizer = new Tokenizer(new Map([["vocab.txt", vocabulary]]));
 * const collator = new DataCollatorWithPadding(tokenizer, { padToMultipleOf: 4 });
 * const { inputIds, labels } = collator.collate([
 *   { text: "a play", label: 1 },
 *   { text: "a", label: 0 },
 * ]);
 * assertEquals(inputIds.shape, [2, 4]);
 * assertEquals([...inputIds.data], [2, 5, 6, 3, 2, 5, 3, 0]);
 * assertEquals([...labels.data], [1, 0]);
 * ```
 *
 * @example Training in captured steps
 * ```ts
 * import { initialize, manualSeed } from "@swagpu/swagpu/engine";
 * import { AdamW, batches, train } from "@swagpu/swagpu/nn";
 * import {
 *   BertConfig,
 *   BertForSequenceClassification,
 *   DataCollatorWithPadding,
 *   selectRows,
 *   Tokenizer,
 * } from "@swagpu/swagpu/models";
 * import { assert } from "@std/assert";
 *
 * await initialize();
 * manualSeed(0);
 * const vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\ngood\nbad\nvery";
 * const tokenizer = new Tokenizer(new Map([["vocab.txt", vocabulary]]));
 * const texts = ["good", "very good", "bad", "very very bad"];
 * const features = texts.map((text, i) => ({
 *   ...tokenizer.encode(text),
 *   label: i < 2 ? 1 : 0,
 * }));
 * const model = new BertForSequenceClassification(
 *   new BertConfig({
 *     vocabSize: 8,
 *     hiddenSize: 16,
 *     numHiddenLayers: 1,
 *     numAttentionHeads: 2,
 *     intermediateSize: 16,
 *     initializerRange: 0.2,
 *     hiddenDropoutProb: 0,
 *   }),
 * );
 * const collator = new DataCollatorWithPadding(tokenizer, { padding: "bucketed" });
 * const { loss } = await train({
 *   epochs: 20,
 *   batches: (epoch) => batches(features.length, 2, { shuffle: true, epoch }),
 *   inputs: (rows) => collator.collate(selectRows(features, rows)),
 *   step: (inputs) => model.forward(inputs),
 *   optimizer: new AdamW(model.parameters(), { learningRate: 0.01 }),
 * });
 * assert(loss < 0.3);
 * ```
 */
export class DataCollatorWithPadding<
  P extends ProblemType | null = "single_label_classification",
> {
  readonly #tokenizer: Tokenizer;
  readonly #padder: Padder;
  readonly #problem: ProblemType | null;

  /**
   * Checks the options; nothing is collated yet.
   *
   * @param tokenizer Gives the padding token, and tokenizes texts.
   * @param options The length of rows, packing, and what labels mean.
   * @throws {TypeError} If an option is not known or of the wrong kind.
   * @throws {RangeError} If an option is out of range.
   */
  constructor(tokenizer: Tokenizer, options: TextCollatorOptions<P> = {}) {
    this.#tokenizer = tokenizer;
    this.#padder = new Padder(tokenizer, options, ["problemType"]);
    const { problemType = "single_label_classification" } = options;
    this.#problem = problemType;
  }

  /**
   * Makes a batch.
   *
   * @param features The texts, or their tokens, with or without a `label`.
   * @returns The inputs of a model, and `labels` if the features have a `label`.
   * @throws {RangeError} If there are no features, or a row is longer than
   * `maxLength`, or a label is out of range.
   * @throws {TypeError} If some features have a label and others none, or labels
   * are of several kinds.
   */
  collate<
    F extends TextFeature & { readonly label?: FeatureLabel | undefined },
  >(
    features: readonly F[],
  ): CollatedBatch & TextLabels<F, P> {
    const rows = tokensOf(this.#tokenizer, features, this.#padder.limit);
    const { batch } = this.#padder.pad(rows);
    const labels = features.map(({ label }) => label);
    const own: { labels?: IntegerValues | FloatValues } =
      labels.every((label) => label === undefined)
        ? {}
        : { labels: labelValues(labels, this.#problem) };
    return { ...batch, ...own } as CollatedBatch & TextLabels<F, P>;
  }
}
