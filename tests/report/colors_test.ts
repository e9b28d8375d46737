// Copyright 2026 the swagpu authors. MIT license.

import { assert } from "@std/assert";
import { DARK, LIGHT, type Palette } from "../../report/mod.ts";
import { STYLE } from "../../report/style.ts";

/** The relative luminance of a color (WCAG 2.2). */
function luminance(color: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const value = parseInt(color.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [low = 0, high = 0] = [luminance(a), luminance(b)]
    .sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}

/** The color that somebody without a kind of cones sees (Viénot et al., 1999). */
function seenWithout(color: string, kind: "red" | "green"): string {
  const linear = [1, 3, 5].map((at) =>
    (parseInt(color.slice(at, at + 2), 16) / 255) ** 2.2
  );
  const [r = 0, g = 0, b = 0] = linear;
  const weights = kind === "red"
    ? [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]]
    : [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]];
  const channels = weights.map(([x = 0, y = 0, z = 0]) => {
    const value = Math.max(0, Math.min(1, x * r + y * g + z * b));
    return Math.round(255 * value ** (1 / 2.2)).toString(16).padStart(2, "0");
  });
  return `#${channels.join("")}`;
}

function distance(a: string, b: string): number {
  return Math.hypot(
    ...[1, 3, 5].map((at) =>
      parseInt(a.slice(at, at + 2), 16) - parseInt(b.slice(at, at + 2), 16)
    ),
  );
}

const SCHEMES: [string, Palette][] = [["light", LIGHT], ["dark", DARK]];

for (const [name, palette] of SCHEMES) {
  Deno.test(`colors of text have WCAG's contrast, ${name}`, () => {
    // Both accents name curves, so they are colors of text too.
    for (const color of ["ink", "quiet", "first", "second"] as const) {
      const found = contrast(palette[color], palette.paper);
      assert(found >= 4.5, `${color}: ${found}`);
    }
  });

  Deno.test(`colors of lines have WCAG's contrast, ${name}`, () => {
    const found = contrast(palette.line, palette.paper);
    assert(found >= 3, `${found}`);
  });

  Deno.test(`accents differ for every reader, ${name}`, () => {
    const { first, second } = palette;
    for (const kind of ["red", "green"] as const) {
      const [a, b] = [first, second].map((color) => seenWithout(color, kind));
      assert(distance(a ?? "", b ?? "") > 80, `${kind}: ${a} ${b}`);
    }
  });
}

Deno.test("numbers on the strongest cells can be read", () => {
  // Cells above 60 % have the paper's color on them, others the ink's.
  for (const [, { first, paper, ink }] of SCHEMES) {
    const mixed = (share: number) =>
      `#${
        [1, 3, 5].map((at) => {
          const [a, b] = [first, paper].map((c) =>
            parseInt(c.slice(at, at + 2), 16)
          );
          const value = share * (a ?? 0) + (1 - share) * (b ?? 0);
          return Math.round(value).toString(16).padStart(2, "0");
        }).join("")
      }`;
    for (let rate = 0; rate <= 1; rate += 0.05) {
      const cell = mixed(0.08 + 0.92 * rate);
      const found = contrast(cell, rate > 0.6 ? paper : ink);
      assert(found >= 3, `${rate}: ${found}`);
    }
  }
});

Deno.test("the page has both schemes, and prints in the light one", () => {
  assert(STYLE.includes(`--paper:${LIGHT.paper}`));
  const dark = STYLE.indexOf(`--paper:${DARK.paper}`);
  const before = STYLE.slice(0, dark);
  assert(
    before.lastIndexOf("@media screen and (prefers-color-scheme:dark)") > 0,
  );
});
