// Copyright 2026 the swagpu authors. MIT license.

// A table as an element of the page.

import { type Content, isolated, type Markup, markup } from "../markup.ts";

/** A column: its heading, and whether it holds numbers or long texts. */
export interface Column {
  head: string;
  /** @default {"number"} */
  kind?: "number" | "name" | "text";
}

/** A table; the first cell of each row is its heading. */
export interface Table {
  /** Unique on the page, such as `"table-1"`. */
  id: string;
  /** Before the title, such as `"Table 1"`. */
  number: string;
  title: string;
  /** What a reader has to know. */
  note?: Content;
  columns: readonly Column[];
  rows: readonly (readonly Content[])[];
  /** What stands in place of rows if there are none. @default {"There are none."} */
  empty?: string;
}

/** The table as an element of the page. */
export function renderTable(
  { id, number, title, note, columns, rows, empty }: Table,
): Markup {
  const caption =
    markup`<h3 id="${id}-title"><span class="label">${number}</span> ${title}</h3>${
      note ? markup`<p>${note}</p>` : null
    }`;
  if (rows.length === 0) {
    return markup`<section class="table" id="${id}" aria-labelledby="${id}-title">${caption}<p class="none">${
      empty ?? "There are none."
    }</p></section>
`;
  }
  const heads = columns.map(({ head, kind = "number" }) =>
    markup`<th scope="col" class="${kind}">${head}</th>`
  );
  const cells = (row: readonly Content[]) =>
    columns.map(({ kind = "number" }, i) =>
      i === 0
        ? markup`<th scope="row" class="${kind}">${row[i]}</th>`
        : markup`<td class="${kind}">${row[i]}</td>`
    );
  return markup`<section class="table" id="${id}" aria-labelledby="${id}-title">${caption}<div class="scroll" role="region" aria-labelledby="${id}-title" tabindex="0"><table aria-labelledby="${id}-title">
<thead><tr>${heads}</tr></thead>
<tbody>
${rows.map((row) => markup`<tr>${cells(row)}</tr>\n`)}</tbody>
</table></div></section>
`;
}

const LONGEST = 400;

/** A text of the data, shortened if it is very long. */
export function quoted(text: string): Markup {
  const letters = [...text];
  return isolated(
    letters.length <= LONGEST ? text : `${letters.slice(0, LONGEST).join("")}…`,
  );
}
