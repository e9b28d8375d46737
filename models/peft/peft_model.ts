// Copyright 2026 the swagpu authors. MIT license.

import { NotFound } from "../../host/mod.ts";
import { readAll } from "../../engine/mod.ts";
import {
  checkFinite,
  finishSave,
  FolderSave,
  writeTextAtomically,
} from "../../nn/formats/mod.ts";
import { ALL_LINEAR, targetPaths } from "../../nn/lora/mod.ts";
import {
  type Adaptable,
  checkOptions,
  LoraConfig,
  LoraModel,
  Module,
  type SafetensorsSource,
  withoutInitialization,
  writeSafetensors,
} from "../../nn/mod.ts";
import {
  type Alongside,
  checkAlongside,
  writeAlongside,
} from "../files/alongside.ts";
import { resolveFiles, type ResolveOptions } from "../files/hub.ts";
import type { SavableTokenizer } from "../pretrained.ts";
import { FILES as TOKENIZER_FILES } from "../tokenizer/file_names.ts";
import {
  ADAPTER_CONFIG,
  type AdapterFields,
  fieldsOf,
  formatAdapterConfig,
  readAdapterConfig,
} from "./adapter_config.ts";
import {
  ADAPTER_WEIGHTS,
  openAdapter,
  withSavedModules,
} from "./adapter_weights.ts";
import { completeConfig } from "./defaults.ts";

const [WEIGHTS] = ADAPTER_WEIGHTS;

/** Options of {@linkcode PeftModel.fromPretrained}. */
export interface PeftLoadOptions
  extends Omit<ResolveOptions, "files" | "optionalFiles"> {
  /** Whether the adapter is trained on, or else frozen. @default {false} */
  isTrainable?: boolean;
}

/** Options of {@linkcode PeftModel.savePretrained}. */
export interface PeftSaveOptions {
  /** A tokenizer whose files are written too. @default {none} */
  tokenizer?: SavableTokenizer;
  /**
   * Files that belong to this adapter, such as a posterior; see
   * {@linkcode Alongside}.
   *
   * @default {{}}
   */
  alongside?: Alongside;
}

/** What the parts of a file were called, for writing it again. */
interface FileRecord {
  readonly fields: AdapterFields;
  readonly names: ReadonlyMap<string, string>;
}

/**
 * A model with a low-rank adapter (LoRA) that is read and written in PEFT's files.
 * {@linkcode getPeftModel} makes one.
 *
 * Its parameters are those of the adapter alone, under their names in the file, such
 * as `base_model.model.bert.encoder.layer.0.attention.self.query.lora_A.weight`. So a
 * `Trainer` trains and saves the adapter, and a posterior over this module is one
 * over the adapter. Pipelines and `generate` take the model that
 * {@linkcode PeftModel.getBaseModel} returns, in which the adapter is in effect.
 *
 * @example An adapter is saved, and loaded into another copy of the model
 * ```ts
 * import { initialize, manualSeed, tensor } from "@swagpu/swagpu/engine";
 * import {
 *   BertConfig,
 *   BertForSequenceClassification,
 *   getPeftModel,
 *   PeftModel,
 * } from "@swagpu/swagpu/models";
 * import { LoraConfig } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const build = () => {
 *   manualSeed(0);
 *   return new BertForSequenceClassification(
 *     new BertConfig({
 *       vocabSize: 16,
 *       hiddenSize: 8,
 *       intermediateSize: 8,
 *       numHiddenLayers: 1,
 *       numAttentionHeads: 2,
 *     }),
 *   ).eval();
 * };
 * const peft = getPeftModel(build(), new LoraConfig({ r: 2, taskType: "SEQ_CLS" }));
 * assertEquals(peft.getNbTrainableParameters().trainable, 2 * 2 * 16 + 2 * 8 + 2);
 *
 * const folder = await Deno.makeTempDir();
 * await peft.savePretrained(folder);
 * const again = await PeftModel.fromPretrained(build(), folder);
 * const inputIds = tensor([[2, 7, 3]], { dtype: "i32" });
 * assertEquals(
 *   await again.forward({ inputIds }).logits.data(),
 *   await peft.forward({ inputIds }).logits.data(),
 * );
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export class PeftModel<M extends Adaptable = Adaptable> extends Module {
  /** The model with its adapter. */
  readonly baseModel: LoraModel<M>;
  /** Runs the model: its own `forward`. */
  readonly forward: M["forward"];
  /** The name of the file that holds the weights. */
  readonly weightsFile: string = WEIGHTS;
  #file: FileRecord | undefined;

  /**
   * {@linkcode getPeftModel} is the usual way to add an adapter.
   *
   * @param model The model. Its own parameters are frozen.
   * @param config What the adapter is.
   * @throws {RangeError} If the configuration selects no layer or module.
   * @throws {TypeError} If it selects layers that cannot be adapted, or the model
   * has an adapter already.
   */
  constructor(model: M, config: LoraConfig) {
    super();
    this.baseModel = new LoraModel(model, config);
    this.forward = this.baseModel.forward;
    this.training = model.training;
  }

  /**
   * Loads an adapter that PEFT or {@linkcode savePretrained} has written, from
   * `adapter_model.safetensors` or else `adapter_model.bin`. The model is in
   * evaluation mode then, and the adapter is frozen unless `isTrainable` is set.
   *
   * @param model The model that the adapter was trained on.
   * @param source A folder, or a name on the hub.
   * @param options Whether to train on, the hub's revision and the like.
   * @returns The model with the adapter.
   * @throws {NotFound} If a file is missing.
   * @throws {SyntaxError} If a file is malformed.
   * @throws {TypeError} If the adapter is of a kind that is not supported, or does
   * not fit the model, which has no adapter then.
   */
  static async fromPretrained<M extends Adaptable>(
    model: M,
    source: string,
    options: PeftLoadOptions = {},
  ): Promise<PeftModel<M>> {
    const { isTrainable = false, ...rest } = options;
    const { folder, files } = await resolveFiles(source, {
      ...rest,
      files: [ADAPTER_CONFIG],
      optionalFiles: ADAPTER_WEIGHTS,
    });
    await finishSave(folder);
    const { config, ...fields } = await readAdapterConfig(
      `${folder}/${ADAPTER_CONFIG}`,
    );
    const name = ADAPTER_WEIGHTS.find((name) => files.includes(name));
    if (name === undefined) {
      throw new NotFound(
        `Cannot load an adapter from ${source}: it has neither ` +
          ADAPTER_WEIGHTS.join(" nor "),
      );
    }
    const path = `${folder}/${name}`;
    using weights = await openAdapter(path);
    model.placeParameters(); // With initial values, unlike the adapter's.
    let peft: PeftModel<M> | undefined;
    try {
      peft = withoutInitialization(() =>
        new PeftModel(model, withSavedModules(config, weights.names))
      );
      await peft.loadStateDict(weights);
    } catch (error) {
      peft?.unload();
      const reason = error instanceof Error ? error.message : String(error);
      throw new TypeError(`Cannot load ${path}: ${reason}`, { cause: error });
    }
    peft.#file = { fields, names: weights.fileNames };
    if (!isTrainable) peft.freeze();
    return peft.eval();
  }

  /** What the adapter is. */
  get peftConfig(): LoraConfig {
    return this.baseModel.loraConfig;
  }

  /** The model inside, in which the adapter is in effect. */
  getBaseModel(): M {
    return this.baseModel.model;
  }

  /** How many numbers are trained, and how many model and adapter have in all. */
  getNbTrainableParameters(): { trainable: number; total: number } {
    const all = new Set([
      ...this.namedParameters().values(),
      ...this.baseModel.model.namedParameters().values(),
    ]);
    let trainable = 0;
    let total = 0;
    for (const { size, requiresGrad } of all) {
      total += size;
      if (requiresGrad) trainable += size;
    }
    return { trainable, total };
  }

  /** Adds the update to the weights; see {@linkcode LoraModel.mergeAdapter}. */
  mergeAdapter(): void {
    this.baseModel.mergeAdapter();
  }

  /** Gives the model its own weights back, bit for bit, if they are merged. */
  unmergeAdapter(): void {
    this.baseModel.unmergeAdapter();
  }

  /** Turns the adapter off; see {@linkcode LoraModel.disableAdapter}. */
  disableAdapter(): Disposable {
    return this.baseModel.disableAdapter();
  }

  /** Makes the adapter the model's own; see {@linkcode LoraModel.mergeAndUnload}. */
  mergeAndUnload(): M {
    return this.baseModel.mergeAndUnload();
  }

  /** Removes the adapter; see {@linkcode LoraModel.unload}. */
  unload(): M {
    return this.baseModel.unload();
  }

  /**
   * Writes `adapter_config.json` and `adapter_model.safetensors`, which PEFT loads
   * unchanged, all or none. An adapter that was loaded and not trained gives the
   * bytes that PEFT wrote.
   *
   * @param folder The folder to write to. It is made if it does not exist.
   * @param options Further files to write.
   * @throws {RangeError} If a weight is not finite.
   * @throws {TypeError} If the folder is a file.
   */
  async savePretrained(
    folder: string,
    options: PeftSaveOptions = {},
  ): Promise<void> {
    checkOptions(options, {
      action: "save an adapter",
      known: ["tokenizer", "alongside"],
    });
    const { tokenizer, alongside = {} } = options;
    checkAlongside(alongside);
    const named = [...this.namedTensors()];
    const values = await readAll(named.map(([, tensor]) => tensor));
    const sources = named.map(([name, { shape }], i) => {
      const data = values[i] ?? new Float32Array();
      checkFinite(data, name, `Cannot save the adapter to ${folder}`);
      const own = this.#file?.names.get(name) ?? name;
      return [own, { shape, dtype: "F32", data }] as [
        string,
        SafetensorsSource,
      ];
    }).sort(([a], [b]) => a < b ? -1 : 1);
    const fields = this.#file?.fields ?? fieldsOf(this.peftConfig);
    await using save = await FolderSave.begin(folder);
    const { staging } = save;
    await writeTextAtomically(
      `${staging}/${ADAPTER_CONFIG}`,
      formatAdapterConfig(fields),
    );
    await tokenizer?.save(staging);
    await writeAlongside(staging, alongside);
    await writeSafetensors(`${staging}/${WEIGHTS}`, sources);
    await save.commit({
      last: [WEIGHTS],
      remove: [
        ...ADAPTER_WEIGHTS,
        ...tokenizer ? Object.values(TOKENIZER_FILES) : [],
        ...Object.keys(alongside),
      ],
    });
  }

  /** Frees the GPU memory of the adapter and of the model. */
  override dispose(): void {
    this.baseModel.dispose();
  }
}

/**
 * Adds a low-rank adapter (LoRA) to a model, as PEFT's `get_peft_model` does. The
 * model's layers are replaced in place, and its own parameters are frozen.
 *
 * If `targetModules` is not given, the layers are those that PEFT takes for the
 * architecture. `"all-linear"` takes all linear layers except those of the head. If
 * `modulesToSave` is not given and `taskType` is `"SEQ_CLS"`, `"TOKEN_CLS"` or
 * `"QUESTION_ANS"`, the head is trained and saved too.
 *
 * @param model The model.
 * @param config What the adapter is.
 * @returns The model with the adapter.
 * @throws {RangeError} If the configuration selects no layer or module.
 * @throws {TypeError} If it selects layers that cannot be adapted, the model has an
 * adapter already, or nothing says which layers to adapt.
 *
 * @example Usage
 * ```ts
 * import { initialize } from "@swagpu/swagpu/engine";
 * import { BertConfig, BertModel, getPeftModel } from "@swagpu/swagpu/models";
 * import { LoraConfig } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const config = new BertConfig({
 *   vocabSize: 16,
 *   hiddenSize: 8,
 *   intermediateSize: 8,
 *   numHiddenLayers: 1,
 *   numAttentionHeads: 2,
 * });
 * const peft = getPeftModel(new BertModel(config), new LoraConfig({ r: 2 }));
 * assertEquals(peft.peftConfig.targetModules, ["query", "value"]);
 * ```
 */
export function getPeftModel<M extends Adaptable>(
  model: M,
  config: LoraConfig,
): PeftModel<M> {
  const complete = completeConfig(model, config);
  if (complete.targetModules !== ALL_LINEAR) {
    return new PeftModel(model, complete);
  }
  // PEFT takes other layers for all of them, so that the file lists them.
  const { basePrefix = "" } = model.constructor as { basePrefix?: string };
  const within = basePrefix in model ? basePrefix : "";
  const targetModules = targetPaths(model, complete, within);
  return new PeftModel(model, new LoraConfig({ ...complete, targetModules }));
}
