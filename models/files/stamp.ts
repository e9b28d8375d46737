// Copyright 2026 the swagpu authors. MIT license.

// Tells whether a folder still holds the same save. If a save were replaced
// while it is read, the configuration and the weights would be those of
// different models.

import { disk } from "../../host/mod.ts";
import { WEIGHT_FILES } from "./weights.ts";

/** The files that every save replaces or removes. */
const NAMES = ["config.json", "generation_config.json", ...WEIGHT_FILES];

/**
 * Returns a text that changes whenever a model is saved to the folder. For
 * anything else, for example the name of a repository, it is always the same.
 */
export async function stampOf(folder: string): Promise<string> {
  const stamps = NAMES.map(async (name) => {
    try {
      const { ino, size, mtime, version } = await disk(`${folder}/${name}`)
        .stat(`${folder}/${name}`);
      return `${ino} ${size} ${mtime?.getTime()} ${version}`;
    } catch {
      return "absent";
    }
  });
  return (await Promise.all(stamps)).join(", ");
}
