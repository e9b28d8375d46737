// Copyright 2026 the swagpu authors. MIT license.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertMatch,
  assertRejects,
} from "@std/assert";
import { compare } from "../../../cli/compare.ts";
import { evaluate } from "../../../cli/evaluate.ts";
import { predict } from "../../../cli/predict.ts";
import { renderScores } from "../../../cli/scores.ts";
import { stratumOf } from "../../../cli/tasks/labeled_texts.ts";
import { textClassification as task } from "../../../cli/tasks/text_classification.ts";
import { textScores } from "../../../cli/tasks/text_scores.ts";
import { BertConfig } from "../../../models/mod.ts";
import { inFolder } from "../../_folder.ts";
import {
  type Prepared,
  prepared,
  printed,
  trained,
  write,
} from "./_classification.ts";

const labelsOf = ({ rows }: Prepared) => rows.map(({ label }) => label);
const namesIn = ({ config }: Prepared) => Object.values(config.id2label);
const strata = ({ data }: Prepared) => data.examples.map(stratumOf);

Deno.test("several labels are lists, texts with a separator, or a column a class", async () => {
  await inFolder(async (folder) => {
    const list = await write(folder, "list.jsonl", [
      { text: "a", label: ["joy", "love"] },
      { text: "b", label: [] },
      { text: "c", label: ["fear"] },
    ]);
    const text = await write(
      folder,
      "text.csv",
      "text,tags\na,joy| love\nb,\nc,fear\n",
    );
    const wide = await write(
      folder,
      "wide.csv",
      "text,fear,joy,love\na,0,1,1\nb,0,0,0\nc,1,False,0\n",
    );
    const several = ["--problem-type", "multi_label_classification"];
    const found = [
      await prepared(list),
      await prepared(
        text,
        ...["--label-column", "tags", "--label-separator", "|"],
      ),
      await prepared(wide, ...several, "--label-column", "fear,joy,love"),
      await prepared(
        wide,
        ...several,
        ...["fear", "joy", "love"].flatMap((name) => ["--label-column", name]),
      ),
    ];
    for (const own of found) {
      assertEquals(namesIn(own), ["fear", "joy", "love"]);
      assertEquals(own.config.problemType, several[1]);
      assertEquals(labelsOf(own), [[0, 1, 1], [0, 0, 0], [1, 0, 0]]);
      assertEquals(new Set(strata(own)).size, 3);
      assertEquals(own.trainerOptions, {});
      assertEquals(task.metricOf?.(own.config).metric, "f1_micro");
    }
    // An option may name more classes than occur, in another order.
    const given = await prepared(list, "--classes", "love,joy,fear,anger");
    assertEquals(labelsOf(given)[0], [1, 1, 0, 0]);
    const renamed = await prepared(
      wide,
      ...[...several, "--label-column", "fear,joy,love"],
      ...["--classes", "f,j,l"],
    );
    assertEquals(namesIn(renamed), ["f", "j", "l"]);
    assertEquals(labelsOf(renamed)[0], [0, 1, 1]);
  });
});

Deno.test("votes are columns, lists or objects, and weigh classes by their shares", async () => {
  await inFolder(async (folder) => {
    const wide = await write(
      folder,
      "wide.csv",
      "text,yes,no\na,3,1\nb,0,4\nc,0.25,0.75\n",
    );
    const nested = await write(folder, "nested.jsonl", [
      { text: "a", list: [3, 1], object: { yes: 3, no: 1 } },
      { text: "b", list: [0, 4], object: { no: 4 } },
      { text: "c", list: [0.25, 0.75], object: { no: 0.75, yes: 0.25 } },
    ]);
    const soft = (
      column: string,
    ) => ["--soft-labels", "--label-column", column];
    const balanced = ["--class-weights", "balanced"];
    for (
      const own of [
        await prepared(wide, ...soft("yes,no"), ...balanced),
        await prepared(
          nested,
          ...[...soft("list"), "--classes", "yes,no", ...balanced],
        ),
        await prepared(
          nested,
          ...[...soft("object"), "--classes", "yes,no", ...balanced],
        ),
      ]
    ) {
      assertEquals(namesIn(own), ["yes", "no"]);
      assertEquals(labelsOf(own), [[0.75, 0.25], [0, 1], [0.25, 0.75]]);
      assertEquals(new Set(strata(own)).size, 2);
      assertEquals(own.trainerOptions.softTargets, true);
      // One of three texts is a yes, all votes together.
      assertEquals(own.trainerOptions.classWeights, [1.5, 0.75]);
      assertEquals(task.metricOf?.(own.config), {
        metric: "cross_entropy",
        greaterIsBetter: false,
      });
    }
    // Objects name their classes.
    const named = await prepared(nested, ...soft("object"));
    assertEquals(namesIn(named), ["no", "yes"]);
    assertEquals(labelsOf(named)[0], [0.25, 0.75]);
  });
});

Deno.test("several numbers are found by the names of their columns", async () => {
  await inFolder(async (folder) => {
    const data = await write(
      folder,
      "numbers.csv",
      "A,text,V\n1,good,4.5\n2,bad,-0.5\n",
    );
    const regression = ["--problem-type", "regression", "--label-column"];
    const own = await prepared(data, ...regression, "V,A");
    assertEquals(namesIn(own), ["V", "A"]);
    assertEquals(labelsOf(own), [[4.5, 1], [-0.5, 2]]);
    assertEquals(own.fields["swagpu"], {
      text_column: "text",
      pair_column: null,
      label_column: ["V", "A"],
    });
    const one = await prepared(data, ...regression, "V");
    assertEquals([namesIn(one), labelsOf(one)], [["LABEL_0"], [4.5, -0.5]]);
    assertEquals(task.metricOf?.(one.config).greaterIsBetter, false);
  });
});

Deno.test("class weights are those of scikit-learn, or numbers", async () => {
  await inFolder(async (folder) => {
    // The example of compute_class_weight in scikit-learn's documentation.
    const data = await write(
      folder,
      "classes.csv",
      "text,label\n" + [1, 1, 1, 1, 0, 0].map((id) => `good,${id}\n`).join(""),
    );
    const weights = async (value: string) =>
      (await prepared(data, "--class-weights", value)).trainerOptions;
    assertEquals(await weights("balanced"), { classWeights: [1.5, 0.75] });
    assertEquals(await weights("1, 2.5"), { classWeights: [1, 2.5] });
    assertEquals((await prepared(data)).trainerOptions, {});
    for (
      const [value, message] of [
        [
          "1,2,3",
          'expected 2 numbers, one for each class in the order "0", "1"',
        ],
        ["1,-2", '"-2" is not a number above 0'],
        ["1,", '"" is not a number above 0'],
        ["balance", '"balance" is not a number above 0; expected balanced'],
      ] as const
    ) {
      await assertRejects(() => weights(value), RangeError, message);
    }
    await assertRejects(
      () =>
        prepared(
          data,
          ...["--class-weights", "balanced", "--classes", "0,1,2"],
        ),
      RangeError,
      'none of 6 rows is of "2"',
    );
    await assertRejects(
      () =>
        prepared(
          data,
          ...["--class-weights", "1,2", "--problem-type", "regression"],
        ),
      TypeError,
      "this one gives numbers",
    );
  });
});

Deno.test("labels that cannot be used are refused with their row", async () => {
  await inFolder(async (folder) => {
    const files = {
      "wide.csv": "text,a,b\ngood,1,0\nbad,2,1\nfine,1,1\n",
      "votes.csv": "text,a,b\ngood,1,1\nbad,0,0\n",
      "minus.csv": "text,a,b\ngood,1,1\nbad,3,-1\n",
      "plain.csv": "text,label\ngood,a\nbad,b\n",
      "tags.csv": "text,label\ngood,a|b\nbad,a|a\n",
      "gaps.csv": "text,a,b\ngood,1.5,\nbad,2,1\n",
      "words.csv": "text,a,b\ngood,1.5,x\nbad,2,1\n",
      "one.csv": "text,label\ngood,a\nbad,a\n",
    };
    for (const [name, text] of Object.entries(files)) {
      await write(folder, name, text);
    }
    await write(folder, "lists.jsonl", [
      { text: "good", label: [1, 2] },
      { text: "bad", label: [1, 2, 3] },
    ]);
    await write(folder, "objects.jsonl", [
      { text: "good", label: { a: 1, b: 2 } },
      { text: "bad", label: { c: 1 } },
    ]);
    await write(folder, "none.jsonl", [{ text: "good", label: [] }]);
    const several = "--problem-type multi_label_classification";
    const ab = "--label-column a,b";
    const cases: [string, string, RegExp][] = [
      [
        "wide.csv",
        `${several} ${ab}`,
        /row 2 .*\(line 3\).*"a" is "2", expected 1 or 0/,
      ],
      ["wide.csv", ab, /2 columns of labels: say --problem-type regression/],
      ["wide.csv", "--label-column a,a", /"a" of labels twice/],
      ["wide.csv", "--label-column a,c", /column "c" .*"text", "a", "b"/],
      [
        "wide.csv",
        `${ab} --soft-labels --classes x`,
        /--classes x: there are 2/,
      ],
      ["wide.csv", `${ab} --soft-labels --classes x,x`, /"x" occurs twice/],
      [
        "wide.csv",
        `${ab} --soft-labels ${several}`,
        /--soft-labels with --prob/,
      ],
      [
        "wide.csv",
        `${ab} --problem-type single_label_classification`,
        /2 columns of labels: say --problem-type regression/,
      ],
      [
        "votes.csv",
        `${ab} --soft-labels`,
        /row 2 .*\(line 3\): the numbers of all classes are 0/,
      ],
      [
        "minus.csv",
        `${ab} --soft-labels`,
        /row 2 .*: the number of "b" is negative/,
      ],
      [
        "plain.csv",
        "--soft-labels",
        /row 1 .*"label" is "a", expected votes .*--label-column a,b,c/,
      ],
      [
        "plain.csv",
        several,
        /row 1 .*"label" is "a", expected a list .*--label-separator/,
      ],
      [
        "plain.csv",
        "--classes b,c",
        /label "a" in row 1 .*: the classes are "b", "c"/,
      ],
      ["plain.csv", "--threshold 0.4", /--threshold 0\.4: the model chooses/],
      ["tags.csv", "--label-separator |", /row 2 .*"label" has "a" twice/],
      ["lists.jsonl", "--classes 1,3", /label "2" in row 1 .*"1", "3"/],
      [
        "tags.csv",
        "--label-separator | --soft-labels",
        /--soft-labels with --label-separator/,
      ],
      [
        "tags.csv",
        "--label-separator | --problem-type regression",
        /--label-separator with --problem-type regression/,
      ],
      ["lists.jsonl", "--class-weights 1,2", /this one gives several labels/],
      ["gaps.csv", `${ab} --problem-type regression`, /row 1 .*"b" is empty/],
      ["words.csv", `${ab} --problem-type regression`, /row 1 .*"b" is "x"/],
      [
        "words.csv",
        `${ab} --problem-type regression --classes x,y`,
        /--classes with regression/,
      ],
      ["one.csv", "", /every label is "a"/],
      ["lists.jsonl", "--soft-labels", /lists of 2 numbers; name the classes/],
      [
        "lists.jsonl",
        "--soft-labels --classes a,b",
        /row 2 .*expected a list of 2/,
      ],
      [
        "lists.jsonl",
        "--problem-type regression",
        /lists of labels with --prob/,
      ],
      ["objects.jsonl", "", /row 1 .*say --soft-labels if these are votes/],
      ["objects.jsonl", "--soft-labels --classes a,b", /row 2 .*has "c"/],
      ["none.jsonl", "", /no row has a label/],
    ];
    for (const [name, options, message] of cases) {
      const error = await assertRejects(
        () =>
          prepared(
            `${folder}/${name}`,
            ...options.split(" ").filter((option) => option !== ""),
          ),
        Error,
      );
      assertMatch(error.message, message, `${name} ${options}`);
    }
    const skipped = await prepared(
      `${folder}/gaps.csv`,
      ...["--problem-type", "regression", "--label-column", "a,b"],
      "--skip-unlabelled",
    );
    assertEquals(labelsOf(skipped), [[2, 1]]);
    assertMatch(
      skipped.said,
      /^Left out 1 row of .*gaps\.csv without a label\n/,
    );
  });
});

/** A configuration of a problem with named classes. */
function configOf(problemType: BertConfig["problemType"], ...names: string[]) {
  return new BertConfig({ problemType, id2label: { ...names } });
}

Deno.test("several labels are scored as scikit-learn does", () => {
  // The example of f1_score with several labels in scikit-learn's documentation: its
  // scores of the classes are 2/3, 1 and 2/3.
  const labels = [[0, 0, 0], [1, 1, 1], [0, 1, 1]];
  const predicted = Float64Array.from(
    [0, 0, 0, 1, 1, 1, 1, 1, 0],
    (x) => x ? 0.6 : 0.3,
  );
  const config = configOf("multi_label_classification", "a", "b", "c");
  const scores = textScores({ predicted, labels }, { config });
  assertAlmostEquals(scores["f1_macro"] ?? NaN, 7 / 9, 1e-12);
  assertAlmostEquals(scores["f1_micro"] ?? NaN, 8 / 10, 1e-12);
  assertAlmostEquals(scores["subset_accuracy"] ?? NaN, 2 / 3, 1e-12);
  const [right, wrong] = [
    4 * Math.log(0.6) + 3 * Math.log(0.7),
    Math.log(0.4) + Math.log(0.3),
  ];
  assertAlmostEquals(scores["nll"] ?? NaN, -(right + wrong) / 9, 1e-12);
  const squares = 4 * 0.16 + 3 * 0.09 + 0.36 + 0.49;
  assertAlmostEquals(scores["brier"] ?? NaN, squares / 9, 1e-12);
  const strict = textScores({ predicted, labels }, { config, threshold: 0.7 });
  assertEquals(strict["f1_micro"], 0);
  assertAlmostEquals(strict["subset_accuracy"] ?? NaN, 1 / 3, 1e-12);
});

Deno.test("votes are scored by their distribution", () => {
  const config = configOf("single_label_classification", "yes", "no");
  const labels = [[0.75, 0.25], [0.5, 0.5], [0, 1]];
  const same = textScores(
    { predicted: Float64Array.from(labels.flat()), labels },
    { config },
  );
  const log = Math.log;
  const entropies = -0.75 * log(0.75) - 0.25 * log(0.25) + log(2);
  assertEquals(Object.keys(same), [
    ..."accuracy cross_entropy kl brier entropy_pearson".split(" "),
  ]);
  assertAlmostEquals(same["cross_entropy"] ?? NaN, entropies / 3, 1e-12);
  assertAlmostEquals(same["kl"] ?? NaN, 0, 1e-12);
  assertAlmostEquals(same["entropy_pearson"] ?? NaN, 1, 1e-12);
  assertEquals([same["accuracy"], same["brier"]], [1, 0]);
  const other = textScores(
    { predicted: Float64Array.of(0.25, 0.75, 0.5, 0.5, 0.2, 0.8), labels },
    { config },
  );
  const divergences = 0.75 * log(3) - 0.25 * log(3) - log(0.8);
  assertAlmostEquals(other["kl"] ?? NaN, divergences / 3, 1e-12);
  assertAlmostEquals(other["brier"] ?? NaN, (0.5 + 0.08) / 3, 1e-12);
  assertAlmostEquals(other["accuracy"] ?? NaN, 2 / 3, 1e-12);
});

Deno.test("several numbers have scores each, and their means", () => {
  const config = configOf("regression", "V", "A");
  const labels = [[1, 1], [2, 0], [3, -1]];
  const predicted = Float64Array.of(1, -2, 2, 0, 3, 2);
  const scores = textScores({ predicted, labels }, { config });
  assertEquals(scores["rmse/V"], 0);
  assertAlmostEquals(scores["mse/A"] ?? NaN, 6, 1e-12);
  assertAlmostEquals(scores["mse"] ?? NaN, 3, 1e-12);
  assertAlmostEquals(scores["rmse"] ?? NaN, Math.sqrt(6) / 2, 1e-12);
  assertAlmostEquals(scores["pearson/A"] ?? NaN, -1, 1e-12);
  assertAlmostEquals(scores["spearman"] ?? NaN, 0, 1e-12);
  const text = renderScores([{ method: "SWA", scores }]);
  assertMatch(
    text,
    /^ +RMSE +MSE +Pearson +Spearman\nSWA .*\n\n +RMSE .*\nSWA, V .*\nSWA, A .*\n$/,
  );
});

Deno.test("a model of several labels is trained, measured and used", async () => {
  await inFolder(async (folder) => {
    const words = ["bad", "good", "good film", "the film", "dull film", "fine"];
    const rows = Array.from({ length: 24 }, (_, i) => words[i % 6] ?? "");
    const tags = (text: string) =>
      ["good", "film"].filter((word) => text.includes(word));
    const data = await write(
      folder,
      "tags.csv",
      "text,tags\n" +
        rows.map((text) => `${text},${tags(text).join(";")}\n`).join(""),
    );
    const output = `${folder}/model`;
    const start = await trained(output, data, {
      options: ["--label-column", "tags", "--label-separator", ";"],
      steps: 60,
    });
    const { model, swag } = start;
    assertEquals(namesIn(start), ["film", "good"]);

    // The folder remembers the column and the separator.
    const common = ["--model", output, "--data", data];
    const lines = (out: string) =>
      out.trim().split("\n").map((line) => JSON.parse(line));
    const predicted = lines(await printed(predict, ...common));
    for (const [i, line] of predicted.entries()) {
      assertEquals(line.labels.toSorted(), tags(rows[i] ?? "").toSorted());
      assertEquals(line.gold.toSorted(), line.labels.toSorted());
    }
    const [line] = predicted;
    assertEquals(Object.keys(line), [
      ..."row text gold labels probabilities uncertainty".split(" "),
      ..."entropy expectedEntropy mutualInformation confidence".split(" "),
    ]);
    const { film, good } = line.probabilities;
    const binary = (p: number) => -p * Math.log(p) - (1 - p) * Math.log(1 - p);
    assertAlmostEquals(line.uncertainty.good.entropy, binary(good), 1e-5);
    assertAlmostEquals(line.entropy, binary(good) + binary(film), 1e-5);
    assertAlmostEquals(
      line.confidence,
      Math.min(...[film, good].map((p) => Math.max(p, 1 - p))),
      1e-6,
    );
    const { std, mutualInformation } = line.uncertainty.film;
    assert(std > 0 && mutualInformation >= 0);

    const none = await printed(predict, ...common, "--threshold", "1");
    assertEquals(lines(none)[1].labels, []);
    const ranked = lines(
      await printed(predict, ...common, "--top", "2", "--by", "confidence"),
    );
    const least = Math.min(...predicted.map((own) => own.confidence));
    assertEquals(ranked.map(({ rank }) => rank), [1, 2]);
    assertEquals(ranked[0].confidence, least);

    const file = `${folder}/predictions.jsonl`;
    const { rows: count, results, f1_class } = JSON.parse(
      await printed(evaluate, ...common, "--json", "--predictions", file),
    );
    assertEquals([count, f1_class, results.length], [24, null, 3]);
    for (const { scores } of results) {
      assertEquals(Object.keys(scores), [
        ..."f1_micro f1_macro subset_accuracy nll brier".split(" "),
      ]);
      assertEquals(scores.subset_accuracy, 1);
    }
    const written = lines(await Deno.readTextFile(file));
    assertEquals(written[2].gold, ["film", "good"]);
    assertEquals(written[2].labels, ["film", "good"]);

    for (
      const [run, message] of [
        [
          () => printed(compare, file, output, "--data", data),
          "it has several labels for each text",
        ],
        [
          () => printed(compare, output, file, "--data", data),
          "it predicts several labels for each text",
        ],
        [
          () => printed(evaluate, ...common, "--temperature-fit", data),
          "gives several labels to a text",
        ],
        [
          () => printed(evaluate, ...common, "--soft-labels"),
          "Cannot use --soft-labels",
        ],
        [
          () => printed(evaluate, ...common, "--classes", "a,b"),
          "Cannot use --classes a,b",
        ],
      ] as const
    ) {
      await assertRejects(run, Error, message);
    }
    swag.dispose();
    model.dispose();
  });
});

Deno.test("a model of several numbers gives each with its spread", async () => {
  await inFolder(async (folder) => {
    const data = await write(
      folder,
      "numbers.csv",
      "text,V,A\n" +
        ["good,2,-1", "bad,-2,1", "fine,1,0", "dull,-1,0"].join("\n") + "\n",
    );
    const output = `${folder}/model`;
    const { model, swag } = await trained(output, data, {
      options: ["--label-column", "V,A", "--problem-type", "regression"],
      steps: 4,
    });
    const common = ["--model", output, "--swag-samples", "4"];
    const [line] = (await printed(predict, ...common, "--data", data)).split(
      "\n",
    )
      .map((line) => JSON.parse(line || "{}"));
    assertEquals(Object.keys(line), ["row", "text", "gold", "values", "std"]);
    assertEquals(line.gold, { V: "2", A: "-1" });
    assertEquals(Object.keys(line.values), ["V", "A"]);
    assert(line.std.V > 0 && line.std.A > 0);

    // Columns in another order are found by their names, and others in their order.
    const mixed = await write(
      folder,
      "mixed.csv",
      "A,text,V\n-1,good,2\n1,bad,-2\n0,fine,1\n0,dull,-1\n",
    );
    const renamed = await write(
      folder,
      "renamed.csv",
      (await Deno.readTextFile(data)).replace("V,A", "v,a"),
    );
    const scores = await printed(evaluate, ...common, "--data", data);
    assertMatch(scores, /\nSWAG, V .*\nSWAG, A /);
    assertEquals(await printed(evaluate, ...common, "--data", mixed), scores);
    assertEquals(
      await printed(
        evaluate,
        ...[...common, "--data", renamed, "--label-column", "v,a"],
      ),
      scores,
    );
    await assertRejects(
      () => printed(evaluate, ...common, "--data", data, "--label-column", "V"),
      TypeError,
      "Cannot use 1 column of labels: the model gives 2 numbers to each text",
    );
    await assertRejects(
      () => printed(predict, ...common, "--data", data, "--top", "1"),
      TypeError,
      "the model predicts numbers",
    );
    swag.dispose();
    model.dispose();
  });
});

Deno.test("a model learns votes, and is measured on votes or on classes", async () => {
  await inFolder(async (folder) => {
    const votes: Record<string, number[]> = {
      good: [9, 1],
      fine: [7, 3],
      dull: [2, 8],
      bad: [0, 10],
    };
    const data = await write(
      folder,
      "votes.jsonl",
      Object.entries(votes).flatMap(([text, label]) =>
        [1, 2].map(() => ({
          nested: { text },
          label,
          best: (label[0] ?? 0) > 5 ? "yes" : "no",
        }))
      ),
    );
    const output = `${folder}/model`;
    const { model, swag } = await trained(output, data, {
      options: [
        ...["--soft-labels", "--classes", "yes,no"],
        ...["--text-column", "nested.text"],
      ],
      steps: 60,
    });
    // The folder remembers the columns and the order of the lists.
    const common = ["--model", output, "--data", data];
    const file = `${folder}/predictions.jsonl`;
    const { results } = JSON.parse(
      await printed(evaluate, ...common, "--json", "--predictions", file),
    );
    for (const { scores } of results) {
      assertEquals(scores.accuracy, 1);
      assert(scores.kl < 0.02, `${scores.kl}`);
      assert(scores.entropy_pearson > 0.9);
    }
    const [first] = (await Deno.readTextFile(file)).split("\n")
      .map((line) => JSON.parse(line || "{}"));
    assertEquals(first.gold, "yes");
    assertEquals(first.goldProbabilities, { yes: 0.9, no: 0.1 });
    assertAlmostEquals(first.probabilities.yes, 0.9, 0.1);

    const hard = JSON.parse(
      await printed(evaluate, ...common, "--label-column", "best", "--json"),
    );
    assertEquals(Object.keys(hard.results[0].scores)[5], "mcc");
    assertEquals(hard.results[0].scores.accuracy, 1);
    await assertRejects(
      () => printed(compare, output, file, "--data", data),
      TypeError,
      "without --label-column: it was trained on votes",
    );
    await assertRejects(
      () => printed(evaluate, ...common, "--temperature-fit", data),
      TypeError,
      "not to votes",
    );
    swag.dispose();
    model.dispose();
  });
});
