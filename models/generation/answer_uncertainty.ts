// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * From what samples of the weights say of answers to the choice among them, and to how
 * uncertain the model is.
 *
 * @module
 */

import {
  minimumBayesRisk,
  semanticEntropy,
  sentenceChrf,
  sequenceEnsembleUncertainty,
  sumUpTokenUncertainty,
  type TokenUncertainty,
  type Utility,
} from "../../nn/metrics/mod.ts";
import type { AnswerScores } from "./answer_scores.ts";
import { type DistinctAnswer, meaningsOf } from "./written_rows.ts";

/** An answer that at least one sample of the weights has written. */
export interface AnswerCandidate {
  /** The text, without special tokens. */
  text: string;
  /** The new tokens, with the end token if the answer has ended. */
  tokens: readonly number[];
  /** How many of the samples' answers are this one. */
  count: number;
  /** The number of its meaning; equal numbers mean the same. */
  cluster: number;
  /** Its mean utility if one of the samples' answers is right. */
  expectedUtility: number;
  /** The logarithm of its mean probability over the samples. */
  logProbability: number;
  /** How uncertain the samples are about each token, in nats, `[tokens]`. */
  uncertainty: TokenUncertainty;
}

/**
 * Entropies over the meanings of the samples' answers, in nats; see
 * {@linkcode semanticEntropy}, where each is defined.
 */
export interface MeaningEntropies {
  /** By the frequencies of meanings; it needs no probabilities. */
  discrete: number;
  /** By the mean probabilities of the answers, which are not normalized. */
  monteCarlo: number;
  /** The same where each text of a meaning counts once. */
  unique: number;
  /** By the same masses as `monteCarlo`, -Σ p log p over answers. */
  direct: number;
  /** By the frequencies, -Σ f log f over answers. */
  discreteDirect: number;
  /** By the masses of meanings, normalized: at most the logarithm of their number. */
  normalized: number;
}

/**
 * The answer to a prompt, and how uncertain the model is about it. Token measures are
 * means over the tokens of an answer and then over the answers by their weights, and
 * sequence measures are of log-probabilities divided by lengths, as in lm-polygraph
 * (PET…, PES…; EPT…, EPS… in mode `"ep"`).
 */
export interface AnswerUncertainty {
  /** The chosen text, that of the first candidate. */
  text: string;
  /** Its tokens. */
  tokens: readonly number[];
  /** All different answers, those of largest expected utility first. */
  candidates: AnswerCandidate[];
  /** The mutual information between a token and the weights, in nats. */
  tokenMutualInformation: number;
  /** The entropy of a token by the mixture of all samples, in nats. */
  tokenTotalUncertainty: number;
  /** The mean entropy of a token by single samples, in nats. */
  tokenDataUncertainty: number;
  /** The reverse mutual information of a token, in nats. */
  tokenRmi: number;
  /** The expected pairwise KL divergence of a token, in nats. */
  tokenEpkl: number;
  /**
   * The mutual information between a whole answer and the weights, in nats; of
   * log-probabilities that are not divided by lengths. It is estimated with the
   * answers that were written, and exact if those are all there are.
   */
  sequenceMutualInformation: number;
  /** The negative mean probability of an answer. */
  sequenceTotalUncertainty: number;
  /** The reverse mutual information of an answer. */
  sequenceRmi: number;
  /** The same of absolute differences. */
  sequenceAbsoluteRmi: number;
  /** The entropies over what the answers mean. */
  semanticEntropy: MeaningEntropies;
}

/** An answer, and what the samples say of it. */
interface ScoredAnswer extends DistinctAnswer {
  readonly text: string;
  readonly scores: AnswerScores;
}

/** Chooses among the answers to a prompt, and measures the uncertainty. */
export async function measureAnswers(
  answers: readonly ScoredAnswer[],
  { equivalent, utility = chrf, mode }: {
    equivalent: (a: string, b: string) => boolean | PromiseLike<boolean>;
    utility?: Utility<string>;
    mode: "pe" | "ep";
  },
): Promise<AnswerUncertainty> {
  const texts = answers.map(({ text }) => text);
  const counts = answers.map(({ count }) => count);
  const clusters = await meaningsOf(texts, equivalent);
  const { expectedUtilities } = minimumBayesRisk(texts, utility, {
    weights: counts,
  });
  const sums = answers.map(({ scores }) =>
    scores.logProbabilities.map((own) => own.reduce((sum, log) => sum + log, 0))
  );
  const logProbabilities = sums.map(logMeanExp);
  const candidates = answers.map(({ text, tokens, count, scores }, i) => ({
    ...{ text, tokens, count },
    cluster: clusters[i] ?? 0,
    expectedUtility: expectedUtilities[i] ?? NaN,
    logProbability: logProbabilities[i] ?? NaN,
    uncertainty: measuresOf(scores, mode),
  })).sort((a, b) => b.expectedUtility - a.expectedUtility);
  const all = allAnswers(answers, mode);
  const members = sums[0]?.length ?? 0;
  const [first] = candidates;
  return {
    text: first?.text ?? "",
    tokens: first?.tokens ?? [],
    candidates,
    ...tokenMeans(all),
    sequenceMutualInformation: numberOf(
      sequenceEnsembleUncertainty(
        Array.from(
          { length: members },
          (_, m) => sums.map((own) => own[m] ?? NaN),
        ).flat(),
        { members, hypotheses: answers.length },
      ).sequenceMutualInformation,
    ),
    semanticEntropy: meaningEntropies({
      counts,
      clusters,
      logProbabilities,
      texts,
    }),
  };
}

/** How good a text is if another is right, by their runs of characters. */
function chrf(text: string, truth: string): number {
  if (text === truth) return 100; // Also where both are empty.
  return sentenceChrf(text, [truth]);
}

/** The measures of each token. */
function measuresOf(
  { total, data, cross }: AnswerScores,
  mode: "pe" | "ep",
): TokenUncertainty {
  const from = (of: (at: number) => number) =>
    Float64Array.from(total, (_, at) => of(at));
  const at = (values: Float32Array, i: number) => values[i] ?? NaN;
  return {
    totalUncertainty: from((i) => at(total, i)),
    dataUncertainty: from((i) => at(data, i)),
    // Rounding must not make it negative, which it can only be in mode "ep".
    mutualInformation: from((i) =>
      Math.max(mode === "pe" ? 0 : -Infinity, at(total, i) - at(data, i))
    ),
    epklTotalUncertainty: from((i) => at(cross, i)),
    epkl: from((i) => at(cross, i) - at(data, i)),
    rmi: from((i) => at(cross, i) - at(total, i)),
  };
}

/** The sums over all answers to a prompt, as hypotheses of one input. */
function allAnswers(answers: readonly ScoredAnswer[], mode: "pe" | "ep") {
  const lengths = answers.map(({ tokens }) => tokens.length);
  const width = Math.max(...lengths);
  const padded = (lists: readonly ArrayLike<number>[]) =>
    Float64Array.from(
      { length: lists.length * width },
      (_, i) => lists[Math.floor(i / width)]?.[i % width] ?? NaN,
    );
  const measures = answers.map(({ scores }) => measuresOf(scores, mode));
  const measure = (name: keyof TokenUncertainty) =>
    padded(measures.map((own) => own[name]));
  const members = answers[0]?.scores.logProbabilities.length ?? 0;
  const logs = Array.from({ length: members }, (_, m) => [
    ...padded(answers.map(({ scores }) => scores.logProbabilities[m] ?? [])),
  ]).flat();
  return sumUpTokenUncertainty(
    {
      totalUncertainty: measure("totalUncertainty"),
      dataUncertainty: measure("dataUncertainty"),
      mutualInformation: measure("mutualInformation"),
      epklTotalUncertainty: measure("epklTotalUncertainty"),
      epkl: measure("epkl"),
      rmi: measure("rmi"),
    },
    logs,
    { members, lengths, hypotheses: answers.length, mode },
  );
}

/** The numbers of the single input. */
function tokenMeans(all: ReturnType<typeof allAnswers>) {
  return {
    tokenMutualInformation: numberOf(all.tokenMutualInformation),
    tokenTotalUncertainty: numberOf(all.tokenTotalUncertainty),
    tokenDataUncertainty: numberOf(all.tokenDataUncertainty),
    tokenRmi: numberOf(all.tokenRmi),
    tokenEpkl: numberOf(all.tokenEpkl),
    sequenceTotalUncertainty: numberOf(all.sequenceTotalUncertainty),
    sequenceRmi: numberOf(all.sequenceRmi),
    sequenceAbsoluteRmi: numberOf(all.sequenceAbsoluteRmi),
  };
}

/** The entropies over meanings, where each answer counts as often as it was written. */
function meaningEntropies({ counts, clusters, logProbabilities, texts }: {
  counts: readonly number[];
  clusters: readonly number[];
  logProbabilities: readonly number[];
  texts: readonly string[];
}): MeaningEntropies {
  const repeated = <T>(list: readonly T[]): T[] =>
    list.flatMap((item, i) => Array<T>(counts[i] ?? 0).fill(item));
  const own = repeated(texts);
  const found = semanticEntropy(
    repeated(logProbabilities),
    repeated(clusters),
    {
      samples: own.length,
      texts: own,
    },
  );
  return {
    discrete: numberOf(found.discrete),
    monteCarlo: numberOf(found.monteCarlo),
    unique: numberOf(found.unique),
    direct: numberOf(found.direct),
    discreteDirect: numberOf(found.discreteDirect),
    normalized: numberOf(found.normalized),
  };
}

function numberOf(list: Float64Array | undefined): number {
  return list?.[0] ?? NaN;
}

/** The logarithm of the mean of exponentials. */
function logMeanExp(logs: readonly number[]): number {
  const largest = Math.max(...logs);
  if (largest === -Infinity) return -Infinity;
  return largest +
    Math.log(logs.reduce((sum, log) => sum + Math.exp(log - largest), 0)) -
    Math.log(logs.length);
}
