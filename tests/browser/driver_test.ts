// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console
import {
  assert,
  assertEquals,
  assertIsError,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { startBrowser, Tab } from "../../tools/browser/driver.ts";
import { serve } from "../../tools/browser/server.ts";
import { inFolder } from "../_folder.ts";

const PAGE = "<!doctype html><title>A page</title><p>Text";

Deno.test("visit() shows a page in the size and the colors that are asked for", async () => {
  await using site = await serve({ pages: { "/": PAGE } });
  await using browser = await startBrowser();
  assertMatch(browser.version, /^\d+\./);
  const prefers = (tab: Tab, query: string) =>
    tab.page.evaluate(`matchMedia(${JSON.stringify(query)}).matches`);
  await browser.visit(site.url, async (tab) => {
    assert(await prefers(tab, "(width: 400px) and (height: 300px)"));
    assert(await prefers(tab, "(prefers-color-scheme: dark)"));
    assert(await prefers(tab, "(prefers-reduced-motion: reduce)"));
  }, { width: 400, height: 300, colorScheme: "dark", reducedMotion: true });
  await browser.visit(site.url, async (tab) => {
    assert(await prefers(tab, "(prefers-color-scheme: light)"));
    assert(await prefers(tab, "(prefers-reduced-motion: no-preference)"));
  });
});

Deno.test("a page has WebGPU on SwiftShader, and storage of its own", async () => {
  await using site = await serve({ pages: { "/": PAGE } });
  await using browser = await startBrowser();
  for (let i = 0; i < 2; i++) {
    const seen = await browser.visit(
      site.url,
      ({ page }) =>
        page.evaluate(async () => {
          const adapter = await navigator.gpu.requestAdapter();
          const before = localStorage.getItem("key");
          localStorage.setItem("key", "value");
          return [adapter?.info.architecture, before];
        }),
    );
    assertEquals(seen, ["swiftshader", null]);
  }
});

Deno.test("screenshot() saves the whole page", async () => {
  await inFolder(async (folder) => {
    await using site = await serve({
      pages: { "/": `${PAGE}<div style="height: 2000px">` },
    });
    await using browser = await startBrowser();
    const path = `${folder}/page.png`;
    const bytes = await browser.visit(
      site.url,
      (tab) => tab.screenshot(path),
      { width: 300, height: 200 },
    );
    assert((await Deno.readFile(path)).every((byte, i) => byte === bytes[i]));
    const view = new DataView(bytes.buffer);
    assertEquals(view.getUint32(16), 300); // the width in a PNG's head
    assert(view.getUint32(20) > 2000);
  });
});

Deno.test("screenshot() asks again, once, where Chromium refuses a picture", async () => {
  const refusal = new Error("Unable to capture screenshot");
  const tabThatThrows = (errors: Error[]) => {
    const screenshot = () => {
      const error = errors.shift();
      return error ? Promise.reject(error) : Promise.resolve(Uint8Array.of(7));
    };
    return new Tab({ screenshot } as unknown as Tab["page"], []);
  };
  assertEquals([...await tabThatThrows([refusal]).screenshot()], [7]);
  const twice = tabThatThrows([refusal, refusal]);
  await assertRejects(() => twice.screenshot(), Error, refusal.message);
  const other = tabThatThrows([new Error("The page is closed")]);
  await assertRejects(() => other.screenshot(), Error, "The page is closed");
});

Deno.test("a page's problems are noted, also those of its workers", async () => {
  await using site = await serve({ pages: { "/": PAGE } });
  const missing = `${site.url}missing`;
  const faults = {
    "console error: said": `console.error("said")`,
    "uncaught error: Error: thrown": `setTimeout(() => {
      throw new Error("thrown");
    })`,
    "uncaught error: Error: refused": `Promise.reject(new Error("refused"))`,
    "request to another host: http://example.com/data": `
      fetch("http://example.com/data").catch(() => {})`,
    "request to another host: ws://127.0.0.1:1/": `
      new WebSocket("ws://127.0.0.1:1/")`,
    [`failed request: ${missing} \\(404\\)`]: `fetch("${missing}")`,
  };
  const inWorker = (code: string) =>
    `new Worker(URL.createObjectURL(new Blob([${JSON.stringify(code)}],
      { type: "text/javascript" })))`;
  await using browser = await startBrowser();
  for (const [problem, code] of Object.entries(faults)) {
    for (const content of [code, inWorker(code)]) {
      await browser.visit(site.url, async (tab) => {
        assertEquals(tab.problems, []);
        await tab.page.addScriptTag({ content });
        const limit = performance.now() + 10_000;
        while (tab.problems.length === 0 && performance.now() < limit) {
          await tab.page.waitForTimeout(20);
        }
        await tab.page.waitForTimeout(50); // A failed socket is an error, too.
        assertMatch(tab.takeProblems().join("\n"), new RegExp(problem));
      });
    }
  }
});

Deno.test("visit() throws at its end if the page has problems", async () => {
  await using site = await serve({ pages: { "/": PAGE } });
  await using browser = await startBrowser();
  const problem = `${site.url} has problems:\nconsole error: said`;
  const say = (tab: Tab) => tab.page.evaluate(() => console.error("said"));
  await assertRejects(() => browser.visit(site.url, say), Error, problem);
  const { message, cause } = await assertRejects(
    () =>
      browser.visit(site.url, async (tab) => {
        await say(tab);
        throw new RangeError("the body's own");
      }),
    Error,
  );
  assertStringIncludes(message, problem);
  assertIsError(cause, RangeError, "the body's own");
});

Deno.test("visit() throws what its body throws", async () => {
  await using site = await serve({ pages: { "/": PAGE } });
  await using browser = await startBrowser();
  await assertRejects(
    () =>
      browser.visit(site.url, () => {
        throw new RangeError("the body's own");
      }),
    RangeError,
    "the body's own",
  );
  await assertRejects(
    () => browser.visit("http://127.0.0.1:1/", () => {}),
    Error,
    "ERR_",
  );
});
