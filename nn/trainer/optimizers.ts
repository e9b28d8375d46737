// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The optimizer and the schedule that a Trainer makes of its arguments.

import { AdamW } from "../adamw.ts";
import { LayerNorm } from "../layer_norm.ts";
import type { Module } from "../module.ts";
import type { Optimizer } from "../optim.ts";
import {
  constantSchedule,
  cosineRestartsSchedule,
  cosineSchedule,
  inverseSqrtSchedule,
  linearSchedule,
  polynomialSchedule,
  type Schedule,
} from "../schedule.ts";
import { ReduceLROnPlateau } from "../reduce_on_plateau.ts";
import { Scheduler } from "../scheduler.ts";
import { SGD } from "../sgd.ts";
import type {
  CompleteTrainingArguments,
  LrSchedulerType,
} from "./training_arguments.ts";

/** Names of parameters, in lower case, that have no weight decay. */
const WITHOUT_DECAY = /bias|layernorm|rmsnorm|(^|\.)norm($|\.)|_norm($|\.)/;

/**
 * The names of the parameters that weight decay applies to: all but biases and
 * the weights of norms, which Hugging Face's `Trainer` finds by the same rule
 * (`get_decay_parameter_names`).
 *
 * @param model The model.
 * @returns The names, in the order of the model.
 *
 * @example Usage
 * ```ts
 * import { initialize } from "@swagpu/swagpu/engine";
 * import { decayParameterNames, LayerNorm, Linear, Module } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * class Block extends Module {
 *   dense = new Linear(2, 2);
 *   final = new LayerNorm(2);
 * }
 *
 * await initialize();
 * assertEquals(decayParameterNames(new Block()), ["dense.weight"]);
 * ```
 */
export function decayParameterNames(model: Module): string[] {
  const norms = [...model.namedModules()]
    .filter(([, module]) => module instanceof LayerNorm)
    .map(([path]) => `${path}.`);
  return [...model.namedParameters().keys()].filter((name) =>
    !WITHOUT_DECAY.test(name.toLowerCase()) &&
    !norms.some((path) => path === "." || name.startsWith(path))
  );
}

/** Makes the optimizer of the parameters that are trained. */
export function makeOptimizer(
  model: Module,
  args: CompleteTrainingArguments,
): Optimizer {
  const { learningRate, weightDecay, adamBeta1, adamBeta2, adamEpsilon } = args;
  model.placeParameters();
  const decaying = new Set(decayParameterNames(model));
  const trained = [...model.namedParameters()]
    .filter(([, parameter]) => parameter.requiresGrad);
  const groups = [true, false].map((decays) => ({
    parameters: trained
      .filter(([name]) => decaying.has(name) === decays)
      .map(([, parameter]) => parameter),
    weightDecay: decays ? weightDecay : 0,
  })).filter(({ parameters }) => parameters.length > 0);
  return args.optim === "sgd"
    ? new SGD(groups, { learningRate })
    : new AdamW(groups, {
      learningRate,
      betas: [adamBeta1, adamBeta2],
      eps: adamEpsilon,
    });
}

/** Makes what sets the learning rates in a run of `totalSteps` steps. */
export function makeScheduler(
  optimizer: Optimizer,
  args: CompleteTrainingArguments,
  totalSteps: number,
): Scheduler | ReduceLROnPlateau {
  const { lrSchedulerType, lrSchedulerKwargs, greaterIsBetter } = args;
  if (lrSchedulerType !== "reduce_lr_on_plateau") {
    const schedule = makeSchedule(lrSchedulerType, args, totalSteps);
    return new Scheduler(optimizer, schedule);
  }
  const given = Object.entries(lrSchedulerKwargs)
    .filter(([, value]) => value !== undefined);
  return new ReduceLROnPlateau(optimizer, {
    ...Object.fromEntries(given),
    mode: greaterIsBetter ? "max" : "min",
  });
}

/** Makes a schedule that follows from the step. */
function makeSchedule(
  type: Exclude<LrSchedulerType, "reduce_lr_on_plateau">,
  args: CompleteTrainingArguments,
  totalSteps: number,
): Schedule {
  const { lrSchedulerKwargs, learningRate } = args;
  const { numCycles, power = 1, lrEnd = 1e-7, timescale } = lrSchedulerKwargs;
  const warmupSteps = args.warmupSteps > 0
    ? args.warmupSteps
    : Math.ceil(totalSteps * args.warmupRatio);
  const lengths = { warmupSteps, totalSteps };
  const cycles = numCycles === undefined ? {} : { cycles: numCycles };
  switch (type) {
    case "linear":
      return linearSchedule(lengths);
    case "cosine":
      return cosineSchedule({ ...lengths, ...cycles });
    case "cosine_with_restarts":
      return cosineRestartsSchedule({ ...lengths, ...cycles });
    case "polynomial":
      if (!(lrEnd < learningRate)) {
        throw new RangeError(
          `Cannot schedule with lrEnd ${lrEnd}: it must be less than the ` +
            `learning rate, ${learningRate}`,
        );
      }
      return polynomialSchedule({
        ...lengths,
        power,
        endFactor: lrEnd / learningRate,
      });
    case "constant":
      return constantSchedule();
    case "constant_with_warmup":
      return constantSchedule({ warmupSteps });
    case "inverse_sqrt":
      return inverseSqrtSchedule(
        timescale === undefined ? { warmupSteps } : { warmupSteps, timescale },
      );
  }
}
