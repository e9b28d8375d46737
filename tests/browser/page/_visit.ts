// Copyright 2026 the swagpu authors. MIT license.

// Visits the page of examples/browser, built and served as `deno task page` does it.

import { startBrowser, type Tab } from "../../../tools/browser/driver.ts";
import { buildPage } from "../../../tools/page/build.ts";
import { modelFiles } from "../../../tools/page/model_files.ts";
import { servePage } from "../../../tools/page/serve.ts";

/** How long a step of a test may take: kernels are compiled meanwhile. */
export const PATIENCE = 120_000;

/**
 * Opens the page in a browser.
 *
 * @param body What is done with it.
 * @param model The folder of a model, which the page begins with.
 */
export async function visitPage(
  body: (tab: Tab) => Promise<void>,
  model?: string,
): Promise<void> {
  const files = await buildPage(
    model === undefined ? {} : { model: await modelFiles(model) },
  );
  await using server = await servePage({ files, model, port: 0 });
  await using browser = await startBrowser();
  await browser.visit(server.url, async (tab) => {
    tab.page.setDefaultTimeout(PATIENCE);
    await body(tab);
  }, { width: 1400, height: 900 });
}

/** Waits until an element has a text that matches, and gives the text. */
export async function waitForText(
  { page }: Tab,
  selector: string,
  wanted: RegExp,
): Promise<string> {
  await page.locator(selector, { hasText: wanted }).waitFor();
  return await page.locator(selector).innerText();
}

/**
 * The table of a figure, which is opened for that: numbers with all of their digits
 * where the page has them, and else the text.
 */
export async function tableOf(
  { page }: Tab,
  figure: string,
): Promise<string[][]> {
  const place = page.locator("figure", { hasText: figure }).first();
  const details = place.locator("details");
  if (await details.getAttribute("open") === null) {
    await details.locator("summary").click();
  }
  await place.locator("tbody tr").first().waitFor();
  const rows = await place.locator("tbody tr").all();
  return await Promise.all(rows.map(async (row) => {
    const cells = await row.locator("th, td").all();
    return await Promise.all(cells.map(async (cell) => {
      const [number] = await cell.locator("data").all();
      return await number?.getAttribute("value") ?? await cell.innerText();
    }));
  }));
}
