// Copyright 2026 the swagpu authors. MIT license.

import type { Fit, Point } from "./scaling_fit.ts";

/** A measured curve. */
export interface MeasuredSeries {
  name: string;
  expected: number | readonly [number, number];
  points: Point[];
  fit: Fit;
  /** By how much the slope differs from the expected one. */
  off: number;
}

/** A measured figure. */
export interface MeasuredPanel {
  title: string;
  note: string;
  x: string;
  y: string;
  series: MeasuredSeries[];
}

/** The contents of scaling.json. */
export interface ScalingReport {
  adapter: string;
  runtime: string;
  date: string;
  tolerance: number;
  panels: MeasuredPanel[];
}
