// Copyright 2026 the swagpu authors. MIT license.

// Checks of the tables of the few-sample kit: learning rates by layer, and what
// re-initialization changes.

import { manualSeed, readAll } from "../../engine/mod.ts";
import * as xlnet from "../../examples/xlnet.ts";
import * as models from "../../models/mod.ts";
import { Module, Parameter } from "../../nn/mod.ts";
import type { AnyModel, Comparison } from "./compare.ts";

/** The rate and decay of each parameter, by name. */
type Rates = Record<string, { lr: number; weight_decay: number }>;

/** The parts of llrd.json that the checks need. */
interface RateTables {
  lr: number;
  weight_decay: number;
  gamma: number;
  models: Record<
    string,
    { class: string; layers: number; general: Rates }
  >;
  grouped: {
    init_lr: number;
    weight_decay: number;
    tables: Record<string, Rates>;
  };
}

/** The parts of reinit.json that the checks need. */
interface ChangeTables {
  models: Record<
    string,
    { class: string; layers: number } & Record<string, unknown>
  >;
}

/** A class of model: the package's, or that of the example of XLNet. */
function classOf(name: string): models.PretrainedClass<AnyModel> {
  const classes: Record<string, unknown> = { ...models, ...xlnet };
  const found = classes[name];
  if (typeof found === "function") {
    return found as models.PretrainedClass<AnyModel>;
  }
  throw new RangeError(`Cannot check ${name}: no such class`);
}

/** Builds a small model of some class, with so many blocks in each stack. */
function build(name: string, layers: number): AnyModel {
  const modelClass = classOf(name);
  const width = 64;
  const fields = {
    vocab_size: 40,
    max_position_embeddings: 32,
    pad_token_id: 1,
    ...{ hidden_size: width, intermediate_size: 2 * width },
    ...{ num_hidden_layers: layers, num_attention_heads: 4 },
    ...{ d_model: width, encoder_ffn_dim: width, decoder_ffn_dim: width },
    ...{ encoder_layers: layers, decoder_layers: layers },
    ...{ encoder_attention_heads: 4, decoder_attention_heads: 4 },
    ...{ n_layer: layers, n_head: 4, d_inner: 2 * width }, // XLNet's names
  };
  return new modelClass(
    new modelClass.configClass(new models.ConfigReader(fields)),
  );
}

/** A model of which only the names of the parameters are known. */
function namesOnly(base: string, names: readonly string[]): Module {
  class Names extends Module {
    static readonly basePrefix = base;
    readonly #named = new Map(names.map((name) => [name, new Parameter([1])]));
    override namedParameters(): Map<string, Parameter> {
      return new Map(this.#named);
    }
  }
  return new Names();
}

/** Compares the rates and decays of all parameters exactly, as the set asks. */
function sameRates(
  name: string,
  actual: models.LearningRateGroups,
  expected: Rates,
): Comparison {
  const rows = actual.rows.flatMap((row) =>
    row.names.map((name) => ({ ...row, name }))
  );
  const wrong = rows.filter(({ name, learningRate, weightDecay }) => {
    const { lr = NaN, weight_decay } = expected[name] ?? {};
    const isNear = Math.abs(learningRate - lr) <= 1e-12 * lr;
    return !isNear || weightDecay !== weight_decay;
  });
  const count = Object.keys(expected).length;
  const once = new Set(rows.map(({ name }) => name)).size === rows.length;
  const ok = wrong.length === 0 && rows.length === count && once;
  const note = `${count} parameters in ${actual.rows.length} groups` +
    (wrong[0] ? `; ${wrong.length} differ, such as ${wrong[0].name}` : "");
  return { name, absolute: wrong.length, relative: 0, ok, note };
}

/** Checks the tables of learning rates. */
export function checkRates(file: RateTables): Comparison[] {
  const results: Comparison[] = [];
  const bases: Record<string, string> = {};
  for (const [name, table] of Object.entries(file.models)) {
    bases[name] = classOf(table.class).basePrefix;
    const model = build(table.class, table.layers);
    const rates = models.layerwiseLearningRates(model, {
      learningRate: file.lr,
      gamma: file.gamma,
      weightDecay: file.weight_decay,
    });
    results.push(sameRates(`llrd.${name}`, rates, table.general));
    model.dispose();
  }
  for (const [key, table] of Object.entries(file.grouped.tables)) {
    const base = bases[key.replace(/_\d+$/, "")] ?? "";
    const model = namesOnly(base, Object.keys(table));
    const rates = models.groupedLearningRates(model, {
      learningRate: file.grouped.init_lr,
      weightDecay: file.grouped.weight_decay,
    });
    results.push(sameRates(`grouped.${key}`, rates, table));
    model.dispose();
  }
  return results;
}

/** What every weight is before, so that one that stays shows. */
const BEFORE = 7;

/** By how many of its standard errors a measured deviation may be off. */
const ERRORS = 5;

/** What has become of a parameter. */
function kindOf(values: Float32Array, std: number): string | undefined {
  const all = (x: number) => values.every((value) => value === x);
  if (all(BEFORE)) return undefined;
  if (all(0)) return "zero";
  if (all(1)) return "one";
  const squares = values.reduce((sum, x) => sum + x * x, 0);
  const measured = Math.sqrt(squares / values.length);
  const error = 1 / Math.sqrt(2 * values.length);
  return Math.abs(measured / std - 1) < ERRORS * error
    ? "normal"
    : `deviation ${measured}`;
}

/** The standard deviation that new weights of a name have. */
function deviationOf(name: string, model: AnyModel): number {
  const { initializerRange: range, modelType } = model.config;
  if (modelType !== "modernbert") return range;
  // ModernBERT's own rule, which is ours, truncates at two deviations, which leaves
  // 0.8796 of one, and gives output projections less.
  const truncated = 0.8796;
  const layers = Number(model.config.toJSON().num_hidden_layers);
  return truncated *
    (name.endsWith("Wo.weight") ? 1 / Math.sqrt(2 * layers) : 1) *
    range;
}

/** Re-initializes a model, and tells what has become of all parameters. */
async function changesOf(
  model: AnyModel,
  options: models.ReinitializeOptions,
): Promise<Map<string, string>> {
  manualSeed(1);
  model.placeParameters();
  const named = model.namedParameters();
  for (const parameter of named.values()) {
    parameter.write(new Float32Array(parameter.size).fill(BEFORE));
  }
  models.reinitialize(model, options);
  const read = await readAll([...named.values()]);
  const changes = new Map<string, string>();
  [...named.keys()].forEach((name, i) => {
    const std = deviationOf(name, model);
    const kind = kindOf(read[i] ?? new Float32Array(), std);
    if (kind !== undefined) changes.set(name, kind);
  });
  return changes;
}

function sameChanges(
  name: string,
  actual: ReadonlyMap<string, string>,
  expected: Readonly<Record<string, string>>,
): Comparison {
  const all = new Set([...actual.keys(), ...Object.keys(expected)]);
  const wrong = [...all].filter((key) => actual.get(key) !== expected[key]);
  const [first = ""] = wrong;
  const note = `${actual.size} parameters` +
    (wrong.length > 0
      ? `; ${first} is ${actual.get(first)}, not ${expected[first]}`
      : "");
  const ok = wrong.length === 0;
  return { name, absolute: wrong.length, relative: 0, ok, note };
}

/** Checks what re-initialization changes in each architecture. */
export async function checkReinitialization(
  file: ChangeTables,
): Promise<Comparison[]> {
  const results: Comparison[] = [];
  for (const [name, table] of Object.entries(file.models)) {
    const model = build(table.class, table.layers);
    for (const [key, changes] of Object.entries(table)) {
      const [, blocks] = /^L=(\d+)$/.exec(key) ?? [];
      if (blocks === undefined && key !== "pooler") continue;
      const options = blocks === undefined
        ? { pooler: true }
        : { blocks: Number(blocks), pooler: false };
      results.push(sameChanges(
        `reinit.${name}.${key}`,
        await changesOf(model, options),
        changes as Record<string, string>,
      ));
    }
    model.dispose();
  }
  return results;
}
