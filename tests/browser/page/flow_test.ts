// Copyright 2026 the swagpu authors. MIT license.

// The page of examples/browser from its first view on, by clicks and keys: a model is
// trained, stopped and resumed, used, and survives a lost GPU.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertGreater,
  assertGreaterOrEqual,
  assertLess,
  assertMatch,
} from "@std/assert";
import type { Tab } from "../../../tools/browser/driver.ts";
import { checkLooks, spoken } from "./_looks.ts";
import { mainThreadTasks } from "./_main_thread.ts";
import { tableOf, visitPage, waitForText } from "./_visit.ts";

/** No task of the page's thread may compute for longer, in milliseconds. */
const BLOCK = 50;

const stepOf = (status: string) =>
  Number(/(\d+) of \d+ steps|Step (\d+)/.exec(status)?.slice(1).join(""));

/** Chooses tabs by keys alone. */
async function checkTabs(tab: Tab): Promise<void> {
  const { page } = tab;
  const chosen = () =>
    page.locator("[role=tab][aria-selected=true]").innerText();
  const seen = () => page.locator("[role=tabpanel]:visible").getAttribute("id");
  await page.locator("#tab-text").focus();
  const found: unknown[] = [];
  for (const key of ["ArrowRight", "End", "ArrowRight", "ArrowLeft", "Home"]) {
    await page.keyboard.press(key);
    found.push([await chosen(), await seen()]);
    const focused = await page.evaluate(
      "document.activeElement.textContent.trim()",
    );
    assertEquals(focused, await chosen());
  }
  assertEquals(found, [
    ["Training", "training"],
    ["Regression", "regression"],
    ["Text", "text"],
    ["Regression", "regression"],
    ["Text", "text"],
  ]);
  const roles = (await spoken(tab)).map((node) => node.join(" "))
    .filter((node) => node.startsWith("tab"));
  assertEquals(roles.toSorted(), [
    "tab Regression",
    "tab Text",
    "tab Training",
    "tablist Examples",
    "tabpanel Text",
  ]);
}

/** Destroys the device of the worker, and waits until the page says so. */
async function loseDevice(tab: Tab): Promise<void> {
  const { page } = tab;
  await page.evaluate("document.querySelector('#adapter').textContent = ''");
  const [worker] = page.workers();
  assert(worker);
  await worker.evaluate(() => {
    const data = { id: 0, call: "lose", given: null };
    globalThis.dispatchEvent(new MessageEvent("message", { data }));
  });
  await waitForText(tab, "#adapter", /The GPU was lost/);
}

/** Trains, stops, comes back after a reload, and goes on to the end. */
async function checkTraining(tab: Tab): Promise<void> {
  const { page } = tab;
  await page.locator("#tab-training").click();
  await page.locator("#reviews").selectOption("100");
  const tasks = await mainThreadTasks(tab, async () => {
    await page.locator("#train").click();
    await waitForText(tab, "#training-status", /Step \d\d/);
    await page.getByRole("button", { name: "Stop" }).click();
    await waitForText(tab, "#training-status", /^Stopped/);
  });
  assertGreater(tasks.length, 20);
  assertLess(tasks[0] ?? Infinity, BLOCK);
  const stopped = stepOf(await page.locator("#training-status").innerText());
  assertGreater(stopped, 9);

  await page.reload();
  const again = await waitForText(tab, "#training-status", /^Stopped/);
  assertEquals(stepOf(again), stopped);
  await page.locator("#resume").focus();
  await page.keyboard.press("Enter");
  const first = await waitForText(tab, "#training-status", /^Step/);
  assertGreaterOrEqual(stepOf(first), stopped);
  await loseDevice(tab);
  await waitForText(tab, "#training-status", /^Done/);

  const losses = await tableOf(tab, "Loss");
  assertEquals(losses.at(-1)?.[0], "72");
  const steps = losses.map(([step]) => Number(step));
  assertEquals(steps, [...new Set(steps)].toSorted((a, b) => a - b));
  const scores = await page.locator("#scores tbody tr").allInnerTexts();
  assertEquals(scores.map((row) => row.split("\t")[0]), [
    "last iterate",
    "SWA",
    "SWAG-Diagonal",
    "SWAG",
    "oracle",
  ]);
  for (const row of scores.slice(0, -1)) assertMatch(row, /(\t\d+\.\d+){8}$/);
  await checkLooks(tab, "training");
}

/** The mean probabilities of the classes, by the table of the figure. */
async function means(tab: Tab): Promise<number[]> {
  const rows = await tableOf(tab, "Probability of each class");
  return rows.map(([, mean]) => Number(mean));
}

/** Classifies with the model that was trained. */
async function checkText(tab: Tab): Promise<void> {
  const { page } = tab;
  await page.getByRole("button", { name: "Use this model in Text" }).click();
  await waitForText(
    tab,
    "#model-facts",
    /reviews model \(100 reviews, seed 1\)/,
  );
  await page.locator("#input").fill("the good film was not bad");
  await page.keyboard.press("Enter");
  await page.locator(".tokens li", { hasText: "film" })
    .locator(".for, .against").waitFor();
  const tokens = await page.locator(".tokens .token").allInnerTexts();
  assertEquals(tokens, ["the", "good", "film", "was", "not", "bad"]);
  const values = await page.locator(".tokens .number").allInnerTexts();
  for (const value of values) assertMatch(value, /^[+−]\d\.\d\d$|^0\.00$/);
  assertAlmostEquals((await means(tab)).reduce((a, b) => a + b), 1, 2e-3);
  const [text, model, both] =
    (await tableOf(tab, "Where the uncertainty comes from"))
      .map(([, nats]) => Number(nats));
  assertAlmostEquals((text ?? NaN) + (model ?? NaN), both ?? NaN, 2e-3);
  assertMatch(
    await page.locator("#verdict").innerText(),
    /^(negative|mixed|positive), 0\.\d\d ± 0\.\d\d\. \d+ of 30 samples agree\./,
  );
  await checkLooks(tab, "text");

  await page.locator("#samples").fill("1000");
  await page.keyboard.press("Enter");
  await waitForText(tab, "#question-trouble", /^Cannot use Samples "1000"/);
  await page.locator("#samples").fill("30");
}

/** Asks before and after the GPU is lost. */
async function checkLostDevice(tab: Tab): Promise<void> {
  const { page } = tab;
  const before = await means(tab);
  await loseDevice(tab);
  await page.evaluate("document.querySelector('#verdict').textContent = ''");
  await page.locator("#classify").click();
  await waitForText(tab, "#verdict", /samples agree/);
  assertEquals(await means(tab), before);
  assert(await page.locator("#question-trouble").isHidden());
}

/** Classifies while particles are trained in the other tab. */
async function checkBusy(tab: Tab): Promise<void> {
  const { page } = tab;
  const before = await means(tab);
  await page.locator("#tab-regression").click();
  await page.locator("#passes").selectOption("3000");
  await page.locator("#regress").click();
  await waitForText(tab, "#regression-status", /^Training/);
  await page.locator("#tab-text").click();
  await page.evaluate("document.querySelector('#verdict').textContent = ''");
  await page.locator("#classify").click();
  await waitForText(tab, "#verdict", /samples agree/);
  assertEquals(await means(tab), before);
  await page.locator("#tab-regression").click();
  await page.locator("#stop-regression").click();
  await waitForText(tab, "#regression-status", /^Stopped after [0-3] of 4/);
}

Deno.test("the page trains a model, resumes after a reload, classifies, and survives a lost GPU", async () => {
  await visitPage(async (tab) => {
    await waitForText(tab, "#adapter", /swiftshader, a software adapter/);
    await checkTabs(tab);
    await checkLooks(tab, "first-view");
    await checkTraining(tab);
    await checkText(tab);
    await checkLostDevice(tab);
    await checkBusy(tab);
  });
});
