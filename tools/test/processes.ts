// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

/**
 * Runs tests in processes of their own, a few at a time, and counts them.
 *
 * A process per file keeps devices apart: graphics drivers have crashed where
 * several threads of one process used devices of their own, and a crash then
 * says nothing about which test caused it.
 *
 * @module
 */

import {
  countJUnit,
  type Counts,
  NONE,
  problemOf,
  sumCounts,
} from "./counts.ts";

/** Something to run in a process of its own. */
export interface Job {
  /** What its line is called. */
  name: string;
  /** Arguments for Deno, starting with the command. */
  args: string[];
  /** Environment variables beside those of this process. */
  env?: Record<string, string>;
  /** Whether it is `deno test`, whose JUnit report is counted. @default {true} */
  counted?: boolean;
}

/** Options of {@linkcode runJobs}. */
export interface RunOptions {
  /** Processes at a time. @default {one a core, 4 at most} */
  atOnce?: number;
  /** Seconds after which a process is ended and has failed. @default {900} */
  limit?: number;
  /** Where lines go. @default {console.log} */
  print?: (line: string) => void;
}

/** What a run came to. */
export interface RunResult {
  /** All tests of all processes; a process with a problem of its own adds one. */
  counts: Counts;
  /** Whether Ctrl-C or a request to end came before the last process was done. */
  interrupted: boolean;
}

const GRACE = 2_000;

/** Processes to start with on this machine. */
export function defaultAtOnce(): number {
  return Math.max(1, Math.min(4, navigator.hardwareConcurrency));
}

/** A child with all that it started; on Windows the child alone. */
class Group {
  readonly child: Deno.ChildProcess;

  constructor(job: Job, args: string[]) {
    this.child = new Deno.Command(Deno.execPath(), {
      args,
      env: { NO_COLOR: "1", ...job.env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      // A group of its own, so that ending it ends what tests have started.
      detached: Deno.build.os !== "windows",
    }).spawn();
  }

  kill(signal: Deno.Signal): void {
    try {
      const { pid } = this.child;
      if (Deno.build.os === "windows") this.child.kill(signal);
      else Deno.kill(-pid, signal);
    } catch (error) {
      // It may have ended by itself in the meantime.
      const gone = error instanceof Deno.errors.NotFound ||
        error instanceof TypeError;
      if (!gone) throw error;
    }
  }

  async end(): Promise<void> {
    this.kill("SIGTERM");
    const timer = setTimeout(() => this.kill("SIGKILL"), GRACE);
    await this.child.status;
    clearTimeout(timer);
    this.kill("SIGKILL"); // what the child has left behind
  }
}

async function collect(
  stream: ReadableStream<Uint8Array>,
  into: string[],
): Promise<void> {
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    into.push(text);
  }
}

interface Finished {
  counts: Counts;
  problem: string | null;
  output: string;
  seconds: number;
}

async function runJob(
  job: Job,
  running: Set<Group>,
  limit: number,
): Promise<Finished> {
  const counted = job.counted ?? true;
  const report = await Deno.makeTempFile({ suffix: ".xml" });
  const started = performance.now();
  const args = counted ? [...job.args, `--junit-path=${report}`] : job.args;
  const group = new Group(job, args);
  running.add(group);
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    group.end();
  }, limit * 1_000);
  try {
    const output: string[] = [];
    const pipes = [group.child.stdout, group.child.stderr]
      .map((stream) => collect(stream, output));
    const { code, signal } = await group.child.status;
    group.kill("SIGKILL"); // what the child has left behind holds its pipes
    await Promise.all(pipes);
    const reported = counted
      ? countJUnit(await Deno.readTextFile(report))
      : NONE;
    const problem = problemOf({ code, signal, timedOut }, reported);
    const seconds = (performance.now() - started) / 1_000;
    const own = { ...NONE, failed: problem === null ? 0 : 1 };
    const counts = sumCounts([reported, own]);
    return { counts, problem, output: output.join(""), seconds };
  } finally {
    clearTimeout(timer);
    running.delete(group);
    await Deno.remove(report);
  }
}

function describe(job: Job, { counts, problem, seconds }: Finished): string {
  const { passed, failed, skipped } = counts;
  const parts = [
    ...((job.counted ?? true) ? [`${passed} passed`] : []),
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(skipped > 0 ? [`${skipped} skipped`] : []),
    `${seconds.toFixed(1)} s`,
  ];
  const line = `${failed > 0 ? "FAIL" : "ok  "} ${job.name} (${
    parts.join(", ")
  })`;
  return problem === null ? line : `${line}: ${problem}`;
}

/**
 * Runs jobs in the order given, a few at a time. Each gets a line when it is
 * done; a job that failed has its whole output above that line, and its line
 * once more at the end. Ctrl-C ends all processes.
 */
export async function runJobs(
  jobs: readonly Job[],
  options: RunOptions = {},
): Promise<RunResult> {
  const { atOnce = defaultAtOnce(), limit = 900, print = console.log } =
    options;
  const queue = [...jobs];
  const running = new Set<Group>();
  const counts: Counts[] = [];
  const failures: string[] = [];
  let interrupted = false;
  const interrupt = () => {
    interrupted = true;
    queue.length = 0;
    for (const group of running) group.end();
  };
  const signals: Deno.Signal[] = Deno.build.os === "windows"
    ? ["SIGINT"]
    : ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const signal of signals) Deno.addSignalListener(signal, interrupt);
  const work = async () => {
    for (let job = queue.shift(); job; job = queue.shift()) {
      const finished = await runJob(job, running, limit);
      if (interrupted) return;
      counts.push(finished.counts);
      const line = describe(job, finished);
      if (finished.counts.failed > 0) {
        print(`\n${finished.output.trimEnd()}\n`);
        failures.push(line);
      }
      print(line);
    }
  };
  try {
    await Promise.all(Array.from({ length: atOnce }, work));
  } finally {
    for (const signal of signals) Deno.removeSignalListener(signal, interrupt);
  }
  if (failures.length > 0) print(`\nFailed:\n${failures.join("\n")}`);
  return { counts: sumCounts(counts), interrupted };
}
