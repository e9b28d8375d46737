// Copyright 2026 the swagpu authors. MIT license.

/**
 * Runs the trials of a fuzzer in a separate process, under a watchdog. A trial that
 * takes too long, uses too much memory or ends the process is a finding, and the
 * following trials run in a new process.
 *
 * @module
 */

import { Finding, type Fuzzer, isInternal, randomFrom } from "./fuzzer.ts";

/** The ways in which a trial can fail. */
export type Fault = Finding["kind"] | "hang" | "memory" | "crash";

/** A trial that failed. */
export interface Report {
  /** The number of the trial, which repeats it together with the seed. */
  trial: number;
  /** What went wrong. */
  fault: Fault;
  /** The message, with the input if the fuzzer gives it. */
  message: string;
}

/** The outcome of a run. */
export interface Summary {
  /** How many trials used their input, with a right result. */
  accepted: number;
  /** How many trials refused their input with a useful message. */
  refused: number;
  /** What went wrong. */
  reports: Report[];
}

/** Which trials to run. */
export interface Trials {
  /** The seed of all trials. */
  seed: number;
  /** The number of the first trial. */
  first: number;
  /** The number of trials. */
  count: number;
}

/** A message of a child process to its parent: one line of JSON. */
type Message =
  | { kind: "ready" | "accepted" | "refused" | "done" }
  | { kind: "start"; trial: number }
  | { kind: "fault"; fault: Finding["kind"]; message: string };

/** How many seconds making the shared files and opening a device may take. */
const PREPARATION = 120;
/** How many bytes a process may use: small files must not need more. */
const MOST_MEMORY = 4 * 2 ** 30;

/** Loads the fuzzer that a module exports. */
export async function loadFuzzer(module: string): Promise<Fuzzer> {
  const { fuzzer } = await import(module);
  return fuzzer;
}

/** Runs trials in this process, and reports each on standard output. */
async function runHere(fuzzer: Fuzzer, trials: Trials): Promise<void> {
  const encoder = new TextEncoder();
  const tell = (message: Message) => {
    Deno.stdout.writeSync(encoder.encode(`${JSON.stringify(message)}\n`));
  };
  await fuzzer.prepare?.();
  tell({ kind: "ready" });
  try {
    for (let i = 0; i < trials.count; i++) {
      const trial = trials.first + i;
      tell({ kind: "start", trial });
      try {
        const random = randomFrom(trials.seed * 1_000_003 + trial);
        tell({ kind: await fuzzer.trial(random) });
      } catch (error) {
        const message = error instanceof Error
          ? error.stack ?? error.message
          : String(error);
        if (error instanceof Finding) {
          tell({ kind: "fault", fault: error.kind, message: error.message });
        } else if (isInternal(error)) {
          tell({ kind: "fault", fault: "internal message", message });
        } else {
          tell({ kind: "fault", fault: "wrong result", message });
        }
      }
    }
  } finally {
    await fuzzer.clean?.();
  }
  tell({ kind: "done" });
}

/**
 * Runs trials in child processes, one after the other, and summarizes them.
 *
 * @param module The address of the module that exports the fuzzer.
 * @param trials Which trials.
 * @param onReport Called with each fault as it is found.
 */
export async function runTrials(
  module: string,
  trials: Trials,
  onReport: (report: Report) => void = () => {},
): Promise<Summary> {
  const { limit } = await loadFuzzer(module);
  const summary: Summary = { accepted: 0, refused: 0, reports: [] };
  const end = trials.first + trials.count;
  let next = trials.first;
  while (next < end) {
    const rest = { ...trials, first: next, count: end - next };
    next = await runChild({ module, limit }, rest, summary, onReport);
  }
  return summary;
}

/** Runs trials in one child, and returns the number of the next one to run. */
async function runChild(
  { module, limit }: { module: string; limit: number },
  { seed, first, count }: Trials,
  summary: Summary,
  onReport: (report: Report) => void,
): Promise<number> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--no-check",
      import.meta.url,
      module,
      ...[seed, first, count].map(String),
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const errors = new Response(child.stderr).text();
  let trial = first;
  let killedFor: Fault | undefined;
  let deadline = Date.now() + PREPARATION * 1000;
  const kill = (fault: Fault) => {
    if (killedFor) return;
    killedFor = fault;
    child.kill("SIGKILL");
  };
  const watchdog = setInterval(() => {
    if (Date.now() > deadline) kill("hang");
    else if (memoryOf(child.pid) > MOST_MEMORY) kill("memory");
  }, 200);
  const note = (fault: Fault, message: string) => {
    const report = { trial, fault, message };
    summary.reports.push(report);
    onReport(report);
  };
  let isDone = false;
  for await (const line of linesOf(child.stdout)) {
    const message: Message = JSON.parse(line);
    deadline = Date.now() + limit * 1000;
    if (message.kind === "start") trial = message.trial;
    else if (message.kind === "fault") note(message.fault, message.message);
    else if (message.kind === "done") isDone = true;
    else if (message.kind !== "ready") summary[message.kind]++;
    // The end is not a trial: removing the shared files may take longer.
    if (trial === first + count - 1 && message.kind !== "start") {
      deadline = Date.now() + PREPARATION * 1000;
    }
  }
  const { success, signal } = await child.status;
  clearInterval(watchdog);
  if (isDone && success) return first + count;
  const told = (await errors).trim().split("\n").slice(-12).join("\n");
  if (killedFor) note(killedFor, `killed in trial ${trial}`);
  else note("crash", `ended with ${signal ?? "an error"}: ${told}`);
  return trial + 1;
}

/** The bytes that a process uses; 0 if the system does not say. */
function memoryOf(pid: number): number {
  try {
    const pages = Deno.readTextFileSync(`/proc/${pid}/statm`).split(" ")[1];
    return Number(pages ?? 0) * 4096;
  } catch {
    return 0; // Not Linux, or the process has just ended.
  }
}

async function* linesOf(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}

if (import.meta.main) {
  const [module = "", ...numbers] = Deno.args;
  const [seed = 1, first = 0, count = 0] = numbers.map(Number);
  await runHere(await loadFuzzer(module), { seed, first, count });
  Deno.exit(0);
}
