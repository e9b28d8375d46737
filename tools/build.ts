// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

/**
 * Builds the package for npm, in `dist/npm`, and the modules for browsers, in
 * `dist/browser`, and prints what a web page loads. The exit code is 1 if that exceeds
 * its budget.
 *
 * @module
 */

import * as esbuild from "esbuild";
import { buildForBrowsers } from "./build/browser.ts";
import { buildPackage } from "./build/npm.ts";
import { DIST, PROJECT } from "./build/project.ts";
import { measureSizes, overBudget, tableOf } from "./build/sizes.ts";

const USAGE = `Usage: deno task build

Builds the npm package in dist/npm and the modules for browsers in dist/browser,
prints what a web page loads, and fails if that exceeds its budget.`;

async function empty(folder: string): Promise<void> {
  await Deno.remove(folder, { recursive: true }).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
}

async function main(args: string[]): Promise<number> {
  const [first] = args;
  if (first !== undefined) {
    const helps = first === "--help" || first === "-h";
    console.log(helps ? USAGE : `error: Cannot use ${first}\n\n${USAGE}`);
    return helps ? 0 : 2;
  }
  await empty(DIST);
  const modules = await buildPackage(`${DIST}/npm`);
  console.log(
    `dist/npm: ${PROJECT.name} ${PROJECT.version}, ${modules} modules`,
  );
  const built = await buildForBrowsers(`${DIST}/browser`);
  console.log(`dist/browser: ${built.size} modules\n`);
  const sizes = await measureSizes(built);
  console.log(tableOf(sizes));
  const faults = overBudget(sizes);
  for (const fault of faults) console.error(`error: ${fault}`);
  return faults.length === 0 ? 0 : 1;
}

if (import.meta.main) {
  try {
    Deno.exitCode = await main(Deno.args);
  } catch (error) {
    console.error(`error: ${error instanceof Error ? error.message : error}`);
    Deno.exitCode = 1;
  } finally {
    await esbuild.stop();
  }
}
