// Copyright 2026 the swagpu authors. MIT license.

// A model and its posterior that the command line has written, in the page: from an
// address, from a folder that is picked, and kept in the browser.

import {
  assertAlmostEquals,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import type { Tab } from "../../../tools/browser/driver.ts";
import { cli, inDataFolder } from "../../cli/_command.ts";
import { tableOf, visitPage, waitForText } from "./_visit.ts";

const TEXT = "the good film was dull";
/** What the page and the command line may differ by. */
const CLOSE = 1e-4;

interface Predicted {
  readonly probabilities: Readonly<Record<string, number>>;
}

/** Fine-tunes a tiny model with a posterior, and predicts on disk. */
async function inModelFolder(
  body: (model: string, predicted: Predicted) => Promise<void>,
): Promise<void> {
  await inDataFolder(async (folder, start) => {
    const model = `${folder}/model`;
    const trained = await cli(
      ...["finetune", "--data", `${folder}/train.tsv`, "--output", model],
      ...start,
      "--swag",
    );
    assertEquals(trained.code, 0, trained.err);
    const { code, out, err } = await cli(
      ...["predict", "--model", model, "--text", TEXT],
    );
    assertEquals(code, 0, err);
    await body(model, JSON.parse(out));
  });
}

/** Classifies the text in the page, and compares the mean probabilities. */
async function checkClassified(tab: Tab, predicted: Predicted): Promise<void> {
  const { page } = tab;
  await page.locator("#input").fill(TEXT);
  await page.evaluate("document.querySelector('#verdict').textContent = ''");
  await page.locator("#classify").click();
  await waitForText(tab, "#verdict", /samples agree/);
  const rows = await tableOf(tab, "Probability of each class");
  assertEquals(
    rows.map(([label]) => label),
    Object.keys(predicted.probabilities),
  );
  for (const [label = "", mean] of rows) {
    assertAlmostEquals(
      Number(mean),
      predicted.probabilities[label] ?? NaN,
      CLOSE,
      label,
    );
  }
}

/** Loads what is kept on the next visit, after it was kept on this one. */
async function checkKept(tab: Tab, predicted: Predicted): Promise<void> {
  const { page } = tab;
  await page.getByRole("button", { name: "Keep in this browser" }).click();
  await page.locator("#kept option", { hasText: "model" })
    .waitFor({ state: "attached" });
  await page.reload();
  await page.locator("#kept option").waitFor({ state: "attached" });
  await page.locator("#sources summary").click();
  await page.locator("#load-kept").click();
  await waitForText(tab, "#model-facts", /^model.*was collected/);
  await checkClassified(tab, predicted);
  await page.locator("#sources summary").click();
  page.once("dialog", (dialog) => dialog.accept());
  await page.locator("#forget").click();
  await waitForText(tab, "#kept-hint", /Nothing is kept/);
}

Deno.test("a posterior of the command line gives the same probabilities in the page, also when the browser keeps it", async () => {
  await inModelFolder(async (model, predicted) => {
    await visitPage(async (tab) => {
      const facts = await waitForText(tab, "#model-facts", /^model/);
      assertMatch(facts, /BertForSequenceClassification/);
      assertMatch(
        facts,
        /classes neg, pos\. Its posterior was collected \d+ times/,
      );
      await checkClassified(tab, predicted);
      await checkKept(tab, predicted);
    }, model);
  });
});

Deno.test("a folder that is picked is loaded; one that cannot be loaded says why, and the model before stays", async () => {
  await inModelFolder(async (model, predicted) => {
    await visitPage(async (tab) => {
      const { page } = tab;
      await page.locator("#folder:enabled").waitFor({ state: "attached" });
      await page.locator("#folder").setInputFiles(model);
      await waitForText(tab, "#model-facts", /^model.*was collected/);
      await checkClassified(tab, predicted);

      await Deno.truncate(`${model}/model.safetensors`, 1000);
      const onDisk = await cli("predict", "--model", model, "--text", TEXT);
      await page.locator("#sources summary").click();
      await page.locator("#folder").setInputFiles(model);
      const trouble = await waitForText(tab, "#model-trouble", /./);
      assertStringIncludes(
        onDisk.err.replaceAll(model, "model"),
        trouble,
        "what the command line says of the same folder",
      );
      await checkClassified(tab, predicted);
    });
  });
});
