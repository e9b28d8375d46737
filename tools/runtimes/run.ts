// Copyright 2026 the swagpu authors. MIT license.

/**
 * Runs the program in each runtime.
 *
 * @module
 */

import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { bundle } from "../browser/bundle.ts";
import type { Browser } from "../browser/driver.ts";
import { cachePackages } from "../browser/packages.ts";
import { answerFor } from "../browser/served.ts";
import { serve } from "../browser/server.ts";
import type { Figures } from "./program.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const PRINT = fileURLToPath(new URL("print.ts", import.meta.url));
const IN_PAGE = fileURLToPath(new URL("in_page.ts", import.meta.url));
const DAWN = fileURLToPath(new URL("../dawn/preload.ts", import.meta.url));

/** How the program runs in Deno or Node. */
export interface ProcessOptions {
  /** Environment variables that are added. @default {none} */
  env?: Record<string, string>;
  /** Whether models are compared with reference values. @default {false} */
  goldens?: boolean;
}

/** How the program runs in a browser. */
export type PageOptions = Pick<ProcessOptions, "goldens">;

/** The folder with models and reference values, below a folder. */
const modelsIn = (folder: string) => `${folder}/tests/fixtures/models`;

/**
 * Runs a command and gives what it prints.
 *
 * @throws {Error} If there is no such command, or if it fails.
 */
async function outputOf(
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<string> {
  let output: Deno.CommandOutput;
  try {
    output = await new Deno.Command(command, {
      args: [...args],
      env: { NO_COLOR: "1", ...env },
      stdin: "null",
    }).output();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new Error(`Cannot run ${command}: it is not on this system`);
  }
  const [text = "", complaint = ""] = [output.stdout, output.stderr]
    .map((bytes) => new TextDecoder().decode(bytes).trim());
  if (output.success) return text;
  throw new Error(
    `Cannot run ${command}: exit code ${output.code}\n${complaint}`,
  );
}

/**
 * The version of Node.
 *
 * @throws {Error} If there is no Node.
 */
export async function nodeVersion(): Promise<string> {
  return (await outputOf("node", ["--version"])).replace(/^v/, "");
}

/** Runs a command that prints figures. */
async function figuresOf(
  command: string,
  args: readonly string[],
  { env = {}, goldens = false }: ProcessOptions,
): Promise<Figures> {
  const models = goldens ? [modelsIn(ROOT.slice(0, -1))] : [];
  return JSON.parse(await outputOf(command, [...args, ...models], env));
}

/**
 * Runs the program in a new process of Deno.
 *
 * @throws {Error} If the program fails.
 */
export async function runInDeno(
  options: ProcessOptions = {},
): Promise<Figures> {
  const args = ["run", "--allow-all", "--no-check", PRINT];
  return await figuresOf(Deno.execPath(), args, options);
}

/**
 * Runs the program in Node, bundled, with Dawn from the package `webgpu`.
 *
 * @throws {Error} If there is no Node, or if the program fails.
 */
export async function runInNode(
  options: ProcessOptions = {},
): Promise<Figures> {
  await cachePackages([DAWN, PRINT]);
  const folder = await Deno.makeTempDir({ prefix: "swagpu-node-" });
  try {
    const { text } = await bundle(PRINT, { platform: "node" });
    await Deno.writeTextFile(`${folder}/program.mjs`, text);
    await Deno.mkdir(`${folder}/node_modules`);
    const dawn = dirname(fileURLToPath(import.meta.resolve("webgpu")));
    await Deno.symlink(dawn, `${folder}/node_modules/webgpu`);
    return await figuresOf("node", [`${folder}/program.mjs`], options);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/**
 * Runs the program in a page of a browser.
 *
 * @throws {Error} If the program fails, or if the page has problems.
 */
export async function runInPage(
  browser: Browser,
  { goldens = false }: PageOptions = {},
): Promise<Figures> {
  await cachePackages([IN_PAGE]);
  await using site = await serve({
    pages: { "/": "<!doctype html><title>The program</title>" },
    modules: { "/program.js": IN_PAGE },
    folders: { "/": ROOT },
    answer: answerFor(ROOT),
  });
  const models = goldens ? JSON.stringify(modelsIn("")) : "";
  return await browser.visit(
    site.url,
    ({ page }) =>
      page.evaluate<Figures>(
        `import("/program.js").then(({ runProgram }) => runProgram(${models}))`,
      ),
  );
}
