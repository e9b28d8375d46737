// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The interfaces of models that can generate, and the decoders that ask them
// for scores: first with the prompts, then with one new token of each row at a
// time and a cache of the tokens before it.

import { persist } from "../../engine/kernel_kit.ts";
import {
  embedding,
  type IntegerTensor,
  reshape,
  slice,
  type Tensor,
  tensor,
} from "../../engine/mod.ts";
import { KeyValueCache } from "../cache.ts";
import type { PretrainedConfig } from "../config.ts";
import { type Packing, packingOf, paysToPack } from "../packing/mod.ts";
import type { GenerationConfig } from "./generation_config.ts";
import type { Table } from "./prompts.ts";
import type { Search } from "./search.ts";

/** The inputs that `generate` passes to a {@linkcode CausalModel}. */
export interface CausalInputs {
  /** The prompts, `[batch, length]`; then each row's last token, `[rows, 1]`. */
  inputIds: IntegerTensor;
  /** 1 at tokens, 0 at padding; absent without padding. The cache has it too. */
  attentionMask?: IntegerTensor | undefined;
  /** The position of each token, from 0 and without padding; 1 at padding. */
  positionIds: IntegerTensor;
  /** The keys and values of the previous tokens. */
  cache: KeyValueCache;
}

/** A model that scores the next token. */
export interface CausalModel {
  /** The configuration. */
  readonly config: PretrainedConfig;
  /** How it generates. @default {the fields of its configuration} */
  readonly generationConfig?: GenerationConfig | undefined;
  /**
   * Computes the scores of the token after the last one, `[rows, 1, vocabulary]`.
   * They must be a new tensor, because `generate` changes them in place.
   */
  forward(inputs: CausalInputs): { logits: Tensor };
}

/** The inputs that `generate` passes to {@linkcode Seq2SeqModel.encode}. */
export interface SourceInputs {
  /** The source's tokens, `[batch, source]`. */
  inputIds: IntegerTensor;
  /** 1 at the source's tokens, 0 at padding. @default {all 1} */
  attentionMask?: IntegerTensor | undefined;
  /**
   * The offsets of the real tokens, if packing pays and the model
   * `usesPacking`.
   */
  packing?: Packing | undefined;
}

/** The inputs that `generate` passes to {@linkcode Seq2SeqModel.forward}. */
export interface TargetInputs {
  /** The encoder's output, `[batch, source, hidden]`. */
  encoderLastHiddenState: Tensor;
  /** 1 at the source's tokens, 0 at padding. @default {all 1} */
  attentionMask?: IntegerTensor | undefined;
  /** The prompts, `[batch, length]`; then each row's last token, `[rows, 1]`. */
  decoderInputIds: IntegerTensor;
  /** The keys and values of the previous tokens. */
  cache: KeyValueCache;
}

/** A model whose decoder scores the next token of an answer to a source. */
export interface Seq2SeqModel {
  /** The configuration. */
  readonly config: PretrainedConfig;
  /** How it generates. @default {the fields of its configuration} */
  readonly generationConfig?: GenerationConfig | undefined;
  /** Whether `encode` skips padding if a packing is given. */
  readonly usesPacking?: boolean;
  /** Computes the encoder's output, `[batch, source, hidden]`. */
  encode(inputs: SourceInputs): Tensor;
  /**
   * Computes the scores of the token after the last one, `[rows, 1, vocabulary]`.
   * They must be a new tensor, because `generate` changes them in place.
   */
  forward(inputs: TargetInputs): { logits: Tensor };
}

/** Rows as a tensor of integers. */
function integers(rows: Table): IntegerTensor {
  const shape = [rows.length, rows[0]?.length ?? 0];
  return tensor(Int32Array.from(rows.flat()), { shape });
}

/** The mask as a tensor that outlives scopes; `undefined` without padding. */
function paddingOf(masks: Table): IntegerTensor | undefined {
  const padded = masks.some((mask) => mask.includes(0));
  return padded ? persist(integers(masks)) : undefined;
}

/**
 * Runs a model over prompts, and then over one new token of each row at a time.
 */
export abstract class Decoder implements Disposable {
  protected readonly search: Search;
  protected readonly cache: KeyValueCache;

  constructor(search: Search, mask: IntegerTensor | undefined) {
    const { rows, group, options } = search;
    this.search = search;
    this.cache = new KeyValueCache({
      rows,
      capacity: options.maxLength,
      group,
      mask,
    });
  }

  /** Runs the model; `first` is whether it reads the prompts. */
  protected abstract forward(first: boolean): Tensor;

  /**
   * The scores of the next token, `[rows, vocabulary]`, after `length` tokens.
   */
  scores(length: number): Tensor {
    const { search, cache } = this;
    const { rows, group, promptLength, origins } = search;
    if (origins) cache.setOrigins(origins);
    const first = length === promptLength;
    let logits = this.forward(first);
    if (cache.layers === 0) {
      throw new TypeError(
        "Cannot generate with a model whose forward() does not use the cache",
      );
    }
    cache.advance(first ? length : 1);
    const [batch = 0, count = 0, vocabulary = 0] = logits.shape;
    if (count > 1) logits = slice(logits, { axis: 1, start: -1 });
    logits = reshape(logits, [batch, vocabulary]);
    if (batch === rows) return logits;
    // At first, all rows of a prompt are equal.
    const prompts = Int32Array.from({ length: rows }, (_, row) => row / group);
    return embedding(tensor(prompts), logits);
  }

  [Symbol.dispose](): void {
    this.cache[Symbol.dispose]();
  }
}

/** Scores continuations of prompts, with a model without an encoder. */
export class PromptDecoder extends Decoder {
  readonly #model: CausalModel;
  readonly #prompts: Table;
  readonly #masks: Table;
  readonly #padding: IntegerTensor | undefined;

  constructor(
    model: CausalModel,
    search: Search,
    prompts: Table,
    masks: Table,
  ) {
    const padding = paddingOf(masks);
    super(search, padding);
    this.#model = model;
    this.#prompts = prompts;
    this.#masks = masks;
    this.#padding = padding;
  }

  protected override forward(first: boolean): Tensor {
    const { cache } = this;
    const { next, positions } = this.search;
    if (!first) {
      const inputs = { inputIds: next, positionIds: positions, cache };
      return this.#model.forward(inputs).logits;
    }
    const firstPositions = this.#masks.map((mask) => {
      let before = 0;
      return mask.map((kept) => kept ? before++ : 1);
    });
    return this.#model.forward({
      inputIds: integers(this.#prompts),
      attentionMask: this.#padding,
      positionIds: integers(firstPositions),
      cache,
    }).logits;
  }

  override [Symbol.dispose](): void {
    super[Symbol.dispose]();
    this.#padding?.dispose();
  }
}

/** Scores answers to sources, with a model with an encoder. */
export class TargetDecoder extends Decoder {
  readonly #model: Seq2SeqModel;
  readonly #sources: Table;
  readonly #masks: Table;
  readonly #padding: IntegerTensor | undefined;
  #encoded: Tensor | undefined;

  constructor(
    model: Seq2SeqModel,
    search: Search,
    sources: Table,
    masks: Table,
  ) {
    super(search, undefined);
    this.#model = model;
    this.#sources = sources;
    this.#masks = masks;
    this.#padding = paddingOf(masks);
  }

  protected override forward(first: boolean): Tensor {
    const { search, cache } = this;
    const attentionMask = this.#padding;
    this.#encoded ??= this.#encode();
    return this.#model.forward({
      encoderLastHiddenState: this.#encoded,
      attentionMask,
      decoderInputIds: first ? integers(search.options.prompts) : search.next,
      cache,
    }).logits;
  }

  #encode(): Tensor {
    const model = this.#model;
    const mask = this.#masks.flat();
    const real = mask.reduce((sum, kept) => sum + (kept ? 1 : 0), 0);
    const packs = model.usesPacking && paysToPack(real, mask.length);
    const shape = [this.#masks.length, this.#masks[0]?.length ?? 0] as const;
    const packing = packs ? packingOf(mask, shape) : undefined;
    return persist(model.encode({
      inputIds: integers(this.#sources),
      attentionMask: this.#padding,
      packing: packing?.isContiguous ? packing : undefined,
    }));
  }

  override [Symbol.dispose](): void {
    super[Symbol.dispose]();
    this.#encoded?.dispose();
    this.#padding?.dispose();
  }
}
