// Copyright 2026 the swagpu authors. MIT license.

/**
 * The tokenizer of a model. A codec splits texts into tokens; this file turns
 * them into encodings and batches, by the rules of transformers. It is longer
 * than most files because nearly half of it documents the public class.
 *
 * @module
 */

import {
  finishSave,
  FolderSave,
  writeAtomically,
  writeTextAtomically,
} from "../../nn/formats/mod.ts";
import { formatJson, parseJson } from "../files/json.ts";
import { readOptional } from "../files/read_file.ts";
import type { Codec, SpecialTokenName } from "./codec.ts";
import { pad, padList, type Row } from "./encoding.ts";
import type { TokenizerFiles } from "./file_contents.ts";
import { BINARY_FILES, FILES } from "./file_names.ts";
import { encodeRows } from "./input_rows.ts";
import { pairUp } from "./inputs.ts";
import { readTokenizer } from "./read_tokenizer.ts";
import { batchLength } from "./truncation.ts";
import type {
  BatchOptions,
  DecodeOptions,
  EncodeOptions,
  Encoding,
  PretokenizedInput,
  Side,
  TokenBatch,
  TokenizerInput,
  TokenizerOptions,
} from "./types.ts";

/**
 * Turns texts into the tokens that a model reads, and tokens back into texts.
 * {@linkcode AutoTokenizer.fromPretrained} loads one by a model's name, and
 * {@linkcode Tokenizer.fromPretrained} from a folder.
 *
 * Ids, offsets, word numbers and texts are those of Hugging Face's compiled
 * tokenizers with the rules of transformers 4.57. The differences are:
 *
 * - Offsets count UTF-16 units, so that `text.slice(start, end)` works. The
 *   originals count characters.
 * - Characters that Unicode added after the tables of this JavaScript engine are
 *   unassigned here. The originals may know their case and class.
 * - Added tokens are decoded as they are spelled. Version 0.23 of tokenizers
 *   decodes those with `normalized` as the normalizer spells them.
 * - With windows, every token that truncation drops is in a further row. Version
 *   0.23 loses some of them, and restarts the word numbers where it truncates on
 *   the left.
 * - Half of a surrogate pair is read as U+FFFD. The originals refuse it.
 * - Refused by name are a BPE model with `dropout`, the pre-tokenizer
 *   UnicodeScripts, tokenizer classes whose rules are in no file, and ids from
 *   2^24.
 *
 * @example A tokenizer with a vocabulary of a few words
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Tokenizer } from "@swagpu/swagpu/models";
 *
 * const vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nplay\n##ed";
 * const tokenizer = new Tokenizer(new Map([["vocab.txt", vocabulary]]));
 * const { inputIds, tokens } = tokenizer.encode("Played");
 * assertEquals(tokens, ["[CLS]", "play", "##ed", "[SEP]"]);
 * assertEquals(tokenizer.decode(inputIds), "[CLS] played [SEP]");
 * assertEquals(tokenizer.batch(["A play", "played"]).shape, [2, 4]);
 * ```
 */
export class Tokenizer {
  /** The number of ids, including those of added tokens. */
  readonly vocabSize: number;
  /**
   * The most tokens that the model supports in a row; `Infinity` if the files do
   * not say. {@linkcode save} writes a changed value.
   */
  modelMaxLength: number;
  /** The end at which rows are padded, unless a call says otherwise. */
  paddingSide: Side;
  /** The end from which tokens are dropped unless a call says otherwise. */
  truncationSide: Side;
  /** The value of `tokenTypeIds` at padding. */
  readonly padTokenTypeId: number;
  #codec: Codec;
  #files: TokenizerFiles;
  #savedMaxLength: number;
  /** Whether the model reads which text a token belongs to. */
  #hasTypes: boolean;

  /**
   * Reads the tokenizer of a folder: `tokenizer.json` with
   * `tokenizer_config.json`; BERT's `vocab.txt`; the `vocab.json` and
   * `merges.txt` of RoBERTa, BART and GPT-2; or Marian's `source.spm`,
   * `target.spm` and `vocab.json`.
   *
   * @param folder The path of the folder.
   * @param options How to read the files.
   * @returns The tokenizer.
   * @throws {NotFound} If the folder holds no tokenizer.
   * @throws {SyntaxError} If a file is malformed or asks for unknown rules.
   *
   * @example From a vocabulary file
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
    await finishSave(folder);
    const files = new Map<string, string | Uint8Array<ArrayBuffer>>();
    for (const name of Object.values(FILES)) {
      const bytes = await readOptional(`${folder}/${name}`);
      if (bytes === null) continue;
      const binary = BINARY_FILES.has(name);
      files.set(name, binary ? bytes : new TextDecoder().decode(bytes));
    }
    return new Tokenizer(files, { ...options, source: folder });
  }

  /**
   * Builds a tokenizer from the content of its files.
   *
   * @param files The content of each file by the file's name.
   * @param options How to read the files, and how errors name their `source`.
   * @throws {NotFound} If the files do not make up a tokenizer.
   * @throws {SyntaxError} If a file is malformed or asks for unknown rules.
   */
  constructor(
    files: ReadonlyMap<string, string | Uint8Array<ArrayBuffer>>,
    options: TokenizerOptions & { source?: string } = {},
  ) {
    const { source = "the tokenizer" } = options;
    const read = readTokenizer(files, { ...options, source });
    this.#codec = read.codec;
    this.#files = read.files;
    this.vocabSize = read.codec.size;
    const limit = read.config.model_max_length;
    // Without a limit, transformers writes 1e30.
    this.modelMaxLength = typeof limit !== "number"
      ? read.maxLength
      : limit < 1e20
      ? limit
      : Infinity;
    this.#savedMaxLength = this.modelMaxLength;
    this.paddingSide = sideOf(read.config, "padding_side", source);
    this.truncationSide = sideOf(read.config, "truncation_side", source);
    const { pad_token_type_id: type, model_input_names: names } = read.config;
    this.padTokenTypeId = typeof type === "number" ? type : 0;
    this.#hasTypes = !Array.isArray(names) || names.includes("token_type_ids");
  }

  /** The id of the padding token, or `null` if there is none. */
  get padTokenId(): number | null {
    return this.specialTokenId("pad");
  }

  /** The id of the unknown token, which replaces what the vocabulary lacks. */
  get unkTokenId(): number | null {
    return this.specialTokenId("unk");
  }

  /** The id of the classification token, which a classification head reads. */
  get clsTokenId(): number | null {
    return this.specialTokenId("cls");
  }

  /** The id of the separator token, which stands between two texts. */
  get sepTokenId(): number | null {
    return this.specialTokenId("sep");
  }

  /** The id of the mask token, which hides another. */
  get maskTokenId(): number | null {
    return this.specialTokenId("mask");
  }

  /** The id of the token that begins a text, or `null` if there is none. */
  get bosTokenId(): number | null {
    return this.specialTokenId("bos");
  }

  /** The id of the token that ends a text, or `null` if there is none. */
  get eosTokenId(): number | null {
    return this.specialTokenId("eos");
  }

  /** The ids of all special tokens. */
  get allSpecialIds(): ReadonlySet<number> {
    return this.#codec.specialIds;
  }

  /** Returns the id of a special token by its role, or `null` without one. */
  specialTokenId(name: SpecialTokenName): number | null {
    const token = this.#codec.special.get(name);
    return token === undefined ? null : this.tokenToId(token);
  }

  /** Returns the id of a token, or `null` if the vocabulary lacks it. */
  tokenToId(token: string): number | null {
    return this.#codec.tokenToId(token) ?? null;
  }

  /** Returns the token of an id, or `null` if the vocabulary lacks it. */
  idToToken(id: number): string | null {
    return this.#codec.idToToken(id) ?? null;
  }

  /**
   * Tokenizes one text or pair.
   *
   * @param input A text, a pair of texts or, with `isSplitIntoWords`, lists of
   * words in place of texts.
   * @param options How to frame and truncate the tokens.
   * @returns The tokens and where each comes from.
   * @throws {RangeError} If `maxLength` or `stride` leaves no room for tokens.
   * @throws {TypeError} If the input is a list of words and `isSplitIntoWords`
   * is not set, or the tokenizer cannot read words one by one.
   *
   * @example The offsets of each token, and windows of a text that is too long
   * ```ts
   * import { assertEquals } from "@std/assert";
   * import { Tokenizer } from "@swagpu/swagpu/models";
   *
   * const vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nwho\na\nb\nc\nd";
   * const tokenizer = new Tokenizer(new Map([["vocab.txt", vocabulary]]));
   * const text = "A b c d";
   * const { offsets, sequenceIds, overflowing } = tokenizer.encode(
   *   ["Who", text],
   *   {
   *     maxLength: 6,
   *     truncation: "only_second",
   *     stride: 1,
   *     returnOverflowingTokens: true,
   *   },
   * );
   * assertEquals(sequenceIds, [null, 0, null, 1, 1, null]);
   * assertEquals(text.slice(...offsets[4] ?? []), "b");
   * assertEquals(overflowing?.[0]?.tokens.slice(3, 5), ["b", "c"]);
   * assertEquals(overflowing?.[1]?.tokens.slice(3, 5), ["c", "d"]);
   * ```
   */
  encode(
    input: TokenizerInput | PretokenizedInput,
    options: EncodeOptions = {},
  ): Encoding {
    const [first, ...others] = this.#rows(input, options)
      .map((row): Encoding => ({
        inputIds: row.ids,
        tokenTypeIds: row.types,
        tokens: row.ids.map((id) => this.idToToken(id) ?? ""),
        offsets: row.offsets,
        sequenceIds: row.sequences,
        wordIds: row.words,
      }));
    if (first === undefined) throw new RangeError("Cannot encode: no row");
    return options.returnOverflowingTokens
      ? { ...first, overflowing: others }
      : first;
  }

  /**
   * Tokenizes several texts or pairs into rows of equal length.
   *
   * @param inputs The texts or pairs; see {@linkcode Tokenizer.encode}.
   * @param options How to frame, truncate and pad the rows.
   * @returns The rows, one after the other.
   * @throws {RangeError} If `maxLength` or `stride` leaves no room for tokens, or
   * a row is longer than `maxLength` and may not be truncated.
   * @throws {TypeError} If rows differ in length and may not be padded, or an
   * input is a list of words and `isSplitIntoWords` is not set.
   */
  batch(
    inputs: readonly (TokenizerInput | PretokenizedInput)[],
    options: BatchOptions = {},
  ): TokenBatch {
    const paired = pairUp(inputs, options);
    const rows: Row[] = [];
    const samples: number[] = [];
    for (const [i, input] of paired.entries()) {
      for (const row of this.#rows(input, options)) {
        rows.push(row);
        samples.push(i);
      }
    }
    const { modelMaxLength } = this;
    const length = batchLength(rows, { ...options, modelMaxLength });
    const side = options.paddingSide ?? this.paddingSide;
    const padding = { length, side };
    return {
      ...pad(rows, {
        ...padding,
        id: this.padTokenId ?? 0,
        type: this.padTokenTypeId,
      }),
      shape: [rows.length, length],
      ...(options.returnOffsets && {
        offsets: rows.map((row) => padList(row.offsets, [0, 0], padding)),
        sequenceIds: rows.map((row) => padList(row.sequences, null, padding)),
        wordIds: rows.map((row) => padList(row.words, null, padding)),
      }),
      ...(options.returnOverflowingTokens && {
        overflowToSampleMapping: samples,
      }),
    };
  }

  /** Turns a row of ids into a text. */
  decode(ids: ArrayLike<number>, options: DecodeOptions = {}): string {
    const { skipSpecialTokens = false, cleanUpSpaces } = options;
    if (ids.length === 0) return "";
    return this.#codec.decode(Array.from(ids), {
      skipSpecialTokens,
      cleanUpSpaces,
    });
  }

  /** Turns several rows into texts: lists of ids, or a batch. */
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
   * Writes the tokenizer's files to a folder. They are the files that it was read
   * from, unchanged except for a new {@linkcode modelMaxLength}. Where there was
   * no `tokenizer.json`, the files that transformers writes are added.
   *
   * All files are replaced together; if the save fails or its process is killed,
   * none is. Files of another tokenizer are removed.
   *
   * @param folder The path of the folder, which is made if it does not exist.
   * @throws {TypeError} If the folder is a file.
   */
  async save(folder: string): Promise<void> {
    const files = new Map(this.#files);
    if (this.modelMaxLength !== this.#savedMaxLength) {
      const before = files.get(FILES.config);
      const { fields, floats } = parseJson(
        typeof before === "string" ? before : "{}",
        FILES.config,
      );
      const limit = { model_max_length: this.modelMaxLength };
      files.set(FILES.config, formatJson({ ...fields, ...limit }, floats));
    }
    await using save = await FolderSave.begin(folder);
    for (const [name, content] of files) {
      const path = `${save.staging}/${name}`;
      if (typeof content === "string") await writeTextAtomically(path, content);
      else await writeAtomically(path, [content]);
    }
    await save.commit({ remove: Object.values(FILES) });
  }

  #rows(
    input: TokenizerInput | PretokenizedInput,
    options: EncodeOptions,
  ): Row[] {
    return encodeRows(this.#codec, input, {
      ...options,
      modelMaxLength: this.modelMaxLength,
      truncationSide: options.truncationSide ?? this.truncationSide,
      hasTypes: this.#hasTypes,
    });
  }
}

/** @throws {SyntaxError} If the field is neither "left" nor "right". */
function sideOf(
  config: Readonly<Record<string, unknown>>,
  key: string,
  source: string,
): Side {
  const value = config[key] ?? "right";
  if (value === "left" || value === "right") return value;
  throw new SyntaxError(
    `Cannot read ${source}/${FILES.config}: ${key} is ` +
      `${JSON.stringify(value)}, expected "left" or "right"`,
  );
}
