// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

// Times attention for texts of several lengths: with every key, causal, and with a
// window of 128. The first two grow with the square of the length, the third with the
// length. The slope is that of log time over log length, between a quarter of the
// longest text and the longest.

import {
  attention,
  backward,
  initialize,
  normal,
  scope,
} from "../engine/mod.ts";
import { Stretch } from "./stretch.ts";

const LENGTHS = [17, 128, 512, 2048, 8192];
const HEADS = 1;
const DEPTH = 64;
const REPEATS = 3;

const RULES = {
  full: {},
  causal: { causal: true },
  "window 128": { window: 128 },
} as const;

const device = await initialize();
console.log(
  `adapter: ${device.name}; batch 1, ${HEADS} head of ${DEPTH} columns`,
);

/** Milliseconds of one call: the best of several, each long enough to time. */
async function time(run: () => void): Promise<number> {
  run(); // compiles
  const stretch = new Stretch(run, () => device.synchronize());
  let best = await stretch.seconds();
  if (best < 1) {
    for (let i = 1; i < REPEATS; i++) {
      best = Math.min(best, await stretch.seconds());
    }
  }
  return 1000 * best;
}

for (const [name, rule] of Object.entries(RULES)) {
  for (const backwards of [false, true]) {
    const times = new Map<number, number>();
    for (const length of LENGTHS) {
      using _ = scope();
      const [q, k, v, dy] = [0, 1, 2, 3].map(() =>
        normal([1, length, HEADS * DEPTH])
      );
      if (!q || !k || !v || !dy) continue;
      for (const x of [q, k, v]) x.requiresGrad = backwards;
      const best = await time(() => {
        using _ = scope();
        const y = attention(q, k, v, { heads: HEADS, ...rule });
        if (backwards) backward(y, { gradient: dy });
      });
      times.set(length, best);
      for (const x of [q, k, v]) x.dropGradient();
    }
    const longest = LENGTHS.at(-1) ?? 1;
    const slope = Math.log(
      (times.get(longest) ?? NaN) / (times.get(longest / 4) ?? NaN),
    ) / Math.log(4);
    console.log(
      `${name}, forward${backwards ? " and backward" : ""}: ${
        [...times].map(([length, ms]) => `${length}: ${ms.toPrecision(3)}`)
          .join(", ")
      } ms; slope ${slope.toFixed(2)}`,
    );
  }
}
