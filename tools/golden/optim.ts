// Copyright 2026 the swagpu authors. MIT license.

// Checks a folder of optimizers and schedules: the weights after every step and the
// learning rate of every step, as PyTorch and transformers compute them. Which files
// a folder has decides what is compared.

import { readAll, scope } from "../../engine/mod.ts";
import {
  AdamW,
  type AdamWSettings,
  clipGradNorm,
  constantSchedule,
  cosineRestartsSchedule,
  cosineSchedule,
  linearSchedule,
  type Optimizer,
  type ParameterGroup,
  polynomialSchedule,
  type Schedule,
  Scheduler,
  SGD,
} from "../../nn/mod.ts";
import { checkAverages, checkSwalr, type SwalrCase } from "./averages.ts";
import {
  compare,
  type Comparison,
  type Golden,
  readGolden,
  valuesOf,
} from "./compare.ts";
import { failure } from "./metric_cases.ts";
import { addGradients, Parts, steps } from "./optimizer_steps.ts";

/** The files by any of which such a folder is known. */
export const OPTIM_NAMES = ["optimizers.safetensors", "schedules.json"];

/** The file of averaged weights. */
const AVERAGED = "averaged_model.safetensors";

/** Both sides are rounded to float32 at every step. */
const WEIGHTS = { absolute: 2e-6, relative: 1e-5 };

/** Both sides compute in float64. */
const RATES = { absolute: 1e-15, relative: 1e-12 };

/** The decay of the group of each parameter, as case.json says. */
const DECAYS: Readonly<Record<string, number>> = {
  "decay.w": 0.1,
  "nodecay.b": 0,
};

const NAMES = Object.keys(DECAYS);

/** Makes an optimizer of groups with their decay. */
type Make = (
  groups: ParameterGroup<{ learningRate: number; weightDecay: number }>[],
) => Optimizer;

const adamw = (settings: Partial<AdamWSettings> = {}): Make => (groups) =>
  new AdamW(groups, settings);

/** PyTorch's optimizers, by what the file calls them. */
const PYTORCH: Readonly<Record<string, Make>> = {
  adamw: adamw(),
  adamw_betas: adamw({ betas: [0.8, 0.95], eps: 1e-6 }),
  sgd_momentum: (groups) => new SGD(groups, { momentum: 0.9 }),
  sgd_nesterov: (groups) => new SGD(groups, { momentum: 0.9, nesterov: true }),
};

/** The AdamW of transformers, with and without its correction of the bias. */
const TRANSFORMERS: Readonly<Record<string, Make>> = {
  hf_adamw: adamw({ variant: "transformers", eps: 1e-6 }),
  bert_adam: adamw({
    ...{ variant: "transformers", eps: 1e-6, correctBias: false },
  }),
  bert_adam_eps8: adamw({ variant: "transformers", correctBias: false }),
};

/** A run of a schedule of transformers. */
export interface ScheduleCase {
  function: string;
  kwargs: Record<string, number>;
  /** The rate of each group. */
  base_lrs: number[];
  /** The rates before the first step and after each. */
  lrs_after_init_then_after_each_step: number[][];
}

/** The parts of schedules.json that the checks need. */
interface ScheduleFile {
  swalr?: SwalrCase[];
  transformers_schedules: ScheduleCase[];
}

/** Runs every check of a folder. */
export async function checkOptim(folder: string): Promise<Comparison[]> {
  const names = new Set<string>();
  for await (const { name } of Deno.readDir(folder)) names.add(name);
  const results: Comparison[] = [];
  if (names.has("optimizers.safetensors")) {
    const given = await readGolden(`${folder}/optimizers.safetensors`);
    results.push(
      ...await checkSteps(PYTORCH, given, given),
      ...await checkClips(given),
    );
    if (names.has("bert_adam.safetensors")) {
      const expected = await readGolden(`${folder}/bert_adam.safetensors`);
      results.push(...await checkSteps(TRANSFORMERS, given, expected));
    }
  }
  if (names.has("schedules.json")) {
    const text = await Deno.readTextFile(`${folder}/schedules.json`);
    results.push(...checkSchedules(JSON.parse(text)));
  }
  if (names.has(AVERAGED)) {
    const text = await Deno.readTextFile(`${folder}/case.json`);
    const golden = await readGolden(`${folder}/${AVERAGED}`);
    results.push(...await checkAverages(golden, JSON.parse(text)));
  }
  return results;
}

/** A group for each parameter, with its decay. */
function groupsOf(parts: Parts): Parameters<Make>[0] {
  return [...parts.byName].map(([name, parameter]) => ({
    parameters: [parameter],
    weightDecay: DECAYS[name] ?? NaN,
  }));
}

/** Compares the weights after each step of each optimizer. */
async function checkSteps(
  makes: Readonly<Record<string, Make>>,
  given: Golden,
  expected: Golden,
): Promise<Comparison[]> {
  const results: Comparison[] = [];
  const rates = valuesOf(given, "lr");
  for (const [tag, make] of Object.entries(makes)) {
    const parts = new Parts(given, NAMES);
    const optimizer = make(groupsOf(parts));
    const after = await steps(parts, optimizer, {
      gradients: (name) => valuesOf(given, `grad.${name}`),
      count: rates.length,
      rates,
    });
    for (const [name, values] of after) {
      const all = valuesOf(expected, `${tag}.${name}`);
      const size = all.length / rates.length;
      for (let t = 0; t < rates.length; t++) {
        const [from, to] = [t * size, (t + 1) * size];
        results.push(compare(
          `${tag}.${name} after step ${t + 1}`,
          values.slice(from, to),
          all.slice(from, to),
          WEIGHTS,
        ));
      }
    }
    optimizer.dispose();
    parts.dispose();
  }
  return results;
}

/** Compares the norm of the first gradients, and what clipping leaves of them. */
async function checkClips(golden: Golden): Promise<Comparison[]> {
  const results: Comparison[] = [];
  const tags = [...golden.keys()].flatMap((name) =>
    /^(clip\d+)\.max_norm$/.exec(name)?.[1] ?? []
  );
  for (const tag of tags) {
    using _ = scope();
    const parts = new Parts(golden, NAMES);
    const optimizer = new SGD(parts.parameters());
    addGradients(parts, (name) => valuesOf(golden, `grad.${name}`));
    const [maxNorm = NaN] = valuesOf(golden, `${tag}.max_norm`);
    const norm = clipGradNorm(optimizer, maxNorm);
    const targets = parts.parameters().map((one) => one.gradientTarget());
    const [measured = [], ...clipped] = await readAll([norm, ...targets]);
    const against = (name: string, values: ArrayLike<number>) =>
      compare(name, values, valuesOf(golden, name), WEIGHTS);
    results.push(
      against(`${tag}.total_norm`, measured),
      ...NAMES.map((name, i) =>
        against(`${tag}.grad.${name}`, clipped[i] ?? [])
      ),
    );
    optimizer.dispose();
    parts.dispose();
  }
  return results;
}

/** Compares the rates of every step of every schedule. */
export function checkSchedules(file: ScheduleFile): Comparison[] {
  const results = file.transformers_schedules.map((one) => {
    const name = `${one.function} ${JSON.stringify(one.kwargs)}`;
    const schedule = scheduleOf(one);
    if (!schedule) return failure(name, "there is no such schedule");
    const found = ratesOf(one, schedule);
    const expected = one.lrs_after_init_then_after_each_step.flat();
    return compare(name, found, expected, RATES);
  });
  return [...results, ...(file.swalr ?? []).map(checkSwalr)];
}

/** The rates of all groups before the first step and after each. */
function ratesOf(one: ScheduleCase, schedule: Schedule): number[] {
  const groups = one.base_lrs.map((learningRate) => ({
    learningRate,
    parameters: [],
  }));
  const scheduler = new Scheduler({ groups }, schedule);
  return one.lrs_after_init_then_after_each_step.flatMap(() => {
    const now = groups.map(({ learningRate }) => learningRate);
    scheduler.step();
    return now;
  });
}

/** The schedule for a function of transformers and its arguments. */
export function scheduleOf(
  { function: name, kwargs }: ScheduleCase,
): Schedule | undefined {
  const warmupSteps = kwargs.num_warmup_steps ?? 0;
  const totalSteps = kwargs.num_training_steps ?? 0;
  const cycles = kwargs.num_cycles;
  switch (name) {
    case "get_constant_schedule":
    case "get_constant_schedule_with_warmup":
      return constantSchedule({ warmupSteps });
    case "get_linear_schedule_with_warmup":
      return linearSchedule({ warmupSteps, totalSteps });
    case "get_cosine_schedule_with_warmup":
      return cosineSchedule({ warmupSteps, totalSteps, cycles: cycles ?? 0.5 });
    case "get_cosine_with_hard_restarts_schedule_with_warmup":
      return cosineRestartsSchedule({
        ...{ warmupSteps, totalSteps, cycles: cycles ?? 1 },
      });
    case "get_polynomial_decay_schedule_with_warmup":
      return polynomialSchedule({
        warmupSteps,
        totalSteps,
        power: kwargs.power ?? 1,
        // In transformers this is a rate, of an optimizer whose rate is 1; here
        // a factor.
        endFactor: kwargs.lr_end ?? 1e-7,
      });
  }
}
