// Copyright 2026 the swagpu authors. MIT license.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertRejects,
} from "@std/assert";
import { evaluate } from "../../cli/evaluate.ts";
import { predict } from "../../cli/predict.ts";
import { swagEvaluate } from "../../cli/swag_evaluate.ts";
import { swagSample } from "../../cli/swag_sample.ts";
import { AutoModelForSequenceClassification } from "../../models/mod.ts";
import { inFolder } from "../_folder.ts";
import { printed, trained, write } from "./tasks/_classification.ts";

Deno.test("a folder of the Python library is evaluated and used with its posterior", () =>
  inFolder(async (folder) => {
    const words = ["bad", "good", "good film", "dull", "dull film", "fine"];
    const label = (text: string) => /good|fine/.test(text) ? "pos" : "neg";
    const data = await write(
      folder,
      "train.csv",
      "text,label\n" +
        Array.from({ length: 24 }, (_, i) => words[i % 6] ?? "")
          .map((text) => `${text},${label(text)}\n`).join(""),
    );
    const ours = `${folder}/ours`;
    const { model, swag, tokenizer } = await trained(ours, data, { steps: 20 });
    const theirs = `${folder}/theirs`;
    await swag.savePretrained(theirs);
    await tokenizer.save(theirs);

    const scores = async (source: string) =>
      JSON.parse(
        await printed(
          evaluate,
          ...["--model", source, "--data", data, "--json"],
        ),
      ).results as Record<string, number | string>[];
    const expected = await scores(ours);
    assertEquals(expected.map(({ method }) => method), [
      "last iterate",
      "SWA",
      "SWAG",
    ]);
    // swag evaluate prints the same, but refuses a model without a posterior.
    const evaluated = (source: string) =>
      printed(swagEvaluate, "--model", source, "--data", data, "--json");
    assertEquals(JSON.parse(await evaluated(theirs)).results.length, 3);
    assertEquals(JSON.parse(await evaluated(ours)).results, expected);
    const plain = `${folder}/plain`;
    await model.savePretrained(plain);
    await tokenizer.save(plain);
    assertEquals((await scores(plain)).length, 1);
    await assertRejects(
      () => evaluated(plain),
      TypeError,
      `Cannot evaluate ${plain}: it holds no posterior; finetune --swag or swag`,
    );
    // Both files hold the same posterior, of which theirs has lost digits.
    for (const [i, own] of (await scores(theirs)).entries()) {
      assertEquals(own.method, expected[i]?.method);
      assertAlmostEquals(Number(own.nll), Number(expected[i]?.nll), 1e-3);
    }

    const lines = async (source: string, ...options: string[]) =>
      (await printed(
        predict,
        ...["--model", source, "--text", "good film", ...options],
      ))
        .trim().split("\n").map((line) => JSON.parse(line));
    const [own] = await lines(theirs);
    const [same] = await lines(ours);
    assertAlmostEquals(own.probabilities.pos, same.probabilities.pos, 1e-3);
    assert(own.mutualInformation > 0);
    const [alone] = await lines(theirs, "--swag-samples", "0");
    assert(!("mutualInformation" in alone));

    const drawn = `${folder}/drawn`;
    await printed(
      swagSample,
      ...["--model", theirs, "--scale", "0", "--output", drawn],
    );
    const mean = await AutoModelForSequenceClassification.fromPretrained(drawn);
    const moments = await swag.moments();
    for (const [name, parameter] of mean.namedParameters()) {
      assertEquals(await parameter.data(), moments.get(name)?.mean);
    }
    swag.dispose();
    for (const one of [model, mean]) one.dispose();
  }));
