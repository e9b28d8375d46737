// Copyright 2026 the swagpu authors. MIT license.

/**
 * From texts to batches of token ids and back. A codec turns texts into tokens;
 * special tokens, truncation, windows, padding and batching are done here, by
 * the rules of transformers.
 *
 * @module
 */

import {
  DiskReader,
  finishSave,
  FolderSave,
  writeAtomically,
  writeTextAtomically,
} from "../../nn/formats/mod.ts";
import type { Codec, SpecialTokenName } from "./codec.ts";
import {
  addedTokens,
  fill,
  noPieces,
  pad,
  padList,
  type Pieces,
  type Row,
  type TemplateItem,
} from "./encoding.ts";
import { formatJson, parseJson } from "../files/json.ts";
import type { TokenizerFiles } from "./file_contents.ts";
import { BINARY_FILES, FILES } from "./file_names.ts";
import { readTokenizer } from "./read_tokenizer.ts";
import { pairUp, textsOf } from "./inputs.ts";
import { chooseWindows, paddedLength } from "./truncation.ts";
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

export type * from "./types.ts";
export type { SpecialTokenName };

/**
 * A tokenizer as it lies in a folder. Make one by
 * {@linkcode AutoTokenizer.fromPretrained}, or by `fromPretrained` for a folder.
 *
 * Ids, places, words and texts are those of Hugging Face's compiled tokenizers
 * with the rules of transformers 4.57. What differs, and why:
 *
 * - Places count UTF-16 units, so that `text.slice(start, end)` works, where the
 *   originals count characters.
 * - Characters that Unicode added after this engine's tables are unassigned
 *   here: their case and class may be known there.
 * - Added tokens are decoded as they are spelled. Version 0.23 of tokenizers
 *   spells those with `normalized` as the normaliser leaves them.
 * - With windows, all that truncation drops is in a further row. Version 0.23
 *   loses a part of it, and counts words anew where it truncates on the left.
 * - Half of a surrogate pair, which the originals refuse, is read as U+FFFD.
 * - A BPE model with `dropout`, the pre-tokenizer UnicodeScripts, and classes
 *   that no file describes are refused by name, as are ids from 2^24.
 */
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
  #codec: Codec;
  #files: TokenizerFiles;
  #savedMaxLength: number;
  #padTypeId: number;
  /** Whether the model is told which text a token belongs to. */
  #typed: boolean;

  /**
   * Reads the tokenizer of a folder: `tokenizer.json` with
   * `tokenizer_config.json`; BERT's `vocab.txt`; the `vocab.json` and
   * `merges.txt` of RoBERTa, BART and GPT-2; or Marian's `source.spm`,
   * `target.spm` and `vocab.json`.
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
   * Builds a tokenizer from the content of its files, by their names.
   *
   * @throws {Deno.errors.NotFound} If they make up no tokenizer.
   * @throws {SyntaxError} If a file cannot be understood.
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
    this.#padTypeId = typeof type === "number" ? type : 0;
    this.#typed = !Array.isArray(names) || names.includes("token_type_ids");
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

  /** The ids of all special tokens. */
  get allSpecialIds(): ReadonlySet<number> {
    return this.#codec.specialIds;
  }

  /** The id of a special token by its role. */
  specialTokenId(name: SpecialTokenName): number | null {
    const token = this.#codec.special.get(name);
    return token === undefined ? null : this.tokenToId(token);
  }

  /** The id of a token as the vocabulary spells it. */
  tokenToId(token: string): number | null {
    return this.#codec.tokenToId(token) ?? null;
  }

  /** How the vocabulary spells an id. */
  idToToken(id: number): string | null {
    return this.#codec.idToToken(id) ?? null;
  }

  /**
   * The tokens of one text or pair.
   *
   * @throws {RangeError} If `maxLength` or `stride` leaves no room.
   * @throws {TypeError} If the input is a list of words and `isSplitIntoWords`
   * is not set, or the tokenizer takes no words.
   *
   * @example The place of each token, and windows of a text that is too long
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
   * The tokens of several texts or pairs, as rows of equal length.
   *
   * @throws {RangeError} If `maxLength` or `stride` leaves no room, or a row is
   * longer than `maxLength` and may not be truncated.
   * @throws {TypeError} If rows differ in length and may not be filled up, or an
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
    const length = paddedLength(rows, { ...options, modelMaxLength });
    const side = options.paddingSide ?? this.paddingSide;
    const place = { length, side };
    return {
      ...pad(rows, {
        ...place,
        id: this.padTokenId ?? 0,
        type: this.#padTypeId,
      }),
      shape: [rows.length, length],
      ...(options.returnOffsets && {
        offsets: rows.map((row) => padList(row.offsets, [0, 0], place)),
        sequenceIds: rows.map((row) => padList(row.sequences, null, place)),
        wordIds: rows.map((row) => padList(row.words, null, place)),
      }),
      ...(options.returnOverflowingTokens && {
        overflowToSampleMapping: samples,
      }),
    };
  }

  /** The text of a row of ids. */
  decode(ids: ArrayLike<number>, options: DecodeOptions = {}): string {
    const { skipSpecialTokens = false, cleanUpSpaces } = options;
    if (ids.length === 0) return "";
    return this.#codec.decode(Array.from(ids), {
      skipSpecialTokens,
      cleanUpSpaces,
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
   * were but for a new {@linkcode modelMaxLength}, and where there was no
   * `tokenizer.json` also what transformers writes beside them.
   *
   * They are replaced all together or, if the save fails or its process is
   * killed, not at all. Files of another tokenizer are removed.
   *
   * @param folder Made if it does not exist.
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

  /** The rows of an input: the one that truncation keeps, then the others. */
  #rows(
    input: TokenizerInput | PretokenizedInput,
    options: EncodeOptions,
  ): Row[] {
    const { addSpecialTokens = true, textTarget = false } = options;
    const texts = textsOf(input, options.isSplitIntoWords ?? false);
    const pieces = texts.map((text) => this.#pieces(text, textTarget));
    const framed = texts.length === 1 ? this.#codec.single : this.#codec.pair;
    const template = addSpecialTokens ? framed : withoutFrame(framed);
    return chooseWindows(pieces.map(({ ids }) => ids.length), {
      ...options,
      added: addedTokens(template),
      modelMaxLength: this.modelMaxLength,
      truncationSide: options.truncationSide ?? this.truncationSide,
      secondFirst: template.find((item) => "text" in item)?.text === 1 &&
        texts.length === 2,
    }).map((windows, i) =>
      fill(
        i === 0 ? template : template.map(inFurtherRow),
        pieces,
        windows,
        this.#codec.trims,
      )
    ).map((row) =>
      this.#typed ? row : { ...row, types: row.types.map(() => 0) }
    );
  }

  #pieces(text: string | readonly string[], target: boolean): Pieces {
    if (typeof text === "string") return this.#codec.split(text, target);
    const { refusesWords } = this.#codec;
    if (refusesWords !== null) {
      throw new TypeError(`Cannot encode words one by one: ${refusesWords}`);
    }
    const all = noPieces(this.#codec.trims.length > 0);
    for (const [word, part] of text.entries()) {
      const { ids, starts, ends, spaces } = this.#codec.split(part, target);
      for (const [i, id] of ids.entries()) {
        all.ids.push(id);
        all.starts.push(starts[i] ?? 0);
        all.ends.push(ends[i] ?? 0);
        all.words.push(word);
        const own = spaces?.[i];
        if (own !== undefined) all.spaces?.push(own);
      }
    }
    return all;
  }
}

/** The texts of a frame alone. */
function withoutFrame(items: readonly TemplateItem[]): TemplateItem[] {
  return items.filter((item) => "text" in item)
    .map((item) => ({ ...item, restType: item.text }));
}

/** A part of a frame as it is in the rows of what truncation dropped. */
function inFurtherRow(item: TemplateItem): TemplateItem {
  return "text" in item ? { ...item, type: item.restType ?? item.type } : item;
}

/** @throws {SyntaxError} If a side is none. */
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

async function readOptional(
  path: string,
): Promise<Uint8Array<ArrayBuffer> | null> {
  try {
    using file = await DiskReader.open(path);
    return await file.read(0, file.size);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}
