// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

/**
 * Trains a small BERT to find answers in texts: who, where and when. The texts are
 * made here; for a file of SQuAD's form, use `readExamples` and `spanExamples` of
 * `@swagpu/swagpu/data` in their place.
 *
 * ```sh
 * deno run -A examples/question_answering.ts
 * ```
 *
 * @module
 */

import { stratifiedSplit } from "@swagpu/swagpu/data";
import { initialize, manualSeed } from "@swagpu/swagpu/engine";
import {
  type AnsweredExample,
  BertConfig,
  BertForQuestionAnswering,
  DataCollatorForQuestionAnswering,
  pipeline,
  postprocessQaPredictions,
  prepareQuestionAnswering,
  trainTokenizer,
} from "@swagpu/swagpu/models";
import { Trainer } from "@swagpu/swagpu/nn";
import { squad } from "@swagpu/swagpu/nn/metrics";

const PEOPLE = ["Anna", "Ben", "Clara", "David", "Old Emma", "Uncle Frank"];
const PLACES = ["Rome", "the garden", "the old town", "a small café", "Oslo"];
const TIMES = ["Monday", "Sunday morning", "a cold evening", "Friday night"];

/** Asks who, where and when of every song, told in two orders of words. */
function makeExamples(): AnsweredExample[] {
  const songs = PEOPLE.flatMap((who) =>
    PLACES.flatMap((where) => TIMES.map((when) => ({ who, where, when })))
  );
  return songs.flatMap((song, i) => {
    const { who, where, when } = song;
    const context = i % 2 === 0
      ? `${who} sang in ${where} on ${when}.`
      : `On ${when} in ${where}, ${who} sang.`;
    return Object.entries(song).map(([word, answer]) => ({
      id: `${word}: ${context}`,
      question: `Tell me ${word} it was.`,
      context,
      answers: { text: [answer], answerStart: [context.indexOf(answer)] },
    }));
  });
}

/** Trains, answers questions about sentences not seen, and returns the scores. */
export async function answerQuestions(
  epochs = 12,
): Promise<{ exactMatch: number; f1: number }> {
  manualSeed(1);
  const { train, validation } = stratifiedSplit(makeExamples(), { size: 0.25 });

  // 1. A tokenizer, and a model with random weights.
  const texts = train.flatMap(({ question, context }) => [question, context]);
  const tokenizer = await trainTokenizer(texts, { type: "wordpiece" });
  const model = new BertForQuestionAnswering(
    new BertConfig({
      vocabSize: tokenizer.vocabSize,
      hiddenSize: 32,
      numHiddenLayers: 2,
      numAttentionHeads: 2,
      intermediateSize: 64,
      initializerRange: 0.1, // small models learn faster from larger weights
    }),
  );

  // 2. Questions and texts become windows of tokens, with the first and the last
  //    token of the answer. A text longer than a window would become several.
  const trainSet = prepareQuestionAnswering(tokenizer, train);
  const testSet = prepareQuestionAnswering(tokenizer, validation);
  const collator = new DataCollatorForQuestionAnswering(tokenizer, {
    padding: "bucketed", // few lengths: a step is recorded once for each
  });
  const trainer = new Trainer({
    model,
    args: { numTrainEpochs: epochs, learningRate: 3e-3 },
    trainDataset: trainSet,
    dataCollator: (rows: typeof trainSet) => collator.collate(rows),
  });
  await trainer.train();

  // 3. The model scores every token as the first and the last of the answer.
  //    The best pair that makes sense is the answer, and its text is compared.
  const { outputs } = await trainer.predict(testSet);
  const scoresOf = (name: string, row: number) => {
    const { data = [], shape: [, length = 0] = [] } = outputs[name] ?? {};
    return data.slice(row * length, (row + 1) * length);
  };
  const windowScores = testSet.map((_, row) => ({
    startLogits: scoresOf("startLogits", row),
    endLogits: scoresOf("endLogits", row),
  }));
  const answers = postprocessQaPredictions(validation, testSet, windowScores);
  const { exactMatch, f1 } = squad(
    Object.fromEntries(answers.map((one) => [one.id, one.predictionText])),
    validation.map(({ id, answers }) => ({ id, answers: answers.text })),
  );
  console.log(`exact match ${exactMatch.toFixed(1)} %, F1 ${f1.toFixed(1)} %`);

  // 4. The trained model in use.
  const ask = await pipeline("question-answering", { model, tokenizer });
  const context = "On Sunday morning in Oslo, Clara sang.";
  const found = await ask({ question: "Tell me where it was.", context });
  console.log(`where: ${found.answer} (${found.score.toFixed(2)})`);
  model.dispose();
  return { exactMatch, f1 };
}

if (import.meta.main) {
  await initialize();
  await answerQuestions();
}
