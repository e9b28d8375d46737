// Copyright 2026 the swagpu authors. MIT license.

/**
 * ModernBERT: Warner et al., "Smarter, Better, Faster, Longer: A Modern
 * Bidirectional Encoder for Fast, Memory Efficient, and Long Context Finetuning
 * and Inference", 2024.
 *
 * It differs from BERT in layer norms before the parts of a block and not after
 * them, rotary positions, gated feed-forward parts, and attention that sees the
 * whole text in every third layer only. This file holds the model and the
 * heads; `modernbert_config.ts` the configuration and `modernbert_blocks.ts`
 * the blocks. Attribute paths are the names in Hugging Face's checkpoints.
 *
 * Longer than most files: a model and all its heads are read together, and half
 * of the lines are documentation.
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
  Dropout,
  type Embedding,
  type LayerNorm,
  type Linear,
  type Module,
} from "../../nn/mod.ts";
import type {
  AskingForStates,
  EncoderInputs,
  EncoderOutput,
  HeadOutput,
  LabeledInputs,
  MaskedLMInputs,
  QuestionInputs,
  QuestionOutput,
  WithLabels,
  WithLoss,
  WithPositions,
  WithStates,
} from "../io.ts";
import { type BlockStack, runBlock } from "../gradient_checkpointing.ts";
import { PreTrainedModel } from "../pretrained.ts";
import {
  choiceOutput,
  firstToken,
  flattenChoices,
  maskedOutput,
  questionOutput,
  textOutput,
  tokenOutput,
} from "./heads.ts";
import {
  linear,
  type ModernBertBlockInputs,
  ModernBertEmbeddings,
  ModernBertLayer,
  ModernBertPredictionHead,
  norm,
} from "./modernbert_blocks.ts";
import { ModernBertConfig } from "./modernbert_config.ts";
import {
  checkPacking,
  statesOutput,
  textStates,
  tokenStates,
} from "./packed.ts";

export { ModernBertConfig } from "./modernbert_config.ts";
export type {
  ClassifierPooling,
  ModernBertConfigOptions,
} from "./modernbert_config.ts";
export type { ModernBertBlockInputs } from "./modernbert_blocks.ts";

// --------------------------------------------------------------------- model

/**
 * The base class of all ModernBERT models: the class of their configuration,
 * and the name by which checkpoints of models with a head call the encoder.
 *
 * @example Usage
 * ```ts
 * import { ModernBertPreTrainedModel } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(ModernBertPreTrainedModel.basePrefix, "model");
 * ```
 */
export class ModernBertPreTrainedModel
  extends PreTrainedModel<ModernBertConfig> {
  /** The class of the configuration. */
  static readonly configClass: typeof ModernBertConfig = ModernBertConfig;
  /** The attribute that holds the encoder in models with a head. */
  static readonly basePrefix: string = "model";

  /** `true`: with a packing, `forward` leaves padding out. */
  override get usesPacking(): boolean {
    return true;
  }
}

/**
 * The encoder without a head.
 *
 * With a packing it computes real tokens only, and results are zeros at
 * padding, as in transformers when it runs without padding. Without a packing,
 * padding is computed like any other token. Token types are ignored, because
 * ModernBERT has no embeddings for them.
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
export class ModernBertModel extends ModernBertPreTrainedModel
  implements BlockStack {
  /** Its name, which files tell: also in code that was minified. */
  static override readonly name: string = "ModernBertModel";
  /** Whether blocks are checkpointed in training mode. */
  gradientCheckpointing: boolean = false;
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

  /**
   * Builds the model with random weights.
   *
   * @param config The model's sizes and settings.
   */
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
   * @throws {TypeError} If the inputs are not `[batch, length]`, or if the
   * packing is of another shape, has holes, or is given with
   * `outputAttentions`.
   * @throws {RangeError} If the texts are longer than the model's limit.
   */
  forward(inputs: AskingForStates<EncoderInputs>): WithStates<EncoderOutput>;
  /** The same; hidden states are given if the configuration asks for them. */
  forward(inputs: EncoderInputs): EncoderOutput;
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
      x = runBlock(
        this,
        x,
        (x, attentions) => layer.forward(x, { ...shared, attentions }),
        { lists: [shared.attentions] },
      );
      if (outputHiddenStates) hiddenStates.push(whole(x));
    }
    return statesOutput(this.finalNorm.forward(x), packing, {
      ...(outputHiddenStates ? { hiddenStates } : {}),
      ...(outputAttentions ? { attentions } : {}),
    });
  }
}

// --------------------------------------------------------------------- heads

/**
 * Fills masked tokens. Labels `[batch, length]`, -100 for tokens to ignore;
 * logits `[batch, length, vocabulary]`.
 *
 * With the configuration's `sparsePrediction`, labels of
 * `sparsePredIgnoreIndex` are ignored too, as in transformers. The loss is
 * computed from the scores of all positions, because only the GPU knows how
 * many of them have a label. If the host knows them, `predictions` can name
 * these positions. Then only they are scored, which saves most of the
 * multiplication by the vocabulary, and logits are `[positions, vocabulary]`,
 * as transformers gives them for sparse predictions with labels.
 *
 * @example Usage
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import {
 *   ModernBertConfig,
 *   ModernBertForMaskedLM,
 * } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const config = new ModernBertConfig({ hiddenSize: 24, numHiddenLayers: 1 });
 * const model = new ModernBertForMaskedLM(config);
 * const inputIds = tensor([[2, 7, 9, 3]], { dtype: "i32" });
 * const labels = tensor([[-100, 7, -100, -100]], { dtype: "i32" });
 * const { logits, loss } = model.forward({ inputIds, labels });
 * assertEquals([logits.shape, loss.shape], [[1, 4, 50368], []]);
 * ```
 */
export class ModernBertForMaskedLM extends ModernBertPreTrainedModel {
  /** Its name, which files tell: also in code that was minified. */
  static override readonly name: string = "ModernBertForMaskedLM";
  /** The encoder. */
  model: ModernBertModel;
  /** Dense, activation and norm. */
  head: Module & { forward(x: Tensor): Tensor };
  /** The scores. Their weight is the word embeddings', unless untied. */
  decoder: Linear;

  /**
   * Builds the model with random weights.
   *
   * @param config The model's sizes and settings.
   */
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

  /** Scores the vocabulary at every position, or at those in `predictions`. */
  forward(inputs: WithLabels<MaskedLMInputs>): WithLoss<HeadOutput>;
  /** The same; without labels there is no loss. */
  forward(inputs: MaskedLMInputs): HeadOutput;
  forward(inputs: MaskedLMInputs): HeadOutput {
    const { predictions } = inputs;
    const labels = inputs.labels && this.#countedLabels(inputs.labels);
    return maskedOutput(
      (x) => this.decoder.forward(this.head.forward(x)),
      { labels, predictions },
      this.model.forward(inputs),
    );
  }

  /** True: see {@linkcode MaskedLMInputs.predictions}. */
  override get usesPredictions(): boolean {
    return true;
  }

  /** The labels, with -100 for all that are to be ignored. */
  #countedLabels<D extends DType>(labels: Tensor<D>): Tensor<D> {
    const { sparsePrediction, sparsePredIgnoreIndex: ignored } = this.config;
    return sparsePrediction && ignored !== -100
      ? where(equal(labels, ignored), -100, labels)
      : labels;
  }
}

/**
 * The base class of the heads that score states by a classifier.
 *
 * @example Usage
 * ```ts
 * import { initialize } from "@swagpu/swagpu/engine";
 * import {
 *   ModernBertClassifier,
 *   ModernBertConfig,
 *   ModernBertForMultipleChoice,
 * } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const config = new ModernBertConfig({ hiddenSize: 24, numHiddenLayers: 1 });
 * const model = new ModernBertForMultipleChoice(config);
 * assertEquals(model instanceof ModernBertClassifier, true);
 * ```
 */
export class ModernBertClassifier extends ModernBertPreTrainedModel {
  /** The encoder. */
  model: ModernBertModel;
  /** Dense, activation and norm. */
  head: Module & { forward(x: Tensor): Tensor };
  /** Dropout before the classifier. */
  drop: Dropout;
  /** The scores. */
  classifier: Linear;

  /**
   * Builds the model with random weights.
   *
   * @param config The model's sizes and settings.
   * @param labels Scores for each state.
   */
  constructor(config: ModernBertConfig, labels: number) {
    super(config);
    this.model = new ModernBertModel(config);
    this.head = new ModernBertPredictionHead(config);
    this.drop = new Dropout(config.classifierDropout);
    const sizes = [config.hiddenSize, labels] as const;
    this.classifier = linear(config, sizes, "final", true);
  }

  /** Scores states `[…, hidden]`; gives `[…, labels]`. */
  protected score(states: Tensor): Tensor {
    return this.classifier.forward(
      this.drop.forward(this.head.forward(states)),
    );
  }

  /**
   * The state that stands for each text, `[batch, hidden]`: its first token's
   * or the mean of all, as the configuration says.
   */
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
 * The head reads the first token's state or the mean of all, by the
 * configuration's `classifierPooling`.
 *
 * The loss follows the configuration's `problemType`. Without it, one output
 * means regression (labels f32 `[batch]`), integer labels `[batch]` mean one
 * class for each text, and f32 labels `[batch, labels]` mean independent
 * classes.
 *
 * @example Usage
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import {
 *   ModernBertConfig,
 *   ModernBertForSequenceClassification,
 * } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const config = new ModernBertConfig({ hiddenSize: 24, numHiddenLayers: 1 });
 * const model = new ModernBertForSequenceClassification(config);
 * const inputIds = tensor([[2, 7, 9, 3]], { dtype: "i32" });
 * const labels = tensor([1], { dtype: "i32" });
 * const { logits, loss } = model.forward({ inputIds, labels });
 * assertEquals([logits.shape, loss.shape], [[1, 2], []]);
 * ```
 */
export class ModernBertForSequenceClassification extends ModernBertClassifier {
  /** Its name, which files tell: also in code that was minified. */
  static override readonly name: string = "ModernBertForSequenceClassification";
  /**
   * Builds the model with random weights.
   *
   * @param config The model's sizes and settings.
   */
  constructor(config: ModernBertConfig) {
    super(config, config.numLabels);
  }

  /** Scores every label for every text. */
  forward(inputs: WithLabels<LabeledInputs<AnyTensor>>): WithLoss<HeadOutput>;
  /** The same; without labels there is no loss. */
  forward(inputs: LabeledInputs<AnyTensor>): HeadOutput;
  forward(inputs: LabeledInputs<AnyTensor>): HeadOutput {
    const output = this.model.forward(inputs);
    const logits = this.score(this.pool(output, inputs));
    return textOutput(logits, inputs.labels, output, this.config);
  }
}

/**
 * Chooses between answers. Inputs `[batch, choices, length]`, labels `[batch]`,
 * logits `[batch, choices]`. A packing has the shape
 * `[batch · choices, length]`.
 *
 * @example Usage
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import {
 *   ModernBertConfig,
 *   ModernBertForMultipleChoice,
 * } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const config = new ModernBertConfig({ hiddenSize: 24, numHiddenLayers: 1 });
 * const model = new ModernBertForMultipleChoice(config).eval();
 * const inputIds = tensor([[[2, 7, 9, 3], [2, 8, 6, 3]]], { dtype: "i32" });
 * assertEquals(model.forward({ inputIds }).logits.shape, [1, 2]);
 * ```
 */
export class ModernBertForMultipleChoice extends ModernBertClassifier {
  /** Its name, which files tell: also in code that was minified. */
  static override readonly name: string = "ModernBertForMultipleChoice";
  /**
   * Builds the model with random weights.
   *
   * @param config The model's sizes and settings.
   */
  constructor(config: ModernBertConfig) {
    super(config, 1);
  }

  /** Scores every choice. */
  forward(inputs: WithLabels<LabeledInputs>): WithLoss<HeadOutput>;
  /** The same; without labels there is no loss. */
  forward(inputs: LabeledInputs): HeadOutput;
  forward(inputs: LabeledInputs): HeadOutput {
    const flat = flattenChoices(inputs);
    const output = this.model.forward(flat);
    const scores = this.score(this.pool(output, flat));
    return choiceOutput(scores, inputs, output);
  }
}

/**
 * Classifies tokens. Labels `[batch, length]`, -100 for tokens to ignore;
 * logits `[batch, length, labels]`.
 *
 * @example Usage
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import {
 *   ModernBertConfig,
 *   ModernBertForTokenClassification,
 * } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const config = new ModernBertConfig({ hiddenSize: 24, numHiddenLayers: 1 });
 * const model = new ModernBertForTokenClassification(config).eval();
 * const inputIds = tensor([[2, 7, 9, 3]], { dtype: "i32" });
 * assertEquals(model.forward({ inputIds }).logits.shape, [1, 4, 2]);
 * ```
 */
export class ModernBertForTokenClassification extends ModernBertClassifier {
  /** Its name, which files tell: also in code that was minified. */
  static override readonly name: string = "ModernBertForTokenClassification";
  /**
   * Builds the model with random weights.
   *
   * @param config The model's sizes and settings.
   */
  constructor(config: ModernBertConfig) {
    super(config, config.numLabels);
  }

  /** Scores every label for every token. */
  forward(inputs: WithLabels<LabeledInputs>): WithLoss<HeadOutput>;
  /** The same; without labels there is no loss. */
  forward(inputs: LabeledInputs): HeadOutput;
  forward(inputs: LabeledInputs): HeadOutput {
    const output = this.model.forward(inputs);
    const scores = this.score(tokenStates(output));
    return tokenOutput(scores, inputs.labels, output);
  }
}

/**
 * Finds an answer in a text. Start and end positions `[batch]`, scores
 * `[batch, length]` for either. The loss is the mean of two cross-entropies
 * over all positions, padding included unless texts are packed; answers that
 * lie beyond the text are ignored.
 *
 * @example Usage
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import {
 *   ModernBertConfig,
 *   ModernBertForQuestionAnswering,
 * } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const config = new ModernBertConfig({ hiddenSize: 24, numHiddenLayers: 1 });
 * const model = new ModernBertForQuestionAnswering(config).eval();
 * const inputIds = tensor([[2, 7, 9, 3]], { dtype: "i32" });
 * assertEquals(model.forward({ inputIds }).startLogits.shape, [1, 4]);
 * ```
 */
export class ModernBertForQuestionAnswering extends ModernBertClassifier {
  /** Its name, which files tell: also in code that was minified. */
  static override readonly name: string = "ModernBertForQuestionAnswering";
  /**
   * Builds the model with random weights.
   *
   * @param config The model's sizes and settings.
   */
  constructor(config: ModernBertConfig) {
    super(config, 2);
  }

  /** Scores every token as the answer's first and as its last. */
  forward(inputs: WithPositions<QuestionInputs>): WithLoss<QuestionOutput>;
  /** The same; without positions there is no loss. */
  forward(inputs: QuestionInputs): QuestionOutput;
  forward(inputs: QuestionInputs): QuestionOutput {
    const output = this.model.forward(inputs);
    const scores = this.score(tokenStates(output));
    return questionOutput(scores, inputs, output);
  }
}
