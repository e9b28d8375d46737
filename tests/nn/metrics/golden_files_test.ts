// Copyright 2026 the swagpu authors. MIT license.

// A sample of the values of torchmetrics, torch-uncertainty, relplot, SciPy,
// properscoring, MAPIE and lm-polygraph: each metric with each of its options.
// `deno task golden` compares whole files.

import { assert, assertEquals } from "@std/assert";
import * as calibration from "../../../tools/golden/metrics/calibration.ts";
import {
  checkCases,
  compareNumbers,
  type MetricCase,
} from "../../../tools/golden/metrics/cases.ts";
import * as conformal from "../../../tools/golden/metrics/conformal.ts";
import * as generation from "../../../tools/golden/metrics/generation_uncertainty.ts";
import * as uncertainty from "../../../tools/golden/metrics/uncertainty.ts";

const FILES = [
  { name: "calibration", ...calibration, cases: 57, functions: 11 },
  { name: "uncertainty", ...uncertainty, cases: 49, functions: 13 },
  { name: "conformal", ...conformal, cases: 62, functions: 8 },
  { name: "generation_uncertainty", ...generation, cases: 17, functions: 7 },
];

for (const { name, check, ...counts } of FILES) {
  Deno.test(`every case of ${name}.json has the value of its library`, async () => {
    const url = new URL(
      `../../fixtures/metrics/${name}.json`,
      import.meta.url,
    );
    const cases: MetricCase[] = JSON.parse(await Deno.readTextFile(url));
    const functions = new Set(cases.map((one) => one.function)).size;
    assertEquals({ cases: cases.length, functions }, counts);
    const failed = check(cases).filter(({ ok }) => !ok);
    assertEquals(failed, []);
  });
}

/** Whether two values count as equal within a tolerance of 0.1. */
function agrees(got: unknown, expected: unknown): boolean {
  return compareNumbers("x", got, { expected, tolerance: 0.1 }).ok;
}

Deno.test("a case fails where a number is off, missing or of another kind", () => {
  assert(agrees(1.05, 1));
  assert(!agrees(1.11, 1));
  assert(agrees(21, 20));
  assert(!agrees(23, 20));
  assert(agrees({ a: [1, 2] }, { a: [1, 2] }));
  assert(agrees({ a: new Float64Array([1, 2]), b: 9 }, { a: [1, 2] }));
  assert(!agrees({ a: [1] }, { a: [1, 2] }));
  assert(!agrees({ b: [1, 2] }, { a: [1, 2] }));
  assert(!agrees(undefined, 1));
  assert(!agrees("1", 1));
  for (const special of ["NaN", "Infinity", "-Infinity"]) {
    assert(agrees(Number(special), special));
    assert(!agrees(1, special));
    assert(!agrees(Number(special), 1));
  }
  assert(!agrees(-Infinity, "Infinity"));
});

Deno.test("a case of a metric that does not exist fails, and names it", () => {
  const one: MetricCase = {
    id: "a/1",
    function: "toString",
    inputs: {},
    options: {},
    expected: 1,
    tolerance: 0,
    source: "",
  };
  const failing = { broken: () => fail() };
  const [unknown, thrown] = checkCases(
    [one, { ...one, function: "broken" }],
    failing,
  );
  assertEquals(unknown?.ok, false);
  assertEquals(unknown?.note, "there is no metric for toString");
  assertEquals(thrown?.ok, false);
  assertEquals(thrown?.note, "broken: RangeError: no value");
});

function fail(): never {
  throw new RangeError("no value");
}
