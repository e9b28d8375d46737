// Copyright 2026 the swagpu authors. MIT license.

/**
 * The plan of a run of many particles, RUN/particles.json: what `finetune --particles`
 * writes, and `particle` and `merge` read. A particle is one run of `finetune --swag`
 * with a seed of its own, in the folder RUN/particles/0007.
 *
 * @module
 */

import { NotFound } from "../host/mod.ts";
import { exists, readText, writeTextAtomically } from "../nn/formats/mod.ts";
import type { Arguments, Option } from "./arguments.ts";
import { prepareOutput } from "./save.ts";
import { sameWords, sharedWords } from "./series_words.ts";

/** The option that makes a plan of a run. */
export const PARTICLES_OPTION: Option = {
  name: "particles",
  value: "N",
  help: "With --swag, train nothing now but plan N runs that differ in the " +
    "seed, from --seed on, in the folder --output: particle --run trains " +
    "each, on any machine, and merge joins them.",
};

/** The file of a plan. */
export const PLAN_NAME = "particles.json";

/** The version of the file. */
const VERSION = 1;

/** The most particles of a plan. */
const MOST = 1_000_000;

/** Runs that differ in their seeds. */
export interface ParticlePlan {
  /** How many there are. */
  readonly count: number;
  /** The seed of the first; each has one more than the one before. */
  readonly seed: number;
  /** The options of `finetune` that they share. */
  readonly options: readonly string[];
}

/** The name of a particle's folder, which has four digits or more. */
export function particleName(index: number): string {
  return `${index}`.padStart(4, "0");
}

/** The folder of a particle that is done. */
export function particleFolder(run: string, index: number): string {
  return `${run}/particles/${particleName(index)}`;
}

/** The folder of a particle that is at work, or was cut. */
export function partialFolder(run: string, index: number): string {
  return `${particleFolder(run, index)}.partial`;
}

/**
 * Makes a plan of the options of `finetune`.
 *
 * @throws {TypeError} If an option does not go with a plan.
 */
export function planOfOptions(args: Arguments): ParticlePlan {
  const count = args.integer("particles", { min: 2, max: MOST }) ?? 2;
  const seed = args.integer("seed", { min: 0, max: 2 ** 32 - count }) ?? 0;
  const refuse = (what: string, why: string): never => {
    throw new TypeError(`Cannot use --particles ${what}: ${why}`);
  };
  if (!args.flag("swag")) {
    refuse("without --swag", "particles are joined by their posteriors");
  }
  for (const name of ["seeds", "degenerate"]) {
    if (args.flag(name)) {
      refuse(`with --${name}`, "it runs all seeds now, one after the other");
    }
  }
  for (const name of ["overwrite", "resume"]) {
    if (!args.flag(name)) continue;
    refuse(
      `with --${name}`,
      "particles that are done stay, and those that were cut go on by " +
        "themselves; to begin anew, remove the folder",
    );
  }
  if (args.flag("run-name")) {
    refuse("with --run-name", "each particle is named after its folder");
  }
  for (const name of ["data", "eval"]) {
    if (args.text(name) !== "-") continue;
    refuse(`with --${name} -`, "every particle reads the file again");
  }
  if (args.flag("init") && args.text("frozen-dtype") === "f16") {
    refuse(
      "with --init and --frozen-dtype f16",
      "each particle would have frozen weights of its own, which are not " +
        "sampled",
    );
  }
  // Whoever runs a particle says whether it is quiet.
  const options = sharedWords(args, ["particles"])
    .filter((word) => word !== "--quiet");
  return { count, seed, options };
}

/**
 * Writes a plan. If the folder holds one with the same options, it may only get longer.
 *
 * @throws {TypeError} If the folder holds another plan.
 * @throws {AlreadyExists} If it holds a model.
 */
export async function writePlan(
  run: string,
  plan: ParticlePlan,
): Promise<void> {
  const path = `${run}/${PLAN_NAME}`;
  if (await exists(path)) {
    const before = await readPlan(run);
    const refuse = (why: string): never => {
      throw new TypeError(
        `Cannot write ${path}: it holds another plan, ${why}; choose another ` +
          "folder, or remove this one",
      );
    };
    if (!sameWords(before.options, plan.options)) {
      refuse(`with the options ${before.options.join(" ")}`);
    }
    if (before.seed !== plan.seed) refuse(`from seed ${before.seed} on`);
    if (before.count > plan.count) refuse(`of ${before.count} particles`);
  } else {
    await prepareOutput(run, false);
  }
  const file = {
    version: VERSION,
    particles: plan.count,
    seed: plan.seed,
    options: plan.options,
  };
  await writeTextAtomically(path, `${JSON.stringify(file, undefined, 2)}\n`);
}

/**
 * Reads a plan.
 *
 * @throws {TypeError} If there is none.
 * @throws {SyntaxError} If the file is malformed; the message says where.
 */
export async function readPlan(run: string): Promise<ParticlePlan> {
  const path = `${run}/${PLAN_NAME}`;
  let text: string;
  try {
    text = await readText(path);
  } catch (error) {
    if (!(error instanceof NotFound)) throw error;
    throw new TypeError(
      `Cannot find particles in ${run}: it holds no ${PLAN_NAME}; ` +
        "swagpu finetune --swag --particles N --output RUN writes it",
      { cause: error },
    );
  }
  const refuse = (reason: string): never => {
    throw new SyntaxError(`Cannot read ${path}: ${reason}`);
  };
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch {
    refuse("it is not JSON");
  }
  if (typeof file !== "object" || file === null || Array.isArray(file)) {
    return refuse("it is not an object");
  }
  const { version, particles, seed, options } = file as Record<string, unknown>;
  if (version !== VERSION) {
    return refuse(
      `its version is ${JSON.stringify(version)}, and this program reads ` +
        `${VERSION}`,
    );
  }
  const whole = (name: string, value: unknown, min: number, max: number) =>
    typeof value === "number" && Number.isSafeInteger(value) && value >= min &&
      value <= max
      ? value
      : refuse(`its "${name}" is not a whole number from ${min} to ${max}`);
  const count = whole("particles", particles, 1, MOST);
  const first = whole("seed", seed, 0, 2 ** 32 - count);
  if (
    !Array.isArray(options) ||
    !options.every((word): word is string => typeof word === "string")
  ) {
    return refuse('its "options" are not a list of texts');
  }
  return { count, seed: first, options };
}
