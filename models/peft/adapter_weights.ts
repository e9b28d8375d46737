// Copyright 2026 the swagpu authors. MIT license.

// The weights of an adapter, in PEFT's files.

import {
  LoraConfig,
  openPyTorch,
  openSafetensors,
  type StateSource,
} from "../../nn/mod.ts";

/** The files of an adapter's weights; the first that exists is read. */
export const ADAPTER_WEIGHTS = [
  "adapter_model.safetensors",
  "adapter_model.bin",
] as const;

/** What the names in the file begin with. */
export const NAME_PREFIX = "base_model.model.";

/** The weights of an adapter, open for reading. `using` closes them. */
export type AdapterWeights = StateSource & Disposable & {
  /** Maps a name of the model to the name in the file, where it differs. */
  readonly fileNames: ReadonlyMap<string, string>;
};

/**
 * Opens an adapter's weights. Later versions of PEFT call the bias of a layer
 * `base_layer.bias`, and get its own name here.
 */
export async function openAdapter(path: string): Promise<AdapterWeights> {
  const file = await (path.endsWith(".bin") ? openPyTorch : openSafetensors)(
    path,
  );
  const fileNames = new Map<string, string>();
  const names = [...file.names].map((name) => {
    const own = name.replaceAll(".base_layer.", ".");
    if (own !== name) fileNames.set(own, name);
    return own;
  });
  const original = (name: string) => fileNames.get(name) ?? name;
  return {
    names,
    fileNames,
    info: (name) => file.info(original(name)),
    tensor: (name) => file.tensor(original(name)),
    [Symbol.dispose]: () => file[Symbol.dispose](),
  };
}

/**
 * Adds the modules that a file holds whole to those that a configuration names.
 * PEFT saves more than it names: the head of a task, and resized embeddings.
 */
export function withSavedModules(
  config: LoraConfig,
  names: Iterable<string>,
): LoraConfig {
  const saved = new Set(config.modulesToSave);
  for (const name of names) {
    const path = name.startsWith(NAME_PREFIX)
      ? name.slice(NAME_PREFIX.length)
      : name;
    const isOther = path.includes(".lora_") ||
      config.bias !== "none" && path.includes("bias");
    if (isOther) continue;
    const module = path.slice(0, Math.max(path.lastIndexOf("."), 0));
    const isKnown = [...saved].some((known) => isInside(module, known));
    if (module !== "" && !isKnown) saved.add(module);
  }
  return saved.size === (config.modulesToSave?.length ?? 0)
    ? config
    : new LoraConfig({ ...config, modulesToSave: [...saved] });
}

/** Whether a path leads to, or into, a module whose path ends with a name. */
function isInside(path: string, name: string): boolean {
  return `.${path}.`.includes(`.${name}.`);
}
