// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

/**
 * Tries the library with random inputs: `deno task fuzz files --rounds 1000`.
 *
 * Each trial must end within seconds, with a right result or with an error that names
 * the input and the reason. The same seed makes the same trials.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { loadFuzzer, runTrials, type Summary } from "./fuzz/run.ts";

/** The names of all fuzzers. Each is a module in `tools/fuzz`. */
export const FUZZERS = ["files", "kills", "shapes", "tokenizers"] as const;

/**
 * The address of a fuzzer's module.
 *
 * @throws {RangeError} If no fuzzer has the name.
 */
export function moduleOf(name: string): string {
  if (!FUZZERS.some((known) => known === name)) {
    throw new RangeError(
      `Cannot fuzz "${name}": there are ${FUZZERS.join(", ")}`,
    );
  }
  return new URL(`./fuzz/${name}.ts`, import.meta.url).href;
}

/** Summarizes a run in one line. */
export function describeSummary(name: string, summary: Summary): string {
  const { accepted, refused, reports } = summary;
  const count = (fault: string) =>
    reports.filter((report) => report.fault === fault).length;
  return `${name}: ${accepted + refused + reports.length} trials: ` +
    `${accepted} accepted, ${refused} refused, ${count("hang")} hangs, ` +
    `${count("wrong result")} wrong results, ` +
    `${count("internal message")} internal messages, ` +
    `${count("memory")} out of memory, ${count("crash")} crashes`;
}

const USAGE = `Usage: deno task fuzz [NAME…] [options]

Names: ${FUZZERS.join(", ")} (default: all)

  --seed N      the seed of all trials (default: 1)
  --rounds N    trials of each fuzzer (default: a short run)
  --first N     the number of the first trial, to repeat one (default: 0)`;

async function main(args: string[]): Promise<number> {
  const options = parseArgs(args, {
    boolean: ["help"],
    string: ["seed", "rounds", "first"],
    alias: { h: "help" },
    unknown: (arg: string) => {
      if (!arg.startsWith("-")) return true;
      throw new RangeError(`Cannot fuzz with ${arg}: it is not an option`);
    },
  });
  if (options.help) {
    console.log(USAGE);
    return 0;
  }
  const number = (name: "seed" | "rounds" | "first", usual: number) => {
    const text = options[name];
    const value = text === undefined ? usual : Number(text);
    if (Number.isSafeInteger(value) && value >= 0) return value;
    throw new RangeError(
      `Cannot fuzz with --${name} ${text}: it must be a whole number`,
    );
  };
  const seed = number("seed", 1);
  const first = number("first", 0);
  const names: readonly string[] = options._.length > 0
    ? options._.map(String)
    : FUZZERS;
  let faults = 0;
  for (const name of names) {
    const module = moduleOf(name);
    const { description, short } = await loadFuzzer(module);
    const count = number("rounds", short);
    console.log(`${name}: ${description}`);
    const start = performance.now();
    const summary = await runTrials(
      module,
      { seed, first, count },
      (report) => {
        console.log(
          `\n${report.fault} in trial ${report.trial} ` +
            `(deno task fuzz ${name} --seed ${seed} --first ${report.trial} ` +
            `--rounds 1)\n${report.message}\n`,
        );
      },
    );
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    console.log(`${describeSummary(name, summary)}, ${seconds} s\n`);
    faults += summary.reports.length;
  }
  return faults === 0 ? 0 : 1;
}

if (import.meta.main) {
  try {
    Deno.exit(await main(Deno.args));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    console.error(`error: ${error.message}`);
    Deno.exit(2);
  }
}
