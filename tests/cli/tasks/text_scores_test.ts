// Copyright 2026 the swagpu authors. MIT license.

import { assertAlmostEquals, assertEquals, assertMatch } from "@std/assert";
import { renderScores } from "../../../cli/scores.ts";
import { textScores } from "../../../cli/tasks/text_scores.ts";
import { BertConfig } from "../../../models/mod.ts";

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
