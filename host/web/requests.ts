// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Requests that always end: each waits a bounded time for bytes, and is
// repeated if the server is busy.

import { TimedOut } from "../errors.ts";

/** The bytes that must arrive within each time-out. */
const LEAST_BYTES = 1024;
const ATTEMPTS = 3;
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 10_000;
const BUSY: ReadonlySet<number> = new Set([429, 500, 502, 503, 504]);

/** The limits of requests. */
export interface RequestLimits {
  /** The milliseconds of waiting in which {@linkcode LEAST_BYTES} must arrive. */
  timeout: number;
  /** Aborts all requests. */
  signal: AbortSignal | undefined;
}

/** Makes requests that end within the limits. */
export class Requests {
  readonly #limits: RequestLimits;
  /**
   * The error of the last request, for callers that see it only through a package
   * that passes its text alone.
   */
  failure: unknown;

  /** The limits apply to each request. */
  constructor(limits: RequestLimits) {
    this.#limits = limits;
  }

  /**
   * Works like the global `fetch`. A busy server is asked up to three times.
   *
   * @throws {TimedOut} If no answer begins in time, or a body stalls
   * while it is read.
   */
  readonly fetch: typeof globalThis.fetch = async (input, init) => {
    for (let attempt = 1;; attempt++) {
      const response = await this.#once(input, init);
      if (!BUSY.has(response.status) || attempt === ATTEMPTS) return response;
      await response.body?.cancel();
      const wished = 1000 * Number(response.headers.get("retry-after") ?? NaN);
      const pause = wished >= 0 ? wished : FIRST_PAUSE * 2 ** (attempt - 1);
      await this.#pause(Math.min(pause, LONGEST_PAUSE));
    }
  };

  /**
   * Runs a task, and up to twice more if its connection breaks or stalls.
   *
   * @param task Must start from the beginning each time.
   */
  async again<T>(task: () => Promise<T>): Promise<T> {
    for (let attempt = 1;; attempt++) {
      this.failure = undefined;
      try {
        return await task();
      } catch (cause) {
        this.#limits.signal?.throwIfAborted();
        const error = this.failure ?? cause;
        if (!isBroken(error) || attempt === ATTEMPTS) throw error;
        await this.#pause(FIRST_PAUSE * 2 ** (attempt - 1));
      }
    }
  }

  async #once(
    input: Parameters<typeof fetch>[0],
    init: RequestInit = {},
  ): Promise<Response> {
    const { signal, timeout } = this.#limits;
    signal?.throwIfAborted();
    const own = new AbortController();
    const late = () =>
      own.abort(
        new TimedOut(
          `fewer than ${LEAST_BYTES} bytes came in ${timeout / 1000} s`,
        ),
      );
    const signals = [own.signal, signal, init.signal].filter((s) => !!s);
    const any = AbortSignal.any(signals);
    const timer = setTimeout(late, timeout);
    let response: Response;
    try {
      response = await globalThis.fetch(input, { ...init, signal: any });
    } catch (error) {
      this.failure = error;
      throw error;
    } finally {
      clearTimeout(timer);
    }
    if (response.body === null) return response;
    const body = this.#watched(response.body, any, late);
    const { status, statusText, headers, url } = response;
    const copy = new Response(body, { status, statusText, headers });
    return Object.defineProperty(copy, "url", { value: url });
  }

  /** Wraps a body, so that reading it ends within the limits. */
  #watched(
    body: ReadableStream<Uint8Array<ArrayBuffer>>,
    signal: AbortSignal,
    late: () => void,
  ): ReadableStream<Uint8Array<ArrayBuffer>> {
    const { timeout } = this.#limits;
    const reader = body.getReader();
    let waited = 0;
    let bytes = 0;
    return new ReadableStream({
      pull: async (controller) => {
        // Only the time of waiting counts, because the reader may be slow.
        const start = performance.now();
        const timer = setTimeout(late, timeout - waited);
        try {
          // In Deno, a signal that arrives together with bytes does not end the
          // body.
          signal.throwIfAborted();
          const { done, value } = await reader.read();
          signal.throwIfAborted();
          if (done) return controller.close();
          waited += performance.now() - start;
          bytes += value.byteLength;
          if (bytes >= LEAST_BYTES) waited = bytes = 0;
          controller.enqueue(value);
        } catch (error) {
          this.failure = error;
          reader.cancel(error).catch(() => {});
          throw error;
        } finally {
          clearTimeout(timer);
        }
      },
      cancel: (reason) => reader.cancel(reason),
    }, { highWaterMark: 0 });
  }

  async #pause(milliseconds: number): Promise<void> {
    const { signal } = this.#limits;
    await new Promise<void>((resolve, reject) => {
      const end = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", end);
        if (signal?.aborted) reject(signal.reason);
        else resolve();
      };
      const timer = setTimeout(end, milliseconds);
      signal?.addEventListener("abort", end);
    });
  }
}

/** Whether a connection was made, and then failed. */
function isBroken(error: unknown): boolean {
  return error instanceof TimedOut ||
    error instanceof TypeError &&
      /body|connection (reset|closed|aborted|was lost)|incomplete|broken/i
        .test(error.message) ||
    error instanceof TypeError &&
      // In a browser and in Node a body that breaks off has these texts alone.
      /^(network error|error in input stream|terminated)$/i.test(error.message);
}
