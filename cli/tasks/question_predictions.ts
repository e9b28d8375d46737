// Copyright 2026 the swagpu authors. MIT license.

/**
 * Answers questions for `predict`.
 *
 * @module
 */

import type { PretrainedConfig, RankedAnswer } from "../../models/mod.ts";
import { softmaxRows, uncertaintyParts } from "../../nn/mod.ts";
import type { Arguments, Option } from "../arguments.ts";
import { meanOf, standardDeviations } from "../classifier.ts";
import { scoreOptions } from "../model_options.ts";
import { notesOf } from "../notes.ts";
import { ofMembers, samplesOf } from "../posterior.ts";
import { type Line, shortest } from "../prediction_lines.ts";
import { chunksOf } from "./prediction_inputs.ts";
import { QUESTION_INPUT_OPTIONS, readQuestions } from "./question_inputs.ts";
import {
  type AnswerModel,
  answerOutputs,
  averageOutputs,
  type WindowOutput,
} from "./question_outputs.ts";
import { type WindowRow, windowsOf } from "./question_rows.ts";
import {
  ANSWER_OPTIONS,
  answerRules,
  answersOf,
  N_BEST,
} from "./question_scores.ts";
import type { PredictContext } from "./task.ts";

/** The option that says how windows overlap. */
export const STRIDE_OPTION: Option = {
  name: "doc-stride",
  value: "N",
  help: "Tokens that the windows of a long context share (128, or half of a " +
    "window's room if that is less).",
};

/** The options of `predict`. */
export const PREDICT_ANSWER_OPTIONS: readonly Option[] = [
  ...QUESTION_INPUT_OPTIONS,
  STRIDE_OPTION,
  ...ANSWER_OPTIONS,
  {
    name: "unanswerable",
    help: "Allow no answer (as the model was trained).",
  },
  {
    name: "n-best",
    value: "N",
    help: "Write the N best answers to each question too.",
  },
];

/** How many questions are answered at a time. */
const CHUNK = 256;

/** Whether there may be no answer: by an option, or as the model was trained. */
function mayBeUnanswerable(args: Arguments, config: PretrainedConfig): boolean {
  const wasTrained = notesOf(config)?.["unanswerable"] === true;
  const isAllowed = args.flag("unanswerable") || wasTrained;
  if (isAllowed || args.text("null-threshold") === undefined) return isAllowed;
  throw new TypeError(
    "Cannot use --null-threshold: the model was not trained on questions " +
      "without an answer; say --unanswerable if no answer may be given all the " +
      "same",
  );
}

/**
 * Reads questions, and gives the line of each: the answer, its place in the context in
 * units of UTF-16, and its score. The score is the probability of its first token times
 * that of its last, among the tokens of the context in its window, as in the pipeline.
 *
 * With a posterior, answers are chosen by averaged scores, see `averageOutputs`; the
 * score is the mean of the samples' scores, and `std` their standard deviation.
 * `entropy` is that of the first token in the window plus that of the last, in nats, and
 * `mutualInformation` the part of it on which the samples disagree.
 */
export async function* predictAnswers(
  { args, progress, config, load }: PredictContext<AnswerModel>,
): AsyncGenerator<Line> {
  const { batchSize, ...sampling } = scoreOptions(args);
  const version2WithNegative = mayBeUnanswerable(args, config);
  const listed = args.integer("n-best", { min: 1 });
  const rules = {
    ...answerRules(args),
    nBestSize: Math.max(N_BEST, listed ?? 0),
    version2WithNegative,
  };
  const docStride = args.integer("doc-stride", { min: 0 });
  const questions = await readQuestions({ args, config });
  const loaded = await load();
  const { model, tokenizer, maxLength } = loaded;
  const samples = samplesOf(loaded, sampling);
  const isSampled = samples > 0;
  const passes = isSampled ? samples : 1;
  using stage = progress.stage(
    "answering",
    questions.length * passes,
    isSampled ? "passes" : "questions",
  );
  for await (const chunk of chunksOf(questions, CHUNK)) {
    const rows = windowsOf(chunk, {
      tokenizer,
      maxLength,
      docStride,
      isTraining: false,
    });
    const run = { model, tokenizer, maxLength, batchSize, advance: () => {} };
    const members = await ofMembers(loaded, sampling, async () => {
      const own = await answerOutputs(rows, run);
      stage.advance(chunk.length);
      return own;
    });
    const outputs = averageOutputs(members);
    const found = answersOf(rows, outputs, rules);
    const scorer = new AnswerScorer({
      rows,
      outputs,
      members,
      isSampled,
      clsTokenId: tokenizer.clsTokenId,
    });
    for (const [i, { asked, prediction }] of found.entries()) {
      const { nBest, predictionText } = prediction;
      const isChosen = ({ text }: RankedAnswer) =>
        (text === "") === (predictionText === "");
      const own = rows.keys().filter((row) => rows[row]?.asked === asked)
        .toArray();
      yield {
        ...chunk[i]?.line,
        ...scorer.lineOf(nBest.find(isChosen), own),
        ...listed === undefined ? {} : {
          answers: nBest.slice(0, listed)
            .map((answer) => scorer.lineOf(answer, own)),
        },
      };
    }
  }
}

/** What is known of the windows of some questions. */
interface ScorerOptions {
  rows: readonly WindowRow[];
  /** The averaged scores, by which answers were chosen. */
  outputs: readonly WindowOutput[];
  /** The scores of each sample of the weights. */
  members: readonly (readonly WindowOutput[])[];
  isSampled: boolean;
  clsTokenId: number | null;
}

/** The place of an answer: its window, its first and its last token. */
type Place = readonly [window: number, first: number, last: number];

/** Says how probable answers are. */
class AnswerScorer {
  readonly #options: ScorerOptions;

  constructor(options: ScorerOptions) {
    this.#options = options;
  }

  /** The fields of an answer. */
  lineOf(
    answer: RankedAnswer | undefined,
    windows: readonly number[],
  ): Line {
    const place = answer && this.#placeOf(answer, windows);
    if (!answer || !place) return { answer: "", score: 0, start: 0, end: 0 };
    const { score, ...uncertainty } = this.#measures(place);
    const { text, start, end } = answer;
    return { answer: text, score, start, end, ...uncertainty };
  }

  /** Finds the tokens whose scores an answer has; nothing if it is a makeshift. */
  #placeOf(
    { text, start, end, startLogit, endLogit }: RankedAnswer,
    windows: readonly number[],
  ): Place | undefined {
    for (const window of windows) {
      const { startLogits, endLogits } = this.#options.outputs[window] ?? {};
      const offsets = this.#options.rows[window]?.offsetMapping ?? [];
      const isFirst = (i: number) => startLogits?.[i] === startLogit;
      const isLast = (i: number) => endLogits?.[i] === endLogit;
      const [first, last] = text === "" ? [0, 0] : [
        offsets.findIndex((own, i) => own?.[0] === start && isFirst(i)),
        offsets.findLastIndex((own, i) => own?.[1] === end && isLast(i)),
      ];
      if (first >= 0 && last >= 0 && isFirst(first) && isLast(last)) {
        return [window, first, last];
      }
    }
    return undefined;
  }

  /** The score of an answer, and how much samples disagree. */
  #measures([window, first, last]: Place): Record<string, number> {
    const { members, isSampled } = this.#options;
    const starts = members.map((own) =>
      this.#probabilities(window, own[window]?.startLogits)
    );
    const ends = members.map((own) =>
      this.#probabilities(window, own[window]?.endLogits)
    );
    const scores = members.map((_, s) => [
      (starts[s]?.[first] ?? NaN) * (ends[s]?.[last] ?? NaN),
    ]);
    const [score = NaN] = meanOf(scores);
    if (!isSampled) return { score: shortest(score) };
    const classes = starts[0]?.length ?? 0;
    const sides = [starts, ends].map((side) =>
      uncertaintyParts(side.flatMap((own) => [...own]), {
        members: members.length,
        classes,
      })
    );
    const total = (name: "total" | "mutualInformation") =>
      sides.reduce((sum, parts) => sum + (parts[name][0] ?? NaN), 0);
    return {
      score: shortest(score),
      std: shortest(standardDeviations(scores, [score])[0] ?? NaN),
      entropy: shortest(total("total")),
      mutualInformation: shortest(total("mutualInformation")),
    };
  }

  /** The probabilities of a window's tokens, 0 for those of the question. */
  #probabilities(
    window: number,
    logits: Float32Array = new Float32Array(),
  ): Float64Array {
    const { rows, clsTokenId } = this.#options;
    const { offsetMapping = [], inputIds = [] } = rows[window] ?? {};
    const allowed = logits.map((logit, i) =>
      offsetMapping[i] || inputIds[i] === clsTokenId ? logit : -Infinity
    );
    return softmaxRows(allowed, { classes: logits.length });
  }
}
