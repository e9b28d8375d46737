// Copyright 2026 the swagpu authors. MIT license.

// Checks IVON against the package of its authors: ten steps on two small problems with
// given noise, for each variant of its settings.

import {
  add,
  backward,
  matmul,
  mul,
  readAll,
  reshape,
  scope,
  sub,
  sum,
  tanh,
  type Tensor,
  tensor,
} from "../../engine/mod.ts";
import {
  crossEntropy,
  IVON,
  type IVONOptions,
  type Parameter,
} from "../../nn/mod.ts";
import {
  compare,
  type Comparison,
  type Golden,
  maxAbs,
  readGolden,
  valuesOf,
} from "./compare.ts";
import { Parts } from "./optimizer_steps.ts";

/** The file by which such a folder is known. */
export const IVON_NAME = "quadratic.safetensors";

/** The difference that the files allow, as a share of the largest entry. */
const TOLERANCE = 2e-5;

/** The settings of a variant, under the package's names. */
interface Hyperparameters {
  lr: number;
  ess: number;
  hess_init: number;
  beta1: number;
  beta2: number;
  weight_decay: number;
  mc_samples: number;
  hess_approx: "price" | "gradsq";
  clip_radius: number | "inf";
  debias: boolean;
  rescale_lr: boolean;
}

/** The parts of case.json that the checks need. */
interface IvonCase {
  steps: number;
  problems: Record<string, { parameter_order: string[] }>;
  variants: Record<string, { hyperparameters: Hyperparameters }>;
}

/** The variant whose parameters after the first form a group of their own. */
const GROUPED = "groups";

/** What that group has other than the rest, as case.json says in words. */
const SECOND_GROUP = {
  ...{ learningRate: 0.03, hessInit: 2, weightDecay: 0, beta1: 0.5 },
};

type Loss = (parts: Parts, golden: Golden) => Tensor;

const valueOf = (golden: Golden, name: string): Tensor =>
  tensor(valuesOf(golden, name), { shape: golden.get(name)?.shape ?? [] });

/** The losses of the problems, by name, as case.json says in words. */
const LOSSES: Readonly<Record<string, Loss>> = {
  quadratic(parts, golden) {
    const [w, v] = named(parts, "w", "v");
    const product = matmul(valueOf(golden, "data.A"), reshape(w, [w.size, 1]));
    const rest = sub(reshape(product, [-1]), valueOf(golden, "data.y"));
    const square = mul(v, v);
    return add(
      mul(sum(mul(rest, rest)), 0.5),
      mul(sum(mul(square, square)), 0.1),
    );
  },
  mlp(parts, golden) {
    const [w1, b1, w2, b2] = named(
      ...[parts, "l1.weight", "l1.bias", "l2.weight", "l2.bias"] as const,
    );
    const x = valueOf(golden, "data.X");
    const hidden = tanh(add(matmul(x, w1, { transposeB: true }), b1));
    const logits = add(matmul(hidden, w2, { transposeB: true }), b2);
    const labels = golden.get("data.labels")?.data ?? [];
    return crossEntropy(logits, tensor(Int32Array.from(labels, Number)));
  },
};

/** Parameters by name, of which there are as many as names. */
function named<Names extends string[]>(
  parts: Parts,
  ...names: Names
): { [I in keyof Names]: Parameter } {
  return names.map((name) => parts.byName.get(name)) as {
    [I in keyof Names]: Parameter;
  };
}

/** Runs every check of a folder. */
export async function checkIvon(folder: string): Promise<Comparison[]> {
  const spec: IvonCase = JSON.parse(
    await Deno.readTextFile(`${folder}/case.json`),
  );
  const results: Comparison[] = [];
  for (const [problem, { parameter_order: order }] of entries(spec.problems)) {
    const golden = await readGolden(`${folder}/${problem}.safetensors`);
    const loss = LOSSES[problem];
    if (!loss) throw new RangeError(`Cannot check ${problem}: no such problem`);
    for (const [variant, { hyperparameters }] of entries(spec.variants)) {
      const run = new Run(golden, { variant, order, loss, hyperparameters });
      const { steps } = spec;
      for (let step = 0; step < steps; step++) {
        const found = await run.step(step);
        results.push(
          ...found.map((one) => ({ ...one, name: `${problem} ${one.name}` })),
        );
      }
      run.dispose();
    }
  }
  return results;
}

const entries = Object.entries;

/** What is run. */
interface RunOptions {
  readonly variant: string;
  readonly order: readonly string[];
  readonly loss: Loss;
  readonly hyperparameters: Hyperparameters;
}

/** A problem and its optimizer. */
class Run {
  readonly #golden: Golden;
  readonly #options: RunOptions;
  readonly #parts: Parts;
  readonly #optimizer: IVON;

  constructor(golden: Golden, options: RunOptions) {
    this.#golden = golden;
    this.#options = options;
    this.#parts = new Parts(golden, options.order);
    const parameters = [...this.#parts.parameters()];
    const groups = options.variant === GROUPED
      ? [
        { parameters: parameters.slice(0, 1) },
        { parameters: parameters.slice(1), ...SECOND_GROUP },
      ]
      : parameters;
    this.#optimizer = new IVON(groups, optionsOf(options.hyperparameters));
  }

  /** Makes a step, and compares losses and gradients, moments and means. */
  async step(step: number): Promise<Comparison[]> {
    using _ = scope();
    const { variant, hyperparameters: { mc_samples: samples } } = this.#options;
    const parameters = [...this.#parts.parameters()];
    const size = parameters.reduce((n, parameter) => n + parameter.size, 0);
    const results: Comparison[] = [];
    const against = (what: string, actual: readonly number[]) => {
      const all = valuesOf(this.#golden, `${variant}.${what}`);
      const from = what === "grad" || what === "loss"
        ? (step * samples + sample) * actual.length
        : step * actual.length;
      const expected = all.slice(from, from + actual.length);
      const name = `${variant}.${what} at step ${step + 1}`;
      const absolute = TOLERANCE * maxAbs(expected);
      results.push(compare(name, actual, expected, { absolute, relative: 0 }));
    };
    let sample = 0;
    for (; sample < samples; sample++) {
      const noise = this.#noise((step * samples + sample) * size);
      await this.#optimizer.sampledParams({ train: true, noise }, async () => {
        const loss = this.#options.loss(this.#parts, this.#golden);
        backward(loss);
        const targets = parameters.map((one) => one.gradientTarget());
        const [own, ...gradients] = await readAll([loss, ...targets]);
        against("loss", [...own ?? []]);
        against("grad", gradients.flatMap((values) => [...values]));
      });
    }
    this.#optimizer.step();
    const means = await readAll(parameters);
    against("mean", means.flatMap((values) => [...values]));
    const state = await this.#optimizer.stateDict();
    for (const [i, what] of ["momentum", "hess"].entries()) {
      against(
        what,
        state.parameters.flatMap((one) => [...one.moments[i] ?? []]),
      );
    }
    return results;
  }

  /** The noise of each parameter, from an element of the file on. */
  #noise(start: number): Map<Parameter, Float32Array> {
    const all = valuesOf(this.#golden, `${this.#options.variant}.noise`);
    let at = start;
    return new Map(
      [...this.#parts.parameters()].map((parameter) => [
        parameter,
        all.slice(at, at += parameter.size),
      ]),
    );
  }

  dispose(): void {
    this.#optimizer.dispose();
    this.#parts.dispose();
  }
}

/** The options of our optimizer that are the package's. */
function optionsOf(given: Hyperparameters): IVONOptions {
  return {
    learningRate: given.lr,
    ess: given.ess,
    hessInit: given.hess_init,
    beta1: given.beta1,
    beta2: given.beta2,
    weightDecay: given.weight_decay,
    mcSamples: given.mc_samples,
    hessApprox: given.hess_approx,
    clipRadius: given.clip_radius === "inf" ? Infinity : given.clip_radius,
    debias: given.debias,
    rescaleLr: given.rescale_lr,
  };
}
