// Copyright 2026 the swagpu authors. MIT license.

import { assert } from "@std/assert";
import { manualSeed, zeros } from "../../engine/mod.ts";
import { copyInto } from "../../engine/launch/flat.ts";
import { truncatedNormal } from "../../nn/truncated_normal.ts";
import { gpuTest } from "../_check.ts";
import { erfReference } from "../reference/functions.ts";

const COUNT = 40_000;

gpuTest(
  "truncatedNormal() has the moments of a truncated normal distribution",
  async () => {
    manualSeed(2);
    for (
      const [std, cutoff] of [[2, 0.5], [0.02, 2], [1, 3], [0.5, 5]] as const
    ) {
      const drawn = zeros([COUNT]);
      truncatedNormal({ std, cutoff })([COUNT], (x) => copyInto(drawn, x));
      const values = [...await drawn.data()].map((x) => x / std);
      const inside = erfReference(cutoff / Math.SQRT2);
      const edge = Math.exp(-cutoff * cutoff / 2) / Math.sqrt(2 * Math.PI);
      const variance = 1 - 2 * cutoff * edge / inside;
      const fourth = 3 * variance - 2 * cutoff ** 3 * edge / inside;
      const moment = (n: number) =>
        values.reduce((sum, x) => sum + x ** n, 0) / COUNT;
      const label = `cutoff ${cutoff}`;
      assert(values.every((x) => Math.abs(x) <= cutoff * (1 + 1e-6)), label);
      // Five standard errors of each mean.
      const margin = (expected: number) => 5 * Math.sqrt(expected / COUNT);
      assert(Math.abs(moment(1)) < margin(variance), label);
      assert(
        Math.abs(moment(2) - variance) < margin(fourth - variance ** 2),
        label,
      );
      for (const at of [0.25, 0.5, 1, 2, 2.8]) {
        if (at > cutoff) continue;
        const share = values.filter((x) => Math.abs(x) < at).length / COUNT;
        const expected = erfReference(at / Math.SQRT2) / inside;
        assert(
          Math.abs(share - expected) < margin(expected * (1 - expected)) + 1e-9,
          `${label}: ${share} within ${at}, expected ${expected}`,
        );
      }
    }
  },
);
