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
import { inFolder } from "../../_folder.ts";
import { printed, trained, write } from "./_classification.ts";

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
    assertEquals(Object.values(start.config.id2label), ["film", "good"]);

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
        ...["--text-column", "nested.text", "--class-weights", "1,1"],
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
