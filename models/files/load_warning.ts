// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The warning about names that did not match when weights were loaded.

import type { LoadReport } from "../../nn/mod.ts";

const LISTED = 6;

/**
 * Makes one line about parameters that were initialized and tensors that were not
 * used; `undefined` if every parameter came from the file.
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
