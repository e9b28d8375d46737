// Copyright 2026 the swagpu authors. MIT license.

// Reads what sentence-transformers saves beside a transformer: how the states of
// tokens become the embedding of a sentence, how long texts may be, and prompts.

import { NotFound } from "../../host/mod.ts";
import { type ConfigReader, readConfigFile } from "../config.ts";
import { resolveFiles } from "../files/hub.ts";
import { pathInFolder } from "../files/model_folder.ts";
import { isObject, parseValue } from "../files/json.ts";
import { readText } from "../files/read_file.ts";
import { normalized, POOLING_MODES, type PoolingMode } from "../pooling/mod.ts";
import type { PretrainedOptions } from "../resolve.ts";
import { FILES as TOKENIZER_FILES } from "../tokenizer/file_names.ts";
import { readDense } from "./sentence_dense.ts";
import {
  MEAN,
  type SentenceModules,
  type SentenceStep,
} from "./sentence_modules.ts";

const MODULES = "modules.json";
const SETTINGS = "config_sentence_transformers.json";
/** The settings of the transformer; older releases had a name for each kind. */
const TRANSFORMER_SETTINGS: readonly string[] = [
  "sentence_bert_config.json",
  "sentence_roberta_config.json",
  "sentence_distilbert_config.json",
  "sentence_camembert_config.json",
  "sentence_albert_config.json",
  "sentence_xlm-roberta_config.json",
  "sentence_xlnet_config.json",
];
const CONFIG = "config.json";
const WEIGHTS = ["model.safetensors", "pytorch_model.bin"] as const;

/** One entry of `modules.json`: a class, and the folder of its files. */
interface Entry {
  readonly kind: string;
  readonly path: string;
}

/**
 * Reads the modules of a folder or hub model. If there is no `modules.json`, the
 * embedding is the mean of the states, and the console says so, as in
 * sentence-transformers.
 *
 * @throws {SyntaxError} If a file is malformed.
 * @throws {TypeError} If a field is of the wrong kind.
 * @throws {RangeError} If a module is not supported.
 */
export async function readSentenceModules(
  source: string,
  options: PretrainedOptions,
): Promise<SentenceModules> {
  const find = async (names: readonly string[]) =>
    await resolveFiles(source, { ...options, files: [], optionalFiles: names });
  const { folder, files } = await find([
    MODULES,
    SETTINGS,
    ...TRANSFORMER_SETTINGS,
  ]);
  if (!files.includes(MODULES)) {
    // deno-lint-ignore no-console -- as sentence-transformers does
    console.warn(
      `pipeline: there is no ${MODULES} in ${source}, so the embedding of a ` +
        "sentence is the mean of its tokens' states",
    );
    return { ...MEAN, transformer: source };
  }
  const [first, second, ...others] = await readEntries(`${folder}/${MODULES}`);
  const { path = "" } = first ?? {};
  // A transformer in a folder inside has its other files there, too.
  const inside = path === "" ? "" : `${path}/`;
  const own = inside === "" ? files : (await find([
    ...TRANSFORMER_SETTINGS,
    CONFIG,
    ...Object.values(TOKENIZER_FILES),
  ].map((name) => inside + name))).files;
  if (inside !== "") await findWeights(find, path);
  const settings = TRANSFORMER_SETTINGS.find((name) =>
    own.includes(inside + name)
  );
  const steps: SentenceStep[] = [];
  try {
    const { modes, includePrompt } = await readPooling(
      await configOf(find, folder, second?.path ?? ""),
    );
    for (const { kind, path } of others) {
      if (kind === "Normalize") {
        steps.push({ kind: "normalize", apply: normalized });
      } else if (kind === "Dense") {
        const config = await configOf(find, folder, path);
        const weights = await findWeights(find, path);
        steps.push(
          await readDense(config, await pathInFolder(folder, weights)),
        );
      }
      // What is left is Dropout, which does nothing outside of training.
    }
    return {
      transformer: inside === "" ? source : `${folder}/${path}`,
      modes,
      includePrompt,
      steps,
      ...await readTransformerSettings(
        settings === undefined ? undefined : `${folder}/${inside}${settings}`,
      ),
      ...await readPrompts(
        files.includes(SETTINGS) ? `${folder}/${SETTINGS}` : undefined,
      ),
      [Symbol.dispose]: () => disposeAll(steps),
    };
  } catch (error) {
    disposeAll(steps);
    throw error;
  }
}

function disposeAll(steps: readonly SentenceStep[]): void {
  for (const step of steps) step[Symbol.dispose]?.();
}

type Find = (names: readonly string[]) => Promise<
  { readonly files: readonly string[] }
>;

/** Reads `modules.json`: a transformer, its pooling, and what follows. */
async function readEntries(path: string): Promise<Entry[]> {
  const list = parseValue(await readText(path), path);
  if (!Array.isArray(list)) {
    throw new SyntaxError(`Cannot read ${path}: it does not hold a list`);
  }
  const entries = list.map((item: unknown): Entry => {
    const { type, path: folder } = isObject(item) ? item : {};
    if (typeof type !== "string" || typeof folder !== "string") {
      throw new SyntaxError(
        `Cannot read ${path}: ${JSON.stringify(item)} is not a module with ` +
          "type and path",
      );
    }
    const ours = type.startsWith("sentence_transformers.");
    const kind = ours ? type.slice(type.lastIndexOf(".") + 1) : type;
    return { kind, path: folder };
  });
  const expected = ["Transformer", "Pooling"];
  const allowed = ["Dense", "Normalize", "Dropout"];
  const wrong = entries.find(({ kind }, i) =>
    i < expected.length ? kind !== expected[i] : !allowed.includes(kind)
  );
  if (wrong === undefined && entries.length >= expected.length) return entries;
  throw new RangeError(
    `Cannot use the modules of ${path}, ` +
      `${entries.map(({ kind }) => kind).join(", ") || "none"}: expected ` +
      `${expected.join(", ")}, and then any of ${allowed.join(", ")}`,
  );
}

/** Reads the configuration of the module in a folder below the model's. */
async function configOf(
  find: Find,
  folder: string,
  path: string,
): Promise<ConfigReader> {
  const name = `${path}/${CONFIG}`;
  await find([name]);
  return await readConfigFile(`${folder}/${name}`);
}

/** Finds the file of a module's weights, of which one is taken. */
async function findWeights(find: Find, path: string): Promise<string> {
  const names = WEIGHTS.map((name) => `${path}/${name}`);
  for (const name of names) {
    if ((await find([name])).files.includes(name)) return name;
  }
  throw new NotFound(
    `Cannot load the weights of ${path}: there is neither ${
      names.join(" nor ")
    }`,
  );
}

/** Reads the configuration of a `Pooling`, of old and new releases. */
function readPooling(
  config: ConfigReader,
): Pick<SentenceModules, "modes" | "includePrompt"> {
  const name = "pooling_mode";
  const includePrompt = config.boolean("include_prompt", true);
  if (config.has(name)) {
    const given = Array.isArray(config.fields[name])
      ? config.strings(name)
      : [config.string(name)];
    const modes = POOLING_MODES.filter((mode) => given.includes(mode));
    const known = given.length > 0 && modes.length === given.length;
    if (!known) {
      throw config.error(name, `some of ${POOLING_MODES.join(", ")}`);
    }
    return { modes: given as PoolingMode[], includePrompt };
  }
  const flags: Record<PoolingMode, string> = {
    cls: "pooling_mode_cls_token",
    max: "pooling_mode_max_tokens",
    mean: "pooling_mode_mean_tokens",
    mean_sqrt_len_tokens: "pooling_mode_mean_sqrt_len_tokens",
    weightedmean: "pooling_mode_weightedmean_tokens",
    lasttoken: "pooling_mode_lasttoken",
  };
  const modes = POOLING_MODES.filter((mode) =>
    config.boolean(flags[mode], false)
  );
  return { modes: modes.length > 0 ? modes : ["mean"], includePrompt };
}

/** Reads how long texts may be, and whether they are read in lower case. */
async function readTransformerSettings(
  path: string | undefined,
): Promise<Pick<SentenceModules, "maxLength" | "lowerCase">> {
  if (path === undefined) return { lowerCase: false };
  const config = await readConfigFile(path);
  return {
    maxLength: config.integer("max_seq_length", null, { min: 1 }) ?? undefined,
    lowerCase: config.boolean("do_lower_case", false),
  };
}

/** Reads the prompts. */
async function readPrompts(
  path: string | undefined,
): Promise<Pick<SentenceModules, "prompts" | "defaultPromptName">> {
  if (path === undefined) return { prompts: {}, defaultPromptName: null };
  const config = await readConfigFile(path);
  const prompts: Record<string, string> = {};
  for (const [name, text] of Object.entries(config.object("prompts", {}))) {
    if (typeof text !== "string") {
      throw config.error("prompts", "texts by their names");
    }
    prompts[name] = text;
  }
  const defaultPromptName = config.string("default_prompt_name", null);
  if (
    defaultPromptName !== null && !Object.hasOwn(prompts, defaultPromptName)
  ) {
    throw config.error("default_prompt_name", "one of the names of prompts");
  }
  return { prompts, defaultPromptName };
}
