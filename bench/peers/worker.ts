// Copyright 2026 the swagpu authors. MIT license.

// A worker's side of protocol.ts: opens cases, and times them when asked. The
// same in Python: bench/torch/worker.py.

import process from "node:process";
import { TextLineStream } from "./lines.ts";
import type {
  Hello,
  Opened,
  Parameters,
  Refusal,
  Request,
  Sample,
} from "./protocol.ts";

/** A case with its inputs, ready to be run. */
export interface Prepared {
  /** Enqueues the work once; a promise is awaited. */
  run(): void | Promise<void>;
  /** Waits for everything enqueued. */
  wait(): Promise<void>;
  /** Runs once and reads some elements of the output; called first. */
  outputs(): Promise<number[]>;
  /** How the case was put together, where there was a choice. */
  note?: string;
  /** The most memory held since the case was opened, bytes. */
  peakBytes?(): number;
  dispose?(): void | Promise<void>;
}

/** Prepares a case of one kind. */
export type Prepare = (parameters: Parameters) => Prepared | Promise<Prepared>;

/** A worker's cases, by kind; `string` says why it has none. */
export type Kinds = Readonly<Record<string, Prepare | string>>;

/** The most runs in one sample. */
const MOST_RUNS = 1 << 16;

const invalid: string[] = [];

/** Makes a case invalid when the device refuses a command during it. */
export function watch(device: GPUDevice): void {
  device.addEventListener("uncapturederror", (event) => {
    event.preventDefault();
    invalid.push((event as GPUUncapturedErrorEvent).error.message);
  });
}

/** A case that is open, with how often it runs per sample once that is known. */
class Open {
  readonly prepared: Prepared;
  #runs: number | undefined;

  constructor(prepared: Prepared) {
    this.prepared = prepared;
  }

  /**
   * Times one sample. Opening the case was the first warm-up; the second is
   * here, where it also begins the search for how many runs are enough.
   */
  async sample(minMs: number): Promise<Sample> {
    this.#runs ??= await this.#calibrate(minMs);
    const sample = await this.#time(this.#runs);
    const peak = this.prepared.peakBytes?.();
    return peak === undefined ? sample : { ...sample, peakBytes: peak };
  }

  async #calibrate(minMs: number): Promise<number> {
    let runs = 1;
    for (;;) {
      const { ms } = await this.#time(runs);
      const total = ms * runs;
      if (total >= minMs || runs >= MOST_RUNS) return runs;
      const wanted = runs * Math.min(8, 1.2 * minMs / total);
      runs = Math.min(MOST_RUNS, Math.ceil(wanted));
    }
  }

  async #time(runs: number): Promise<Sample> {
    const { run, wait } = this.prepared;
    const cpu = process.cpuUsage();
    const start = performance.now();
    for (let i = 0; i < runs; i++) {
      const running = run();
      if (running) await running;
    }
    await wait();
    const ms = performance.now() - start;
    const { user, system } = process.cpuUsage(cpu);
    return { ms: ms / runs, cpuMs: (user + system) / 1000 / runs, runs };
  }
}

/** Answers requests until standard input ends. */
export async function serve(
  start: () => Promise<{ hello: Hello; kinds: Kinds }>,
): Promise<never> {
  // Libraries print what they like: only replies may go to standard output.
  for (const method of ["log", "info", "debug"] as const) {
    // deno-lint-ignore no-console
    console[method] = console.error;
  }
  const encoder = new TextEncoder();
  const reply = (value: Hello | Opened | Sample | Refusal | object) => {
    const bytes = encoder.encode(JSON.stringify(value) + "\n");
    for (let at = 0; at < bytes.length;) {
      at += Deno.stdout.writeSync(bytes.subarray(at));
    }
  };
  let open: Open | undefined;
  const close = async () => {
    await open?.prepared.dispose?.();
    open = undefined;
  };
  const answer = async (
    request: Request,
    kinds: Kinds,
  ): Promise<Opened | Sample | object> => {
    switch (request.do) {
      case "open": {
        await close();
        const prepare = kinds[request.kind];
        if (typeof prepare !== "function") {
          return { error: prepare ?? "has no such operation" };
        }
        const prepared = await prepare(request.parameters);
        open = new Open(prepared);
        const { note } = prepared;
        const outputs = await prepared.outputs();
        return { outputs, ...(note === undefined ? {} : { note }) };
      }
      case "sample":
        if (!open) return { error: "has no open case" };
        return await open.sample(request.minMs);
      case "close":
        await close();
        return {};
    }
  };
  let kinds: Kinds = {};
  try {
    const started = await start();
    kinds = started.kinds;
    reply(started.hello);
  } catch (error) {
    reply({ error: message(error) });
    Deno.exit(0);
  }
  const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream())
    .pipeThrough(new TextLineStream());
  for await (const line of lines) {
    invalid.length = 0;
    let result: object;
    try {
      result = await answer(JSON.parse(line) as Request, kinds);
    } catch (error) {
      result = { error: message(error) };
    }
    const [refused] = invalid;
    if (refused !== undefined) {
      result = { error: `invalid on this adapter: ${refused.slice(0, 200)}` };
    }
    reply(result);
  }
  Deno.exit(0);
}

function message(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/\s+/g, " ").slice(0, 300);
}
