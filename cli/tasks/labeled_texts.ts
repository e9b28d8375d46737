// Copyright 2026 the swagpu authors. MIT license.

/**
 * Reads texts with their labels from a file, as they stand there: what labels mean
 * depends on the model.
 *
 * @module
 */

import {
  cellOf,
  type DataRow,
  type RowSource,
  type Table,
} from "../../data/mod.ts";
import { counted } from "../../data/names.ts";
import { readInput } from "../input_files.ts";
import { emptyRemark, textsOf } from "../raw_texts.ts";
import {
  checkLabel,
  checkLabels,
  isLabeled,
  labeledRows,
  usableRows,
} from "../table_columns.ts";
import {
  chooseLabelColumns,
  foundLabels,
  type LabelColumns,
} from "./label_columns.ts";
import type { TaskContext, TaskExamples } from "./task.ts";

/** A text, or a pair of texts, with the row of its label. */
export interface LabeledText {
  /** The text. */
  readonly text: string;
  /** The second text, for tasks on pairs. */
  readonly pair: string | undefined;
  /** The row that holds the label. */
  readonly row: DataRow;
  /** The columns of its file. */
  readonly columns: LabelColumns;
}

/** The labeled texts of a file. */
export type LabeledTexts = TaskExamples<LabeledText>;

/** Reads the file that an option names. */
export async function readLabeledTexts(
  option: string,
  context: TaskContext,
): Promise<LabeledTexts> {
  const table = await readInput(context.args, option);
  return labeledTexts(table, chooseLabelColumns(table, context), context);
}

/**
 * The labeled texts of a table.
 *
 * @throws {RangeError} If a column does not exist, or no row has a label.
 * @throws {TypeError} If a row has no text or no label.
 */
export function labeledTexts(
  all: Table,
  chosen: LabelColumns,
  context: TaskContext,
): LabeledTexts {
  const { args, progress } = context;
  const columns = foundLabels(all, chosen);
  const has = columns.separator === undefined ? isLabeled : isListed;
  const { text, pair, labels } = columns;
  const names = pair === undefined ? [text] : [text, pair];
  const table = usableRows(all, names, context, (row) => {
    if (args.flag("skip-unlabelled")) return; // They are counted on their own.
    for (const name of labels) checkLabel(all, row, { name, has });
  });
  let own = table;
  if (args.flag("skip-unlabelled")) {
    for (const name of labels) own = labeledRows(own, name, has);
  }
  const left = table.rows.length - own.rows.length;
  if (left > 0) {
    progress.say(
      `Left out ${counted(left, "row")} of ${table.path} without a label`,
    );
  }
  for (const name of labels) checkLabels(own, name, has);
  const { path, texts, pairs, lines, numbers } = textsOf(own, columns);
  return {
    path,
    examples: texts.map((text, i) => ({
      text,
      pair: pairs?.[i],
      columns,
      row: {
        cells: own.rows[i] ?? {},
        path,
        number: numbers?.[i] ?? i + 1,
        ...lines ? { line: lines[i] ?? 0 } : {},
      },
    })),
  };
}

/** Whether a row has a list of labels, which may be an empty text: no class applies. */
function isListed(
  row: Readonly<Record<string, unknown>>,
  column: string,
): boolean {
  return (cellOf(row, column) ?? null) !== null;
}

/** The places of examples, for messages. */
export function sourceOf(
  { path, examples }: LabeledTexts,
): RowSource & { readonly numbers: readonly number[] } {
  const lines = examples.map(({ row }) => row.line)
    .filter((line) => line !== undefined);
  return {
    path,
    numbers: examples.map(({ row }) => row.number),
    ...lines.length === examples.length ? { lines } : {},
  };
}

/** Says how many texts are empty, if any are. */
export function emptyTextsRemark(data: LabeledTexts): string | undefined {
  const { examples } = data;
  return emptyRemark({
    ...sourceOf(data),
    texts: examples.map(({ text }) => text),
    pairs: examples[0]?.pair === undefined
      ? undefined
      : examples.map(({ pair }) => pair ?? ""),
  });
}

/**
 * What a split keeps the shares of: the class, the most frequent of votes, the set of
 * several classes, or the number itself.
 */
export function stratumOf({ row, columns }: LabeledText): unknown {
  const cells = columns.labels.map((name) => cellOf(row.cells, name));
  const [cell] = cells;
  if (columns.isSoft) {
    const votes = cells.length > 1
      ? cells
      : typeof cell === "object" && cell !== null
      ? cell
      : [];
    const numbers = Object.entries(votes)
      .map(([name, votes]) => [name, Number(votes)] as const);
    const most = Math.max(...numbers.map(([_, number]) => number));
    return numbers.find(([_, number]) => number === most)?.[0];
  }
  if (cells.length === 1) {
    return typeof cell === "string" ? cell : JSON.stringify(cell);
  }
  // Several numbers are all different, unless they say which classes apply.
  const isBinary = cells.every((cell) =>
    ["0", "1", "true", "false"].includes(String(cell).trim().toLowerCase())
  );
  return isBinary ? cells.join() : undefined;
}
