// Copyright 2026 the swagpu authors. MIT license.

/**
 * Messages and progress on standard error: one line that is replaced where
 * somebody watches, a plain line now and then where a file is written.
 *
 * @module
 */

import type { TrainReport } from "../nn/mod.ts";
import { count } from "./names.ts";

/** How long a run is. */
export interface RunLength {
  /** Passes over the data. */
  epochs: number;
  /** Steps in all. */
  steps: number;
  /** Examples in all. */
  samples: number;
}

/** Where messages go. */
export interface Terminal {
  /** Whether somebody watches. */
  isTerminal(): boolean;
  /** Writes bytes. */
  writeSync(bytes: Uint8Array): number;
}

/** How messages are given. */
export interface ProgressOptions {
  /** Whether nothing is said. @default {false} */
  quiet?: boolean;
  /** Where they go. @default {standard error} */
  terminal?: Terminal;
  /** The time in milliseconds. @default {performance.now} */
  now?: () => number;
}

const ENCODER = new TextEncoder();
const CLEAR = "\r\x1b[2K";

/** A line is replaced no more often than this, in milliseconds. */
const REDRAW = 100;

/** What lasts no longer than this needs no plain line, in milliseconds. */
const FIRST_PLAIN = 2000;

/** The time between two plain lines, in milliseconds. */
const NEXT_PLAIN = 5000;

/** Says what goes on. */
export class Progress {
  readonly #quiet: boolean;
  readonly #terminal: Terminal;
  readonly #now: () => number;
  readonly #watched: boolean;
  #isDrawn = false;
  #due = 0;

  constructor(
    { quiet = false, terminal = Deno.stderr, now = () => performance.now() }:
      ProgressOptions = {},
  ) {
    this.#quiet = quiet;
    this.#terminal = terminal;
    this.#now = now;
    this.#watched = terminal.isTerminal();
    this.begin();
  }

  /** Starts the clock of something that may last. */
  begin(): void {
    this.#due = this.#watched ? 0 : this.#now() + FIRST_PLAIN;
  }

  /**
   * Shows how far something is, if it is time to.
   *
   * @param line What to show.
   * @param isDue Whether it is time in any case.
   */
  show(line: string | (() => string), isDue = false): void {
    const now = this.#now();
    if (now < this.#due && !isDue) return;
    this.#due = now + (this.#watched ? REDRAW : NEXT_PLAIN);
    const text = typeof line === "string" ? line : line();
    if (this.#watched) this.#write(CLEAR + text.slice(0, columns() - 1));
    else this.#write(`${text}\n`);
    this.#isDrawn = this.#watched;
  }

  /** Leaves a message. */
  say(message: string): void {
    this.clear();
    this.#write(`${message}\n`);
  }

  /** Takes the line away. */
  clear(): void {
    if (this.#isDrawn) this.#write(CLEAR);
    this.#isDrawn = false;
    if (this.#watched) this.#due = 0;
  }

  /** Something of known length, such as scoring texts. */
  stage(name: string, total: number, unit: string): Stage {
    return new Stage(this, { name, total, unit, now: this.#now });
  }

  /** Shows how long something takes whose length nobody knows. */
  async during<T>(name: string, work: Promise<T>): Promise<T> {
    this.begin();
    const start = this.#now();
    const timer = setInterval(() => {
      const seconds = (this.#now() - start) / 1000;
      if (seconds < 1) return;
      this.show(`${name}  ${clock(seconds)}`);
    }, 500);
    try {
      return await work;
    } finally {
      clearInterval(timer);
      this.clear();
    }
  }

  #write(text: string): void {
    if (this.#quiet) return;
    try {
      this.#terminal.writeSync(ENCODER.encode(text));
    } catch {
      // Nobody listens any more: a closed window must not end the work.
    }
  }
}

/** The width of the terminal. */
function columns(): number {
  try {
    return Deno.consoleSize().columns || Infinity;
  } catch {
    return Infinity;
  }
}

/** What a stage is. */
interface StageOptions {
  name: string;
  total: number;
  unit: string;
  now: () => number;
}

/** How far something of known length is. */
export class Stage implements Disposable {
  readonly #progress: Progress;
  readonly #options: StageOptions;
  readonly #start: number;
  #done = 0;

  /** Made by {@linkcode Progress.stage}. */
  constructor(progress: Progress, options: StageOptions) {
    this.#progress = progress;
    this.#options = options;
    this.#start = options.now();
    progress.begin();
  }

  /** Notes that so many more are done. */
  advance(more: number): void {
    this.#done += more;
    const { name, total, unit, now } = this.#options;
    this.#progress.show(() => {
      const seconds = (now() - this.#start) / 1000;
      const rate = this.#done / seconds;
      return [
        name,
        `${count(this.#done)} of ${count(total)} ${unit}`,
        `${formatRate(rate)} ${unit}/s`,
        `${clock((total - this.#done) / rate)} left`,
      ].join("  ");
    });
  }

  /** Takes the line away. */
  [Symbol.dispose](): void {
    this.#progress.clear();
  }
}

/** The line: epoch, step, loss, learning rate, samples a second, time left. */
export function progressLine(
  { epoch, step, loss, learningRate }: TrainReport,
  { epochs, steps, samples }: RunLength,
  seconds: number,
): string {
  const share = step / steps;
  return [
    `epoch ${epoch + 1}/${epochs}`,
    `step ${step}/${steps}`,
    `loss ${loss.toFixed(4)}`,
    `learning rate ${learningRate.toExponential(2)}`,
    `${formatRate(samples * share / seconds)} samples/s`,
    `${clock(seconds * (1 - share) / share)} left`,
  ].join("  ");
}

function formatRate(rate: number): string {
  return rate.toFixed(rate < 10 ? 1 : 0);
}

/** Minutes and seconds, and hours where there are any. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const parts = [Math.floor(whole / 60) % 60, whole % 60];
  if (whole >= 3600) parts.unshift(Math.floor(whole / 3600));
  return parts.map((part, i) => i === 0 ? part : String(part).padStart(2, "0"))
    .join(":");
}
