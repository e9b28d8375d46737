// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

/**
 * Training without the `Trainer`: by `train()`, which captures steps and replays
 * them, and by hand. Run it with `deno run -A examples/custom_loop.ts`.
 *
 * @module
 */

import * as engine from "@swagpu/swagpu/engine";
import * as models from "@swagpu/swagpu/models";
import * as nn from "@swagpu/swagpu/nn";

const ACCUMULATION = 2; // batches for each step of the optimizer
const MAX_NORM = 1; // longer gradients are shortened to this length

/** Writes questions. The label is what they ask for: a person, place or time. */
function makeQuestions() {
  const words = { who: 0, "which girl": 0, where: 1, "what town": 1, when: 2 };
  const ends = ["sang", "won the game", "wrote a book", "met us", "slept"];
  const all = Object.entries(words).flatMap(([word, label]) =>
    ["", "please tell me ", "do you know ", "say "].flatMap((start) =>
      ends.map((end) => ({ text: `${start}${word} ${end}`, label }))
    )
  );
  return models.selectRows(all, nn.shuffledIndices(all.length));
}

/** Makes all that a run needs. Two runs have the same weights and batches. */
async function prepare() {
  engine.manualSeed(1);
  const questions = makeQuestions();
  const [rows, newRows] = [questions.slice(30), questions.slice(0, 30)];
  const texts = rows.map(({ text }) => text);
  const tokenizer = await models.trainTokenizer(texts, { type: "wordpiece" });
  const config = new models.BertConfig({
    vocabSize: tokenizer.vocabSize,
    hiddenSize: 32,
    numHiddenLayers: 1,
    numAttentionHeads: 2,
    intermediateSize: 64,
    initializerRange: 0.2,
    id2label: { 0: "person", 1: "place", 2: "time" },
  });
  const model = new models.BertForSequenceClassification(config);
  const optimizer = new nn.AdamW(model.parameters(), { learningRate: 5e-3 });
  const schedule = nn.constantSchedule({ warmupSteps: 5 });
  const scheduler = new nn.Scheduler(optimizer, schedule);
  const padding = "bucketed"; // few lengths, so that most steps are replayed
  const collator = new models.DataCollatorWithPadding(tokenizer, { padding });
  const batches = (epoch: number) =>
    nn.batches(rows.length, 8, { shuffle: true, epoch });
  const inputs = (batch: Uint32Array) =>
    collator.collate(models.selectRows(rows, batch));
  const newInputs = collator.collate(newRows);
  return { model, newInputs, loop: { optimizer, scheduler, batches, inputs } };
}

type Run = Awaited<ReturnType<typeof prepare>>;

/** The short way. Both return the mean loss of the last epoch. */
async function trainCaptured({ model, loop }: Run, epochs: number) {
  return await nn.train({
    ...loop,
    epochs,
    step: (inputs) => model.forward(inputs),
    gradientAccumulation: ACCUMULATION,
    maxGradNorm: MAX_NORM,
  });
}

/** The way by hand, for what `train()` has no option for. */
async function trainByHand({ model, loop }: Run, epochs: number) {
  let loss = NaN;
  for (let epoch = 0; epoch < epochs; epoch++) {
    using _ = engine.scope(); // frees what is made in it, here the losses
    const losses: engine.Tensor[] = [];
    const batches = [...loop.batches(epoch)];
    const steps = Math.ceil(batches.length / ACCUMULATION);
    while (batches.length > 0) {
      const group = batches.splice(0, ACCUMULATION);
      for (const batch of group) {
        using _ = engine.scope();
        const output = model.forward(models.toTensors(loop.inputs(batch)));
        const share = engine.mul(output.loss, 1 / group.length);
        engine.backward(share); // adds to the gradients
        losses.push(engine.keep(share));
      }
      nn.clipGradNorm(loop.optimizer, MAX_NORM);
      loop.optimizer.step(); // sets the gradients to zero, too
      loop.scheduler.step();
    }
    // Reading waits for the GPU, so all losses of an epoch are read at once.
    const values = (await engine.readAll(losses)).map(([x]) => x ?? NaN);
    loss = values.reduce((sum, x) => sum + x, 0) / steps;
  }
  return { loss };
}

/** Runs the example, and returns the accuracy of both ways on new questions. */
export async function main(epochs = 8, print = console.log): Promise<number[]> {
  await engine.initialize();
  const scores: number[] = [];
  for (const way of [trainCaptured, trainByHand]) {
    const { model, newInputs, loop } = await prepare();
    const { loss } = await way({ model, newInputs, loop }, epochs);
    using _ = engine.scope();
    model.eval(); // without dropout
    const inputs = models.toTensors(newInputs);
    const { logits } = engine.noGrad(() => model.forward(inputs));
    const score = nn.accuracy(await logits.data(), newInputs.labels.data);
    print(`${way.name}: loss ${loss.toFixed(3)}, accuracy ${score.toFixed(2)}`);
    scores.push(score);
    for (const owner of [loop.optimizer, model]) owner.dispose();
  }
  return scores;
}

if (import.meta.main) await main();
