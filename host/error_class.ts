// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/** A class of errors. */
export type ErrorClass = new (
  message?: string,
  options?: ErrorOptions,
) => Error;
