// Copyright 2026 the swagpu authors. MIT license.

/**
 * Finds the tests of the GPU code, which also run on other conditions than those of
 * `deno task test`.
 *
 * @module
 */

import { findTests } from "./files.ts";

// A test file that uses the GPU contains one of these calls.
const USES_GPU = /\bgpuTest\(|\b(?:initialize|openDevice)\(/;

// Commands are separate processes, to which the other conditions do not apply.
const OTHER_SWEEPS = /^tests\/sweeps\/(cli|examples|tools)\//;

/**
 * The test files that use the GPU.
 *
 * @param roots Files and folders to look in.
 * @param leftOut Files to leave out, each with the reason.
 */
export async function findGpuTests(
  roots: readonly string[],
  leftOut: ReadonlyMap<string, string>,
): Promise<string[]> {
  const paths = (await findTests(roots)).filter(({ tests }) => tests)
    .map(({ path }) => path);
  const texts = await Promise.all(paths.map((path) => Deno.readTextFile(path)));
  return paths.filter((path, i) =>
    USES_GPU.test(texts[i] ?? "") && !leftOut.has(path) &&
    !OTHER_SWEEPS.test(path)
  );
}
