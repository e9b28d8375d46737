// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// What the GPU says of the calls made to it. WebGPU never throws for a command
// that it refuses: it says so later, in Deno at the next microtask, in a browser
// many milliseconds after the submit. So every call that may be refused is made
// inside an error scope, and who reads numbers waits for what is said of all
// calls made before: a number is never handed out that was not computed.

import { DeviceLostError, GpuError, GpuOutOfMemoryError } from "./errors.ts";

/** In place of the chunk that wrote a block, where none has yet. */
export const UNWRITTEN = -1;

/** The same where the host wrote it, outside of all chunks. */
export const UPLOADED = -2;

/** The chunk of calls that belong to none. */
const NO_CHUNK = -3;

/** Makes an error of this library of what the GPU said. */
export type Explain = (error: GPUError) => Error;

/** Calls whose outcome is kept track of. */
interface Report {
  /** Settles, and never rejects, once the outcome is known. */
  known: Promise<void>;
  isKnown: boolean;
  /** What was refused, if anything. */
  error: Error | undefined;
  /** Whether a reader throws the error: then nobody else is told of it. */
  isAwaited: boolean;
  /** Whether a call made earlier was refused, and its error thrown instead. */
  isAnswered: boolean;
  /** Whether it is of calls that this library did not make. */
  isForeign: boolean;
}

/** Chunks of commands that the GPU refused. */
interface Refusal {
  readonly first: number;
  last: number;
  readonly error: Error;
}

/** Reports awaited at once before several chunks share one. */
const MAX_REPORTS = 256;

/** Refusals remembered, so that what they left unwritten is not read. */
const MAX_REFUSALS = 256;

/** Milliseconds in which a loss explains why a call failed. */
const LOSS_MS = 100;

/** Every error that a device reports, in the order of the calls that caused it. */
export class Faults {
  readonly #gpu: GPUDevice;
  /** In the order of the calls. */
  readonly #reports = new Set<Report>();
  readonly #refusals: Refusal[] = [];
  readonly #waiting = new Set<(lost: DeviceLostError) => void>();
  /** The chunks inside the scope that stays open while reports pile up. */
  #span: { first: number; last: number } | undefined;
  #lost: DeviceLostError | undefined;

  /** Every {@linkcode Device} has one. */
  constructor(gpu: GPUDevice) {
    this.#gpu = gpu;
    gpu.addEventListener("uncapturederror", (event) => {
      event.preventDefault();
      const { error } = event as GPUUncapturedErrorEvent;
      this.#reports.add({
        known: Promise.resolve(),
        isKnown: true,
        error: error instanceof GPUOutOfMemoryError
          ? outOfMemory(error)
          : refused(error),
        isAwaited: false,
        isAnswered: false,
        isForeign: true,
      });
    });
    gpu.lost.then(({ reason, message }) => this.#lose(reason, message));
    // The promise tells of a loss too late for calls of the same turn.
    const destroy = gpu.destroy.bind(gpu);
    gpu.destroy = () => {
      this.#lose("destroyed", "it was destroyed");
      destroy();
    };
  }

  /** Whether the device is gone. */
  get isLost(): boolean {
    return this.#lost !== undefined;
  }

  /** Throws if the device is gone: nothing can be done with it any more. */
  alive(): void {
    if (this.#lost) throw this.#lost;
  }

  /**
   * Makes a call to the GPU, and keeps track of what is said of it.
   *
   * @param explain What to make of an error; called when it is known.
   * @param filter The errors that the call may cause.
   */
  watch<T>(
    run: () => T,
    explain: Explain = refused,
    filter: GPUErrorFilter = "validation",
  ): T {
    if (explain === refused) return this.#share(NO_CHUNK, run);
    this.alive();
    this.#gpu.pushErrorScope(filter);
    try {
      return run();
    } finally {
      this.#note(this.#gpu.popErrorScope(), explain);
    }
  }

  /** Submits the commands of a chunk; if they are refused, none has run. */
  submit(chunk: number, run: () => void): void {
    this.#share(chunk, run);
  }

  /** Makes a call in a scope that stays open while reports pile up. */
  #share<T>(chunk: number, run: () => T): T {
    this.alive();
    const crowded = this.#reports.size >= MAX_REPORTS;
    if (!crowded) this.#closeSpan();
    if (!this.#span) {
      this.#gpu.pushErrorScope("validation");
      this.#span = { first: Infinity, last: -Infinity };
    }
    if (chunk !== NO_CHUNK) {
      this.#span.first = Math.min(this.#span.first, chunk);
      this.#span.last = chunk;
    }
    try {
      return run();
    } finally {
      if (!crowded) this.#closeSpan();
    }
  }

  /** Whether any chunk is known to have been refused. */
  get hasRefusals(): boolean {
    return this.#refusals.length > 0;
  }

  /** The error of a chunk that is known to have been refused. */
  refusalOf(chunk: number): Error | undefined {
    return this.#refusals.find(({ first, last }) =>
      first <= chunk && chunk <= last
    )?.error;
  }

  /**
   * Throws the first error that is known, once. Errors that follow from it, of
   * calls made until now, are not thrown after it; those that a reader waits
   * for are the reader's.
   */
  check(): void {
    this.alive();
    for (const report of this.#reports) {
      if (!report.isKnown) return; // It may turn out to be the cause.
      const { error, isAwaited, isAnswered } = report;
      if (!error || isAwaited || isAnswered) continue;
      this.#answer(this.#reports);
      throw error;
    }
  }

  /**
   * Waits for something that the GPU does after all calls made until now, and
   * for what it says of them.
   *
   * @param action What cannot be done if it fails.
   * @param isHeard Whether the caller tells somebody of errors; otherwise they
   * are thrown at the next flush, too.
   * @throws The first error of those calls, or that the device was lost.
   */
  async settle<T>(
    wait: Promise<T>,
    action: string,
    isHeard = true,
  ): Promise<T> {
    this.#closeSpan();
    const reports = [...this.#reports];
    const open = reports.filter(({ isAnswered }) => !isAnswered);
    for (const report of reports) report.isAwaited ||= isHeard;
    try {
      const [outcome] = await this.#orLost(
        Promise.all([
          wait.then((value) => ({ value }), (reason) => ({ reason })),
          ...reports.map(({ known }) => known),
        ]),
      );
      const own = open.find(({ error }) => error);
      if (own?.error) throw own.error;
      for (const report of this.#reports) {
        if (!report.isForeign || !isHeard) continue;
        this.#reports.delete(report);
        if (report.error) throw report.error;
      }
      this.alive();
      if ("value" in outcome) return outcome.value;
      await this.#orLost(new Promise((done) => setTimeout(done, LOSS_MS)));
      throw new GpuError(`Cannot ${action}: ${messageOf(outcome.reason)}`);
    } finally {
      if (isHeard) this.#answer(reports);
    }
  }

  #answer(reports: Iterable<Report>): void {
    for (const report of reports) {
      report.isAnswered = true;
      if (report.isKnown) this.#reports.delete(report);
    }
  }

  #closeSpan(): void {
    const span = this.#span;
    if (!span) return;
    this.#span = undefined;
    this.#note(this.#gpu.popErrorScope(), (said) => {
      const error = refused(said);
      if (span.first <= span.last) this.#refusals.push({ ...span, error });
      if (this.#refusals.length > MAX_REFUSALS) this.#refusals.shift();
      return error;
    });
  }

  #note(outcome: Promise<GPUError | null>, explain: Explain): void {
    const report: Report = {
      known: outcome.then((error) => {
        if (error) report.error = explain(error);
      }, () => {}).then(() => { // A device that was lost may reject.
        report.isKnown = true;
        const { error, isAwaited, isAnswered } = report;
        if (!error || isAwaited || isAnswered) this.#reports.delete(report);
      }),
      isKnown: false,
      error: undefined,
      isAwaited: false,
      isAnswered: false,
      isForeign: false,
    };
    this.#reports.add(report);
  }

  #lose(reason: string, message: string): void {
    if (this.#lost) return;
    this.#lost = new DeviceLostError(
      `The GPU device was lost (${reason}): ${message}`,
    );
    for (const reject of this.#waiting) reject(this.#lost);
    this.#waiting.clear();
  }

  /** Waits no longer than the device lives: some never answer after. */
  #orLost<T>(wait: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#lost) return reject(this.#lost);
      this.#waiting.add(reject);
      wait.then(resolve, reject).finally(() => this.#waiting.delete(reject));
    });
  }
}

/** What is said of a buffer or texture that there is no memory for. */
export function outOfMemory({ message }: GPUError): Error {
  return new GpuOutOfMemoryError(`The GPU has no memory left: ${message}`);
}

/** What is said of commands that are not valid. */
function refused(error: GPUError): Error {
  return new GpuError(`The GPU refused a command: ${error.message}`);
}

function messageOf(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}
