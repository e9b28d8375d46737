// Copyright 2026 the swagpu authors. MIT license.

/**
 * The words of a command that is run with several seeds: those that all runs share, and
 * those of one run.
 *
 * @module
 */

import type { Arguments } from "./arguments.ts";

/** The options that differ between runs of a series. */
const OWN_OPTIONS = ["seed", "output"];

/** Switches that are about what is already in the output folder. */
const OWN_SWITCHES = ["--overwrite", "--resume"];

/**
 * The words that all runs of a series share.
 *
 * @param args What the command was called with.
 * @param options The options that make a series of a run, which take values.
 */
export function sharedWords(
  { words }: Arguments,
  options: readonly string[],
): string[] {
  const names = [...options, ...OWN_OPTIONS];
  const kept: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? "";
    if (names.some((name) => word === `--${name}`)) i++;
    else if (
      !names.some((name) => word.startsWith(`--${name}=`)) &&
      !OWN_SWITCHES.includes(word)
    ) {
      kept.push(word);
    }
  }
  return kept;
}

/** What differs between the runs of a series. */
export interface OneRun {
  /** Its seed. */
  readonly seed: number;
  /** Its folder. */
  readonly output: string;
  /** Whether it goes on from a checkpoint there; otherwise it replaces what is there. */
  readonly resumes: boolean;
}

/** The words of one run of a series. */
export function wordsOfRun(
  shared: readonly string[],
  { seed, output, resumes }: OneRun,
): string[] {
  return [
    ...shared,
    ...["--seed", `${seed}`, "--output", output],
    resumes ? "--resume" : "--overwrite",
  ];
}

/** Whether two runs have the same words, in the same order. */
export function sameWords(
  words: readonly string[],
  others: readonly string[],
): boolean {
  return words.join("\n") === others.join("\n");
}
