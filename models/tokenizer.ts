// Copyright 2026 the swagpu authors. MIT license.

/**
 * From texts to batches of token ids and back. The splitting is done by
 * `@huggingface/tokenizers`; special tokens, truncation, padding and batching
 * are done here, by the rules of transformers.
 *
 * @module
 */

import type { Tokenizer as Splitter } from "@huggingface/tokenizers";
import { writeTextAtomically } from "../nn/disk.ts";
import {
  addedTokens,
  cut,
  fill,
  pad,
  type Row,
  type TemplateItem,
  truncatedLengths,
} from "./_encoding.ts";
import { formatJson, parseJson, readOptionalText } from "./_json.ts";
import {
  buildBertFiles,
  FILES,
  newSplitter,
  readTemplate,
  type SpecialTokenName,
  specialTokens,
} from "./_tokenizer_files.ts";

import type {
  BatchOptions,
  DecodeOptions,
  EncodeOptions,
  Encoding,
  Side,
  TokenBatch,
  TokenizerInput,
  TokenizerOptions,
} from "./tokenizer_types.ts";

export type * from "./tokenizer_types.ts";
export type { SpecialTokenName };

/** A tokenizer as it lies in a folder. Make one by `fromPretrained`. */
export class Tokenizer {
  /** The number of ids, added tokens included. */
  readonly vocabSize: number;
  /**
   * The longest row that the model takes; `Infinity` where none is known. What
   * it is set to is saved.
   */
  modelMaxLength: number;
  /** The end at which rows are filled up unless a call says otherwise. */
  paddingSide: Side;
  /** The end from which tokens are dropped unless a call says otherwise. */
  truncationSide: Side;
  #splitter: Splitter;
  #files: ReadonlyMap<string, string>;
  #savedMaxLength: number;
  #special: ReadonlyMap<SpecialTokenName, string>;
  #single: readonly TemplateItem[];
  #pair: readonly TemplateItem[];

  /**
   * Reads the tokenizer of a folder: `tokenizer.json` and
   * `tokenizer_config.json`, or BERT's `vocab.txt` alone.
   *
   * @throws {Deno.errors.NotFound} If the folder holds none of them.
   * @throws {SyntaxError} If a file cannot be understood.
   *
   * @example
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { Tokenizer } from "@swagpu/swagpu/models";
   *
   * const folder = await Deno.makeTempDir();
   * await Deno.writeTextFile(
   *   `${folder}/vocab.txt`,
   *   "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nfine\nplay\n##ed\n",
   * );
   * const tokenizer = await Tokenizer.fromPretrained(folder);
   * const batch = tokenizer.batch(["A fine play", "played"]);
   * assertEquals(batch.shape, [2, 5]);
   * assertEquals([...batch.inputIds], [2, 5, 6, 7, 3, 2, 7, 8, 3, 0]);
   * assertEquals([...batch.attentionMask], [1, 1, 1, 1, 1, 1, 1, 1, 1, 0]);
   * await Deno.remove(folder, { recursive: true });
   * ```
   */
  static async fromPretrained(
    folder: string,
    options: TokenizerOptions = {},
  ): Promise<Tokenizer> {
    const files = new Map<string, string>();
    for (const name of Object.values(FILES)) {
      const text = await readOptionalText(`${folder}/${name}`);
      if (text !== null) files.set(name, text);
    }
    return new Tokenizer(files, { ...options, source: folder });
  }

  /**
   * Builds a tokenizer from the texts of its files, by their names.
   *
   * @throws {Deno.errors.NotFound} If there is neither `tokenizer.json` nor
   * `vocab.txt`.
   * @throws {SyntaxError} If a file cannot be understood.
   */
  constructor(
    files: ReadonlyMap<string, string>,
    options: TokenizerOptions & { source?: string } = {},
  ) {
    const { source = "the tokenizer" } = options;
    const all = new Map(files);
    const parsed = (name: string): Record<string, unknown> =>
      parseJson(all.get(name) ?? "{}", `${source}/${name}`).fields;
    if (!all.has(FILES.tokenizer)) {
      buildBertFiles(all, options.lowerCase, source);
    }
    const config = parsed(FILES.config);
    const splitter = newSplitter(parsed(FILES.tokenizer), config, source);
    this.#files = all;
    this.#splitter = splitter;
    this.#special = specialTokens(config, parsed(FILES.special), splitter);
    this.#single = readTemplate(splitter, false);
    this.#pair = readTemplate(splitter, true);
    const ids = [...splitter.get_vocab().values()];
    this.vocabSize = ids.reduce((largest, id) => Math.max(largest, id), -1) + 1;
    const limit = config.model_max_length;
    // Without a limit, transformers writes 1e30.
    this.modelMaxLength = typeof limit === "number" && limit < 1e20
      ? limit
      : Infinity;
    this.#savedMaxLength = this.modelMaxLength;
    this.paddingSide = sideOf(config.padding_side);
    this.truncationSide = sideOf(config.truncation_side);
  }

  /** The id of the token that fills a batch. */
  get padTokenId(): number | null {
    return this.specialTokenId("pad");
  }

  /** The id of the token that stands for what the vocabulary lacks. */
  get unkTokenId(): number | null {
    return this.specialTokenId("unk");
  }

  /** The id of the token that a classification head reads. */
  get clsTokenId(): number | null {
    return this.specialTokenId("cls");
  }

  /** The id of the token between two texts. */
  get sepTokenId(): number | null {
    return this.specialTokenId("sep");
  }

  /** The id of the token that hides another. */
  get maskTokenId(): number | null {
    return this.specialTokenId("mask");
  }

  /** The id of the token that begins a text. */
  get bosTokenId(): number | null {
    return this.specialTokenId("bos");
  }

  /** The id of the token that ends a text. */
  get eosTokenId(): number | null {
    return this.specialTokenId("eos");
  }

  /** The id of a special token by its role. */
  specialTokenId(name: SpecialTokenName): number | null {
    const token = this.#special.get(name);
    return token === undefined ? null : this.tokenToId(token);
  }

  /** The id of a token as the vocabulary spells it. */
  tokenToId(token: string): number | null {
    return this.#splitter.token_to_id(token) ?? null;
  }

  /** How the vocabulary spells an id. */
  idToToken(id: number): string | null {
    return this.#splitter.id_to_token(id) ?? null;
  }

  /**
   * The tokens of one text or pair.
   *
   * @throws {RangeError} If `maxLength` leaves no room.
   */
  encode(input: TokenizerInput, options: EncodeOptions = {}): Encoding {
    const { ids, types } = this.#row(input, options);
    return {
      inputIds: ids,
      tokenTypeIds: types,
      tokens: ids.map((id) => this.idToToken(id) ?? ""),
    };
  }

  /**
   * The tokens of several texts or pairs, as rows of equal length.
   *
   * @throws {RangeError} If `maxLength` leaves no room, or a row is longer than
   * it and may not be truncated.
   * @throws {TypeError} If rows differ in length and may not be filled up.
   */
  batch(
    inputs: readonly TokenizerInput[],
    options: BatchOptions = {},
  ): TokenBatch {
    const rows = pairUp(inputs, options.pairs).map((input) =>
      this.#row(input, options)
    );
    const length = this.#batchLength(rows, options);
    return {
      ...pad(rows, {
        length,
        side: options.paddingSide ?? this.paddingSide,
        id: this.padTokenId ?? 0,
        type: 0,
      }),
      shape: [rows.length, length],
    };
  }

  /** The text of a row of ids. */
  decode(ids: ArrayLike<number>, options: DecodeOptions = {}): string {
    const { skipSpecialTokens = false, cleanUpSpaces } = options;
    if (ids.length === 0) return "";
    return this.#splitter.decode(Array.from(ids), {
      skip_special_tokens: skipSpecialTokens,
      ...(cleanUpSpaces !== undefined &&
        { clean_up_tokenization_spaces: cleanUpSpaces }),
    });
  }

  /** The texts of several rows: lists of ids, or a batch. */
  batchDecode(
    rows: readonly ArrayLike<number>[] | Pick<TokenBatch, "inputIds" | "shape">,
    options: DecodeOptions = {},
  ): string[] {
    const list = "shape" in rows
      ? Array.from(
        { length: rows.shape[0] },
        (_, i) =>
          rows.inputIds.subarray(i * rows.shape[1], (i + 1) * rows.shape[1]),
      )
      : rows;
    return list.map((ids) => this.decode(ids, options));
  }

  /**
   * Writes the tokenizer's files to a folder: those it was read from as they
   * were but for a new {@linkcode modelMaxLength}, and for BERT's `vocab.txt`
   * also what transformers writes beside it.
   */
  async save(folder: string): Promise<void> {
    const files = new Map(this.#files);
    if (this.modelMaxLength !== this.#savedMaxLength) {
      const { fields, floats } = parseJson(
        files.get(FILES.config) ?? "{}",
        FILES.config,
      );
      const limit = { model_max_length: this.modelMaxLength };
      files.set(FILES.config, formatJson({ ...fields, ...limit }, floats));
    }
    for (const [name, text] of files) {
      await writeTextAtomically(`${folder}/${name}`, text);
    }
  }

  #row(input: TokenizerInput, options: EncodeOptions): Row {
    const { addSpecialTokens = true } = options;
    const texts = typeof input === "string" ? [input] : input;
    const ids = texts.map((text) =>
      this.#splitter.encode(text, { add_special_tokens: false }).ids
    );
    const framed = texts.length === 1 ? this.#single : this.#pair;
    const template = addSpecialTokens
      ? framed
      : framed.filter((item) => "text" in item);
    return fill(template, this.#truncate(ids, addedTokens(template), options));
  }

  #truncate(
    texts: readonly (readonly number[])[],
    added: number,
    options: EncodeOptions,
  ): readonly (readonly number[])[] {
    const {
      maxLength,
      truncation = maxLength === undefined ? false : "longest_first",
      truncationSide = this.truncationSide,
    } = options;
    if (truncation === false) return texts;
    const limit = maxLength ?? this.modelMaxLength;
    if (!(limit >= added)) {
      throw new RangeError(
        `Cannot truncate to ${limit} tokens: the special tokens alone are ${added}`,
      );
    }
    const lengths = truncatedLengths(
      texts.map((ids) => ids.length),
      limit - added,
      truncation,
    );
    return texts.map((ids, i) => cut(ids, lengths[i] ?? 0, truncationSide));
  }

  #batchLength(rows: readonly Row[], options: BatchOptions): number {
    const { padding = "longest", maxLength, padToMultipleOf = 1 } = options;
    const lengths = rows.map(({ ids }) => ids.length);
    const longest = lengths.reduce((a, b) => Math.max(a, b), 0);
    if (padding === false) {
      const shortest = lengths.reduce((a, b) => Math.min(a, b), longest);
      if (shortest === longest) return longest;
      throw new TypeError(
        `Cannot batch rows of ${shortest} and ${longest} tokens: ` +
          'they must be equally long, or padding "longest"',
      );
    }
    const limit = maxLength ?? this.modelMaxLength;
    if (padding === "max_length" && !Number.isSafeInteger(limit)) {
      throw new RangeError(
        `Cannot pad to ${limit} tokens: pass a whole number as maxLength`,
      );
    }
    if (padding === "max_length" && longest > limit) {
      throw new RangeError(
        `Cannot pad a row of ${longest} tokens to ${limit}: pass truncation`,
      );
    }
    const length = padding === "max_length" ? limit : longest;
    return Math.ceil(length / padToMultipleOf) * padToMultipleOf;
  }
}

function pairUp(
  inputs: readonly TokenizerInput[],
  pairs: readonly string[] | undefined,
): readonly TokenizerInput[] {
  if (pairs === undefined) return inputs;
  if (pairs.length !== inputs.length) {
    throw new TypeError(
      `Cannot pair ${inputs.length} texts with ${pairs.length}: ` +
        "there must be as many",
    );
  }
  return inputs.map((input, i): TokenizerInput => {
    if (typeof input === "string") return [input, pairs[i] ?? ""];
    throw new TypeError("Cannot pair a text: it is a pair already");
  });
}

function sideOf(value: unknown): Side {
  return value === "left" ? "left" : "right";
}
