// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

/**
 * An architecture that swagpu does not know, added from outside: DistilBERT
 * (Sanh, Debut, Chaumond and Wolf, "DistilBERT, a distilled version of BERT",
 * 2019) in one file and one call of `registerArchitecture`. From then on
 * `AutoModel…`, pipelines, training and SWAG know it too.
 *
 * Run, it fine-tunes a small one on generated reviews, collects a posterior,
 * and classifies with a folder that transformers would load.
 *
 * ```sh
 * deno run -A examples/distilbert.ts
 * ```
 *
 * @module
 */

import {
  add,
  type AnyTensor,
  arange,
  attention,
  initialize,
  type IntegerTensor,
  manualSeed,
  reshape,
  scope,
  slice,
  type Tensor,
  tensor,
} from "@swagpu/swagpu/engine";
import {
  activationOf,
  AutoModelForSequenceClassification,
  type BlockStack,
  classificationLoss,
  ConfigReader,
  type EncoderInputs,
  type EncoderOutput,
  type HeadOutput,
  type LabeledInputs,
  PretrainedConfig,
  type PretrainedConfigOptions,
  PreTrainedModel,
  registerArchitecture,
  runBlock,
  Tokenizer,
  type WithLabels,
  type WithLoss,
} from "@swagpu/swagpu/models";
import {
  AdamW,
  attentionDropout,
  batches,
  Dropout,
  Embedding,
  init,
  LayerNorm,
  Linear,
  Module,
  train,
} from "@swagpu/swagpu/nn";
import { SwagModel } from "@swagpu/swagpu/swag";
import { generateReviews, LABELS } from "./quickstart/grammar.ts";
import { learnVocabulary, writeTokenizer } from "./quickstart/vocabulary.ts";

// ------------------------------------------------------------- configuration

/** Options of {@linkcode DistilBertConfig}; `config.json` has snake case. */
export interface DistilBertConfigOptions extends PretrainedConfigOptions {
  vocabSize?: number;
  maxPositionEmbeddings?: number;
  dim?: number;
  hiddenDim?: number;
  nLayers?: number;
  nHeads?: number;
  dropout?: number;
  attentionDropout?: number;
  seqClassifDropout?: number;
  activation?: string;
}

/** The configuration of a DistilBERT, under its own names. */
export class DistilBertConfig extends PretrainedConfig {
  readonly vocabSize: number;
  readonly maxPositionEmbeddings: number;
  readonly dim: number;
  readonly hiddenDim: number;
  readonly nLayers: number;
  readonly nHeads: number;
  readonly dropout: number;
  readonly attentionDropout: number;
  readonly seqClassifDropout: number;
  readonly activation: string;

  constructor(options: DistilBertConfigOptions | ConfigReader = {}) {
    const reader = ConfigReader.from(options);
    super(reader, { modelType: "distilbert", padTokenId: 0 });
    const size = (name: string, fallback: number) =>
      reader.integer(name, fallback, { min: 1 });
    const share = (name: string, fallback: number) =>
      reader.number(name, fallback, { min: 0, max: 1 });
    this.vocabSize = size("vocab_size", 30522);
    this.maxPositionEmbeddings = size("max_position_embeddings", 512);
    this.dim = size("dim", 768);
    this.hiddenDim = size("hidden_dim", 3072);
    this.nLayers = size("n_layers", 6);
    this.nHeads = size("n_heads", 12);
    this.dropout = share("dropout", 0.1);
    this.attentionDropout = share("attention_dropout", 0.1);
    this.seqClassifDropout = share("seq_classif_dropout", 0.2);
    this.activation = reader.string("activation", "gelu");
  }
}

// --------------------------------------------------------------------- block

const EPS = 1e-12;

function linear(config: DistilBertConfig, from: number, to: number): Linear {
  return new Linear(from, to, {
    init: init.normal({ std: config.initializerRange }),
    biasInit: init.zeros(),
  });
}

class Embeddings extends Module {
  wordEmbeddings: Embedding;
  positionEmbeddings: Embedding;
  LayerNorm: LayerNorm;
  dropout: Dropout;

  constructor(config: DistilBertConfig) {
    super();
    const { dim, initializerRange: std } = config;
    const paddingIdx = config.padTokenId ?? undefined;
    this.wordEmbeddings = new Embedding(config.vocabSize, dim, {
      paddingIdx,
      init: init.normal({ std, zeroRow: paddingIdx }),
    });
    this.positionEmbeddings = new Embedding(config.maxPositionEmbeddings, dim, {
      init: init.normal({ std }),
    });
    this.LayerNorm = new LayerNorm(dim, { eps: EPS });
    this.dropout = new Dropout(config.dropout);
  }

  forward({ inputIds }: EncoderInputs): Tensor {
    const { device, shape: [, length = 0] } = inputIds;
    const positions = this.positionEmbeddings.forward(
      arange(length, { device }),
    );
    const words = this.wordEmbeddings.forward(inputIds);
    return this.dropout.forward(this.LayerNorm.forward(add(words, positions)));
  }
}

class SelfAttention extends Module {
  qLin: Linear;
  kLin: Linear;
  vLin: Linear;
  outLin: Linear;
  readonly #heads: number;
  readonly #dropout: number;

  constructor(config: DistilBertConfig) {
    super();
    const { dim } = config;
    this.qLin = linear(config, dim, dim);
    this.kLin = linear(config, dim, dim);
    this.vLin = linear(config, dim, dim);
    this.outLin = linear(config, dim, dim);
    this.#heads = config.nHeads;
    this.#dropout = config.attentionDropout;
  }

  forward(x: Tensor, mask: IntegerTensor | undefined): Tensor {
    const y = attention(
      this.qLin.forward(x), // [batch, length, heads · width]
      this.kLin.forward(x),
      this.vLin.forward(x),
      {
        heads: this.#heads,
        ...(mask ? { mask } : {}),
        ...attentionDropout(this.training ? this.#dropout : 0),
      },
    );
    return this.outLin.forward(y);
  }
}

class FeedForward extends Module {
  lin1: Linear;
  lin2: Linear;
  dropout: Dropout;
  readonly #activation: ReturnType<typeof activationOf>;

  constructor(config: DistilBertConfig) {
    super();
    this.lin1 = linear(config, config.dim, config.hiddenDim);
    this.lin2 = linear(config, config.hiddenDim, config.dim);
    this.dropout = new Dropout(config.dropout);
    this.#activation = activationOf(config.activation);
  }

  forward(x: Tensor): Tensor {
    const hidden = this.lin1.forward(x, { activation: this.#activation });
    return this.dropout.forward(this.lin2.forward(hidden));
  }
}

class Block extends Module {
  attention: SelfAttention;
  saLayerNorm: LayerNorm;
  ffn: FeedForward;
  outputLayerNorm: LayerNorm;

  constructor(config: DistilBertConfig) {
    super();
    this.attention = new SelfAttention(config);
    this.saLayerNorm = new LayerNorm(config.dim, { eps: EPS });
    this.ffn = new FeedForward(config);
    this.outputLayerNorm = new LayerNorm(config.dim, { eps: EPS });
  }

  forward(x: Tensor, mask: IntegerTensor | undefined): Tensor {
    const attended = this.saLayerNorm.forward(this.attention.forward(x, mask), {
      residual: x,
    });
    return this.outputLayerNorm.forward(this.ffn.forward(attended), {
      residual: attended,
    });
  }
}

class Transformer extends Module implements BlockStack {
  /** Set by `gradientCheckpointingEnable`. */
  gradientCheckpointing = false;
  layer: Block[];

  constructor(config: DistilBertConfig) {
    super();
    this.layer = Array.from(
      { length: config.nLayers },
      () => new Block(config),
    );
  }
}

// -------------------------------------------------------------- model and head

class DistilBertPreTrainedModel extends PreTrainedModel<DistilBertConfig> {
  static readonly configClass = DistilBertConfig;
  static readonly basePrefix: string = "distilbert";
}

/** The encoder without a head. */
export class DistilBertModel extends DistilBertPreTrainedModel {
  embeddings: Embeddings;
  transformer: Transformer;

  constructor(config: DistilBertConfig) {
    super(config);
    this.embeddings = new Embeddings(config);
    this.transformer = new Transformer(config);
  }

  /** Encodes a batch: `[batch, length]` to `[batch, length, dim]`. */
  forward(inputs: EncoderInputs): EncoderOutput {
    this.checkInputs(inputs, this.config.maxPositionEmbeddings);
    let x = this.embeddings.forward(inputs);
    for (const block of this.transformer.layer) {
      x = runBlock(
        this.transformer,
        x,
        (x) => block.forward(x, inputs.attentionMask),
      );
    }
    return { lastHiddenState: x };
  }
}

/** Classifies texts by the state of their first token. */
export class DistilBertForSequenceClassification
  extends DistilBertPreTrainedModel {
  distilbert: DistilBertModel;
  preClassifier: Linear;
  classifier: Linear;
  dropout: Dropout;

  constructor(config: DistilBertConfig) {
    super(config);
    this.distilbert = new DistilBertModel(config);
    this.preClassifier = linear(config, config.dim, config.dim);
    this.classifier = linear(config, config.dim, config.numLabels);
    this.dropout = new Dropout(config.seqClassifDropout);
  }

  /** Scores every label for every text, `[batch, labels]`. */
  forward(inputs: WithLabels<LabeledInputs<AnyTensor>>): WithLoss<HeadOutput>;
  /** The same; without labels there is no loss. */
  forward(inputs: LabeledInputs<AnyTensor>): HeadOutput;
  forward(inputs: LabeledInputs<AnyTensor>): HeadOutput {
    const { lastHiddenState } = this.distilbert.forward(inputs);
    const [batch = 0, , dim = 0] = lastHiddenState.shape;
    const first = slice(lastHiddenState, { axis: 1, start: 0, end: 1 });
    const pooled = this.preClassifier.forward(reshape(first, [batch, dim]), {
      activation: "relu",
    });
    const logits = this.classifier.forward(this.dropout.forward(pooled));
    const { labels } = inputs;
    if (!labels) return { logits };
    const { problemType } = this.config;
    return {
      loss: classificationLoss(logits, labels, { problemType }),
      logits,
    };
  }
}

registerArchitecture("distilbert", {
  config: DistilBertConfig,
  models: {
    base: DistilBertModel,
    sequenceClassification: DistilBertForSequenceClassification,
  },
});

// ----------------------------------------------------------------------- use

if (import.meta.main) {
  const folder = "out/distilbert";
  await initialize();
  manualSeed(1);
  const { train: reviews } = generateReviews({ seed: 1 });
  const texts = reviews.map(({ text }) => text);
  const vocabulary = learnVocabulary(texts, { minimumCount: 2 });
  await writeTokenizer(folder, vocabulary);
  const tokenizer = await Tokenizer.fromPretrained(folder);
  const model = new DistilBertForSequenceClassification(
    new DistilBertConfig({
      vocabSize: tokenizer.vocabSize,
      maxPositionEmbeddings: 32,
      dim: 32,
      hiddenDim: 64,
      nLayers: 2,
      nHeads: 2,
      initializerRange: 0.1,
      id2label: { ...LABELS },
    }),
  );
  const optimizer = new AdamW(model.parameters(), { learningRate: 3e-3 });
  const swag = SwagModel.fromBase(model, { noCovMat: false, maxNumModels: 5 });
  await train({
    epochs: 4,
    optimizer,
    batches: (epoch) => batches(texts.length, 32, { shuffle: true, epoch }),
    step(rows) {
      const chosen = Array.from(rows, (row) => texts[row] ?? "");
      const { inputIds, attentionMask, shape } = tokenizer.batch(chosen);
      const labels = Int32Array.from(rows, (row) => reviews[row]?.label ?? 0);
      return model.forward({
        inputIds: tensor(inputIds, { shape }),
        attentionMask: tensor(attentionMask, { shape }),
        labels: tensor(labels),
      });
    },
    onEpoch({ epoch, loss }) {
      console.log(`epoch ${epoch}: loss ${loss.toFixed(2)}`);
      swag.collectModel();
    },
  });
  await model.savePretrained(folder);

  // The registry knows what config.json names.
  using _ = scope();
  const loaded = await AutoModelForSequenceClassification.fromPretrained(
    folder,
  );
  const { inputIds, shape } = tokenizer.batch(texts.slice(0, 2));
  const inputs = { inputIds: tensor(inputIds, { shape }) };
  console.log(`${loaded.constructor.name}: ${loaded.config.modelType}`);
  model.eval();
  const { mutualInformation } = swag.predict(() => model.forward(inputs), {
    numPredictions: 16,
    scale: 0.5,
    seed: 7,
  });
  const [first = NaN] = await mutualInformation.data();
  console.log(`the samples disagree by ${first.toFixed(2)} nats`);
  for (const owner of [loaded, swag, optimizer, model]) owner.dispose();
}
