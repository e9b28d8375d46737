// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Trains the particles of a MultiSWAG: together where the model allows it, and
 * otherwise one after the other. Each has its own seed, from which its initial
 * weights, its dropout, the order of its batches and its resample are drawn, and
 * its own count of collections. So a particle has the same bits however many others
 * there are, and whichever way it is trained.
 *
 * @module
 */

import {
  defaultGenerator,
  GpuOutOfMemoryError,
  manualSeed,
  ReplicaError,
} from "../../engine/mod.ts";
import { type Module, type StepInputs, train } from "../../nn/mod.ts";
import { BufferCopy } from "./buffer_copy.ts";
import {
  type BayesInferOptions,
  isCollected,
  optimizerOf,
  type Plan,
  planOf,
  rowsOf,
  rowsOfAll,
  settingsOf,
  stepsOf,
} from "./plan.ts";
import { trainTogether } from "./together.ts";
import { SwagModel } from "../swag_model.ts";
import { disposeParticles, type Particle } from "./particle.ts";

/**
 * Trains particles.
 *
 * @param build Builds a model; called once for each particle, or twice if they are
 * trained together.
 * @param options How many, on what, and for how long.
 * @returns The first particle's model, and the particles over it.
 */
export async function trainParticles<M extends Module, Feed extends object>(
  build: () => M,
  options: BayesInferOptions<M, Feed>,
): Promise<{ base: M; particles: Particle[] }> {
  const plan = planOf(options);
  const generator = defaultGenerator();
  const before = generator.stateDict();
  const particles: Particle[] = [];
  let base: M | undefined;
  try {
    const together = await allTogether(build, plan);
    if (together) {
      base = together.base;
      particles.push(...together.particles);
      for (const index of particles.keys()) await plan.onParticle?.(index);
      return { base, particles };
    }
    for (let index = 0; index < plan.numModels; index++) {
      manualSeed(plan.seed + index);
      const model = build();
      model.placeParameters();
      base ??= model;
      try {
        particles.push(await trainParticle(base, model, { plan, index }));
      } finally {
        if (model !== base) model.dispose();
      }
      await plan.onParticle?.(index);
    }
    return { base: base as M, particles };
  } catch (error) {
    disposeParticles(particles);
    base?.dispose();
    throw error;
  } finally {
    generator.loadStateDict(before);
  }
}

/** Trains all particles at once; gives nothing where that is not possible. */
async function allTogether<M extends Module, Feed extends object>(
  build: () => M,
  plan: Plan<M, Feed>,
): Promise<{ base: M; particles: Particle[] } | undefined> {
  const { numModels, seed, together = true, inputs, step, onLog } = plan;
  if (!together || numModels === 1) return undefined;
  const numbers = Array.from({ length: numModels }, (_, index) => index);
  const perEpoch = stepsOf(plan);
  try {
    return await trainTogether(build, {
      seeds: numbers.map((index) => seed + index),
      settings: settingsOf(plan),
      optimizer: (model) => optimizerOf(model, plan),
      batches: rowsOfAll(plan, numbers),
      inputs,
      step,
      isCollected: (step) => isCollected(step, plan),
      async onLog(step, losses) {
        const epoch = Math.floor((step - 1) / perEpoch);
        for (const [particle, own] of losses.entries()) {
          const loss = own.reduce((sum, x) => sum + x, 0) / own.length;
          await onLog?.({ particle, epoch, step, loss });
        }
      },
    });
  } catch (error) {
    const isOther = !(error instanceof ReplicaError) &&
      !(error instanceof GpuOutOfMemoryError);
    if (isOther) throw error;
    return undefined;
  }
}

/** Trains one particle, and collects its weights for a posterior over `base`. */
async function trainParticle<M extends Module, Feed extends object>(
  base: M,
  model: M,
  { plan, index }: { plan: Plan<M, Feed>; index: number },
): Promise<Particle> {
  const swag = SwagModel.fromBase(base, settingsOf(plan));
  try {
    const perEpoch = stepsOf(plan);
    using optimizer = optimizerOf(model, plan);
    model.train();
    await train({
      // One pass for `train`, which reads from the GPU after each.
      epochs: 1,
      batches: () => rowsOf(plan, index),
      inputs: plan.inputs,
      step: (inputs: StepInputs<Feed>) => plan.step(model, inputs),
      optimizer,
      onStep({ step }) {
        if (isCollected(step, plan)) swag.collectModel(model);
      },
      async onLog({ step, loss }) {
        const epoch = Math.floor((step - 1) / perEpoch);
        await plan.onLog?.({ particle: index, epoch, step, loss });
      },
    });
    model.eval();
    return { swag, buffers: BufferCopy.of(model) };
  } catch (error) {
    swag.dispose();
    throw error;
  }
}
