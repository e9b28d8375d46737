// Copyright 2026 the swagpu authors. MIT license.

// Checks the folder of reference values of the few-sample kit: MADGRAD, mixout and
// decay to a prior against tensors, learning rates by layer and re-initialization
// against tables. Which parts a folder has decides what is compared.

import {
  add,
  backward,
  matmul,
  mul,
  readAll,
  scope,
  sum,
  type Tensor,
  tensor,
  zeros,
} from "../../engine/mod.ts";
import {
  AdamW,
  MADGRAD,
  type MADGRADSettings,
  MirrorMADGRAD,
  mixout,
  type Parameter,
  PriorDecay,
  SGD,
} from "../../nn/mod.ts";
import {
  compare,
  type Comparison,
  type Golden,
  maxAbs,
  readGolden,
  valuesOf,
} from "./compare.ts";
import { checkRates, checkReinitialization } from "./kit_tables.ts";
import { Parts, steps } from "./optimizer_steps.ts";

/** The file by which such a folder is known. */
export const KIT_NAME = "madgrad.safetensors";

/** The parts of case.json that the checks need. */
interface Spec {
  mixout: {
    cases: { tag: string; p: number; target: boolean }[];
    linear: { p: number };
  };
  prior_decay: {
    steps: number;
    groups: [string, { lr: number; weight_decay: number }][];
  };
  madgrad: {
    lr: number;
    steps: number;
    variants: Record<string, {
      momentum: number;
      weight_decay: number;
      eps: number;
      decouple_decay: boolean;
    }>;
  };
}

/** Runs every check of a folder. */
export async function checkKit(folder: string): Promise<Comparison[]> {
  const spec: Spec = JSON.parse(await Deno.readTextFile(`${folder}/case.json`));
  const golden = (name: string) => readGolden(`${folder}/${name}.safetensors`);
  const table = async (name: string) =>
    JSON.parse(await Deno.readTextFile(`${folder}/${name}.json`));
  return [
    ...await checkMadgrad(spec.madgrad, await golden("madgrad")),
    ...await checkMixout(spec.mixout, await golden("mixout")),
    ...await checkPriorDecay(spec.prior_decay, await golden("prior_decay")),
    ...checkRates(await table("llrd")),
    ...await checkReinitialization(await table("reinit")),
  ];
}

/** Compares within 1e-5 of the largest element, as the set's README says. */
function near(
  name: string,
  actual: ArrayLike<number>,
  golden: Golden,
): Comparison {
  const expected = valuesOf(golden, name);
  const absolute = 1e-5 * maxAbs(expected) + 1e-9;
  return compare(name, actual, expected, { absolute, relative: 0 });
}

async function checkMadgrad(
  { lr, steps: count, variants }: Spec["madgrad"],
  golden: Golden,
): Promise<Comparison[]> {
  const results: Comparison[] = [];
  for (const kind of ["madgrad", "mirror"] as const) {
    for (const [variant, given] of Object.entries(variants)) {
      const tag = `${kind}.${variant}`;
      if (!golden.has(`${tag}.param.x`)) continue;
      const settings: MADGRADSettings = {
        learningRate: lr,
        momentum: given.momentum,
        weightDecay: given.weight_decay,
        eps: kind === "mirror" ? 0 : given.eps,
        decoupleDecay: given.decouple_decay,
      };
      const parts = new Parts(golden, ["x", "y"]);
      const optimizer = kind === "mirror"
        ? new MirrorMADGRAD(parts.parameters(), settings)
        : new MADGRAD(parts.parameters(), settings);
      const gradients = (name: string) =>
        valuesOf(golden, `${tag}.grad.${name}`);
      const after = await steps(parts, optimizer, { gradients, count });
      for (const [name, values] of after) {
        results.push(near(`${tag}.param.${name}`, values, golden));
      }
      const { parameters } = await optimizer.stateDict();
      const moments = kind === "mirror"
        ? ["grad_sum_sq", "z"]
        : ["grad_sum_sq", "s", "x0"];
      ["x", "y"].forEach((name, i) =>
        moments.forEach((moment, k) => {
          const key = `${tag}.state.${moment}.${name}`;
          const values = parameters[i]?.moments[k] ?? [];
          if (golden.has(key)) results.push(near(key, values, golden));
        })
      );
      optimizer.dispose();
      parts.dispose();
    }
  }
  return results;
}

async function checkMixout(
  { cases, linear }: Spec["mixout"],
  golden: Golden,
): Promise<Comparison[]> {
  const results: Comparison[] = [];
  const named = (name: string, requiresGrad = false): Tensor =>
    tensor(valuesOf(golden, name), {
      shape: golden.get(name)?.shape ?? [],
      requiresGrad,
    });
  for (const { tag, p, target } of cases) {
    for (const kind of ["official", "true"]) {
      using _ = scope();
      const w = named(`${tag}.w`, true);
      const y = mixout(w, {
        p,
        target: target ? named(`${tag}.target`) : undefined,
        mask: golden.has(`${tag}.mask`) ? named(`${tag}.mask`) : undefined,
        officialBackward: kind === "official",
      });
      const cotangent = named(`${tag}.cotangent`);
      // With p = 0 the result is the weight itself, and so is its gradient.
      const result = y === w ? mul(w, 1) : y;
      backward(sum(mul(result, cotangent)));
      const [values = [], gradient = []] = await readAll([
        result,
        w.grad ?? zeros(w.shape),
      ]);
      if (kind === "true") {
        results.push(near(`${tag}.output`, values, golden));
      }
      results.push(near(`${tag}.grad_${kind}`, gradient, golden));
    }
  }
  return [...results, ...await checkMixLinear(linear, golden, named)];
}

/** Compares a linear layer whose weight is mixed by a given mask. */
async function checkMixLinear(
  { p }: Spec["mixout"]["linear"],
  golden: Golden,
  named: (name: string, requiresGrad?: boolean) => Tensor,
): Promise<Comparison[]> {
  const results: Comparison[] = [];
  for (const kind of ["official", "true"]) {
    using _ = scope();
    const [x, w, b] = ["x", "w", "b"].map((name) =>
      named(`linear.${name}`, true)
    ) as [Tensor, Tensor, Tensor];
    const mixed = mixout(w, {
      p,
      target: named("linear.target"),
      mask: named("linear.mask"),
      officialBackward: kind === "official",
    });
    const y = add(matmul(x, mixed, { transposeB: true }), b);
    backward(sum(mul(y, named("linear.cotangent"))));
    const gradient = ({ grad, shape }: Tensor) => grad ?? zeros(shape);
    const names = ["output", "grad_x", `grad_w_${kind}`, "grad_b"];
    const read = await readAll([y, gradient(x), gradient(w), gradient(b)]);
    names.forEach((name, i) =>
      results.push(near(`linear.${name}`, read[i] ?? [], golden))
    );
  }
  return results;
}

/** The variants of decay to a prior, by what becomes of the groups. */
const VARIANTS = ["official", "intended", "off", "adam_coupled_sgd"] as const;

async function checkPriorDecay(
  { groups, steps: count }: Spec["prior_decay"],
  golden: Golden,
): Promise<Comparison[]> {
  const results: Comparison[] = [];
  const names = groups.map(([name]) => name);
  for (const variant of VARIANTS) {
    const parts = new Parts(golden, names);
    const settings = groups.map(([name, { lr, weight_decay }]) => ({
      parameters: [parts.byName.get(name) as Parameter],
      learningRate: lr,
      weightDecay: variant === "off" ? 0 : weight_decay,
    }));
    const optimizer = variant === "adam_coupled_sgd"
      ? new SGD(settings)
      : new AdamW(settings, { eps: 1e-6 });
    const prior = variant === "off"
      ? undefined
      : new PriorDecay(parts, optimizer, {
        exclude: variant === "intended" ? ["head"] : [],
      });
    const gradients = (name: string) => valuesOf(golden, `grad.${name}`);
    const after = await steps(parts, optimizer, { gradients, count });
    for (const [name, values] of after) {
      results.push(near(`${variant}.${name}`, values, golden));
    }
    prior?.dispose();
    optimizer.dispose();
    parts.dispose();
  }
  return results;
}
