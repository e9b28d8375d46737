// Copyright 2026 the swagpu authors. MIT license.

// Reads whole files of a model's folder.

import { NotFound } from "../../host/mod.ts";
import { DiskReader, finishSave, folderOf } from "../../nn/formats/mod.ts";

/**
 * Reads a text file, after a save of its folder that was interrupted is finished.
 *
 * @throws {NotFound} If the file does not exist.
 */
export async function readText(path: string): Promise<string> {
  try {
    await finishSave(folderOf(path));
    return new TextDecoder().decode(await readBytes(path));
  } catch (error) {
    if (!(error instanceof NotFound)) throw error;
    throw new NotFound(
      `Cannot read ${path}: the file does not exist`,
      { cause: error },
    );
  }
}

/** Reads the bytes of a file; `null` if it does not exist. */
export async function readOptional(
  path: string,
): Promise<Uint8Array<ArrayBuffer> | null> {
  try {
    return await readBytes(path);
  } catch (error) {
    if (error instanceof NotFound) return null;
    throw error;
  }
}

async function readBytes(path: string): Promise<Uint8Array<ArrayBuffer>> {
  using file = await DiskReader.open(path);
  return await file.read(0, file.size);
}
