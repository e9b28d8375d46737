// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// A callback that gives a run's log to Trackio, through its inbox: files of JSON
// lines, as Trackio itself writes them where it cannot use its database. The
// dashboard's server reads them into the database and then deletes them.
//
// inbox/WRITER/00000000.jsonl, 00000001.jsonl, …: WRITER is one process. A file
// appears whole and never changes. Each line is a record:
//
// | field     | content                                                     |
// | --------- | ----------------------------------------------------------- |
// | v         | 1, the version of the format                                |
// | kind      | "metric"                                                    |
// | project   | the project's name                                          |
// | run       | the run's name                                              |
// | run_id    | what tells runs of one name apart                           |
// | metrics   | numbers by name; "NaN", "Infinity", "-Infinity" for others  |
// | step      | the step                                                    |
// | timestamp | the time, ISO 8601                                          |
// | config    | the settings in a run's first record, otherwise null        |
// | log_id    | a second record with the same one is ignored                |

import { homeFolder } from "../../host/inside.ts";
import { environment } from "../../host/mod.ts";
import { requireWritable, writeTextAtomically } from "../formats/mod.ts";
import { checkOptions } from "../options.ts";
import type {
  CallbackState,
  LoadedCallbackState,
  TrainerCallback,
  TrainerEvent,
} from "./callbacks.ts";
import type { LogEntry, TrainerState } from "./trainer_state.ts";
import type { CompleteTrainingArguments } from "./training_arguments.ts";

/** Options of {@linkcode TrackioCallback}. */
export interface TrackioOptions {
  /** The project that the run belongs to. @default {"swagpu"} */
  project?: string | undefined;
  /**
   * The name of the run.
   *
   * @default {the name of outputDir, or "run-" and the begin of its id}
   */
  name?: string | undefined;
  /** The group of the run in the project. @default {none} */
  group?: string | undefined;
  /**
   * Settings to show with the run beside its training arguments: values that
   * JSON can hold, under names that do not begin with `_`.
   *
   * @default {{}}
   */
  config?: Readonly<Record<string, unknown>> | undefined;
  /**
   * Trackio's inbox. By default it is where Trackio looks for it: the folder
   * `inbox` of `TRACKIO_DIR`, else of `HF_HOME/trackio`, else of
   * `~/.cache/huggingface/trackio`.
   */
  inbox?: string | undefined;
}

const OPTIONS: readonly (keyof TrackioOptions)[] = [
  "project",
  "name",
  "group",
  "config",
  "inbox",
];

/** Numbers about the whole run, which make no curve. */
const SUMMARY = new Set([
  "train_runtime",
  "train_samples_per_second",
  "train_steps_per_second",
  "train_loss",
]);

/** What a checkpoint keeps: which run it is. */
interface RunIdentity {
  id: string;
  name: string;
}

/** How often a file is tried again whose folder Trackio has just removed. */
const TRIES = 3;

/**
 * Shows a run in [Trackio](https://github.com/gradio-app/trackio): writes all
 * that the run logs to Trackio's inbox, from which `trackio show` takes it, also
 * while the run goes on. Trackio need not run, nor be installed.
 *
 * Names are those of Hugging Face's Trackio callback: `loss` becomes
 * `train/loss` and `eval_loss` becomes `eval/loss`; the summary at the end of
 * the run is left out. A run that resumes from a checkpoint goes on under its
 * name, and what it logs for a second time counts once.
 *
 * @example Usage
 * ```ts
 * import { TrackioCallback, type TrainerCallback } from "@swagpu/swagpu/nn";
 *
 * const callbacks: TrainerCallback[] = [
 *   new TrackioCallback({ project: "reviews", name: "first try" }),
 * ];
 * ```
 */
export class TrackioCallback implements TrainerCallback {
  /** The key under which checkpoints keep the run's name and id. */
  readonly name = "TrackioCallback";
  readonly #options: TrackioOptions;
  readonly #project: string;
  readonly #inbox: string;
  readonly #writer = randomId().slice(0, 16);
  #files = 0;
  #run: RunIdentity | undefined;
  /** The settings, until they have been written. */
  #config: Record<string, unknown> | undefined;

  /**
   * Checks the options. Nothing is written before a run begins.
   *
   * @param options How to name the run, and where to write.
   * @throws {TypeError} If an option is not known, a name is empty, or a setting
   * begins with `_` or is nothing that JSON can hold.
   */
  constructor(options: TrackioOptions = {}) {
    checkOptions(options, { action: "log to Trackio", known: OPTIONS });
    const { project = "swagpu", inbox = defaultInbox() } = options;
    for (
      const [name, value] of Object.entries({ ...options, project, inbox })
    ) {
      if (value !== "") continue;
      throw new TypeError(
        `Cannot log to Trackio with an empty ${name}: leave it out, or name it`,
      );
    }
    checkConfig(options.config ?? {});
    this.#options = options;
    this.#project = project;
    this.#inbox = inbox;
  }

  /**
   * Begins a run, unless it resumes, and tries the inbox.
   *
   * @throws {Error} If the inbox cannot be written to.
   */
  async onTrainBegin({ args, state }: TrainerEvent): Promise<void> {
    if (!this.#run || state.globalStep === 0) this.#begin(args);
    await requireWritable(this.#inbox);
  }

  /** Writes a new entry of the log. */
  async onLog({ args, state, logs = {} }: TrainerEvent): Promise<void> {
    const metrics = metricsOf(logs);
    if (!metrics) return;
    const { id, name } = this.#run ?? this.#begin(args);
    const record = {
      v: 1,
      kind: "metric",
      project: this.#project,
      run: name,
      run_id: id,
      metrics,
      step: state.globalStep,
      timestamp: now(),
      config: this.#config ?? null,
      log_id: logId(id, state, logs),
    };
    await this.#write(`${JSON.stringify(record)}\n`);
    this.#config = undefined;
  }

  /** Which run it is. */
  stateDict(): CallbackState {
    return { values: this.#run };
  }

  /**
   * Goes on with a run.
   *
   * @param state What {@linkcode stateDict} has given.
   * @throws {TypeError} If it is no name and id of a run.
   */
  loadStateDict({ values }: LoadedCallbackState): void {
    const { id, name }: Partial<RunIdentity> = Object(values);
    if (typeof id !== "string" || typeof name !== "string") {
      throw new TypeError(
        "Cannot load the state of TrackioCallback: it has no name and id of a run",
      );
    }
    this.#run = { id, name: this.#options.name ?? name };
    this.#config = undefined;
  }

  /** Begins a run: its first record will have its settings. */
  #begin(args: CompleteTrainingArguments): RunIdentity {
    const id = randomId();
    const { name, group = null, config } = this.#options;
    const folder = args.outputDir?.split(/[/\\]/).filter(Boolean).at(-1);
    this.#run = { id, name: name ?? folder ?? `run-${id.slice(0, 8)}` };
    // Trackio adds these three itself where it has a choice.
    const own = { _Username: null, _Created: now(), _Group: group };
    this.#config = { ...args, ...config, ...own };
    return this.#run;
  }

  /** Writes the next file. Trackio removes the folders that it has emptied. */
  async #write(text: string): Promise<void> {
    const folder = `${this.#inbox}/${this.#writer}`;
    const path = `${folder}/${String(this.#files++).padStart(8, "0")}.jsonl`;
    for (let left = TRIES; left > 0; left--) {
      try {
        await requireWritable(folder);
        return await writeTextAtomically(path, text);
      } catch (error) {
        if (left === 1) throw error;
      }
    }
  }
}

/** A random number of 128 bits, in hexadecimal digits. */
function randomId(): string {
  return crypto.randomUUID().replaceAll("-", "");
}

/** The time, with the offset as Python writes it. */
function now(): string {
  return new Date().toISOString().replace("Z", "+00:00");
}

/** An entry of the log under Trackio's names; nothing for a summary. */
function metricsOf(
  logs: LogEntry,
): Record<string, number | string> | undefined {
  const metrics = Object.entries(logs)
    .filter(([name]) => name !== "step" && !SUMMARY.has(name));
  if (metrics.every(([name]) => name === "epoch")) return undefined;
  return Object.fromEntries(
    metrics.map(([name, value]) => [
      name.replace(/^(eval|test)_|^/, (_, kind = "train") => `${kind}/`),
      Number.isFinite(value) ? value : String(value),
    ]),
  );
}

/**
 * The same for the same entry of the same run, so that the entries between a
 * checkpoint and a cut, which a run that resumes logs again, are not doubled.
 */
function logId(id: string, state: TrainerState, logs: LogEntry): string {
  const [metric] = Object.keys(logs);
  return [id, state.logHistory.length, state.globalStep, metric].join("-");
}

function checkConfig(config: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(config)) {
    const refuse = (what: string) =>
      new TypeError(`Cannot log the setting ${name} to Trackio: ${what}`);
    if (name.startsWith("_")) {
      throw refuse("names that begin with _ are Trackio's own");
    }
    let text: string | undefined;
    try {
      text = JSON.stringify(value);
    } catch {
      // The error below covers it.
    }
    if (value !== undefined && text === undefined) {
      throw refuse("it is nothing that JSON can hold");
    }
  }
}

/** Where Trackio looks for files. */
function defaultInbox(): string {
  const home = environment("HF_HOME") ??
    `${
      environment("XDG_CACHE_HOME") ??
        `${homeFolder()}/.cache`
    }/huggingface`;
  return `${environment("TRACKIO_DIR") ?? `${home}/trackio`}/inbox`;
}
