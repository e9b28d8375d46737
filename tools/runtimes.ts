// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

/**
 * Runs one program in Deno, on the system's adapter and on SwiftShader, and, on
 * SwiftShader, in Node and in Chromium, and prints a table of what it computes:
 * comparisons with Hugging Face's values, random words, ten steps of training, and a
 * sample of the posterior.
 *
 * @module
 */

import { runTool } from "./run_tool.ts";
import { startBrowser } from "./browser/driver.ts";
import { findSwiftShader, swiftShaderEnvironment } from "./dawn/swiftshader.ts";
import {
  nodeVersion,
  runInDeno,
  runInNode,
  runInPage,
} from "./runtimes/run.ts";
import { problemsOf, type Row, tableOf } from "./runtimes/table.ts";
import { asksForHelp } from "./test.ts";

const USAGE = `Usage: deno task runtimes

Runs one program in Deno, Node and Chromium, and prints a table of what it
computes in each. Takes some minutes. The exit code is 1 if reference values or
random numbers differ.`;

/** Runs the program everywhere, one runtime after the other. */
async function measure(): Promise<Row[]> {
  const rows: Row[] = [];
  const note = async (
    row: Omit<Row, "figures">,
    run: () => Promise<Row["figures"]>,
  ) => {
    console.error(`${row.runtime} …`);
    rows.push({ ...row, figures: await run() });
  };
  await using browser = await startBrowser(); // Brings SwiftShader where it must.
  const env = swiftShaderEnvironment(await findSwiftShader());
  const goldens = true;
  const deno = { runtime: `Deno ${Deno.version.deno}`, compiler: "Naga" };
  await note(deno, () => runInDeno({ goldens }));
  await note(deno, () => runInDeno({ env, goldens }));
  const node = { runtime: `Node ${await nodeVersion()}`, compiler: "Tint" };
  await note(node, () => runInNode({ env, goldens }));
  const chromium = `Chromium ${browser.version}`;
  await note(
    { runtime: chromium, compiler: "Tint" },
    () => runInPage(browser, { goldens }),
  );
  return rows;
}

async function main(args: string[]): Promise<number> {
  if (asksForHelp(args)) {
    console.log(USAGE);
    return 0;
  }
  if (args.length > 0) {
    console.error(`error: Cannot use ${args[0]}\n\n${USAGE}`);
    return 2;
  }
  const rows = await measure();
  console.log(tableOf(rows));
  const problems = problemsOf(rows);
  for (const problem of problems) console.error(`error: ${problem}`);
  return problems.length === 0 ? 0 : 1;
}

if (import.meta.main) await runTool(main);
