// Copyright 2026 the swagpu authors. MIT license.

/**
 * The text that is put before every source, such as "summarize: ". It is a field of
 * the model's configuration, so that the pipelines here, and those of Hugging Face's
 * transformers, put the same before the sources that they are given.
 *
 * @module
 */

import type { PretrainedConfig } from "../../models/mod.ts";
import type { WritingTask } from "./written_texts.ts";

type Fields = Readonly<Record<string, unknown>>;

/** What a model's configuration puts before every source. */
export function prefixOf(config: PretrainedConfig, task: WritingTask): string {
  const fields = config.toJSON();
  const prefix = own(own(fields.task_specific_params)[task]).prefix ??
    fields.prefix;
  return typeof prefix === "string" ? prefix : "";
}

/** The fields of a configuration by which a text is put before every source. */
export function prefixFields(
  config: PretrainedConfig,
  task: WritingTask,
  prefix: string,
): Fields {
  const all = own(config.toJSON().task_specific_params);
  const specific = own(all[task]);
  // The parameters of the task take precedence over the field of that name.
  return "prefix" in specific
    ? {
      prefix,
      task_specific_params: { ...all, [task]: { ...specific, prefix } },
    }
    : { prefix };
}

/** An object's fields; none if it is something else. */
function own(value: unknown): Fields {
  return typeof value === "object" && value !== null ? { ...value } : {};
}
