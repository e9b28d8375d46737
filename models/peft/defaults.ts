// Copyright 2026 the swagpu authors. MIT license.

// What PEFT takes where a configuration says nothing.

import { LoraConfig, type Module } from "../../nn/mod.ts";

/** The layers that are adapted, by architecture. */
const TARGETS: Readonly<Record<string, readonly string[]>> = {
  bert: ["query", "value"],
  roberta: ["query", "value"],
  bart: ["q_proj", "v_proj"],
  marian: ["q_proj", "v_proj"],
  modernbert: ["Wqkv"],
};

/** The names of heads, by task. Those that PEFT does not know are in the file. */
const HEADS: Readonly<Record<string, readonly string[]>> = {
  SEQ_CLS: ["classifier", "score", "classification_head"],
  TOKEN_CLS: ["classifier", "score"],
  QUESTION_ANS: ["qa_outputs", "classifier"],
};

function modelTypeOf(model: object): string {
  const { config } = model as { config?: { modelType?: unknown } };
  return typeof config?.modelType === "string" ? config.modelType : "";
}

/** Fills in layers by architecture, and the head by task. */
export function completeConfig(model: Module, config: LoraConfig): LoraConfig {
  const type = modelTypeOf(model);
  const known = Object.hasOwn(TARGETS, type) ? TARGETS[type] : undefined;
  const targetModules = config.targetModules ?? known;
  const task = config.taskType ?? "";
  const heads = Object.hasOwn(HEADS, task) ? HEADS[task] : undefined;
  const modules = model.namedModules();
  const modulesToSave = config.modulesToSave ??
    heads?.filter((name) => modules.has(name));
  return new LoraConfig({ ...config, targetModules, modulesToSave });
}
