// Copyright 2026 the swagpu authors. MIT license.

/**
 * Runs a test file in a page: its tests are collected when the file loads, and run in
 * order.
 *
 * The file also defines the parts of `Deno` that tests of the GPU use, and no others:
 * without `Deno.env` the library rightly assumes that it runs in a browser.
 *
 * @module
 */

/** The result of a test. */
export interface Report {
  /** The name of the test. */
  name: string;
  /** What it threw; `null` if it passed. */
  error: string | null;
  /** How long it took. */
  seconds: number;
}

type Run = (context: unknown) => void | Promise<void>;

interface Test {
  name: string;
  run: Run;
}

const tests: Test[] = [];

function collect(
  first: string | { name: string; fn: Run },
  second?: Run,
): void {
  const run = typeof first === "string" ? second : first.fn;
  const name = typeof first === "string" ? first : first.name;
  if (!run) throw new TypeError(`Cannot run ${name}: it has no function`);
  tests.push({ name, run });
}

class NotFound extends Error {
  override readonly name = "NotFound";
}

async function get(url: string | URL): Promise<Response> {
  const response = await fetch(url);
  if (response.ok) return response;
  throw new NotFound(`Cannot read ${url}: ${response.status}`);
}

Object.defineProperty(globalThis, "Deno", {
  value: {
    test: collect,
    errors: { NotFound },
    readTextFile: async (url: string | URL) => await (await get(url)).text(),
    readFile: async (url: string | URL) =>
      new Uint8Array(await (await get(url)).arrayBuffer()),
  },
});

async function attempt({ name, run }: Test): Promise<Report> {
  const started = performance.now();
  let error: string | null = null;
  try {
    await run({});
  } catch (thrown) {
    error = thrown instanceof Error
      ? thrown.stack ?? thrown.message
      : String(thrown);
  }
  return { name, error, seconds: (performance.now() - started) / 1_000 };
}

/**
 * Loads a bundled test file and runs its tests.
 *
 * @param url The address of the file.
 * @param isChosen Whether a test runs, by its name.
 * @param report Is called after each test.
 * @returns The name of the GPU's adapter.
 */
export async function runTests(
  url: string,
  isChosen: (name: string) => boolean,
  report: (report: Report) => Promise<void>,
): Promise<string> {
  await import(url);
  for (const test of tests) {
    if (isChosen(test.name)) await report(await attempt(test));
  }
  const adapter = await navigator.gpu?.requestAdapter();
  if (!adapter) return "no adapter";
  const { description, vendor, architecture } = adapter.info;
  return description || `${vendor} ${architecture}`;
}
