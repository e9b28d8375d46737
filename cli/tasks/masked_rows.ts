// Copyright 2026 the swagpu authors. MIT license.

/**
 * Texts, and pairs of sentences, as a masked language model reads them.
 *
 * @module
 */

import { findColumn, placeOf, type Table } from "../../data/mod.ts";
import { count, counted } from "../../data/names.ts";
import { groupTexts, type Tokenizer } from "../../models/mod.ts";
import type { Arguments } from "../arguments.ts";
import { columnOf } from "../table_columns.ts";
import { cutRemark } from "../tokenized_texts.ts";
import type { RowContext, TaskExamples } from "./task.ts";

/** A text to learn from, or to be measured on. */
export interface PlainExample {
  readonly text: string;
  /** The name of the row in messages. */
  readonly place: string;
}

/** Two sentences, of which a good model holds the first to be more probable. */
export interface PairExample {
  readonly good: string;
  readonly bad: string;
  /** The name of the row in messages. */
  readonly place: string;
}

/** A row of a file. */
export type MaskedExample = PlainExample | PairExample;

/** The tokens of a text, or of a block of texts. */
export interface PlainRow {
  readonly kind: "text";
  readonly length: number;
  readonly inputIds: ArrayLike<number>;
  readonly tokenTypeIds: ArrayLike<number>;
  /** The number of the row, on which it depends which tokens are hidden. */
  readonly number: number;
  /** Whether the same tokens are hidden in every epoch, and with every seed. */
  readonly isFixed: boolean;
  /** The name of the row in messages. */
  readonly place: string;
}

/** The tokens of a sentence, and the indices of those that can be hidden. */
export interface Sentence {
  readonly inputIds: readonly number[];
  readonly tokenTypeIds: readonly number[];
  readonly hidden: readonly number[];
}

/** The tokens of a pair. */
export interface PairRow {
  readonly kind: "pair";
  readonly length: number;
  readonly good: Sentence;
  readonly bad: Sentence;
  /** The name of the row in messages. */
  readonly place: string;
}

/** A row as the model reads it. */
export type MaskedRow = PlainRow | PairRow;

/** The columns of pairs in the files of BLiMP. */
const USUAL_PAIRS = ["sentence_good", "sentence_bad"] as const;

/**
 * The columns of a table that hold pairs to measure on; `undefined` if it holds texts.
 *
 * @throws {TypeError} If the option does not name two columns.
 * @throws {RangeError} If a column does not exist.
 */
export function pairColumns(
  table: Table,
  args: Arguments,
): readonly [good: string, bad: string] | undefined {
  const given = args.text("pairs");
  const column = args.text("text-column");
  if (given === undefined) {
    const isOfTexts = column !== undefined && table.columns.includes(column);
    const isUsual = USUAL_PAIRS.every((name) => table.columns.includes(name));
    return isUsual && !isOfTexts ? USUAL_PAIRS : undefined;
  }
  if (column !== undefined && args.text("eval") === undefined) {
    throw new TypeError(
      "Cannot use --pairs with --text-column: rows are pairs or texts",
    );
  }
  const [good, bad, ...others] = given.split(",").map((name) => name.trim());
  if (!good || !bad || others.length > 0) {
    throw new TypeError(
      `Cannot use --pairs ${given}: expected two columns, the better sentence ` +
        "first, such as sentence_good,sentence_bad",
    );
  }
  return [findColumn(table, good), findColumn(table, bad)];
}

/** The pairs of a table. */
export function pairExamples(
  table: Table,
  [good, bad]: readonly [string, string],
): PairExample[] {
  const worse = columnOf(table, bad);
  return columnOf(table, good).map((text, i) => ({
    good: text,
    bad: worse[i] ?? "",
    place: placeOf(table, i),
  }));
}

/** The texts of a table. */
export function plainExamples(table: Table, column: string): PlainExample[] {
  return columnOf(table, column).map((text, i) => ({
    text,
    place: placeOf(table, i),
  }));
}

/** How many texts are tokenized between two signs of progress. */
const CHUNK = 256;

/**
 * Tokenizes the sentences of pairs.
 *
 * @throws {TypeError} If the model would learn from them.
 * @throws {RangeError} If a sentence has no token that can be hidden.
 */
export function pairRows(
  { path, examples }: TaskExamples<PairExample>,
  { tokenizer, maxLength, isTraining, progress }: RowContext,
): PairRow[] {
  if (isTraining) {
    throw new TypeError(
      `Cannot train on ${path}: pairs of sentences are for measuring; name the ` +
        "column of texts with --text-column",
    );
  }
  using stage = progress.stage("tokenizing", examples.length, "pairs");
  let cut = 0;
  let alike = 0;
  const sentenceOf = (text: string, place: string): Sentence => {
    const { tokens, isCut } = tokensOf(tokenizer, text, maxLength);
    if (isCut) cut++;
    const hidden = hideable(tokenizer, tokens.inputIds);
    if (hidden.length > 0) return { ...tokens, hidden };
    throw new RangeError(
      `Cannot use ${place}: its sentence ${JSON.stringify(text)} has no tokens`,
    );
  };
  const rows = examples.map((example, i): PairRow => {
    const { place } = example;
    const good = sentenceOf(example.good, place);
    const bad = sentenceOf(example.bad, place);
    if (good.inputIds.join() === bad.inputIds.join()) alike++;
    if ((i + 1) % CHUNK === 0) stage.advance(CHUNK);
    const length = Math.max(good.inputIds.length, bad.inputIds.length);
    return { kind: "pair", length, good, bad, place };
  });
  if (cut > 0) {
    progress.say(
      `${counted(cut, "sentence")} of ${path} cut to ${maxLength} tokens`,
    );
  }
  if (alike > 0) {
    progress.say(
      `${count(alike)} of ${
        counted(rows.length, "pair")
      } of ${path} count as ` +
        "wrong: both sentences have the same tokens",
    );
  }
  return rows;
}

/**
 * Tokenizes texts: each becomes a row with --line-by-line; else they follow one
 * another, and are cut into blocks.
 *
 * @throws {RangeError} If there is no row.
 */
export function plainRows(
  data: TaskExamples<PlainExample>,
  context: RowContext,
): PlainRow[] {
  const { args, maxLength } = context;
  const block = args.integer("block-size", { min: LEAST_BLOCK });
  if (args.flag("line-by-line")) {
    if (block === undefined) return lineRows(data, context);
    throw new TypeError(
      "Cannot use --block-size with --line-by-line: each text is a row then, and " +
        "--max-length limits it",
    );
  }
  if (block !== undefined && block > maxLength) {
    throw new RangeError(
      `Cannot use --block-size ${block}: a row has at most ${maxLength} tokens`,
    );
  }
  return blockRows(data, block ?? maxLength, context);
}

/** The least tokens of a block: a shorter one may hold special tokens alone. */
const LEAST_BLOCK = 8;

/** Each text as a row. */
function lineRows(
  { path, examples }: TaskExamples<PlainExample>,
  { tokenizer, maxLength, isTraining, progress }: RowContext,
): PlainRow[] {
  const rows: PlainRow[] = [];
  let cut = 0;
  {
    using stage = progress.stage("tokenizing", examples.length, "texts");
    for (const [number, { text, place }] of examples.entries()) {
      const { tokens, isCut } = tokensOf(tokenizer, text, maxLength);
      if ((number + 1) % CHUNK === 0) stage.advance(CHUNK);
      if (hideable(tokenizer, tokens.inputIds).length === 0) continue;
      if (isCut) cut++;
      rows.push({
        kind: "text",
        length: tokens.inputIds.length,
        ...tokens,
        number,
        isFixed: !isTraining,
        place,
      });
    }
  }
  const left = examples.length - rows.length;
  if (rows.length === 0) {
    throw new RangeError(`Cannot use ${path}: its texts have no tokens`);
  }
  if (left > 0) {
    progress.say(
      `Left out ${count(left)} of ${
        counted(examples.length, "text")
      } of ${path} ` +
        "without tokens",
    );
  }
  const remark = cutRemark({ cut, rows: examples.length, path, maxLength });
  if (remark !== undefined) progress.say(remark);
  return rows;
}

/** All texts one after the other, cut into blocks. */
function blockRows(
  { path, examples }: TaskExamples<PlainExample>,
  blockSize: number,
  { tokenizer, isTraining, progress }: RowContext,
): PlainRow[] {
  let tokens = 0;
  using stage = progress.stage("tokenizing", examples.length, "texts");
  function* encoded() {
    for (const [i, { text }] of examples.entries()) {
      const encoding = tokenizer.encode(text, { truncation: false });
      if ((i + 1) % CHUNK === 0) stage.advance(CHUNK);
      if (hideable(tokenizer, encoding.inputIds).length === 0) continue;
      tokens += encoding.inputIds.length;
      yield encoding;
    }
  }
  const blocks = groupTexts(encoded(), { blockSize });
  if (blocks.length === 0) {
    throw new RangeError(
      `Cannot use ${path}: its texts have ${counted(tokens, "token")}, and a ` +
        `block has ${
          count(blockSize)
        }; lower --block-size, or say --line-by-line`,
    );
  }
  return blocks.map((block, number): PlainRow => ({
    kind: "text",
    length: blockSize,
    ...block,
    number,
    isFixed: !isTraining,
    place: `block ${number + 1} of ${path}`,
  }));
}

/** The tokens of a text, cut to a length. */
function tokensOf(
  tokenizer: Tokenizer,
  text: string,
  maxLength: number,
): { tokens: Omit<Sentence, "hidden">; isCut: boolean } {
  const whole = tokenizer.encode(text, { truncation: false });
  const isCut = whole.inputIds.length > maxLength;
  const { inputIds, tokenTypeIds } = isCut
    ? tokenizer.encode(text, { maxLength })
    : whole;
  return { tokens: { inputIds, tokenTypeIds }, isCut };
}

/** The indices of the tokens that are not special. */
function hideable(tokenizer: Tokenizer, ids: readonly number[]): number[] {
  const special = tokenizer.allSpecialIds;
  return ids.flatMap((id, index) => special.has(id) ? [] : [index]);
}
