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
  type Rule,
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
};

/** The names of all optimizers. */
export const OPTIMIZERS: readonly string[] = Object.keys(TAKEN);

const RULES: Readonly<Record<keyof OptimArgs, Rule>> = {
  momentum: BELOW_ONE,
  dampening: number("a finite number", Number.isFinite),
  nesterov: BOOLEAN,
  correctBias: BOOLEAN,
  eps: NOT_NEGATIVE,
  decoupleDecay: BOOLEAN,
};

/** The names of all settings. */
export const OPTIM_ARGS = Object.keys(RULES) as (keyof OptimArgs)[];

/**
 * Throws unless settings are those of an optimizer.
 *
 * @throws {TypeError} If a name is not known, or a value is of another type.
 * @throws {RangeError} If the optimizer does not take a setting, or a value is out
 * of range.
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
  const { momentum = 0, dampening = 0, nesterov = false } = args;
  if (nesterov && (momentum === 0 || dampening !== 0)) {
    refuse(
      `optimArgs.nesterov, momentum ${momentum} and dampening ${dampening}`,
      "it needs momentum and no dampening",
    );
  }
}
