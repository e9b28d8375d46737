// Copyright 2026 the swagpu authors. MIT license.

// The tokens of a text, each with what the probability of the class loses without it: a
// bar above the line where the token speaks for the class, below where against.

import { html } from "../page/dom.ts";
import { signed } from "../page/numbers.ts";
import type { Influences } from "../protocol.ts";

/** A bar of less than this is not as high as it can be. */
const SMALL = 0.05;

/**
 * Makes the row.
 *
 * @param tokens The tokens.
 * @param influences How much each matters; absent while that is being computed.
 */
export function tokenRow(
  tokens: readonly string[],
  influences: Influences | undefined,
): HTMLOListElement {
  const most = Math.max(SMALL, ...(influences?.values ?? []).map(Math.abs));
  return html(
    "ol",
    { class: "tokens" },
    ...tokens.map((token, i) => {
      const value = influences?.values[i];
      const bar = html("span", {
        class: value === undefined
          ? "bar"
          : `bar ${value < 0 ? "against" : "for"}`,
        "aria-hidden": "true",
      });
      bar.style.setProperty("--share", `${Math.abs(value ?? 0) / most}`);
      return html(
        "li",
        {},
        bar,
        html("span", { class: "token" }, token),
        html(
          "span",
          { class: "number" },
          value === undefined ? "…" : signed(value),
        ),
      );
    }),
  );
}
