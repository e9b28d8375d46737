// Copyright 2026 the swagpu authors. MIT license.

// PEFT's adapter_config.json: from its fields to a LoraConfig and back. Fields that
// this library does not know are kept, so that a file that is read and written
// again has the same bytes.

import { LoraConfig, type LoraConfigOptions } from "../../nn/mod.ts";
import { ConfigReader, toSnakeCase } from "../files/config_reader.ts";
import { formatJson, isObject, readJson } from "../files/json.ts";

/** The name of the file. */
export const ADAPTER_CONFIG = "adapter_config.json";

/** The fields of a file, and which of them are spelled as floats. */
export interface AdapterFields {
  /** The fields. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** The names of those that are spelled as floats. */
  readonly floats: ReadonlySet<string>;
}

/** Fields of later versions of PEFT that, if set, change what is computed. */
const REFUSED: readonly string[] = [
  "fan_in_fan_out",
  "use_dora",
  "use_qalora",
  "lora_bias",
  "layer_replication",
  "megatron_config",
  "trainable_token_indices",
  "target_parameters",
  "alora_invocation_tokens",
];

/** Ways to begin that change the weights of the model, too. */
const CHANGES_BASE = /^(pissa|olora|loftq|corda)/;

/** Whether a value of a field is one that changes nothing. */
function isUnset(value: unknown): boolean {
  if (value === undefined || value === null || value === false) return true;
  if (Array.isArray(value)) return value.length === 0;
  return isObject(value) && Object.keys(value).length === 0;
}

/**
 * Reads an adapter's configuration.
 *
 * @throws {SyntaxError} If the file is malformed.
 * @throws {TypeError} If the adapter is of a kind that is not supported, or a
 * field is of a wrong kind.
 */
export async function readAdapterConfig(
  path: string,
): Promise<AdapterFields & { config: LoraConfig }> {
  const { fields, floats } = await readJson(path);
  const reader = new ConfigReader(fields, { source: path, floats });
  if (reader.string("peft_type", "LORA") !== "LORA") {
    throw reader.error("peft_type", '"LORA": other adapters are not supported');
  }
  for (const name of REFUSED) {
    if (isUnset(fields[name])) continue;
    throw reader.error(name, "nothing: it is not supported");
  }
  const config = new LoraConfig({
    r: reader.integer("r", 8, { min: 1 }),
    loraAlpha: reader.number("lora_alpha", 8),
    loraDropout: reader.number("lora_dropout", 0),
    targetModules: namesOf(reader, "target_modules"),
    excludeModules: namesOf(reader, "exclude_modules"),
    bias: reader.string("bias", "none", {
      oneOf: ["none", "all", "lora_only"],
    }) as NonNullable<LoraConfigOptions["bias"]>,
    modulesToSave: reader.strings("modules_to_save", null) ?? undefined,
    useRslora: reader.boolean("use_rslora", false),
    initLoraWeights: initOf(reader),
    rankPattern: numbersOf(reader, "rank_pattern"),
    alphaPattern: numbersOf(reader, "alpha_pattern"),
    layersToTransform: Array.isArray(fields.layers_to_transform)
      ? reader.integers("layers_to_transform", [])
      : reader.integer("layers_to_transform", null) ?? undefined,
    layersPattern: namesOf(reader, "layers_pattern"),
    taskType: reader.string("task_type", null) ?? undefined,
    baseModelNameOrPath: reader.string("base_model_name_or_path", null) ??
      undefined,
    revision: reader.string("revision", null) ?? undefined,
  });
  return { config, fields, floats };
}

/** Reads a text or a list of texts. */
function namesOf(
  reader: ConfigReader,
  name: string,
): readonly string[] | string | undefined {
  return typeof reader.fields[name] === "string"
    ? reader.string(name, "")
    : reader.strings(name, null) ?? undefined;
}

/** Reads a map from names to numbers. */
function numbersOf(
  reader: ConfigReader,
  name: string,
): Record<string, number> {
  const numbers: Record<string, number> = {};
  for (const [key, value] of Object.entries(reader.object(name, null) ?? {})) {
    if (typeof value !== "number") {
      throw reader.error(name, "a map from names to numbers");
    }
    numbers[key] = value;
  }
  return numbers;
}

/** How the adapter began, which no longer matters unless the base changed. */
function initOf(reader: ConfigReader): boolean | "gaussian" {
  const value = reader.fields.init_lora_weights;
  if (typeof value === "boolean") return value;
  const name = reader.string("init_lora_weights", "true");
  if (CHANGES_BASE.test(name)) {
    throw reader.error(
      "init_lora_weights",
      "one that leaves the base model as it is: the others are not supported",
    );
  }
  return name === "gaussian" ? name : true;
}

/** What the file holds if nothing is set: the fields of PEFT 0.6. */
const DEFAULTS: Readonly<Record<string, unknown>> = {
  alpha_pattern: {},
  auto_mapping: null,
  base_model_name_or_path: null,
  bias: "none",
  fan_in_fan_out: false,
  inference_mode: true,
  init_lora_weights: true,
  layers_pattern: null,
  layers_to_transform: null,
  lora_alpha: 8,
  lora_dropout: 0,
  modules_to_save: null,
  peft_type: "LORA",
  r: 8,
  rank_pattern: {},
  revision: null,
  target_modules: null,
  task_type: null,
};

/** The fields of a configuration that was not read from a file. */
export function fieldsOf(config: LoraConfig): AdapterFields {
  const fields: Record<string, unknown> = { ...DEFAULTS };
  for (const [property, value] of Object.entries(config)) {
    const name = toSnakeCase(property);
    // Earlier versions of PEFT refuse fields that they do not know.
    if (name in DEFAULTS || !isUnset(value)) fields[name] = value ?? null;
  }
  return { fields, floats: new Set(["lora_dropout"]) };
}

/** The text of the file, as PEFT writes it: without a newline at its end. */
export function formatAdapterConfig({ fields, floats }: AdapterFields): string {
  return formatJson({ ...fields }, floats).trimEnd();
}
