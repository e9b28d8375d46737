// Copyright 2026 the swagpu authors. MIT license.

/**
 * Handles Ctrl-C, and the signals that end a session or a job, as a request to stop:
 * the weights so far are saved before the program ends.
 *
 * @module
 */

import { readFileSync } from "node:fs";
import process from "node:process";
import { clearInterval, setInterval } from "node:timers";
import { mayRead } from "../host/inside.ts";

/**
 * Signals within these milliseconds count as one: a terminal and a program around this
 * one may both send it.
 */
const TOGETHER = 1000;

/**
 * The milliseconds between two turns of a timer, and how many turns must lie between
 * two separate signals. While the program waits for the GPU it receives no signal, so
 * two that were sent together may arrive more than a second apart: but then the timer
 * has not turned between them.
 */
const TURN = 250;
const TURNS = 3;

/** The signals that are handled, with their numbers. */
const NUMBERS: Partial<Record<NodeJS.Signals, number>> =
  process.platform === "win32"
    ? { SIGINT: 2, SIGBREAK: 21 }
    : { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 };

/** What is called at each signal. */
type Listeners = ReadonlyMap<NodeJS.Signals, () => void>;

/** Calls a function at each signal, with the exit code that shells give after it. */
function listen(hear: (exitCode: number) => void): Listeners {
  const listeners = new Map<NodeJS.Signals, () => void>();
  for (const [name, number] of Object.entries(NUMBERS)) {
    const signal = name as NodeJS.Signals;
    if (signal === "SIGHUP" && OUTLIVES_TERMINAL) continue;
    const listener = () => hear(128 + number);
    listeners.set(signal, listener);
    process.on(signal, listener);
  }
  return listeners;
}

/** Gives signals their usual effect back. */
function forget(listeners: Listeners): void {
  for (const [signal, listener] of listeners) {
    process.off(signal, listener);
  }
}

/**
 * Handles signals until it is disposed. The first one aborts {@linkcode signal}. One
 * that comes more than a second later ends the process, unless {@linkcode finish} is
 * at work. Afterwards signals end the process at once, as usual.
 */
export class Interrupt implements Disposable {
  readonly #controller = new AbortController();
  readonly #listeners: Listeners;
  #exitCode = 0;
  #isFinishing = false;
  #last = -Infinity;
  #turns = 0;
  readonly #timer = setInterval(() => this.#turns++, TURN);
  /** How many are at work. */
  static #active = 0;

  /** @param onFirst Called at the first signal. */
  constructor(onFirst: () => void) {
    Interrupt.#active++;
    this.#timer.unref();
    this.#listeners = listen((exitCode) => this.#hear(exitCode, onFirst));
  }

  /**
   * Ends the process with an exit code at the first signal, unless an
   * {@linkcode Interrupt} is at work, which then handles it.
   */
  static exitWith(exitCode: number): Disposable {
    const listeners = listen(() => {
      if (Interrupt.#active === 0) process.exit(exitCode);
    });
    return { [Symbol.dispose]: () => forget(listeners) };
  }

  /** Aborted at the first signal. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The exit code that shells give after the received signal; 0 without one. */
  get exitCode(): number {
    return this.#exitCode;
  }

  /** Does work that must not be interrupted: signals do not end the process meanwhile. */
  async finish<T>(work: () => Promise<T>): Promise<T> {
    this.#isFinishing = true;
    try {
      return await work();
    } finally {
      // A signal that came meanwhile is received before the work counts as done.
      await new Promise((resolve) => setTimeout(resolve));
      this.#isFinishing = false;
    }
  }

  /** Gives signals their usual effect back. */
  [Symbol.dispose](): void {
    Interrupt.#active--;
    clearInterval(this.#timer);
    forget(this.#listeners);
  }

  #hear(exitCode: number, onFirst: () => void): void {
    const now = performance.now();
    const isSame = now - this.#last < TOGETHER || this.#turns < TURNS;
    this.#last = now;
    this.#turns = 0;
    if (this.signal.aborted) {
      if (isSame) return;
      if (!this.#isFinishing) process.exit(exitCode);
      return;
    }
    this.#exitCode = exitCode;
    this.#controller.abort();
    onFirst();
  }
}

/**
 * Whether the process was started to outlive its terminal, for example by `nohup`. It
 * must be read at the start, because the runtime and GPU drivers install handlers.
 */
const OUTLIVES_TERMINAL = ignoresHangup();

function ignoresHangup(): boolean {
  const path = "/proc/self/status";
  if (!mayRead(path)) return false; // Not worth asking for a permission.
  try {
    const status = readFileSync(path, "utf8");
    const ignored = /^SigIgn:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0";
    return (Number.parseInt(ignored.slice(-1), 16) & 1) === 1;
  } catch {
    return false; // Only Linux has this file.
  }
}

/** Keeps ignoring a closed terminal, if the process was started to do so. */
export function outliveTerminal(): void {
  if (OUTLIVES_TERMINAL) process.on("SIGHUP", () => {});
}
