// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Tensors that a callback keeps in checkpoints: what weights were before a run.

import { formatShape, sameShape } from "../engine/kernel_kit.ts";
import type { Tensor } from "../engine/mod.ts";
import type { SafetensorsSource } from "./formats/mod.ts";
import type {
  CallbackState,
  LoadedCallbackState,
} from "./trainer/callbacks.ts";

/** Gives tensors by name as a callback's state, which reads one at a time. */
export function stateOfTensors(
  named: ReadonlyMap<string, Tensor>,
): CallbackState {
  const tensors = [...named].map(([name, x]): [string, SafetensorsSource] => [
    name,
    { shape: x.shape, dtype: "F32", data: () => x.data() },
  ]);
  return { tensors };
}

/**
 * Overwrites tensors by what a checkpoint has kept of them.
 *
 * @param owner The callback, for messages.
 * @throws {TypeError} If the checkpoint has other names or shapes; nothing is
 * overwritten then.
 */
export async function loadTensors(
  owner: string,
  named: ReadonlyMap<string, Tensor>,
  { tensors }: LoadedCallbackState,
): Promise<void> {
  const found = new Set(tensors?.names);
  const fault = (what: string) => {
    throw new TypeError(
      `Cannot load the state of ${owner}: ${what}; make it as it was made ` +
        "for the run that was cut",
    );
  };
  for (const [name, { shape }] of named) {
    if (!tensors || !found.delete(name)) {
      return fault(`the checkpoint has no ${name}`);
    }
    const saved = tensors.info(name).shape;
    if (!sameShape(saved, shape)) {
      fault(`${name} is ${formatShape(saved)}, not ${formatShape(shape)}`);
    }
  }
  for (const name of found) fault(`the checkpoint has ${name} besides`);
  for (const [name, x] of named) {
    if (tensors) x.write((await tensors.tensor(name)).data);
  }
}
