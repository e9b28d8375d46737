// Copyright 2026 the swagpu authors. MIT license.

/**
 * A line on the terminal that says how far a run is.
 *
 * @module
 */

import type { TrainReport } from "../nn/mod.ts";

/** How long a run is. */
export interface RunLength {
  /** Passes over the data. */
  epochs: number;
  /** Steps in all. */
  steps: number;
  /** Examples in all. */
  samples: number;
}

/** Where a progress line goes. */
export interface Terminal {
  /** Whether somebody watches. */
  isTerminal(): boolean;
  /** Writes bytes. */
  writeSync(bytes: Uint8Array): number;
}

const ENCODER = new TextEncoder();
const CLEAR = "\r\x1b[2K";

/** Shows progress on a terminal, and nothing anywhere else. */
export class Progress {
  readonly #length: RunLength;
  readonly #terminal: Terminal;
  readonly #start = performance.now();

  constructor(length: RunLength, terminal: Terminal = Deno.stderr) {
    this.#length = length;
    this.#terminal = terminal;
  }

  /** Replaces the line. */
  show(report: TrainReport): void {
    const seconds = (performance.now() - this.#start) / 1000;
    this.#write(CLEAR + progressLine(report, this.#length, seconds));
  }

  /** Takes the line away, and leaves a message instead. */
  say(message: string): void {
    this.#write(`${CLEAR}${message}\n`);
  }

  /** Takes the line away. */
  clear(): void {
    this.#write(CLEAR);
  }

  #write(text: string): void {
    if (!this.#terminal.isTerminal()) return;
    this.#terminal.writeSync(ENCODER.encode(text));
  }
}

/** The line: epoch, step, loss, learning rate, samples a second, time left. */
export function progressLine(
  { epoch, step, loss, learningRate }: TrainReport,
  { epochs, steps, samples }: RunLength,
  seconds: number,
): string {
  const share = step / steps;
  const rate = samples * share / seconds;
  return [
    `epoch ${epoch + 1}/${epochs}`,
    `step ${step}/${steps}`,
    `loss ${loss.toFixed(4)}`,
    `learning rate ${learningRate.toExponential(2)}`,
    `${rate.toFixed(rate < 10 ? 1 : 0)} samples/s`,
    `${clock(seconds * (1 - share) / share)} left`,
  ].join("  ");
}

function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const parts = [Math.floor(whole / 60) % 60, whole % 60];
  if (whole >= 3600) parts.unshift(Math.floor(whole / 3600));
  return parts.map((part, i) => i === 0 ? part : String(part).padStart(2, "0"))
    .join(":");
}
