// Copyright 2026 the swagpu authors. MIT license.

/**
 * Low-rank adapters of models, in PEFT's files.
 *
 * @module
 */

export * from "./auto_peft.ts";
export {
  getPeftModel,
  type PeftLoadOptions,
  PeftModel,
  type PeftSaveOptions,
} from "./peft_model.ts";
