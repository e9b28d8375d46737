// Copyright 2026 the swagpu authors. MIT license.

// The example of Push's notebook: 100 points fix the error that networks of this size
// reach, whatever their seed, and leave them free away from the points.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertGreater,
  assertLess,
  assertStringIncludes,
} from "@std/assert";
import { main } from "../../../examples/toy_regression.ts";
import { gpuTest } from "../../_check.ts";
import { inFolder } from "../../_folder.ts";

gpuTest(
  "eight particles fit the points, and spread away from them",
  async () => {
    await inFolder(async (folder) => {
      const lines: string[] = [];
      const [results] = await main([8], {
        output: `${folder}/bands.svg`,
        print: (line) => void lines.push(line),
      });
      assert(results);
      const { errors, std, between } = results;
      assertEquals([errors.length, lines.length], [8, 2]);
      assertGreater(errors.filter((error) => error <= 0.0027).length, 6);
      const mean = errors.reduce((sum, error) => sum + error, 0) / 8;
      assertAlmostEquals(mean, 0.002525, 0.000125);
      const [among = 0, right = 0, left = 0] = std;
      assertGreater(right, 5 * among);
      assertGreater(left, 5 * among);
      between.forEach((part, i) => assertLess(part, std[i] ?? 0));
      const svg = await Deno.readTextFile(`${folder}/bands.svg`);
      assertStringIncludes(svg, "8 particles: the mean of each");
    });
  },
);
