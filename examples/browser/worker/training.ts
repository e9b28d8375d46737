// Copyright 2026 the swagpu authors. MIT license.

// Trains the quickstart, and tells how far it is. The run is kept in the browser after
// every pass over the data and when it is stopped.

import { scope } from "@swagpu/swagpu/engine";
import {
  accuracy,
  expectedCalibrationError,
  reliabilityBins,
} from "@swagpu/swagpu/nn/metrics";
import type { BertForSequenceClassification } from "@swagpu/swagpu/models";
import type { LogitsOptions, SwagModel } from "@swagpu/swagpu/swag";
import { Member, memberLength } from "../../quickstart/member.ts";
import { METHODS, predict } from "../../quickstart/methods.ts";
import { encode } from "../../quickstart/small_bert.ts";
import {
  type Prediction,
  scoreAll,
  type Scores,
} from "../../quickstart/table.ts";
import type {
  Reliability,
  TrainingPlan,
  TrainingProgress,
  TrainingRun,
} from "../protocol.ts";
import { keepRun, keptRun, publicPart } from "./kept_run.ts";
import {
  type PlannedData,
  plannedData,
  plannedModel,
  trainingTensors,
} from "./quickstart.ts";

/** The test reviews on which a run is measured on its way. */
const WATCHED = 400;
/** The samples with which it is measured. */
const SAMPLES: LogitsOptions = { numPredictions: 8, scale: 0.5, seed: 0 };

/** What {@linkcode runTraining} is given. */
export interface TrainingTask {
  readonly plan: TrainingPlan;
  /** If the browser keeps the run of this id, that one goes on. */
  readonly id: string;
  /** Told how far the run is, or what takes a while. */
  readonly tell: (news: TrainingProgress | string) => void;
  /** Called between two steps, to let others use the GPU. */
  readonly pass: () => Promise<void>;
  /** Stops the run. */
  readonly signal: AbortSignal;
}

/**
 * Trains to the end, or until it is stopped.
 *
 * @param task What to train, and whom to tell.
 * @returns The run that the browser keeps now. It is another one if this was stopped
 * before its first step.
 */
export async function runTraining(
  task: TrainingTask,
): Promise<TrainingRun | null> {
  const { plan, id, tell, pass, signal } = task;
  const kept = await keptRun();
  const before = kept?.id === id ? kept : undefined;
  if (before?.scores) return publicPart(before);
  tell("Generating reviews, and compiling kernels with the first steps …");
  const data = plannedData(plan);
  using _ = scope();
  using model = plannedModel(plan, data.tokenizer);
  using member = new Member({
    ...trainingTensors(data),
    seed: plan.seed,
    member: model,
    base: model,
  });
  using posterior = member.posterior;
  if (before) await member.load(before.state);
  const measure = reliabilityOf(data, { model, posterior });
  let progress = before?.progress ?? atStart(plan);
  const keep = async (scores: readonly Scores[] | null) => {
    const state = await member.state();
    await keepRun({ id, plan, progress, scores, state });
  };

  const isDone = await member.train({
    signal,
    async onLog({ step, losses }) {
      const first = step - losses.length + 1;
      const news = Array.from(losses, (loss, i) => [first + i, loss] as const);
      progress = { ...progress, step, losses: [...progress.losses, ...news] };
      tell(progress);
      await pass();
    },
    async onEpoch({ epoch, step }, isCollected) {
      progress = { ...progress, epoch, step, reliability: await measure() };
      if (isCollected) {
        progress = {
          ...progress,
          collected: [...progress.collected, step],
          posterior: await measure(SAMPLES),
        };
      }
      tell(progress);
      await keep(null);
      await pass();
    },
  });
  if (isDone) {
    tell("Comparing the posterior with the plain model …");
    await keep(await finalScores(data, { model, posterior, pass }));
  } else if (progress.step > 0) {
    await keep(null);
  }
  const now = await keptRun();
  return now ? publicPart(now) : null;
}

/** A model and its posterior. */
interface Trained {
  readonly model: BertForSequenceClassification;
  readonly posterior: SwagModel;
}

/** Makes what measures a model on some of the test reviews. */
function reliabilityOf(
  { reviews, tokenizer }: PlannedData,
  { model, posterior }: Trained,
): (options?: LogitsOptions) => Promise<Reliability> {
  const some = reviews.test.slice(0, WATCHED);
  const texts = encode(tokenizer, some);
  const labels = some.map(({ label }) => label);
  return async (options) => {
    const output = await predict(model, posterior, texts, options);
    const { probabilities } = output;
    return {
      accuracy: accuracy(probabilities, labels),
      error: expectedCalibrationError(probabilities, labels),
      bins: reliabilityBins(probabilities, labels, { bins: 10 }),
    };
  };
}

/** Compares the methods of the quickstart on all test reviews. */
async function finalScores(
  { reviews: { test }, tokenizer }: PlannedData,
  { model, posterior, pass }: Trained & Pick<TrainingTask, "pass">,
): Promise<Scores[]> {
  const texts = encode(tokenizer, test);
  const predictions: Prediction[] = [];
  for (const [method, options] of Object.entries(METHODS)) {
    const { probabilities } = await predict(model, posterior, texts, options);
    predictions.push({ method, probabilities });
    await pass();
  }
  return scoreAll(predictions, {
    labels: test.map(({ label }) => label),
    distribution: test.flatMap(({ probabilities }) => [...probabilities]),
  });
}

/** The progress of a run that has not begun. */
function atStart({ reviews }: TrainingPlan): TrainingProgress {
  return {
    ...memberLength(reviews),
    epoch: 0,
    step: 0,
    losses: [],
    collected: [],
    reliability: null,
    posterior: null,
  };
}
