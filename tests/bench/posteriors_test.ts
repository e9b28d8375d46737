// Copyright 2026 the swagpu authors. MIT license.

import {
  assertAlmostEquals,
  assertEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { posteriorsFigure } from "../../bench/posteriors/figure.ts";
import { methodsOf } from "../../bench/posteriors/methods.ts";
import type { MethodResult } from "../../bench/posteriors/results.ts";
import {
  chosen,
  nextRate,
  ratesOf,
  type ScanEntry,
  TRIED,
} from "../../bench/posteriors/scan.ts";
import { scoresOf } from "../../bench/posteriors/scores.ts";
import { summarize } from "../../bench/posteriors/summary.ts";
import { tableOf } from "../../bench/posteriors/table.ts";

const NO_SAMPLES = { mutualInformation: Float64Array.of(0, 0, 0, 0) };

function example(label: number) {
  return { text: "", label };
}

Deno.test("scoresOf() measures the test set, at the temperature of validation", () => {
  const probabilities = Float64Array.of(0.9, 0.1, 0.9, 0.1, 0.9, 0.1, 0.9, 0.1);
  const set = { probabilities, ...NO_SAMPLES };
  const scores = scoresOf({ validation: set, test: set }, {
    classes: 2,
    // Three in four are right, and nine in ten were claimed.
    validation: [0, 0, 0, 1].map(example),
    test: [0, 0, 1, 1].map(example),
    truth: [[0.5, 0.5], [0.5, 0.5], [0.5, 0.5], [0.5, 0.5]],
  });
  assertEquals(scores.accuracy, 0.5);
  assertAlmostEquals(scores.nll, -Math.log(0.09) / 2);
  assertAlmostEquals(scores.temperature, 2, 1e-6);
  assertAlmostEquals(scores.calibratedNll, -Math.log(0.75 * 0.25) / 2, 1e-6);
  assertAlmostEquals(scores.ece, 0.4);
  assertAlmostEquals(scores.brier, (0.02 + 1.62) / 2);
  assertAlmostEquals(scores.aurc, 0.5);
  assertAlmostEquals(scores.crossEntropy ?? NaN, -Math.log(0.09) / 2);
  assertEquals(scores.foreignAuroc, undefined);
});

Deno.test("scoresOf() compares foreign texts with the test set", () => {
  const sure = Float64Array.of(0.9, 0.1, 0.9, 0.1, 0.9, 0.1, 0.6, 0.4);
  const data = {
    classes: 2,
    validation: [0, 0, 0, 1].map(example),
    test: [0, 0, 0, 1].map(example),
  };
  const test = {
    probabilities: sure,
    mutualInformation: Float64Array.of(0.1, 0.1, 0.1, 0.3),
  };
  const foreign = {
    probabilities: Float64Array.of(0.5, 0.5, 0.9, 0.1),
    mutualInformation: Float64Array.of(0.4, 0.2),
  };
  const scores = scoresOf({ validation: test, test, foreign }, data);
  assertAlmostEquals(scores.foreignRatio ?? NaN, 2);
  assertAlmostEquals(scores.foreignAuroc ?? NaN, 7 / 8);
  // 0.9 is as uncertain as three of four, and 0.5 more than all.
  assertAlmostEquals(scores.entropyAuroc ?? NaN, (4 + 1.5) / 8);
  const single = scoresOf({
    validation: { probabilities: sure, ...NO_SAMPLES },
    test: { probabilities: sure, ...NO_SAMPLES },
    foreign,
  }, data);
  assertEquals([single.foreignRatio, single.foreignAuroc], [
    undefined,
    undefined,
  ]);
  assertAlmostEquals(single.entropyAuroc ?? NaN, (4 + 1.5) / 8);
});

/** Results of one seed, whose calibrated likelihoods are given. */
function resultsOf(seed: number, shift: number): MethodResult[] {
  const rows: [string, MethodResult["family"], number, number][] = [
    ["standard", "single", 1, 1],
    ["swag", "swag", 1, 0.9],
    ["ensemble-2", "ensemble", 2, 0.8],
    ["multiswag-2", "swag", 2, 0.7],
    ["truth", "truth", 0, 0.5],
  ];
  return rows.map(([method, family, runs, nll]) => ({
    ...{ method, title: `the ${method}`, family, runs, seed, seconds: 1 },
    scores: {
      ...{ accuracy: 0.5, nll: nll + 1 + shift, ece: 0.125 },
      ...family === "truth" ? {} : { calibratedNll: nll + shift },
    },
  }));
}

Deno.test("summarize() gives means, deviations and equivalent ensembles", () => {
  const summary = summarize([resultsOf(1, 0), resultsOf(2, 0.2)]);
  const [standard, swag, , multi, truth] = summary;
  assertAlmostEquals(standard?.scores.nll?.mean ?? NaN, 2.1);
  assertAlmostEquals(standard?.scores.nll?.sd ?? NaN, Math.sqrt(0.02));
  assertEquals(standard?.seeds, 2);
  assertAlmostEquals(swag?.equivalent ?? NaN, 1.5);
  assertEquals([standard?.equivalent, multi?.equivalent], [1, 2]);
  assertEquals(truth?.equivalent, undefined);
});

Deno.test("tableOf() leaves out columns without numbers", () => {
  const table = tableOf(
    "A task",
    summarize([resultsOf(1, 0), resultsOf(2, 0.2)]),
  );
  const lines = table.split("\n");
  assertEquals(lines.slice(0, 6), [
    "## A task",
    "",
    "Mean ± standard deviation over 2 seeds.",
    "",
    "|  | runs | accuracy | NLL | calibrated NLL | ECE | DEE |",
    "| --- | --: | --: | --: | --: | --: | --: |",
  ]);
  assertEquals(
    lines[7],
    "| the swag | 1 | 0.500 | 2.000 ± 0.141 | 1.000 ± 0.141 | 0.125 | 1.5 |",
  );
  assertEquals(
    lines[10],
    "| the truth | – | 0.500 | 1.600 ± 0.141 | – | 0.125 | – |",
  );
});

Deno.test("the figure has every task, method and group", async () => {
  const methods = summarize([resultsOf(1, 0), resultsOf(2, 0.2)]);
  const svg = await posteriorsFigure([
    { title: "A task", methods },
    { title: "Another", methods },
  ]);
  for (
    const text of [
      ...["A task", "Another", "the swag", "the multiswag-2"],
      ...["1 training run", "2 training runs", "NLL", "ECE"],
    ]
  ) assertStringIncludes(svg, `${text}<`);
  assertEquals(svg.includes("the truth"), false);
});

Deno.test("methodsOf() has ten of one run, and two of each other number", () => {
  const methods = methodsOf([1, 2, 4]);
  assertEquals(methods.length, 14);
  assertEquals(new Set(methods.map(({ name }) => name)).size, 14);
  assertEquals(methods.slice(10).map(({ name }) => name), [
    ...["ensemble-2", "multiswag-2", "ensemble-4", "multiswag-4"],
  ]);
});

Deno.test("a scan tries three rates, and one more if the best is at an end", () => {
  const [lowest, low, middle, high, highest] = TRIED.swag;
  const scanOf = (nlls: [number | undefined, number][]) =>
    nlls.map(([rate = NaN, nll]): ScanEntry => ({
      ...{ regime: "swag", rate, nll, accuracy: 0.5 },
    }));
  const next = (nlls: [number | undefined, number][]) =>
    nextRate(scanOf(nlls), "swag");
  assertEquals(next([]), low);
  assertEquals(next([[low, 0.9], [high, 0.8]]), middle);
  assertEquals(next([[low, 0.9], [middle, 0.7], [high, 0.8]]), undefined);
  assertEquals(next([[low, 0.6], [middle, 0.7], [high, 0.8]]), lowest);
  assertEquals(next([[low, 0.9], [middle, 0.8], [high, 0.7]]), highest);
  const ended = [[low, 0.9], [middle, 0.8], [high, 0.7], [
    highest,
    0.6,
  ]] as const;
  assertEquals(next([...ended].map(([rate, nll]) => [rate, nll])), undefined);
});

Deno.test("chosen() takes the best rate once no other has to be tried", () => {
  const [, low = NaN, middle = NaN, high = NaN] = TRIED.swag;
  const nlls = new Map([[low, 0.9], [middle, 0.7], [high, 0.8]]);
  const scan = Array.from(nlls, ([rate, nll]): ScanEntry => ({
    ...{ regime: "swag", rate, nll, accuracy: 0.5 },
  }));
  assertEquals(chosen(scan), { swag: middle });
  assertEquals(chosen(scan.slice(1)), {});
  assertThrows(
    () => ratesOf("sst2", { rates: chosen(scan), scan }),
    RangeError,
    "Cannot measure sst2: there is no rate for standard, dropout, ivon",
  );
});
