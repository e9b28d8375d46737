// Copyright 2026 the swagpu authors. MIT license.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { parse } from "deno-std/yaml/mod.js";
import { writeRunFacts } from "../../../cli/run_facts.ts";
import { names } from "../../_folder.ts";
import { cli, inDataFolder } from "../../cli/_command.ts";

/** The metadata of a model card. */
// deno-lint-ignore no-explicit-any
function headOf(card: string): any {
  return parse(/^---\n([^]*?)\n---\n/.exec(card)?.[1] ?? "");
}

/** A part of the page. */
function partOf(page: string, id: string): string {
  const start = page.indexOf(`id="${id}"`);
  assert(start >= 0, id);
  return page.slice(start, page.indexOf("</section>", start) + 1 || undefined)
    .split("</figure>")[0] ?? "";
}

Deno.test("report turns the folder of a classifier into a page and a card", async () => {
  await inDataFolder(async (folder, options) => {
    const model = `${folder}/model`;
    const data = ["--model", model, "--data", `${folder}/train.csv`];
    const trained = await cli(
      "finetune",
      ...["--data", `${folder}/train.tsv`, "--output", model, "--swag"],
      ...["--quiet", ...options],
    );
    assertEquals([trained.code, trained.err], [0, ""]);
    await writeRunFacts(model, {
      command: `swagpu finetune --data ${folder}/train.tsv`,
      task: "text-classification",
      settings: { learningRate: 0.01 },
      data: { train: { path: `${folder}/train.tsv`, rows: 24 } },
      seed: 3,
      adapter: "a small GPU",
      runtime: "Deno 2",
      versions: { swagpu: "0.0.1" },
      seconds: 5,
      snapshots: [9, 12, 15, 18],
    });
    await Deno.writeTextFile(
      `${model}/log.jsonl`,
      [1, 2, 3].map((step) =>
        JSON.stringify({ loss: 1 / step, learning_rate: 0.01, step }) + "\n"
      ).join(""),
    );
    await Deno.writeTextFile(
      `${folder}/other.txt`,
      "good bad film\n\nfine dull film\n",
    );
    const before = names(model);
    const [written, evaluated, bare] = await Promise.all([
      cli(
        "report",
        ...[...data, "--temperature-fit", `${folder}/train.jsonl`, "--quiet"],
        ...["--ood", `${folder}/other.txt`, "--swag-samples", "3"],
        ...["--data-name", "Films", "--eval-split", "validation"],
      ),
      cli("evaluate", ...data, "--json", "--swag-samples", "3", "--quiet"),
      // Elsewhere, without a card, and without the posterior.
      cli(
        "report",
        ...[...data, "--no-card", "--output", `${folder}/new`],
        ...["--swag-samples", "0", "--quiet"],
      ),
    ]);
    assertEquals([written.code, written.err], [0, ""]);
    assertEquals(
      written.out,
      `Wrote ${model}/report.html\nWrote ${model}/README.md\n`,
    );
    assertEquals(names(model), [...before, "README.md", "report.html"].sort());

    const page = await Deno.readTextFile(`${model}/report.html`);
    assertStringIncludes(page, "<h1>model on Films</h1>");
    assertMatch(partOf(page, "figure-4"), /other\.txt: 2 rows/);
    assertMatch(partOf(page, "figure-7"), /training from 1 to 0\.3333/);
    assertMatch(partOf(page, "figure-7"), /4 snapshots were taken/);
    assertMatch(partOf(page, "figure-7"), /samples of SWAG/);
    assertMatch(partOf(page, "table-1"), /fitted on the validation set/);
    assertMatch(partOf(page, "table-3-uncertain"), /the film was (good|bad)/);
    const facts = partOf(page, "table-4");
    for (const fact of ["a small GPU", "Deno 2", "0.0.1", "learningRate"]) {
      assertStringIncludes(facts, fact);
    }
    const card = await Deno.readTextFile(`${model}/README.md`);
    for (const text of [page, card]) assert(!text.includes(folder), folder);

    // The card has the numbers that evaluate prints.
    const head = headOf(card);
    assertEquals(head.base_model, undefined);
    assertStringIncludes(card, "trained from random ones");
    assertStringIncludes(card, "swag.safetensors");
    const [{ name, results: [result] }] = head["model-index"];
    assertEquals([name, result.dataset.name, result.dataset.split], [
      "model",
      "Films",
      "validation",
    ]);
    const { scores } = JSON.parse(evaluated.out).results.at(-1);
    const value = (type: string) =>
      result.metrics.find((one: { type: string }) => one.type === type)?.value;
    assertEquals(value("accuracy"), scores.accuracy);
    assertAlmostEquals(value("nll"), scores.nll, 1e-6);
    assertAlmostEquals(value("f1"), scores.f1, 1e-9);
    assertAlmostEquals(value("matthews_correlation"), scores.mcc, 1e-9);

    // A card that was changed stays, and so does the page beside it.
    await Deno.writeTextFile(`${model}/README.md`, `${card}Mine.\n`);
    const refused = await cli("report", ...data, "--quiet");
    assertEquals([refused.code, refused.out], [1, ""]);
    assertMatch(refused.err, /README\.md: .*changed it; .*--overwrite/);
    assertEquals(await Deno.readTextFile(`${model}/report.html`), page);

    assertEquals([bare.code, bare.err], [0, ""]);
    assertEquals(names(`${folder}/new`), ["report.html"]);
    const other = await Deno.readTextFile(`${folder}/new/report.html`);
    assertStringIncludes(other, "<h1>model on train.csv</h1>");
    assertMatch(partOf(other, "figure-4"), /no unfamiliar inputs/);
  });
});

Deno.test("report knows predicted numbers, and shares of labels", async () => {
  await inDataFolder(async (folder, options) => {
    const numbers = `${folder}/numbers`;
    const classes = `${folder}/classes`;
    const data = ["--data", `${folder}/scores.csv`];
    const few = ["--epochs", "4", "--quiet"];
    await Deno.writeTextFile(
      `${folder}/shares.csv`,
      "text,label,p_neg,p_pos\ngood,pos,1,3\nbad,neg,4,0\nfine,pos,2,2\n",
    );
    const trained = await Promise.all([
      cli(
        "finetune",
        ...[...data, "--problem-type", "regression", "--swag"],
        ...["--output", numbers, ...options, ...few],
      ),
      cli(
        "finetune",
        ...["--data", `${folder}/train.csv`, "--output", classes],
        ...[...options, ...few],
      ),
    ]);
    assertEquals(trained.map(({ code }) => code), [0, 0]);
    const shares = ["--model", classes, "--data", `${folder}/shares.csv`];
    const config = JSON.parse(
      await Deno.readTextFile(`${classes}/config.json`),
    );
    config.architectures = ["BertForTokenClassification"];
    await Deno.mkdir(`${folder}/tokens`);
    await Deno.writeTextFile(
      `${folder}/tokens/config.json`,
      JSON.stringify(config),
    );
    const [regression, soft, short, ood, broken, tokens] = await Promise.all([
      cli("report", ...data, "--model", numbers, "--swag-samples", "2"),
      cli("report", ...shares, "--soft-columns", "p_neg, p_pos", "--quiet"),
      cli("report", ...shares, "--soft-columns", "p_neg"),
      cli("report", ...data, "--model", numbers, "--ood", `${folder}/x.txt`),
      cli("report", "--model", `${folder}/no`, "--data", `${folder}/train.csv`),
      cli("report", ...data, "--model", `${folder}/tokens`),
    ]);
    assertEquals(regression.code, 0, regression.err);
    const page = await Deno.readTextFile(`${numbers}/report.html`);
    assertMatch(partOf(page, "figure-8"), /spread alone.*SWAG/s);
    assertMatch(partOf(page, "figure-8"), /noise is one number/);
    assertMatch(partOf(page, "table-3-wrong"), /the film was/);
    const [{ results: [result] }] = headOf(
      await Deno.readTextFile(`${numbers}/README.md`),
    )["model-index"];
    assertEquals(
      result.metrics.map(({ type }: { type: string }) => type),
      ["rmse", "crps", "pearsonr", "spearmanr"],
    );

    assertEquals([soft.code, soft.err], [0, ""]);
    assertMatch(
      await Deno.readTextFile(`${classes}/report.html`),
      /CE to truth/,
    );
    assertMatch(
      short.err,
      /--soft-columns with 1 name: the model has 2 classes/,
    );
    assertMatch(ood.err, /--ood: the model predicts numbers/);
    assertMatch(broken.err, /without --output: it is not a folder/);
    assertMatch(
      tokens.err,
      /it is a model for token-classification/,
    );
    assertEquals([short, ood, broken, tokens].map(({ code }) => code), [
      1,
      1,
      1,
      1,
    ]);
  });
});
