// Copyright 2026 the swagpu authors. MIT license.

// What a screen reader says. Texts that change several times a second are not read out;
// their turning points are, from here.

import { find } from "./dom.ts";

/** Has a screen reader say something, once it has finished what it says. */
export function announce(text: string): void {
  const news = find("news", HTMLElement);
  if (news.textContent !== text) news.textContent = text;
}
