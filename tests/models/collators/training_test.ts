// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals } from "@std/assert";
import { manualSeed, noGrad, scope } from "../../../engine/mod.ts";
import {
  BertConfig,
  BertForMaskedLM,
  BertForQuestionAnswering,
  BertForSequenceClassification,
  BertForTokenClassification,
  DataCollatorForLanguageModeling,
  DataCollatorForQuestionAnswering,
  DataCollatorForTokenClassification,
  DataCollatorWithPadding,
  groupTexts,
  postprocessQaPredictions,
  prepareQuestionAnswering,
  selectRows,
  tokenizeAndAlignLabels,
  toTensors,
  uniformLengthBatches,
} from "../../../models/mod.ts";
import { AdamW, batches, type Module, train } from "../../../nn/mod.ts";
import { gpuTest } from "../../_check.ts";
import { wordPiece } from "./_words.ts";

const TOKENIZER = wordPiece(
  "anna ben lives works in par ##is ber ##lin where who does . the",
);
const NAMES = ["O", "B-PER", "B-LOC", "I-LOC"];
const ROWS = 12;

/** A BERT that learns these texts in a few dozen steps. */
function config(numLabels: number): BertConfig {
  manualSeed(1);
  return new BertConfig({
    vocabSize: TOKENIZER.vocabSize,
    hiddenSize: 16,
    numHiddenLayers: 1,
    numAttentionHeads: 2,
    intermediateSize: 24,
    maxPositionEmbeddings: 24,
    initializerRange: 0.2,
    hiddenDropoutProb: 0,
    attentionProbsDropoutProb: 0,
    numLabels,
  });
}

/** A sentence about a person and a place, in several forms. */
function sentence(i: number): { words: string[]; labels: string[] } {
  const verb = ["lives", "works"][i % 2] ?? "";
  const start = i % 4 < 2 ? ["the"] : [];
  const person = ["Anna", "Ben"][i % 3 % 2] ?? "";
  const place = ["Paris", "Berlin"][i % 5 % 2] ?? "";
  return {
    words: [...start, person, verb, "in", place],
    labels: [...start.map(() => "O"), "B-PER", "O", "O", "B-LOC"],
  };
}

const SENTENCES = Array.from({ length: ROWS }, (_, i) => sentence(i));

/** How far the loss fell: the mean of each epoch. */
function recorder(): {
  losses: number[];
  onEpoch: (r: { loss: number }) => void;
} {
  const losses: number[] = [];
  return { losses, onEpoch: ({ loss }) => void losses.push(loss) };
}

/** Fails unless the loss of the last epoch is below a share of that of the first. */
function assertFell(losses: readonly number[], share: number): void {
  const [first = NaN, last = NaN] = [losses[0], losses.at(-1)];
  assert(last < share * first, `loss from ${first} to ${last}`);
}

function optimizerOf(model: Module): AdamW {
  return new AdamW(model.parameters(), { learningRate: 0.02 });
}

gpuTest("token classification learns in captured steps", async () => {
  const features = SENTENCES.map((one) =>
    tokenizeAndAlignLabels(TOKENIZER, one, {
      labelNames: NAMES,
      labelAllTokens: true,
    })
  );
  const collator = new DataCollatorForTokenClassification(TOKENIZER, {
    padding: "bucketed",
  });
  const model = new BertForTokenClassification(config(NAMES.length));
  const optimizer = optimizerOf(model);
  const { losses, onEpoch } = recorder();
  await train({
    epochs: 8,
    batches: (epoch) => batches(ROWS, 4, { shuffle: true, epoch }),
    inputs: (rows) => collator.collate(selectRows(features, rows)),
    step: (inputs) => model.forward(inputs),
    optimizer,
    onEpoch,
  });
  assertFell(losses, 0.2);
  optimizer.dispose();
  model.dispose();
});

gpuTest("question answering learns, and its answers are read off", async () => {
  const examples = SENTENCES.flatMap(({ words }, i) => {
    const context = words.join(" ");
    const answer = (text = "") => ({
      text: [text],
      answerStart: [context.indexOf(text)],
    });
    return [
      {
        id: `${i} where`,
        question: "where",
        context,
        answers: answer(words.at(-1)),
      },
      {
        id: `${i} who`,
        question: "who",
        context,
        answers: answer(words.at(-4)),
      },
    ];
  });
  const features = prepareQuestionAnswering(TOKENIZER, examples);
  const collator = new DataCollatorForQuestionAnswering(TOKENIZER, {
    padding: "max_length",
    maxLength: 16,
  });
  const model = new BertForQuestionAnswering(config(2));
  const optimizer = optimizerOf(model);
  const { losses, onEpoch } = recorder();
  await train({
    epochs: 12,
    batches: (epoch) => batches(features.length, 8, { shuffle: true, epoch }),
    inputs: (rows) => collator.collate(selectRows(features, rows)),
    step: (inputs) => model.forward(inputs),
    optimizer,
    onEpoch,
  });
  assertFell(losses, 0.2);
  model.eval();
  using _ = scope();
  const { startLogits, endLogits } = noGrad(() =>
    model.forward(toTensors(collator.collate(features)))
  );
  const [starts, ends] = [await startLogits.data(), await endLogits.data()];
  const scores = features.map((_, i) => ({
    startLogits: starts.subarray(i * 16, (i + 1) * 16),
    endLogits: ends.subarray(i * 16, (i + 1) * 16),
  }));
  const found = postprocessQaPredictions(examples, features, scores);
  const right = found.filter(({ predictionText }, i) =>
    predictionText === examples[i]?.answers.text[0]
  );
  assert(right.length >= 20, `${right.length} of 24 answers are right`);
  optimizer.dispose();
  model.dispose();
});

gpuTest("masked language modeling learns in captured steps", async () => {
  const texts = Array.from(
    { length: 48 },
    (_, i) =>
      TOKENIZER.encode(
        i % 4 < 2 ? "Anna lives in Paris ." : "Ben works in Berlin .",
        { addSpecialTokens: false },
      ),
  );
  const blocks = groupTexts(texts, { blockSize: 12 }); // Two texts each
  const collator = new DataCollatorForLanguageModeling(TOKENIZER);
  const model = new BertForMaskedLM(config(2));
  const optimizer = optimizerOf(model);
  const { losses, onEpoch } = recorder();
  await train({
    epochs: 12,
    // The collator needs the epoch, so that each pass hides other tokens.
    *batches(epoch) {
      const options = { shuffle: true, epoch, dropLast: true };
      for (const rows of batches(blocks.length, 8, options)) {
        yield { rows, epoch };
      }
    },
    inputs: ({ rows, epoch }) =>
      collator.collate(
        selectRows(blocks, rows),
        { rows, epoch },
      ),
    step: (inputs) => model.forward(inputs),
    optimizer,
    onEpoch,
  });
  assertFell(losses, 0.5);
  optimizer.dispose();
  model.dispose();
});

gpuTest(
  "packed batches of uniform length learn in captured steps",
  async () => {
    const features = SENTENCES.map(({ words }, i) => ({
      ...TOKENIZER.encode(words.slice(0, i % 3 === 0 ? 2 : 5).join(" ")),
      label: words[0] === "the" ? 1 : 0,
    }));
    const lengths = features.map(({ inputIds }) => inputIds.length);
    const model = new BertForSequenceClassification(config(2));
    const { usesPacking } = model;
    assertEquals(usesPacking, true);
    const collator = new DataCollatorWithPadding(TOKENIZER, {
      padding: "bucketed",
      maxLength: 24,
      usesPacking,
    });
    const optimizer = optimizerOf(model);
    const { losses, onEpoch } = recorder();
    await train({
      epochs: 10,
      batches: (epoch) =>
        uniformLengthBatches(lengths, 4, { shuffle: true, epoch }),
      inputs: (rows) =>
        collator.collate(
          selectRows(features, rows),
        ),
      step: (inputs) => model.forward(inputs),
      optimizer,
      onEpoch,
    });
    assertFell(losses, 0.3);
    optimizer.dispose();
    model.dispose();
  },
);
