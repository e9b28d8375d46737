// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

/**
 * Whether SWAG's probabilities are worth their cost: small models of BERT's kind,
 * trained from nothing on a few tasks, and what each method makes of one, two, four
 * or eight training runs.
 *
 * ```sh
 * deno task bench:posteriors --data DIR --output DIR
 * ```
 *
 * The folder of `--data` holds the files that posteriors/tasks.ts names, as they were
 * published. What has been measured is in posteriors_scores.json, beside this file, and
 * is not measured again: the tables and the figure are made from it. Learning rates are
 * those of posteriors.json; `--scan` finds and writes them.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { initialize } from "../engine/mod.ts";
import choices from "./posteriors.json" with { type: "json" };
import { posteriorsFigure, type TaskSummary } from "./posteriors/figure.ts";
import { measure } from "./posteriors/measure.ts";
import { SAMPLES } from "./posteriors/methods.ts";
import { KeptResults, writeJson } from "./posteriors/results.ts";
import { type Choice, ratesOf, scanRates } from "./posteriors/scan.ts";
import { summarize } from "./posteriors/summary.ts";
import { tableOf } from "./posteriors/table.ts";
import { type Task, TASKS } from "./posteriors/tasks.ts";
import { EPOCHS, type Epochs } from "./posteriors/training.ts";

const CHOICES = choices as Record<string, Choice>;
const CHOICES_FILE = new URL("posteriors.json", import.meta.url);
const SCORES_FILE = new URL("posteriors_scores.json", import.meta.url);

const USAGE = `\
Usage: deno task bench:posteriors --data DIR --output DIR [options]

  --data DIR         The folder of the data sets
  --output DIR       Where training runs, the tables and the figure are written
  --scores FILE      What has been measured, and is added to
                     (bench/posteriors_scores.json)
  --tasks A,B        Some of the tasks: ${
  TASKS.map(({ name }) => name).join(", ")
}
  --seeds N          The seeds 1 to N (5 for reviews, else 3)
  --members 1,2,4    The numbers of training runs, with 1 (and 8 for reviews)
  --scan             Finds the learning rates of the tasks, and nothing else
  --help             Print this`;

/** What stands above the tables. */
const INTRODUCTION = `\
# Posteriors at equal training cost

All training runs of a task see the data equally often, from the same first weights.
Samples are ${SAMPLES} in all, rounded up to the same number for each particle of
MultiSWAG; members of a deep ensemble, SWA and single models have one prediction each.

- Calibrated NLL: at the temperature T with the least NLL on the validation set.
- ECE: 15 bins of equal width. AURC: the area under the risk-coverage curve.
- DEE: the deep-ensemble equivalent, the number of members of a deep ensemble with
  the same calibrated NLL, at most the largest that was measured.
- CE to truth: the cross-entropy to the true distribution of the labels, or to that of
  100 people's.
- MI out/in: the mean mutual information of foreign texts, divided by that of the test
  set. AUROC: how well mutual information, or the entropy of the mean prediction, tells
  foreign texts from the test set.

Less is better, except for accuracy, DEE and the last three.
`;

/** What to measure. */
export interface PosteriorsOptions {
  readonly data: string;
  readonly output: string;
  /** The file of what has been measured, and is added to. */
  readonly scores: string;
  readonly tasks: readonly Task[];
  /** The seeds 1 to this. @default {those of the task} */
  readonly seeds?: number | undefined;
  /** The numbers of training runs. @default {those of the task} */
  readonly members?: readonly number[] | undefined;
  readonly choices: Readonly<Record<string, Choice>>;
  readonly epochs: Epochs;
  /** Takes what is meant for the standard output. */
  readonly print: (text: string) => void;
  /** Takes what says how far the work is. */
  readonly note: (line: string) => void;
}

/**
 * Measures tasks, and writes their tables as `posteriors.md` and the figure as
 * `posteriors.svg`.
 */
export async function comparePosteriors(
  { output, scores, tasks, note, print, ...options }: PosteriorsOptions,
): Promise<void> {
  const kept = await KeptResults.read(scores);
  const all: TaskSummary[] = [];
  const tables: string[] = [];
  const rates = tasks.map(({ name }) => ratesOf(name, options.choices[name]));
  for (const [i, task] of tasks.entries()) {
    const { seeds = task.seeds, members = task.members } = options;
    const results: Awaited<ReturnType<typeof measure>>[] = [];
    for (let seed = 1; seed <= seeds; seed++) {
      const { data, epochs } = options;
      const own = rates[i];
      if (!own) continue;
      results.push(
        await measure(task, {
          ...{ data, output, kept, seed, members, epochs },
          rates: own,
          print: note,
        }),
      );
    }
    const methods = summarize(results);
    const table = tableOf(task.title, methods);
    print(table);
    tables.push(table);
    all.push({ title: task.title, methods });
  }
  await Deno.writeTextFile(
    `${output}/posteriors.md`,
    [INTRODUCTION, ...tables].join("\n"),
  );
  await Deno.writeTextFile(
    `${output}/posteriors.svg`,
    await posteriorsFigure(all),
  );
}

/** Finds the rates of tasks that have none, and keeps them beside this file. */
async function scan(data: string, tasks: readonly Task[]): Promise<void> {
  const all = { ...CHOICES };
  for (const task of tasks) {
    await scanRates(task, {
      data,
      scan: all[task.name]?.scan ?? [],
      epochs: EPOCHS,
      print: (line) => console.error(line),
      save: async (choice) => {
        all[task.name] = choice;
        await writeJson(CHOICES_FILE.pathname, all);
      },
    });
  }
}

async function main(args: string[]): Promise<number> {
  const { help, data, output, scan: isScan, ...given } = parseArgs(args, {
    string: ["data", "output", "scores", "tasks", "seeds", "members"],
    boolean: ["scan", "help"],
    alias: { help: "h" },
    unknown: (argument) => {
      throw new TypeError(`Cannot use ${argument}: it is not an option`);
    },
  });
  if (help) {
    console.log(USAGE);
    return 0;
  }
  const names = given.tasks?.split(",") ?? TASKS.map(({ name }) => name);
  const tasks = names.map((name) => {
    const task = TASKS.find((one) => one.name === name);
    if (task) return task;
    throw new RangeError(`Cannot measure ${name}: it is not a task`);
  });
  if (data === undefined || (output === undefined && !isScan)) {
    throw new TypeError("Cannot run without --data DIR and --output DIR");
  }
  const seeds = given.seeds === undefined ? undefined : Number(given.seeds);
  const members = given.members?.split(",").map(Number);
  checkCounts("--seeds", seeds === undefined ? [1] : [seeds]);
  checkCounts("--members", members ?? [1]);
  await initialize();
  if (isScan) await scan(data, tasks);
  if (output === undefined) return 0;
  await Deno.mkdir(output, { recursive: true });
  await comparePosteriors({
    ...{ data, output, tasks, seeds, members },
    scores: given.scores ?? SCORES_FILE.pathname,
    choices: CHOICES,
    epochs: EPOCHS,
    print: (text) => console.log(text),
    note: (line) => console.error(line),
  });
  return 0;
}

/** Throws unless counts are whole numbers that grow from 1. */
function checkCounts(option: string, counts: readonly number[]): void {
  const isGood = counts[0] === 1 || option === "--seeds";
  const isGrowing = counts.every((count, i) =>
    Number.isSafeInteger(count) && count > (counts[i - 1] ?? 0)
  );
  if (isGood && isGrowing) return;
  throw new RangeError(
    `Cannot use ${option} ${
      counts.join(",")
    }: expected whole numbers that grow` +
      (option === "--members" ? " from 1" : ""),
  );
}

if (import.meta.main) {
  try {
    Deno.exit(await main(Deno.args));
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof RangeError)) {
      throw error;
    }
    console.error(`error: ${error.message}\n\n${USAGE}`);
    Deno.exit(2);
  }
}
