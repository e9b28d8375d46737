// Copyright 2026 the swagpu authors. MIT license.

// Text that is safe in HTML and in SVG. A template with the tag `markup` escapes all
// that is put into it, so that no text of a run can become markup by mistake.

/** Text that is markup already. */
export class Markup {
  constructor(readonly text: string) {}
}

/** What a template may hold. */
export type Content =
  | Markup
  | string
  | number
  | null
  | undefined
  | readonly Content[];

const FORBIDDEN =
  // deno-lint-ignore no-control-regex
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\ufffe\uffff]/g;

/**
 * Replaces what no document may hold by the replacement character: control
 * characters, and halves of surrogate pairs.
 */
export function cleanText(text: string): string {
  return text.toWellFormed().replace(FORBIDDEN, "\ufffd");
}

/** Escapes a text for an element or an attribute in quotation marks. */
export function escapeText(text: string): string {
  return cleanText(text)
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}

function render(content: Content): string {
  if (content === null || content === undefined) return "";
  if (content instanceof Markup) return content.text;
  if (typeof content === "object") return content.map(render).join("");
  return escapeText(String(content));
}

/** Markup with contents, which are escaped unless they are markup themselves. */
export function markup(
  parts: TemplateStringsArray,
  ...contents: readonly Content[]
): Markup {
  return new Markup(String.raw({ raw: parts }, ...contents.map(render)));
}

/** Text of unknown direction: it cannot reorder what is around it. */
export function isolated(text: string): Markup {
  return markup`<bdi>${text}</bdi>`;
}
