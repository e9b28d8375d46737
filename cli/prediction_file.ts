// Copyright 2026 the swagpu authors. MIT license.

/**
 * Reads files of predictions, which `predict` and `evaluate --predictions` write.
 *
 * @module
 */

import { argmaxRows } from "../nn/mod.ts";
import type {
  ComparedRows,
  ComparedRun,
  Predictions,
} from "./compared_rows.ts";
import { classIds, numbersOf } from "./labels.ts";
import { listOf } from "../data/names.ts";
import { textOfCell } from "./table_columns.ts";
import {
  cellOf,
  ExactNumber,
  placeOf,
  readTable,
  type Table,
} from "../data/mod.ts";

type Cells = Readonly<Record<string, unknown>>;

/** The fields of predictions that are not one class or one number. */
const SEVERAL = [
  ["labels", "several labels"],
  ["values", "several numbers"],
] as const;

/** How far probabilities may be from adding up to 1: they may have 16 bits. */
const UNIT_TOLERANCE = 1e-3;

/**
 * Reads a file of predictions for labeled rows, in JSONL. Each line has `gold`, and
 * `probabilities` by the name of the class or the `value` of a regression; `label`, or
 * else the class of the largest probability, is what is predicted. An `id`, also among
 * the `columns` that were kept, or `text` and `pair` say which row it is.
 *
 * @throws {SyntaxError} If the file is malformed.
 * @throws {TypeError} If a field is missing or of another kind.
 * @throws {RangeError} If probabilities do not add up to 1, or a class is unknown.
 */
export async function readPredictions(path: string): Promise<ComparedRun> {
  const table = await readTable(path, { format: "jsonl" });
  const [first = {}] = table.rows;
  for (const [field, several] of SEVERAL) {
    if (cellOf(first, field) === undefined) continue;
    throw new TypeError(
      `Cannot compare ${path}: it has ${several} for each text, and compare ` +
        "needs one class or one number",
    );
  }
  const gold = golds(table);
  if (cellOf(first, "probabilities") !== undefined) {
    const { classes, ...predictions } = classPredictions(table);
    return {
      name: path,
      rows: identified(table, classes, classIds(gold, classes, table)),
      predict: () => Promise.resolve(predictions),
    };
  }
  const values = Float64Array.from(
    table.rows,
    (row, i) => numberAt(cellOf(row, "value"), table, i, '"value"'),
  );
  return {
    name: path,
    rows: identified(table, undefined, numbersOf(gold, table)),
    predict: () => Promise.resolve({ values, labels: undefined }),
  };
}

/** The rows of a file, with their ids and texts if all rows have them. */
function identified(
  { path, lines, rows }: Table,
  classes: ComparedRows["classes"],
  gold: ComparedRows["gold"],
): ComparedRows {
  const column = (name: string, cells: (row: Cells) => unknown) => {
    const texts = rows.map((row) => {
      const own = cells(row);
      return isCells(own) ? textOfCell(cellOf(own, name)) : undefined;
    });
    return texts.every((text) => text !== undefined) ? texts : undefined;
  };
  return {
    path,
    ...(lines ? { lines } : {}),
    classes,
    gold,
    ids: column("id", (row) => row) ??
      column("id", (row) => cellOf(row, "columns")),
    texts: column("text", (row) => row),
    pairs: column("pair", (row) => row),
  };
}

/** The true labels of a file as texts. */
function golds(table: Table): string[] {
  if (!table.columns.includes("gold")) {
    throw new TypeError(
      `Cannot compare ${table.path}: it has no "gold", which is the true label; ` +
        "predict and evaluate --predictions write it if the texts have labels",
    );
  }
  return table.rows.map((row, i) => {
    const gold = textOfCell(cellOf(row, "gold"));
    if (gold !== undefined && gold.trim() !== "") return gold;
    throw new TypeError(
      `Cannot use ${placeOf(table, i)}: its "gold" is no label`,
    );
  });
}

/** The classes of a file, and what each row predicts. */
function classPredictions(
  table: Table,
): Predictions & {
  classes: readonly string[];
  labels: Int32Array<ArrayBuffer>;
} {
  const distributionOf = (i: number): Cells => {
    const cells = cellOf(table.rows[i] ?? {}, "probabilities");
    if (isCells(cells)) return cells;
    throw new TypeError(
      `Cannot use ${
        placeOf(table, i)
      }: its "probabilities" must be numbers by ` +
        'class, such as {"neg": 0.25, "pos": 0.75}',
    );
  };
  const classes = Object.keys(distributionOf(0));
  const width = classes.length;
  const values = new Float64Array(table.rows.length * width);
  for (const i of table.rows.keys()) {
    const cells = distributionOf(i);
    const names = Object.keys(cells);
    const other = names.find((name) => !classes.includes(name));
    if (other !== undefined || names.length !== width) {
      throw new RangeError(
        `Cannot use ${placeOf(table, i)}: it has probabilities of ${
          listOf(names)
        }, and ${placeOf(table, 0)} of ${listOf(classes)}`,
      );
    }
    let sum = 0;
    for (const [k, name] of classes.entries()) {
      const what = `probability of "${name}"`;
      const p = numberAt(cellOf(cells, name), table, i, what);
      if (p < 0 || p > 1 + UNIT_TOLERANCE) {
        throw new RangeError(
          `Cannot use ${placeOf(table, i)}: its ${what} is ${p}, but must be ` +
            "from 0 to 1",
        );
      }
      values[i * width + k] = p;
      sum += p;
    }
    if (Math.abs(sum - 1) > UNIT_TOLERANCE) {
      throw new RangeError(
        `Cannot use ${
          placeOf(table, i)
        }: its probabilities add up to ${sum}, ` +
          "but must add up to 1",
      );
    }
  }
  const best = argmaxRows(values, { classes: width });
  const labels = Int32Array.from(table.rows, (row, i) => {
    const label = cellOf(row, "label");
    if (label === undefined) return best[i] ?? 0;
    const id = classes.indexOf(textOfCell(label) ?? "");
    if (id >= 0) return id;
    throw new RangeError(
      `Cannot use ${placeOf(table, i)}: its "label" is ${
        JSON.stringify(label)
      }, and the classes are ${listOf(classes)}`,
    );
  });
  return { classes, values, labels };
}

function isCells(value: unknown): value is Cells {
  return typeof value === "object" && value !== null &&
    !Array.isArray(value) && !(value instanceof ExactNumber);
}

/** The number in a cell. */
function numberAt(
  value: unknown,
  table: Table,
  row: number,
  what: string,
): number {
  const number = value instanceof ExactNumber ? Number(value.text) : value;
  if (typeof number === "number" && Number.isFinite(number)) return number;
  throw new TypeError(
    `Cannot use ${placeOf(table, row)}: its ${what} is ${
      value === undefined ? "missing" : JSON.stringify(value).slice(0, 80)
    }, expected a number`,
  );
}
