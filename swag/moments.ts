// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/** What a parameter's moments are. */
export interface RawMoments {
  mean: Float32Array<ArrayBuffer>;
  /** Sums of squared differences from the mean; random parameters only. */
  squares: Float32Array<ArrayBuffer> | undefined;
  /** `[rank, size]`, oldest first; random parameters only. */
  deviations: Float32Array<ArrayBuffer> | undefined;
}
