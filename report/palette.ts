// Copyright 2026 the swagpu authors. MIT license.

// The colors and fonts of charts and of the page. There are two accents, a blue and an
// orange, which readers with any form of color blindness can tell apart.

/** The colors of a chart. */
export interface Palette {
  /** Behind everything. */
  readonly paper: string;
  /** Text and the most important lines. */
  readonly ink: string;
  /** Axis labels and notes. */
  readonly quiet: string;
  /** Grid lines, behind the data. */
  readonly grid: string;
  /** Axes, and data that only gives context. */
  readonly line: string;
  /** The first accent. */
  readonly first: string;
  /** The second accent. */
  readonly second: string;
}

/** On white paper. */
export const LIGHT: Palette = {
  paper: "#ffffff",
  ink: "#1d2630",
  quiet: "#57636f",
  grid: "#e8ecf0",
  line: "#808c98",
  first: "#1f5fa8",
  second: "#b4500b",
};

/** On a dark screen. */
export const DARK: Palette = {
  paper: "#14191f",
  ink: "#e6eaee",
  quiet: "#a3aeb9",
  grid: "#29313a",
  line: "#74808c",
  first: "#74b3f5",
  second: "#f0a05a",
};

/** Colors that follow the page, which defines them as variables of CSS. */
export const PAGE: Palette = {
  paper: "var(--paper)",
  ink: "var(--ink)",
  quiet: "var(--quiet)",
  grid: "var(--grid)",
  line: "var(--line)",
  first: "var(--first)",
  second: "var(--second)",
};

/** The declarations of the variables, for a rule of CSS. */
export function variables(palette: Palette): string {
  return Object.entries(palette)
    .map(([name, color]) => `--${name}:${color}`)
    .join(";");
}

/** The font of charts and of the page: the system's own. */
export const FONT =
  "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif";
