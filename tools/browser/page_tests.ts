// Copyright 2026 the swagpu authors. MIT license.

/**
 * Runs a test file in a page of a browser.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import type { Browser } from "./driver.ts";
import type { Report } from "./page/run.ts";
import { answerFor } from "./served.ts";
import { serve } from "./server.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const RUN = fileURLToPath(new URL("page/run.ts", import.meta.url));

/** The longest that one test may take, in milliseconds. */
const LIMIT = 180_000;

const PAGE = `<!doctype html>
<meta charset="utf-8">
<title>Tests</title>`;

/** Runs in the page, which has been given the function `report`. */
function programOf(script: string, filter: string | undefined): string {
  const isChosen = filter === undefined
    ? "() => true"
    : `(name) => name.includes(${JSON.stringify(filter)})`;
  return `import(${JSON.stringify(script)})
    .then(({ runTests }) => runTests(${isChosen}, report))`;
}

/** Options of {@linkcode runInPage}. */
export interface RunOptions {
  /** Only tests whose names contain this text run. */
  filter?: string | undefined;
  /** Is called after each test. */
  onReport: (report: Report) => void;
}

/**
 * Runs the tests of a file in a new page. The page can read the files of the project.
 * A problem of the page is a failure of the test that runs.
 *
 * @param path The path of the file below the project's folder.
 * @returns The name of the GPU's adapter.
 * @throws {Error} If the file cannot be loaded, or if a test takes too long.
 */
export async function runInPage(
  browser: Browser,
  path: string,
  { filter, onReport }: RunOptions,
): Promise<string> {
  // Beside the file, so that it finds fixtures by its own address.
  const script = `/${path}.js`;
  await using site = await serve({
    pages: { "/": PAGE },
    modules: { [script]: [RUN, `${ROOT}${path}`] },
    folders: { "/": ROOT },
    answer: answerFor(ROOT),
  });
  const late = Promise.withResolvers<never>();
  const end = () =>
    late.reject(new Error(`no test ended in ${LIMIT / 1_000} seconds`));
  let timer = setTimeout(end, LIMIT);
  try {
    return await browser.visit(site.url, async (tab) => {
      await tab.page.exposeFunction("report", (report: Report) => {
        clearTimeout(timer);
        timer = setTimeout(end, LIMIT);
        const problems = tab.takeProblems();
        const error = [report.error ?? [], problems].flat().join("\n");
        onReport({ ...report, error: error || null });
      });
      return await Promise.race([
        tab.page.evaluate<string>(programOf(script, filter)),
        late.promise,
      ]);
    });
  } finally {
    clearTimeout(timer);
  }
}
