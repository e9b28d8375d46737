// Copyright 2026 the swagpu authors. MIT license.

/**
 * Bytes in files: safetensors, PyTorch archives, and folders that are written so
 * that nothing is lost. Knows no tensor and no GPU.
 *
 * @module
 */

export { checkFinite } from "./check_finite.ts";
export * from "./disk.ts";
export * from "./folder_save.ts";
export * from "./pytorch_file.ts";
export * from "./safetensors.ts";
export * from "./safetensors_file.ts";
