// Copyright 2026 the swagpu authors. MIT license.

// Tables of numbers.

import { html } from "../page/dom.ts";
import { fixed } from "../page/numbers.ts";

/** A number, which is shown with few digits and can be copied with all. */
export interface NumberCell {
  readonly value: number;
  readonly text: string;
}

/** The cells of a table. The first of each row names it. */
export interface TableContent {
  readonly caption?: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly (string | NumberCell)[])[];
}

/** A number as a cell. */
export function numberCell(value: number, digits: number): NumberCell {
  return { value, text: fixed(value, digits) };
}

/** Makes a table. */
export function table({ caption, head, rows }: TableContent): HTMLTableElement {
  return html(
    "table",
    {},
    caption === undefined ? null : html("caption", {}, caption),
    html(
      "thead",
      {},
      html("tr", {}, ...head.map((text) => html("th", { scope: "col" }, text))),
    ),
    html(
      "tbody",
      {},
      ...rows.map(([name = "", ...cells]) =>
        html(
          "tr",
          {},
          html("th", { scope: "row" }, contentOf(name)),
          ...cells.map((cell) => html("td", {}, contentOf(cell))),
        )
      ),
    ),
  );
}

function contentOf(cell: string | NumberCell): HTMLElement | string {
  return typeof cell === "string"
    ? cell
    : html("data", { value: cell.value }, cell.text);
}
