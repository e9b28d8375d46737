// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// A classifier of any encoder with any pooling head.

import { type AnyTensor, ones, type Tensor } from "../../engine/mod.ts";
import { checkOptions, Dropout, Linear, Module } from "../../nn/mod.ts";
import type { ProblemType } from "../config.ts";
import type {
  AskingForStates,
  EncoderInputs,
  HeadOutput,
  LabeledInputs,
  WithLoss,
} from "../io.ts";
import { classificationLoss } from "../loss.ts";
import type { PoolingHead } from "./head.ts";

/** A module that gives its hidden states, such as `BertModel` or BART's encoder. */
export interface StatesEncoder extends Module {
  /** Encodes a batch. */
  forward(
    inputs: AskingForStates<EncoderInputs>,
  ): { readonly hiddenStates?: readonly Tensor[] };
}

/** The inputs of a {@linkcode PooledForSequenceClassification}. */
export interface PooledInputs extends LabeledInputs<AnyTensor> {
  /** The correct answers; see {@linkcode classificationLoss}. */
  labels?: AnyTensor | undefined;
}

/** Options of {@linkcode PooledForSequenceClassification}. */
export interface PooledOptions {
  /** How many scores a text gets; 1 for regression. @default {2} */
  numLabels?: number | undefined;
  /** The share of the vector that becomes zero in training. @default {0.1} */
  dropout?: number | undefined;
  /**
   * The kind of labels.
   *
   * @default {null, which decides by the labels}
   */
  problemType?: ProblemType | null | undefined;
}

/**
 * Classifies texts by a pooling head over an encoder: the encoder's hidden states,
 * one vector for each text, dropout, and a linear layer. All of it is trained, as
 * far as it is not frozen; a `Trainer` takes it like any model.
 *
 * The parameters are called `encoder.…`, `pooling.…` and `classifier.…`.
 *
 * @example The mean of the last four layers
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import {
 *   BertConfig,
 *   BertModel,
 *   PooledForSequenceClassification,
 *   WeightedLayerPooling,
 * } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const encoder = new BertModel(
 *   new BertConfig({
 *     vocabSize: 50,
 *     hiddenSize: 16,
 *     numHiddenLayers: 4,
 *     numAttentionHeads: 2,
 *     intermediateSize: 32,
 *   }),
 *   { addPoolingLayer: false },
 * );
 * const pooling = new WeightedLayerPooling(16, {
 *   numHiddenLayers: 4,
 *   layerStart: 1,
 *   mode: "mean",
 * });
 * const model = new PooledForSequenceClassification(encoder, pooling);
 * const inputIds = tensor([[2, 7, 9, 3]], { dtype: "i32" });
 * assertEquals(model.eval().forward({ inputIds }).logits.shape, [1, 2]);
 * ```
 */
export class PooledForSequenceClassification extends Module {
  /** Gives the hidden states. */
  encoder: StatesEncoder;
  /** Makes a vector of them. */
  pooling: PoolingHead;
  /** On the vector. */
  readonly dropout: Dropout;
  /** Scores the vector. */
  classifier: Linear;
  readonly #problemType: ProblemType | null;

  /**
   * Builds the classifier over an encoder and a pooling head, which become parts of
   * the model.
   *
   * @param encoder The encoder, with its weights.
   * @param pooling The head; its states' length is the encoder's.
   * @param options The number of labels, their kind, and dropout.
   * @throws {TypeError} If an option is not known.
   * @throws {RangeError} If the dropout is not in [0, 1).
   */
  constructor(
    encoder: StatesEncoder,
    pooling: PoolingHead,
    options: PooledOptions = {},
  ) {
    super();
    checkOptions(options, {
      action: "build a PooledForSequenceClassification",
      known: ["numLabels", "dropout", "problemType"],
    });
    const { numLabels = 2, dropout = 0.1, problemType = null } = options;
    this.encoder = encoder;
    this.pooling = pooling;
    this.dropout = new Dropout(dropout);
    this.classifier = new Linear(pooling.outputSize, numLabels);
    this.#problemType = problemType;
  }

  /**
   * Scores texts: `logits [batch, labels]`, and the loss of labels, if there are
   * some. Padding has no influence, with or without a packing.
   *
   * @throws {TypeError} If the encoder gives no hidden states, or the labels do not
   * fit their kind.
   */
  forward(inputs: PooledInputs & { labels: AnyTensor }): WithLoss<HeadOutput>;
  /** The same without labels. */
  forward(inputs: PooledInputs): HeadOutput;
  forward(inputs: PooledInputs): HeadOutput {
    const { labels, outputHiddenStates, ...texts } = inputs;
    const { inputIds, packing } = texts;
    const { device, shape } = inputIds;
    const { hiddenStates } = this.encoder.forward({
      ...texts,
      outputHiddenStates: true,
    });
    if (!hiddenStates) {
      throw new TypeError(
        "Cannot pool: the encoder gave no hiddenStates, though asked for " +
          "by outputHiddenStates",
      );
    }
    const attentionMask = packing?.mask ?? texts.attentionMask ??
      ones(shape, { dtype: "i32", device });
    const pooled = this.pooling.forward({ hiddenStates, attentionMask });
    const logits = this.classifier.forward(this.dropout.forward(pooled));
    const problemType = this.#problemType;
    return {
      ...(labels
        ? { loss: classificationLoss(logits, labels, { problemType }) }
        : {}),
      logits,
      ...(outputHiddenStates ? { hiddenStates: [...hiddenStates] } : {}),
    };
  }
}
