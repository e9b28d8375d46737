// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// What an optimizer knows of a subspace that its steps must not leave. It has a
// file to itself because both sides need it.

import type { Segment } from "./segment.ts";

/** What changes gradients just before each step of an optimizer; see `TWACallback`. */
export interface GradientProjection {
  /**
   * Overwrites the gradients of all segments of the optimizer, which have been
   * clipped. It is recorded with the step.
   */
  project(segments: readonly Segment[]): void;
}
