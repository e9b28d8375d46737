// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Whether a posterior is over the weights of the model that is to use it.

import { Module } from "../nn/mod.ts";

/**
 * Refuses a posterior over the weights of another model: its samples would change
 * nothing, so that results would look certain. One over a part of the model will do.
 *
 * @param model The model.
 * @param posterior The posterior; one that does not tell its `base` is accepted.
 * @throws {TypeError} If the two have no parameter in common.
 */
export function checkOwnPosterior(model: object, posterior: object): void {
  const { base } = posterior as { base?: unknown };
  if (!(model instanceof Module && base instanceof Module)) return;
  const own = new Set(model.namedParameters().values());
  if ([...base.namedParameters().values()].some((x) => own.has(x))) return;
  throw new TypeError(
    `Cannot use a posterior over another model, a ${base.constructor.name}, with ` +
      `this ${model.constructor.name}: make it over this one, or load it for ` +
      "this one",
  );
}
