// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Trains all particles of a MultiSWAG in the same dispatches: as replicas of one
 * model, over whose weights one posterior collects for each replica. Each particle
 * gets the bits that it gets alone.
 *
 * @module
 */

import { copyInto } from "../../engine/kernel_kit.ts";
import { manualSeed, Replicas } from "../../engine/mod.ts";
import {
  type Module,
  type Optimizer,
  type StepInputs,
  type StepLoss,
  trainReplicas,
} from "../../nn/mod.ts";
import { BufferCopy } from "./buffer_copy.ts";
import type { SwagOptions } from "../settings.ts";
import { SwagModel } from "../swag_model.ts";
import { disposeParticles, type Particle } from "./particle.ts";

/** How particles are trained together. */
export interface TogetherOptions<Batch, M extends Module, Feed extends object> {
  /** The seed of each particle. */
  readonly seeds: readonly number[];
  /** What the posteriors hold. */
  readonly settings: SwagOptions;
  /** Makes the optimizer of all particles' weights. */
  readonly optimizer: (model: M) => Optimizer;
  /** For each step a batch for all particles, or a list of one for each. */
  readonly batches: Iterable<Batch | readonly Batch[]>;
  /** Turns a batch into the inputs of the step. */
  readonly inputs: (batch: Batch) => Feed;
  /** Computes the loss of a particle. */
  readonly step: (model: M, inputs: StepInputs<Feed>) => StepLoss;
  /** Whether the weights are collected after a step, counted from 1. */
  readonly isCollected: (step: number) => boolean;
  /** Called with the number of steps and the latest losses of each particle. */
  readonly onLog: (
    step: number,
    losses: readonly Float32Array[],
  ) => void | Promise<void>;
}

/**
 * Trains particles together.
 *
 * @param build Builds a model: once for all particles, and once for the result.
 * @param options The seeds, the batches and the step.
 * @returns A model with the first particle's weights, and the particles over it.
 * @throws {ReplicaError} If the model does not allow it.
 */
export async function trainTogether<
  Batch,
  M extends Module,
  Feed extends object,
>(
  build: () => M,
  options: TogetherOptions<Batch, M, Feed>,
): Promise<{ base: M; particles: Particle[] }> {
  const { seeds, settings, batches, inputs, step } = options;
  using replicas = new Replicas(seeds);
  using model = replicas.run(() => {
    const model = build();
    try {
      model.placeParameters();
      return model.train();
    } catch (error) {
      model.dispose();
      throw error;
    }
  });
  using all = replicas.run(() => SwagModel.fromBase(model, settings));
  {
    using optimizer = replicas.run(() => options.optimizer(model));
    await trainReplicas(replicas, {
      batches,
      inputs,
      step: (inputs: StepInputs<Feed>) => step(model, inputs),
      optimizer,
      onStep(step) {
        if (options.isCollected(step)) replicas.run(() => all.collectModel());
      },
      onLog: ({ step, losses }) => options.onLog(step, losses),
    });
  }
  manualSeed(seeds[0] ?? 0);
  const base = build();
  const particles: Particle[] = [];
  try {
    base.placeParameters();
    replicas.only(0, () => copyTensors(model, base));
    for (const particle of seeds.keys()) {
      const swag = SwagModel.fromBase(base, settings);
      particles.push(replicas.only(particle, () => {
        swag.copyMoments(all);
        return { swag, buffers: BufferCopy.of(model) };
      }));
    }
    base.eval();
    return { base, particles };
  } catch (error) {
    disposeParticles(particles);
    base.dispose();
    throw error;
  }
}

/** Copies the parameters and buffers of a model to another of its kind. */
function copyTensors(from: Module, to: Module): void {
  const tensors = from.namedTensors();
  for (const [name, own] of to.namedTensors()) {
    const x = tensors.get(name);
    if (x) copyInto(own, x);
  }
}
