// Copyright 2026 the swagpu authors. MIT license.

// The methods that are compared. Each predicts with what training runs have left:
// files of posteriors or, for IVON, the optimizer itself.

import {
  type DrawOptions,
  IVONPosterior,
  LastLayerLaplace,
  MCDropout,
  MultiSwag,
  SwagModel,
  TemperatureScaled,
  type WeightPosterior,
} from "../../swag/mod.ts";
import type { Classifier, Learner } from "./learner.ts";
import {
  batchesOf,
  forwardOf,
  type Predictions,
  predictSets,
} from "./predictions.ts";
import type { Regime, TrainedRun } from "./training.ts";

/** Which part a method plays in the figure. */
export type Family = "single" | "rival" | "ensemble" | "swag";

/** A method, for one number of training runs. */
export interface Method {
  /** The name of its files. */
  readonly name: string;
  /** The name of its row. */
  readonly title: string;
  readonly family: Family;
  /** How its training runs were trained. */
  readonly regime: Regime;
  /** The number of training runs. */
  readonly runs: number;
  /** Predicts all sets. */
  predict(context: MethodContext): Promise<Predictions>;
}

/** What a method predicts with. */
export interface MethodContext {
  readonly learner: Learner;
  /** A model into which weights are written, with dropout for that regime. */
  readonly model: Classifier;
  /** The files of the weights at the end of the runs. */
  readonly last: readonly string[];
  /** The files of what SWAG collected in the runs. */
  readonly swag: readonly string[];
  /** The run, for methods of the regime `ivon`. */
  readonly trained?: TrainedRun | undefined;
}

/** How many samples a posterior predicts with, of all particles together. */
export const SAMPLES = 30;

/** The samples of all methods have this seed. */
const SEED = 0;

/** The most weights of a last layer whose full Hessian is used. */
const MOST_WEIGHTS = 4_096;

const SWAG = { scale: 0.5, cov: true };

/** The methods of one training run, in the order of the figure. */
const SINGLE: readonly Omit<Method, "runs">[] = [
  {
    name: "standard",
    title: "standard",
    family: "single",
    regime: "standard",
    predict: (context) => predictParticles(context, context.last, { scale: 0 }),
  },
  {
    name: "temperature",
    title: "temperature-scaled",
    family: "single",
    regime: "standard",
    predict: async (context) => {
      const { learner, model } = context;
      await writeLast(context);
      const scaled = await TemperatureScaled.fit(
        model,
        batchesOf(learner.validation),
        forwardOf(model),
        learner.data.validation.map(({ label }) => label),
      );
      return await predictSets(scaled, { learner, model, options: {} });
    },
  },
  {
    name: "laplace",
    title: "last-layer Laplace",
    family: "rival",
    regime: "standard",
    predict: async (context) => {
      const { learner, model } = context;
      const { hiddenSize } = learner.task;
      await writeLast(context);
      const laplace = await LastLayerLaplace.fit(
        model,
        batchesOf(learner.train),
        forwardOf(model),
        learner.data.train.map(({ label }) => label),
        {
          hessianStructure:
            (hiddenSize + 1) * learner.data.classes <= MOST_WEIGHTS
              ? "full"
              : "diag",
        },
      );
      return await predictSamples(laplace, { learner, model });
    },
  },
  {
    name: "mc-dropout",
    title: "MC dropout",
    family: "rival",
    regime: "dropout",
    predict: async (context) => {
      const { learner, model } = context;
      await writeLast(context);
      return await predictSamples(new MCDropout(model), { learner, model });
    },
  },
  {
    name: "ivon-mean",
    title: "IVON, at the mean",
    family: "rival",
    regime: "ivon",
    predict: (context) =>
      predictParticles(
        { ...context, model: trainedOf(context).model },
        context.last,
        { scale: 0 },
      ),
  },
  {
    name: "ivon",
    title: "IVON",
    family: "rival",
    regime: "ivon",
    predict: async (context) => {
      const { model, ivon } = trainedOf(context);
      if (!ivon) throw new TypeError("Cannot predict with IVON: no optimizer");
      return await predictSamples(new IVONPosterior(model, ivon), {
        learner: context.learner,
        model,
      });
    },
  },
  {
    name: "last",
    title: "last iterate of SGD",
    family: "swag",
    regime: "swag",
    predict: (context) => predictParticles(context, context.last, { scale: 0 }),
  },
  {
    name: "swa",
    title: "SWA",
    family: "swag",
    regime: "swag",
    predict: (context) => predictParticles(context, context.swag, { scale: 0 }),
  },
  {
    name: "swag-diagonal",
    title: "SWAG-Diagonal",
    family: "swag",
    regime: "swag",
    predict: (context) =>
      predictParticles(context, context.swag, { scale: 1, cov: false }),
  },
  {
    name: "swag",
    title: "SWAG",
    family: "swag",
    regime: "swag",
    predict: (context) => predictParticles(context, context.swag, SWAG),
  },
];

/**
 * The methods for some numbers of training runs, in the order of the figure.
 *
 * @param members The numbers, the smallest first.
 */
export function methodsOf(members: readonly number[]): Method[] {
  return members.flatMap((runs): Method[] =>
    runs === 1 ? SINGLE.map((method) => ({ ...method, runs })) : [
      {
        name: `ensemble-${runs}`,
        title: `deep ensemble of ${runs}`,
        family: "ensemble",
        regime: "standard",
        runs,
        predict: (context) =>
          predictParticles(context, context.last, { scale: 0 }),
      },
      {
        name: `multiswag-${runs}`,
        title: `MultiSWAG of ${runs}`,
        family: "swag",
        regime: "swag",
        runs,
        predict: (context) => predictParticles(context, context.swag, SWAG),
      },
    ]
  );
}

/** The method by which the rate of a regime is chosen. */
export const CHOSEN_BY: Readonly<Record<Regime, string>> = {
  standard: "standard",
  dropout: "mc-dropout",
  swag: "swag",
  ivon: "ivon",
};

/** Predicts with the samples of a posterior. */
async function predictSamples(
  posterior: WeightPosterior<DrawOptions>,
  { learner, model }: Pick<MethodContext, "learner" | "model">,
): Promise<Predictions> {
  const options = { numPredictions: SAMPLES, seed: SEED };
  return await predictSets(posterior, { learner, model, options });
}

interface Gaussian {
  scale: number;
  cov?: boolean;
}

/** Predicts with what some runs have left: one particle, or several. */
async function predictParticles(
  { learner, model }: MethodContext,
  paths: readonly string[],
  gaussian: Gaussian,
): Promise<Predictions> {
  using multi = await MultiSwag.load(paths, model);
  return await predictSets(multi, {
    learner,
    model,
    options: {
      ...gaussian,
      seed: SEED,
      numPredictions: gaussian.scale === 0
        ? 1
        : Math.ceil(SAMPLES / paths.length),
    },
  });
}

/** Writes the weights at the end of the first run into the model. */
async function writeLast({ model, last }: MethodContext): Promise<void> {
  using swag = await SwagModel.load(last[0] ?? "", model);
  swag.restoreMean();
  swag.acceptWeights();
}

function trainedOf({ trained }: MethodContext): TrainedRun {
  if (trained) return trained;
  throw new TypeError("Cannot predict with IVON: it has not been trained");
}
