// Copyright 2026 the swagpu authors. MIT license.

/**
 * The base class of configurations. It reads `config.json`, and writes it back
 * as Hugging Face's transformers does. Properties are in camel case here and in
 * snake case in files. Fields that no class reads are kept.
 *
 * Longer than most files: each common field is an option, a property and a line
 * of the constructor.
 *
 * @module
 */

import { writeTextAtomically } from "../nn/formats/mod.ts";
import { formatJson, readJson } from "./files/json.ts";
import {
  invert,
  labelsOf,
  MAX_LABELS,
  readLabelIds,
  readLabels,
} from "./class_names.ts";
import { ConfigReader, toSnakeCase } from "./files/config_reader.ts";

export { ConfigReader };
export type { NumberRange, StringChoice } from "./files/config_reader.ts";

const CONFIG_NAME = "config.json";

/** How the loss of a classification head understands its labels. */
export type ProblemType =
  | "regression"
  | "single_label_classification"
  | "multi_label_classification";

const PROBLEM_TYPES: readonly ProblemType[] = [
  "regression",
  "single_label_classification",
  "multi_label_classification",
];

/** The fields that every architecture has, as options. */
export interface PretrainedConfigOptions {
  /**
   * The number of classes, which are named `LABEL_0`, `LABEL_1`…; at most
   * 1,048,576. Ignored if `id2label` is given; the console warns if that has
   * another number of classes.
   *
   * @default 2
   */
  numLabels?: number;
  /** The names of the classes by their ids. */
  id2label?: Readonly<Record<number, string>>;
  /**
   * The ids of the classes by their names.
   *
   * @default the inverse of `id2label`
   */
  label2id?: Readonly<Record<string, number>>;
  /**
   * How the loss of a classification head understands its labels.
   *
   * @default decided by the number of classes and the type of the labels
   */
  problemType?: ProblemType | null;
  /** The id of the padding token. */
  padTokenId?: number | null;
  /** The id of the token that begins a text. */
  bosTokenId?: number | null;
  /** The id of the token that ends a text, or several such ids. */
  eosTokenId?: number | readonly number[] | null;
  /** The id of the token between two texts. */
  sepTokenId?: number | null;
  /** The id of the token that a decoder begins with. */
  decoderStartTokenId?: number | null;
  /**
   * Whether the head uses the weight of the word embeddings.
   *
   * @default true
   */
  tieWordEmbeddings?: boolean;
  /**
   * Whether each token sees only itself and the tokens before it.
   *
   * @default false
   */
  isDecoder?: boolean;
  /**
   * Whether the model has an encoder and a decoder.
   *
   * @default false
   */
  isEncoderDecoder?: boolean;
  /**
   * Whether a decoder attends to an encoder's output.
   *
   * @default false
   */
  addCrossAttention?: boolean;
  /**
   * Whether `forward` gives the hidden states.
   *
   * @default false
   */
  outputHiddenStates?: boolean;
  /**
   * Whether `forward` gives attention's probabilities, unless texts are packed.
   *
   * @default false
   */
  outputAttentions?: boolean;
  /**
   * The standard deviation of new weights.
   *
   * @default 0.02
   */
  initializerRange?: number;
}

/**
 * The base class of every architecture's configuration. A subclass reads its
 * own fields in the constructor and holds them as properties. `toJSON` writes
 * all of these, and the common fields that were given or differ from the
 * defaults of transformers.
 *
 * @example A configuration with one field
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { ConfigReader, PretrainedConfig } from "@swagpu/swagpu/models";
 *
 * class TinyConfig extends PretrainedConfig {
 *   readonly hiddenSize: number;
 *
 *   constructor(options: { hiddenSize?: number } | ConfigReader = {}) {
 *     const reader = ConfigReader.from(options);
 *     super(reader, { modelType: "tiny", padTokenId: 0 });
 *     this.hiddenSize = reader.integer("hidden_size", 768, { min: 1 });
 *   }
 * }
 *
 * assertEquals(new TinyConfig({ hiddenSize: 32 }).toJSON(), {
 *   hidden_size: 32,
 *   model_type: "tiny",
 *   pad_token_id: 0,
 * });
 * ```
 */
export class PretrainedConfig {
  /** The architecture, as `model_type` names it. */
  readonly modelType: string;
  /** The names of the model classes that the weights were saved from. */
  architectures: readonly string[] | null;
  /** The element type of the saved weights. */
  dtype: string | null;
  /** The names of the classes by their ids. */
  id2label: Readonly<Record<number, string>>;
  /** The ids of the classes by their names. */
  label2id: Readonly<Record<string, number>>;
  /** How the loss of a classification head understands its labels. */
  problemType: ProblemType | null;
  /** The id of the padding token. */
  padTokenId: number | null;
  /** The id of the token that begins a text. */
  bosTokenId: number | null;
  /** The id of the token that ends a text, or several such ids. */
  eosTokenId: number | readonly number[] | null;
  /** The id of the token between two texts. */
  sepTokenId: number | null;
  /** The id of the token that a decoder begins with. */
  decoderStartTokenId: number | null;
  /** Whether the head uses the weight of the word embeddings. */
  tieWordEmbeddings: boolean;
  /** Whether each token sees only itself and the tokens before it. */
  isDecoder: boolean;
  /** Whether the model has an encoder and a decoder. */
  isEncoderDecoder: boolean;
  /** Whether a decoder attends to an encoder's output. */
  addCrossAttention: boolean;
  /** Whether `forward` gives the hidden states. */
  outputHiddenStates: boolean;
  /** The standard deviation of new weights. */
  initializerRange: number;
  /** Whether `forward` gives attention's probabilities. */
  outputAttentions: boolean;
  #reader: ConfigReader;
  #defaults: Readonly<Record<string, unknown>>;
  /**
   * The common properties as JSON texts, as they were when they had been read.
   */
  #read: ReadonlyMap<string, string>;

  /**
   * Reads the common fields.
   *
   * @param options The fields that differ from the defaults, or those of a
   * file.
   * @param defaults The defaults of the architecture.
   * @throws {TypeError} If a field is of the wrong kind.
   * @throws {RangeError} If a number is out of range.
   */
  constructor(
    options: PretrainedConfigOptions | ConfigReader,
    defaults: PretrainedConfigOptions & { modelType: string },
  ) {
    const reader = ConfigReader.from(options);
    this.#reader = reader;
    this.#defaults = fieldsOf(defaults);
    this.modelType = reader.string("model_type", defaults.modelType);
    this.architectures = reader.strings("architectures", null);
    this.dtype = reader.string("dtype", null) ??
      reader.string("torch_dtype", null);
    this.id2label = readLabels(reader, defaults.numLabels ?? 2);
    this.label2id = readLabelIds(reader) ?? invert(this.id2label);
    this.problemType = reader.string("problem_type", null, {
      oneOf: PROBLEM_TYPES,
    }) as ProblemType | null;
    // A null in the file means no such token, whatever the default is.
    const isNull = (name: string) => reader.fields[name] === null;
    const token = (name: string, fallback: number | null = null) => {
      // A list is for generation, which may use all of it.
      if (!Array.isArray(reader.fields[name])) {
        return reader.integer(name, isNull(name) ? null : fallback);
      }
      return reader.integers(name)[0] ?? null;
    };
    this.padTokenId = token("pad_token_id", defaults.padTokenId);
    this.bosTokenId = token("bos_token_id", defaults.bosTokenId);
    this.eosTokenId = Array.isArray(reader.fields.eos_token_id)
      ? reader.integers("eos_token_id")
      : reader.has("eos_token_id") || isNull("eos_token_id")
      ? reader.integer("eos_token_id", null)
      : defaults.eosTokenId ?? null;
    this.sepTokenId = token("sep_token_id", defaults.sepTokenId);
    this.decoderStartTokenId = token(
      "decoder_start_token_id",
      defaults.decoderStartTokenId,
    );
    const flag = (name: string, fallback = false) =>
      reader.boolean(name, fallback);
    this.tieWordEmbeddings = flag(
      "tie_word_embeddings",
      defaults.tieWordEmbeddings ?? true,
    );
    this.isDecoder = flag("is_decoder", defaults.isDecoder);
    this.isEncoderDecoder = flag(
      "is_encoder_decoder",
      defaults.isEncoderDecoder,
    );
    this.addCrossAttention = flag(
      "add_cross_attention",
      defaults.addCrossAttention,
    );
    this.outputHiddenStates = flag(
      "output_hidden_states",
      defaults.outputHiddenStates,
    );
    this.initializerRange = reader.number(
      "initializer_range",
      defaults.initializerRange ?? COMMON.initializer_range,
      { min: 0 },
    );
    this.outputAttentions = flag(
      "output_attentions",
      defaults.outputAttentions,
    );
    refusePruned(reader);
    this.#read = new Map(
      Object.entries(this)
        .filter(([property]) => reader.has(toSnakeCase(property)))
        .map(([property, value]) => [property, JSON.stringify(value)]),
    );
  }

  /** The number of classes. */
  get numLabels(): number {
    return Object.keys(this.id2label).length;
  }

  /** Renames the classes `LABEL_0`, `LABEL_1`… if their number changes. */
  set numLabels(count: number) {
    if (!Number.isSafeInteger(count) || count < 0 || count > MAX_LABELS) {
      throw new RangeError(
        `Cannot name ${count} classes: the number must be whole and at most ` +
          `${MAX_LABELS}`,
      );
    }
    if (count === this.numLabels) return;
    this.setLabels(Array.from({ length: count }, (_, id) => `LABEL_${id}`));
  }

  /**
   * Names the classes. Their ids are their indices in the list.
   *
   * @param names The names, all different.
   * @throws {TypeError} If a name is given twice.
   */
  setLabels(names: readonly string[]): void {
    if (new Set(names).size !== names.length) {
      const twice = names.find((name, i) => names.indexOf(name) < i);
      throw new TypeError(
        `Cannot name ${names.length} classes: "${twice}" is given twice`,
      );
    }
    this.id2label = { ...names };
    this.label2id = invert(this.id2label);
  }

  /** Tokens of the longest text; `Infinity` if no field limits it. */
  get maxTokens(): number {
    const { max_position_embeddings: limit } = this.toJSON();
    return typeof limit === "number" ? limit : Infinity;
  }

  /**
   * Warns on the console if a tokenizer has more tokens than the model. This is
   * no error, as in transformers: BART's summarizers have no embedding for the
   * mask token, which their texts never contain. A text that contains such a
   * token is refused.
   *
   * @param tokenizer The tokenizer of the model.
   */
  checkVocabulary(tokenizer: { readonly vocabSize: number }): void {
    const { vocab_size: size } = this.toJSON();
    if (typeof size !== "number" || tokenizer.vocabSize <= size) return;
    // deno-lint-ignore no-console -- a warning, because most texts work
    console.warn(
      `${this.#reader.source}: the tokenizer has ${tokenizer.vocabSize} ` +
        `tokens and the model knows ${size}; texts with one of the others ` +
        "are refused",
    );
  }

  /** The fields, under their names in the file. */
  toJSON(): Record<string, unknown> {
    const given = this.#reader.fields;
    const fields: Record<string, unknown> = { ...given };
    // As in transformers: the number is read, but never written beside the
    // names.
    delete fields.num_labels;
    for (const [property, value] of Object.entries(this)) {
      if (value === undefined || typeof value === "function") continue;
      const name = property === "dtype" && "torch_dtype" in given
        ? "torch_dtype"
        : toSnakeCase(property);
      const text = JSON.stringify(value);
      // A value that has not changed keeps the file's spelling.
      if (name in given && this.#read.get(property) === text) continue;
      const isDefault = [COMMON, { ...COMMON, ...this.#defaults }].every(
        (fields) =>
          JSON.stringify(fields[property === "dtype" ? property : name]) ===
            text,
      );
      if (!isDefault || name in given) fields[name] = value;
    }
    return Object.fromEntries(
      Object.entries(fields).sort(([a], [b]) => a < b ? -1 : 1),
    );
  }

  /** The text of `config.json`, as transformers writes it. */
  toString(): string {
    return formatJson(this.toJSON(), this.#reader.floats);
  }

  /** Writes `config.json` to a folder. */
  async save(folder: string): Promise<void> {
    await writeTextAtomically(`${folder}/${CONFIG_NAME}`, this.toString());
  }
}

/**
 * Refuses models whose attention heads were pruned, because their shapes
 * differ.
 */
function refusePruned(reader: ConfigReader): void {
  const pruned = reader.object("pruned_heads", null) ?? {};
  if (Object.values(pruned).every((heads) => isEmpty(heads))) return;
  throw reader.error("pruned_heads", "none: it is not supported");
}

function isEmpty(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}

/** An architecture's defaults, under their names in the file. */
function fieldsOf(
  defaults: PretrainedConfigOptions,
): Readonly<Record<string, unknown>> {
  const { fields } = ConfigReader.from(defaults);
  const { numLabels = 2 } = defaults;
  const id2label = labelsOf(numLabels);
  return { ...fields, id2label, label2id: invert(id2label) };
}

/** The defaults of transformers, which files leave out. */
const COMMON: Record<string, unknown> & { initializer_range: number } = {
  architectures: null,
  dtype: null,
  id2label: { 0: "LABEL_0", 1: "LABEL_1" },
  label2id: { LABEL_0: 0, LABEL_1: 1 },
  problem_type: null,
  pad_token_id: null,
  bos_token_id: null,
  eos_token_id: null,
  sep_token_id: null,
  decoder_start_token_id: null,
  tie_word_embeddings: true,
  is_decoder: false,
  is_encoder_decoder: false,
  add_cross_attention: false,
  output_hidden_states: false,
  output_attentions: false,
  initializer_range: 0.02,
};

/**
 * Reads the `config.json` of a folder.
 *
 * @param folder The folder.
 * @returns The fields of the file.
 * @throws {SyntaxError} If the file does not hold a JSON object.
 * @throws {NotFound} If the file does not exist.
 *
 * @example Usage
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { readConfig } from "@swagpu/swagpu/models";
 *
 * const folder = await Deno.makeTempDir();
 * await Deno.writeTextFile(`${folder}/config.json`, '{"model_type": "bert"}');
 * const reader = await readConfig(folder);
 * assertEquals(reader.string("model_type"), "bert");
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function readConfig(folder: string): Promise<ConfigReader> {
  return await readConfigFile(`${folder}/${CONFIG_NAME}`);
}

/**
 * Reads a configuration from a file of any name.
 *
 * @param path The path of the file.
 * @returns The fields of the file.
 * @throws {SyntaxError} If the file does not hold a JSON object.
 * @throws {NotFound} If the file does not exist.
 *
 * @example Usage
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { AutoConfig, readConfigFile } from "@swagpu/swagpu/models";
 *
 * const path = await Deno.makeTempFile();
 * await Deno.writeTextFile(path, '{"model_type": "bert"}');
 * const config = AutoConfig.fromFields(await readConfigFile(path));
 * assertEquals(config.modelType, "bert");
 * await Deno.remove(path);
 * ```
 */
export async function readConfigFile(path: string): Promise<ConfigReader> {
  const { fields, floats } = await readJson(path);
  return new ConfigReader(fields, { source: path, floats });
}
