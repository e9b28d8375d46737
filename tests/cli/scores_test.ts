// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { Arguments } from "../../cli/arguments.ts";
import { meanOf, standardDeviations } from "../../cli/classifier.ts";
import { finetune } from "../../cli/finetune.ts";
import { collector, collectSettings } from "../../cli/swag_settings.ts";
import {
  alikeRemark,
  classIds,
  looksLikeNumbers,
  numbersOf,
} from "../../cli/labels.ts";
import { remarksOn, renderScores } from "../../cli/scores.ts";
import { taskNamed } from "../../cli/tasks/registry.ts";
import type { Task } from "../../cli/tasks/task.ts";
import { AutoConfig, type PretrainedConfig } from "../../models/mod.ts";

Deno.test("renderScores() shows scores by the heads and decimals of their task", () => {
  const results = [{ method: "SWA", scores: { accuracy: 0.5, f1: 42.314 } }];
  assertEquals(
    renderScores(results),
    "     accuracy       F1\nSWA    0.5000  42.3140\n",
  );
  const [config, two, tags, entities] = [
    ["a", "b", "c"],
    ["ham", "spam"],
    ["NOUN", "VERB"],
    ["O", "B-PER"],
  ].map((names) =>
    AutoConfig.fromFields({
      model_type: "bert",
      num_labels: names.length,
      id2label: { ...names },
    })
  );
  assert(config && two && tags && entities);
  const headFor = (task: Task, config: PretrainedConfig) =>
    /F1.*/.exec(renderScores(results, task.columns?.(config)))?.[0];
  const [texts, words] = ["text-classification", "ner"].map(taskNamed);
  const squad = taskNamed("qa");
  assert(texts && words);
  assertEquals(headFor(texts, config), "F1 (macro)");
  assertEquals(headFor(texts, two), "F1 (spam)");
  assertEquals(headFor(words, tags), "F1 (macro)");
  assertEquals(headFor(words, entities), "F1");
  assertEquals(
    renderScores(results, squad.columns?.(config)),
    "     accuracy     F1\nSWA    0.5000  42.31\n",
  );
});

Deno.test("remarksOn() warns of a temperature that makes the measured texts worse", () => {
  const of = (scaled: number) => [{
    method: "SWAG",
    scores: { nll: 0.5, temperature: 0.421, scaled_nll: scaled },
  }];
  assertEquals(remarksOn(of(0.4)), []);
  assertMatch(
    remarksOn(of(0.6)).join(),
    /temperature of SWAG \(0\.42\).*worse/,
  );
  assertEquals(remarksOn([{ method: "SWA", scores: { nll: 0.5 } }]), []);
});

Deno.test("collector() warns of few collections, and names a period that makes twenty", () => {
  const plan = (epochs: number, stepsPerEpoch: number, ...more: string[]) => {
    const args = new Arguments(finetune, ["--swag", ...more]);
    const settings = collectSettings(args);
    if (!settings) throw new Error("unreachable: --swag was given");
    const { collectSteps, skipFirst, remark } = collector(settings, {
      ...{ epochs, stepsPerEpoch },
      steps: epochs * stepsPerEpoch,
    });
    const steps = Array.from(
      { length: epochs * stepsPerEpoch },
      (_, i) => i + 1,
    );
    return {
      count: steps.filter((step) => step % (collectSteps ?? NaN) === 0).length -
        skipFirst,
      remark,
    };
  };
  const usual = plan(3, 63);
  assertEquals(usual.count, 2);
  assertMatch(
    usual.remark ?? "",
    /2 collections, which is few: --swag-collect-steps 6 makes it 21$/,
  );
  assertEquals(plan(3, 63, "--swag-collect-steps", "6").count, 21);
  assertEquals(plan(3, 63, "--swag-collect-steps", "6").remark, undefined);
  assertEquals(plan(40, 3).remark, undefined);
  assertEquals(plan(6, 3, "--max-num-models", "3").remark, undefined);
  assertThrows(() => plan(2, 3), RangeError, "from 1 collections");
});

Deno.test("collector() counts the ends of cycles, which begin after the warmup", () => {
  const plan = (offset: number, ...more: string[]) => {
    const settings = collectSettings(
      new Arguments(finetune, ["--swag", ...more]),
    );
    if (!settings) throw new Error("unreachable: --swag was given");
    return collector(settings, {
      ...{ epochs: 4, stepsPerEpoch: 10, steps: 40 },
      cycle: { steps: 6, offset },
    });
  };
  // Cycles end after 6, 12, 18, 24, 30 and 36; collecting begins after 20.
  assertEquals(plan(0), {
    collectSteps: undefined,
    skipFirst: 3,
    gate: undefined,
    remark: undefined,
  });
  // Now after 11, 17, 23 and so on.
  assertEquals(plan(5).skipFirst, 2);
  assertEquals(plan(25, "--swag-start", "0").skipFirst, 0);
  assertThrows(
    () => plan(30),
    RangeError,
    "from 1 collections: train for more epochs, or lower --swag-start or " +
      "--cycle-steps",
  );
  const steps = plan(0, "--swag-collect-steps", "5", "--swag-gate", "0.5");
  assertEquals([steps.collectSteps, steps.skipFirst, steps.gate], [5, 4, 0.5]);
});

Deno.test("labels with fractions look like numbers, and classes do not", () => {
  assertEquals(looksLikeNumbers(["1", "2.5"]), true);
  assertEquals(looksLikeNumbers(["1", "0"]), false);
  assertEquals(looksLikeNumbers(["1.0", "0.0"]), false);
  assertEquals(looksLikeNumbers(["1.5", "good"]), false);
  assertEquals(looksLikeNumbers(["v1.5"]), false);
  // All these spellings of a missing number are not classes.
  assertEquals(looksLikeNumbers(["1.5", "nan", "N/A", "-inf"]), true);
  assertEquals(looksLikeNumbers(["1", "NA", "None"]), false);
  assertEquals(looksLikeNumbers(["NA", "None"]), false);
  assertEquals(looksLikeNumbers(["1,5", "2"]), true);
});

Deno.test("alikeRemark() names classes that are written almost alike", () => {
  assertEquals(alikeRemark(["neg", "pos", "positive"]), undefined);
  assertEquals(alikeRemark(["0", "1", "10"]), undefined);
  for (
    const names of [["Neg", "neg"], ["neg", "neg "], ["1", "1.0"], ["1", "01"]]
  ) {
    assertEquals(
      alikeRemark(["a", ...names]),
      `Using "${names[0]}" and "${names[1]}" as different classes, because ` +
        "they are written differently",
    );
  }
});

Deno.test("classIds() names an unknown label with its row, its line and a short list", () => {
  const names = Array.from({ length: 150 }, (_, i) => `intent ${i}`);
  const source = { path: "a.csv", lines: [2, 5], numbers: [1, 4] };
  const message = assertThrows(
    () => classIds(["intent 3", "oos"], names, source),
    RangeError,
  ).message;
  assertMatch(
    message,
    /^Cannot use the label "oos" in row 4 of a\.csv \(line 5\): .* and 140 more$/,
  );
  for (const label of ["1e39", "NaN", "", "one"]) {
    assertThrows(() => numbersOf([label], source), TypeError, "row 1 of a.csv");
  }
});

Deno.test("standardDeviations() keeps its digits beside a large mean", () => {
  // 10,000 ± 1/16 is exact in 32 bits, but its square is not.
  const samples = [1, -1].map((sign) => Float32Array.of(1e4 + sign / 16, 2));
  const mean = meanOf(samples);
  assertEquals([...mean], [1e4, 2]);
  assertEquals([...standardDeviations(samples, mean)], [1 / 16, 0]);
});
