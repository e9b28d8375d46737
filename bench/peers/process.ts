// Copyright 2026 the swagpu authors. MIT license.

// A worker's process, as the coordinator sees it. The worker answers one request at a
// time, and is idle otherwise.

import { TextLineStream } from "./lines.ts";
import type { Hello, Opened, Refusal, Request, Sample } from "./protocol.ts";

/** Milliseconds after which a worker counts as stuck. */
const PATIENCE = 300_000;

/** How many lines of a worker's standard error are kept, to explain its end. */
const KEPT_LINES = 20;

/** How a worker is started. */
export interface Launch {
  command: string;
  args: string[];
  env?: Record<string, string>;
}

/** A running worker. */
export class WorkerProcess {
  readonly #child: Deno.ChildProcess;
  readonly #requests: WritableStreamDefaultWriter<Uint8Array>;
  readonly #replies: ReadableStreamDefaultReader<string>;
  readonly #complaints: string[] = [];
  readonly #silenced: Promise<void>;
  #dead: string | undefined;

  private constructor({ command, args, env = {} }: Launch) {
    this.#child = new Deno.Command(command, {
      args,
      env,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#requests = this.#child.stdin.getWriter();
    this.#replies = lines(this.#child.stdout).getReader();
    this.#silenced = this.#listen(lines(this.#child.stderr));
  }

  /**
   * Starts a worker, and receives its description.
   *
   * @throws {Error} If the worker cannot be started or gives up; the message says why.
   */
  static async start(
    launch: Launch,
  ): Promise<{ worker: WorkerProcess; hello: Hello }> {
    const worker = new WorkerProcess(launch);
    const hello = await worker.#hear<Hello>();
    if ("error" in hello) {
      await worker.end();
      throw new Error(hello.error);
    }
    return { worker, hello };
  }

  /** Opens a case; see protocol.ts. */
  open(request: Request & { do: "open" }): Promise<Opened | Refusal> {
    return this.#ask<Opened>(request);
  }

  /** Samples the open case. */
  sample(minMs: number): Promise<Sample | Refusal> {
    return this.#ask<Sample>({ do: "sample", minMs });
  }

  /** Frees the open case. */
  async close(): Promise<void> {
    await this.#ask({ do: "close" });
  }

  /** Ends the process: by itself, or by force if it does not. */
  async end(): Promise<void> {
    await this.#requests.close().catch(() => {});
    const timer = setTimeout(() => this.#kill(), 10_000);
    await this.#child.status;
    clearTimeout(timer);
    await this.#silenced;
  }

  async #ask<T extends object>(request: Request): Promise<T | Refusal> {
    if (this.#dead !== undefined) return { error: this.#dead };
    const line = new TextEncoder().encode(JSON.stringify(request) + "\n");
    try {
      await this.#requests.write(line);
    } catch {
      // It ended; what it said last is the reason.
    }
    return await this.#hear<T>();
  }

  async #hear<T extends object>(): Promise<T | Refusal> {
    const timer = setTimeout(() => {
      this.#dead = `gave no answer within ${PATIENCE / 1000} s`;
      this.#kill();
    }, PATIENCE);
    const { value, done } = await this.#replies.read();
    clearTimeout(timer);
    if (!done) return JSON.parse(value) as T;
    const { code } = await this.#child.status;
    await this.#silenced;
    const last = this.#complaints
      .findLast((line) => /error|exception/i.test(line)) ??
      this.#complaints.at(-1) ?? "without a word";
    this.#dead ??= `ended with code ${code}: ${last.trim().slice(0, 200)}`;
    return { error: this.#dead };
  }

  async #listen(stream: ReadableStream<string>): Promise<void> {
    for await (const line of stream) {
      if (!line.trim()) continue;
      this.#complaints.push(line);
      if (this.#complaints.length > KEPT_LINES) this.#complaints.shift();
    }
  }

  #kill(): void {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
  }
}

function lines(stream: ReadableStream<Uint8Array>): ReadableStream<string> {
  return stream
    .pipeThrough(
      new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>,
    )
    .pipeThrough(new TextLineStream());
}
