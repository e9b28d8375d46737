// Copyright 2026 the swagpu authors. MIT license.

// Models in a page: from the web, from the browser's own folder on the next visit, and
// from files that were chosen.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  type Browser,
  startBrowser,
  type Tab,
} from "../../tools/browser/driver.ts";
import { serve, type Site } from "../../tools/browser/server.ts";
import { withServer } from "../host/_server.ts";

const MODEL =
  new URL("../fixtures/models/bert_seq_cls", import.meta.url).pathname;
const FILES = ["config.json", "model.safetensors"];
const PAGE = "<!doctype html><title>Files</title>" +
  '<input type="file" webkitdirectory><script type="module" src="/page.js"></script>';

/** Visits the page, whose functions are called by their names. */
async function visit(
  body: (
    call: <T>(name: string, ...values: unknown[]) => Promise<T>,
    tab: Tab,
    site: Site,
  ) => Promise<void>,
): Promise<void> {
  await using site = await serve({
    pages: { "/": PAGE },
    modules: {
      "/page.js": "tests/browser/_files_page.ts",
      "/worker.js": "tests/browser/_files_worker.ts",
    },
    folders: { "/model/": MODEL },
  });
  await using browser: Browser = await startBrowser();
  await browser.visit(site.url, async (tab) => {
    const call = <T>(name: string, ...values: unknown[]): Promise<T> =>
      tab.page.evaluate(`page.${name}(...${JSON.stringify(values)})`);
    await body(call, tab, site);
  });
}

type Web = { logits: number[]; progress: { loaded: number; total: number }[] };

Deno.test("a page loads a model from its server, and keeps it for the next visit", async () => {
  await visit(async (call, tab, site) => {
    const address = `${site.url}model`;
    // With the names of the files there is no request that fails.
    const { logits, progress } = await call<Web>("fromWeb", address, FILES);
    assertEquals(logits.length, 3);
    const { size } = await Deno.stat(`${MODEL}/model.safetensors`);
    const last = progress.at(-1);
    assertEquals([last?.loaded, last?.total], [size, size]);

    assertEquals(await call("fromAddress", address), logits);
    const missing = tab.takeProblems();
    assert(missing.length > 0);
    assert(missing.every((text) => /\(404\)$/.test(text)), missing.join("\n"));

    assertEquals(await call("keep", address), logits);
    tab.takeProblems();
    await tab.page.reload();
    assertEquals(await call("fromKept"), { logits, collections: 1 });

    await tab.page.locator("input").setInputFiles(MODEL);
    const chosen = await tab.page.evaluate(
      'page.fromChosen(document.querySelector("input"))',
    );
    assertEquals(chosen, logits);
  });
});

Deno.test("a page loads a model from another server that allows it, and says where one does not", async () => {
  const files = Object.fromEntries(
    await Promise.all(FILES.map(async (name) => [
      `/m/${name}`,
      await Deno.readFile(`${MODEL}/${name}`),
    ])),
  );
  await withServer(files, async (server) => {
    await visit(async (call, tab, site) => {
      const own = await call<Web>("fromWeb", `${site.url}model`, FILES);
      const address = `${server.root}/m`;
      // What the page may not read fails, whatever the server answers.
      const message = await call<string>("errorOf", address);
      assertStringIncludes(message, `Cannot read ${address}/`);
      assertStringIncludes(
        message,
        "the server cannot be reached, or does not allow pages of " +
          `${new URL(site.url).origin} to read its files (CORS)`,
      );
      // Without the right to see them, validators and ranges are not known.
      server.headers = { "access-control-allow-origin": "*" };
      const { logits } = await call<Web>("fromWeb", address, FILES);
      assertEquals(logits, own.logits);
      server.ranges = false;
      const whole = await call<Web>("fromWeb", address, FILES);
      assertEquals(whole.logits, own.logits);
      assert(server.requests.every((text) => !text.startsWith("OPTIONS")));
      tab.takeProblems();
    });
  });
});

Deno.test("a page says what to mount, and a worker writes where pages cannot", async () => {
  await visit(async (call) => {
    assertEquals(
      await call("errorOf", "my/model"),
      "Cannot open my/model: a browser has no file system of its own, and nothing " +
        "is mounted at this path; use an address that begins with https://, or " +
        "mount a folder there, such as mount(name, await originFolder(name))",
    );
    assertEquals(await call("inWorker"), "short, longer; short, longer");
  });
});
