// Copyright 2026 the swagpu authors. MIT license.

// The third tab of the page, and what the page says where there is no WebGPU.

import { assert, assertEquals, assertGreater, assertMatch } from "@std/assert";
import { checkLooks } from "./_looks.ts";
import { tableOf, visitPage, waitForText } from "./_visit.ts";

Deno.test("bands are drawn for more and more particles, which can be stopped", async () => {
  await visitPage(async (tab) => {
    const { page } = tab;
    await page.locator("#tab-regression").click();
    await page.locator("#passes").selectOption("3000");
    await page.locator("#regress").click();
    await waitForText(tab, "#regression-status", /^Training/);
    await page.locator("#stop-regression").click();
    await waitForText(
      tab,
      "#regression-status",
      /^Stopped after \d of 4 panels/,
    );
    assert(await page.locator("#regression-trouble").isHidden());

    await page.locator("#passes").selectOption("300");
    await page.locator("#regress").click();
    await waitForText(tab, "#regression-status", /^Done/);
    const titles = await page.locator("#panels figcaption").allInnerTexts();
    assertEquals(titles.map((text) => text.split("\n")[0]), [
      "1 particle",
      "4 particles",
      "16 particles",
      "64 particles",
    ]);
    const std = async (figure: string, x: string) => {
      const rows = await tableOf(tab, figure);
      return Number(rows.find(([at]) => at === x)?.[2]);
    };
    assertGreater(
      await std("64 particles", "1.00"),
      await std("1 particle", "1.00"),
    );
    assertGreater(
      await std("64 particles", "1.00"),
      5 * await std("64 particles", "0.25"),
    );
    await checkLooks(tab, "regression");
  });
});

Deno.test("a browser without WebGPU is told what to do", async () => {
  await visitPage(async (tab) => {
    const { page } = tab;
    await page.addInitScript("delete Navigator.prototype.gpu;");
    await page.reload();
    const trouble = await waitForText(tab, "#trouble", /./);
    assertMatch(trouble, /does not offer WebGPU.*Chrome/s);
    assert(await page.locator("main").isHidden());
    assert(await page.locator("[role=tablist]").isHidden());
    await checkLooks(tab, "no-webgpu");
  });
});
