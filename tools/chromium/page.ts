// Copyright 2026 the swagpu authors. MIT license.

/**
 * Runs a test file in the browser. Its tests are collected when the file loads and run
 * in order, and each result is sent to the server of the page.
 *
 * The file also defines the parts of `Deno` that tests of the GPU use, and no others:
 * without `Deno.env` the library rightly assumes that it runs in a browser.
 *
 * @module
 */

/** A report of the page: the result of a test, or the end of the file. */
export type Report =
  | { kind: "test"; name: string; error: string | null; seconds: number }
  | { kind: "end"; adapter: string };

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

async function send(report: Report): Promise<void> {
  await fetch("/report", { method: "POST", body: JSON.stringify(report) });
}

function describe(error: unknown): string {
  return error instanceof Error ? error.stack ?? error.message : String(error);
}

// An error outside of any awaited promise is a failure of the running test.
const stray: string[] = [];
globalThis.addEventListener("error", ({ error, message }) => {
  stray.push(error ? describe(error) : message);
});
globalThis.addEventListener("unhandledrejection", ({ reason }) => {
  stray.push(describe(reason));
});

async function attempt(name: string, run: Run): Promise<void> {
  const started = performance.now();
  let error: string | null = null;
  try {
    await run({});
  } catch (thrown) {
    error = describe(thrown);
  }
  error ??= stray.shift() ?? null;
  stray.length = 0;
  const seconds = (performance.now() - started) / 1_000;
  await send({ kind: "test", name, error, seconds });
}

/** Loads a bundled test file, runs its tests, and goes to the next page. */
export async function runPage(url: string, next: string | null): Promise<void> {
  const adapter = await navigator.gpu?.requestAdapter();
  const info = adapter?.info;
  try {
    await import(url);
  } catch (error) {
    await attempt(`loading ${url}`, () => {
      throw error;
    });
  }
  for (const { name, run } of tests) await attempt(name, run);
  await send({
    kind: "end",
    adapter: info
      ? info.description || `${info.vendor} ${info.architecture}`
      : "none",
  });
  if (next !== null) globalThis.location.replace(next);
}
