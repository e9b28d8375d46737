// Copyright 2026 the swagpu authors. MIT license.

/**
 * Ctrl-C, and the signals that end a session or a job, as a request to stop:
 * what was trained is saved before the end.
 *
 * @module
 */

/** Signals this close together are one: a terminal and a wrapper may both send. */
const TOGETHER = 1000;

/**
 * The time from one turn to the next, and how many lie between two signals that
 * are not one. While the GPU is waited for no signal is heard, so that two sent
 * together may be heard more than a second apart: but with no turn between.
 */
const TURN = 250;
const TURNS = 3;

/** The signals that are heard, with their numbers. */
const NUMBERS: Partial<Record<Deno.Signal, number>> =
  Deno.build.os === "windows"
    ? { SIGINT: 2, SIGBREAK: 21 }
    : { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 };

/**
 * While it is not disposed, the first signal aborts {@linkcode signal}, and one
 * that comes more than a second after ends the process, unless
 * {@linkcode finish} is at work. Afterwards signals end the process at once, as
 * they did before.
 */
export class Interrupt implements Disposable {
  readonly #controller = new AbortController();
  readonly #listeners = new Map<Deno.Signal, () => void>();
  #exitCode = 0;
  #isFinishing = false;
  #last = -Infinity;
  #turns = 0;
  readonly #timer = setInterval(() => this.#turns++, TURN);

  /** @param onFirst Called at the first signal. */
  constructor(onFirst: () => void) {
    Deno.unrefTimer(this.#timer);
    for (const [name, number] of Object.entries(NUMBERS)) {
      const signal = name as Deno.Signal;
      if (signal === "SIGHUP" && OUTLIVES_TERMINAL) continue;
      const listener = () => this.#hear(128 + number, onFirst);
      this.#listeners.set(signal, listener);
      Deno.addSignalListener(signal, listener);
    }
  }

  /** Aborted at the first signal. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The exit code of shells after the signal that came; 0 if none did. */
  get exitCode(): number {
    return this.#exitCode;
  }

  /** Does what must not be broken off: signals are noted, and wait. */
  async finish<T>(work: () => Promise<T>): Promise<T> {
    this.#isFinishing = true;
    try {
      return await work();
    } finally {
      // A signal that came meanwhile is heard before anything else happens.
      await new Promise((resolve) => setTimeout(resolve));
      this.#isFinishing = false;
    }
  }

  /** Gives signals their usual effect back. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    for (const [signal, listener] of this.#listeners) {
      Deno.removeSignalListener(signal, listener);
    }
  }

  #hear(exitCode: number, onFirst: () => void): void {
    const now = performance.now();
    const isSame = now - this.#last < TOGETHER || this.#turns < TURNS;
    this.#last = now;
    this.#turns = 0;
    if (this.signal.aborted) {
      if (isSame) return;
      if (!this.#isFinishing) Deno.exit(exitCode);
      return;
    }
    this.#exitCode = exitCode;
    this.#controller.abort();
    onFirst();
  }
}

/**
 * Whether the process was started to outlive its terminal, as by `nohup`. It is
 * asked at the start: runtime and GPU drivers install handlers of their own.
 */
const OUTLIVES_TERMINAL = ignoresHangup();

function ignoresHangup(): boolean {
  const path = "/proc/self/status";
  const { state } = Deno.permissions.querySync({ name: "read", path });
  if (state !== "granted") return false; // nobody is asked for this
  try {
    const status = Deno.readTextFileSync(path);
    const ignored = /^SigIgn:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0";
    return (Number.parseInt(ignored.slice(-1), 16) & 1) === 1;
  } catch {
    return false; // Only Linux tells.
  }
}

/** Goes on ignoring a closed terminal where the process was started to. */
export function outliveTerminal(): void {
  if (OUTLIVES_TERMINAL) Deno.addSignalListener("SIGHUP", () => {});
}
