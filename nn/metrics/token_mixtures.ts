// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The mixture of several members' predictions at each token of texts.

import { checkChoice, checkCount } from "./known_options.ts";
import { logSoftmaxRows } from "./probabilities.ts";
import { checkClass, checkNumbers } from "./rows.ts";

/** The shape of generated texts, and how members are mixed. */
export interface EnsembleTextsOptions {
  /** The number of ensemble members, or of posterior samples. */
  members: number;
  /**
   * How many tokens of each text count, the end token included, [texts]; from 1
   * to the length that texts are padded to.
   */
  lengths: ArrayLike<number>;
  /**
   * How the members' predictions of the next token are mixed: `"pe"` takes
   * their mean (product of expectations); `"ep"` weights them by the probability
   * that each gives to the text so far (expectation of products).
   * @default {"pe"}
   */
  mode?: "pe" | "ep";
}

/** The names of all {@linkcode EnsembleTextsOptions}. */
export const TEXTS_OPTIONS: readonly string[] = ["members", "lengths", "mode"];

/** What the members predict for the texts, in logarithms. */
export interface Task {
  logs: Float64Array;
  tokens: ArrayLike<number>;
  members: number;
  lengths: ArrayLike<number>;
  /** The number of tokens that texts are padded to. */
  width: number;
  vocabulary: number;
  mode: "pe" | "ep";
}

/** Checks that scores, tokens and lengths match, and takes logarithms. */
export function readTexts(
  action: string,
  logits: ArrayLike<number>,
  { tokens, members, lengths, mode = "pe" }: EnsembleTextsOptions & {
    tokens: ArrayLike<number>;
  },
): Task {
  checkCount(action, "members", { value: members });
  checkChoice(action, "mode", { value: mode, choices: ["pe", "ep"] });
  const width = tokens.length / lengths.length;
  const vocabulary = logits.length / (members * tokens.length);
  if (!(Number.isSafeInteger(width) && width > 0)) {
    throw new RangeError(
      `Cannot ${action}: ${tokens.length} tokens for ${lengths.length} lengths, expected texts of equal length`,
    );
  }
  if (!(Number.isSafeInteger(vocabulary) && vocabulary > 0)) {
    throw new RangeError(
      `Cannot ${action}: ${logits.length} scores for ${tokens.length} tokens and ${members} members, expected a vocabulary for each`,
    );
  }
  checkNumbers(action, logits, "score");
  for (let text = 0; text < lengths.length; text++) {
    const length = lengths[text] ?? NaN;
    if (!Number.isSafeInteger(length) || length < 1 || length > width) {
      throw new RangeError(
        `Cannot ${action}: length ${text} is ${length}, but must be an integer from 1 to ${width}`,
      );
    }
    for (let t = 0; t < length; t++) {
      const at = text * width + t;
      checkClass(action, tokens[at] ?? -1, {
        row: at,
        classes: vocabulary,
        name: "token",
      });
    }
  }
  const logs = logSoftmaxRows(logits, { classes: vocabulary });
  return { logs, tokens, members, lengths, width, vocabulary, mode };
}

/** A member's log-probabilities at one place. */
export function rowOf(
  { logs, tokens, vocabulary }: Task,
  member: number,
  at: number,
): Float64Array {
  const start = (member * tokens.length + at) * vocabulary;
  return logs.subarray(start, start + vocabulary);
}

/** Visits every token that is not padding, in order. */
export function visitPlaces(
  { lengths, width }: Pick<Task, "lengths" | "width">,
  each: (at: number, text: number) => void,
): void {
  for (let text = 0; text < lengths.length; text++) {
    for (let t = 0; t < (lengths[text] ?? 0); t++) each(text * width + t, text);
  }
}

/** Visits every token that is not padding, with the mixture of the members. */
export function visitMixtures(
  task: Task,
  each: (at: number, place: { text: number; mixture: Float64Array }) => void,
): void {
  const { members, vocabulary, mode, tokens, width } = task;
  // The log-probability that each member gives to the text so far.
  const prefix = new Float64Array(members);
  visitPlaces(task, (at, text) => {
    if (at % width === 0) prefix.fill(0);
    const largest = Math.max(...prefix);
    const weights = prefix.map((p) =>
      mode === "ep" ? Math.exp(p - largest) : 1
    );
    const total = weights.reduce((sum, w) => sum + w, 0);
    const mixture = new Float64Array(vocabulary);
    for (let m = 0; m < members; m++) {
      const own = rowOf(task, m, at);
      const weight = (weights[m] ?? NaN) / total;
      for (const [k, log] of own.entries()) {
        mixture[k] = (mixture[k] ?? 0) + weight * Math.exp(log);
      }
      prefix[m] = (prefix[m] ?? 0) + (own[tokens[at] ?? 0] ?? NaN);
    }
    each(at, { text, mixture });
  });
}
