// Copyright 2026 the swagpu authors. MIT license.

/** What is drawn in a row of the figure. */
export interface BandsPanel {
  readonly title: string;
  readonly x: readonly number[];
  /** The mean prediction at each x. */
  readonly mean: readonly number[];
  /** Its standard deviation. */
  readonly std: readonly number[];
  /** The mean prediction of each particle at each x. */
  readonly curves: readonly (readonly number[])[];
}
