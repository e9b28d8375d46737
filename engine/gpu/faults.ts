// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The errors that the GPU reports. WebGPU never throws for a command that it
// refuses. It reports the refusal later: in Deno at the next microtask, in a
// browser many milliseconds after the submit. So every call that can be refused is
// made inside an error scope, and a read waits for the reports of all calls made
// before it. So no number is ever returned that was not computed.

import { DeviceLostError, GpuError, GpuOutOfMemoryError } from "./errors.ts";

/** Stands for the chunk that wrote a block, if none has written it yet. */
export const UNWRITTEN = -1;

/** Stands for the chunk that wrote a block, if the host wrote it directly. */
export const UPLOADED = -2;

/** Stands for the chunk of a call that belongs to no chunk. */
const NO_CHUNK = -3;

/** Makes an error of this library from an error of the GPU. */
export type Explain = (error: GPUError) => Error;

/** The outcome of one or several calls. */
interface Report {
  /** Resolves, and never rejects, once the outcome is known. */
  known: Promise<void>;
  isKnown: boolean;
  /** The error, if a call was refused. */
  error: Error | undefined;
  /** Whether a read waits for the report: only that read throws the error. */
  isAwaited: boolean;
  /** Whether the error of an earlier call was thrown instead of this one. */
  isAnswered: boolean;
  /** Whether this library did not make the calls. */
  isForeign: boolean;
}

/** A run of chunks that the GPU refused, and why. */
interface Refusal {
  readonly first: number;
  last: number;
  readonly error: Error;
}

/** Reports that may be open before several chunks share one. */
const MAX_REPORTS = 256;

/** Refusals to remember, so that blocks that they left unwritten are not read. */
const MAX_REFUSALS = 256;

/** Milliseconds to wait, after a call failed, for a loss that explains it. */
const LOSS_MS = 100;

/** All errors that a device reports. */
export class Faults {
  readonly #gpu: GPUDevice;
  /** The reports that are still of use, in the order of the calls. */
  readonly #reports = new Set<Report>();
  readonly #refusals: Refusal[] = [];
  readonly #waiting = new Set<(lost: DeviceLostError) => void>();
  /** The chunks inside the error scope that is still open. */
  #span: { first: number; last: number } | undefined;
  #lost: DeviceLostError | undefined;

  /** Listens to a device. Every {@linkcode Device} has one of these. */
  constructor(gpu: GPUDevice) {
    this.#gpu = gpu;
    gpu.addEventListener("uncapturederror", (event) => {
      event.preventDefault();
      const { error } = event as GPUUncapturedErrorEvent;
      this.#reports.add({
        known: Promise.resolve(),
        isKnown: true,
        // The class itself need not be a global object; see flags.ts.
        error: error.constructor.name === "GPUOutOfMemoryError"
          ? outOfMemory(error)
          : refused(error),
        isAwaited: false,
        isAnswered: false,
        isForeign: true,
      });
    });
    gpu.lost.then(({ reason, message }) => this.#lose(reason, message));
    // The promise `gpu.lost` resolves too late for calls that follow at once.
    const destroy = gpu.destroy.bind(gpu);
    gpu.destroy = () => {
      this.#lose("destroyed", "it was destroyed");
      destroy();
    };
  }

  /** Whether the device is lost. */
  get isLost(): boolean {
    return this.#lost !== undefined;
  }

  /** Throws if the device is lost: nothing can be done with it any more. */
  alive(): void {
    if (this.#lost) throw this.#lost;
  }

  /**
   * Makes a call to the GPU and waits for its report in the background.
   *
   * @param run The call.
   * @param explain Makes the error to throw; called when the report has come.
   * @param filter The kind of error that the call can cause.
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

  /** Submits the commands of a chunk. If they are refused, none of them runs. */
  submit(chunk: number, run: () => void): void {
    this.#share(chunk, run);
  }

  /** Makes a call in an error scope, which later calls share if many are open. */
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

  /** Whether a chunk is known to have been refused. */
  get hasRefusals(): boolean {
    return this.#refusals.length > 0;
  }

  /** The error of a chunk, if it is known to have been refused. */
  refusalOf(chunk: number): Error | undefined {
    return this.#refusals.find(({ first, last }) =>
      first <= chunk && chunk <= last
    )?.error;
  }

  /**
   * Throws the first error that is known, once. Errors of other calls made until
   * now may follow from it and are dropped. Errors that a read waits for are left
   * to that read.
   */
  check(): void {
    this.alive();
    for (const report of this.#reports) {
      if (!report.isKnown) return; // Its error may be the cause of later ones.
      const { error, isAwaited, isAnswered } = report;
      if (!error || isAwaited || isAnswered) continue;
      this.#answer(this.#reports);
      throw error;
    }
  }

  /**
   * Waits for something that the GPU does after all calls made until now, and
   * for their reports.
   *
   * @param wait The promise of what the GPU does.
   * @param action Names it in an error message.
   * @param isHeard Whether the caller passes errors on to the user. Otherwise they
   * are thrown again at the next flush.
   * @returns The value of the promise.
   * @throws The first error of those calls, or a {@linkcode DeviceLostError}.
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
      }, () => {}).then(() => { // The promises of a lost device may reject.
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

  /** Waits until the device is lost at most: some promises never settle then. */
  #orLost<T>(wait: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#lost) return reject(this.#lost);
      this.#waiting.add(reject);
      wait.then(resolve, reject).finally(() => this.#waiting.delete(reject));
    });
  }
}

/** The error of a buffer or texture that there was no memory for. */
export function outOfMemory({ message }: GPUError): Error {
  return new GpuOutOfMemoryError(`The GPU has no memory left: ${message}`);
}

/** The error of a command that was refused. */
function refused(error: GPUError): Error {
  return new GpuError(`The GPU refused a command: ${error.message}`);
}

function messageOf(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}
