// Copyright 2026 the swagpu authors. MIT license.

// The comparison of posteriors as a whole, on data of the published form that are as
// small as they can be.

import {
  assert,
  assertEquals,
  assertGreater,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import {
  comparePosteriors,
  type PosteriorsOptions,
} from "../../../bench/posteriors.ts";
import type { MethodResult } from "../../../bench/posteriors/results.ts";
import { reviewsTask, TASKS } from "../../../bench/posteriors/tasks.ts";
import { gpuTest } from "../../_check.ts";
import { inFolder } from "../../_folder.ts";

const RATES = { standard: 3e-3, dropout: 3e-3, swag: 0.03, ivon: 0.1 };

/** Writes files of the published forms, with a few easy examples. */
async function writeData(folder: string): Promise<void> {
  const write = async (path: string, text: string) => {
    await Deno.mkdir(`${folder}/${path.split("/")[0]}`, { recursive: true });
    await Deno.writeTextFile(`${folder}/${path}`, text);
  };
  const numbers = Array.from({ length: 24 }, (_, i) => i);
  const intent = (i: number) => ["greet", "leave", "pay"][i % 3] ?? "";
  const clinc = (count: number) =>
    numbers.slice(0, count).map((
      i,
    ) => [`please ${intent(i)} now ${i}`, intent(i)]);
  const foreign = [["quantum foam", "oos"], ["a red whale", "oos"]];
  await write(
    "clinc150/data_full_trainval.json",
    JSON.stringify({
      train: clinc(24),
      val: clinc(12),
      oos_train: foreign,
      oos_val: foreign,
    }),
  );
  const sentence = (i: number) =>
    i % 2 === 0 ? `a dull film ${i}\t0` : `a great film ${i}\t1`;
  await write("sst2/train.tsv", numbers.map(sentence).join("\n") + "\n");
  await write(
    "sst2/dev.tsv",
    numbers.slice(0, 8).map(sentence).join("\n") + "\n",
  );
  const labels = ["entailment", "neutral", "contradiction"];
  const pair = (i: number) => ({
    premise: `a dog runs ${i}`,
    hypothesis: ["an animal runs", "it is happy", "a cat sleeps"][i % 3],
  });
  const lines = (rows: object[]) =>
    rows.map((row) => JSON.stringify(row) + "\n").join("");
  const nli = (count: number) =>
    lines(
      numbers.slice(0, count).map((i) => ({
        ...pair(i),
        label: labels[i % 3],
      })),
    );
  await write("snli_small/train.jsonl", nli(24));
  await write("snli_small/valid.jsonl", nli(9));
  await write(
    "chaosnli_snli/chaosNLI_snli.jsonl",
    lines(
      numbers.slice(0, 9).map((i) => ({
        example: pair(i),
        label_count: [0, 1, 2].map((c) => c === i % 3 ? 80 : 10),
      })),
    ),
  );
}

gpuTest("all tasks are measured, drawn, and not measured again", async () => {
  await inFolder(async (folder) => {
    const data = `${folder}/data`;
    const output = `${folder}/output`;
    await writeData(data);
    await Deno.mkdir(output);
    const sizes = { train: 40, validation: 20, test: 40, foreign: 10 };
    const tasks = [reviewsTask(sizes), ...TASKS.slice(1)]
      .map((task) => ({ ...task, hiddenSize: 16 }));
    const printed: string[] = [];
    const notes: string[] = [];
    const kept = `${folder}/scores.json`;
    const options: PosteriorsOptions = {
      ...{ data, output, scores: kept, tasks, seeds: 1, members: [1, 2] },
      choices: Object.fromEntries(
        tasks.map(({ name }) => [name, { rates: RATES, scan: [] }]),
      ),
      epochs: { all: 4, before: 1, skipped: 0 },
      print: (text) => void printed.push(text),
      note: (line) => void notes.push(line),
    };
    await comparePosteriors(options);
    assertEquals(printed.length, 4);
    const tables = await Deno.readTextFile(`${output}/posteriors.md`);
    const svg = await Deno.readTextFile(`${output}/posteriors.svg`);
    for (const { name, title } of tasks) {
      assertStringIncludes(tables, `## ${title}`);
      assertStringIncludes(svg, title);
      const all: Record<string, { results: MethodResult[] }> = JSON.parse(
        await Deno.readTextFile(kept),
      );
      const results = new Map<string, MethodResult>();
      for (const result of all[name]?.results ?? []) {
        results.set(result.method, result);
        for (const [score, value] of Object.entries(result.scores)) {
          assert(Number.isFinite(value), `${name}, ${result.method}: ${score}`);
        }
      }
      const scores = (method: string) => results.get(method)?.scores ?? {};
      assertEquals(results.has("multiswag-2"), true);
      // A temperature changes confidences, and no choice of a class.
      assertEquals(scores("temperature").accuracy, scores("standard").accuracy);
      // Samples disagree, and a single set of weights does not.
      for (
        const method of ["swag", "multiswag-2", "mc-dropout", "ivon", "laplace"]
      ) {
        assertGreater(scores(method).mutualInformation, 1e-6, method);
      }
      for (const method of ["standard", "swa", "ivon-mean", "temperature"]) {
        assertEquals(
          (scores(method).mutualInformation ?? 1) < 1e-6,
          true,
          method,
        );
      }
    }
    const before = notes.length;
    // The runs are not needed any more.
    await Deno.remove(output, { recursive: true });
    await Deno.mkdir(output);
    await comparePosteriors(options);
    assertEquals(notes.length, before);
    assertEquals(printed.slice(4), printed.slice(0, 4));
    await assertRejects(
      () =>
        comparePosteriors({
          ...options,
          epochs: { all: 5, before: 1, skipped: 0 },
        }),
      RangeError,
      "has results of other settings",
    );
    await assertRejects(
      () => comparePosteriors({ ...options, choices: {} }),
      RangeError,
      "Cannot measure reviews: there is no rate for standard, dropout, swag, ivon",
    );
  });
});
