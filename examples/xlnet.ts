// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console
// Longer than most files: a whole architecture, so that it can be copied.

/**
 * XLNet (Yang, Dai, Yang, Carbonell, Salakhutdinov and Le, "XLNet: Generalized
 * Autoregressive Pretraining for Language Understanding", 2019), added from outside
 * in one file: attention whose scores know how far apart two tokens are, and whether
 * they are of the same text. Its weights and configuration are those of transformers.
 *
 * Run, it trains a small one, gives its top block new initial values, as is done
 * against unstable fine-tuning, and trains it for another task.
 *
 * ```sh
 * deno run -A examples/xlnet.ts
 * ```
 *
 * @module
 */

import {
  add,
  type AnyTensor,
  cast,
  div,
  initialize,
  type IntegerTensor,
  manualSeed,
  matmul,
  mul,
  notEqual,
  reshape,
  slice,
  softmax,
  sub,
  type Tensor,
  tensor,
  transpose,
} from "@swagpu/swagpu/engine";
import {
  activationOf,
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
  type WithLabels,
  type WithLoss,
} from "@swagpu/swagpu/models";
import {
  Dropout,
  Embedding,
  hasPrefix,
  init,
  LayerNorm,
  Linear,
  Module,
  Parameter,
  Trainer,
} from "@swagpu/swagpu/nn";

// ------------------------------------------------------------- configuration

/** Options of {@linkcode XLNetConfig}; `config.json` has snake case. */
export interface XLNetConfigOptions extends PretrainedConfigOptions {
  vocabSize?: number;
  dModel?: number;
  nLayer?: number;
  nHead?: number;
  dInner?: number;
  ffActivation?: string;
  dropout?: number;
  layerNormEps?: number;
  clampLen?: number;
  summaryLastDropout?: number;
}

/** Fields that must have one value, because the others are not supported. */
const FIXED = {
  attn_type: "bi",
  bi_data: false,
  summary_type: "last",
  summary_use_proj: true,
  summary_activation: "tanh",
};

/** The configuration of an XLNet, under its own names. */
export class XLNetConfig extends PretrainedConfig {
  readonly vocabSize: number;
  readonly dModel: number;
  readonly nLayer: number;
  readonly nHead: number;
  readonly dInner: number;
  readonly ffActivation: string;
  readonly dropout: number;
  readonly layerNormEps: number;
  readonly clampLen: number;
  readonly summaryLastDropout: number;

  constructor(options: XLNetConfigOptions | ConfigReader = {}) {
    const reader = ConfigReader.from(options);
    super(reader, {
      modelType: "xlnet",
      padTokenId: 5,
      bosTokenId: 1,
      eosTokenId: 2,
    });
    const size = (name: string, fallback: number) =>
      reader.integer(name, fallback, { min: 1 });
    const share = (name: string, fallback: number) =>
      reader.number(name, fallback, { min: 0, max: 1 });
    this.vocabSize = size("vocab_size", 32000);
    this.dModel = size("d_model", 1024);
    this.nLayer = size("n_layer", 24);
    this.nHead = size("n_head", 16);
    this.dInner = size("d_inner", 4096);
    this.ffActivation = reader.string("ff_activation", "gelu");
    this.dropout = share("dropout", 0.1);
    this.layerNormEps = reader.number("layer_norm_eps", 1e-12);
    this.clampLen = reader.integer("clamp_len", -1);
    this.summaryLastDropout = share("summary_last_dropout", 0.1);
    for (const [name, value] of Object.entries(FIXED)) {
      if ((reader.fields[name] ?? value) === value) continue;
      throw reader.error(
        name,
        `${JSON.stringify(value)}, as nothing else works`,
      );
    }
    if (this.dModel % this.nHead !== 0) {
      throw reader.error("n_head", `a divisor of d_model, ${this.dModel}`);
    }
  }
}

// ------------------------------------------------------------------ attention

/** What the scores of a batch depend on besides the states of its tokens. */
interface Relations {
  /** Sines and cosines of the distances from length to -length + 1. */
  readonly distances: Tensor; // [2 · length, dModel]
  /** 1 where two tokens are of different texts. */
  readonly differs: Tensor | undefined; // [batch, 1, length, length]
  /** -1e30 where a token is not seen, and 0 elsewhere. */
  readonly mask: Tensor | undefined; // [batch, 1, length, length]
}

/** `[..., length, heads · width]` to `[..., heads, length, width]`. */
function splitHeads(x: Tensor, heads: number): Tensor {
  const width = (x.shape.at(-1) ?? 0) / heads;
  return transpose(reshape(x, [...x.shape.slice(0, -1), heads, width]), -3, -2);
}

/**
 * Turns scores by distance into scores by key: row i of `[..., length, 2 · length]`
 * moves by i, which is a matter of where rows begin in memory.
 */
function relativeShift(x: Tensor): Tensor {
  const [batch = 0, heads = 0, length = 0, places = 0] = x.shape;
  const moved = slice(reshape(x, [batch, heads, places, length]), {
    axis: 2,
    start: 1,
  });
  return slice(reshape(moved, [batch, heads, length, places - 1]), {
    axis: 3,
    start: 0,
    end: length,
  });
}

/**
 * Attention with scores of content, distance and text:
 * `((q + r_w) kᵀ + shift((q + r_r) rᵀ) + (q + r_s) sᵀ) / √width`.
 */
class RelativeAttention extends Module {
  q: Parameter;
  k: Parameter;
  v: Parameter;
  o: Parameter;
  r: Parameter;
  rRBias: Parameter;
  rSBias: Parameter;
  rWBias: Parameter;
  segEmbed: Parameter;
  layerNorm: LayerNorm;
  dropout: Dropout;

  constructor(config: XLNetConfig) {
    super();
    const { dModel, nHead, initializerRange: std, layerNormEps: eps } = config;
    const width = dModel / nHead;
    const drawn = (...shape: number[]) =>
      new Parameter(shape, init.normal({ std }));
    const projection = () => drawn(dModel, nHead, width);
    [this.q, this.k, this.v] = [projection(), projection(), projection()];
    [this.o, this.r] = [projection(), projection()];
    this.rRBias = drawn(nHead, width);
    this.rSBias = drawn(nHead, width);
    this.rWBias = drawn(nHead, width);
    this.segEmbed = drawn(2, nHead, width);
    this.layerNorm = new LayerNorm(dModel, { eps });
    this.dropout = new Dropout(config.dropout);
  }

  forward(x: Tensor, relations: Relations): { y: Tensor; weights: Tensor } {
    const [dModel = 0, heads = 0, width = 0] = this.q.shape;
    const project = (x: Tensor, weight: Tensor) =>
      splitHeads(matmul(x, reshape(weight, [dModel, dModel])), heads);
    const q = project(x, this.q); // [batch, heads, length, width]
    const biased = (bias: Tensor) => add(q, reshape(bias, [heads, 1, width]));
    const scores = (q: Tensor, k: Tensor) => matmul(q, k, { transposeB: true });

    let score = scores(biased(this.rWBias), project(x, this.k));
    const distances = project(relations.distances, this.r);
    score = add(
      score,
      relativeShift(scores(biased(this.rRBias), distances)),
    );
    const { differs, mask } = relations;
    if (differs) {
      const segments = transpose(this.segEmbed, 0, 1); // [heads, 2, width]
      const both = scores(biased(this.rSBias), segments);
      const same = slice(both, { axis: 3, start: 0, end: 1 });
      const other = slice(both, { axis: 3, start: 1, end: 2 });
      score = add(add(score, same), mul(differs, sub(other, same)));
    }
    score = div(score, Math.sqrt(width));
    if (mask) score = add(score, mask);
    const weights = softmax(score);
    const read = matmul(this.dropout.forward(weights), project(x, this.v));
    const joined = reshape(transpose(read, 1, 2), x.shape);
    const y = matmul(joined, reshape(this.o, [dModel, dModel]), {
      transposeB: true,
    });
    return {
      y: this.layerNorm.forward(this.dropout.forward(y), { residual: x }),
      weights,
    };
  }
}

// --------------------------------------------------------------------- block

function linear(config: XLNetConfig, from: number, to: number): Linear {
  return new Linear(from, to, {
    init: init.normal({ std: config.initializerRange }),
    biasInit: init.zeros(),
  });
}

class FeedForward extends Module {
  layerNorm: LayerNorm;
  layer_1: Linear;
  layer_2: Linear;
  dropout: Dropout;
  readonly #activation: ReturnType<typeof activationOf>;

  constructor(config: XLNetConfig) {
    super();
    const { dModel, dInner, layerNormEps: eps } = config;
    this.layerNorm = new LayerNorm(dModel, { eps });
    this.layer_1 = linear(config, dModel, dInner);
    this.layer_2 = linear(config, dInner, dModel);
    this.dropout = new Dropout(config.dropout);
    this.#activation = activationOf(config.ffActivation);
  }

  forward(x: Tensor): Tensor {
    const wide = this.layer_1.forward(x, { activation: this.#activation });
    const y = this.layer_2.forward(this.dropout.forward(wide));
    return this.layerNorm.forward(this.dropout.forward(y), { residual: x });
  }
}

class Block extends Module {
  relAttn: RelativeAttention;
  ff: FeedForward;

  constructor(config: XLNetConfig) {
    super();
    this.relAttn = new RelativeAttention(config);
    this.ff = new FeedForward(config);
  }
}

/** Sines, and then cosines, of the distances from `length` to `1 - length`. */
function encodeDistances(length: number, config: XLNetConfig): Tensor {
  const { dModel, clampLen } = config;
  const half = dModel / 2;
  const values = new Float32Array(2 * length * dModel);
  for (let row = 0; row < 2 * length; row++) {
    const limit = clampLen > 0 ? clampLen : Infinity;
    const distance = Math.max(-limit, Math.min(limit, length - row));
    for (let i = 0; i < half; i++) {
      const angle = distance / 10000 ** (2 * i / dModel);
      values[row * dModel + i] = Math.sin(angle);
      values[row * dModel + half + i] = Math.cos(angle);
    }
  }
  return tensor(values, { shape: [2 * length, dModel] });
}

/** Where two tokens are of different texts, as 1 and 0. */
function differences(tokenTypeIds: IntegerTensor): Tensor {
  const [batch = 0, length = 0] = tokenTypeIds.shape;
  return cast(
    notEqual(
      reshape(tokenTypeIds, [batch, 1, length, 1]),
      reshape(tokenTypeIds, [batch, 1, 1, length]),
    ),
    "f32",
  );
}

/** What is added to scores: a token does not see padding, except for itself. */
function additiveMask(attentionMask: IntegerTensor): Tensor {
  const [batch = 0, length = 0] = attentionMask.shape;
  const others = new Float32Array(length * length).fill(-1e30);
  for (let i = 0; i < length; i++) others[i * length + i] = 0;
  const hidden = sub(1, cast(attentionMask, "f32"));
  return mul(
    reshape(hidden, [batch, 1, 1, length]),
    tensor(others, { shape: [length, length] }),
  );
}

// -------------------------------------------------------------- model and head

class XLNetPreTrainedModel extends PreTrainedModel<XLNetConfig> {
  static readonly configClass = XLNetConfig;
  static readonly basePrefix: string = "transformer";
}

/** The encoder without a head. */
export class XLNetModel extends XLNetPreTrainedModel {
  wordEmbedding: Embedding;
  /** The query of pre-training, which `forward` does not use. */
  maskEmb: Parameter;
  layer: Block[];
  dropout: Dropout;

  constructor(config: XLNetConfig) {
    super(config);
    const { vocabSize, dModel, nLayer, initializerRange: std } = config;
    const drawn = init.normal({ std });
    this.wordEmbedding = new Embedding(vocabSize, dModel, { init: drawn });
    this.maskEmb = new Parameter([1, 1, dModel], drawn);
    this.layer = Array.from({ length: nLayer }, () => new Block(config));
    this.dropout = new Dropout(config.dropout);
  }

  /** Encodes a batch: `[batch, length]` to `[batch, length, dModel]`. */
  forward(inputs: EncoderInputs): EncoderOutput {
    this.checkInputs(inputs, Infinity);
    const { inputIds, attentionMask, tokenTypeIds, positionIds } = inputs;
    if (positionIds) {
      throw new TypeError(
        "Cannot encode with positionIds: XLNet knows distances alone",
      );
    }
    const { config } = this;
    const {
      outputHiddenStates = config.outputHiddenStates,
      outputAttentions = config.outputAttentions,
    } = inputs;
    const distances = encodeDistances(inputIds.shape[1] ?? 0, config);
    const relations: Relations = {
      distances: this.dropout.forward(distances),
      differs: tokenTypeIds && differences(tokenTypeIds),
      mask: attentionMask && additiveMask(attentionMask),
    };
    let x = this.dropout.forward(this.wordEmbedding.forward(inputIds));
    const hiddenStates = [x];
    const attentions: Tensor[] = [];
    for (const { relAttn, ff } of this.layer) {
      const { y, weights } = relAttn.forward(x, relations);
      x = ff.forward(y);
      hiddenStates.push(x);
      attentions.push(weights);
    }
    x = this.dropout.forward(x);
    hiddenStates[hiddenStates.length - 1] = x;
    return {
      lastHiddenState: x,
      ...(outputHiddenStates ? { hiddenStates } : {}),
      ...(outputAttentions ? { attentions } : {}),
    };
  }
}

/** Reads the state of the last position: a dense layer, tanh, dropout. */
class SequenceSummary extends Module {
  summary: Linear;
  lastDropout: Dropout;

  constructor(config: XLNetConfig) {
    super();
    this.summary = linear(config, config.dModel, config.dModel);
    this.lastDropout = new Dropout(config.summaryLastDropout);
  }

  forward(x: Tensor): Tensor {
    const [batch = 0, , dModel = 0] = x.shape;
    const last = reshape(slice(x, { axis: 1, start: -1 }), [batch, dModel]);
    return this.lastDropout.forward(
      this.summary.forward(last, { activation: "tanh" }),
    );
  }
}

/**
 * Classifies texts by the state of their last position, where XLNet's tokenizer puts
 * `<cls>`; pad on the left, therefore.
 */
export class XLNetForSequenceClassification extends XLNetPreTrainedModel {
  transformer: XLNetModel;
  sequenceSummary: SequenceSummary;
  logitsProj: Linear;

  constructor(config: XLNetConfig) {
    super(config);
    this.transformer = new XLNetModel(config);
    this.sequenceSummary = new SequenceSummary(config);
    this.logitsProj = linear(config, config.dModel, config.numLabels);
  }

  /** Scores every label for every text, `[batch, labels]`. */
  forward(inputs: WithLabels<LabeledInputs<AnyTensor>>): WithLoss<HeadOutput>;
  /** The same; without labels there is no loss. */
  forward(inputs: LabeledInputs<AnyTensor>): HeadOutput;
  forward(inputs: LabeledInputs<AnyTensor>): HeadOutput {
    const { lastHiddenState, ...states } = this.transformer.forward(inputs);
    const logits = this.logitsProj.forward(
      this.sequenceSummary.forward(lastHiddenState),
    );
    const { labels } = inputs;
    if (!labels) return { logits, ...states };
    const { problemType } = this.config;
    const loss = classificationLoss(logits, labels, { problemType });
    return { loss, logits, ...states };
  }
}

registerArchitecture("xlnet", {
  config: XLNetConfig,
  models: {
    base: XLNetModel,
    sequenceClassification: XLNetForSequenceClassification,
  },
});

// ----------------------------------------------------------------------- use

const LENGTH = 8;
const CLS = 3;
const PAD = 5;

/**
 * Rows of numbers, padded on the left, `<cls>` last. The label says whether the
 * largest number comes before the smallest, or after it.
 */
function makeRows(count: number, isReversed: boolean) {
  return Array.from({ length: count }, (_, row) => {
    const numbers = Array.from(
      { length: 3 + row % 4 },
      (_, i) => 6 + (row * 7 + i * (3 + row % 5)) % 13,
    );
    const isFirst = numbers.indexOf(Math.max(...numbers)) <
      numbers.indexOf(Math.min(...numbers));
    const padding = LENGTH - numbers.length - 1;
    return {
      inputIds: [...Array(padding).fill(PAD), ...numbers, CLS],
      attentionMask: Array.from({ length: LENGTH }, (_, i) => +(i >= padding)),
      labels: Number(isFirst !== isReversed),
    };
  });
}

/** Trains a model, and returns its loss on the same rows. */
async function fit(
  model: XLNetForSequenceClassification,
  rows: ReturnType<typeof makeRows>,
  numTrainEpochs: number,
): Promise<number> {
  const trainer = new Trainer({
    model,
    args: { numTrainEpochs, learningRate: 3e-3 },
    trainDataset: rows,
    evalDataset: rows,
  });
  await trainer.train();
  const { eval_loss = NaN } = await trainer.evaluate();
  return eval_loss;
}

/** Gives the top block and the head new values by the rule of the configuration. */
export function reinitializeTop(
  model: XLNetForSequenceClassification,
): string[] {
  const top = `transformer.layer.${model.config.nLayer - 1}`;
  const drawn = [...model.namedParameters()].filter(([name]) =>
    [top, "sequence_summary", "logits_proj"].some((p) => hasPrefix(name, p))
  );
  for (const [, parameter] of drawn) parameter.initialize();
  return drawn.map(([name]) => name);
}

/** Runs the example: the losses of a task, and of its reverse after that. */
export async function main(epochs = 16): Promise<number[]> {
  await initialize();
  manualSeed(1);
  const model = new XLNetForSequenceClassification(
    new XLNetConfig({
      vocabSize: 20,
      dModel: 32,
      nLayer: 2,
      nHead: 4,
      dInner: 64,
      initializerRange: 0.1,
    }),
  );
  const first = await fit(model, makeRows(96, false), epochs);
  console.log(`${reinitializeTop(model).length} tensors have new values`);
  const second = await fit(model, makeRows(96, true), epochs);
  console.log(`losses: ${[first, second].map((loss) => loss.toFixed(2))}`);
  model.dispose();
  return [first, second];
}

if (import.meta.main) await main();
