// Copyright 2026 the swagpu authors. MIT license.

// Calls the worker.

import type { CallName, Calls, ToPage, ToWorker } from "../protocol.ts";

/** Options of {@linkcode Client.call}. */
export interface CallOptions<Name extends CallName> {
  /** Told what the worker tells before it answers. @default {nothing} */
  readonly onTold?: (told: Calls[Name]["told"]) => void;
  /** Asks the worker to stop. @default {none} */
  readonly signal?: AbortSignal | undefined;
}

interface Waiting {
  resolve(answer: unknown): void;
  reject(error: Error): void;
  onTold(told: unknown): void;
}

/** The worker, as the page sees it. */
export class Client {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #last = 0;

  /**
   * Starts to listen to a worker.
   *
   * @param worker The worker.
   * @param onLost Called when the GPU was lost, with the reason.
   */
  constructor(worker: Worker, onLost: (reason: string) => void) {
    this.#worker = worker;
    worker.addEventListener("message", ({ data }: MessageEvent<ToPage>) => {
      if ("lost" in data) onLost(data.lost);
      else this.#receive(data);
    });
    worker.addEventListener("error", (event) => {
      const reason = event.message || "its script did not load";
      for (const { reject } of this.#waiting.values()) {
        reject(new Error(`Cannot go on: the worker failed, ${reason}`));
      }
      this.#waiting.clear();
    });
  }

  /**
   * Calls the worker.
   *
   * @param call What it should do.
   * @param given What it needs for that.
   * @param options Who is told of progress, and what stops it.
   * @returns Its answer.
   */
  call<Name extends CallName>(
    call: Name,
    given: Calls[Name]["given"],
    { onTold = () => {}, signal }: CallOptions<Name> = {},
  ): Promise<Calls[Name]["answer"]> {
    const id = ++this.#last;
    const { promise, resolve, reject } = Promise.withResolvers<
      Calls[Name]["answer"]
    >();
    this.#waiting.set(id, {
      resolve: resolve as Waiting["resolve"],
      reject,
      onTold: onTold as Waiting["onTold"],
    });
    signal?.addEventListener("abort", () => this.#post({ stop: id }), {
      once: true,
    });
    this.#post({ id, call, given } as ToWorker);
    return promise;
  }

  #post(message: ToWorker): void {
    this.#worker.postMessage(message);
  }

  #receive(message: Exclude<ToPage, { lost: string }>): void {
    const waiting = this.#waiting.get(message.id);
    if (!waiting) return;
    if ("told" in message) return waiting.onTold(message.told);
    this.#waiting.delete(message.id);
    if ("answer" in message) return waiting.resolve(message.answer);
    const error = new Error(message.error.message);
    error.name = message.error.name;
    waiting.reject(error);
  }
}
