// Copyright 2026 the swagpu authors. MIT license.

/**
 * Reads the nested JSON of SQuAD: articles with paragraphs, and questions on each.
 *
 * @module
 */

import { jsonElements, type JsonListOptions } from "./json_list.ts";
import { parseJsonRow } from "./json_values.ts";
import { cellOf, type DataRow } from "./rows.ts";

/** Options of {@linkcode squadRows}. */
export interface SquadOptions extends JsonListOptions {
  /** Takes an error of one article; what it does not throw is left out. */
  onBadRow: (error: Error) => void;
}

/** The columns of a question, as in the data set "squad_v2" of Hugging Face. */
const COLUMNS = ["id", "title", "context", "question", "answers"];

/**
 * Reads a row a question, with the columns `id`, `title`, `context`, `question` and
 * `answers`, which holds the lists `text` and `answer_start`. Both are empty for a
 * question without an answer.
 *
 * @throws {SyntaxError} If the file has no list of articles, or an article has no
 * paragraphs with questions.
 */
export async function* squadRows(
  blocks: AsyncIterable<string>,
  { path, field = "data", optionName, onBadRow }: SquadOptions,
): AsyncGenerator<DataRow> {
  let article = 0;
  let number = 0;
  const elements = jsonElements(blocks, { path, field, optionName });
  for await (const { text, line } of elements) {
    article++;
    const place = `${path}: article ${article} (line ${line})`;
    try {
      const row = parseJsonRow(text, { place, columnsOption: "columns" });
      for (const cells of questionsOf(row, place)) {
        yield { cells, path, number: ++number, line, columns: COLUMNS };
      }
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      onBadRow(error);
    }
  }
}

type Fields = Readonly<Record<string, unknown>>;

/** The questions of an article. */
function* questionsOf(
  article: Fields,
  place: string,
): Generator<Record<string, unknown>> {
  const title = cellOf(article, "title");
  for (const paragraph of listAt(article, "paragraphs", place)) {
    const context = cellOf(paragraph, "context");
    for (const entry of listAt(paragraph, "qas", place)) {
      const isAnswerable = cellOf(entry, "is_impossible") !== true;
      const answers = isAnswerable && Object.hasOwn(entry, "answers")
        ? listAt(entry, "answers", place)
        : [];
      yield {
        id: cellOf(entry, "id"),
        title,
        context,
        question: cellOf(entry, "question"),
        answers: {
          text: answers.map((answer) => cellOf(answer, "text")),
          answer_start: answers.map((answer) => cellOf(answer, "answer_start")),
        },
      };
    }
  }
}

/** A list of objects in an object. */
function listAt(fields: Fields, name: string, place: string): Fields[] {
  const list = cellOf(fields, name);
  if (Array.isArray(list) && list.every(isObject)) return list;
  throw new SyntaxError(
    `Cannot read ${place} is not of SQuAD's form: expected a list of objects ` +
      `"${name}"`,
  );
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
