// Copyright 2026 the swagpu authors. MIT license.

/**
 * What particles must have in common to be merged: the model, its labels, what their
 * posteriors keep, and how they were trained, but for the seed.
 *
 * @module
 */

import { exists, openSafetensors, readText } from "../nn/formats/mod.ts";
import { count } from "../data/names.ts";
import { POSTERIOR_NAME } from "./classifier.ts";
import { WEIGHTS_FIELD } from "./merged_run.ts";
import { readRunFacts } from "./run_facts.ts";

/** What is known of a particle without a GPU. */
export interface ParticleFacts {
  /** Its folder. */
  readonly path: string;
  /** Its seed. */
  readonly seed: number;
  /** The fingerprint of its last weights. */
  readonly weights: string;
  /** How often weights were collected. */
  readonly collections: number;
  /** What must be the same in all particles: JSON by what it is called. */
  readonly shared: ReadonlyMap<string, string>;
}

/** The fields of config.json that say where it was written, and by what. */
const OWN_FIELDS = ["_name_or_path", "transformers_version"];

/**
 * Reads what must fit.
 *
 * @param path The folder of a particle that is done.
 * @throws {TypeError} If it lacks a file.
 * @throws {SyntaxError} If a file is malformed.
 */
export async function readParticle(path: string): Promise<ParticleFacts> {
  const posterior = `${path}/${POSTERIOR_NAME}`;
  const run = await readRunFacts(path);
  if (!run || !await exists(posterior)) {
    throw new TypeError(
      `Cannot merge ${path}: it holds no ${
        run ? POSTERIOR_NAME : "run.json"
      }, which a particle that is done has; remove it and run it again`,
    );
  }
  const config = await readConfig(`${path}/config.json`);
  using file = await openSafetensors(posterior);
  const { swag, [WEIGHTS_FIELD]: weights } = file.metadata;
  if (swag === undefined || weights === undefined) {
    throw new TypeError(
      `Cannot merge ${path}: its ${POSTERIOR_NAME} was not written by this ` +
        "program",
    );
  }
  const { draws: _, ...options } = JSON.parse(swag) as Record<string, unknown>;
  const { id2label = null, label2id = null, ...rest } = config;
  for (const name of OWN_FIELDS) delete rest[name];
  const shapes = [...file.names].sort()
    .map((name) => [name, file.info(name).shape] as const)
    // The number of deviations is that of the collections, which are compared.
    .filter(([name]) => !name.endsWith("_cov_mat_sqrt"));
  const { base = null, settings, data, snapshots, task } = run;
  const shared: [string, unknown][] = [
    ["task", task],
    ["labels", [id2label, label2id]],
    ["architecture", rest],
    ["parameters", shapes],
    ["posterior's options", options],
    ["model before the training", base],
    ["training", settings],
    ["data", data],
    ["collections", snapshots],
  ];
  return {
    ...{ path, weights },
    seed: run.seed,
    collections: snapshots.length,
    shared: new Map(
      shared.map(([name, value]) => [name, JSON.stringify(sorted(value))]),
    ),
  };
}

async function readConfig(path: string): Promise<Record<string, unknown>> {
  let config: unknown;
  try {
    config = JSON.parse(await readText(path));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new SyntaxError(`Cannot read ${path}: it is not JSON`, {
      cause: error,
    });
  }
  return config as Record<string, unknown>;
}

/** The same value with the keys of its objects in order. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1)
      .map(([name, own]) => [name, sorted(own)]),
  );
}

/**
 * Checks that particles fit each other.
 *
 * @throws {TypeError} If one differs from the first in more than its seed, or two are
 * the same.
 */
export function checkFit(particles: readonly ParticleFacts[]): void {
  const [first] = particles;
  if (!first) return;
  const seeds = new Map<number, string>();
  const weights = new Map<string, string>();
  for (const own of particles) {
    for (const [name, value] of own.shared) {
      const expected = first.shared.get(name);
      if (value === expected) continue;
      throw new TypeError(
        `Cannot merge ${own.path} with ${first.path}: they differ in ${name}, ` +
          `${cut(value)} and ${cut(expected ?? "none")}`,
      );
    }
    const twin = seeds.get(own.seed);
    if (twin !== undefined) {
      throw new TypeError(
        `Cannot merge ${own.path} with ${twin}: both have seed ${own.seed}, so ` +
          "they are the same particle",
      );
    }
    const same = weights.get(own.weights);
    if (same !== undefined) {
      throw new TypeError(
        `Cannot merge ${own.path} with ${same}: they have the same weights, so ` +
          "their seeds made no difference",
      );
    }
    seeds.set(own.seed, own.path);
    weights.set(own.weights, own.path);
  }
}

/** The most characters of a value that a message shows. */
const SHOWN = 200;

function cut(text: string): string {
  return text.length <= SHOWN
    ? text
    : `${text.slice(0, SHOWN)}… (${count(text.length)} characters)`;
}
