// Copyright 2026 the swagpu authors. MIT license.

import { hasDType } from "../engine/mod.ts";
import {
  checkSavedDtype,
  FolderSave,
  type SavedDtype,
  withFile,
} from "../nn/formats/mod.ts";
import { checkOptions, Module, withoutInitialization } from "../nn/mod.ts";
import type { KeyValueCache } from "./cache.ts";
import { type PretrainedConfig, readConfig } from "./config.ts";
import { openCheckpoint } from "./files/checkpoint.ts";
import type { ConfigReader } from "./files/config_reader.ts";
import {
  type Alongside,
  checkAlongside,
  writeAlongside,
} from "./files/alongside.ts";
import { loadWarning } from "./files/load_warning.ts";
import { loadWeights } from "./files/load_weights.ts";
import { parseSize, staleWeights, writeWeights } from "./files/save_weights.ts";
import { checkAgainstWeights, checkSize } from "./files/size_limits.ts";
import { stampOf } from "./files/stamp.ts";
import { GenerationConfig } from "./generation/mod.ts";
import { type BlockStack, isBlockStack } from "./gradient_checkpointing.ts";
import type { EncoderInputs } from "./io.ts";
import { type LoadedParts, loadWrapped } from "./load_wrapped.ts";
import {
  GENERATION_NAME,
  type PretrainedOptions,
  resolveConfig,
  resolveModel,
} from "./resolve.ts";
import { FILES as TOKENIZER_FILES } from "./tokenizer/file_names.ts";
import { wrapperOf } from "./wrapped.ts";

export type { SavedDtype } from "../nn/formats/mod.ts";
export type { LoadedParts } from "./load_wrapped.ts";
export type { PretrainedOptions } from "./resolve.ts";

/** How often a folder is read again that another process saves to meanwhile. */
const LOAD_ATTEMPTS = 5;

/** The class of a configuration, which is built from the fields of a file. */
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
  /** Parameters that are not saved; see {@linkcode PreTrainedModel}. */
  readonly keysToIgnoreOnSave: readonly string[];
}

/** A tokenizer that {@linkcode PreTrainedModel.savePretrained} can write. */
export interface SavableTokenizer {
  /** Writes the tokenizer's files to a folder. */
  save(folder: string): Promise<void>;
}

/** The names of {@linkcode SavePretrainedOptions}. */
const SAVE_OPTIONS = [
  "dtype",
  "maxShardSize",
  "tokenizer",
  "alongside",
  "allowNonFinite",
] satisfies (keyof SavePretrainedOptions)[];

/** Options of {@linkcode PreTrainedModel.savePretrained}. */
export interface SavePretrainedOptions {
  /**
   * The type of the numbers in the file, for models that are sent over a network. All
   * are 32-bit floats again when they are loaded. `"float16"` takes half the bytes,
   * and a weight is off by at most 1/2048 of itself, or 3e-8. `"int8"` takes a quarter:
   * each row of a matrix has a factor, and a weight is off by at most 1/254 of the
   * largest in its row; transformers does not read it. A posterior that belongs to
   * such weights is saved with the same `dtype`.
   *
   * @default "float32"
   */
  dtype?: SavedDtype;
  /**
   * The largest size of a weight file, in bytes or as a text such as `"500MB"`
   * or `"2GiB"`. Larger models are saved in parts.
   *
   * @default "5GB"
   */
  maxShardSize?: number | string;
  /**
   * A tokenizer whose files are written too. They take the place of the files
   * of any other tokenizer in the folder.
   *
   * @default {none}
   */
  tokenizer?: SavableTokenizer;
  /**
   * Files that belong to these weights, such as a posterior; see
   * {@linkcode Alongside}.
   *
   * @default {{}}
   */
  alongside?: Alongside;
  /**
   * Whether weights that are NaN or infinite are saved instead of refused.
   *
   * @default {false}
   */
  allowNonFinite?: boolean;
}

/**
 * A model with a configuration that can be loaded from, and saved to, Hugging
 * Face's files: `config.json`, `generation_config.json` and the weights.
 *
 * @example Saved and loaded again
 * ```ts
 * import { initialize } from "@swagpu/swagpu/engine";
 * import {
 *   BertConfig,
 *   BertModel,
 *   PreTrainedModel,
 * } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const config = new BertConfig({
 *   vocabSize: 50,
 *   hiddenSize: 12,
 *   numHiddenLayers: 1,
 * });
 * const model = new BertModel(config);
 * assertEquals(model instanceof PreTrainedModel, true);
 *
 * const folder = await Deno.makeTempDir();
 * await model.savePretrained(folder);
 * const again = await BertModel.fromPretrained(folder);
 * assertEquals(again.config.vocabSize, 50);
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export class PreTrainedModel<C extends PretrainedConfig> extends Module {
  /**
   * Parameters that are computed and not learned, such as sinusoids. They are
   * not saved, and a file without them is complete, because their initial
   * values are right.
   */
  static readonly keysToIgnoreOnSave: readonly string[] = [];

  /** The configuration. */
  readonly config: C;
  /** How the model generates by default, if its folder holds such a file. */
  generationConfig?: GenerationConfig;

  /**
   * Checks the sizes; subclasses build their parts afterwards.
   *
   * @param config The model's sizes and settings.
   * @throws {RangeError} If the configuration asks for more than 10,000 blocks,
   * or for parameters of more than 32 GiB.
   */
  constructor(config: C) {
    super();
    checkSize(config.toJSON());
    this.config = config;
  }

  /**
   * Whether `forward` takes a `packing`, with which it leaves padding out; see
   * {@linkcode batchInputs}.
   */
  get usesPacking(): boolean {
    return false;
  }

  /**
   * Whether `forward` takes `predictions`, which name the only positions to
   * score: true of models that fill masked tokens.
   */
  get usesPredictions(): boolean {
    return false;
  }

  /**
   * Whether blocks are checkpointed in training mode; see
   * {@linkcode gradientCheckpointingEnable}.
   */
  get isGradientCheckpointing(): boolean {
    return this.#stacks.some((stack) => stack.gradientCheckpointing);
  }

  /**
   * Checkpoints the blocks of the model in training mode, as in transformers:
   * of each block the input alone is kept, and the block runs again on the way
   * back. This takes less memory, and a step takes up to a third longer.
   * Gradients are the same bits.
   *
   * In evaluation mode nothing changes. Training uses no cache of keys and
   * values; with one, which is for generation, blocks run once.
   *
   * @throws {TypeError} If the model has no blocks that run by `runBlock`.
   *
   * @example Usage
   * ```ts
   * import { backward, initialize, tensor } from "@swagpu/swagpu/engine";
   * import {
   *   BertConfig,
   *   BertForSequenceClassification,
   * } from "@swagpu/swagpu/models";
   * import { assert } from "@std/assert";
   *
   * await initialize();
   * const model = new BertForSequenceClassification(
   *   new BertConfig({
   *     vocabSize: 50,
   *     hiddenSize: 16,
   *     numHiddenLayers: 2,
   *     numAttentionHeads: 2,
   *     intermediateSize: 32,
   *   }),
   * );
   * model.gradientCheckpointingEnable();
   * assert(model.isGradientCheckpointing);
   * const inputIds = tensor([[2, 7, 9, 3]], { dtype: "i32" });
   * const labels = tensor([1], { dtype: "i32" });
   * backward(model.forward({ inputIds, labels }).loss);
   * ```
   */
  gradientCheckpointingEnable(): void {
    const stacks = this.#stacks;
    if (stacks.length === 0) {
      throw new TypeError(
        `Cannot checkpoint the blocks of ${this.constructor.name}: none of its ` +
          "modules runs them by runBlock()",
      );
    }
    for (const stack of stacks) stack.gradientCheckpointing = true;
  }

  /** Ends what {@linkcode gradientCheckpointingEnable} began. */
  gradientCheckpointingDisable(): void {
    for (const stack of this.#stacks) stack.gradientCheckpointing = false;
  }

  /** The modules in it whose blocks can be checkpointed. */
  get #stacks(): BlockStack[] {
    return [...this.namedModules().values()].filter(isBlockStack);
  }

  /**
   * Loads a folder or hub model. The model is in evaluation mode, as in
   * transformers; call `train()` before fine-tuning.
   *
   * The weights come from the first of these files that exists:
   * `model.safetensors`, `model.safetensors.index.json` with its parts,
   * `pytorch_model.bin`, and `pytorch_model.bin.index.json` with its parts.
   * Parameters that they do not have, such as those of a new head, get random
   * values by the configuration's rule; `onLoad` is told their names.
   *
   * @param source A folder, or a name on the hub.
   * @param options Fields to replace, the hub's revision and the like.
   * @returns The model.
   * @throws {TypeError} If shapes differ, unless `ignoreMismatchedSizes` is
   * set.
   * @throws {RangeError} If the configuration asks for sizes far beyond those
   * of the weights. Nothing is built in this case.
   * @throws {SyntaxError} If a file is malformed.
   * @throws {NotFound} If a file is missing.
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
    const { model, posterior } = await PreTrainedModel.loadParts(
      modelClass,
      source,
      options,
    );
    posterior?.[Symbol.dispose]();
    return model;
  }

  /**
   * Loads a model of the given class, and the posterior over its weights if the
   * folder was written around one; see {@linkcode registerWrapper}.
   */
  static async loadParts<M extends PreTrainedModel<PretrainedConfig>>(
    modelClass: PretrainedClass<M>,
    source: string,
    options: PretrainedOptions = {},
  ): Promise<LoadedParts<M>> {
    for (let attempt = 1;; attempt++) {
      const before = await stampOf(source);
      const isLast = attempt === LOAD_ATTEMPTS;
      try {
        const loaded = await PreTrainedModel.#loadOnce(
          modelClass,
          source,
          options,
        );
        if (before === await stampOf(source)) return loaded;
        loaded.posterior?.[Symbol.dispose]();
        loaded.model.dispose();
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
  ): Promise<LoadedParts<M>> {
    const { folder, files } = await resolveModel(source, options);
    const wrapper = wrapperOf(await readConfig(folder));
    if (wrapper) {
      const own = new modelClass.configClass(
        await resolveConfig(source, options),
      );
      return await loadWrapped(source, wrapper, {
        ...{ modelClass, config: own, options },
        build: () => buildModel(modelClass, own, folder),
      });
    }
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
        // A buffer is not learned, so its initial value is right.
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
    return { model: model.eval(), posterior: undefined };
  }

  /**
   * Writes `config.json`, `generation_config.json` if the model has such a
   * configuration, and the weights as `model.safetensors`, or in parts with an
   * index if they are large. transformers loads the folder unchanged.
   *
   * The files are replaced all together or, if the save fails or its process
   * is killed, not at all. All of them are complete in `.swagpu-partial` before
   * the first takes its place, and the next load or save moves the files that a
   * killed process has not moved. Weights, a generation configuration and
   * tokenizer files of an earlier save that would contradict the new ones are
   * removed; other files stay.
   *
   * @param folder The folder to write to. It is made if it does not exist.
   * @param options The size of parts, and further files to write.
   * @throws {RangeError} If `maxShardSize` is not a size, or a weight is not
   * finite or too large for `dtype`.
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
    const { allowNonFinite = false, dtype = "float32" } = options;
    checkSavedDtype(dtype);
    const maxBytes = parseSize(maxShardSize);
    checkAlongside(alongside);
    const { keysToIgnoreOnSave } = this.constructor as typeof PreTrainedModel;
    const tensors = [...this.namedTensors()]
      .filter(([name]) => !keysToIgnoreOnSave.includes(name));
    this.config.architectures = [this.constructor.name];
    await using save = await FolderSave.begin(folder);
    const { staging } = save;
    this.config.dtype = dtype === "float16" ? dtype : "float32";
    const written = this.config.save(staging);
    // The model's own numbers, and those of a save at the same time, are others.
    this.config.dtype = "float32";
    await written;
    await this.generationConfig?.save(staging);
    await tokenizer?.save(staging);
    await writeAlongside(staging, alongside);
    const weights = await writeWeights(staging, tensors, {
      folder,
      maxBytes,
      allowNonFinite,
      dtype,
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
   * Throws unless all inputs have the shape `[batch, length]`, and the tokens,
   * with those before them in a cache, fit into the model's positions.
   *
   * @param inputs The inputs of `forward`.
   * @param maxLength Positions that the model supports.
   * @throws {TypeError} If a shape or element type is wrong.
   * @throws {RangeError} If there are too many tokens.
   */
  protected checkInputs(
    inputs: EncoderInputs & { cache?: KeyValueCache | undefined },
    maxLength: number,
  ): void {
    const { inputIds, attentionMask, tokenTypeIds, positionIds, cache } =
      inputs;
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
        `Cannot encode ${length} tokens: the model supports ${maxLength} ` +
          "positions; the option truncation of tokenizers and pipelines cuts " +
          "longer texts",
      );
    }
    if (cache && cache.length + length > maxLength) {
      throw new RangeError(
        `Cannot encode ${length} tokens after ${cache.length} others: ` +
          `the model supports ${maxLength} positions`,
      );
    }
  }
}

/**
 * Builds a model without initial values. Errors name the configuration's file.
 */
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
