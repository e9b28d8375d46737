// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Which settings each optimizer of a Trainer takes beyond the arguments.

import { checkOptions } from "../options.ts";
import {
  BELOW_ONE,
  BOOLEAN,
  checkValue,
  NOT_NEGATIVE,
  number,
  oneOf,
  type Rule,
  whole,
} from "./rules.ts";
import type { OptimArgs, OptimizerName } from "./training_arguments.ts";

/** The settings that each optimizer takes. */
const TAKEN: Readonly<Record<OptimizerName, readonly (keyof OptimArgs)[]>> = {
  adamw_torch: ["correctBias"],
  adamw_hf: ["correctBias"],
  bert_adam: [],
  sgd: ["momentum", "dampening", "nesterov"],
  madgrad: ["momentum", "eps", "decoupleDecay"],
  mirror_madgrad: ["momentum", "eps", "decoupleDecay"],
  ivon: [
    ...["ess", "hessInit", "hessApprox", "beta1", "beta2"] as const,
    ...["mcSamples", "clipRadius", "debias", "rescaleLr"] as const,
  ],
};

/** The names of all optimizers. */
export const OPTIMIZERS: readonly string[] = Object.keys(TAKEN);

const POSITIVE = number(
  "a finite number above 0",
  (x) => x > 0 && x < Infinity,
);

const RULES: Readonly<Record<keyof OptimArgs, Rule>> = {
  momentum: BELOW_ONE,
  dampening: number("a finite number", Number.isFinite),
  nesterov: BOOLEAN,
  correctBias: BOOLEAN,
  eps: NOT_NEGATIVE,
  decoupleDecay: BOOLEAN,
  ess: POSITIVE,
  hessInit: POSITIVE,
  hessApprox: oneOf("price", "gradsq"),
  beta1: BELOW_ONE,
  beta2: BELOW_ONE,
  mcSamples: whole(1),
  clipRadius: POSITIVE,
  debias: BOOLEAN,
  rescaleLr: BOOLEAN,
};

/** The names of all settings. */
export const OPTIM_ARGS = Object.keys(RULES) as (keyof OptimArgs)[];

/**
 * Throws unless settings are those of an optimizer.
 *
 * @throws {TypeError} If a name is not known, or a value is of another type.
 * @throws {RangeError} If the optimizer does not take a setting, or needs one that is
 * absent, or a value is out of range.
 */
export function checkOptimArgs(optim: OptimizerName, args: OptimArgs): void {
  checkOptions(args, { action: "train", known: OPTIM_ARGS });
  const refuse = (what: string, wish: string): never => {
    throw new RangeError(`Cannot train with ${what}: ${wish}`);
  };
  for (const name of OPTIM_ARGS) {
    if (args[name] === undefined) continue;
    const taken = TAKEN[optim];
    if (!taken.includes(name)) {
      refuse(
        `optim "${optim}" and optimArgs.${name}`,
        taken.length === 0
          ? "it takes no optimArgs"
          : `its optimArgs are ${taken.join(", ")}`,
      );
    }
    checkValue(`optimArgs.${name}`, args[name], RULES[name]);
  }
  if (optim === "ivon" && args.ess === undefined) {
    refuse(
      `optim "ivon" without optimArgs.ess`,
      "it must be the number of training examples",
    );
  }
  const { momentum = 0, dampening = 0, nesterov = false } = args;
  if (nesterov && (momentum === 0 || dampening !== 0)) {
    refuse(
      `optimArgs.nesterov, momentum ${momentum} and dampening ${dampening}`,
      "it needs momentum and no dampening",
    );
  }
}
