// Copyright 2026 the swagpu authors. MIT license.

/**
 * Runs ops forward and backward over small tensors, whose axes are often of length 0 or
 * 1, and compares with plain implementations in float64.
 *
 * @module
 */

import * as engine from "../../engine/mod.ts";
import type { Tensor } from "../../engine/mod.ts";
import {
  Finding,
  type Fuzzer,
  isInternal,
  type Outcome,
  type Random,
} from "./fuzzer.ts";
import { type Array64, CASES, type Trial } from "./shapes_cases.ts";

/** For how many elements of each input the derivative is compared. */
const DERIVATIVES = 6;

/** Runs ops over random shapes. */
export const fuzzer: Fuzzer = {
  name: "shapes",
  description: "ops over small shapes, often empty, against float64",
  short: 60,
  limit: 20,
  prepare: async () => void await engine.initialize(),
  trial: async (random) => {
    using _ = engine.scope();
    const trial = random.pick(CASES)(random);
    const given = describe(trial);
    let y: Tensor;
    const tensors = trial.inputs.map(({ shape, values }) =>
      engine.tensor(values, { shape, requiresGrad: true })
    );
    const expected = trial.twin(trial.inputs);
    try {
      y = trial.op(tensors);
    } catch (error) {
      return refusal(error, given, expected);
    }
    if (!expected) {
      throw new Finding(
        "wrong result",
        `${given}: gave [${y.shape}], expected an error`,
      );
    }
    await compare(trial, given, tensors, y, expected, random);
    return "accepted";
  },
};

function describe({ name, inputs }: Trial): string {
  return `${name} of ${inputs.map(({ shape }) => `[${shape}]`).join(", ")}`;
}

/** Judges an error: it is right if the twin has no result, and must be useful. */
function refusal(
  error: unknown,
  given: string,
  expected: Array64 | undefined,
): Outcome {
  const message = error instanceof Error ? error.message : `${error}`;
  if (isInternal(error) || !message.startsWith("Cannot ")) {
    throw new Finding("internal message", `${given}: ${message}`);
  }
  if (expected) throw new Finding("wrong result", `${given}: ${message}`);
  return "refused";
}

/** Throws unless values and derivatives agree with the twin's. */
async function compare(
  trial: Trial,
  given: string,
  tensors: readonly Tensor[],
  y: Tensor,
  expected: Array64,
  random: Random,
): Promise<void> {
  if (`${y.shape}` !== `${expected.shape}`) {
    throw new Finding(
      "wrong result",
      `${given}: gave shape [${y.shape}], expected [${expected.shape}]`,
    );
  }
  check(`${given}: value`, await y.data(), expected.values);
  const weights = expected.values.map(() => random.next() * 2 - 1);
  engine.backward(y, {
    gradient: engine.tensor(weights, { shape: y.shape }),
  });
  const total = () =>
    trial.twin(trial.inputs)?.values
      .reduce((sum, v, i) => sum + v * (weights[i] ?? 0), 0) ?? NaN;
  const open = Number.isNaN(total()); // Then no derivative is wrong.
  for (const [i, { shape, values }] of trial.inputs.entries()) {
    const { grad } = tensors[i] ?? {};
    if (!grad || `${grad.shape}` !== `${shape}`) {
      throw new Finding(
        "wrong result",
        `${given}: input ${i} has ${grad ? `[${grad.shape}]` : "no"} gradient`,
      );
    }
    if (open) continue;
    const actual = await grad.data();
    for (let n = 0; n < Math.min(DERIVATIVES, values.length); n++) {
      const at = random.integer(0, values.length);
      const value = values[at] ?? 0;
      const step = 1e-5;
      values[at] = value + step;
      const above = total();
      values[at] = value - step;
      const below = total();
      values[at] = value;
      check(`${given}: derivative ${at} of input ${i}`, [actual[at] ?? NaN], [
        (above - below) / (2 * step),
      ]);
    }
  }
}

/**
 * Compares numbers. The tolerance allows for sums of a few numbers of order 1, and for
 * the transcendental functions of GPUs.
 */
function check(
  label: string,
  actual: ArrayLike<number>,
  expected: readonly number[],
): void {
  expected.forEach((w, i) => {
    const a = actual[i] ?? NaN;
    if (a === w || (Number.isNaN(a) && Number.isNaN(w))) return;
    if (Math.abs(a - w) <= 2e-4 + 2e-4 * Math.abs(w)) return;
    throw new Finding(
      "wrong result",
      `${label}: element ${i} is ${a}, expected ${w}`,
    );
  });
}
