// Copyright 2026 the swagpu authors. MIT license.

/**
 * Generates reviews of 6 to 14 words whose label distribution is known.
 *
 * A sentence is one or two clauses ("the soup was not very cold", "the ending
 * disappointed us") with an optional opener and closer. Each clause has a
 * sentiment: the polarity of its adjective *for that subject* (a dark film is
 * not a dark room), changed by negation and intensifiers, times the weight of
 * its noun. The sentiments of clauses are added with weights that depend on the
 * connective, so that after "but" the second clause decides. The label is drawn from
 *
 * p(y|x) = softmax(β·[−s, b + m, s])
 *
 * with `s` the sentiment of the sentence and `m` the evidence for "mixed":
 * lukewarm words, and clauses that contradict each other. Since p(y|x) is
 * known, a model can be scored against the truth and not only against labels.
 *
 * ```ts ignore
 * const { train, test, ood } = generateReviews({ seed: 1 });
 * await writeSplits("data", { train, test, ood });
 * ```
 *
 * @module
 */

import { counterRandom } from "../../nn/mod.ts";
import {
  ADVERBS,
  CONNECTIVES,
  type Domain,
  FAMILIAR,
  type Judgment,
  type Modifier,
  MODIFIERS,
  OPENERS,
  UNFAMILIAR,
} from "./lexicon.ts";

/** The names of the classes, by label number. */
export const LABELS: readonly ["negative", "mixed", "positive"] = [
  "negative",
  "mixed",
  "positive",
];

/** One review. */
export interface Review {
  /** The sentence, in lower case without punctuation. */
  text: string;
  /** The label that was drawn, an index into {@linkcode LABELS}. */
  label: number;
  /** The distribution of the label: negative, mixed, positive. */
  probabilities: readonly [number, number, number];
}

/** Options of {@linkcode generateReviews}. */
export interface ReviewsOptions {
  /**
   * The seed of the sentences and labels.
   * @default {0}
   */
  seed?: number;
  /**
   * How many training examples to draw.
   * @default {1000}
   */
  train?: number;
  /**
   * How many test examples to draw, from the training distribution.
   * @default {2000}
   */
  test?: number;
  /**
   * How many examples to draw about a subject that training never mentions.
   * @default {500}
   */
  ood?: number;
}

/** The three sets. No sentence occurs twice in a set. */
export interface Reviews {
  /** The reviews to train on. */
  train: Review[];
  /** Other reviews from the same distribution. */
  test: Review[];
  /** Reviews of another subject: new nouns, adjectives, verbs and closers. */
  ood: Review[];
}

/** The paths of the written sets. */
export interface SplitFiles {
  /** A file with columns `text`, `label`. */
  train: string;
  /** A file with columns `text`, `label`, `p_negative`, `p_mixed`, `p_positive`. */
  test: string;
  /** A file with the same columns as `test`. */
  ood: string;
}

const SHORTEST = 6;
const LONGEST = 14;
/** β: how certain the labels are. It determines the oracle's accuracy. */
const SHARPNESS = 1.25;
/** b: how often "mixed" is drawn if there is no evidence for it. */
const MIXED_BIAS = 0.45;
/** Evidence for "mixed" per unit of the weaker of two opposed clauses. */
const CONTRADICTION = 0.3;
/** The weight of an adjective before its noun, relative to one after "was". */
const EPITHET = 0.7;
/** By which factor the last entry of a list of words is rarer than the first. */
const RARITY = 100;

interface Clause {
  text: string;
  sentiment: number;
  mixed: number;
}

/**
 * Draws the three sets.
 *
 * @param options Seed and sizes.
 * @returns Reviews with their labels and true distributions.
 * @throws {RangeError} If a size is not a non-negative integer.
 */
export function generateReviews(options: ReviewsOptions = {}): Reviews {
  const { seed = 0, train = 1000, test = 2000, ood = 500 } = options;
  const seen = new Set<string>();
  const sizes = { train, test, ood };
  for (const [name, size] of Object.entries(sizes)) {
    if (!Number.isSafeInteger(size) || size < 0) {
      throw new RangeError(
        `Cannot generate reviews: the size of ${name} is ${size}: it must be a ` +
          "non-negative integer",
      );
    }
  }
  // Each set has its own stream, so that its size does not change the other sets.
  const draw = (size: number, stream: number, domains: readonly Domain[]) => {
    const random = counterRandom(seed, { stream });
    const reviews: Review[] = [];
    while (reviews.length < size) {
      const review = drawReview(random, domains);
      if (seen.has(review.text)) continue;
      seen.add(review.text);
      reviews.push(review);
    }
    return reviews;
  };
  return {
    train: draw(train, 0, FAMILIAR),
    test: draw(test, 1, FAMILIAR),
    ood: draw(ood, 2, UNFAMILIAR),
  };
}

/** Draws a sentence of an allowed length, and a label from its distribution. */
function drawReview(
  random: () => number,
  domains: readonly Domain[],
): Review {
  for (;;) {
    const { text, sentiment, mixed } = drawSentence(random, domains);
    const words = text.split(" ").length;
    if (words < SHORTEST || words > LONGEST) continue;
    const probabilities = labelDistribution(sentiment, mixed);
    const u = random();
    const label = u < probabilities[0]
      ? 0
      : u < probabilities[0] + probabilities[1]
      ? 1
      : 2;
    return { text, label, probabilities };
  }
}

/** Computes softmax(β·[−s, b + m, s]). */
function labelDistribution(
  sentiment: number,
  mixed: number,
): [number, number, number] {
  const negative = Math.exp(-SHARPNESS * sentiment);
  const middle = Math.exp(SHARPNESS * (MIXED_BIAS + mixed));
  const positive = Math.exp(SHARPNESS * sentiment);
  const total = negative + middle + positive;
  return [negative / total, middle / total, positive / total];
}

/** Draws one or two clauses about one subject, an opener and a closer. */
function drawSentence(
  random: () => number,
  domains: readonly Domain[],
): Clause {
  const domain = uniform(random, domains);
  const parts: string[] = [];
  let sentiment = 0;
  let mixed = 0;
  if (random() < 0.3) {
    const opener = uniform(random, OPENERS);
    parts.push(opener.text);
    sentiment += opener.polarity;
    mixed += opener.mixed;
  }
  const first = drawClause(random, domain);
  parts.push(first.text);
  if (random() < 0.7) {
    const joint = ranked(random, CONNECTIVES);
    const second = drawClause(random, domain);
    parts.push(joint.text, second.text);
    const a = joint.first * first.sentiment;
    const b = joint.second * second.sentiment;
    sentiment += a + b;
    mixed += joint.first * first.mixed + joint.second * second.mixed;
    if (a * b < 0) {
      mixed += CONTRADICTION * Math.min(Math.abs(a), Math.abs(b));
    }
  } else {
    sentiment += 1.3 * first.sentiment;
    mixed += first.mixed;
  }
  if (random() < 0.5) {
    const closer = ranked(random, domain.closers);
    parts.push(closer.text);
    sentiment += closer.polarity;
    mixed += closer.mixed;
  }
  return { text: parts.join(" "), sentiment, mixed };
}

/** Draws "the [adjective] noun was [modifier] adjective" or "… [adverb] verb us". */
function drawClause(random: () => number, domain: Domain): Clause {
  const noun = ranked(random, domain.nouns);
  const epithet = random() < 0.5
    ? ranked(random, domain.adjectives)
    : undefined;
  const verbal = random() < 0.3;
  const judgment: Judgment = ranked(
    random,
    verbal ? domain.verbs : domain.adjectives,
  );
  const words = epithet ? ["the", epithet.text] : ["the"];
  words.push(noun.text, ...(verbal ? [] : ["was"]));
  let polarity = judgment.polarity[domain.subject];
  let mixed = judgment.mixed;
  if (random() < 0.25) {
    const modifier: Modifier = ranked(random, verbal ? ADVERBS : MODIFIERS);
    words.push(modifier.text);
    polarity = modifier.apply(polarity);
    mixed *= 0.8;
  }
  words.push(judgment.text);
  if (epithet) {
    polarity += EPITHET * epithet.polarity[domain.subject];
    mixed += EPITHET * epithet.mixed;
  }
  return {
    text: words.join(" "),
    sentiment: noun.weight * polarity,
    mixed,
  };
}

function uniform<T>(random: () => number, from: readonly T[]): T {
  return at(from, Math.floor(random() * from.length));
}

/** Picks an entry. Frequencies fall geometrically, in total by `RARITY`. */
function ranked<T>(random: () => number, from: readonly T[]): T {
  // Inverts the distribution function of the density RARITY^−x on [0, 1).
  const x = -Math.log(1 - random() * (1 - 1 / RARITY)) / Math.log(RARITY);
  return at(from, Math.min(Math.floor(x * from.length), from.length - 1));
}

function at<T>(from: readonly T[], index: number): T {
  const value = from[index];
  if (value === undefined) {
    throw new RangeError(
      `Cannot pick entry ${index}: the list has ${from.length}`,
    );
  }
  return value;
}

/**
 * Writes `train.tsv`, `test.tsv` and `ood.tsv`, each with a header line.
 *
 * @param folder The folder, which is made if it does not exist.
 * @param reviews The result of {@linkcode generateReviews}.
 * @returns The paths of the three files.
 */
export async function writeSplits(
  folder: string,
  reviews: Reviews,
): Promise<SplitFiles> {
  await Deno.mkdir(folder, { recursive: true });
  const files = {
    train: `${folder}/train.tsv`,
    test: `${folder}/test.tsv`,
    ood: `${folder}/ood.tsv`,
  };
  await Deno.writeTextFile(files.train, toTsv(reviews.train, false));
  await Deno.writeTextFile(files.test, toTsv(reviews.test, true));
  await Deno.writeTextFile(files.ood, toTsv(reviews.ood, true));
  return files;
}

/** Writes tab-separated rows, if asked with the true distribution to six decimals. */
function toTsv(reviews: readonly Review[], truth: boolean): string {
  const columns = truth ? LABELS.map((name) => `p_${name}`) : [];
  const rows = reviews.map(({ text, label, probabilities }) => [
    text,
    LABELS[label],
    ...(truth ? probabilities.map((p) => p.toFixed(6)) : []),
  ]);
  return [["text", "label", ...columns], ...rows]
    .map((row) => row.join("\t") + "\n").join("");
}
