// Copyright 2026 the swagpu authors. MIT license.

import { readAll } from "../engine/mod.ts";
import {
  hasPrefix,
  type LoadReport,
  Module,
  openSafetensors,
  type StateSource,
  withoutInitialization,
  writeSafetensors,
} from "../nn/mod.ts";
import { type PretrainedConfig, readConfig } from "./config.ts";
import { ConfigReader } from "./config_reader.ts";
import { resolveFiles, type ResolveOptions } from "./hub.ts";
import type { EncoderInputs } from "./io.ts";

const WEIGHTS_NAME = "model.safetensors";

/** A configuration's class. */
export type ConfigClass<C extends PretrainedConfig> = new (
  fields: ConfigReader,
) => C;

/** A model's class, as {@linkcode PreTrainedModel.load} needs it. */
export interface PretrainedClass<M> {
  /** Builds the model with random weights. */
  // deno-lint-ignore no-explicit-any -- each class takes its own configuration
  new (config: any): M;
  /** The class of the configuration. */
  readonly configClass: ConfigClass<PretrainedConfig>;
  /** The attribute that holds the encoder in models with a head. */
  readonly basePrefix: string;
}

/** Options of `fromPretrained`. */
export interface PretrainedOptions extends ResolveOptions {
  /** Fields of the configuration to replace, in snake case. @default {{}} */
  config?: Readonly<Record<string, unknown>>;
  /**
   * Whether parameters whose shape differs from the checkpoint's are drawn
   * anew instead of refused.
   *
   * @default {false}
   */
  ignoreMismatchedSizes?: boolean;
  /** Called with the names that did not match. @default {nothing} */
  onLoad?: (report: LoadReport) => void;
}

/**
 * A model with a configuration that can be loaded from, and saved to, Hugging
 * Face's files: `config.json` and `model.safetensors`.
 */
export class PreTrainedModel<C extends PretrainedConfig> extends Module {
  /** The configuration. */
  readonly config: C;

  /** Subclasses build their parts after this. */
  constructor(config: C) {
    super();
    this.config = config;
  }

  /**
   * Loads a folder or hub model. The model is in evaluation mode, as in
   * transformers; call `train()` before fine-tuning.
   *
   * Parameters that the checkpoint does not have, such as a new head's, are
   * drawn by the configuration's rule; `onLoad` hears of them.
   *
   * @param source A folder, or a name on the hub.
   * @param options Replaced fields, revision and the like.
   * @throws {TypeError} If shapes differ, unless they are to be ignored.
   * @throws {SyntaxError} If a file is malformed.
   */
  static async fromPretrained<M extends PreTrainedModel<PretrainedConfig>>(
    this: PretrainedClass<M>,
    source: string,
    options: PretrainedOptions = {},
  ): Promise<M> {
    return await PreTrainedModel.load(this, source, options);
  }

  /** Loads a model of the given class; see {@linkcode fromPretrained}. */
  static async load<M extends PreTrainedModel<PretrainedConfig>>(
    modelClass: PretrainedClass<M>,
    source: string,
    options: PretrainedOptions = {},
  ): Promise<M> {
    const { ignoreMismatchedSizes = false, onLoad } = options;
    const { folder } = await resolveFiles(source, {
      ...options,
      files: ["config.json", WEIGHTS_NAME],
    });
    const fields = await resolveConfig(folder, options);
    const config = new modelClass.configClass(fields);
    using file = await openSafetensors(`${folder}/${WEIGHTS_NAME}`);
    const model = withoutInitialization(() => {
      const built = new modelClass(config);
      built.parameters();
      return built;
    });
    const targets = model.namedTensors();
    const state = renamed(file, [...targets.keys()], modelClass.basePrefix);
    const report = await model.loadStateDict(state, { strict: false });
    const { missing, mismatched } = report;
    const fault = mismatched.length > 0 && !ignoreMismatchedSizes
      ? mismatched.map(({ name, expected, found }) =>
        `${name} is ${found} there and ${expected} here`
      ).join("; ") + "; set ignoreMismatchedSizes to draw them anew"
      : missing.length === targets.size
      ? "it has none of the model's parameters"
      : undefined;
    if (fault) {
      model.dispose();
      throw new TypeError(`Cannot load ${folder}/${WEIGHTS_NAME}: ${fault}`);
    }
    for (const name of [...missing, ...mismatched.map((m) => m.name)]) {
      targets.get(name)?.initialize();
    }
    onLoad?.(report);
    return model.eval();
  }

  /**
   * Writes `config.json` and `model.safetensors`, which transformers loads
   * unchanged. Each file is replaced as a whole, once it is complete.
   *
   * @param folder Made if it does not exist.
   */
  async savePretrained(folder: string): Promise<void> {
    this.config.architectures = [this.constructor.name];
    this.config.dtype = "float32";
    await this.config.save(folder);
    const tensors = [...this.namedTensors()].map(([name, parameter]) =>
      [name, {
        shape: parameter.shape,
        dtype: "F32" as const,
        data: async () => {
          const [values] = await readAll([parameter]);
          return values ?? new Float32Array();
        },
      }] as const
    );
    await writeSafetensors(`${folder}/${WEIGHTS_NAME}`, tensors);
  }

  /**
   * Throws unless the inputs are `[batch, length]` and alike.
   *
   * @param inputs What `forward` was given.
   * @param maxLength Places that the model knows.
   */
  protected checkInputs(inputs: EncoderInputs, maxLength: number): void {
    const { inputIds, attentionMask, tokenTypeIds, positionIds } = inputs;
    const { shape } = inputIds;
    if (shape.length !== 2 || inputIds.dtype === "f32") {
      throw new TypeError(
        `Cannot encode ${inputIds.dtype} [${shape.join(", ")}]: ` +
          "inputIds must be integers of shape [batch, length]",
      );
    }
    for (
      const [name, x] of Object.entries({
        attentionMask,
        tokenTypeIds,
        positionIds,
      })
    ) {
      if (x && x.shape.join() !== shape.join()) {
        throw new TypeError(
          `Cannot encode with ${name} [${x.shape.join(", ")}]: ` +
            `it must have the shape of inputIds, [${shape.join(", ")}]`,
        );
      }
    }
    const length = shape[1] ?? 0;
    if (length > maxLength) {
      throw new RangeError(
        `Cannot encode ${length} tokens: the model knows ${maxLength} places`,
      );
    }
  }
}

/** Reads a source's `config.json`, with the options' fields in place. */
export async function resolveConfig(
  source: string,
  options: PretrainedOptions = {},
): Promise<ConfigReader> {
  const { folder } = await resolveFiles(source, options);
  const reader = await readConfig(folder);
  if (!options.config) return reader;
  return new ConfigReader({ ...reader.fields, ...options.config }, reader);
}

/**
 * A checkpoint under the names of a model: the encoder's prefix is added or
 * taken away where only one side has it, and the first releases' `gamma` and
 * `beta` are read as `weight` and `bias`.
 */
function renamed(
  file: StateSource,
  names: readonly string[],
  prefix: string,
): StateSource {
  const saved = [...file.names];
  const there = saved.some((name) => hasPrefix(name, prefix));
  const here = names.some((name) => hasPrefix(name, prefix));
  const known = new Set(names);
  const original = new Map<string, string>();
  for (const name of saved) {
    let own = name
      .replace(/LayerNorm\.gamma$/, "LayerNorm.weight")
      .replace(/LayerNorm\.beta$/, "LayerNorm.bias");
    if (there && !here && hasPrefix(own, prefix)) {
      own = own.slice(prefix.length + 1);
    } else if (here && !there && known.has(`${prefix}.${own}`)) {
      own = `${prefix}.${own}`;
    }
    original.set(own, name);
  }
  const at = (name: string) => original.get(name) ?? name;
  return {
    names: original.keys(),
    info: (name) => file.info(at(name)),
    tensor: (name) => file.tensor(at(name)),
  };
}
