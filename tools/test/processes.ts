// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

/**
 * Runs tests in separate processes, a few at a time, and counts them.
 *
 * Files that open devices have a process each: graphics drivers have crashed where
 * several threads of one process each used a device, and such a crash does not
 * tell which test caused it.
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
import { secondsByFile } from "./groups.ts";
import type { FileTime } from "./times.ts";

/** What one process runs. */
export interface Job {
  /** The name in its line of the output, such as the path of the test file. */
  name: string;
  /** Arguments for Deno, starting with the command. */
  args: string[];
  /** Environment variables that are added to those of this process. */
  env?: Record<string, string>;
  /** Whether it is `deno test`, whose JUnit report is counted. @default {true} */
  counted?: boolean;
  /** The files that share the process. @default {it is one, called as the job} */
  files?: readonly string[];
}

/** Options of {@linkcode runJobs}. */
export interface RunOptions {
  /** How many processes run at a time. @default {one a core, 4 at most} */
  atOnce?: number;
  /** Seconds after which a process is ended and counts as failed. @default {900} */
  limit?: number;
  /** Prints lines. @default {console.log} */
  print?: (line: string) => void;
}

/** The result of {@linkcode runJobs}. */
export interface RunResult {
  /** The tests of all processes; a process that ends badly adds a failure. */
  counts: Counts;
  /** How long each process took, except those that run no tests. */
  times: FileTime[];
  /** Whether Ctrl-C or a request to end came before the last process was done. */
  interrupted: boolean;
}

/** Milliseconds between asking a process to end and killing it. */
const GRACE = 2_000;

/** How many processes run at a time on this machine. */
export function defaultAtOnce(): number {
  return Math.max(1, Math.min(4, navigator.hardwareConcurrency));
}

/** A child process with all that it started; on Windows the child alone. */
class Group {
  readonly child: Deno.ChildProcess;

  constructor(job: Job, args: string[]) {
    this.child = new Deno.Command(Deno.execPath(), {
      args,
      env: { NO_COLOR: "1", ...job.env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      // A new process group: a signal to it also ends what the tests started.
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
    this.kill("SIGKILL"); // Ends what the child has left behind.
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
  /** How long each file took. */
  times: FileTime[];
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
    group.kill("SIGKILL"); // What the child left behind would keep its pipes open.
    await Promise.all(pipes);
    const xml = counted ? await Deno.readTextFile(report) : "";
    const reported = counted ? countJUnit(xml) : NONE;
    const problem = problemOf({ code, signal, timedOut }, reported);
    const seconds = (performance.now() - started) / 1_000;
    const own = { ...NONE, failed: problem === null ? 0 : 1 };
    const counts = sumCounts([reported, own]);
    const times = job.files
      ? [...secondsByFile(xml, job.files, seconds)]
        .map(([name, seconds]): FileTime => ({ name, seconds }))
      : [{ name: job.name, seconds }];
    return { counts, times, problem, output: output.join(""), seconds };
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
 * Runs jobs in the order given, a few at a time. A line is printed for each job
 * when it is done. The whole output of a job that failed is printed above its
 * line, and its line is printed again at the end. Ctrl-C ends all processes.
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
  const times: FileTime[] = [];
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
      if (job.counted ?? true) times.push(...finished.times);
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
  return { counts: sumCounts(counts), times, interrupted };
}
