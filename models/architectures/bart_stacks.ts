// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The encoder and the decoder of BART and Marian, and how they work together.

import {
  add,
  cast,
  concat,
  defaultGenerator,
  equal,
  full,
  hasDType,
  type IntegerTensor,
  mul,
  slice,
  type Tensor,
  where,
} from "../../engine/mod.ts";
import {
  formatShape,
  philoxUniform,
  sameShape,
} from "../../engine/kernel_kit.ts";
import {
  Dropout,
  type Embedding,
  LayerNorm,
  type Linear,
  Module,
} from "../../nn/mod.ts";
import type { Seq2SeqConfig } from "./bart_config.ts";
import {
  DecoderLayer,
  EncoderLayer,
  type PositionTable,
  type Segments,
} from "./bart_blocks.ts";
import type { KeyValueCache } from "../cache.ts";
import type {
  CausalLMInputs,
  EncoderOutput,
  HeadOutput,
  Seq2SeqInputs,
  Seq2SeqOutput,
} from "../io.ts";
import type { Packing } from "../packing/packing.ts";
import { tokenOutput } from "./heads.ts";
import { checkPacking, statesOutput, tokenStates, withLazy } from "./packed.ts";

// ----------------------------------------------------------------- interfaces

/** What an encoder and a decoder are made of, besides their blocks. */
export interface StackParts {
  /** Words; possibly the other side's and the head's too. */
  tokens: Embedding;
  /** Places. */
  positions: PositionTable;
  /** Whether the sum of both is normalised. */
  norm: boolean;
}

/** The encoder of a BART or Marian. */
export interface Seq2SeqEncoder extends Module {
  /** Words. */
  embedTokens: Embedding;
  /** Places. */
  embedPositions: Embedding;
  /** The blocks. */
  layers: Module[];
  /** Encodes the source. */
  forward(inputs: Seq2SeqInputs): EncoderOutput;
}

/** What {@linkcode Seq2SeqDecoder.forward} takes. */
export interface DecoderInputs {
  /** The target's tokens, `[rows, target]`. */
  inputIds: IntegerTensor;
  /** 1 where a target token counts. @default {all 1} */
  attentionMask?: IntegerTensor | undefined;
  /** The encoder's output, `[batch, source, hidden]`. @default {none} */
  memory?: Tensor | undefined;
  /** 1 where a source token counts. @default {all 1} */
  memoryMask?: IntegerTensor | undefined;
  /** Where the target's real tokens are. @default {none} */
  packing?: Packing | undefined;
  /**
   * Where the source's are, if `packing` is given; the memory is of them alone,
   * `[1, T, hidden]`.
   *
   * @default {none}
   */
  memoryPacking?: Packing | undefined;
  /** Keys and values of the tokens before. @default {none} */
  cache?: KeyValueCache | undefined;
  /** Whether to give the states between the blocks. @default {the config's} */
  outputHiddenStates?: boolean | undefined;
  /** Whether to give attention's probabilities. @default {false} */
  outputAttentions?: boolean | undefined;
}

/** What {@linkcode Seq2SeqDecoder.forward} gives. */
export interface DecoderOutput extends EncoderOutput {
  /** Each block's probabilities of source for target. */
  crossAttentions?: Tensor[];
}

/** The decoder of a BART or Marian. */
export interface Seq2SeqDecoder extends Module {
  /** Words. */
  embedTokens: Embedding;
  /** Places. */
  embedPositions: Embedding;
  /** The blocks. */
  layers: Module[];
  /** Decodes the target, given the source. */
  forward(inputs: DecoderInputs): DecoderOutput;
}

// -------------------------------------------------------- encoder and decoder

/** {@linkcode Seq2SeqEncoder}, built. */
export class EncoderStack extends Module implements Seq2SeqEncoder {
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
      places: maxPositionEmbeddings,
    });
    if (packing) {
      checkPacking("encode", packing, { inputIds, outputAttentions });
    }
    const attentions: Tensor[] = [];
    let x = embed(this, { inputIds, start: 0, packing }, this.#config);
    const hiddenStates = [x];
    const segments = packing?.segments;
    for (const layer of this.layers) {
      if (!leftOut(this, encoderLayerdrop)) {
        const probabilities = outputAttentions ? attentions : undefined;
        x = layer.forward(x, { mask, segments, probabilities });
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

/** {@linkcode Seq2SeqDecoder}, built. */
export class DecoderStack extends Module implements Seq2SeqDecoder {
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
        "Cannot give attentions with a cache: it does not keep probabilities",
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
      places: maxPositionEmbeddings,
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
      if (!leftOut(this, decoderLayerdrop)) {
        x = layer.forward(x, {
          layer: i,
          cache,
          mask,
          segments: packing?.segments,
          source,
          attentions: outputAttentions ? attentions : undefined,
          crossAttentions: outputAttentions ? crossAttentions : undefined,
        });
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

/** Which tokens of a target see which of its source. */
function crossSegments(
  target: Packing | undefined,
  source: Packing | undefined,
): Segments {
  if (!target) return {};
  if (!source) {
    throw new TypeError(
      "Cannot decode a packed target of an unpacked source: " +
        "give packing beside decoderPacking",
    );
  }
  return {
    segments: target.segmentsOf(source),
    segmentsOfKeys: source.segmentsOf(target),
  };
}

/** Words and places, normalised where the architecture does so. */
function embed(
  stack: EncoderStack | DecoderStack,
  { inputIds, start, packing }: {
    inputIds: IntegerTensor;
    start: number;
    packing: Packing | undefined;
  },
  { dModel, scaleEmbedding }: Seq2SeqConfig,
): Tensor {
  const words = stack.embedTokens.forward(packing?.pack(inputIds) ?? inputIds);
  const scaled = scaleEmbedding ? mul(words, Math.sqrt(dModel)) : words;
  const places = packing
    ? stack.embedPositions.at(packing.positions)
    : stack.embedPositions.places(start, inputIds.shape[1] ?? 0);
  const sum = add(scaled, places);
  return stack.dropout.forward(stack.layernormEmbedding?.forward(sum) ?? sum);
}

/** Whether a block is left out of this training step. */
function leftOut({ training }: Module, rate: number): boolean {
  return training && rate > 0 &&
    philoxUniform(defaultGenerator().next(), 0) < rate;
}

/** Throws unless tokens and mask are `[batch, length]` and within the table. */
function checkTokens(
  action: "encode" | "decode",
  { inputIds, attentionMask }: {
    inputIds: IntegerTensor;
    attentionMask: IntegerTensor | undefined;
  },
  { start, places }: { start: number; places: number },
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
  if (length > places) {
    throw new RangeError(
      `Cannot ${action} ${length} tokens: the model knows ${places} places`,
    );
  }
}

// ----------------------------------------------------------------- both halves

/**
 * Encodes the source, unless that is done already, and decodes the target.
 *
 * @param decoderPacking Where the target's real tokens are; only together with
 * the source's packing.
 */
export function encodeAndDecode(
  { encoder, decoder }: { encoder: Seq2SeqEncoder; decoder: Seq2SeqDecoder },
  inputs: Seq2SeqInputs,
  decoderInputIds: IntegerTensor,
  decoderPacking: Packing | undefined = inputs.decoderPacking,
): Seq2SeqOutput {
  const { encoderLastHiddenState, outputHiddenStates, outputAttentions } =
    inputs;
  const { packing } = inputs;
  const source: EncoderOutput = encoderLastHiddenState
    ? { lastHiddenState: encoderLastHiddenState }
    : encoder.forward(inputs);
  const target = decoder.forward({
    inputIds: decoderInputIds,
    attentionMask: inputs.decoderAttentionMask,
    memory: decoderPacking && packing
      ? source.packed?.states ?? packing.pack(source.lastHiddenState)
      : source.lastHiddenState,
    memoryMask: inputs.attentionMask ?? packing?.mask,
    packing: decoderPacking,
    memoryPacking: packing,
    cache: inputs.cache,
    outputHiddenStates,
    outputAttentions,
  });
  const states = {
    encoderHiddenStates: source.hiddenStates,
    encoderAttentions: source.attentions,
    decoderHiddenStates: target.hiddenStates,
    decoderAttentions: target.attentions,
    crossAttentions: target.crossAttentions,
  };
  const given = Object.entries(states).filter(([, state]) => state);
  const { packed } = target;
  const output = withLazy(
    { ...(packed ? { packed } : {}), ...Object.fromEntries(given) },
    "lastHiddenState",
    () => target.lastHiddenState,
  );
  return withLazy(
    output,
    "encoderLastHiddenState",
    () => source.lastHiddenState,
  );
}

/**
 * A decoder's input from what it is to say: every token one place later, the
 * start token first, and padding in place of ignored labels.
 *
 * @throws {TypeError} If the configuration has no start or padding token.
 */
export function shiftRight(
  ids: IntegerTensor,
  { decoderStartTokenId, padTokenId }: Seq2SeqConfig,
): Tensor<"i32"> {
  if (decoderStartTokenId === null || padTokenId === null) {
    throw new TypeError(
      `Cannot make the decoder's input: decoderStartTokenId is ${decoderStartTokenId} and padTokenId is ${padTokenId}, expected numbers`,
    );
  }
  const [batch = 0, length = 0] = ids.shape;
  const { device } = ids;
  const first = full([batch, 1], decoderStartTokenId, { dtype: "i32", device });
  if (length < 2) return first;
  const kept = slice(ids, { axis: 1, start: 0, end: length - 1 });
  const rest = cast(kept, "i32"); // u32 holds no -100
  return concat([first, where(equal(rest, -100), padTokenId, rest)], 1);
}

/** The state of each row's last token, `[rows, 1, hidden]`. */
export function lastToken(x: Tensor): Tensor {
  return slice(x, { axis: 1, start: -1 });
}

/** A decoder alone, under the name that a whole model has for it. */
export class DecoderOnly extends Module {
  decoder: Seq2SeqDecoder;

  constructor(config: Seq2SeqConfig, parts: StackParts) {
    super();
    this.decoder = new DecoderStack(config, parts);
  }
}

/** What {@linkcode DecoderOnly} says of each place, with the loss of its labels. */
export function scoreTexts(
  { decoder }: { decoder: Seq2SeqDecoder },
  head: Linear,
  inputs: CausalLMInputs,
): HeadOutput {
  const { labels, cache } = inputs;
  const output = decoder.forward(inputs);
  const x = tokenStates(output);
  return tokenOutput(head.forward(cache ? lastToken(x) : x), labels, output);
}
