// Copyright 2026 the swagpu authors. MIT license.

// Steps of optimizers with gradients that reference files give.

import { readAll, scope, tensor } from "../../engine/mod.ts";
import { addInto } from "../../engine/kernel_kit.ts";
import { init, Module, type Optimizer, Parameter } from "../../nn/mod.ts";
import { type Golden, valuesOf } from "./compare.ts";

/** A module with the parameters of `init.*`, by their names. */
export class Parts extends Module {
  readonly byName = new Map<string, Parameter>();

  constructor(golden: Golden, names: readonly string[]) {
    super();
    for (const name of names) {
      const { shape = [] } = golden.get(`init.${name}`) ?? {};
      const values = init.values(valuesOf(golden, `init.${name}`));
      this.byName.set(name, new Parameter(shape, values));
    }
  }

  override namedParameters(): Map<string, Parameter> {
    return new Map(this.byName);
  }
}

/** What steps are made with. */
export interface StepsOptions {
  /** The gradients of a parameter at all steps, one after the other. */
  gradients(name: string): Float32Array;
  /** The number of steps. */
  count: number;
  /** The learning rate of each step. @default {that of the optimizer} */
  rates?: ArrayLike<number>;
}

/** Adds to each parameter its gradient at a step, counted from 0. */
export function addGradients(
  parts: Parts,
  gradients: (name: string) => Float32Array,
  step = 0,
): void {
  for (const [name, parameter] of parts.byName) {
    const { size, shape } = parameter;
    const given = gradients(name).slice(step * size, (step + 1) * size);
    addInto(
      parameter.gradientTarget(),
      tensor(Float32Array.from(given), { shape }),
    );
  }
}

/**
 * Makes steps with given gradients.
 *
 * @returns The values of each parameter after every step, one after the other.
 */
export async function steps(
  parts: Parts,
  optimizer: Optimizer,
  { gradients, count, rates }: StepsOptions,
): Promise<Map<string, number[]>> {
  const after = new Map<string, number[]>();
  for (let t = 0; t < count; t++) {
    using _ = scope();
    addGradients(parts, gradients, t);
    if (rates) optimizer.learningRate = rates[t] ?? NaN;
    optimizer.step();
    const now = await readAll([...parts.byName.values()]);
    [...parts.byName.keys()].forEach((name, i) =>
      after.set(name, [...after.get(name) ?? [], ...now[i] ?? []])
    );
  }
  return after;
}
