// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// What a load says of names that did not match, unless the caller asked.

import type { LoadReport } from "../../nn/mod.ts";

const LISTED = 6;

/**
 * One line on parameters that were drawn anew and tensors that were not used;
 * nothing where every parameter came from the file.
 */
export function loadWarning(
  model: string,
  path: string,
  { missing, mismatched, unexpected }: LoadReport,
): string | undefined {
  if (missing.length + mismatched.length === 0) return undefined;
  const fresh = [
    ...missing,
    ...mismatched.map(({ name, expected, found }) =>
      `${name} (${found} there, ${expected} here)`
    ),
  ];
  const unused = unexpected.length === 0
    ? ""
    : `; not used: ${listed(unexpected)}`;
  return `${model}: newly initialized, as ${path} does not have them: ` +
    `${listed(fresh)}${unused}; train the model before you rely on it`;
}

function listed(names: readonly string[]): string {
  const more = names.length - LISTED;
  return names.slice(0, LISTED).join(", ") +
    (more > 0 ? ` and ${more} more` : "");
}
