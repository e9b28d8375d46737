// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The encoder and the decoder of BART and Marian: embeddings and blocks.

import {
  formatShape,
  philoxUniform,
  sameShape,
} from "../../engine/kernel_kit.ts";
import {
  add,
  defaultGenerator,
  hasDType,
  type IntegerTensor,
  mul,
  type Tensor,
} from "../../engine/mod.ts";
import { Dropout, type Embedding, LayerNorm, Module } from "../../nn/mod.ts";
import type { KeyValueCache } from "../cache.ts";
import { type BlockStack, runBlock } from "../gradient_checkpointing.ts";
import type { EncoderOutput, Seq2SeqInputs } from "../io.ts";
import type { Packing } from "../packing/mod.ts";
import {
  DecoderLayer,
  EncoderLayer,
  type PositionTable,
  type Segments,
} from "./bart_blocks.ts";
import type { Seq2SeqConfig } from "./bart_config.ts";
import { checkPacking, statesOutput } from "./packed.ts";

// ----------------------------------------------------------------- interfaces

/** The embeddings of an encoder or a decoder. */
export interface StackParts {
  /** Word embeddings, which the other side and the head may share. */
  tokens: Embedding;
  /** Position embeddings. */
  positions: PositionTable;
  /** Whether the sum of both goes through a layer norm. */
  norm: boolean;
}

/** The encoder of a BART or Marian. */
export interface Seq2SeqEncoder extends Module {
  /** Word embeddings. */
  embedTokens: Embedding;
  /** Position embeddings. */
  embedPositions: Embedding;
  /** The blocks. */
  layers: Module[];
  /** Encodes the source. */
  forward(inputs: Seq2SeqInputs): EncoderOutput;
}

/** The inputs of {@linkcode Seq2SeqDecoder.forward}. */
export interface DecoderInputs {
  /** The target's tokens, `[rows, target]`. */
  inputIds: IntegerTensor;
  /** 1 for target tokens, 0 for padding, `[rows, target]`. @default {all 1} */
  attentionMask?: IntegerTensor | undefined;
  /** The encoder's output, `[batch, source, hidden]`. @default {none} */
  memory?: Tensor | undefined;
  /** 1 for source tokens, 0 for padding, `[batch, source]`. @default {all 1} */
  memoryMask?: IntegerTensor | undefined;
  /** Where the target's real tokens are. @default {none} */
  packing?: Packing | undefined;
  /**
   * Where the source's real tokens are, which a packed target needs. `memory`
   * then holds their states alone, `[1, T, hidden]`.
   *
   * @default {none}
   */
  memoryPacking?: Packing | undefined;
  /** Keys and values of the tokens before `inputIds`. @default {none} */
  cache?: KeyValueCache | undefined;
  /** Whether to give the states between the blocks. @default {the config's} */
  outputHiddenStates?: boolean | undefined;
  /** Whether to give attention's probabilities. @default {the config's} */
  outputAttentions?: boolean | undefined;
}

/** The outputs of {@linkcode Seq2SeqDecoder.forward}. */
export interface DecoderOutput extends EncoderOutput {
  /**
   * Each block's attention of the target to the source,
   * `[batch, heads, target, source]`.
   */
  crossAttentions?: Tensor[];
}

/** The decoder of a BART or Marian. */
export interface Seq2SeqDecoder extends Module {
  /** Word embeddings. */
  embedTokens: Embedding;
  /** Position embeddings. */
  embedPositions: Embedding;
  /** The blocks. */
  layers: Module[];
  /** Decodes the target, given the source. */
  forward(inputs: DecoderInputs): DecoderOutput;
}

// -------------------------------------------------------- encoder and decoder

/** The class behind {@linkcode Seq2SeqEncoder}. */
export class EncoderStack extends Module implements Seq2SeqEncoder, BlockStack {
  gradientCheckpointing = false;
  embedTokens: Embedding;
  embedPositions: PositionTable;
  layers: EncoderLayer[];
  layernormEmbedding: LayerNorm | undefined;
  dropout: Dropout;
  readonly #config: Seq2SeqConfig;

  constructor(config: Seq2SeqConfig, { tokens, positions, norm }: StackParts) {
    super();
    this.embedTokens = tokens;
    this.embedPositions = positions;
    this.layers = Array.from(
      { length: config.encoderLayers },
      () => new EncoderLayer(config),
    );
    this.layernormEmbedding = norm ? new LayerNorm(config.dModel) : undefined;
    this.dropout = new Dropout(config.dropout);
    this.#config = config;
  }

  forward(inputs: Seq2SeqInputs): EncoderOutput {
    const { inputIds, packing } = inputs;
    const {
      outputHiddenStates = this.#config.outputHiddenStates,
      outputAttentions = this.#config.outputAttentions && !packing,
    } = inputs;
    const mask = packing ? undefined : inputs.attentionMask;
    if (!inputIds) {
      throw new TypeError(
        "Cannot encode: neither inputIds nor encoderLastHiddenState is given",
      );
    }
    const { encoderLayerdrop, maxPositionEmbeddings } = this.#config;
    const { attentionMask } = inputs;
    checkTokens("encode", { inputIds, attentionMask }, {
      start: 0,
      maxLength: maxPositionEmbeddings,
    });
    if (packing) {
      checkPacking("encode", packing, { inputIds, outputAttentions });
    }
    const attentions: Tensor[] = [];
    let x = embed(this, { inputIds, start: 0, packing }, this.#config);
    const hiddenStates = [x];
    const segments = packing?.segments;
    for (const layer of this.layers) {
      if (!isSkipped(this, encoderLayerdrop)) {
        x = runBlock(
          this,
          x,
          (x, probabilities) =>
            layer.forward(x, { mask, segments, probabilities }),
          { lists: [outputAttentions ? attentions : undefined] },
        );
      }
      hiddenStates.push(x);
    }
    const whole = (x: Tensor) => packing ? packing.unpack(x) : x;
    return statesOutput(x, packing, {
      ...(outputHiddenStates ? { hiddenStates: hiddenStates.map(whole) } : {}),
      ...(outputAttentions ? { attentions } : {}),
    });
  }
}

/** The class behind {@linkcode Seq2SeqDecoder}. */
export class DecoderStack extends Module implements Seq2SeqDecoder, BlockStack {
  gradientCheckpointing = false;
  embedTokens: Embedding;
  embedPositions: PositionTable;
  layers: DecoderLayer[];
  layernormEmbedding: LayerNorm | undefined;
  dropout: Dropout;
  readonly #config: Seq2SeqConfig;

  constructor(config: Seq2SeqConfig, { tokens, positions, norm }: StackParts) {
    super();
    this.embedTokens = tokens;
    this.embedPositions = positions;
    this.layers = Array.from(
      { length: config.decoderLayers },
      () => new DecoderLayer(config),
    );
    this.layernormEmbedding = norm ? new LayerNorm(config.dModel) : undefined;
    this.dropout = new Dropout(config.dropout);
    this.#config = config;
  }

  forward(inputs: DecoderInputs): DecoderOutput {
    const { inputIds, attentionMask, memory, packing, cache } = inputs;
    const {
      outputHiddenStates = this.#config.outputHiddenStates,
      outputAttentions = this.#config.outputAttentions && !packing && !cache,
    } = inputs;
    if (cache && outputAttentions) {
      throw new TypeError(
        "Cannot give attention's probabilities with a cache: " +
          "it holds keys and values only",
      );
    }
    const start = cache?.length ?? 0;
    const mask = cache || packing ? undefined : attentionMask;
    const { decoderLayerdrop, maxPositionEmbeddings } = this.#config;
    checkTokens("decode", {
      inputIds,
      attentionMask: cache ? undefined : attentionMask,
    }, {
      start,
      maxLength: maxPositionEmbeddings,
    });
    if (packing) checkPacking("decode", packing, inputs);
    const source = memory && {
      memory,
      mask: packing ? undefined : inputs.memoryMask,
      ...crossSegments(packing, inputs.memoryPacking),
    };
    const attentions: Tensor[] = [];
    const crossAttentions: Tensor[] = [];
    let x = embed(this, { inputIds, start, packing }, this.#config);
    const hiddenStates = [x];
    for (const [i, layer] of this.layers.entries()) {
      if (!isSkipped(this, decoderLayerdrop)) {
        x = runBlock(
          this,
          x,
          (x, attentions, crossAttentions) =>
            layer.forward(x, {
              layer: i,
              cache,
              mask,
              segments: packing?.segments,
              source,
              attentions,
              crossAttentions,
            }),
          {
            lists: outputAttentions ? [attentions, crossAttentions] : [],
            cache,
          },
        );
      }
      hiddenStates.push(x);
    }
    const whole = (x: Tensor) => packing ? packing.unpack(x) : x;
    return statesOutput(x, packing, {
      ...(outputHiddenStates ? { hiddenStates: hiddenStates.map(whole) } : {}),
      ...(outputAttentions ? { attentions } : {}),
      ...(outputAttentions && memory ? { crossAttentions } : {}),
    });
  }
}

/** Which tokens of a packed target see which tokens of its source. */
function crossSegments(
  target: Packing | undefined,
  source: Packing | undefined,
): Segments {
  if (!target) return {};
  if (!source) {
    throw new TypeError(
      "Cannot decode a packed target of an unpacked source: " +
        "decoderPacking needs packing too",
    );
  }
  return {
    segments: target.segmentsOf(source),
    segmentsOfKeys: source.segmentsOf(target),
  };
}

/**
 * The sum of word and position embeddings, with a norm if the stack has one.
 */
function embed(
  stack: EncoderStack | DecoderStack,
  { inputIds, start, packing }: {
    inputIds: IntegerTensor;
    start: number;
    packing: Packing | undefined;
  },
  { dModel, scaleEmbedding }: Seq2SeqConfig,
): Tensor {
  const wordEmbeddings = stack.embedTokens.forward(
    packing?.pack(inputIds) ?? inputIds,
  );
  const scaled = scaleEmbedding
    ? mul(wordEmbeddings, Math.sqrt(dModel))
    : wordEmbeddings;
  const positionEmbeddings = packing
    ? stack.embedPositions.at(packing.positions)
    : stack.embedPositions.range(start, inputIds.shape[1] ?? 0);
  const sum = add(scaled, positionEmbeddings);
  return stack.dropout.forward(stack.layernormEmbedding?.forward(sum) ?? sum);
}

/** Decides by chance whether a block is skipped in this training step. */
function isSkipped({ training }: Module, rate: number): boolean {
  return training && rate > 0 &&
    philoxUniform(defaultGenerator().next(), 0) < rate;
}

/** Throws unless tokens and mask are `[batch, length]` and have positions. */
function checkTokens(
  action: "encode" | "decode",
  { inputIds, attentionMask }: {
    inputIds: IntegerTensor;
    attentionMask: IntegerTensor | undefined;
  },
  { start, maxLength }: { start: number; maxLength: number },
): void {
  const { shape, dtype } = inputIds;
  if (shape.length !== 2 || hasDType(inputIds, "f32")) {
    throw new TypeError(
      `Cannot ${action} ${dtype} ${formatShape(shape)}: ` +
        "tokens must be integers of shape [batch, length]",
    );
  }
  if (attentionMask && !sameShape(attentionMask.shape, shape)) {
    throw new TypeError(
      `Cannot ${action} with a mask of ${formatShape(attentionMask.shape)}: ` +
        `it must have the shape of the tokens, ${formatShape(shape)}`,
    );
  }
  const length = start + (shape[1] ?? 0);
  if (length > maxLength) {
    throw new RangeError(
      `Cannot ${action} ${length} tokens: the model supports ${maxLength} ` +
        "positions",
    );
  }
}
