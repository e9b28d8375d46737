// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

// deno task golden DIR…: compares models with reference tensors made by others.
// A folder holds config.json, weights, and either golden.safetensors and
// case.json, made by Hugging Face's own code, or reference.json, which records
// what a pretrained encoder-decoder says.

import { checkCase, type Comparison } from "./golden/check.ts";
import { checkReference, REFERENCE_NAME } from "./golden/reference.ts";
import { initialize } from "../engine/mod.ts";

/** Whether a path leads to a file. */
async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(({ isFile }) => isFile, () => false);
}

/** The folder itself if it is a case, else the cases right below it. */
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

function format({ name, absolute, relative, ok, note }: Comparison): string {
  const number = (x: number) => x.toExponential(2).padStart(9);
  return `  ${ok ? "ok  " : "FAIL"} ${number(absolute)} ${
    number(relative)
  }  ${name}${note ? `  (${note})` : ""}`;
}

if (import.meta.main) {
  const folders = (await Promise.all(Deno.args.map(casesIn))).flat();
  if (folders.length === 0) {
    console.error(
      "Usage: deno task golden DIR…: folders with case.json or reference.json",
    );
    Deno.exit(2);
  }
  const device = await initialize();
  console.log(`adapter: ${device.name}`);
  let passed = 0;
  let failed = 0;
  for (const folder of folders) {
    console.log(`${folder}`);
    console.log("         absolute  relative");
    try {
      const check = await exists(`${folder}/case.json`)
        ? checkCase
        : checkReference;
      for (const comparison of await check(folder)) {
        console.log(format(comparison));
        if (comparison.ok) passed++;
        else failed++;
      }
    } catch (error) {
      console.log(`  FAIL ${error instanceof Error ? error.stack : error}`);
      failed++;
    }
  }
  console.log(`${passed} passed, ${failed} failed`);
  Deno.exit(failed > 0 ? 1 : 0);
}
