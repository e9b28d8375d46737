// Copyright 2026 the swagpu authors. MIT license.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertMatch,
  assertThrows,
} from "@std/assert";
import { predictionLines } from "../../../cli/prediction_lines.ts";
import { TopRows } from "../../../cli/top_rows.ts";
import { BertConfig } from "../../../models/mod.ts";
import { cli, inDataFolder } from "../../cli/_command.ts";

Deno.test("TopRows keeps what a stable sort puts first, ties in order", () => {
  // A linear congruential generator; few values, so that there are many ties.
  let state = 1;
  const draw = (below: number) => {
    state = (state * 1103515245 + 12345) % 2 ** 31;
    return Math.floor(state / 2 ** 31 * below);
  };
  for (let trial = 0; trial < 200; trial++) {
    const scores = Array.from({ length: draw(40) }, () => draw(8));
    const limit = 1 + draw(20);
    const top = new TopRows<string>(limit);
    scores.forEach((score, i) => top.offer(score, `row ${i}`));
    const expected = scores.map((score, place) => ({
      score,
      place,
      item: `row ${place}`,
    })).sort((a, b) => b.score - a.score).slice(0, limit);
    assertEquals(top.ranked(), expected);
  }
  assertThrows(() => new TopRows(1).offer(NaN, ""), RangeError, "row 1");
});

Deno.test("predictionLines() measures how sure a prediction is", () => {
  const config = new BertConfig({
    numLabels: 3,
    id2label: { 0: "a", 1: "b", 2: "c" },
  });
  const scoresOf = (...p: number[]) => Float32Array.from(p, Math.log);
  const [plain] = predictionLines(config, [scoresOf(0.5, 0.2, 0.3)], {
    isSampled: false,
  });
  assertEquals(Object.keys(plain ?? {}), ["label", "probabilities"]);
  const [margin] = predictionLines(config, [scoresOf(0.5, 0.2, 0.3)], {
    isSampled: false,
    measure: "margin",
  });
  assertEquals(Object.keys(margin ?? {}), ["label", "probabilities", "margin"]);
  assertAlmostEquals(Number(margin?.["margin"]), 0.2, 1e-6);
  // Two samples, each sure of its own class: all of the entropy is disagreement.
  const [line] = predictionLines(
    config,
    [scoresOf(1, 0, 0), scoresOf(0, 0, 1)],
    { isSampled: true, measure: "entropy" },
  );
  assertEquals(line, {
    label: "a",
    probabilities: { a: 0.5, b: 0, c: 0.5 },
    entropy: 0.6931472,
    expectedEntropy: 0,
    mutualInformation: 0.6931472,
    confidence: 0.5,
  });
});

Deno.test("predict --top prints the rows that the model is least sure of", async () => {
  await inDataFolder(async (folder, options) => {
    const rows = [
      ..."good bad film was dull fine the good".split(" "),
      "bad good film",
      "was fine bad",
    ];
    const data = `${folder}/pool.csv`;
    await Deno.writeTextFile(
      data,
      "id,text\n" + rows.map((text, i) => `n${i},${text}\n`).join(""),
    );
    const [plain, swag] = [`${folder}/plain`, `${folder}/swag`];
    const trained = await Promise.all([
      cli(
        "finetune",
        ...["--data", `${folder}/train.csv`, "--output", plain, "--quiet"],
        ...options,
      ),
      cli(
        "finetune",
        ...["--data", `${folder}/train.csv`, "--output", swag, "--quiet"],
        ...[...options, "--swag", "--max-num-models", "3"],
      ),
    ]);
    for (const { code, err } of trained) assertEquals([code, err], [0, ""]);
    const predict = (model: string, ...args: string[]) =>
      cli(
        "predict",
        ...["--model", model, "--data", data, "--keep-columns", "id"],
        ...["--quiet", ...args],
      );
    const samples = ["--swag-samples", "3", "--scale", "4"];
    const [all, entropy, mutual, confidence, margin, usual, ...refused] =
      await Promise.all([
        predict(swag, ...samples),
        predict(swag, ...samples, "--top", "4", "--by", "entropy"),
        predict(swag, ...samples, "--top", "20", "--by", "mutual-information"),
        predict(swag, ...samples, "--top", "5", "--by", "confidence"),
        predict(plain, "--top", "3", "--by", "margin"),
        predict(plain, "--top", "3"),
        predict(plain, "--top", "3", "--by", "mutual-information"),
        predict(swag, "--by", "margin"),
        predict(swag, "--top", "0"),
        predict(swag, "--top", "3", "--by", "entropi"),
        predict(
          swag,
          ...["--top", "3", "--by", "mutual-information"],
          ...["--swag-samples", "1"],
        ),
      ]);
    type Fields = Record<string, unknown>;
    const parse = ({ out }: { out: string }): Fields[] =>
      out.trim().split("\n").map((line) => JSON.parse(line));
    assertEquals(all.err, "");
    const lines = parse(all);
    assertEquals(Object.keys(lines[0] ?? {}), [
      ..."row text columns label probabilities".split(" "),
      ..."entropy expectedEntropy mutualInformation confidence".split(" "),
    ]);
    const ranked = (field: string, sign: number, top: number) =>
      lines.toSorted((a, b) => sign * (Number(a[field]) - Number(b[field])))
        .slice(0, top).map((line, i) => ({ rank: i + 1, ...line }));
    assertEquals(parse(entropy), ranked("entropy", -1, 4));
    assertEquals(parse(mutual), ranked("mutualInformation", -1, 20));
    assertEquals(parse(mutual).length, rows.length);
    assertEquals(parse(confidence), ranked("confidence", 1, 5));

    // Without a posterior, a line has the measure of the ranking only. For two
    // classes, the least margin and the highest entropy are in the same rows.
    const closest = parse(margin);
    assertEquals(Object.keys(closest[0] ?? {}), [
      ..."rank row text columns label probabilities margin".split(" "),
    ]);
    const margins = closest.map(({ margin }) => Number(margin));
    assertEquals(margins, margins.toSorted((a, b) => a - b));
    assertEquals(
      parse(usual).map(({ row, columns }) => [row, columns]),
      closest.map(({ row, columns }) => [row, columns]),
    );
    assert(parse(usual).every(({ entropy }) => Number(entropy) > 0));

    const messages = [
      /mutual-information: it needs a posterior.*finetune --swag/,
      /--by margin without --top/,
      /--top 0: expected a number from 1/,
      /--by entropi: .*did you mean entropy\?/,
      /mutual-information with --swag-samples 1: .*at least two/,
    ];
    refused.forEach(({ code, out, err }, i) => {
      assertEquals([code, out], [1, ""]);
      assertMatch(err, messages[i] ?? /^$/);
      assertMatch(err, /^error: [^\n]*\n$/);
    });
  });
});
