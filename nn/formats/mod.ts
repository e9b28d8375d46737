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

export {
  folderNames,
  folderSizes,
  recoverFolders,
  removeFolderAtomically,
  requireWritable,
  writeFolderAtomically,
} from "./atomic_folder.ts";
export {
  writeAtomically,
  type WriteOptions,
  writeTextAtomically,
} from "./atomic_write.ts";
export { parseByteSize } from "./byte_sizes.ts";
export { checkFinite } from "./check_finite.ts";
export { exists, folderOf } from "./disk.ts";
export { diskError, withFile } from "./disk_errors.ts";
export { DiskReader } from "./disk_reader.ts";
export { type CommitOptions, finishSave, FolderSave } from "./folder_save.ts";
export {
  openPyTorch,
  type PyTorchBytes,
  PyTorchReader,
} from "./pytorch_file.ts";
export {
  parseSafetensors,
  type ParseSafetensorsOptions,
  type SafetensorsDtype,
  type SafetensorsEntry,
  SafetensorsFile,
  type SafetensorsHeader,
  SafetensorsIndex,
  type SafetensorsInfo,
  type SafetensorsProducer,
  type SafetensorsRange,
  type SafetensorsSource,
  type SafetensorsTensor,
  type SafetensorsValues,
  serializeSafetensors,
  type SerializeSafetensorsOptions,
} from "./safetensors.ts";
export {
  openSafetensors,
  type SafetensorsBytes,
  SafetensorsReader,
  writeSafetensors,
} from "./safetensors_file.ts";
export { appendText, readText } from "./text_file.ts";
