// Copyright 2026 the swagpu authors. MIT license.

import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { inFolder } from "../../_folder.ts";
import {
  reliabilityDiagram,
  writeReliabilityDiagram,
} from "../../../examples/quickstart/reliability.ts";
import { counterRandom } from "../../../nn/counter_random.ts";

const random = counterRandom(1);
const labels = Array.from({ length: 200 }, () => Math.floor(3 * random()));
const probabilities = labels.flatMap(() => {
  const p = 0.34 + 0.66 * random();
  return [p, (1 - p) / 2, (1 - p) / 2];
});
const methods = ["last iterate", "SWA", "SWAG-Diagonal", "SWAG"];
const predictions = methods.map((method) => ({ method, probabilities }));

Deno.test("reliabilityDiagram() draws a panel for each method", async () => {
  const svg = await reliabilityDiagram(predictions, labels, {
    title: "Seed 1",
  });
  assert(svg.startsWith("<svg") && svg.trimEnd().endsWith("</svg>"));
  for (const method of [...methods, "Seed 1", "confidence", "accuracy"]) {
    assertStringIncludes(svg, `>${method}</text>`);
  }
  assertEquals(svg.match(/>ECE 0\.\d{3} · NLL \d\.\d{3}</g)?.length, 4);
  assertEquals(svg.match(/>over-confident</g)?.length, 1);
  assert(!svg.includes("NaN"));
});

Deno.test("writeReliabilityDiagram() writes a complete file, and leaves no other", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/reliability.svg`;
    await Deno.writeTextFile(path, "old");
    await writeReliabilityDiagram(path, predictions, { labels });
    const svg = await Deno.readTextFile(path);
    assertEquals(svg, await reliabilityDiagram(predictions, labels));
    assertEquals([...Deno.readDirSync(folder)].length, 1);
    await assertRejects(
      () =>
        writeReliabilityDiagram(`${folder}/none/r.svg`, predictions, {
          labels,
        }),
      Deno.errors.NotFound,
    );
  });
});
