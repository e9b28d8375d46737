// Copyright 2026 the swagpu authors. MIT license.

/**
 * What the commands `swag fit`, `swag sample` and `swag evaluate` have in common.
 *
 * @module
 */

import { COMMON_OPTIONS, type Option } from "./arguments.ts";

/** The options of commands that write a folder. */
export const WRITING_OPTIONS: readonly Option[] = [
  { name: "output", value: "DIR", help: "Folder to write." },
  { name: "overwrite", help: "Replace a model in that folder." },
  ...COMMON_OPTIONS,
];

/** The error for a model without a posterior. */
export function noPosterior(action: string, source: string): TypeError {
  return new TypeError(
    `Cannot ${action} ${source}: it holds no posterior; finetune --swag or swag ` +
      "fit makes one",
  );
}
