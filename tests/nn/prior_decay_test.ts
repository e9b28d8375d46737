// Copyright 2026 the swagpu authors. MIT license.

// Decay to a prior; tests/tools/golden_kit_test.ts compares it with PriorWD.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertThrows,
} from "@std/assert";
import { backward, mul, readAll, scope, sum } from "../../engine/mod.ts";
import {
  AdamW,
  init,
  type LogEntry,
  Module,
  type Optimizer,
  Parameter,
  PriorDecay,
  SGD,
} from "../../nn/mod.ts";
import { gpuTest } from "../_check.ts";
import { inFolder } from "../_folder.ts";
import { tinyTrainer } from "./trainer/_tiny.ts";

class Net extends Module {
  body = new Parameter([3], init.constant(2));
  other = new Parameter([70], init.constant(2));
  head = new Parameter([2], init.constant(2));
}

const RATES = { learningRate: 0.5, weightDecay: 0.1 };

/** Writes the same number to all weights. */
function fill(net: Net, value: number): void {
  for (const x of net.parameters()) {
    x.write(new Float32Array(x.size).fill(value));
  }
}

/** Makes a step with gradients of 0, and gives the first weight of each. */
async function stepOf(
  net: Net,
  optimizer: Optimizer,
  used: Parameter[] = net.parameters(),
): Promise<number[]> {
  using _ = scope();
  for (const x of used) backward(sum(mul(x, 0)));
  optimizer.step();
  return (await readAll(net.parameters())).map(([first = NaN]) => first);
}

function assertAll(actual: number[], expected: number[]): void {
  actual.forEach((x, i) => assertAlmostEquals(x, expected[i] ?? NaN, 1e-6));
}

gpuTest(
  "PriorDecay pulls to the prior, and the head decays as it did",
  async () => {
    const net = new Net();
    const optimizer = new SGD(net.parameters(), RATES);
    const prior = new PriorDecay(net, optimizer, { exclude: ["head"] });
    assertEquals(prior.names, ["body", "other"]);
    fill(net, 3);
    assertAll(await stepOf(net, optimizer), [2.95, 2.95, 2.85]);
    prior.dispose();
    assertEquals(optimizer.pull, undefined);
    fill(net, 3);
    assertAll(await stepOf(net, optimizer), [2.85, 2.85, 2.85]);
    optimizer.dispose();
    net.dispose();
  },
);

gpuTest("a head whose decay is 0 is untouched", async () => {
  const net = new Net();
  const optimizer = new AdamW([
    { parameters: [net.body, net.other], ...RATES },
    { parameters: [net.head], learningRate: 0.5, weightDecay: 0 },
  ]);
  using _ = new PriorDecay(net, optimizer, { exclude: ["head"] });
  fill(net, 3);
  assertAll(await stepOf(net, optimizer), [2.95, 2.95, 3]);
  optimizer.dispose();
  net.dispose();
});

gpuTest(
  "PriorDecay leaves alone what is frozen or has no gradient",
  async () => {
    const net = new Net();
    const optimizer = new SGD(net.parameters(), RATES);
    using _ = new PriorDecay(net, optimizer);
    fill(net, 3);
    net.other.requiresGrad = false;
    const [body, other, head] = await stepOf(net, optimizer, [net.body]);
    assertAll([body ?? NaN, other ?? NaN, head ?? NaN], [2.95, 3, 3]);
    optimizer.dispose();
    net.dispose();
  },
);

gpuTest("the pull follows the learning rate of each step", async () => {
  const net = new Net();
  const optimizer = new SGD(net.parameters(), RATES);
  using _ = new PriorDecay(net, optimizer);
  fill(net, 3);
  optimizer.learningRate = 0;
  assertAll(await stepOf(net, optimizer), [3, 3, 3]);
  optimizer.learningRate = 10;
  assertAll(await stepOf(net, optimizer), [2, 2, 2]);
  optimizer.dispose();
  net.dispose();
});

gpuTest(
  "distance() is the norm of the change, and distances() has parts",
  async () => {
    const net = new Net();
    const optimizer = new SGD(net.parameters(), RATES);
    using prior = new PriorDecay(net, optimizer, { exclude: ["head"] });
    assertEquals(await prior.distance(), 0);
    net.body.write([2, 5, 6]);
    net.head.write([100, 100]);
    assertAlmostEquals(await prior.distance(), 5, 1e-6);
    assertEquals(Object.fromEntries(await prior.distances()), {
      body: 5,
      other: 0,
    });
    optimizer.dispose();
    net.dispose();
  },
);

gpuTest("PriorDecay refuses what does not fit", () => {
  const net = new Net();
  const optimizer = new SGD([net.body, net.head], RATES);
  assertThrows(
    () => new PriorDecay(net, optimizer, { exclude: ["pooler"] }),
    RangeError,
    'Cannot exclude "pooler" from decay to a prior: no parameter has that prefix',
  );
  assertThrows(
    () => new PriorDecay(net, optimizer, { exclude: ["body", "head"] }),
    TypeError,
    "the optimizer has no parameter of the model that is not excluded",
  );
  const prior = new PriorDecay(net, optimizer);
  assertThrows(
    () => new PriorDecay(net, optimizer),
    TypeError,
    "Cannot decay to two priors",
  );
  prior.dispose();
  optimizer.dispose();
  net.dispose();
});

/** A run of nine steps of the Trainer with a prior. */
async function runWithPrior(
  outputDir: string | undefined,
  options: { capture?: boolean; from?: string } = {},
): Promise<{ distances: (number | undefined)[]; weights: Float32Array[] }> {
  const { capture = true, from } = options;
  // The optimizer needs a model before there is a Trainer, which gets the same one.
  const { model } = tinyTrainer({});
  // Another prior than that of the run, which the checkpoint has to replace.
  if (from !== undefined) model.last.weight.write(new Float32Array(8).fill(1));
  const optimizer = new AdamW(model.parameters(), {
    learningRate: 0.05,
    weightDecay: 0.5,
  });
  const prior = new PriorDecay(model, optimizer);
  const { model: unused, trainer } = tinyTrainer({
    outputDir,
    maxSteps: 9,
    capture,
    perDeviceTrainBatchSize: 3,
    saveSteps: 3,
    saveStrategy: outputDir === undefined ? "no" : "steps",
    loggingSteps: 1,
    maxGradNorm: 1,
  }, { model, optimizers: [optimizer], callbacks: [prior] });
  unused.dispose();
  await trainer.train(from === undefined ? {} : { resumeFromCheckpoint: from });
  const weights = await readAll(model.parameters());
  const distances = trainer.state.logHistory
    .filter((entry: LogEntry) => "loss" in entry)
    .map((entry) => entry.prior_distance);
  prior.dispose();
  optimizer.dispose();
  model.dispose();
  return { distances, weights };
}

gpuTest("a Trainer logs the distance, and resumes with the prior", async () => {
  await inFolder(async (folder) => {
    const whole = await runWithPrior(folder);
    const eager = await runWithPrior(undefined, { capture: false });
    assertEquals(eager, whole);
    const lines = (await Deno.readTextFile(`${folder}/log.jsonl`)).trim();
    assertEquals(
      lines.split("\n").map((line) => JSON.parse(line))
        .filter((entry) => "loss" in entry)
        .map((entry) => entry.prior_distance),
      whole.distances,
    );
    const from = `${folder}/checkpoint-6`;
    assertEquals(await runWithPrior(folder, { from }), whole);
    assert((whole.distances[8] ?? 0) > 0);
    assertEquals(whole.distances.length, 9);
  });
});
