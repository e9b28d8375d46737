// Copyright 2026 the swagpu authors. MIT license.

// Metrics compared with values of scikit-learn, SciPy, statsmodels, sacreBLEU,
// rouge_score, seqeval and the scripts of SQuAD, as `deno task golden` does. The
// fixtures are some of the cases of each function; each names its source.

import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Comparison } from "../../tools/golden/compare.ts";
import type { MetricCase } from "../../tools/golden/metric_cases.ts";
import {
  checkMetricFile,
  checkMetricFolder,
  metricFilesIn,
} from "../../tools/golden/metrics.ts";
import { FUNCTIONS as CLASSIFICATION } from "../../tools/golden/metrics/classification.ts";
import { FUNCTIONS as DIFFERENCES } from "../../tools/golden/metrics/tests_of_difference.ts";
import { FUNCTIONS as TEXT } from "../../tools/golden/metrics/text.ts";

const FOLDER = new URL("../fixtures/metrics", import.meta.url).pathname;
const FILES: Record<string, readonly string[]> = {
  classification: CLASSIFICATION,
  tests_of_difference: DIFFERENCES,
  text: TEXT,
};

async function casesOf(name: string): Promise<MetricCase[]> {
  return JSON.parse(await Deno.readTextFile(`${FOLDER}/${name}.json`));
}

function namesOf(comparisons: readonly Comparison[]): string[] {
  return comparisons.map(({ name, note }) => `${name}: ${note}`);
}

Deno.test("every case of every function agrees, within its tolerance", async () => {
  for (const [name, functions] of Object.entries(FILES)) {
    const cases = await casesOf(name);
    const results = await checkMetricFile({ path: `${name}.json`, cases });
    assertEquals(results.length, cases.length);
    assertEquals(namesOf(results.filter(({ ok }) => !ok)), []);
    const covered = new Set(cases.map((one) => one.function));
    assertEquals([...covered].sort(), [...functions].sort());
  }
});

/** Changes every number in a value by a hundredth. */
function shifted(value: unknown): unknown {
  if (typeof value === "number") return value + 0.01 * Math.max(1, value);
  if (value === "NaN") return 0;
  if (Array.isArray(value)) return value.map(shifted);
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([name, part]) => [name, shifted(part)]),
    );
  }
  return value;
}

Deno.test("no case agrees with other numbers", async () => {
  for (const name of Object.keys(FILES)) {
    const cases = (await casesOf(name)).filter((one) =>
      one.function !== "bleuTokenize"
    ).map((one) => ({ ...one, expected: shifted(one.expected) }));
    const results = await checkMetricFile({ path: `${name}.json`, cases });
    assertEquals(results.filter(({ ok }) => ok), []);
  }
});

Deno.test("functions and options that nobody knows fail by name", async () => {
  const [one] = await casesOf("classification");
  assert(one);
  const cases = [
    { ...one, id: "a", function: "accurracy" },
    { ...one, id: "b", function: "toString" },
    { ...one, id: "c", options: { normalise: true } },
  ];
  for (const path of ["classification.json", "never_seen.json"]) {
    const results = await checkMetricFile({ path, cases });
    assertEquals(results.map(({ ok }) => ok), [false, false, false]);
    assertMatch(results[0]?.note ?? "", /^there is no metric for accurracy$/);
    assertMatch(results[1]?.note ?? "", /^there is no metric for toString$/);
    assertMatch(results[2]?.note ?? "", /option normalise is not known/);
  }
});

Deno.test("a file with a new name is checked function by function", async () => {
  const all = await Promise.all(Object.keys(FILES).map(casesOf));
  const cases = all.map((list) => list.slice(0, 3)).flat();
  const results = await checkMetricFile({ path: "/x/never_seen.json", cases });
  assertEquals(results.map(({ name }) => name), cases.map(({ id }) => id));
  assertEquals(namesOf(results.filter(({ ok }) => !ok)), []);
});

Deno.test("a folder that no module checks fails by name", async () => {
  const [result] = await checkMetricFolder("/x/never_seen");
  assertEquals(result?.ok, false);
  assertMatch(result?.note ?? "", /never_seen\.ts/);
});

Deno.test("metricFilesIn() takes lists of cases and leaves other files", async () => {
  const files = await metricFilesIn(FOLDER);
  const paths = files.map(({ path }) => path);
  for (const name of Object.keys(FILES)) {
    assert(paths.includes(`${FOLDER}/${name}.json`));
  }
  const models = new URL("../fixtures/models", import.meta.url).pathname;
  assertEquals(await metricFilesIn(models), []);
});
