// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { stratumOf } from "../../../cli/tasks/labeled_texts.ts";
import { textClassification as task } from "../../../cli/tasks/text_classification.ts";
import { inFolder } from "../../_folder.ts";
import {
  type Prepared,
  prepared,
  preparedFor,
  TINY,
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

Deno.test("a model's classes, problem and columns decide what labels are", async () => {
  await inFolder(async (folder) => {
    const data = await write(
      folder,
      "classes.csv",
      "text,label\ngood,1\nbad,0\nfine,1\n",
    );
    const names = ["bad", "good", "other"];
    const model = {
      ...TINY,
      id2label: { ...names },
      swagpu: { pair_column: "second" },
    };
    // Names that fit stay, though labels are ids and one does not occur.
    const own = await preparedFor(model, data, "--model", "base");
    assertEquals([namesIn(own), labelsOf(own)], [names, [1, 0, 1]]);
    assertMatch(
      own.said,
      /^base was trained on pairs of texts, .*--pair-column\n$/,
    );
    const number = await preparedFor(
      { ...TINY, problem_type: "regression" },
      data,
    );
    assertEquals(namesIn(number), ["LABEL_0"]);
    await assertRejects(
      () =>
        preparedFor(
          { ...model, problem_type: "multi_label_classification" },
          data,
        ),
      TypeError,
      "the model gives several labels to a text; say --label-separator",
    );
    const votes = await write(folder, "votes.jsonl", [
      { text: "good", label: [0, 2, 2] },
    ]);
    const soft = await preparedFor(model, votes, "--soft-labels");
    assertEquals(labelsOf(soft), [[0, 0.5, 0.5]]);
    assertMatch(
      soft.said,
      /in the order of the model's classes, "bad", "good"/,
    );
    const alike = await write(
      folder,
      "alike.csv",
      "text,label\ngood,Pos\nbad,neg\nfine,pos\n",
    );
    assertMatch((await prepared(alike)).said, /^Using "Pos" and "pos" as diff/);
  });
});
