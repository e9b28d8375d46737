// Copyright 2026 the swagpu authors. MIT license.

/**
 * How a model generates: reads `generation_config.json`, checks its fields, and
 * writes it.
 *
 * @module
 */

import { writeTextAtomically } from "../../nn/formats/mod.ts";
import { formatJson, readJson } from "../files/json.ts";
import {
  ConfigReader,
  type NumberRange,
  toSnakeCase,
} from "../files/config_reader.ts";
import {
  firstToken,
  IGNORED,
  readBiases,
  readEarlyStopping,
  readFlag,
  readPositive,
  readTokens,
  readWords,
  refuseUnsupported,
  UNSUPPORTED,
} from "./generation_fields.ts";
import type { EarlyStopping, GenerationOptions } from "./generation_options.ts";
import { type PretrainedConfig, readConfig } from "../config.ts";
import { resolveFiles, type ResolveOptions } from "../files/hub.ts";

const FILE_NAME = "generation_config.json";
/** The name of a call's options in errors. */
const GIVEN = "the generation options";

/**
 * How a model generates: the fields of {@linkcode GenerationOptions}, with the
 * defaults of transformers where none is given.
 *
 * @example Usage
 * ```ts
 * import { GenerationConfig } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * const config = new GenerationConfig({ numBeams: 4, eosTokenId: 2 });
 * assertEquals(config.lengthPenalty, 1);
 * assertEquals(config.with({ numBeams: 2 }).eosTokenId, 2);
 * assertEquals(config.toJSON(), { eos_token_id: 2, num_beams: 4 });
 * ```
 */
export class GenerationConfig implements Required<GenerationOptions> {
  /** The most tokens of a row, including the prompt's. */
  readonly maxLength: number;
  /** The most new tokens of a row. */
  readonly maxNewTokens: number | null;
  /** The number of tokens, including the prompt's, before a row may end. */
  readonly minLength: number;
  /** The number of new tokens before a row may end. */
  readonly minNewTokens: number | null;
  /** Whether tokens are sampled, instead of the best one taken. */
  readonly doSample: boolean;
  /** The number of beams. */
  readonly numBeams: number;
  /** When beam search stops. */
  readonly earlyStopping: EarlyStopping;
  /** The exponent of the length that scores are divided by. */
  readonly lengthPenalty: number;
  /** The number of rows that are returned for each prompt. */
  readonly numReturnSequences: number;
  /** The number that scores are divided by before sampling. */
  readonly temperature: number;
  /** The number of best tokens to sample from. */
  readonly topK: number;
  /** The sum of the probabilities of the tokens to sample from. */
  readonly topP: number;
  /** The least probability to sample from, as a share of the best token's. */
  readonly minP: number | null;
  /** The penalty on the scores of tokens that are in the row already. */
  readonly repetitionPenalty: number;
  /** The length of runs of tokens that may not repeat. */
  readonly noRepeatNgramSize: number;
  /** Words that may not be completed. */
  readonly badWordsIds: readonly (readonly number[])[] | null;
  /** Pairs of a list of tokens and a number for the score of its last token. */
  readonly sequenceBias:
    | readonly (readonly [readonly number[], number])[]
    | null;
  /** Tokens that may not be generated. */
  readonly suppressTokens: readonly number[] | null;
  /** Tokens that may not be generated first. */
  readonly beginSuppressTokens: readonly number[] | null;
  /** The token that must follow the first one. */
  readonly forcedBosTokenId: number | null;
  /** The token, or tokens, allowed at the last position. */
  readonly forcedEosTokenId: number | readonly number[] | null;
  /** Whether NaN and infinite scores are replaced by numbers. */
  readonly removeInvalidValues: boolean;
  /** Whether scores become log-probabilities again after all changes. */
  readonly renormalizeLogits: boolean;
  /** The padding token, which fills rows that have ended. */
  readonly padTokenId: number | null;
  /** The token that begins a text. */
  readonly bosTokenId: number | null;
  /** The token, or tokens, that end a text. */
  readonly eosTokenId: number | readonly number[] | null;
  /** The token that a decoder begins with. */
  readonly decoderStartTokenId: number | null;
  readonly #reader: ConfigReader;
  /** The errors of a file's fields, in the order of their reading. */
  readonly #faults: unknown[] = [];

  /**
   * Reads fields. A field that is not given has the default of transformers.
   *
   * An error in an option is thrown at once. An error in a file is thrown by
   * {@linkcode checkUse} if transformers, too, loads the file and refuses it only
   * when it generates.
   *
   * @param options The fields.
   * @throws {TypeError} If a field is of the wrong kind, an option is unknown, or
   * an option asks for a way of generating that is not supported.
   * @throws {RangeError} If a number is out of range.
   */
  constructor(options: GenerationOptions | ConfigReader = {}) {
    const reader = ConfigReader.from(options);
    this.#reader = reader;
    if (reader.areOptions) refuseUnsupported(reader);
    // Errors of files are kept for `checkUse()`.
    const read = <T>(fallback: T, own: () => T): T => {
      try {
        return own();
      } catch (error) {
        if (reader.areOptions) throw error;
        this.#faults.push(error);
        return fallback;
      }
    };
    const number = <D extends number | null>(
      name: string,
      fallback: D,
      range: NumberRange = {},
    ): number | D =>
      read<number | D>(fallback, () => reader.number(name, fallback, range));
    const share = (name: string, fallback: number | null) =>
      number(name, fallback, reader.areOptions ? { min: 0, max: 1 } : {});
    const count = <D extends number | null>(
      name: string,
      fallback: D,
      min = 0,
    ): number | D =>
      read<number | D>(
        fallback,
        () => reader.integer(name, fallback, { min }),
      );
    // In a file, a negative number means no restriction.
    const least = reader.areOptions ? 0 : -Infinity;
    const token = (name: string) => read(null, () => firstToken(reader, name));
    const tokens = (name: string) => read(null, () => readTokens(reader, name));
    const flag = (name: string) =>
      read(false, () => readFlag(reader, name, false));
    this.maxLength = count("max_length", 20, reader.areOptions ? 1 : 0);
    this.maxNewTokens = reader.integer("max_new_tokens", null, { min: 1 });
    this.minLength = count("min_length", 0, least);
    this.minNewTokens = count("min_new_tokens", null, least);
    this.doSample = flag("do_sample");
    this.numBeams = count("num_beams", 1, 1);
    this.earlyStopping = readEarlyStopping(reader);
    this.lengthPenalty = number("length_penalty", 1);
    this.numReturnSequences = count("num_return_sequences", 1, 1);
    this.temperature = number("temperature", 1);
    // A null allows all tokens.
    this.topK = reader.fields.top_k === null
      ? 0
      : reader.areOptions
      ? count("top_k", 50)
      : number("top_k", 50);
    this.topP = share("top_p", 1) ?? 1;
    this.minP = share("min_p", null);
    this.repetitionPenalty = reader.areOptions
      ? readPositive(reader, "repetition_penalty")
      : number("repetition_penalty", 1);
    this.noRepeatNgramSize = count("no_repeat_ngram_size", 0, least);
    this.badWordsIds = read(null, () => readWords(reader));
    this.sequenceBias = read(null, () => readBiases(reader));
    const list = (name: string) =>
      read(null, () => reader.integers(name, null));
    this.suppressTokens = list("suppress_tokens");
    this.beginSuppressTokens = list("begin_suppress_tokens");
    this.forcedBosTokenId = token("forced_bos_token_id");
    this.forcedEosTokenId = tokens("forced_eos_token_id");
    this.removeInvalidValues = flag("remove_invalid_values");
    this.renormalizeLogits = flag("renormalize_logits");
    this.padTokenId = token("pad_token_id");
    this.bosTokenId = token("bos_token_id");
    this.eosTokenId = tokens("eos_token_id");
    this.decoderStartTokenId = token("decoder_start_token_id");
    reader.checkNames(IGNORED);
    if (!this.doSample && this.temperature <= 0) {
      // deno-lint-ignore no-console -- as transformers does
      console.warn(
        `${reader.source}: temperature ${this.temperature} has no effect, as ` +
          "doSample is not set",
      );
    }
  }

  /**
   * Checks that texts can be generated with these fields.
   *
   * @throws {TypeError} If a field asks for a way of generating that is not
   * supported, or is of the wrong kind.
   * @throws {RangeError} If a number is out of range for what is asked for.
   */
  checkUse(): void {
    for (const fault of this.#faults) throw fault;
    const reader = this.#reader;
    const { doSample, topK, topP, minP } = this;
    const within = (name: string, allowed: boolean, wish: string) => {
      if (!allowed) throw reader.error(name, wish, RangeError);
    };
    refuseUnsupported(reader, doSample);
    const start = reader.fields.decoder_start_token_id;
    if (Array.isArray(start) && new Set(start).size > 1) {
      throw reader.error("decoder_start_token_id", "one token for all rows");
    }
    within(
      "repetition_penalty",
      this.repetitionPenalty > 0,
      "a number above 0",
    );
    if (!doSample) return;
    within("temperature", this.temperature > 0, "a number above 0");
    within("top_k", Number.isSafeInteger(topK) && topK >= 0, "0 or more");
    within("top_p", topP >= 0 && topP <= 1, "a number from 0 to 1");
    within(
      "min_p",
      minP === null || minP >= 0 && minP <= 1,
      "a number from 0 to 1",
    );
  }

  /**
   * Reads the `generation_config.json` of a folder or a repository of the hub. If
   * there is none, the fields of generation in `config.json` are read.
   *
   * @param source A folder, or the name of a repository.
   * @param options How to find and load the files.
   * @returns The configuration.
   * @throws {SyntaxError} If a file does not hold a JSON object.
   */
  static async fromPretrained(
    source: string,
    options: ResolveOptions = {},
  ): Promise<GenerationConfig> {
    const { folder, files } = await resolveFiles(source, {
      files: ["config.json"],
      optionalFiles: [FILE_NAME],
      ...options,
    });
    if (!files.includes(FILE_NAME)) {
      const { fields, source } = await readConfig(folder);
      return fromFields(fields, source);
    }
    const path = `${folder}/${FILE_NAME}`;
    const { fields, floats } = await readJson(path);
    return new GenerationConfig(
      new ConfigReader(fields, { source: path, floats }),
    );
  }

  /** Reads the fields of generation in a model's configuration. */
  static fromModelConfig(config: PretrainedConfig): GenerationConfig {
    return fromFields(config.toJSON(), "config.json");
  }

  /** Returns a copy with some fields replaced; `undefined` keeps a field. */
  with(options: GenerationOptions): GenerationConfig {
    const { fields } = ConfigReader.from(options);
    // Checked by themselves, so that errors name these options.
    if (Object.keys(fields).length > 0) checkOptions(options);
    const before = this.#reader;
    return new GenerationConfig(
      new ConfigReader({ ...before.fields, ...fields }, {
        source: GIVEN,
        // Errors name the file that a field came from.
        sourceOf: (name) =>
          name in fields || before.areOptions ? GIVEN : before.sourceOf(name),
        floats: before.floats,
      }),
    );
  }

  /** Returns the fields that were given, under their names in the file. */
  toJSON(): Record<string, unknown> {
    return Object.fromEntries(
      Object.entries(this.#reader.fields)
        .sort(([a], [b]) => a < b ? -1 : 1),
    );
  }

  /** Writes `generation_config.json` to a folder. */
  async save(folder: string): Promise<void> {
    await writeTextAtomically(
      `${folder}/${FILE_NAME}`,
      formatJson(this.toJSON(), this.#reader.floats),
    );
  }
}

/** Reads the fields of generation among those of a `config.json`. */
function fromFields(
  fields: Readonly<Record<string, unknown>>,
  source: string,
): GenerationConfig {
  const own = Object.entries(fields).filter(([name, value]) =>
    value !== null && (NAMES.includes(name) || name in UNSUPPORTED)
  );
  const found = Object.fromEntries(own);
  // The name of `forced_bos_token_id` in BART's first configurations.
  if (fields.force_bos_token_to_be_generated === true) {
    found.forced_bos_token_id ??= fields.bos_token_id ?? null;
  }
  return new GenerationConfig(new ConfigReader(found, { source }));
}

/**
 * Checks options by themselves; the temperature's warning is printed elsewhere.
 */
function checkOptions(options: GenerationOptions): void {
  const { temperature: _, ...others } = options;
  new GenerationConfig(others);
}

/** The names of all fields in files. */
const NAMES: readonly string[] = Object.keys(new GenerationConfig())
  .map(toSnakeCase);
