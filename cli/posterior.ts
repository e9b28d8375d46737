// Copyright 2026 the swagpu authors. MIT license.

/**
 * Computes with the samples of a posterior over a model's weights, one after the other.
 *
 * @module
 */

import type { SwagModel } from "../swag/mod.ts";

/** Which samples of a posterior to use. */
export interface SampleOptions {
  /** How many samples to draw; 0 for the weights alone. */
  readonly samples: number;
  /** The factor on the covariance. */
  readonly scale: number;
  /** The seed of the samples. */
  readonly seed: number;
}

/** What may have a posterior. */
export interface WithPosterior {
  /** The posterior, if there is one. */
  readonly swag: SwagModel | undefined;
}

/**
 * Calls a function with each sample of the weights, or with the weights alone if
 * there is no posterior, and gives what it returns. The weights are restored.
 */
export async function ofMembers<T>(
  { swag }: WithPosterior,
  { samples, scale, seed }: SampleOptions,
  compute: () => Promise<T>,
): Promise<T[]> {
  if (!swag || samples === 0) return [await compute()];
  const all: T[] = [];
  for (let index = 0; index < samples; index++) {
    all.push(await swag.withSample({ scale, seed, index }, compute));
  }
  return all;
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

/** The methods of a model: its own weights and, with a posterior, SWA and SWAG. */
export function methodsOf(
  { swag }: WithPosterior,
  { samples, scale, seed }: SampleOptions,
): Method[] {
  const sampled = (
    method: string,
    own: Omit<SampleOptions, "seed">,
  ): Method => ({
    method,
    members: own.samples,
    over: (compute) => ofMembers({ swag }, { ...own, seed }, compute),
  });
  return [
    {
      method: "last iterate",
      members: 1,
      over: async (compute) => [await compute()],
    },
    ...swag ? [sampled("SWA", { samples: 1, scale: 0 })] : [],
    ...swag && samples > 0 ? [sampled("SWAG", { samples, scale })] : [],
  ];
}

/** How often methods go through the data, all samples together. */
export function passesOf(methods: readonly Method[]): number {
  return methods.reduce((sum, { members }) => sum + members, 0);
}
