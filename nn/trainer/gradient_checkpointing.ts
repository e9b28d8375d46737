// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// How a `Trainer` checkpoints the blocks of a model, of which it knows only that
// it has the method.

import type { Module } from "../module.ts";

/** A module whose blocks can be checkpointed. */
interface Checkpointable {
  gradientCheckpointingEnable(): void;
}

function isCheckpointable(module: Module): module is Module & Checkpointable {
  return "gradientCheckpointingEnable" in module &&
    typeof module.gradientCheckpointingEnable === "function";
}

/**
 * The modules of a model whose blocks can be checkpointed: the model itself, that
 * of an adapter, or parts of a model of one's own.
 *
 * @throws {TypeError} If there is none.
 */
export function checkpointable(model: Module): Checkpointable[] {
  const found = [...model.namedModules().values()].filter(isCheckpointable);
  if (found.length > 0) return found;
  throw new TypeError(
    `Cannot train with gradientCheckpointing: ${model.constructor.name} has no ` +
      "method gradientCheckpointingEnable(), nor has a module in it",
  );
}
