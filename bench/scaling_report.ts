// Copyright 2026 the swagpu authors. MIT license.

import type { Fit, Point } from "./scaling_fit.ts";

/** A curve, measured. */
export interface MeasuredSeries {
  name: string;
  expected: number | readonly [number, number];
  points: Point[];
  fit: Fit;
  /** How far the slope is from the one expected. */
  off: number;
}

/** A figure, measured. */
export interface MeasuredPanel {
  title: string;
  note: string;
  x: string;
  y: string;
  series: MeasuredSeries[];
}

/** All that is written to scaling.json. */
export interface ScalingReport {
  adapter: string;
  runtime: string;
  date: string;
  tolerance: number;
  panels: MeasuredPanel[];
}
