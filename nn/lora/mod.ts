// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Low-rank adapters (LoRA) of any module, by the rules of PEFT. `PeftModel` of
 * `@swagpu/swagpu/models` reads and writes their files.
 *
 * @module
 */

export {
  type LoraBias,
  LoraConfig,
  type LoraConfigOptions,
} from "./lora_config.ts";
export { LoraLinear } from "./lora_linear.ts";
export { type Adaptable, LoraModel } from "./lora_model.ts";
export { ownParameters } from "./stand_ins.ts";
export { ALL_LINEAR, targetPaths } from "./targets.ts";
