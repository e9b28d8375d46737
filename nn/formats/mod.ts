// Copyright 2026 the swagpu authors. MIT license.

/**
 * Files: safetensors, PyTorch archives, and writing so that a crash cannot lose
 * what was there before. Nothing here knows of tensors on the GPU.
 *
 * @example Write and read a file of weights
 * ```ts
 * import { openSafetensors, writeSafetensors } from "@swagpu/swagpu/nn/formats";
 * import { assertEquals } from "@std/assert";
 *
 * const path = await Deno.makeTempFile({ suffix: ".safetensors" });
 * await writeSafetensors(path, [
 *   ["bias", { shape: [2], dtype: "F32", data: new Float32Array([1, 2]) }],
 * ]);
 * {
 *   using file = await openSafetensors(path);
 *   assertEquals(file.names, ["bias"]);
 * }
 * await Deno.remove(path);
 * ```
 *
 * @module
 */

export * from "./atomic_folder.ts";
export * from "./byte_sizes.ts";
export * from "./check_finite.ts";
export * from "./disk_reader.ts";
export { type CommitOptions, finishSave, FolderSave } from "./folder_save.ts";
export * from "./pytorch_file.ts";
export * from "./pytorch_writer.ts";
export {
  ROW_SCALES_METADATA,
  SCALE_SUFFIX,
  type ScaledDtype,
  type ScaledRows,
  scaleRows,
  widenRows,
} from "./row_scales.ts";
export * from "./saved_dtype.ts";
export * from "./safetensors.ts";
export * from "./safetensors_file.ts";
export {
  appendText,
  diskError,
  exists,
  folderOf,
  readText,
  withFile,
  writeAtomically,
  type WriteOptions,
  writeTextAtomically,
} from "../../host/mod.ts";
