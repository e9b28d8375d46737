// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The optimizer and the schedule that a Trainer makes of its arguments.

import { AdamW, type AdamWSettings } from "../adamw.ts";
import { IVON, type IVONOptions } from "../ivon.ts";
import { LayerNorm } from "../layer_norm.ts";
import { MADGRAD, type MADGRADSettings, MirrorMADGRAD } from "../madgrad.ts";
import type { Module } from "../module.ts";
import type { Optimizer } from "../optim.ts";
import { type ParameterGroup, present } from "../optim_groups.ts";
import type { Parameter } from "../parameter.ts";
import {
  constantSchedule,
  cosineRestartsSchedule,
  cosineSchedule,
  cyclicSchedule,
  inverseSqrtSchedule,
  linearSchedule,
  polynomialSchedule,
  type Schedule,
} from "../schedule.ts";
import { ReduceLROnPlateau } from "../reduce_on_plateau.ts";
import { Scheduler } from "../scheduler.ts";
import { SGD } from "../sgd.ts";
import { completeArguments } from "./argument_rules.ts";
import type {
  CompleteTrainingArguments,
  LrSchedulerType,
  TrainingArguments,
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

/** A group of parameters, with what differs from the arguments. */
export interface OptimizerGroup {
  /** The parameters. */
  readonly parameters: readonly Parameter[];
  /** Their learning rate. @default {the arguments'} */
  readonly learningRate?: number;
  /** Their weight decay. @default {0} */
  readonly weightDecay?: number;
}

/**
 * Makes the optimizer that a `Trainer` makes of its arguments: for callbacks
 * that need one before the training, such as `PriorDecay`, and for groups of
 * parameters with learning rates of their own. Give it to the `Trainer` as
 * `optimizers: [optimizer]`, and free it at the end.
 *
 * @param model The model. Parameters that are frozen now are left out.
 * @param args The arguments, of which those of the optimizer count.
 * @param groups The parameters. @default {those with and those without decay}
 * @returns The optimizer.
 * @throws {TypeError} If an argument is not known, or the optimizer does not
 * take it.
 * @throws {RangeError} If an argument is out of range, or nothing is trained.
 *
 * @example MADGRAD, with a slower body
 * ```ts
 * import { initialize } from "@swagpu/swagpu/engine";
 * import { createOptimizer, Linear, Module } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * class Model extends Module {
 *   body = new Linear(2, 2);
 *   head = new Linear(2, 1);
 * }
 *
 * await initialize();
 * const model = new Model();
 * using optimizer = createOptimizer(
 *   model,
 *   { optim: "madgrad", learningRate: 1e-2, optimArgs: { momentum: 0.8 } },
 *   [
 *     { parameters: [...model.head.parameters()] },
 *     { parameters: [...model.body.parameters()], learningRate: 1e-3 },
 *   ],
 * );
 * assertEquals(optimizer.constructor.name, "MADGRAD");
 * assertEquals(optimizer.groups.map((group) => group.learningRate), [1e-2, 1e-3]);
 * ```
 */
export function createOptimizer(
  model: Module,
  args: TrainingArguments = {},
  groups?: readonly OptimizerGroup[],
): Optimizer {
  return makeOptimizer(model, completeArguments(args), groups);
}

/** Makes the optimizer of the parameters that are trained. */
export function makeOptimizer(
  model: Module,
  args: CompleteTrainingArguments,
  given?: readonly OptimizerGroup[],
): Optimizer {
  model.placeParameters();
  const groups = (given ?? decayGroups(model, args.weightDecay))
    .map(({ parameters, ...own }) => ({
      parameters: parameters.filter(({ requiresGrad }) => requiresGrad),
      weightDecay: 0,
      ...own,
    }))
    .filter(({ parameters }) => parameters.length > 0);
  return ruleOf(groups, args);
}

/** The parameters that decay, and those that do not. */
function decayGroups(model: Module, weightDecay: number): OptimizerGroup[] {
  const decaying = new Set(decayParameterNames(model));
  const named = [...model.namedParameters()];
  return [true, false].map((decays) => ({
    parameters: named
      .filter(([name]) => decaying.has(name) === decays)
      .map(([, parameter]) => parameter),
    weightDecay: decays ? weightDecay : 0,
  }));
}

/** Makes the optimizer that the arguments name. */
function ruleOf(
  groups: ParameterGroup<{ learningRate: number; weightDecay: number }>[],
  args: CompleteTrainingArguments,
): Optimizer {
  const { learningRate, adamBeta1, adamBeta2, adamEpsilon, optimArgs } = args;
  const { correctBias = true, momentum, eps, decoupleDecay } = optimArgs;
  const adam: Partial<AdamWSettings> = {
    learningRate,
    betas: [adamBeta1, adamBeta2],
    eps: adamEpsilon,
    correctBias,
  };
  const variant = "transformers";
  switch (args.optim) {
    case "adamw_torch":
      return new AdamW(groups, adam);
    case "adamw_hf":
      return new AdamW(groups, { ...adam, variant });
    case "bert_adam":
      return new AdamW(groups, { ...adam, variant, correctBias: false });
    case "sgd": {
      const { momentum = 0, dampening = 0, nesterov = false } = optimArgs;
      return new SGD(groups, { learningRate, momentum, dampening, nesterov });
    }
    case "madgrad":
    case "mirror_madgrad": {
      const Rule = args.optim === "madgrad" ? MADGRAD : MirrorMADGRAD;
      const given = { learningRate, momentum, eps, decoupleDecay };
      return new Rule(groups, present(given) as Partial<MADGRADSettings>);
    }
    case "ivon": {
      // The rules let no settings of other optimizers through.
      const given = { ...present(optimArgs), learningRate };
      return new IVON(groups, given as IVONOptions);
    }
  }
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
    case "cyclic": {
      const { cycleSteps = NaN, minLrRate = 0, annealStrategy = "cos" } =
        lrSchedulerKwargs;
      const cycle = { cycleSteps, endFactor: minLrRate, annealStrategy };
      return cyclicSchedule({ warmupSteps, ...cycle });
    }
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
