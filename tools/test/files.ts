// Copyright 2026 the swagpu authors. MIT license.

/**
 * Finds the files that hold tests, and those with examples that run as tests.
 *
 * @module
 */

/** A file with something to test. */
export interface TestFile {
  /** Its path. */
  path: string;
  /** Whether it calls `Deno.test`: its name ends in `_test.ts`. */
  tests: boolean;
  /** Whether its documentation has examples. */
  examples: boolean;
}

interface Settings {
  test: { include: string[] };
  exclude: string[];
}

// What `deno test --doc` runs as an example: a fenced block of TypeScript or
// JavaScript, in Markdown or in a documentation comment.
const EXAMPLE =
  /^\s*(?:\*\s*)?(?:```|~~~)(?:ts|tsx|typescript|js|jsx|javascript)\b(?!.*\bignore\b)/m;

/** Reads which paths deno.json includes in tests, and which it excludes. */
async function readSettings(): Promise<Settings> {
  const url = new URL("../../deno.json", import.meta.url);
  return JSON.parse(await Deno.readTextFile(url));
}

/**
 * A folder of tests that take minutes: they sweep over all kernel variants, build
 * models of full size, or run commands that train, from beginning to end. They run
 * only where they are named, as CI does.
 */
export const SWEEPS = "tests/sweeps";

/**
 * A folder of tests that visit web pages with a browser. They run by `deno task
 * test:browser`, which brings the browser.
 */
export const BROWSER_TESTS = "tests/browser";

const trim = (path: string) => path.replace(/^\.\//, "").replace(/\/+$/, "");

async function* walk(path: string, exclude: string[]): AsyncGenerator<string> {
  if (exclude.includes(path)) return;
  if ((await Deno.stat(path)).isFile) {
    if (/\.(ts|md)$/.test(path)) yield path;
    return;
  }
  const entries = await Array.fromAsync(Deno.readDir(path));
  entries.sort((a, b) => a.name < b.name ? -1 : 1);
  for (const { name } of entries) yield* walk(`${path}/${name}`, exclude);
}

/**
 * Finds the files with tests or examples in the files and folders given, or in
 * those that deno.json includes, except for {@linkcode SWEEPS} and
 * {@linkcode BROWSER_TESTS}.
 *
 * @throws {RangeError} If a path does not exist, or holds no test and no example.
 */
export async function findTests(
  paths: readonly string[] = [],
): Promise<TestFile[]> {
  const { test, exclude } = await readSettings();
  const roots = paths.length > 0 ? paths : test.include;
  const excluded = exclude.map(trim);
  if (paths.length === 0) excluded.push(SWEEPS, BROWSER_TESTS);
  const found = new Map<string, TestFile>();
  for (const root of roots.map(trim)) {
    const before = found.size;
    try {
      for await (const path of walk(root, excluded)) {
        const tests = path.endsWith("_test.ts");
        const examples = EXAMPLE.test(await Deno.readTextFile(path));
        if (tests || examples) found.set(path, { path, tests, examples });
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      throw new RangeError(`Cannot find tests: there is no ${root}`);
    }
    if (paths.length > 0 && found.size === before) {
      throw new RangeError(
        `Cannot find tests: ${root} holds no test and no example`,
      );
    }
  }
  return [...found.values()];
}
