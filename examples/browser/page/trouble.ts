// Copyright 2026 the swagpu authors. MIT license.

// Errors, where the user looks.

import { find } from "./dom.ts";

/**
 * Shows an error, or takes away the one before. An error that only says that the user
 * has stopped something is not shown.
 *
 * @param id The id of the paragraph.
 * @param error What was thrown; `undefined` for none.
 */
export function showTrouble(id: string, error: unknown): void {
  const paragraph = find(id, HTMLElement);
  const isStop = error instanceof Error && error.name === "AbortError";
  paragraph.hidden = error === undefined || isStop;
  paragraph.textContent = paragraph.hidden
    ? ""
    : error instanceof Error
    ? error.message
    : String(error);
}
