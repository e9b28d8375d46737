// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The collator of source texts with their target texts.

import { type Packing, packingOf } from "../packing/mod.ts";
import type { Tokenizer } from "../tokenizer/mod.ts";
import {
  type CollatorOptions,
  Padder,
  padLists,
  type TokenizedFeature,
} from "./padding.ts";
import { IGNORED } from "./text_labels.ts";
import type { IntegerValues } from "./values.ts";

/** A model, or what stands for one: the tokens with which its decoder begins. */
export interface ShiftingModel {
  /** The configuration, of which two tokens are used. */
  readonly config: {
    /** The token with which the decoder begins. */
    readonly decoderStartTokenId: number | null;
    /** The token that stands for ignored labels in the decoder's input. */
    readonly padTokenId: number | null;
  };
}

/** Options of {@linkcode DataCollatorForSeq2Seq}. */
export interface Seq2SeqCollatorOptions<
  M extends ShiftingModel | undefined = undefined,
> extends CollatorOptions {
  /**
   * The model, for batches with `decoderInputIds`. Without it, models make them
   * of the labels.
   *
   * @default {none}
   */
  model?: M;
  /** The label of padding. @default {-100, which losses ignore} */
  labelPadTokenId?: number | undefined;
  /**
   * The most tokens that a target text may have when the collator tokenizes it.
   *
   * @default {`maxLength`}
   */
  maxTargetLength?: number | undefined;
}

/** The tokens of a source and of its target. */
export interface TokenizedSeq2SeqFeature {
  /** The ids of the source's tokens. */
  readonly inputIds: ArrayLike<number>;
  /** The ids of the target's tokens. */
  readonly labels: ArrayLike<number>;
}

/** A source text and its target text. */
export interface RawSeq2SeqFeature {
  /** The source. */
  readonly text: string;
  /** The target, which is tokenized by the rules of the target language. */
  readonly target: string;
}

/** A source and its target, tokenized or not. */
export type Seq2SeqFeature = TokenizedSeq2SeqFeature | RawSeq2SeqFeature;

/** The inputs and labels of a model with an encoder and a decoder. */
export interface Seq2SeqBatch {
  /** The source's tokens, `[rows, source]`. */
  readonly inputIds: IntegerValues;
  /** 1 at tokens of the source, 0 at padding, `[rows, source]`. */
  readonly attentionMask: IntegerValues;
  /** The target's tokens, `[rows, target]`; -100 at padding. */
  readonly labels: IntegerValues;
  /** Where the source's real tokens are, if the model takes packings and it pays. */
  readonly packing?: Packing | undefined;
  /** Where the target's real tokens are, beside `packing`. */
  readonly decoderPacking?: Packing | undefined;
}

/** What a batch holds beside that if the collator was given a model. */
export type ShiftedLabels<M> = M extends ShiftingModel ? {
    /** The labels, moved one position to the right, `[rows, target]`. */
    readonly decoderInputIds: IntegerValues;
  }
  : unknown;

/**
 * The decoder's input for a target: every token moves one position to the right,
 * the start token comes first, and ignored labels (-100) become padding.
 *
 * @param labels The target's tokens, `[rows, length]`.
 * @param model The model whose decoder reads them.
 * @returns The decoder's input, `[rows, length]`.
 * @throws {TypeError} If the configuration has no start or padding token, or the
 * labels are not `[rows, length]`.
 *
 * @example Usage
 * ```ts
 * import { shiftTokensRight } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * const labels = { data: Int32Array.of(7, 8, 2, 9, 2, -100), shape: [2, 3] };
 * const config = { decoderStartTokenId: 2, padTokenId: 1 };
 * const { data } = shiftTokensRight(labels, { config });
 * assertEquals([...data], [2, 7, 8, 2, 9, 2]);
 * ```
 */
export function shiftTokensRight(
  labels: IntegerValues,
  { config: { decoderStartTokenId: start, padTokenId } }: ShiftingModel,
): IntegerValues {
  if (start === null || padTokenId === null) {
    throw new TypeError(
      `Cannot make the decoder's input: decoderStartTokenId is ${start} and ` +
        `padTokenId is ${padTokenId}, both must be numbers`,
    );
  }
  const [rows = 0, length = 0] = labels.shape;
  if (labels.shape.length !== 2 || labels.data.length !== rows * length) {
    throw new TypeError(
      `Cannot make the decoder's input of [${labels.shape.join(", ")}]: ` +
        `expected [rows, length] for ${labels.data.length} tokens`,
    );
  }
  const data = Int32Array.from(labels.data, (_, i) => {
    const before = i % length === 0 ? start : labels.data[i - 1] ?? start;
    return before === IGNORED ? padTokenId : before;
  });
  return { data, shape: labels.shape };
}

/**
 * Makes batches for models with an encoder and a decoder: sources are padded to
 * a common length, and their targets, the labels, to another one, with -100.
 *
 * @typeParam M The model, if one is given.
 *
 * @example Usage
 * ```ts
 * import { DataCollatorForSeq2Seq, Tokenizer } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * const vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nplay";
 * const tokenizer = new Tokenizer(new Map([["vocab.txt", vocabulary]]));
 * const config = { decoderStartTokenId: 2, padTokenId: 0 };
 * const collator = new DataCollatorForSeq2Seq(tokenizer, { model: { config } });
 * const { labels, decoderInputIds } = collator.collate([
 *   { inputIds: [5, 6, 3], labels: [6, 5, 3] },
 *   { inputIds: [5, 3], labels: [6, 3] },
 * ]);
 * assertEquals([...labels.data], [6, 5, 3, 6, 3, -100]);
 * assertEquals([...decoderInputIds.data], [2, 6, 5, 2, 6, 3]);
 * ```
 */
export class DataCollatorForSeq2Seq<
  M extends ShiftingModel | undefined = undefined,
> {
  readonly #tokenizer: Tokenizer;
  readonly #padder: Padder;
  readonly #targetPadder: Padder;
  readonly #options: Seq2SeqCollatorOptions<M>;

  /**
   * Checks the options; nothing is collated yet.
   *
   * @param tokenizer Gives the padding token, and tokenizes texts.
   * @param options The length of rows, packing, the label of padding, and the
   * model.
   * @throws {TypeError} If an option is not known or of the wrong kind.
   * @throws {RangeError} If an option is out of range.
   */
  constructor(tokenizer: Tokenizer, options: Seq2SeqCollatorOptions<M> = {}) {
    const more = ["model", "labelPadTokenId", "maxTargetLength"];
    const { model: _, labelPadTokenId: __, maxTargetLength, ...shared } =
      options;
    this.#tokenizer = tokenizer;
    this.#options = options;
    this.#padder = new Padder(tokenizer, options, more);
    const maxLength = maxTargetLength ?? shared.maxLength;
    // As in transformers, targets are padded to the longest without maxLength.
    const hasNoLength = shared.padding === "max_length" &&
      maxLength === undefined;
    this.#targetPadder = new Padder(tokenizer, {
      ...shared,
      ...(hasNoLength && { padding: "longest" }),
      maxLength,
      usesPacking: false,
    });
  }

  /**
   * Makes a batch.
   *
   * @param features The sources and targets, tokenized or not.
   * @returns The inputs and labels of a model, and `decoderInputIds` if the
   * collator was given a model.
   * @throws {RangeError} If there are no features, or a row is longer than
   * `maxLength` or `maxTargetLength`.
   * @throws {TypeError} If a feature has neither tokens nor texts, or the model's
   * configuration has no start or padding token.
   */
  collate(
    features: readonly Seq2SeqFeature[],
  ): Seq2SeqBatch & ShiftedLabels<M> {
    const { model, labelPadTokenId = IGNORED } = this.#options;
    const pairs = features.map((feature, i) => this.#tokens(feature, i));
    const source = this.#padder.pad(pairs);
    const targets = pairs.map(({ labels }): TokenizedFeature => ({
      inputIds: labels,
    }));
    const target = this.#targetPadder.pad(targets);
    const lists = pairs.map(({ labels }) => labels);
    const labels = padLists(lists, labelPadTokenId, target);
    const { inputIds, attentionMask, packing } = source.batch;
    const shifted = model &&
      shiftTokensRight(padLists(lists, IGNORED, target), model);
    return {
      inputIds,
      attentionMask,
      labels,
      ...(packing && {
        packing,
        decoderPacking: packingOf(
          target.batch.attentionMask.data,
          [features.length, target.length],
          { multipleOf: this.#padder.packedMultipleOf(features.length) },
        ),
      }),
      ...(shifted && { decoderInputIds: shifted }),
    } as Seq2SeqBatch & ShiftedLabels<M>;
  }

  #tokens(feature: Seq2SeqFeature, row: number): TokenizedSeq2SeqFeature {
    if ("inputIds" in feature && "labels" in feature) return feature;
    const { text, target } = feature as RawSeq2SeqFeature;
    if (typeof text !== "string" || typeof target !== "string") {
      throw new TypeError(
        `Cannot collate row ${row} of a batch: expected inputIds and labels, ` +
          "or text and target",
      );
    }
    const cut = (maxLength: number) =>
      maxLength === Infinity ? {} : { maxLength };
    const { inputIds } = this.#tokenizer.encode(text, cut(this.#padder.limit));
    const { inputIds: labels } = this.#tokenizer.encode(target, {
      textTarget: true,
      ...cut(this.#targetPadder.limit),
    });
    return { inputIds, labels };
  }
}
