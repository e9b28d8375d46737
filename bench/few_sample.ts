// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

/**
 * How much the remedies for few examples help: each trains the same model on the
 * same few examples with several seeds. The runs are those of `finetune --seeds`, so
 * that each can be repeated by the command in its run.json.
 *
 * ```sh
 * deno task bench:few-sample --data DIR --output DIR
 * ```
 *
 * The folder of `--data` holds the files that few_sample.json names, as SNIPS and the
 * SMS Spam Collection were published. `--tasks` and `--only` name some of the tasks
 * and remedies. Runs that are done are not repeated.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { classExamples, readExamples } from "../data/mod.ts";
import { runsOf, type SeriesFile } from "../cli/seed_summary.ts";
import { shuffledIndices, summarizeSeeds } from "../nn/mod.ts";
import { seedsFigure, type SeedsRow } from "../report/mod.ts";
import experiment from "./few_sample.json" with { type: "json" };

type FewTask = (typeof experiment.tasks)[number];

const CLI = new URL("../cli.ts", import.meta.url).pathname;
const MODEL = new URL("../examples/mini-bert", import.meta.url).pathname;

/** The examples of a task are drawn once, whatever the seed of a run. */
const SUBSET_SEED = 0;

/** The method whose scores are compared. */
const METHOD = "last iterate";

/** Writes some examples of a file, drawn without repetition. */
async function writeSubset(
  target: string,
  source: string,
  { text, label, columns, count, skip = 0 }: FewTask & {
    count: number;
    /** How many of those drawn are left out at first. */
    skip?: number;
  },
): Promise<void> {
  const examples = await readExamples(
    source,
    classExamples({ text, label }),
    columns.length > 0 ? { columns } : {},
  ).toArray();
  const order = shuffledIndices(examples.length, { seed: SUBSET_SEED });
  const lines = [...order.slice(skip, skip + count)].map((i) =>
    JSON.stringify({ text: examples[i]?.text, label: examples[i]?.label })
  );
  await Deno.writeTextFile(target, lines.join("\n") + "\n");
}

/** Runs the series of a task and a remedy, or reads it if it is done. */
async function seriesOf(
  folder: string,
  { model, seeds, options }: {
    model: string;
    seeds: number;
    options: readonly string[];
  },
  files: { train: string; evaluation: string },
): Promise<SeriesFile> {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", "--no-check", CLI, "finetune", "--quiet"],
      ...["--data", files.train, "--eval", files.evaluation],
      ...options.includes("--init")
        ? ["--tokenizer", model]
        : ["--model", model],
      ...options,
      ...["--seeds", `${seeds}`, "--output", folder],
    ],
    stdout: "null",
  }).output();
  if (!success) throw new Error(`Cannot run the series of ${folder}`);
  return JSON.parse(await Deno.readTextFile(`${folder}/seeds.json`));
}

/** A line of the table, in Markdown, and one of the figure. */
function line(
  name: string,
  file: SeriesFile,
): { line: string; row: SeedsRow } {
  const { metric = "accuracy", degenerate } = file;
  const runs = runsOf(file, METHOD);
  const summary = summarizeSeeds(runs, { metric, degenerate });
  const shown = (score: string, digits: number) => {
    const { mean = NaN, sd = NaN } = summary.scores[score] ?? {};
    return `${mean.toFixed(digits)} ± ${sd.toFixed(digits)}`;
  };
  const cells = [
    name,
    shown(metric, 3),
    shown("nll", 3),
    `${summary.degenerate?.length} of ${runs.length}`,
  ];
  return {
    line: `| ${cells.join(" | ")} |`,
    row: { name, values: runs.flatMap(({ scores }) => scores[metric] ?? []) },
  };
}

if (import.meta.main) {
  const { data, output, model, seeds, only, tasks } = parseArgs(Deno.args, {
    string: ["data", "output", "model", "seeds", "only", "tasks"],
    default: { model: MODEL, seeds: "10" },
  });
  if (data === undefined || output === undefined) {
    throw new TypeError("Cannot run without --data DIR and --output DIR");
  }
  for (const task of experiment.tasks) {
    if (tasks !== undefined && !tasks.split(",").includes(task.name)) continue;
    const folder = `${output}/${task.name}`;
    await Deno.mkdir(folder, { recursive: true });
    const files = {
      train: `${folder}/train.jsonl`,
      evaluation: `${folder}/evaluation.jsonl`,
    };
    const { examples, evaluated } = task;
    const sources = [`${data}/${task.train}`, `${data}/${task.evaluation}`];
    const [train = "", evaluation = ""] = sources;
    await writeSubset(files.train, train, { ...task, count: examples });
    await writeSubset(files.evaluation, evaluation, {
      ...task,
      count: evaluated,
      skip: train === evaluation ? examples : 0,
    });
    const rows: SeedsRow[] = [];
    console.log(`\n${task.title}\n\n| | accuracy | NLL | degenerate |`);
    console.log("| --- | --- | --- | --- |");
    let bound: number | undefined;
    for (const { name, title, options } of experiment.remedies) {
      if (only !== undefined && !only.split(",").includes(name)) continue;
      const all = [...experiment.options, ...task.options, ...options]
        .map((word) => word.replace("{model}", model));
      const series = await seriesOf(
        `${folder}/${name}`,
        { model, seeds: Number(seeds), options: all },
        files,
      );
      bound = series.degenerate;
      const { line: text, row } = line(title, series);
      console.log(text);
      rows.push(row);
    }
    await Deno.writeTextFile(
      `${output}/${task.name}.svg`,
      await seedsFigure(rows, {
        metric: "accuracy",
        title: task.title,
        degenerate: bound,
      }),
    );
  }
}
