// Copyright 2026 the swagpu authors. MIT license.

// Scores of generated texts, answers and entities, from sacreBLEU, rouge_score,
// the scripts of SQuAD, seqeval and NLTK.

import * as metrics from "../../../nn/metrics/mod.ts";
import type { Comparison } from "../compare.ts";
import {
  checkCases,
  checkOptionNames,
  choiceOf,
  entriesOf,
  itemsOf,
  type MetricCase,
  type Metrics,
  numbersOf,
  textOf,
  textsOf,
} from "../metric_cases.ts";
import { toNumber } from "./cases.ts";

const SCHEMES = ["IOB1", "IOB2", "IOE1", "IOE2", "IOBES", "BILOU"] as const;
const TOKENIZERS = ["13a", "intl", "char", "none"] as const;

/** Hypotheses, and lists with one reference for each. */
function translationsOf({ inputs }: MetricCase): [string[], string[][]] {
  return [
    textsOf(inputs.hypotheses),
    itemsOf(inputs.references).map(textsOf),
  ];
}

/** The references of one hypothesis. */
function referencesAt(references: readonly string[][], i: number): string[] {
  return references.map((list) => list[i] ?? "");
}

function bleuOptions(one: MetricCase): metrics.BleuOptions {
  checkOptionNames(one, [
    "tokenizer",
    "smoothing",
    "smoothingValue",
    "lowercase",
    "maxOrder",
    "effectiveOrder",
  ]);
  const { options } = one;
  const methods = ["exp", "floor", "add-k", "none"] as const;
  const value = options.smoothingValue ?? null;
  return {
    tokenize: choiceOf(one, "tokenizer", {
      choices: TOKENIZERS,
      otherwise: "13a",
    }),
    smoothMethod: choiceOf(one, "smoothing", {
      choices: methods,
      otherwise: "exp",
    }),
    ...(value === null ? {} : { smoothValue: toNumber(value) }),
    lowercase: choiceOf(one, "lowercase", {
      choices: [true, false],
      otherwise: false,
    }),
    maxNgramOrder: toNumber(options.maxOrder ?? 4),
    ...(options.effectiveOrder === undefined ? {} : {
      effectiveOrder: choiceOf(one, "effectiveOrder", {
        choices: [true, false],
        otherwise: false,
      }),
    }),
  };
}

function chrf(one: MetricCase): unknown {
  checkOptionNames(one, [
    "charOrder",
    "wordOrder",
    "beta",
    "lowercase",
    "whitespace",
    "epsSmoothing",
  ]);
  const options = {
    charOrder: toNumber(one.options.charOrder ?? 6),
    wordOrder: toNumber(one.options.wordOrder ?? 0),
    beta: toNumber(one.options.beta ?? 2),
    lowercase: choiceOf(one, "lowercase", {
      choices: [true, false],
      otherwise: false,
    }),
    whitespace: choiceOf(one, "whitespace", {
      choices: [true, false],
      otherwise: false,
    }),
    epsSmoothing: choiceOf(one, "epsSmoothing", {
      choices: [true, false],
      otherwise: false,
    }),
  };
  const [hypotheses, references] = translationsOf(one);
  return {
    corpus: metrics.corpusChrf(hypotheses, references, options),
    sentences: hypotheses.map((hypothesis, i) =>
      metrics.sentenceChrf(hypothesis, referencesAt(references, i), options)
    ),
  };
}

function rouge(one: MetricCase): unknown {
  checkOptionNames(one, ["stemmer"]);
  const scores = metrics.rougeScore(
    textOf(one.inputs.prediction),
    textOf(one.inputs.target),
    {
      rougeTypes: ["rouge1", "rouge2", "rouge3", "rougeL", "rougeLsum"],
      useStemmer: choiceOf(one, "stemmer", {
        choices: [true, false],
        otherwise: false,
      }),
    },
  );
  return Object.fromEntries(
    Object.entries(scores).map((
      [type, { fmeasure, ...rest }],
    ) => [type, { ...rest, f1: fmeasure }]),
  );
}

function questionsOf({ inputs }: MetricCase): metrics.SquadReference[] {
  return itemsOf(inputs.questions).map((question) => {
    const { id, answers } = entriesOf(question);
    return { id: textOf(id), answers: textsOf(answers) };
  });
}

function predictionsOf({ inputs }: MetricCase): Record<string, string> {
  return Object.fromEntries(
    Object.entries(entriesOf(inputs.predictions)).map((
      [id, text],
    ) => [id, textOf(text)]),
  );
}

function squadV2Corpus(one: MetricCase): unknown {
  checkOptionNames(one, ["noAnswerThreshold"]);
  const scores = metrics.squadV2(predictionsOf(one), questionsOf(one), {
    noAnswerThreshold: toNumber(one.options.noAnswerThreshold ?? 1),
    noAnswerProbabilities: Object.fromEntries(
      Object.entries(entriesOf(one.inputs.noAnswerProbability)).map((
        [id, probability],
      ) => [id, toNumber(probability)]),
    ),
  });
  return {
    exact: scores.exact,
    f1: scores.f1,
    total: scores.total,
    HasAns_exact: scores.hasAnsExact,
    HasAns_f1: scores.hasAnsF1,
    HasAns_total: scores.hasAnsTotal,
    NoAns_exact: scores.noAnsExact,
    NoAns_f1: scores.noAnsF1,
    NoAns_total: scores.noAnsTotal,
    best_exact: scores.bestExact,
    best_exact_thresh: scores.bestExactThresh,
    best_f1: scores.bestF1,
    best_f1_thresh: scores.bestF1Thresh,
  };
}

function entityScores(one: MetricCase): unknown {
  checkOptionNames(one, ["mode", "scheme"]);
  const options: metrics.EntityOptions = {
    mode: choiceOf(one, "mode", {
      choices: ["default", "strict"],
      otherwise: "default",
    }),
    // As in seqeval, the scheme of other modes says only what the tags are.
    ...(one.options.mode !== "strict" ? {} : {
      scheme: choiceOf(one, "scheme", { choices: SCHEMES, otherwise: "IOB2" }),
    }),
  };
  const predicted = itemsOf(one.inputs.y_pred).map(textsOf);
  const labels = itemsOf(one.inputs.y_true).map(textsOf);
  const scores = metrics.entityScores(predicted, labels, options);
  const named = ({ fscore, ...rest }: metrics.PrecisionRecall) => ({
    ...rest,
    f1: fscore,
  });
  return {
    micro: named(scores.micro),
    macro: named(scores.macro),
    weighted: named(scores.weighted),
    perType: Object.fromEntries(
      Object.entries(scores.perType).map(([type, own]) => [type, named(own)]),
    ),
    entitiesTrue: joinedEntities(labels, options),
    entitiesPredicted: joinedEntities(predicted, options),
  };
}

/** The sorted entities of sentences that are joined by one O each. */
function joinedEntities(
  sentences: readonly string[][],
  options: metrics.EntityOptions,
): metrics.Entity[] {
  let offset = 0;
  const entities = sentences.flatMap((tags): metrics.Entity[] => {
    const start = offset;
    offset += tags.length + 1;
    return metrics.getEntities(tags, options).map((
      [type, first, last],
    ) => [type, start + first, start + last]);
  });
  return entities.sort((a, b) =>
    a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : a[1] - b[1]
  );
}

const METRICS: Metrics = {
  bleuTokenize: (one) => {
    checkOptionNames(one, ["tokenizer"]);
    const tokenizer = choiceOf(one, "tokenizer", {
      choices: TOKENIZERS,
      otherwise: "13a",
    });
    return textsOf(one.inputs.lines).map((line) =>
      metrics.bleuTokenize(line, tokenizer)
    );
  },
  corpusBleu: (one) =>
    metrics.corpusBleu(...translationsOf(one), bleuOptions(one)),
  sentenceBleu: (one) => {
    const [hypotheses, references] = translationsOf(one);
    return hypotheses.map((hypothesis, i) =>
      metrics.sentenceBleu(
        hypothesis,
        referencesAt(references, i),
        bleuOptions(one),
      ).score
    );
  },
  chrf,
  ter: (one) => {
    checkOptionNames(one, []);
    return { corpus: metrics.corpusTer(...translationsOf(one)) };
  },
  rouge,
  squadV1: (one) => {
    checkOptionNames(one, []);
    const prediction = textOf(one.inputs.prediction);
    const scores = metrics.squadScores(prediction, textsOf(one.inputs.answers));
    return {
      normalized: metrics.normalizeAnswer(prediction),
      exact: scores.exactMatch,
      f1: scores.f1,
    };
  },
  squadV2: (one) => {
    checkOptionNames(one, []);
    const scores = metrics.squadScores(
      textOf(one.inputs.prediction),
      textsOf(one.inputs.answers),
      { version: 2 },
    );
    return { exact: scores.exactMatch, f1: scores.f1 };
  },
  squadV1Corpus: (one) => {
    checkOptionNames(one, []);
    const scores = metrics.squad(predictionsOf(one), questionsOf(one));
    return { exact_match: scores.exactMatch, f1: scores.f1 };
  },
  squadV2Corpus,
  entityScores,
  perplexity: (one) => {
    checkOptionNames(one, []);
    const sequences = itemsOf(one.inputs.logProbabilities).map(numbersOf);
    return {
      perSequence: sequences.map((sequence) => metrics.perplexity(sequence)),
      corpus: metrics.perplexity(sequences.flat()),
      bitsPerToken: metrics.bitsPerToken(sequences.flat()),
    };
  },
  wordErrorRate: (one) => {
    checkOptionNames(one, []);
    const reference = textOf(one.inputs.reference);
    const hypothesis = textOf(one.inputs.hypothesis);
    return {
      edits: metrics.editDistance(
        hypothesis.split(/\s+/),
        reference.split(/\s+/),
      ),
      wer: metrics.wordErrorRate([hypothesis], [reference]),
      charEdits: metrics.editDistance(hypothesis, reference),
    };
  },
};

/** The names of the functions that are known here. */
export const FUNCTIONS: readonly string[] = Object.keys(METRICS);

/** Compares every case with what this library computes. */
export function check(cases: readonly MetricCase[]): Comparison[] {
  return checkCases(cases, METRICS);
}
