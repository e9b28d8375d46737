// Copyright 2026 the swagpu authors. MIT license.

/**
 * What `finetune --seeds` does: the same run with several seeds, and how much their
 * scores differ.
 *
 * @module
 */

import { disk, readText } from "../host/mod.ts";
import { exists, writeTextAtomically } from "../nn/formats/mod.ts";
import { getLastCheckpoint } from "../nn/mod.ts";
import { Arguments, type Command, type Option } from "./arguments.ts";
import type { MethodScores } from "./scores.ts";
import {
  describeSeries,
  type DoneRun,
  drawSeries,
  type SeriesFile,
} from "./seed_summary.ts";
import { sameWords, sharedWords, wordsOfRun } from "./series_words.ts";
import { print } from "./standard_output.ts";
import { DivergedError } from "./trained.ts";

/** The options of a series. */
export const SEEDS_OPTIONS: readonly Option[] = [
  {
    name: "seeds",
    value: "N",
    help: "Repeat the run with N seeds, from --seed on, each in a folder in " +
      "--output, and print how much the scores differ; seeds.svg there shows " +
      "it. Runs that are done are not repeated.",
  },
  {
    name: "degenerate",
    value: "X",
    help: "With --seeds, the score that a run must beat to have learned " +
      "something (that of the same answer for every row).",
  },
];

/** The file that holds the scores of a series. */
export const SERIES_NAME = "seeds.json";

/** How a run of a series ended. */
export interface SeriesRun {
  /** The exit code. */
  readonly exitCode: number;
  /** The scores of each method on the rows of `--eval`. */
  readonly results: readonly MethodScores[];
  /** The score that tells which run is better. */
  readonly metric: string;
  /** Whether a greater value of it is better. */
  readonly greaterIsBetter: boolean;
  /** That score of the same answer for every row, if it is known. */
  readonly constant: number | undefined;
}

/**
 * Runs a command with several seeds.
 *
 * @param command The command, whose options are `--seed` and `--output` too.
 * @param args What it was called with.
 * @param run Runs it once.
 * @returns The exit code: that of the first run that was stopped, or 0.
 * @throws {TypeError} If there is nothing to measure on, or the folder holds a
 * series with other options.
 */
export async function runSeries(
  command: Command,
  args: Arguments,
  run: (args: Arguments) => Promise<SeriesRun>,
): Promise<number> {
  const count = args.integer("seeds", { min: 2 }) ?? 2;
  const asked = args.number("degenerate");
  const first = args.integer("seed", { min: 0, max: 2 ** 32 - count }) ?? 0;
  const output = args.needed("output");
  if (!args.flag("eval") && !args.flag("validation-split")) {
    throw new TypeError(
      "Cannot use --seeds without --eval or --validation-split: there is " +
        "nothing to compare the runs on",
    );
  }
  const words = sharedWords(args, ["seeds", "degenerate"]);
  const path = `${output}/${SERIES_NAME}`;
  let file: SeriesFile = { options: words, runs: [] };
  if (!args.flag("overwrite") && await exists(path)) {
    file = await readSeries(path, words);
  }
  for (let seed = first; seed < first + count; seed++) {
    if (file.runs.some((done) => done.seed === seed)) continue;
    const folder = `${output}/seed-${seed}`;
    // A folder without an entry is of a run that was cut.
    const resumes = args.flag("resume") &&
      await getLastCheckpoint(folder) !== undefined;
    const own = new Arguments(
      command,
      wordsOfRun(words, { seed, output: folder, resumes }),
    );
    let done: DoneRun = { seed, methods: {} };
    try {
      const { exitCode, results, ...facts } = await run(own);
      if (exitCode !== 0) return exitCode;
      done = {
        seed,
        methods: Object.fromEntries(
          results.map(({ method, scores }) => [method, scores]),
        ),
      };
      file = {
        ...file,
        metric: facts.metric,
        greater_is_better: facts.greaterIsBetter,
        degenerate: asked ?? facts.constant,
      };
    } catch (error) {
      if (!(error instanceof DivergedError)) throw error;
      done = { ...done, failure: error.message };
      await print(`seed ${seed} failed: ${error.message}`);
    }
    file = { ...file, runs: [...file.runs, done] };
    await disk(output).mkdir(output, { recursive: true });
    await writeTextAtomically(path, `${JSON.stringify(file, undefined, 2)}\n`);
  }
  const series = asked === undefined ? file : { ...file, degenerate: asked };
  await print(describeSeries(series).trimEnd());
  await drawSeries(series, `${output}/seeds.svg`);
  return 0;
}

async function readSeries(
  path: string,
  words: readonly string[],
): Promise<SeriesFile> {
  const file = JSON.parse(await readText(path)) as SeriesFile;
  if (sameWords(file.options, words)) return file;
  throw new TypeError(
    `Cannot go on with ${path}: its runs were made with other options (${
      file.options.join(" ")
    }); choose another folder or say --overwrite`,
  );
}
