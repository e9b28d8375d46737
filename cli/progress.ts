// Copyright 2026 the swagpu authors. MIT license.

/**
 * Messages and progress on standard error. On a terminal, progress is one line that is
 * replaced; elsewhere it is a new line from time to time.
 *
 * @module
 */

import { count } from "../data/names.ts";
import { STANDARD_ERROR, terminalWidth } from "./runtime.ts";
import { bytesText } from "./sizes.ts";

/** What the progress line of a training shows. */
export interface TrainingState {
  /** The pass over the data, from 1 on. */
  epoch: number;
  /** The number of passes. */
  epochs: number;
  /** The steps so far. */
  step: number;
  /** The number of steps in all passes. */
  steps: number;
  /** The last loss that was read; `undefined` before the first. */
  loss: number | undefined;
  /** The learning rate. */
  learningRate: number;
  /** The rate, in rows per second. */
  samplesPerSecond: number;
  /** The seconds to the end at this rate. */
  secondsLeft: number;
  /** The GPU memory that tensors take, in bytes. */
  gpuBytes: number;
}

/** The output for messages. */
export interface Terminal {
  /** Whether it is a terminal, and not a file or a pipe. */
  isTerminal(): boolean;
  /** Writes bytes. */
  writeSync(bytes: Uint8Array): number;
}

/** Options of {@linkcode Progress}. */
export interface ProgressOptions {
  /** Whether to write nothing. @default {false} */
  quiet?: boolean;
  /** The output. @default {standard error} */
  terminal?: Terminal;
  /** Gives the time in milliseconds. @default {performance.now} */
  now?: () => number;
}

const ENCODER = new TextEncoder();
const CLEAR = "\r\x1b[2K";

/** The least milliseconds between two replacements of the line. */
const REDRAW = 100;

/** The milliseconds before the first new line, where there is no terminal. */
const FIRST_PLAIN = 2000;

/** The milliseconds between two new lines, where there is no terminal. */
const NEXT_PLAIN = 5000;

/** Writes messages and shows progress. */
export class Progress {
  readonly #quiet: boolean;
  readonly #terminal: Terminal;
  readonly #now: () => number;
  readonly #isTerminal: boolean;
  #isDrawn = false;
  #due = 0;

  constructor(
    { quiet = false, terminal = STANDARD_ERROR, now = () => performance.now() }:
      ProgressOptions = {},
  ) {
    this.#quiet = quiet;
    this.#terminal = terminal;
    this.#now = now;
    this.#isTerminal = terminal.isTerminal();
    this.begin();
  }

  /** Starts the clock of work that may take long. */
  begin(): void {
    this.#due = this.#isTerminal ? 0 : this.#now() + FIRST_PLAIN;
  }

  /**
   * Shows progress, if enough time has passed since the last line.
   *
   * @param line The line.
   * @param isDue Whether to show it in any case.
   */
  show(line: string | (() => string), isDue = false): void {
    const now = this.#now();
    if (now < this.#due && !isDue) return;
    this.#due = now + (this.#isTerminal ? REDRAW : NEXT_PLAIN);
    const text = typeof line === "string" ? line : line();
    if (this.#isTerminal) {
      this.#write(CLEAR + text.slice(0, terminalWidth() - 1));
    } else this.#write(`${text}\n`);
    this.#isDrawn = this.#isTerminal;
  }

  /** Writes a message that stays. */
  say(message: string): void {
    this.clear();
    this.#write(`${message}\n`);
  }

  /** Removes the progress line. */
  clear(): void {
    if (this.#isDrawn) this.#write(CLEAR);
    this.#isDrawn = false;
    if (this.#isTerminal) this.#due = 0;
  }

  /** Begins work of known length, such as scoring texts. */
  stage(name: string, total: number, unit: string): Stage {
    return new Stage(this, { name, total, unit, now: this.#now });
  }

  /** Shows for how long work of unknown length has been going on. */
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
      // The output is closed, for example with its window: the work goes on.
    }
  }
}

/** Describes a stage. */
interface StageOptions {
  name: string;
  total: number;
  unit: string;
  now: () => number;
}

/** Shows the progress of work of known length. */
export class Stage implements Disposable {
  readonly #progress: Progress;
  readonly #options: StageOptions;
  readonly #start: number;
  #done = 0;

  /** Use {@linkcode Progress.stage} instead. */
  constructor(progress: Progress, options: StageOptions) {
    this.#progress = progress;
    this.#options = options;
    this.#start = options.now();
    progress.begin();
  }

  /** Adds to the amount of work that is done. */
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

  /** Removes the progress line. */
  [Symbol.dispose](): void {
    this.#progress.clear();
  }
}

/** The progress line of training: from the epoch to the time that is left. */
export function progressLine(state: TrainingState): string {
  const { loss, learningRate, samplesPerSecond, gpuBytes } = state;
  return [
    `epoch ${state.epoch}/${state.epochs}`,
    `step ${state.step}/${state.steps}`,
    ...loss === undefined ? [] : [`loss ${loss.toFixed(4)}`],
    `learning rate ${learningRate.toExponential(2)}`,
    `${formatRate(samplesPerSecond)} samples/s`,
    `${bytesText(gpuBytes)} of GPU memory`,
    `${clock(state.secondsLeft)} left`,
  ].join("  ");
}

function formatRate(rate: number): string {
  return rate.toFixed(rate < 10 ? 1 : 0);
}

/** A time as minutes and seconds, with hours if there are any. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const parts = [Math.floor(whole / 60) % 60, whole % 60];
  if (whole >= 3600) parts.unshift(Math.floor(whole / 3600));
  return parts.map((part, i) => i === 0 ? part : String(part).padStart(2, "0"))
    .join(":");
}
