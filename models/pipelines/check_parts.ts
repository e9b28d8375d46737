// Copyright 2026 the swagpu authors. MIT license.

// Checks what a pipeline is to be made from, before anything is loaded: not
// everybody's types are checked before a program runs.

import { architectureOf, modelTypes, type Tasks } from "../registry.ts";
import { PreTrainedModel } from "../pretrained.ts";
import { Tokenizer } from "../tokenizer/mod.ts";
import type { AnyModel } from "./base.ts";

/**
 * Checks the source of a pipeline.
 *
 * @throws {TypeError} If it is neither a name nor a model with its tokenizer, the
 * model has another head than the task needs, or options for loading are given
 * with a model that is loaded already.
 */
export function checkSource(
  task: string,
  source: unknown,
  { kind, loading }: {
    kind: keyof Tasks;
    /** The options that only loading reads. */
    loading: Readonly<Record<string, unknown>>;
  },
): void {
  if (typeof source === "string") return;
  const { model, tokenizer } = Object(source) as Record<string, unknown>;
  if (!(model instanceof PreTrainedModel && tokenizer instanceof Tokenizer)) {
    const missing = model instanceof PreTrainedModel ? "tokenizer" : "model";
    const given = source === null || typeof source !== "object"
      ? `${source}`
      : `an object whose ${missing} is none of this library`;
    throw new TypeError(
      `Cannot make a pipeline for ${task} from ${given}: expected a folder, ` +
        "the name of a repository, or { model, tokenizer }",
    );
  }
  checkHead(task, model, kind);
  const idle = Object.keys(loading)
    .find((name) => loading[name] !== undefined);
  if (idle === undefined) return;
  throw new TypeError(
    `Cannot use ${idle} with a model that is given: it applies to loading ` +
      "from a folder or repository",
  );
}

/** Refuses a model of a known architecture that has another head. */
function checkHead(
  task: string,
  model: AnyModel,
  kind: keyof Tasks,
): void {
  const { modelType } = model.config;
  if (!modelTypes().includes(modelType)) return;
  const { models } = architectureOf(modelType);
  const wanted = models[kind];
  if (wanted && model instanceof wanted) return;
  // Classes of an application's own may do the task as well.
  const { constructor } = model;
  if (!Object.values(models).some((known) => known === constructor)) return;
  throw new TypeError(
    `Cannot make a pipeline for ${task} from a ${constructor.name}: ` +
      (wanted
        ? `expected a ${wanted.name}`
        : `"${modelType}" has no model for it`),
  );
}
