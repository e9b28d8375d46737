// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * The folder in which the Python library swag_transformers keeps a posterior:
 * `config.json`, `base_model/` and `model.bin`.
 *
 * @module
 */

import type { Tensor } from "../engine/mod.ts";
import {
  checkFinite,
  FolderSave,
  openPyTorch,
  type PyTorchSource,
  writePyTorch,
} from "../nn/formats/mod.ts";
import type { Module } from "../nn/mod.ts";
import { type Entry, NONE } from "./layout.ts";
import { widen } from "./deviation_format.ts";
import type { RawMoments } from "./moments.ts";
import type { Posterior } from "./posterior.ts";
import { toPython } from "./selection.ts";
import { type ModelConfig, SwagConfig } from "./swag_config.ts";

const STATE = "model.bin";
const BASE_MODEL = "base_model";
const BASE = "swag.base.";

/** A model with a configuration, which saves itself. */
export interface Configured {
  config: ModelConfig;
  savePretrained(folder: string): Promise<void>;
}

/** Whether a model has a configuration and saves itself. */
export function isConfigured(model: object): model is Configured {
  return "config" in model && typeof model.config === "object" &&
    model.config !== null && "toJSON" in model.config &&
    "savePretrained" in model && typeof model.savePretrained === "function";
}

/** Opens the state of a folder. */
export async function openPythonState(
  folder: string,
): ReturnType<typeof openPyTorch> {
  return await openPyTorch(`${folder}/${STATE}`);
}

/**
 * Loads the weights and buffers that a model had when it was saved. The library
 * saves zeros for a model of which no sample was drawn; it gets the means then.
 */
export async function loadPythonWeights(
  model: Module,
  state: Awaited<ReturnType<typeof openPyTorch>>,
): Promise<void> {
  model.placeParameters();
  const names = new Set(state.names);
  const read = async (name: string) =>
    Float32Array.from((await state.tensor(name)).data);
  let isSampled = false;
  for (const [name, tensor] of model.namedTensors()) {
    if (!names.has(BASE + name)) continue;
    const values = await read(BASE + name);
    isSampled ||= model.namedParameters().has(name) &&
      values.some((x) => x !== 0);
    tensor.write(values);
  }
  if (isSampled) return;
  for (const [name, tensor] of model.namedParameters()) {
    if (names.has(`${BASE}${name}_mean`)) {
      tensor.write(await read(`${BASE}${name}_mean`));
    }
  }
}

/**
 * Writes a folder that the library loads.
 *
 * @throws {TypeError} If the model has no configuration, or Python would take other
 * parameters for random.
 * @throws {RangeError} If a moment is not finite.
 */
export async function writePythonFolder(
  folder: string,
  posterior: Posterior,
): Promise<void> {
  const { model } = posterior;
  if (!isConfigured(model)) {
    throw new TypeError(
      `Cannot save the posterior to ${folder}: ${model.constructor.name} has ` +
        "no configuration, which swag_transformers needs; save() needs none",
    );
  }
  const { settings, rank: covMatRank } = posterior;
  const config = SwagConfig.fromConfig(model.config, {
    ...settings,
    modulePrefixList: toPython(model, settings.modulePrefixList),
    covMatRank,
  });
  await model.savePretrained(`${folder}/${BASE_MODEL}`);
  // From now on it names the class of the model.
  config.updateInternalConfig(model.config);
  await using save = await FolderSave.begin(folder);
  await writePyTorch(
    `${save.staging}/${STATE}`,
    stateOf(posterior, folder),
    { root: "model" },
  );
  await config.save(save.staging);
  await save.commit({ last: [STATE] });
}

/** A name in the state dictionary, and what is written under it. */
type Named = [string, PyTorchSource];

/** The state dictionary, whose tensors are read when it is their turn. */
function* stateOf(posterior: Posterior, folder: string): Generator<Named> {
  const { model, layout, count } = posterior;
  const reader = new MomentReader(posterior);
  yield ["swag.n_models", { shape: [1], dtype: "I64", data: [count] }];
  yield [`${BASE}_dummy_param`, { shape: [0], dtype: "F32", data: [] }];
  const tensors = model.namedTensors();
  const byName = new Map(layout.entries.map((entry) => [entry.name, entry]));
  for (const [name, tensor] of tensors) {
    yield [BASE + name, weightsOf(tensor)];
    const entry = byName.get(name);
    if (entry) yield* momentsOf(reader, entry, { name, folder });
  }
  // A parameter of two modules has two names in a state dictionary. Where one
  // module has two places, as the embeddings of Marian, so have its moments.
  const hasSharedModule = isConfigured(model) &&
    model.config.toJSON()["model_type"] === "marian";
  for (const [alias, name] of model.tiedNames()) {
    const tensor = tensors.get(name);
    if (!tensor) continue;
    yield [BASE + alias, weightsOf(tensor)];
    const entry = byName.get(name);
    if (entry && hasSharedModule && alias.endsWith("embed_tokens.weight")) {
      yield* momentsOf(reader, entry, { name: alias, folder });
    }
  }
}

function weightsOf(x: Tensor): PyTorchSource {
  return { shape: x.shape, dtype: "F32", data: () => x.data() };
}

/** Reads moments. Those of the last parameter alone stay in memory. */
class MomentReader {
  readonly posterior: Posterior;
  #entry: Entry | undefined;
  #moments: Promise<RawMoments | undefined> | undefined;

  constructor(posterior: Posterior) {
    this.posterior = posterior;
  }

  read(entry: Entry): Promise<RawMoments | undefined> {
    if (!this.#moments || this.#entry !== entry) {
      this.#entry = entry;
      this.#moments = this.posterior.read([entry]).then(([own]) => own);
    }
    return this.#moments;
  }
}

/** The moments of a parameter, which share a read. */
function* momentsOf(
  reader: MomentReader,
  entry: Entry,
  { name, folder }: { name: string; folder: string },
): Generator<Named> {
  const { count, rank, layout } = reader.posterior;
  const { row, parameter: { shape, size } } = entry;
  const pick = (
    suffix: string,
    shape: readonly number[],
    of: (moments: RawMoments) => Float32Array<ArrayBuffer> | undefined,
  ): Named => [`${BASE}${name}${suffix}`, {
    shape,
    dtype: "F32",
    data: async () => {
      const moments = await reader.read(entry);
      const values = moments && of(moments) || new Float32Array();
      checkFinite(values, name, `Cannot save the posterior to ${folder}`);
      return values;
    },
  }];
  yield pick("_mean", shape, ({ mean }) => mean);
  if (row === NONE) return;
  // E[θ²] = M2/n + mean², rounded once: what 32 bits can hold of it.
  yield pick(
    "_sq_mean",
    shape,
    ({ mean, squares }) =>
      mean.map((x, i) => (squares?.[i] ?? 0) / Math.max(1, count) + x ** 2),
  );
  if (layout.rows === 0) return;
  // The library's deviations are always 32-bit floats.
  yield pick(
    "_cov_mat_sqrt",
    [rank, size],
    ({ deviations }) => deviations && widen(deviations, size),
  );
}
