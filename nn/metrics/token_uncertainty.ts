// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * How uncertain an ensemble, or samples of a posterior, are about a generated
 * text: for each token, and for whole texts.
 *
 * The measures are those of Malinin and Gales (2021) as lm-polygraph computes
 * them; its names stand in the descriptions.
 *
 * @module
 */

import { checkChoice, checkCount, checkKnown } from "./known_options.ts";
import { logSoftmaxRows } from "./probabilities.ts";
import { checkClass, checkNumbers, rowEntropy } from "./rows.ts";
import {
  type SequenceEnsembleUncertainty,
  sequenceEnsembleUncertainty,
} from "./sequence_ensembles.ts";

/** Options of {@linkcode ensembleTokenUncertainty}. */
export interface TokenUncertaintyOptions {
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

/** Uncertainties of tokens in nats, each [texts, tokens]; NaN for padding. */
export interface TokenUncertainty {
  /** The entropy of the mixture. */
  totalUncertainty: Float64Array<ArrayBuffer>;
  /** The plain mean of the members' entropies. */
  dataUncertainty: Float64Array<ArrayBuffer>;
  /**
   * totalUncertainty − dataUncertainty. In mode `"ep"` it may be negative,
   * because the mean is not weighted.
   */
  mutualInformation: Float64Array<ArrayBuffer>;
  /** −Σ mixture · mean log p, the cross-entropy with the mean logarithm. */
  epklTotalUncertainty: Float64Array<ArrayBuffer>;
  /** epklTotalUncertainty − dataUncertainty, the expected pairwise KL. */
  epkl: Float64Array<ArrayBuffer>;
  /**
   * epklTotalUncertainty − totalUncertainty, the reverse mutual information.
   */
  rmi: Float64Array<ArrayBuffer>;
}

/** Options of {@linkcode ensembleTextUncertainty}. */
export interface TextUncertaintyOptions extends TokenUncertaintyOptions {
  /**
   * How many texts are hypotheses for the same input, one after the other, such
   * as the beams of a search.
   * @default {1}
   */
  hypotheses?: number;
}

/** Uncertainties of inputs, each [inputs] unless it says otherwise. */
export interface TextUncertainty extends SequenceEnsembleUncertainty {
  /**
   * The total uncertainty of a token, its mean over the tokens of a hypothesis
   * and then over the hypotheses by their weights (PETtu, EPTtu).
   */
  tokenTotalUncertainty: Float64Array<ArrayBuffer>;
  /** The same mean of the data uncertainty (PETdu, EPTdu). */
  tokenDataUncertainty: Float64Array<ArrayBuffer>;
  /** The same mean of the mutual information (PETmi, EPTmi). */
  tokenMutualInformation: Float64Array<ArrayBuffer>;
  /** The same mean of the reverse mutual information (PETrmi, EPTrmi). */
  tokenRmi: Float64Array<ArrayBuffer>;
  /** The same mean of the expected pairwise KL (PETepkl, EPTepkl). */
  tokenEpkl: Float64Array<ArrayBuffer>;
  /**
   * The same mean of the entropy of the 5 most probable tokens, normalized
   * (PETent5, EPTent5).
   */
  tokenEntropyTop5: Float64Array<ArrayBuffer>;
  /** The same of the 10 most probable tokens (PETent10, EPTent10). */
  tokenEntropyTop10: Float64Array<ArrayBuffer>;
  /** The same of the 15 most probable tokens (PETent15, EPTent15). */
  tokenEntropyTop15: Float64Array<ArrayBuffer>;
  /**
   * The weight of each hypothesis, proportional to the exponential of its mean
   * token log-probability under the mixture, [inputs, hypotheses].
   */
  hypothesisWeights: Float64Array<ArrayBuffer>;
  /**
   * The log-probability of each hypothesis by each member, divided by its number
   * of tokens plus 1 (the start token counts), [inputs, members, hypotheses].
   */
  memberLogProbabilities: Float64Array<ArrayBuffer>;
}

/**
 * The uncertainty about each token of generated texts.
 *
 * @param logits The members' scores of the next token at each place,
 * [members, texts, tokens, vocabulary].
 * @param tokens The generated tokens, [texts, tokens], padded to equal length
 * with any token.
 * @param options The number of members, the lengths, and how to mix.
 * @returns Six measures of each token.
 * @throws {RangeError} If the values do not match the tokens and members, a
 * token is not in the vocabulary, a length is out of range, or a score is NaN.
 * @throws {TypeError} If there is an option of another name.
 *
 * @example Two members that contradict each other about one token
 * ```ts
 * import { ensembleTokenUncertainty } from "@swagpu/swagpu/nn";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const logits = [99, 0, 0, 99];
 * const uncertainty = ensembleTokenUncertainty(logits, [0], {
 *   members: 2,
 *   lengths: [1],
 * });
 * assertAlmostEquals(uncertainty.totalUncertainty[0] ?? 0, Math.LN2);
 * assertAlmostEquals(uncertainty.mutualInformation[0] ?? 0, Math.LN2);
 * ```
 */
export function ensembleTokenUncertainty(
  logits: ArrayLike<number>,
  tokens: ArrayLike<number>,
  options: TokenUncertaintyOptions,
): TokenUncertainty {
  const action = "measure token uncertainty";
  checkKnown(action, options, ["members", "lengths", "mode"]);
  const task = readTask(action, logits, { tokens, ...options });
  const empty = () => new Float64Array(tokens.length).fill(NaN);
  const result: TokenUncertainty = {
    totalUncertainty: empty(),
    dataUncertainty: empty(),
    mutualInformation: empty(),
    epklTotalUncertainty: empty(),
    epkl: empty(),
    rmi: empty(),
  };
  visit(task, (at, { mixture }) => {
    const { members, vocabulary } = task;
    const total = rowEntropy(mixture, 0, vocabulary);
    let data = 0;
    const logs = new Float64Array(vocabulary);
    for (let m = 0; m < members; m++) {
      const own = rowOf(task, m, at);
      data += rowEntropy(own.map(Math.exp), 0, vocabulary) / members;
      for (const [k, log] of own.entries()) {
        logs[k] = (logs[k] ?? 0) + log / members;
      }
    }
    let cross = 0;
    for (const [k, p] of mixture.entries()) {
      // 0 · log 0 counts as 0.
      if (p !== 0) cross -= p * (logs[k] ?? NaN);
    }
    result.totalUncertainty[at] = total;
    result.dataUncertainty[at] = data;
    result.mutualInformation[at] = total - data;
    result.epklTotalUncertainty[at] = cross;
    result.epkl[at] = cross - data;
    result.rmi[at] = cross - total;
  });
  return result;
}

/**
 * The uncertainty about generated texts: means of the token measures, and
 * measures of whole texts.
 *
 * Each input has one generated text, or several hypotheses that follow each
 * other.
 *
 * @param logits The members' scores of the next token at each place,
 * [members, inputs · hypotheses, tokens, vocabulary].
 * @param tokens The generated tokens, [inputs · hypotheses, tokens], padded to
 * equal length with any token.
 * @param options The number of members and of hypotheses, the lengths, and how
 * to mix.
 * @returns Measures of each input.
 * @throws {RangeError} If the values do not match the tokens and members, a
 * token is not in the vocabulary, a length is out of range, or a score is NaN.
 * @throws {TypeError} If there is an option of another name.
 *
 * @example Two members that agree have no mutual information
 * ```ts
 * import { ensembleTextUncertainty } from "@swagpu/swagpu/nn";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * const logits = [0, 0, 1, 2, 0, 0, 1, 2];
 * const uncertainty = ensembleTextUncertainty(logits, [0, 1], {
 *   members: 2,
 *   lengths: [2],
 * });
 * assertAlmostEquals(uncertainty.tokenMutualInformation[0] ?? NaN, 0);
 * ```
 */
export function ensembleTextUncertainty(
  logits: ArrayLike<number>,
  tokens: ArrayLike<number>,
  options: TextUncertaintyOptions,
): TextUncertainty {
  const action = "measure text uncertainty";
  checkKnown(action, options, ["members", "lengths", "mode", "hypotheses"]);
  const { hypotheses = 1, members, lengths, mode } = options;
  const texts = lengths.length;
  checkCount(action, "hypotheses", { value: hypotheses });
  if (texts % hypotheses !== 0) {
    throw new RangeError(
      `Cannot ${action}: ${texts} texts are not whole groups of ${hypotheses} hypotheses`,
    );
  }
  const task = readTask(action, logits, { tokens, ...options });
  const inputs = texts / hypotheses;
  const byToken = ensembleTokenUncertainty(logits, tokens, {
    members,
    lengths,
    ...(mode ? { mode } : {}),
  });
  const top = [5, 10, 15].map(() => new Float64Array(tokens.length));
  const scores = new Float64Array(texts);
  const own = new Float64Array(inputs * members * hypotheses);
  visit(task, (at, { text, mixture }) => {
    const token = tokens[at] ?? 0;
    const sorted = Float64Array.from(mixture).sort().reverse();
    for (const [i, count] of [5, 10, 15].entries()) {
      const kept = sorted.subarray(0, count);
      const mass = kept.reduce((sum, p) => sum + p, 0);
      const list = top[i];
      if (list) {
        list[at] = rowEntropy(kept.map((p) => p / mass), 0, kept.length);
      }
    }
    const length = lengths[text] ?? NaN;
    scores[text] = (scores[text] ?? 0) +
      Math.log(mixture[token] ?? NaN) / length;
    for (let m = 0; m < members; m++) {
      const input = Math.floor(text / hypotheses);
      const place = (input * members + m) * hypotheses + text % hypotheses;
      own[place] = (own[place] ?? 0) +
        (rowOf(task, m, at)[token] ?? NaN) / (length + 1);
    }
  });
  const hypothesisWeights = weightsOf(scores, hypotheses);
  const mean = (values: Float64Array) => {
    const result = new Float64Array(inputs);
    visitPlaces(task, (at, text) => {
      const input = Math.floor(text / hypotheses);
      const share = (hypothesisWeights[text] ?? NaN) / (lengths[text] ?? NaN);
      result[input] = (result[input] ?? 0) + share * (values[at] ?? NaN);
    });
    return result;
  };
  const [top5, top10, top15] = top.map(mean) as [
    Float64Array<ArrayBuffer>,
    Float64Array<ArrayBuffer>,
    Float64Array<ArrayBuffer>,
  ];
  return {
    ...sequenceEnsembleUncertainty(own, { members, hypotheses }),
    tokenTotalUncertainty: mean(byToken.totalUncertainty),
    tokenDataUncertainty: mean(byToken.dataUncertainty),
    tokenMutualInformation: mean(byToken.mutualInformation),
    tokenRmi: mean(byToken.rmi),
    tokenEpkl: mean(byToken.epkl),
    tokenEntropyTop5: top5,
    tokenEntropyTop10: top10,
    tokenEntropyTop15: top15,
    hypothesisWeights,
    memberLogProbabilities: own,
  };
}

/** What the members predict for the texts, in logarithms. */
interface Task {
  logs: Float64Array;
  tokens: ArrayLike<number>;
  members: number;
  lengths: ArrayLike<number>;
  /** The number of tokens that texts are padded to. */
  width: number;
  vocabulary: number;
  mode: "pe" | "ep";
}

function readTask(
  action: string,
  logits: ArrayLike<number>,
  { tokens, members, lengths, mode = "pe" }: TokenUncertaintyOptions & {
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
function rowOf(
  { logs, tokens, vocabulary }: Task,
  member: number,
  at: number,
): Float64Array {
  const start = (member * tokens.length + at) * vocabulary;
  return logs.subarray(start, start + vocabulary);
}

/** Visits every token that is not padding, in order. */
function visitPlaces(
  { lengths, width }: Pick<Task, "lengths" | "width">,
  each: (at: number, text: number) => void,
): void {
  for (let text = 0; text < lengths.length; text++) {
    for (let t = 0; t < (lengths[text] ?? 0); t++) each(text * width + t, text);
  }
}

/** Visits every token that is not padding, with the mixture of the members. */
function visit(
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

/** exp of scores, normalized within each group. */
function weightsOf(
  scores: Float64Array,
  size: number,
): Float64Array<ArrayBuffer> {
  const weights = new Float64Array(scores.length);
  for (let start = 0; start < scores.length; start += size) {
    const group = scores.subarray(start, start + size);
    const largest = Math.max(...group);
    const own = group.map((score) => Math.exp(score - largest));
    const total = own.reduce((sum, w) => sum + w, 0);
    weights.set(own.map((w) => w / total), start);
  }
  return weights;
}
