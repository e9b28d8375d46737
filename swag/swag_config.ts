// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.
// Longer than most files: each field of the library's is a property.

/**
 * The configuration of a posterior over a model that has one of its own, as the
 * Python library swag_transformers keeps it in `config.json`.
 *
 * @module
 */

import { readText, withFile, writeTextAtomically } from "../nn/formats/mod.ts";
import { checkOptions } from "../nn/mod.ts";
import type { DeviationFormat } from "./deviation_format.ts";
import { isPattern } from "./selection.ts";
import {
  type Normalization,
  resolveSettings,
  SWAG_OPTIONS,
  type SwagOptions,
  type SwagSettings,
} from "./settings.ts";

const CONFIG_NAME = "config.json";

/** What the library puts before the `model_type` of the model. */
const PREFIX = "swag_";

/** The configuration of a model: the fields of its `config.json`. */
export type ConfigFields = Readonly<Record<string, unknown>>;

/** A configuration that gives its fields, as those of models do. */
export interface ModelConfig {
  /** The fields, under their names in the file. */
  toJSON(): ConfigFields;
}

/** Options of {@linkcode SwagConfig}, besides those of the posterior. */
export interface SwagConfigOptions extends SwagOptions {
  /** The configuration of the model, or its fields. They are copied. */
  internalModelConfig: ModelConfig | ConfigFields;
  /** The number of deviations that the posterior holds. @default {0} */
  covMatRank?: number;
}

/** Options of {@linkcode SwagConfig.fromConfig}. */
export type FromConfigOptions = Omit<SwagConfigOptions, "internalModelConfig">;

const CONFIG_OPTIONS = [
  ...SWAG_OPTIONS,
  "internalModelConfig",
  "covMatRank",
] satisfies (keyof SwagConfigOptions)[];

/** Fields of the model's configuration that the library repeats. */
const REPEATED = [
  "is_encoder_decoder",
  "pad_token_id",
  "bos_token_id",
  "eos_token_id",
  "decoder_start_token_id",
  "max_length",
];

/** Names of sizes in architectures that have no field of the usual name. */
const OTHER_NAMES: Readonly<Record<string, readonly string[]>> = {
  hidden_size: ["d_model"],
  num_attention_heads: ["encoder_attention_heads"],
  num_hidden_layers: ["encoder_layers"],
};

/** The number of classes of a configuration that says nothing of them. */
const DEFAULT_LABELS = 2;

/**
 * The options of a posterior together with the configuration of its model: what
 * swag_transformers calls `SwagBertConfig`, `SwagBartConfig` and so on, for every
 * architecture. The names of fields in files are the library's.
 *
 * Token ids and the like are those of the model's configuration, wherever they are
 * read: the library copies them from a default configuration of the architecture.
 *
 * @example For a model with other tokens than usual
 * ```ts
 * import { BartConfig } from "@swagpu/swagpu/models";
 * import { SwagConfig } from "@swagpu/swagpu/swag";
 * import { assertEquals } from "@std/assert";
 *
 * const config = SwagConfig.fromConfig(
 *   new BartConfig({ vocabSize: 30, dModel: 32, padTokenId: 7 }),
 *   { noCovMat: false, maxNumModels: 5 },
 * );
 * assertEquals([config.modelType, config.padTokenId], ["swag_bart", 7]);
 * assertEquals([config.vocabSize, config.hiddenSize], [30, 32]);
 * assertEquals(config.toJSON().max_num_models, 5);
 * ```
 */
export class SwagConfig implements ModelConfig {
  /** The options of the posterior, with defaults filled in. */
  readonly settings: SwagSettings;
  /** The number of deviations that the posterior holds. */
  covMatRank: number;
  #internal: ConfigFields;

  /**
   * Checks the options and copies the model's configuration.
   *
   * @param options The model's configuration, and what to keep of the weights.
   * @throws {RangeError} If an option is out of range.
   * @throws {TypeError} If an option is unknown, or the model's configuration has
   * no `model_type`.
   */
  constructor(options: SwagConfigOptions) {
    checkOptions(options, {
      action: "configure a posterior",
      known: CONFIG_OPTIONS,
    });
    const { internalModelConfig, covMatRank = 0, ...own } = options;
    if (!Number.isSafeInteger(covMatRank) || covMatRank < 0) {
      throw new RangeError(
        `Cannot configure a posterior with covMatRank ${covMatRank}: it must ` +
          "be a whole number of at least 0",
      );
    }
    this.settings = resolveSettings(own);
    this.covMatRank = covMatRank;
    this.#internal = copyOf(internalModelConfig);
  }

  /**
   * Makes the configuration of a posterior over a model.
   *
   * @param baseConfig The configuration of the model, or its fields.
   * @param options What to keep of the weights.
   * @returns The configuration, with a copy of the model's.
   * @throws {RangeError} If an option is out of range.
   * @throws {TypeError} If an option is unknown, or the model's configuration has
   * no `model_type`.
   */
  static fromConfig(
    baseConfig: ModelConfig | ConfigFields,
    options: FromConfigOptions = {},
  ): SwagConfig {
    return new SwagConfig({ ...options, internalModelConfig: baseConfig });
  }

  /**
   * Reads the fields of a file that {@linkcode toJSON} or the library wrote. The
   * library always normalizes by the capacity, so this is the default here.
   *
   * @param fields The fields, under their names in the file.
   * @param source The name of the file, for messages.
   * @returns The configuration.
   * @throws {SyntaxError} If the fields are not those of a posterior.
   * @throws {RangeError} If a value is out of range.
   */
  static fromFields(
    fields: ConfigFields,
    source: string = CONFIG_NAME,
  ): SwagConfig {
    const { internal_model_config: internal } = fields;
    if (typeof internal !== "object" || internal === null) {
      throw new SyntaxError(
        `Cannot load ${source}: it has no internal_model_config, which every ` +
          "posterior of swag_transformers has",
      );
    }
    try {
      return new SwagConfig({
        internalModelConfig: internal as ConfigFields,
        ...settingsOf(fields, source),
      });
    } catch (error) {
      throw withFile(error, source);
    }
  }

  /**
   * Reads the `config.json` of a folder that {@linkcode SwagModel.savePretrained}
   * or the library wrote.
   *
   * @param folder The folder.
   * @returns The configuration.
   * @throws {SyntaxError} If the file is malformed, or not that of a posterior.
   * @throws {Deno.errors.NotFound} If there is no such file.
   */
  static async fromPretrained(folder: string): Promise<SwagConfig> {
    const path = `${folder}/${CONFIG_NAME}`;
    const text = await readText(path);
    let fields: unknown;
    try {
      fields = JSON.parse(text);
    } catch (error) {
      throw withFile(error, path);
    }
    return SwagConfig.fromFields(Object(fields), path);
  }

  /** The model's type with `swag_` before it, such as `swag_bert`. */
  get modelType(): string {
    return `${PREFIX}${this.#internal["model_type"]}`;
  }

  /** The fields of the model's configuration. */
  get internalModelConfig(): ConfigFields {
    return this.#internal;
  }

  /** Whether only variances are kept, without deviations. */
  get noCovMat(): boolean {
    return this.settings.noCovMat;
  }

  /** How many deviations are kept at most. */
  get maxNumModels(): number {
    return this.settings.maxNumModels;
  }

  /** The least variance with which a weight is sampled. */
  get varClamp(): number {
    return this.settings.varClamp;
  }

  /** Prefixes of the names of random parameters; `undefined` for all. */
  get modulePrefixList(): readonly string[] | undefined {
    return this.settings.modulePrefixList;
  }

  /** Whether the model has an encoder and a decoder. */
  get isEncoderDecoder(): boolean {
    return this.#internal["is_encoder_decoder"] === true;
  }

  /** The id of the padding token. */
  get padTokenId(): number | null {
    return this.#number("pad_token_id") ?? null;
  }

  /** The id of the token that begins a text. */
  get bosTokenId(): number | null {
    return this.#number("bos_token_id") ?? null;
  }

  /** The id of the token that ends a text, or several such ids. */
  get eosTokenId(): number | readonly number[] | null {
    const ids = this.#internal["eos_token_id"];
    return Array.isArray(ids) ? ids : this.#number("eos_token_id") ?? null;
  }

  /** The id of the token that a decoder begins with. */
  get decoderStartTokenId(): number | null {
    return this.#number("decoder_start_token_id") ?? null;
  }

  /** The most tokens that are generated, where the configuration says so. */
  get maxLength(): number | null {
    return this.#number("max_length") ?? null;
  }

  /** The number of tokens in the vocabulary. */
  get vocabSize(): number | undefined {
    return this.#number("vocab_size");
  }

  /** The size of hidden states. */
  get hiddenSize(): number | undefined {
    return this.#number("hidden_size");
  }

  /** The number of attention heads; those of the encoder if there are two. */
  get numAttentionHeads(): number | undefined {
    return this.#number("num_attention_heads");
  }

  /** The number of blocks; those of the encoder if there are two stacks. */
  get numHiddenLayers(): number | undefined {
    return this.#number("num_hidden_layers");
  }

  /** The number of classes. */
  get numLabels(): number {
    const count = this.#number("num_labels");
    if (count !== undefined) return count;
    const { id2label, label2id } = this.#internal;
    const names = id2label ?? label2id;
    return names ? Object.keys(names).length : DEFAULT_LABELS;
  }

  /** How the loss of a classification head understands its labels. */
  get problemType(): string | null {
    const type = this.#internal["problem_type"];
    return typeof type === "string" ? type : null;
  }

  /**
   * Any other field of the model's configuration.
   *
   * @param name The name in the file, such as `layer_norm_eps`.
   * @returns Its value.
   * @throws {RangeError} If there is no such field.
   */
  field(name: string): unknown {
    if (Object.hasOwn(this.#internal, name)) return this.#internal[name];
    throw new RangeError(
      `Cannot read "${name}" of the configuration of ${this.modelType}: its ` +
        "internalModelConfig has no such field",
    );
  }

  /**
   * Replaces the model's configuration, all of it, for example after its labels
   * have been named.
   *
   * @param baseConfig The configuration of the model, or its fields.
   * @throws {TypeError} If it has no `model_type`, or another one.
   */
  updateInternalConfig(baseConfig: ModelConfig | ConfigFields): void {
    const fields = copyOf(baseConfig);
    const { model_type: own } = this.#internal;
    if (fields["model_type"] !== own) {
      throw new TypeError(
        `Cannot update the configuration of a posterior over "${own}" with ` +
          `that of "${fields["model_type"]}": it must be of the same type`,
      );
    }
    this.#internal = fields;
  }

  /** The fields of the file, under the library's names. */
  toJSON(): Record<string, unknown> {
    const { settings } = this;
    const internal = this.#internal;
    return {
      ...Object.fromEntries(
        REPEATED.filter((name) => internal[name] !== undefined)
          .map((name) => [name, internal[name]]),
      ),
      cov_mat_rank: settings.noCovMat ? 0 : this.covMatRank,
      internal_model_config: internal,
      max_num_models: settings.maxNumModels,
      model_type: this.modelType,
      module_prefix_list: settings.modulePrefixList ?? null,
      no_cov_mat: settings.noCovMat,
      // The library knows one normalization, and ignores this field.
      ...settings.normalize === "capacity"
        ? {}
        : { normalize: settings.normalize },
      // Nor does it know other deviations than 32-bit floats.
      ...settings.deviations === "f32"
        ? {}
        : { deviations: settings.deviations },
      var_clamp: settings.varClamp,
    };
  }

  /**
   * Writes `config.json` to a folder.
   *
   * @throws {TypeError} If `modulePrefixList` has an entry with `*`, or `"last-layer"`:
   * the library takes all entries as beginnings of names.
   * {@linkcode SwagModel.savePretrained} writes names instead.
   */
  async save(folder: string): Promise<void> {
    const pattern = this.modulePrefixList?.find(isPattern);
    if (pattern !== undefined) {
      throw new TypeError(
        `Cannot save ${folder}/${CONFIG_NAME} with "${pattern}" in ` +
          "module_prefix_list: the library takes entries as beginnings of names, " +
          "SwagModel.savePretrained() writes names",
      );
    }
    await writeTextAtomically(
      `${folder}/${CONFIG_NAME}`,
      `${JSON.stringify(this.toJSON(), undefined, 2)}\n`,
    );
  }

  #number(name: string): number | undefined {
    const found = [name, ...OTHER_NAMES[name] ?? []]
      .map((own) => this.#internal[own])
      .find((value) => typeof value === "number");
    return found as number | undefined;
  }
}

/** The options of a posterior, from the fields of a file. */
function settingsOf(fields: ConfigFields, source: string): FromConfigOptions {
  const read = <T>(
    name: string,
    fallback: T,
    isKind: (value: unknown) => value is T,
  ): T => {
    const value = fields[name] ?? fallback;
    if (isKind(value)) return value;
    throw new SyntaxError(
      `Cannot load ${source}: ${name} is ${JSON.stringify(value)}, expected ` +
        `a value like ${JSON.stringify(fallback)}`,
    );
  };
  const prefixes = read<string[]>("module_prefix_list", [], isTexts);
  return {
    noCovMat: read<boolean>("no_cov_mat", true, isBoolean),
    covMatRank: read<number>("cov_mat_rank", 0, isNumber),
    maxNumModels: read<number>("max_num_models", 20, isNumber),
    varClamp: read<number>("var_clamp", 1e-30, isNumber),
    // The check of all options refuses other texts.
    normalize: read<string>("normalize", "capacity", isText) as Normalization,
    deviations: read<string>("deviations", "f32", isText) as DeviationFormat,
    ...prefixes.length > 0 ? { modulePrefixList: prefixes } : {},
  };
}

const isBoolean = (value: unknown) => typeof value === "boolean";
const isNumber = (value: unknown) => typeof value === "number";
const isText = (value: unknown) => typeof value === "string";
const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every(isText);

/**
 * Copies the fields of a model's configuration.
 *
 * @throws {TypeError} If they have no `model_type`.
 */
function copyOf(config: ModelConfig | ConfigFields): ConfigFields {
  const given = Object(config) as Partial<ModelConfig>;
  const fields = typeof given.toJSON === "function" ? given.toJSON() : config;
  const { model_type: type } = Object(fields) as ConfigFields;
  if (typeof type !== "string") {
    throw new TypeError(
      `Cannot configure a posterior over a model of type ${
        JSON.stringify(type)
      }: its configuration must name one in model_type`,
    );
  }
  return structuredClone(fields) as ConfigFields;
}
