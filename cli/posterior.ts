// Copyright 2026 the swagpu authors. MIT license.

/**
 * Computes with the samples of a posterior over a model's weights, one after the other.
 *
 * @module
 */

import type { WeightPosterior } from "../models/mod.ts";
import type { MultiSwag, SwagModel } from "../swag/mod.ts";

/** Which samples of a posterior to use. */
export interface SampleOptions {
  /**
   * How many samples to draw; 0 for the weights alone. Of the particles of a merged
   * run, all give the same number of samples, so it is rounded up.
   */
  readonly samples: number;
  /** The factor on the covariance. */
  readonly scale: number;
  /** The seed of the samples. */
  readonly seed: number;
}

/** What may have a posterior. */
export interface WithPosterior {
  /** The posterior, if there is one; of a merged run, that of its first particle. */
  readonly swag: SwagModel | undefined;
  /** The posteriors of all particles of a merged run. */
  readonly multi?: MultiSwag | undefined;
}

/** How many samples of each posterior are drawn. */
function samplesOfEach(
  { multi }: WithPosterior,
  samples: number,
): number {
  return Math.ceil(samples / (multi?.particles.length ?? 1));
}

/** How many samples are drawn; 0 for the weights alone. */
export function samplesOf(
  loaded: WithPosterior,
  { samples }: Pick<SampleOptions, "samples">,
): number {
  if (!loaded.swag) return 0;
  const { multi } = loaded;
  return samplesOfEach(loaded, samples) * (multi?.particles.length ?? 1);
}

/**
 * Calls a function with each sample of the weights, or with the weights alone if
 * there is no posterior, and gives what it returns. The weights are restored. The
 * samples of a merged run's first particle come before those of the second.
 */
export async function ofMembers<T>(
  loaded: WithPosterior,
  { samples, scale, seed }: SampleOptions,
  compute: () => Promise<T>,
): Promise<T[]> {
  const { swag, multi } = loaded;
  if (!swag || samples === 0) return [await compute()];
  const each = samplesOfEach(loaded, samples);
  const all: T[] = [];
  for (
    let particle = 0;
    particle < (multi?.particles.length ?? 1);
    particle++
  ) {
    for (let index = 0; index < each; index++) {
      const options = { scale, seed, index };
      all.push(
        await (multi
          ? multi.withSample({ ...options, particle }, compute)
          : swag.withSample(options, compute)),
      );
    }
  }
  return all;
}

/**
 * Makes a sample the weights of the model. The particles of a merged run take turns:
 * the first samples of all particles come before the second ones.
 *
 * @throws {TypeError} If there is no posterior.
 */
export function takeSample(
  { swag, multi }: WithPosterior,
  { index, scale, seed }: Omit<SampleOptions, "samples"> & { index: number },
): void {
  const count = multi?.particles.length ?? 1;
  const posterior = multi ? multi.particles[index % count] : swag;
  if (!posterior) {
    throw new TypeError("Cannot draw samples: the model has no posterior");
  }
  const own = Math.floor(index / count);
  posterior.sampleParameters({ seed, index: own, scale });
  posterior.acceptWeights();
}

/** The posterior for a pipeline, with the samples of {@linkcode ofMembers}. */
export function pipelinePosterior(
  loaded: WithPosterior,
): WeightPosterior | undefined {
  const { swag, multi } = loaded;
  if (!multi) return swag;
  return {
    getLogits: (forward, { numPredictions = 0, ...options }) =>
      multi.getLogits(forward, {
        ...options,
        numPredictions: samplesOfEach(loaded, numPredictions),
      }),
  };
}

/** Frees the posteriors. */
export function disposePosterior({ swag, multi }: WithPosterior): void {
  (multi ?? swag)?.dispose();
}

/** A method of prediction. */
export interface Method {
  /** Its name, such as "SWAG". */
  readonly method: string;
  /** How many samples of the weights it takes. */
  readonly members: number;
  /** Calls a function with each of its samples of the weights. */
  over<T>(compute: () => Promise<T>): Promise<T[]>;
}

/**
 * The methods of a model: its own weights and, with a posterior, SWA and SWAG. Those
 * of a merged run are the weights of one particle, and MultiSWA and MultiSWAG, which
 * average over the particles.
 */
export function methodsOf(
  loaded: WithPosterior,
  { samples, scale, seed }: SampleOptions,
): Method[] {
  const several = loaded.multi ? "Multi" : "";
  const sampled = (
    method: string,
    own: Omit<SampleOptions, "seed">,
  ): Method => ({
    method: `${several}${method}`,
    members: samplesOf(loaded, own),
    over: (compute) => ofMembers(loaded, { ...own, seed }, compute),
  });
  const has = loaded.swag !== undefined;
  return [
    {
      method: loaded.multi ? "one particle" : "last iterate",
      members: 1,
      over: async (compute) => [await compute()],
    },
    ...has ? [sampled("SWA", { samples: 1, scale: 0 })] : [],
    ...has && samples > 0 ? [sampled("SWAG", { samples, scale })] : [],
  ];
}

/** How often methods go through the data, all samples together. */
export function passesOf(methods: readonly Method[]): number {
  return methods.reduce((sum, { members }) => sum + members, 0);
}
