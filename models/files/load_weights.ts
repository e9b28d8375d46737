// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Reads a checkpoint into a model: names are matched, and what the checkpoint
// does not have is drawn.

import { readAll, type Tensor } from "../../engine/mod.ts";
import {
  hasPrefix,
  type LoadReport,
  type Module,
  type StateSource,
} from "../../nn/mod.ts";

/** Bytes that may wait in host memory for the GPU to take them. */
const STAGED_BYTES = 2 ** 26;

/** Options of {@linkcode loadWeights}. */
export interface LoadWeightsOptions {
  /** The names that the model's class gives. */
  modelClass: {
    /** The attribute that holds the encoder in models with a head. */
    readonly basePrefix: string;
    /** Parameters that checkpoints leave out, because they are computed. */
    readonly keysToIgnoreOnSave: readonly string[];
  };
  /** The checkpoint's path, for errors. */
  path: string;
  /**
   * Whether parameters whose shape differs from the checkpoint's are drawn
   * instead of refused.
   *
   * @default {false}
   */
  ignoreMismatchedSizes?: boolean | undefined;
}

/**
 * Overwrites the parameters and buffers that a checkpoint has, and draws the
 * others by their initial rule.
 *
 * @returns The names that did not match.
 * @throws {TypeError} If a shape differs, unless such parameters are to be
 * drawn, or if the checkpoint has no parameter of the model.
 */
export async function loadWeights(
  model: Module,
  weights: StateSource,
  { modelClass, path, ignoreMismatchedSizes = false }: LoadWeightsOptions,
): Promise<LoadReport> {
  const targets = model.namedTensors();
  const { state, original } = renamed(weights, model, modelClass.basePrefix);
  const { missing, mismatched, unexpected } = await model.loadStateDict(
    paced(floats(state, path), [...targets.values()]),
    { strict: false },
  );
  const fault = mismatched.length > 0 && !ignoreMismatchedSizes
    ? mismatched.map(({ name, expected, found }) =>
      `${name} is ${found} there and ${expected} here`
    ).join("; ") + "; set ignoreMismatchedSizes to draw new ones"
    : missing.length === targets.size
    ? "it has none of the model's parameters"
    : undefined;
  if (fault) throw new TypeError(`Cannot load ${path}: ${fault}`);
  for (const name of [...missing, ...mismatched.map((m) => m.name)]) {
    targets.get(name)?.initialize();
  }
  return {
    missing: missing.filter((name) =>
      !modelClass.keysToIgnoreOnSave.includes(name)
    ),
    unexpected: unexpected.map(original),
    mismatched,
  };
}

/**
 * A checkpoint under the names of a model. The encoder's prefix is added or
 * removed if only one side has it, and `gamma` and `beta`, as the first
 * releases of transformers call them, are read as `weight` and `bias`.
 * `original` gives the checkpoint's own name for a name of the model.
 */
function renamed(
  file: StateSource,
  model: Module,
  prefix: string,
): { state: StateSource; original: (name: string) => string } {
  const known = new Set([
    ...model.namedTensors().keys(),
    ...model.tiedNames().keys(),
  ]);
  const saved = new Set(file.names);
  const there = [...saved].some((name) => hasPrefix(name, prefix));
  const here = [...known].some((name) => hasPrefix(name, prefix));
  const originals = new Map<string, string>();
  for (const name of saved) {
    let own = name
      .replace(/LayerNorm\.gamma$/, "LayerNorm.weight")
      .replace(/LayerNorm\.beta$/, "LayerNorm.bias");
    // If a file has both spellings, the new one counts.
    if (saved.has(own)) own = name;
    if (there && !here && hasPrefix(own, prefix)) {
      own = own.slice(prefix.length + 1);
    } else if (here && !there && known.has(`${prefix}.${own}`)) {
      own = `${prefix}.${own}`;
    }
    originals.set(own, name);
  }
  const original = (name: string) => originals.get(name) ?? name;
  return {
    state: {
      names: originals.keys(),
      info: (name) => file.info(original(name)),
      tensor: (name) => file.tensor(original(name)),
    },
    original,
  };
}

/**
 * A checkpoint whose numbers are floats: weights of 8 bits mean nothing without the
 * factors, which every program stores in a way of its own.
 */
function floats(state: StateSource, path: string): StateSource {
  return {
    ...state,
    async tensor(name) {
      const tensor = await state.tensor(name);
      if (tensor.data instanceof Float32Array) return tensor;
      throw new TypeError(
        `Cannot load ${path}: ${name} holds integers there; weights that another ` +
          "program has quantized are not known",
      );
    },
  };
}

/**
 * A checkpoint that is read no faster than the GPU takes its tensors, because
 * they stay in host memory until then.
 */
function paced(state: StateSource, targets: readonly Tensor[]): StateSource {
  const [probe] = [...targets].sort((a, b) => a.size - b.size);
  let waiting = 0;
  return {
    ...state,
    async tensor(name) {
      const bytes = 4 * state.info(name).shape.reduce((n, size) => n * size, 1);
      if (waiting > 0 && waiting + bytes > STAGED_BYTES) {
        // Reading a tensor submits all writes and waits for them.
        await readAll(probe ? [probe] : []);
        waiting = 0;
      }
      waiting += bytes;
      return await state.tensor(name);
    },
  };
}
