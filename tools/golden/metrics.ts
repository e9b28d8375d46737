// Copyright 2026 the swagpu authors. MIT license.

// Compares metrics with reference values. A file NAME.json that holds cases is
// checked by the module metrics/NAME.ts, which exports `check(cases)`. A folder
// NAME with other files is checked by metrics/NAME.ts with `check(folder)`.

import { basename } from "node:path";
import type { Comparison } from "./compare.ts";
import {
  failure,
  isMetricCases,
  type MetricCase,
  UNKNOWN_FUNCTION,
} from "./metric_cases.ts";

/** A file of cases. */
export interface MetricFile {
  path: string;
  cases: MetricCase[];
}

/** A module that checks cases, or the files of a folder. */
interface Checker {
  check(given: readonly MetricCase[] | string):
    | Comparison[]
    | Promise<Comparison[]>;
}

const MODULES = new URL("./metrics/", import.meta.url);

/** The names of all modules. */
async function moduleNames(): Promise<string[]> {
  const names: string[] = [];
  for await (const { name, isFile } of Deno.readDir(MODULES)) {
    if (isFile && name.endsWith(".ts")) names.push(name.slice(0, -3));
  }
  return names.sort();
}

async function checkerOf(name: string): Promise<Checker> {
  const module = await import(new URL(`${name}.ts`, MODULES).href);
  if (typeof module.check !== "function") {
    throw new TypeError(`tools/golden/metrics/${name}.ts exports no check()`);
  }
  return module;
}

/** The files of a folder that hold metric cases, in the order of their names. */
export async function metricFilesIn(folder: string): Promise<MetricFile[]> {
  const files: MetricFile[] = [];
  for await (const { name, isFile } of Deno.readDir(folder)) {
    if (!isFile || !name.endsWith(".json")) continue;
    const path = `${folder}/${name}`;
    const cases = parsed(await Deno.readTextFile(path));
    if (isMetricCases(cases)) files.push({ path, cases });
  }
  return files.sort((a, b) => a.path < b.path ? -1 : 1);
}

/** The value of a JSON text; `undefined` if it is none. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Whether a module checks the files of a folder with this name. */
export async function hasFolderCheck(folder: string): Promise<boolean> {
  return (await moduleNames()).includes(basename(folder));
}

/** Checks the files of a folder by the module with the name of the folder. */
export async function checkMetricFolder(folder: string): Promise<Comparison[]> {
  const name = basename(folder);
  if (await hasFolderCheck(folder)) {
    return await (await checkerOf(name)).check(folder);
  }
  return [failure(name, `there is no tools/golden/metrics/${name}.ts`)];
}

/**
 * Checks every case of a file. Where no module has the name of the file, each
 * function is checked by the module that knows it.
 */
export async function checkMetricFile(
  { path, cases }: MetricFile,
): Promise<Comparison[]> {
  const names = await moduleNames();
  const own = basename(path, ".json");
  if (names.includes(own)) return await (await checkerOf(own)).check(cases);
  const checkers = await Promise.all(names.map(checkerOf));
  const results = await Promise.all(
    cases.map((one) => checkWithAny(one, checkers)),
  );
  return results.flat();
}

/** Checks a case by the first module that knows its function. */
async function checkWithAny(
  one: MetricCase,
  checkers: readonly Checker[],
): Promise<Comparison[]> {
  for (const checker of checkers) {
    const results = await tried(checker, one);
    const isUnknown = results.length === 0 ||
      results.some(({ note }) => note?.includes(UNKNOWN_FUNCTION));
    if (!isUnknown) return results;
  }
  return [failure(one.id, `${one.function}: ${UNKNOWN_FUNCTION}`)];
}

/** Nothing if the module does not take such cases, as those for folders. */
async function tried(
  checker: Checker,
  one: MetricCase,
): Promise<Comparison[]> {
  try {
    return await checker.check([one]);
  } catch {
    return [];
  }
}
