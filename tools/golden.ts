// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

/**
 * Compares models with reference tensors of other libraries: `deno task golden DIR…`.
 * A folder holds config.json, weights, and either golden.safetensors and case.json,
 * which Hugging Face's code has made, or reference.json, which records the answers of
 * a pretrained encoder-decoder.
 *
 * @module
 */

import { checkCase } from "./golden/check.ts";
import type { Comparison } from "./golden/compare.ts";
import { checkReference, REFERENCE_NAME } from "./golden/reference.ts";
import { initialize } from "../engine/mod.ts";

/** Whether a file exists. */
async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(({ isFile }) => isFile, () => false);
}

/** Finds the cases of a folder: the folder itself, or else folders in it. */
async function casesIn(folder: string): Promise<string[]> {
  for (const name of ["case.json", REFERENCE_NAME]) {
    if (await exists(`${folder}/${name}`)) return [folder];
  }
  const cases: string[] = [];
  for await (const entry of Deno.readDir(folder)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) cases.push(...await casesIn(path));
  }
  return cases.sort();
}

/** Finds the cases of a folder that an argument names; there must be one. */
async function casesNamed(folder: string): Promise<string[]> {
  const stat = await Deno.stat(folder).catch(() => undefined);
  if (!stat?.isDirectory) {
    throw new Error(`Cannot compare ${folder}: there is no such folder`);
  }
  const cases = await casesIn(folder);
  if (cases.length > 0) return cases;
  throw new Error(
    `Cannot compare ${folder}: no folder in it has a case.json or ` +
      REFERENCE_NAME,
  );
}

function format({ name, absolute, relative, ok, note }: Comparison): string {
  const number = (x: number) => x.toExponential(2).padStart(9);
  return `  ${ok ? "ok  " : "FAIL"} ${number(absolute)} ${
    number(relative)
  }  ${name}${note ? `  (${note})` : ""}`;
}

/** Summarizes comparisons: how many failed, and the largest relative difference. */
function summary(comparisons: readonly Comparison[]): string {
  const failed = comparisons.filter(({ ok }) => !ok).length;
  const worst = comparisons.reduce<Comparison | undefined>(
    (worst, one) => worst && !(one.relative > worst.relative) ? worst : one,
    undefined,
  );
  const list = `${comparisons.length} comparisons` +
    (failed > 0 ? `, ${failed} failed` : "");
  return worst === undefined
    ? list
    : `${list}, at most ${worst.relative.toExponential(1)} off (${worst.name})`;
}

const USAGE = `\
Usage: deno task golden [--verbose] DIR…

Compares models with the reference tensors in folders that have a case.json or
a reference.json: the folders named, or all below them. Prints a line for each
folder and for each comparison that failed; --verbose prints all comparisons.`;

async function main(args: readonly string[]): Promise<number> {
  const isVerbose = args.includes("--verbose") || args.includes("-v");
  const named = args.filter((arg) => !["--verbose", "-v"].includes(arg));
  if (named.includes("--help") || named.includes("-h")) {
    console.log(USAGE);
    return 0;
  }
  const unknown = named.find((arg) => arg.startsWith("-"));
  if (named.length === 0 || unknown !== undefined) {
    console.error(unknown ? `error: Cannot use ${unknown}\n\n${USAGE}` : USAGE);
    return 2;
  }
  const folders: string[] = [];
  try {
    for (const folder of named) folders.push(...await casesNamed(folder));
  } catch (error) {
    console.error(`error: ${error instanceof Error ? error.message : error}`);
    return 2;
  }
  const device = await initialize();
  console.log(`adapter: ${device.name}`);
  let passed = 0;
  let failed = 0;
  for (const folder of folders) {
    try {
      const check = await exists(`${folder}/case.json`)
        ? checkCase
        : checkReference;
      const comparisons = await check(folder);
      const bad = comparisons.filter(({ ok }) => !ok);
      passed += comparisons.length - bad.length;
      failed += bad.length;
      const shown = isVerbose ? comparisons : bad;
      const ok = bad.length === 0 ? "ok  " : "FAIL";
      console.log(`${ok} ${folder}: ${summary(comparisons)}`);
      if (shown.length > 0) console.log("         absolute  relative");
      for (const comparison of shown) console.log(format(comparison));
    } catch (error) {
      console.log(`FAIL ${folder}`);
      console.log(`  FAIL ${error instanceof Error ? error.stack : error}`);
      failed++;
    }
  }
  console.log(`${passed} passed, ${failed} failed`);
  return failed > 0 ? 1 : 0;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
