// Copyright 2026 the swagpu authors. MIT license.

// What the coordinator and its workers say to each other: one JSON object per
// line, a request on the worker's standard input, its reply on standard output.

/** Sizes and switches of a case; which there are depends on its kind. */
export type Parameters = Readonly<Record<string, number | boolean>>;

/** What the coordinator asks. A worker has one case open at a time. */
export type Request =
  /** Builds a case's inputs, runs it once and tells its outputs. */
  | { do: "open"; kind: string; parameters: Parameters }
  /** Times the open case for at least so many milliseconds. */
  | { do: "sample"; minMs: number }
  /** Frees the open case. */
  | { do: "close" };

/** Who a worker is. */
export interface Hello {
  /** Versions of what it measures. */
  versions: Record<string, string>;
  /** The adapter or processor that it works on. */
  adapter: string;
}

/** Some elements of the outputs, or the first losses of a training. */
export interface Opened {
  outputs: number[];
  /** How the case was put together, where there was a choice. */
  note?: string;
}

/** One sample, per run of the case. */
export interface Sample {
  /** Wall time, milliseconds. */
  ms: number;
  /** Processor time of the worker's process, milliseconds. */
  cpuMs: number;
  /** Runs in this sample. */
  runs: number;
  /** The most memory held on the device so far, bytes, where it is known. */
  peakBytes?: number;
}

/** Said instead of an answer. */
export interface Refusal {
  error: string;
}
