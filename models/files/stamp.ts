// Copyright 2026 the swagpu authors. MIT license.

// Whether a folder holds the same save as before: one that is replaced while it
// is read would give the configuration of one model and the weights of another.

import { WEIGHT_FILES } from "./weights.ts";

/** The files that every save replaces or removes. */
const NAMES = ["config.json", "generation_config.json", ...WEIGHT_FILES];

/**
 * A text that changes whenever a model is saved to the folder. Of what is no
 * folder, such as the name of a repository, it is always the same.
 */
export async function stampOf(folder: string): Promise<string> {
  const stamps = NAMES.map(async (name) => {
    try {
      const { ino, size, mtime } = await Deno.stat(`${folder}/${name}`);
      return `${ino} ${size} ${mtime?.getTime()}`;
    } catch {
      return "absent";
    }
  });
  return (await Promise.all(stamps)).join(", ");
}
