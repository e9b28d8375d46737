// Copyright 2026 the swagpu authors. MIT license.

/**
 * ModernBERT: Warner et al., "Smarter, Better, Faster, Longer: A Modern
 * Bidirectional Encoder for Fast, Memory Efficient, and Long Context Finetuning
 * and Inference", 2024.
 *
 * Layer norms before the parts and not after, rotary positions, gated
 * feed-forward parts, and attention that is global in every third layer only.
 * Model and heads; `modernbert_config.ts` holds the configuration and
 * `modernbert_blocks.ts` the blocks. Attribute paths are the names in Hugging
 * Face's checkpoints.
 *
 * @module
 */

import {
  type AnyTensor,
  cast,
  div,
  type DType,
  equal,
  type IntegerTensor,
  mean,
  mul,
  reshape,
  sum,
  type Tensor,
  where,
} from "../../engine/mod.ts";
import {
  crossEntropy,
  Dropout,
  type Embedding,
  type LayerNorm,
  type Linear,
  type Module,
} from "../../nn/mod.ts";
import {
  firstToken,
  flattenChoices,
  headOutput,
  questionOutput,
  tokenOutput,
} from "./heads.ts";
import {
  checkPacking,
  statesOutput,
  textStates,
  tokenStates,
} from "./packed.ts";
import { ModernBertConfig } from "./modernbert_config.ts";
import {
  linear,
  type ModernBertBlockInputs,
  ModernBertEmbeddings,
  ModernBertLayer,
  ModernBertPredictionHead,
  norm,
} from "./modernbert_blocks.ts";
import type {
  EncoderInputs,
  EncoderOutput,
  HeadOutput,
  LabelledInputs,
  QuestionInputs,
  QuestionOutput,
  WithLabels,
  WithLoss,
  WithPositions,
} from "../io.ts";
import { classificationLoss } from "../loss.ts";
import type { Packing } from "../packing/packing.ts";
import { PreTrainedModel } from "../pretrained.ts";

export { ModernBertConfig } from "./modernbert_config.ts";
export type {
  ClassifierPooling,
  ModernBertConfigOptions,
} from "./modernbert_config.ts";
export type { ModernBertBlockInputs } from "./modernbert_blocks.ts";

// --------------------------------------------------------------------- model

/** What all ModernBERTs share: their configuration, and checkpoints' names. */
export class ModernBertPreTrainedModel
  extends PreTrainedModel<ModernBertConfig> {
  /** The class of the configuration. */
  static readonly configClass: typeof ModernBertConfig = ModernBertConfig;
  /** The attribute that holds the encoder in models with a head. */
  static readonly basePrefix: string = "model";

  /** Padding need not be computed. */
  override get usesPacking(): boolean {
    return true;
  }
}

/**
 * The encoder without a head.
 *
 * With `packing` it computes real tokens only, and padded places of all results
 * are zeros, as on transformers' path without padding; without, they are
 * computed like any other. Token types are ignored: there are none.
 *
 * @example Usage
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import { ModernBertConfig, ModernBertModel } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const model = new ModernBertModel(
 *   new ModernBertConfig({
 *     vocabSize: 50,
 *     hiddenSize: 16,
 *     numHiddenLayers: 2,
 *     numAttentionHeads: 2,
 *     intermediateSize: 24,
 *     padTokenId: 0,
 *   }),
 * ).eval();
 * const inputIds = tensor([[2, 7, 9, 3]], { dtype: "i32" });
 * const { lastHiddenState } = model.forward({ inputIds });
 * assertEquals(lastHiddenState.shape, [1, 4, 16]);
 * ```
 */
export class ModernBertModel extends ModernBertPreTrainedModel {
  /** Word embeddings. */
  embeddings: Module & {
    tokEmbeddings: Embedding;
    forward(ids: IntegerTensor): Tensor;
  };
  /** The blocks. */
  layers:
    (Module & { forward(x: Tensor, inputs: ModernBertBlockInputs): Tensor })[];
  /** The norm of the last block's output. */
  finalNorm: LayerNorm;

  /** Builds the model with random weights. */
  constructor(config: ModernBertConfig) {
    super(config);
    this.embeddings = new ModernBertEmbeddings(config);
    this.layers = Array.from(
      { length: config.numHiddenLayers },
      (_, i) => new ModernBertLayer(config, i),
    );
    this.finalNorm = norm(config);
  }

  /**
   * Encodes a batch. The hidden states are the embeddings and each block's
   * output, before the last norm.
   *
   * @throws {TypeError} If the inputs are not `[batch, length]`, or the packing
   * is of another batch, has holes, or is given where probabilities are asked
   * for.
   * @throws {RangeError} If the texts are longer than the model's limit.
   */
  forward(inputs: EncoderInputs): EncoderOutput {
    this.checkInputs(inputs, this.config.maxPositionEmbeddings);
    const {
      attentionMask: mask,
      positionIds,
      packing,
      outputHiddenStates = this.config.outputHiddenStates,
      outputAttentions = this.config.outputAttentions && !packing,
    } = inputs;
    if (packing) checkPacking("encode", packing, inputs);
    const attentions: Tensor[] = [];
    const shared: ModernBertBlockInputs = packing
      ? {
        segments: packing.segments,
        positions: positionIds ? packing.pack(positionIds) : packing.positions,
      }
      : {
        mask,
        positions: positionIds,
        attentions: outputAttentions ? attentions : undefined,
      };
    const whole = (x: Tensor) => packing ? packing.unpack(x) : x;
    let x = this.embeddings.forward(
      packing ? packing.pack(inputs.inputIds) : inputs.inputIds,
    );
    const hiddenStates: Tensor[] = [];
    if (outputHiddenStates) hiddenStates.push(whole(x));
    for (const layer of this.layers) {
      x = layer.forward(x, shared);
      if (outputHiddenStates) hiddenStates.push(whole(x));
    }
    return statesOutput(this.finalNorm.forward(x), packing, {
      ...(outputHiddenStates ? { hiddenStates } : {}),
      ...(outputAttentions ? { attentions } : {}),
    });
  }
}

// --------------------------------------------------------------------- heads

/** What {@linkcode ModernBertForMaskedLM} takes. */
export interface ModernBertMaskedLMInputs extends LabelledInputs {
  /**
   * The only places to score, as a packing: `packingOf(labels.map((label) =>
   * label === -100 ? 0 : 1), shape)`.
   *
   * @default {all places}
   */
  predictions?: Packing | undefined;
}

/**
 * Fills masked tokens. Labels `[batch, length]`, -100 where nothing is masked;
 * logits `[batch, length, vocabulary]`.
 *
 * With the configuration's `sparsePrediction`, labels of `sparsePredIgnoreIndex`
 * count for nothing either, and the loss is that of transformers. It is found
 * from the scores of all places, since how many have a label is known on the GPU
 * alone. Where the host knows, `predictions` names the places: only those are
 * scored, which saves most of the product with the vocabulary, and logits are
 * `[places, vocabulary]` then, as transformers gives them for sparse predictions
 * with labels.
 */
export class ModernBertForMaskedLM extends ModernBertPreTrainedModel {
  /** The encoder. */
  model: ModernBertModel;
  /** Dense, activation and norm. */
  head: Module & { forward(x: Tensor): Tensor };
  /** The scores; their matrix is the word embeddings' unless untied. */
  decoder: Linear;

  /** Builds the model with random weights. */
  constructor(config: ModernBertConfig) {
    super(config);
    const { hiddenSize, vocabSize, decoderBias, tieWordEmbeddings } = config;
    this.model = new ModernBertModel(config);
    this.head = new ModernBertPredictionHead(config);
    const sizes = [hiddenSize, vocabSize] as const;
    this.decoder = linear(config, sizes, "out", decoderBias);
    if (tieWordEmbeddings) {
      this.decoder.weight = this.model.embeddings.tokEmbeddings.weight;
    }
  }

  /** Scores the vocabulary at every place, or at those asked for. */
  forward(inputs: WithLabels<ModernBertMaskedLMInputs>): WithLoss<HeadOutput>;
  /** The same, with a loss only where there is something to compare with. */
  forward(inputs: ModernBertMaskedLMInputs): HeadOutput;
  forward(inputs: ModernBertMaskedLMInputs): HeadOutput {
    const { predictions } = inputs;
    const labels = inputs.labels && this.#countedLabels(inputs.labels);
    const output = this.model.forward(inputs);
    if (!predictions) {
      const states = this.head.forward(tokenStates(output));
      return tokenOutput(this.decoder.forward(states), labels, output);
    }
    const states = reshape(predictions.pack(output.lastHiddenState), [
      predictions.tokens,
      -1,
    ]);
    const logits = this.decoder.forward(this.head.forward(states));
    const loss = labels &&
      crossEntropy(logits, reshape(predictions.pack(labels, -100), [-1]));
    return headOutput(logits, loss, output);
  }

  /** Labels with -100 at all places that count for nothing. */
  #countedLabels<D extends DType>(labels: Tensor<D>): Tensor<D> {
    const { sparsePrediction, sparsePredIgnoreIndex: ignored } = this.config;
    return sparsePrediction && ignored !== -100
      ? where(equal(labels, ignored), -100, labels)
      : labels;
  }
}

/** What all ModernBERTs with a classifier share. */
export class ModernBertClassifier extends ModernBertPreTrainedModel {
  /** The encoder. */
  model: ModernBertModel;
  /** Dense, activation and norm. */
  head: Module & { forward(x: Tensor): Tensor };
  /** Dropout before the classifier. */
  drop: Dropout;
  /** The scores. */
  classifier: Linear;

  /** Builds the model with random weights and so many outputs. */
  constructor(config: ModernBertConfig, labels: number) {
    super(config);
    this.model = new ModernBertModel(config);
    this.head = new ModernBertPredictionHead(config);
    this.drop = new Dropout(config.classifierDropout);
    const sizes = [config.hiddenSize, labels] as const;
    this.classifier = linear(config, sizes, "final", true);
  }

  /** Scores of states `[…, hidden]`: `[…, labels]`. */
  protected score(states: Tensor): Tensor {
    return this.classifier.forward(
      this.drop.forward(this.head.forward(states)),
    );
  }

  /** What stands for each text, `[batch, hidden]`, by the config's rule. */
  protected pool(output: EncoderOutput, inputs: EncoderInputs): Tensor {
    const { packed } = output;
    if (this.config.classifierPooling === "cls") {
      return firstToken(textStates(output));
    }
    if (packed) return packed.packing.mean(packed.states);
    const { lastHiddenState: states } = output;
    const { attentionMask: mask } = inputs;
    if (!mask) return mean(states, { axis: 1 });
    const [batch = 0, length = 0] = mask.shape;
    const weights = cast(mask, "f32");
    return div(
      sum(mul(states, reshape(weights, [batch, length, 1])), { axis: 1 }),
      sum(weights, { axis: 1, keepDims: true }),
    );
  }
}

/**
 * Classifies texts, or predicts numbers. Logits `[batch, labels]`.
 *
 * The head reads the first token or the mean of all, by the config's
 * `classifierPooling`. The loss follows the config's `problemType`, or else the
 * labels: one output is regression (labels f32 `[batch]`), integers `[batch]`
 * are one class each, f32 `[batch, labels]` are independent yes or no.
 */
export class ModernBertForSequenceClassification extends ModernBertClassifier {
  /** Builds the model with random weights. */
  constructor(config: ModernBertConfig) {
    super(config, config.numLabels);
  }

  /** Scores every label for every text. */
  forward(inputs: WithLabels<LabelledInputs<AnyTensor>>): WithLoss<HeadOutput>;
  /** The same, with a loss only where there is something to compare with. */
  forward(inputs: LabelledInputs<AnyTensor>): HeadOutput;
  forward(inputs: LabelledInputs<AnyTensor>): HeadOutput {
    const output = this.model.forward(inputs);
    const logits = this.score(this.pool(output, inputs));
    const { labels } = inputs;
    const { problemType } = this.config;
    const loss = labels && classificationLoss(logits, labels, { problemType });
    return headOutput(logits, loss, output);
  }
}

/**
 * Chooses between answers. Inputs `[batch, choices, length]`, labels `[batch]`,
 * logits `[batch, choices]`; a packing is of `[batch · choices, length]`.
 */
export class ModernBertForMultipleChoice extends ModernBertClassifier {
  /** Builds the model with random weights. */
  constructor(config: ModernBertConfig) {
    super(config, 1);
  }

  /** Scores every choice. */
  forward(inputs: WithLabels<LabelledInputs>): WithLoss<HeadOutput>;
  /** The same, with a loss only where there is something to compare with. */
  forward(inputs: LabelledInputs): HeadOutput;
  forward(inputs: LabelledInputs): HeadOutput {
    const { labels, ...rest } = inputs;
    const [batch = 0, choices = 0] = inputs.inputIds.shape;
    const flat = flattenChoices(rest);
    const output = this.model.forward(flat);
    const scores = this.score(this.pool(output, flat));
    const logits = reshape(scores, [batch, choices]);
    return headOutput(logits, labels && crossEntropy(logits, labels), output);
  }
}

/**
 * Labels tokens. Labels `[batch, length]`, -100 where a token has none; logits
 * `[batch, length, labels]`.
 */
export class ModernBertForTokenClassification extends ModernBertClassifier {
  /** Builds the model with random weights. */
  constructor(config: ModernBertConfig) {
    super(config, config.numLabels);
  }

  /** Scores every label for every token. */
  forward(inputs: WithLabels<LabelledInputs>): WithLoss<HeadOutput>;
  /** The same, with a loss only where there is something to compare with. */
  forward(inputs: LabelledInputs): HeadOutput;
  forward(inputs: LabelledInputs): HeadOutput {
    const output = this.model.forward(inputs);
    const scores = this.score(tokenStates(output));
    return tokenOutput(scores, inputs.labels, output);
  }
}

/**
 * Finds an answer in a text. The loss is the mean of two cross-entropies over
 * all places, padding included unless texts are packed; positions beyond the
 * text are ignored.
 */
export class ModernBertForQuestionAnswering extends ModernBertClassifier {
  /** Builds the model with random weights. */
  constructor(config: ModernBertConfig) {
    super(config, 2);
  }

  /** Scores every token as the answer's first and last. */
  forward(inputs: WithPositions<QuestionInputs>): WithLoss<QuestionOutput>;
  /** The same, with a loss only where there is something to compare with. */
  forward(inputs: QuestionInputs): QuestionOutput;
  forward(inputs: QuestionInputs): QuestionOutput {
    const output = this.model.forward(inputs);
    const scores = this.score(tokenStates(output));
    return questionOutput(scores, inputs, output);
  }
}
