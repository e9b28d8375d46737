// Copyright 2026 the swagpu authors. MIT license.

import { hasDType, readAll, type Tensor } from "../engine/mod.ts";
import {
  checkOptions,
  hasPrefix,
  type LoadReport,
  Module,
  type StateSource,
  withoutInitialization,
} from "../nn/mod.ts";
import { folderOf, FolderSave, withFile } from "../nn/formats/mod.ts";
import { FILES as TOKENIZER_FILES } from "./tokenizer/file_names.ts";
import { loadWarning } from "./files/load_warning.ts";
import { parseSize, staleWeights, writeWeights } from "./files/save_weights.ts";
import { partsOf } from "./files/weights.ts";
import { stampOf } from "./files/stamp.ts";
import { openCheckpoint } from "./files/checkpoint.ts";
import { replacedFields } from "./class_names.ts";
import { type PretrainedConfig, readConfig } from "./config.ts";
import { ConfigReader } from "./files/config_reader.ts";
import { GenerationConfig } from "./generation/mod.ts";
import {
  checkFileName,
  type ResolvedFiles,
  resolveFiles,
  type ResolveOptions,
} from "./files/hub.ts";
import type { EncoderInputs } from "./io.ts";
import { checkAgainstWeights, checkSize } from "./files/size_limits.ts";

/** Bytes that may wait for the GPU to take them while a model is loaded. */
const STAGED_BYTES = 2 ** 26;
const GENERATION_NAME = "generation_config.json";
/** How often a folder is read that another process saves to meanwhile. */
const LOAD_ATTEMPTS = 5;

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
  /** Names that are neither saved nor missed; see {@linkcode PreTrainedModel}. */
  readonly keysToIgnoreOnSave: readonly string[];
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
  /**
   * Called with the names that did not match.
   *
   * @default {a line on the console where parameters are newly initialised}
   */
  onLoad?: (report: LoadReport) => void;
}

/** What {@linkcode PreTrainedModel.savePretrained} writes a tokenizer by. */
export interface SavableTokenizer {
  /** Writes the tokenizer's files to a folder. */
  save(folder: string): Promise<void>;
}

/** The names of {@linkcode SavePretrainedOptions}. */
const SAVE_OPTIONS = [
  "maxShardSize",
  "tokenizer",
  "alongside",
  "allowNonFinite",
] satisfies (keyof SavePretrainedOptions)[];

/** Options of {@linkcode PreTrainedModel.savePretrained}. */
export interface SavePretrainedOptions {
  /**
   * The size that a weight file may have, in bytes or as a text: `"500MB"`,
   * `"2GiB"`. Larger models are cut into parts.
   *
   * @default "5GB"
   */
  maxShardSize?: number | string;
  /**
   * A tokenizer whose files go into the folder, in place of those of another.
   *
   * @default {none}
   */
  tokenizer?: SavableTokenizer;
  /**
   * Files that belong to these weights, such as a posterior, by their names:
   * each is written by its function, to the path that it is given, and takes
   * its place together with the weights. `null` removes an earlier save's.
   *
   * @default {{}}
   */
  alongside?: Readonly<
    Record<string, ((path: string) => Promise<void>) | null>
  >;
  /**
   * Whether weights that are NaN or infinite are saved, and not refused.
   *
   * @default {false}
   */
  allowNonFinite?: boolean;
}

/**
 * A model with a configuration that can be loaded from, and saved to, Hugging
 * Face's files: `config.json`, `generation_config.json` and the weights.
 */
export class PreTrainedModel<C extends PretrainedConfig> extends Module {
  /**
   * Parameters that are computed and not learned, such as sinusoids. They are
   * not saved, and nothing is missing where a file lacks them: their initial
   * values are right.
   */
  static readonly keysToIgnoreOnSave: readonly string[] = [];

  /** The configuration. */
  readonly config: C;
  /** How the model generates, where its folder says so. */
  generationConfig?: GenerationConfig;

  /**
   * Subclasses build their parts after this.
   *
   * @throws {RangeError} If the configuration asks for more than 10,000 blocks,
   * or for parameters of more than 32 GiB.
   */
  constructor(config: C) {
    super();
    checkSize(config.toJSON());
    this.config = config;
  }

  /**
   * Whether `forward` takes a `packing`, with which it computes no padding;
   * see `batchInputs`.
   */
  get usesPacking(): boolean {
    return false;
  }

  /**
   * Loads a folder or hub model. The model is in evaluation mode, as in
   * transformers; call `train()` before fine-tuning.
   *
   * The weights are the first there is of `model.safetensors`,
   * `model.safetensors.index.json` with its parts, `pytorch_model.bin` and
   * `pytorch_model.bin.index.json` with its parts. Parameters that they do not
   * have, such as a new head's, are drawn by the configuration's rule; `onLoad`
   * hears of them.
   *
   * @param source A folder, or a name on the hub.
   * @param options Replaced fields, revision and the like.
   * @throws {TypeError} If shapes differ, unless they are to be ignored.
   * @throws {RangeError} If the configuration asks for sizes far beyond those of
   * the weights; nothing is built then.
   * @throws {SyntaxError} If a file is malformed.
   * @throws {Deno.errors.NotFound} If a file is missing.
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
    for (let attempt = 1;; attempt++) {
      const before = await stampOf(source);
      const isLast = attempt === LOAD_ATTEMPTS;
      try {
        const model = await PreTrainedModel.#loadOnce(
          modelClass,
          source,
          options,
        );
        if (before === await stampOf(source)) return model;
        model.dispose();
      } catch (error) {
        if (isLast || before === await stampOf(source)) throw error;
      }
      if (isLast) {
        throw new Error(
          `Cannot load ${source}: it was saved to again each time it was read`,
        );
      }
    }
  }

  static async #loadOnce<M extends PreTrainedModel<PretrainedConfig>>(
    modelClass: PretrainedClass<M>,
    source: string,
    options: PretrainedOptions,
  ): Promise<M> {
    const { folder, files } = await resolveModel(source, options);
    const fields = await resolveConfig(folder, options);
    const config = new modelClass.configClass(fields);
    const generationConfig = files.includes(GENERATION_NAME)
      ? await GenerationConfig.fromPretrained(folder)
      : undefined;
    using weights = await openCheckpoint(folder);
    checkAgainstWeights(fields, config.toJSON(), weights);
    const model = buildModel(modelClass, config, folder);
    try {
      withoutInitialization(() => model.placeParameters());
      const report = await loadWeights(model, weights, {
        ...options,
        modelClass,
        path: weights.path,
      });
      if (options.onLoad) {
        options.onLoad(report);
      } else {
        // A buffer is not learned: its initial value is as good as any.
        const buffers = model.namedBuffers();
        const warning = loadWarning(modelClass.name, weights.path, {
          ...report,
          missing: report.missing.filter((name) => !buffers.has(name)),
        });
        // deno-lint-ignore no-console -- as transformers does, unless onLoad hears it
        if (warning !== undefined) console.warn(warning);
      }
    } catch (error) {
      model.dispose();
      throw error;
    }
    if (generationConfig) model.generationConfig = generationConfig;
    return model.eval();
  }

  /**
   * Writes `config.json`, `generation_config.json` where the model has such a
   * configuration, and the weights as `model.safetensors`, or in parts with
   * their index where they are large. transformers loads the folder unchanged.
   *
   * The files are replaced all together or, if the save fails or its process
   * is killed, not at all: they are complete in `.swagpu-partial` before the
   * first takes its place, and what a killed process had still to move is moved
   * by the next load or save. Weights, a generation configuration and tokenizer
   * files of an earlier save that would stand beside the new ones are removed;
   * other files stay.
   *
   * @param folder Made if it does not exist.
   * @param options Where to cut, and what to write too.
   * @throws {RangeError} If the size to cut at is none, or a weight is not
   * finite.
   * @throws {TypeError} If the folder is a file.
   *
   * @example A model and its posterior, replaced together
   * ```ts
   * import { initialize } from "@swagpu/swagpu/engine";
   * import {
   *   BertConfig,
   *   BertForSequenceClassification,
   * } from "@swagpu/swagpu/models";
   * import { SwagModel } from "@swagpu/swagpu/swag";
   * import { assertEquals } from "@std/assert";
   *
   * await initialize();
   * const model = new BertForSequenceClassification(
   *   new BertConfig({
   *     vocabSize: 16,
   *     hiddenSize: 8,
   *     intermediateSize: 8,
   *     numHiddenLayers: 1,
   *     numAttentionHeads: 2,
   *   }),
   * );
   * const swag = SwagModel.fromBase(model);
   * swag.collectModel();
   *
   * const folder = await Deno.makeTempDir();
   * await model.savePretrained(folder, {
   *   alongside: { "swag.safetensors": (path) => swag.save(path) },
   * });
   * const again = await BertForSequenceClassification.fromPretrained(folder);
   * const posterior = await SwagModel.load(`${folder}/swag.safetensors`, again);
   * assertEquals(posterior.nModels, 1);
   * await Deno.remove(folder, { recursive: true });
   * ```
   */
  async savePretrained(
    folder: string,
    options: SavePretrainedOptions = {},
  ): Promise<void> {
    checkOptions(options, { action: "save a model", known: SAVE_OPTIONS });
    const { maxShardSize = "5GB", tokenizer, alongside = {} } = options;
    const { allowNonFinite = false } = options;
    const maxBytes = parseSize(maxShardSize);
    for (const name of Object.keys(alongside)) checkFileName(name);
    const { keysToIgnoreOnSave } = this.constructor as typeof PreTrainedModel;
    const tensors = [...this.namedTensors()]
      .filter(([name]) => !keysToIgnoreOnSave.includes(name));
    this.config.architectures = [this.constructor.name];
    this.config.dtype = "float32";
    await using save = await FolderSave.begin(folder);
    const { staging } = save;
    await this.config.save(staging);
    await this.generationConfig?.save(staging);
    await tokenizer?.save(staging);
    for (const [name, write] of Object.entries(alongside)) {
      if (write === null) continue;
      const path = `${staging}/${name}`;
      await Deno.mkdir(folderOf(path), { recursive: true });
      await write(path);
    }
    const weights = await writeWeights(staging, tensors, {
      folder,
      maxBytes,
      allowNonFinite,
    });
    await save.commit({
      last: weights,
      remove: [
        GENERATION_NAME,
        ...tokenizer ? Object.values(TOKENIZER_FILES) : [],
        ...Object.keys(alongside),
        ...await staleWeights(folder, weights),
      ],
    });
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
    if (shape.length !== 2 || hasDType(inputIds, "f32")) {
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
        `Cannot encode ${length} tokens: the model knows ${maxLength} places; ` +
          "the option truncation of tokenizers and pipelines cuts longer texts",
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
  return new ConfigReader(replacedFields(reader, options.config), reader);
}

/** Builds a model without values; errors name the configuration's file. */
function buildModel<M>(
  modelClass: PretrainedClass<M>,
  config: PretrainedConfig,
  folder: string,
): M {
  try {
    return withoutInitialization(() => new modelClass(config));
  } catch (error) {
    throw withFile(error, `${folder}/config.json`);
  }
}

/** Finds a source's files, and all parts of its weights. */
async function resolveModel(
  source: string,
  options: PretrainedOptions,
): Promise<ResolvedFiles> {
  const { files = [], optionalFiles: _, ...rest } = options;
  const wanted = ["config.json", ...files];
  const found = await resolveFiles(source, { ...rest, files: wanted });
  const parts = await partsOf(found.folder);
  if (parts.every((part) => found.files.includes(part))) return found;
  return await resolveFiles(source, { ...rest, files: [...wanted, ...parts] });
}

interface LoadWeightsOptions extends PretrainedOptions {
  modelClass: Pick<
    PretrainedClass<unknown>,
    "basePrefix" | "keysToIgnoreOnSave"
  >;
  path: string;
}

/** Overwrites what a checkpoint has, and draws the rest. */
async function loadWeights(
  model: Module,
  weights: StateSource,
  { modelClass, path, ignoreMismatchedSizes = false }: LoadWeightsOptions,
): Promise<LoadReport> {
  const targets = model.namedTensors();
  const { state, original } = renamed(weights, model, modelClass.basePrefix);
  const { missing, mismatched, unexpected } = await model.loadStateDict(
    paced(state, [...targets.values()]),
    { strict: false },
  );
  const fault = mismatched.length > 0 && !ignoreMismatchedSizes
    ? mismatched.map(({ name, expected, found }) =>
      `${name} is ${found} there and ${expected} here`
    ).join("; ") + "; set ignoreMismatchedSizes to draw them anew"
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
 * A checkpoint under the names of a model: the encoder's prefix is added or
 * taken away where only one side has it, and the first releases' `gamma` and
 * `beta` are read as `weight` and `bias`. `original` turns names back.
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
    // A file that has both spellings means the new one.
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
 * A checkpoint that is read no faster than the GPU takes it: what was written
 * stays in host memory until then.
 */
function paced(state: StateSource, targets: readonly Tensor[]): StateSource {
  const [probe] = [...targets].sort((a, b) => a.size - b.size);
  let waiting = 0;
  return {
    ...state,
    async tensor(name) {
      const bytes = 4 * state.info(name).shape.reduce((n, size) => n * size, 1);
      if (waiting > 0 && waiting + bytes > STAGED_BYTES) {
        // Reading submits what was written, and waits for it.
        await readAll(probe ? [probe] : []);
        waiting = 0;
      }
      waiting += bytes;
      return await state.tensor(name);
    },
  };
}
