// Copyright 2026 the swagpu authors. MIT license.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertMatch,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { checkSameRows } from "../../../cli/compared_rows.ts";
import { compareRuns } from "../../../cli/comparison.ts";
import { renderComparison } from "../../../cli/comparison_text.ts";
import { readPredictions } from "../../../cli/prediction_file.ts";
import {
  accuracy,
  argmaxRows,
  brierScore,
  expectedCalibrationError,
  f1Score,
  matthewsCorrelation,
  negativeLogLikelihood,
} from "../../../nn/mod.ts";
import { inFolder } from "../../_folder.ts";
import { cli, inDataFolder } from "../../cli/_command.ts";

type Row = Record<string, unknown>;

/** Ten labels, and on which rows the runs a and b are right. */
const GOLD = [..."pnpnpnpnpn"].map((letter) => letter === "p" ? "pos" : "neg");
const RIGHT_A = [1, 1, 1, 1, 1, 1, 1, 0, 0, 0];
const RIGHT_B = [1, 1, 1, 0, 0, 0, 0, 1, 0, 0];

/** Predictions with the same confidence in each row. */
function predictions(right: readonly number[], confidence: number): Row[] {
  return GOLD.map((gold, i) => {
    const other = gold === "pos" ? "neg" : "pos";
    const label = right[i] ? gold : other;
    const rest = Number((1 - confidence).toFixed(6));
    const [neg, pos] = label === "neg"
      ? [confidence, rest]
      : [rest, confidence];
    return { text: `text ${i}`, gold, label, probabilities: { neg, pos } };
  });
}

const A = predictions(RIGHT_A, 0.8);
const B = predictions(RIGHT_B, 0.6);

/** Writes rows as JSONL, and gives the path. */
async function write(
  folder: string,
  name: string,
  rows: readonly Row[],
): Promise<string> {
  const path = `${folder}/${name}.jsonl`;
  const text = rows.map((row) => JSON.stringify(row) + "\n").join("");
  await Deno.writeTextFile(path, text);
  return path;
}

/** Compares files as the command does. */
async function compareFiles(
  paths: readonly string[],
  main: "accuracy" | "f1" | "mcc" = "accuracy",
  resamples = 20_000,
) {
  const runs = await Promise.all(paths.map(readPredictions));
  const [first, ...others] = runs;
  for (const other of others) if (first) checkSameRows(first, other);
  const predicted = await Promise.all(
    runs.map(async ({ name, rows, predict }) => ({
      name,
      rows,
      ...await predict(),
    })),
  );
  return compareRuns(predicted, { main, resamples, seed: 0 });
}

/** The distribution of the sum of some draws, of which each is one of the steps. */
function sums(steps: readonly (readonly [number, number])[], draws: number) {
  let shares = new Map([[0, 1]]);
  for (let draw = 0; draw < draws; draw++) {
    const next = new Map<number, number>();
    for (const [sum, p] of shares) {
      for (const [step, share] of steps) {
        next.set(sum + step, (next.get(sum + step) ?? 0) + p * share);
      }
    }
    shares = next;
  }
  return [...shares].sort(([a], [b]) => a - b);
}

/** The least sum that this share of draws does not exceed. */
function quantile(shares: readonly [number, number][], share: number): number {
  let total = 0;
  for (const [sum, p] of shares) {
    total += p;
    if (total >= share) return sum;
  }
  return NaN;
}

Deno.test("compare scores two runs as by hand, with exact quantiles and tests", async () => {
  await inFolder(async (folder) => {
    const paths = [await write(folder, "a", A), await write(folder, "b", B)];
    const { rows, runs, pairs } = await compareFiles(paths);
    assertEquals(rows, 10);
    const [a, b] = runs.map(({ scores }) => scores);
    const expected = [
      [a, 0.7, -(7 * Math.log(0.8) + 3 * Math.log(0.2)) / 10, 0.1, 0.44],
      [b, 0.4, -(4 * Math.log(0.6) + 6 * Math.log(0.4)) / 10, 0.2, 0.56],
    ] as const;
    for (const [scores, ...values] of expected) {
      assertEquals(Object.keys(scores ?? {}), [
        ..."accuracy nll ece brier".split(" "),
      ]);
      Object.values(scores ?? {}).forEach(({ value }, i) =>
        assertAlmostEquals(value, values[i] ?? NaN, 1e-12)
      );
    }
    // The number of right rows among ten draws is binomial.
    const hits = sums([[1, 0.7], [0, 0.3]], 10);
    assertEquals(a?.["accuracy"]?.low, quantile(hits, 0.025) / 10);
    assertEquals(a?.["accuracy"]?.high, quantile(hits, 0.975) / 10);

    const [pair] = pairs;
    assertEquals(pairs.length, 1);
    assertEquals([pair?.a, pair?.b], paths);
    const { accuracy, ece, brier } = pair?.differences ?? {};
    assertAlmostEquals(accuracy?.value ?? NaN, 0.3, 1e-12);
    assertAlmostEquals(ece?.value ?? NaN, -0.1, 1e-12);
    assertAlmostEquals(brier?.value ?? NaN, -0.12, 1e-12);
    const steps = sums([[1, 0.4], [0, 0.5], [-1, 0.1]], 10);
    assertAlmostEquals(
      accuracy?.low ?? NaN,
      quantile(steps, 0.025) / 10,
      1e-12,
    );
    assertAlmostEquals(
      accuracy?.high ?? NaN,
      quantile(steps, 0.975) / 10,
      1e-12,
    );
    // Sums as far from 3 as 0 or 6 may count or not, by rounding.
    const beyond = (isCounted: (distance: number) => boolean) =>
      steps.reduce(
        (p, [sum, own]) => p + (isCounted(Math.abs(sum - 3)) ? own : 0),
        0,
      );
    const p = accuracy?.pValue ?? NaN;
    assert(p > beyond((d) => d > 3) - 0.02 && p < beyond((d) => d >= 3) + 0.02);
    // One row of five against four: twice the share of at most one head of five.
    assertEquals(pair?.mcnemar, {
      both: 3,
      onlyA: 4,
      onlyB: 1,
      neither: 2,
      pValue: pair?.mcnemar?.pValue ?? NaN,
    });
    assertAlmostEquals(
      pair?.mcnemar?.pValue ?? NaN,
      2 * (1 + 5) / 2 ** 5,
      1e-12,
    );
  });
});

Deno.test("compare scores probabilities as the metrics of the library do", async () => {
  await inFolder(async (folder) => {
    const names = ["a", "b", "c"];
    const rows = Array.from({ length: 60 }, (_, i) => {
      const p = [0.2 + i / 100, 0.8 * (0.4 - i / 200), 0];
      p[2] = 1 - (p[0] ?? 0) - (p[1] ?? 0);
      const shift = i % 3;
      const probabilities = Object.fromEntries(
        names.map((name, k) => [name, p[(k + shift) % 3] ?? NaN]),
      );
      return { id: i, gold: names[i * 7 % 5 % 3], probabilities };
    });
    const path = await write(folder, "rows", rows);
    const flat = rows.flatMap(({ probabilities }) =>
      names.map((name) => probabilities[name] ?? NaN)
    );
    const labels = rows.map(({ gold }) => names.indexOf(gold ?? ""));
    const predicted = argmaxRows(flat, { classes: 3 });
    const expected = {
      accuracy: accuracy(flat, labels),
      f1: f1Score(predicted, labels, { average: "macro" }),
      mcc: matthewsCorrelation(predicted, labels),
      nll: negativeLogLikelihood(flat, labels),
      ece: expectedCalibrationError(flat, labels),
      brier: brierScore(flat, labels),
    };
    assert(expected.accuracy > 0 && expected.accuracy < 1);
    for (const main of ["accuracy", "f1", "mcc"] as const) {
      const { runs } = await compareFiles([path], main, 10);
      const { scores = {} } = runs[0] ?? {};
      for (const name of [main, "nll", "ece", "brier"] as const) {
        assertAlmostEquals(
          scores[name]?.value ?? NaN,
          expected[name],
          1e-12,
          name,
        );
      }
    }
  });
});

Deno.test("compare finds no difference between equal predictions", async () => {
  await inFolder(async (folder) => {
    // Python writes more digits, and classes may be in another order.
    const swapped = A.map(({ probabilities, ...row }) => {
      const { neg, pos } = probabilities as Record<string, number>;
      return { ...row, probabilities: { pos, neg } };
    });
    const other = await write(folder, "other", swapped);
    const digits = (await Deno.readTextFile(other))
      .replaceAll(":0.8", ":0.800000000000000044");
    await Deno.writeTextFile(other, digits);
    for (const main of ["accuracy", "f1", "mcc"] as const) {
      const comparison = await compareFiles(
        [await write(folder, "a", A), other],
        main,
        50,
      );
      const [pair] = comparison.pairs;
      assertEquals(Object.keys(pair?.differences ?? {})[0], main);
      for (
        const { value, low, high, pValue } of Object.values(
          pair?.differences ?? {},
        )
      ) {
        assertEquals([value, low, high, pValue], [0, 0, 0, 1]);
      }
      assertEquals(pair?.mcnemar?.pValue, 1);
      const { value } = comparison.runs[0]?.scores[main] ?? {};
      // Of five "pos", four are found, and two "neg" are taken for "pos".
      const right = { accuracy: 0.7, f1: 8 / 11, mcc: 10 / Math.sqrt(600) };
      assertAlmostEquals(value ?? NaN, right[main], 1e-12);
      assertMatch(
        renderComparison(comparison),
        main === "f1" ? / F1 \(pos\) / : /^10 rows, 95 % intervals from 50/,
      );
    }
  });
});

Deno.test("compare scores regressions, without McNemar's test", async () => {
  await inFolder(async (folder) => {
    const gold = [1, 2, 3, 4];
    const of = (values: readonly number[]) =>
      values.map((value, i) => ({ id: i, gold: gold[i], value }));
    const { runs, pairs } = await compareFiles(
      [
        await write(folder, "near", of([2, 3, 4, 5])),
        await write(folder, "far", of([4, 3, 2, 1])),
      ],
      "accuracy",
      50,
    );
    const values = runs.map(({ scores }) =>
      Object.values(scores).map(({ value }) => Number(value.toFixed(12)))
    );
    assertEquals(values, [
      [1, 1, 1],
      [Number(Math.sqrt(5).toFixed(12)), -1, -1],
    ]);
    assertEquals(Object.keys(pairs[0] ?? {}), ["a", "b", "differences"]);
    assertAlmostEquals(
      pairs[0]?.differences["rmse"]?.value ?? NaN,
      1 - Math.sqrt(5),
      1e-12,
    );
  });
});

Deno.test("compare names the first row that differs", async () => {
  await inFolder(async (folder) => {
    const a = await readPredictions(await write(folder, "a", A));
    const refused = async (
      message: RegExp,
      change: (row: Row, i: number) => Row,
      rows: readonly Row[] = B,
    ) => {
      const path = await write(folder, "other", rows.map(change));
      const other = await readPredictions(path);
      const error = assertThrows(() => checkSameRows(a, other));
      assertMatch((error as Error).message, message);
    };
    await refused(
      /the text is "text 3" in row 4 of .*a\.jsonl \(line 4\) and "TEXT 3" in row 4 of .*other\.jsonl/,
      (row, i) => i < 3 ? row : { ...row, text: `TEXT ${i}` },
    );
    await refused(
      /the label is "pos" in row 3 .* and "neg" in row 3/,
      (row, i) => i === 2 ? { ...row, gold: "neg" } : row,
    );
    await refused(
      /row 9 of .*a\.jsonl \(line 9\) has no counterpart in .*other\.jsonl, which has 8 rows/,
      (row) => row,
      B.slice(0, 8),
    );
    await refused(/neither ids nor texts/, ({ text: _, ...row }) => row);
    await refused(
      /other\.jsonl predicts numbers, and .*a\.jsonl classes/,
      ({ text }) => ({ text, gold: 1, value: 2 }),
    );
    // Ids count more than texts, also among the columns that predict keeps.
    const ids = await readPredictions(
      await write(folder, "ids", A.map((row, id) => ({ ...row, id }))),
    );
    const kept = async (first: number) =>
      await readPredictions(
        await write(
          folder,
          "kept",
          A.map((row, i) => ({ ...row, text: "", columns: { id: first + i } })),
        ),
      );
    checkSameRows(ids, await kept(0));
    const other = await kept(1);
    assertThrows(
      () => checkSameRows(ids, other),
      RangeError,
      'the id is "0" in row 1',
    );
  });
});

Deno.test("readPredictions() refuses files that are no predictions", async () => {
  await inFolder(async (folder) => {
    const cases: [RegExp, (row: Row) => Row][] = [
      [
        /it has no "gold".*evaluate --predictions/,
        ({ gold: _, ...row }) => row,
      ],
      [/row 2 .*its "gold" is no label/, (row) => ({ ...row, gold: null })],
      [
        /the label "meh" in row 2 .*"neg", "pos"/,
        (row) => ({ ...row, gold: "meh" }),
      ],
      [
        /row 2 .*its "label" is "meh", and the classes are "neg", "pos"/,
        (row) => ({ ...row, label: "meh" }),
      ],
      [
        /row 2 .*add up to 1\.5/,
        (row) => ({ ...row, probabilities: { neg: 0.5, pos: 1 } }),
      ],
      [
        /row 2 .*probability of "neg" is -1/,
        (row) => ({ ...row, probabilities: { neg: -1, pos: 2 } }),
      ],
      [
        /row 2 .*probability of "pos" is "1", expected a number/,
        (row) => ({ ...row, probabilities: { neg: 0, pos: "1" } }),
      ],
      [
        /row 2 .*probabilities of "neg", and row 1 .*"neg", "pos"/,
        (row) => ({ ...row, probabilities: { neg: 1 } }),
      ],
      [
        /row 2 .*"probabilities" must be numbers by class/,
        (row) => ({ ...row, probabilities: [0, 1] }),
      ],
    ];
    for (const [message, change] of cases) {
      const isAll = message.source.startsWith("it has no");
      const path = await write(
        folder,
        "bad",
        A.map((row, i) => i === 1 || isAll ? change(row) : row),
      );
      const error = await assertRejects(() => readPredictions(path), Error);
      assertMatch(error.message, message);
      assert(!error.message.includes("\n"));
    }
    const none = await write(folder, "none", [{ text: "a", gold: 1 }]);
    await assertRejects(
      () => readPredictions(none),
      TypeError,
      '"value" is missing, expected a number',
    );
  });
});

Deno.test("compare checks its options, and prints tables", async () => {
  await inFolder(async (folder) => {
    const [a, b] = [await write(folder, "a", A), await write(folder, "b", B)];
    const numbers = [
      await write(folder, "n", [{ id: 1, gold: 1, value: 2 }]),
      await write(folder, "m", [{ id: 1, gold: 1, value: 3 }]),
    ];
    const cases: [string[], RegExp][] = [
      [[a], /Cannot compare one run: name at least two/],
      [[a, a], /Cannot compare .*a\.jsonl with itself/],
      [[a, b, "--data", a], /--data: it applies to models/],
      [[a, b, "--scale", "1"], /--scale: it applies to models/],
      [[a, folder], /without --data: it is a model/],
      [[a, b, "--resamples", "0"], /--resamples 0: expected a number from 1/],
      [[a, b, "--metric", "f2"], /--metric f2: expected accuracy, f1, mcc/],
      [[a, `${folder}/no.jsonl`], /no\.jsonl: there is no such file/],
      [[...numbers, "--metric", "f1"], /--metric f1: the runs predict numbers/],
    ];
    const [table, other, ...outcomes] = await Promise.all([
      cli("compare", a, b, "--seed", "1", "--resamples", "500"),
      cli("compare", a, b, "--seed", "2", "--resamples", "500", "--json"),
      ...cases.map(([args]) => cli("compare", ...args)),
    ]);
    outcomes.forEach(({ code, out, err }, i) => {
      assertMatch(err, cases[i]?.[1] ?? /^$/);
      assertMatch(err, /^error: [^\n]*\n$/);
      assertEquals([code, out], [1, ""]);
    });
    assertEquals([table.code, table.err], [0, ""]);
    const pattern = [
      "10 rows, 95 % intervals from 500 resamples\n\n",
      " +accuracy +NLL +ECE +Brier\n",
      "a\\.jsonl  0\\.7000 \\[0\\.\\d{4}, [01]\\.\\d{4}\\] .*\n",
      "b\\.jsonl  0\\.4000 .*\n\n",
      "a\\.jsonl - b\\.jsonl  difference +interval +p\n",
      "  accuracy +\\+0\\.3000  \\[-?0\\.\\d{4}, 0\\.\\d{4}\\]  0\\.\\d{4}\n",
      "  NLL .*\n  ECE +-0\\.1000 .*\n  Brier +-0\\.1200 .*\n",
      "  McNemar: 4 rows right only in a\\.jsonl, 1 only in b\\.jsonl, ",
      "p = 0\\.3750\n$",
    ];
    assertMatch(table.out, new RegExp(`^${pattern.join("")}`));
    // A p-value that is too small for its digits is not written as 0.
    const ids = [...Array(40).keys()];
    const many = ids.map((id) => ({ ...A[0], id, gold: "pos" }));
    const wrong = many.map((row) => ({
      ...row,
      label: "neg",
      probabilities: { neg: 0.8, pos: 0.2 },
    }));
    const comparison = await compareFiles(
      [
        await write(folder, "right", many),
        await write(folder, "wrong", wrong),
      ],
      "accuracy",
      10,
    );
    assertMatch(
      renderComparison(comparison),
      /40 rows right only in right\.jsonl, 0 only in wrong\.jsonl, p < 0\.0001\n$/,
    );
    const { seed, resamples } = JSON.parse(other.out);
    assertEquals([seed, resamples], [2, 500]);
  });
});

Deno.test("compare runs models, as evaluate and its files of predictions do", async () => {
  await inDataFolder(async (folder, options) => {
    const data = ["--data", `${folder}/train.csv`];
    const [short, long] = [`${folder}/short`, `${folder}/long`];
    const trained = await Promise.all([
      cli(
        "finetune",
        ...[...data, "--output", short, "--quiet", ...options],
        ...["--epochs", "1"],
      ),
      cli(
        "finetune",
        ...[...data, "--output", long, "--quiet", ...options],
        ...["--epochs", "2", "--swag", "--max-num-models", "3"],
        ...["--swag-collect-steps", "2"],
      ),
    ]);
    for (const { code, err } of trained) assertEquals([code, err], [0, ""]);
    const samples = ["--swag-samples", "3"];
    const evaluated = await Promise.all([short, long].map((model) =>
      cli(
        "evaluate",
        ...["--model", model, ...data, "--json", "--quiet", ...samples],
        ...["--predictions", `${model}.jsonl`],
      )
    ));
    for (const { code, err } of evaluated) assertEquals([code, err], [0, ""]);
    const lines = (await Deno.readTextFile(`${long}.jsonl`)).trim().split("\n")
      .map((line) => JSON.parse(line));
    assertEquals(lines.length, 24);
    assertEquals(Object.keys(lines[0]), [
      ..."row text gold label probabilities".split(" "),
      ..."entropy expectedEntropy mutualInformation confidence".split(" "),
    ]);
    const common = ["--json", "--quiet", "--resamples", "20"];
    const [models, files, mixed, refused] = await Promise.all([
      cli("compare", short, long, ...data, ...samples, ...common),
      cli("compare", `${short}.jsonl`, `${long}.jsonl`, ...common),
      cli("compare", short, `${long}.jsonl`, ...data, ...common),
      cli(
        "evaluate",
        ...["--model", short, ...data],
        ...["--predictions", `${folder}/no/a.jsonl`],
      ),
    ]);
    assertEquals(refused.code, 1);
    assertMatch(refused.err, /^error: Cannot write .*there is no folder/);
    const expected = evaluated.map(({ out }) =>
      JSON.parse(out).results.at(-1).scores
    );
    for (const { code, out, err } of [models, files, mixed]) {
      assertEquals([code, err], [0, ""]);
      const { rows, runs, pairs } = JSON.parse(out);
      assertEquals([rows, runs.length, pairs.length], [24, 2, 1]);
      for (const [i, { scores }] of runs.entries()) {
        for (const [name, { value }] of Object.entries<Row>(scores)) {
          assertAlmostEquals(Number(value), expected[i][name], 1e-6);
        }
      }
      const { both, onlyA, onlyB, neither } = pairs[0].mcnemar;
      assertEquals(both + onlyA + onlyB + neither, 24);
      assertAlmostEquals(
        (onlyA - onlyB) / 24,
        pairs[0].differences.accuracy.value,
        1e-12,
      );
    }
  });
});

Deno.test("compare runs models of numbers, and leaves out rows without one", async () => {
  await inDataFolder(async (folder, options) => {
    const data = `${folder}/numbers.csv`;
    const texts = ["good", "fine", "", "bad", "dull", "the film"];
    await Deno.writeTextFile(
      data,
      "text,label\n" +
        texts.map((text, i) => `${text},${text && i / 2}\n`).join(""),
    );
    const own = ["--data", data, "--skip-unlabelled", "--quiet"];
    const [model, file] = [`${folder}/model`, `${folder}/model.jsonl`];
    const trained = await cli(
      "finetune",
      ...[...own, "--output", model, ...options, "--epochs", "1"],
      ...["--problem-type", "regression"],
    );
    assertEquals([trained.code, trained.err], [0, ""]);
    const evaluated = await cli(
      "evaluate",
      ...[...own, "--model", model, "--json", "--predictions", file],
    );
    assertEquals([evaluated.code, evaluated.err], [0, ""]);
    const lines = (await Deno.readTextFile(file)).trim().split("\n")
      .map((line) => JSON.parse(line));
    assertEquals(lines.map(({ row }) => row), [1, 2, 4, 5, 6]);
    assertEquals(Object.keys(lines[0]), "row text gold value".split(" "));
    const [compared, ranked] = await Promise.all([
      cli("compare", model, file, ...own, "--json", "--resamples", "20"),
      cli("predict", "--model", model, "--data", data, "--top", "2"),
    ]);
    assertEquals([compared.code, compared.err], [0, ""]);
    const { runs, pairs } = JSON.parse(compared.out);
    const { rmse } = JSON.parse(evaluated.out).results[0].scores;
    for (const { scores } of runs) {
      assertEquals(Object.keys(scores), "rmse pearson spearman".split(" "));
      assertAlmostEquals(scores.rmse.value, rmse, 1e-6);
    }
    assertEquals(pairs[0].mcnemar, undefined);
    assertEquals([ranked.code, ranked.out], [1, ""]);
    assertMatch(ranked.err, /Cannot rank by entropy: the model predicts numb/);
  });
});
