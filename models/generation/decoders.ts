// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The models that can generate, and how they are asked for scores: prompts first,
// then one new token of each row after the other, with a cache of those before.

import {
  embedding,
  persist,
  reshape,
  slice,
  type Tensor,
  tensor,
} from "../../engine/mod.ts";
import { KeyValueCache } from "../cache.ts";
import type { PretrainedConfig } from "../config.ts";
import type { GenerationConfig } from "./generation_config.ts";
import { type Packing, packingOf, paysToPack } from "../packing/mod.ts";
import type { Table } from "./prompts.ts";
import type { Search } from "./search.ts";

/** What `generate` gives a {@linkcode CausalModel}. */
export interface CausalInputs {
  /** The prompts, `[batch, length]`; then each row's last token, `[rows, 1]`. */
  inputIds: Tensor;
  /** 1 where a prompt's token counts, if some do not; the cache knows, too. */
  attentionMask?: Tensor | undefined;
  /** Each token's place among those that count, from 0; 1 for padding. */
  positionIds: Tensor;
  /** Keys and values of the tokens before. */
  cache: KeyValueCache;
}

/** A model that scores the next token. */
export interface CausalModel {
  /** The configuration. */
  readonly config: PretrainedConfig;
  /** How it generates. @default {what its configuration says} */
  readonly generationConfig?: GenerationConfig | undefined;
  /**
   * Gives scores of the token after the last one, `[rows, 1, vocabulary]`, in a
   * new tensor, which is then changed in place.
   */
  forward(inputs: CausalInputs): { logits: Tensor };
}

/** What `generate` gives a {@linkcode Seq2SeqModel}. */
export interface SourceInputs {
  /** The source's tokens, `[batch, source]`. */
  inputIds: Tensor;
  /** 1 where a source token counts, 0 for padding. @default {all 1} */
  attentionMask?: Tensor | undefined;
  /** Where the real tokens are, if it pays and the model `usesPacking`. */
  packing?: Packing | undefined;
}

/** What `generate` gives a {@linkcode Seq2SeqModel}'s decoder. */
export interface TargetInputs {
  /** The encoder's output, `[batch, source, hidden]`. */
  encoderLastHiddenState: Tensor;
  /** 1 where a source token counts, 0 for padding. @default {all 1} */
  attentionMask?: Tensor | undefined;
  /** The prompts, `[batch, length]`; then each row's last token, `[rows, 1]`. */
  decoderInputIds: Tensor;
  /** Keys and values of the tokens before. */
  cache: KeyValueCache;
}

/** A model whose decoder scores the next token of an answer to a source. */
export interface Seq2SeqModel {
  /** The configuration. */
  readonly config: PretrainedConfig;
  /** How it generates. @default {what its configuration says} */
  readonly generationConfig?: GenerationConfig | undefined;
  /** Whether `encode` computes no padding where a packing is given. */
  readonly usesPacking?: boolean;
  /** Gives the encoder's output, `[batch, source, hidden]`. */
  encode(inputs: SourceInputs): Tensor;
  /**
   * Gives scores of the token after the last one, `[rows, 1, vocabulary]`, in a
   * new tensor, which is then changed in place.
   */
  forward(inputs: TargetInputs): { logits: Tensor };
}

function integers(rows: Table): Tensor {
  const shape = [rows.length, rows[0]?.length ?? 0];
  return tensor(Int32Array.from(rows.flat()), { shape });
}

/** A mask that lives until it is disposed, if any token is padding. */
function paddingOf(masks: Table): Tensor | undefined {
  const padded = masks.some((mask) => mask.includes(0));
  return padded ? persist(integers(masks)) : undefined;
}

/** Runs a decoder over prompts, and then over one new token after the other. */
export abstract class Decoder implements Disposable {
  protected readonly search: Search;
  protected readonly cache: KeyValueCache;

  constructor(search: Search, mask: Tensor | undefined) {
    const { rows, group, options } = search;
    this.search = search;
    this.cache = new KeyValueCache({
      rows,
      capacity: options.maxLength,
      group,
      mask,
    });
  }

  /** The model's scores of the next tokens. */
  protected abstract forward(first: boolean): Tensor;

  /** Scores `[rows, vocabulary]` after so many tokens. */
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
    // All rows of a prompt are still equal.
    const prompts = Int32Array.from({ length: rows }, (_, row) => row / group);
    return embedding(tensor(prompts), logits);
  }

  [Symbol.dispose](): void {
    this.cache[Symbol.dispose]();
  }
}

/** Continues prompts. */
export class PromptDecoder extends Decoder {
  readonly #model: CausalModel;
  readonly #prompts: Table;
  readonly #masks: Table;
  readonly #padding: Tensor | undefined;

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
    const { next, places } = this.search;
    if (!first) {
      const inputs = { inputIds: next, positionIds: places, cache };
      return this.#model.forward(inputs).logits;
    }
    const positions = this.#masks.map((mask) => {
      let before = 0;
      return mask.map((kept) => kept ? before++ : 1);
    });
    return this.#model.forward({
      inputIds: integers(this.#prompts),
      attentionMask: this.#padding,
      positionIds: integers(positions),
      cache,
    }).logits;
  }

  override [Symbol.dispose](): void {
    super[Symbol.dispose]();
    this.#padding?.dispose();
  }
}

/** Answers sources. */
export class TargetDecoder extends Decoder {
  readonly #model: Seq2SeqModel;
  readonly #sources: Table;
  readonly #masks: Table;
  readonly #padding: Tensor | undefined;
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
