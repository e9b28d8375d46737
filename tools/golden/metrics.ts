// Copyright 2026 the swagpu authors. MIT license.

// Compares metrics with reference values. A file NAME.json that holds cases is
// checked by the module metrics/NAME.ts, which exports `check(cases)`. A folder
// NAME with other files is checked by metrics/NAME.ts with `check(folder)`.

import { basename } from "node:path";
import type { Comparison } from "./compare.ts";
import { failure, isMetricCases, type MetricCase } from "./metric_cases.ts";

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

/** The module of a name; `undefined` if there is none, or it checks nothing. */
async function checkerOf(name: string): Promise<Checker | undefined> {
  if (!(await moduleNames()).includes(name)) return undefined;
  const module = await import(new URL(`${name}.ts`, MODULES).href);
  return typeof module.check === "function" ? module : undefined;
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
  return await checkerOf(basename(folder)) !== undefined;
}

/** Checks the files of a folder by the module with the name of the folder. */
export async function checkMetricFolder(folder: string): Promise<Comparison[]> {
  const name = basename(folder);
  const checker = await checkerOf(name);
  return checker
    ? await checker.check(folder)
    : [failure(name, `there is no tools/golden/metrics/${name}.ts`)];
}

/**
 * Checks every case of a file. Where no module has the name of the file, each
 * function is checked by the module that knows it.
 */
export async function checkMetricFile(
  { path, cases }: MetricFile,
): Promise<Comparison[]> {
  const own = await checkerOf(basename(path, ".json"));
  if (own) return await own.check(cases);
  const checkers = await Promise.all((await moduleNames()).map(checkerOf));
  const known = checkers.filter((checker) => checker !== undefined);
  const results = await Promise.all(
    cases.map((one) => checkWithAny(one, known)),
  );
  return results.flat();
}

/** Checks a case by the first module that knows its function. */
async function checkWithAny(
  one: MetricCase,
  checkers: readonly Checker[],
): Promise<Comparison[]> {
  const unknown = `there is no metric for ${one.function}`;
  for (const checker of checkers) {
    const results = await tried(checker, one);
    const isUnknown = results.length === 0 ||
      results.some(({ note }) => note === unknown);
    if (!isUnknown) return results;
  }
  return [failure(one.id, unknown)];
}

/** Nothing if the module does not take cases, such as one for folders. */
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
