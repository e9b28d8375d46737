// Copyright 2026 the swagpu authors. MIT license.

// Reports in files, which are always complete.

import { writeTextAtomically } from "../host/mod.ts";
import { renderReport } from "./page.ts";
import type { ReportOptions, RunResults } from "./run_results.ts";

/**
 * Writes the report of a run into a file; see {@linkcode renderReport}. The
 * file holds what it held before or the whole report, whatever happens.
 *
 * @param path The file, such as `"out/report.html"`; its folder must exist.
 * @param results The results of the run.
 * @param options Bins, intervals, conformal sets and lists.
 * @throws {RangeError} If parts of the results do not fit together, or an option is
 * out of range.
 * @throws {TypeError} If there is an option that is not known.
 * @throws {Error} If the file cannot be written.
 *
 * @example A report in a folder
 * ```ts
 * import { writeReport } from "@swagpu/swagpu/report";
 * import { assert } from "@std/assert";
 *
 * const folder = await Deno.makeTempDir();
 * const path = `${folder}/report.html`;
 * await writeReport(path, { title: "Only a training", training: {} });
 * assert((await Deno.stat(path)).size > 0);
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function writeReport(
  path: string,
  results: RunResults,
  options: ReportOptions = {},
): Promise<void> {
  await writeTextAtomically(path, await renderReport(results, options));
}
