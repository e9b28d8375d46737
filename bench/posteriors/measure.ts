// Copyright 2026 the swagpu authors. MIT license.

// Trains and scores what has not been trained and scored yet. A folder for each task
// and seed holds the training runs; what a method reached is kept among the results.

import { scope } from "../../engine/mod.ts";
import { exists } from "../../nn/formats/mod.ts";
import {
  accuracy,
  brierScore,
  expectedCalibrationError,
  negativeLogLikelihood,
  softCrossEntropy,
} from "../../nn/metrics/mod.ts";
import { type Learner, prepare } from "./learner.ts";
import { type Method, methodsOf, SAMPLES } from "./methods.ts";
import { type KeptResults, type MethodResult, writeJson } from "./results.ts";
import { scoresOf } from "./scores.ts";
import type { Task, TaskData } from "./tasks.ts";
import {
  dropoutOf,
  type Epochs,
  type Rates,
  type Regime,
  REGIMES,
  type TrainedRun,
  trainRun,
} from "./training.ts";

/** What is measured, and where it is kept. */
export interface MeasureOptions {
  /** The folder of the data sets. */
  readonly data: string;
  /** The folder of the training runs. */
  readonly output: string;
  /** The results so far, to which those that are missing are added. */
  readonly kept: KeptResults;
  readonly seed: number;
  /** The numbers of training runs, the smallest first. */
  readonly members: readonly number[];
  readonly rates: Rates;
  readonly epochs: Epochs;
  /** Says what is going on. */
  readonly print: (line: string) => void;
}

/** Measures all methods of a task for one seed; those that are done are read. */
export async function measure(
  task: Task,
  options: MeasureOptions,
): Promise<MethodResult[]> {
  const { output, kept, seed, members, data, rates, epochs, print } = options;
  kept.begin(task.name, {
    ...sizesOf(task),
    ...{ rates, epochs, samples: SAMPLES },
  });
  const find = (method: string) => kept.find(task.name, seed, method);
  const methods = methodsOf(members);
  const missing = methods.filter(({ name }) => !find(name));
  if (missing.length > 0) {
    using _ = scope();
    using learner = await prepare(task, { data, seed });
    const truth = truthOf(learner.data, seed);
    if (truth && !find(truth.method)) await kept.add(task.name, truth);
    for (const regime of REGIMES) {
      const own = missing.filter((method) => method.regime === regime);
      await measureRegime(learner, own, {
        ...options,
        folder: `${output}/${task.name}/seed-${seed}`,
        regime,
        save: async (result) => {
          await kept.add(task.name, result);
          const { nll = NaN, calibratedNll = NaN } = result.scores;
          print(
            `${task.name}, seed ${seed}, ${result.title}: NLL ` +
              `${nll.toFixed(3)}, calibrated ${calibratedNll.toFixed(3)}, ` +
              `${result.seconds.toFixed(1)} s`,
          );
        },
      });
    }
  }
  return [...methods.map(({ name }) => name), "truth"]
    .flatMap((name) => find(name) ?? []);
}

/** What of a task decides its results, besides the data. */
function sizesOf(
  { batchSize, length, vocabSize, hiddenSize, layers }: Task,
): object {
  return { batchSize, length, vocabSize, hiddenSize, layers };
}

/** The scores of the true distribution itself, where it is known. */
function truthOf(
  { test, truth, classes }: TaskData,
  seed: number,
): MethodResult | undefined {
  if (!truth) return undefined;
  const flat = truth.flat();
  const labels = test.map(({ label }) => label);
  return {
    ...{ method: "truth", title: "the true distribution", family: "truth" },
    ...{ runs: 0, seed, seconds: 0 },
    scores: {
      accuracy: accuracy(flat, labels),
      nll: negativeLogLikelihood(flat, labels),
      ece: expectedCalibrationError(flat, labels),
      brier: brierScore(flat, labels),
      crossEntropy: softCrossEntropy(flat, flat, { classes }),
    },
  };
}

/** Trains what some methods of a regime need, and scores them. */
async function measureRegime(
  learner: Learner,
  methods: readonly Method[],
  options: MeasureOptions & {
    folder: string;
    regime: Regime;
    save: (result: MethodResult) => Promise<void>;
  },
): Promise<void> {
  if (methods.length === 0) return;
  const { folder, regime, seed, save } = options;
  await Deno.mkdir(folder, { recursive: true });
  const stems = Array.from(
    { length: Math.max(...methods.map(({ runs }) => runs)) },
    (_, member) => `${folder}/${regime}-${member}`,
  );
  let trained: TrainedRun | undefined;
  try {
    for (const [member, stem] of stems.entries()) {
      // The posterior of IVON is in its optimizer, which has no file.
      if (regime !== "ivon" && await exists(`${stem}.json`)) continue;
      const run = await trainMember(learner, { ...options, member, stem });
      if (regime === "ivon") trained = run;
      else run[Symbol.dispose]();
    }
    using model = learner.build({ seed: 0, dropout: dropoutOf(regime) });
    model.eval();
    for (const { name, title, family, runs, predict } of methods) {
      const start = performance.now();
      const files = stems.slice(0, runs);
      const predictions = await predict({
        learner,
        model,
        last: files.map((stem) => `${stem}.last.safetensors`),
        swag: files.map((stem) => `${stem}.swag.safetensors`),
        trained,
      });
      await save({
        ...{ method: name, title, family, runs, seed },
        seconds: (performance.now() - start) / 1_000,
        scores: scoresOf(predictions, learner.data),
      });
    }
  } finally {
    trained?.[Symbol.dispose]();
  }
}

/** Trains a run, and writes its posteriors; the record is written last. */
async function trainMember(
  learner: Learner,
  { regime, rates, epochs, seed, member, stem, print }: MeasureOptions & {
    regime: Regime;
    member: number;
    stem: string;
  },
): Promise<TrainedRun> {
  const run = await trainRun(learner, {
    ...{ regime, rates, epochs },
    seed: memberSeed(seed, member),
  });
  try {
    await run.last.save(`${stem}.last.safetensors`);
    await run.swag?.save(`${stem}.swag.safetensors`);
    const { seconds, losses } = run;
    await writeJson(`${stem}.json`, { seconds, losses });
    print(
      `${learner.task.name}, seed ${seed}, ${regime} ${member}: ` +
        `${seconds.toFixed(1)} s, loss ${losses.at(-1)?.toFixed(3)}`,
    );
    return run;
  } catch (error) {
    run[Symbol.dispose]();
    throw error;
  }
}

/** The seed of a run: another one for each member of each seed. */
export function memberSeed(seed: number, member: number): number {
  return 1_000 * seed + member;
}
