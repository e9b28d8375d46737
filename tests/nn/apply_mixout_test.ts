// Copyright 2026 the swagpu authors. MIT license.

// Mixout of a whole model.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";
import {
  manualSeed,
  readAll,
  scope,
  type Tensor,
  tensor,
} from "../../engine/mod.ts";
import {
  applyMixout,
  Dropout,
  init,
  Linear,
  MixLinear,
  Module,
  Parameter,
} from "../../nn/mod.ts";
import { gpuTest } from "../_check.ts";
import { inFolder } from "../_folder.ts";
import { tinyTrainer } from "./trainer/_tiny.ts";

/** A linear layer of another kind, which stays. */
class Scaled extends Linear {
  override usedWeight(): Tensor {
    return this.weight;
  }
}

class Block extends Module {
  denseLayer = new Linear(3, 3);
  dropout = new Dropout(0.4);
}

class Net extends Module {
  layers = [new Block(), new Block()];
  projections = [new Linear(3, 3, { bias: false })];
  scaled = new Scaled(3, 3);
  shared: Linear;
  again: Linear;
  classifier = new Linear(3, 2);

  constructor() {
    super();
    this.shared = this.again = new Linear(3, 3);
  }
}

const PATHS = [
  "layers.0.dense_layer",
  "layers.1.dense_layer",
  "projections.0",
  "shared",
  "again",
  "classifier",
];

function rates(net: Net): number[] {
  return net.layers.map(({ dropout }) => dropout.rate);
}

gpuTest("applyMixout() swaps linear layers, and puts them back", async () => {
  const net = new Net();
  const { layers: [block], shared, classifier } = net;
  const plain = block?.denseLayer;
  const named = net.namedParameters();
  const mixing = applyMixout(net, { p: 0.3 });
  assertEquals(mixing.layers.toSorted(), PATHS.toSorted());
  assert(net.layers[1]?.denseLayer instanceof MixLinear);
  assert(net.projections[0] instanceof MixLinear);
  assert(!(net.scaled instanceof MixLinear));
  assert(net.shared === net.again && net.shared instanceof MixLinear);
  assertEquals(rates(net), [0, 0]);
  // Names and parameters are what they were.
  assertEquals([...net.namedParameters().keys()], [...named.keys()]);
  for (const [name, parameter] of net.namedParameters()) {
    assert(named.get(name) === parameter, name);
  }
  net.classifier.weight.write([9, 9, 9, 9, 9, 9]);
  net.eval();
  mixing.dispose();
  assert(block?.denseLayer === plain && net.shared === shared);
  assert(net.classifier === classifier && !classifier.training);
  assertEquals(await classifier.weight.data(), new Float32Array(6).fill(9));
  assertEquals(rates(net), [0.4, 0.4]);
  net.dispose();
});

gpuTest("the target is the weight from before training", async () => {
  using _ = scope();
  const net = new Net();
  const { weight, bias } = net.classifier;
  weight.write([1, 2, 3, 4, 5, 6]);
  bias?.write([0, 0]);
  const mixing = applyMixout(net, { p: 1 });
  weight.write([9, 9, 9, 9, 9, 9]);
  const x = tensor([[1, 10, 100]]);
  assertEquals([...await net.classifier.forward(x).data()], [321, 654]);
  mixing.p = 0;
  assertEquals(mixing.p, 0);
  assertEquals([...await net.classifier.forward(x).data()], [999, 999]);
  mixing.p = 1;
  net.eval();
  assertEquals([...await net.classifier.forward(x).data()], [999, 999]);
  mixing.dispose();
  net.dispose();
});

gpuTest("the bias is never mixed, and the target is in no file", async () => {
  using _ = scope();
  const net = new Net();
  const { weight, bias } = net.classifier;
  weight.write([0, 0, 0, 0, 0, 0]);
  bias?.write([1, 2]);
  const names = () =>
    [net.namedParameters(), net.namedBuffers()]
      .flatMap((named) => [...named.keys()]);
  const plain = names();
  const mixing = applyMixout(net, { p: 1 });
  bias?.write([7, 8]);
  const y = net.classifier.forward(tensor([[1, 10, 100]]));
  assertEquals([...await y.data()], [7, 8]);
  assertEquals(names(), plain);
  mixing.dispose();
  net.dispose();
});

gpuTest("a MixLinear starts as a linear layer of PyTorch", async () => {
  // kaiming_uniform with a = √5 is uniform within 1 / √in, for the bias too.
  manualSeed(2);
  const layer = new MixLinear(16, 400, { p: 0.1 });
  for (const parameter of layer.parameters()) {
    const values = [...await parameter.data()];
    const largest = Math.max(...values.map(Math.abs));
    assert(largest <= 0.25 && largest > 0.24, `${largest}`);
    const square = values.reduce((sum, x) => sum + x * x, 0) / values.length;
    assertAlmostEquals(Math.sqrt(3 * square) / 0.25, 1, 0.08);
  }
  layer.dispose();
});

gpuTest("without a target, an input is dropped or doubled", async () => {
  manualSeed(1);
  const layer = new MixLinear(1, 1, {
    p: 0.5,
    init: init.ones(),
    biasInit: init.zeros(),
  });
  const seen = new Set<number>();
  for (let i = 0; i < 20; i++) {
    using _ = scope();
    seen.add(await layer.forward(tensor([[1]])).item());
  }
  assertEquals([...seen].sort(), [0, 2]);
  layer.dispose();
});

gpuTest(
  "applyMixout() leaves out what exclude names, and keeps dropout",
  () => {
    const net = new Net();
    using mixing = applyMixout(net, {
      p: 0.9,
      exclude: ["classifier", "layers.1"],
      keepDropout: true,
    });
    const left = PATHS.filter((path) => !/classifier|layers.1/.test(path));
    assertEquals(mixing.layers.toSorted(), left.toSorted());
    assertEquals(rates(net), [0.4, 0.4]);
    net.dispose();
  },
);

gpuTest("applyMixout() refuses what does not fit, and changes nothing", () => {
  const net = new Net();
  assertThrows(
    () => applyMixout(net, { p: -0.1 }),
    RangeError,
    "Cannot mix weights with p -0.1: it must be between 0 and 1",
  );
  assertThrows(
    () => applyMixout(net, { p: 0.1, exclude: ["head"] }),
    RangeError,
    'Cannot exclude "head" from mixout: no linear layer has that prefix',
  );
  class Bare extends Module {
    weight = new Parameter([1]);
  }
  assertThrows(
    () => applyMixout(new Bare(), { p: 0.1 }),
    RangeError,
    "Cannot apply mixout: the model has no linear layer to mix",
  );
  assert(!(net.classifier instanceof MixLinear));
  assertEquals(rates(net), [0.4, 0.4]);
});

/** A run of eight steps with mixout; resumes where there is a checkpoint. */
async function runWithMixout(
  folder: string | undefined,
  { capture = true, from }: { capture?: boolean; from?: string } = {},
): Promise<Float32Array[]> {
  const { model, trainer } = tinyTrainer({
    outputDir: folder,
    maxSteps: 8,
    capture,
    learningRate: 0.05,
    perDeviceTrainBatchSize: 3,
    saveSteps: 3,
    saveStrategy: folder === undefined ? "no" : "steps",
  });
  // Another target than that of the run, which the checkpoint has to replace.
  if (from !== undefined) model.last.weight.write(new Float32Array(8).fill(1));
  const mixing = applyMixout(model, { p: 0.5 });
  trainer.addCallback(mixing);
  await trainer.train(from === undefined ? {} : { resumeFromCheckpoint: from });
  const weights = await readAll(model.parameters());
  mixing.dispose();
  model.dispose();
  return weights;
}

gpuTest("a captured run with mixout has the bits of an eager one", async () => {
  await inFolder(async (folder) => {
    const whole = await runWithMixout(folder);
    assertEquals(await runWithMixout(undefined, { capture: false }), whole);
    const from = `${folder}/checkpoint-6`;
    assertEquals(await runWithMixout(folder, { from }), whole);
  });
});

gpuTest(
  "a checkpoint of other layers is refused, and changes nothing",
  async () => {
    const net = new Net();
    const mixing = applyMixout(net, { p: 1 });
    const values = { shape: [2, 3], data: new Float32Array(6) };
    const load = (named: Record<string, typeof values>) =>
      mixing.loadStateDict({
        values: undefined,
        tensors: {
          names: Object.keys(named),
          info: (name) => named[name] ?? values,
          tensor: (name) => named[name] ?? values,
        },
      });
    const square = { shape: [3, 3], data: new Float32Array(9) };
    await assertRejects(
      () => load({ "classifier.weight": values }),
      TypeError,
      "Cannot load the state of AppliedMixout: the checkpoint has no " +
        "shared.weight; make it as it was made for the run that was cut",
    );
    const names = mixing.layers.filter((path) => path !== "again")
      .map((path) => `${path}.weight`);
    const all = Object.fromEntries(names.map((name) => [name, square]));
    await assertRejects(
      () => load(all),
      TypeError,
      "classifier.weight is [3, 3], not [2, 3]",
    );
    await assertRejects(
      () => load({ ...all, "classifier.weight": values, other: square }),
      TypeError,
      "the checkpoint has other besides",
    );
    await load({ ...all, "classifier.weight": values });
    using _ = scope();
    const y = net.classifier.forward(tensor([[1, 1, 1]]));
    assertEquals(await y.data(), await net.classifier.bias?.data());
    mixing.dispose();
    net.dispose();
  },
);
