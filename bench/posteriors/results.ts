// Copyright 2026 the swagpu authors. MIT license.

// What is kept between runs of the command, as JSON.

import { exists, readText, writeTextAtomically } from "../../nn/formats/mod.ts";
import type { Family } from "./methods.ts";
import type { Scores } from "./scores.ts";

/** The scores that a method has. */
export type SomeScores = { readonly [Name in keyof Scores]?: number };

/** The scores of a method for one seed. */
export interface MethodResult {
  readonly method: string;
  readonly title: string;
  readonly family: Family | "truth";
  /** The number of training runs. */
  readonly runs: number;
  readonly seed: number;
  /** How long predictions took. */
  readonly seconds: number;
  readonly scores: SomeScores;
}

/** Reads a file that {@linkcode writeJson} has written. */
export async function readJson<T>(path: string): Promise<T> {
  return JSON.parse(await readText(path));
}

/** Writes a value, whole or not at all. */
export async function writeJson(path: string, value: unknown): Promise<void> {
  await writeTextAtomically(path, JSON.stringify(value, null, 2) + "\n");
}

/** What is kept of a task. */
interface KeptTask {
  /** What decides the results, besides the data. */
  readonly settings: unknown;
  /** The results of all methods and seeds. */
  readonly results: readonly MethodResult[];
}

/** The results of all tasks, in a file that grows by each of them. */
export class KeptResults {
  readonly #path: string;
  readonly #tasks: Record<string, KeptTask>;

  private constructor(path: string, tasks: Record<string, KeptTask>) {
    this.#path = path;
    this.#tasks = tasks;
  }

  /** Reads a file of results, which need not exist yet. */
  static async read(path: string): Promise<KeptResults> {
    return new KeptResults(
      path,
      await exists(path) ? await readJson(path) : {},
    );
  }

  /**
   * Makes ready for a task.
   *
   * @throws {RangeError} If its results are of other settings.
   */
  begin(task: string, settings: unknown): void {
    const kept = this.#tasks[task];
    if (!kept) {
      this.#tasks[task] = { settings, results: [] };
      return;
    }
    const [own, asked] = [kept.settings, settings].map((x) =>
      JSON.stringify(x)
    );
    if (own === asked) return;
    throw new RangeError(
      `Cannot continue ${task}: ${this.#path} has results of other settings, ` +
        `${own}, than this run, ${asked}: name another file by --scores, or ` +
        "remove the task from this one",
    );
  }

  /** The result of a method for a seed, if it is known. */
  find(task: string, seed: number, method: string): MethodResult | undefined {
    return this.#tasks[task]?.results.find((result) =>
      result.seed === seed && result.method === method
    );
  }

  /** Adds a result, and writes the file. */
  async add(task: string, result: MethodResult): Promise<void> {
    const { settings, results } = this.#tasks[task] ??
      { settings: {}, results: [] };
    this.#tasks[task] = { settings, results: [...results, result] };
    await writeJson(this.#path, this.#tasks);
  }
}
