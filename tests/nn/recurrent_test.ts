// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  crossEntropy,
  type IntegerTensor,
  manualSeed,
  reshape,
  slice,
  type Tensor,
  tensor,
  zeros,
} from "../../engine/mod.ts";
import { AdamW, GRU, Linear, LSTM, Module, train } from "../../nn/mod.ts";
import {
  assertClose,
  checkOp,
  FUNCTIONS,
  gpuTest,
  randomValues,
} from "../_check.ts";
import { recurrentReference } from "../reference/recurrent.ts";

const random = (shape: number[], seed: number): Tensor =>
  tensor(randomValues(shape.reduce((n, x) => n * x, 1), seed), { shape });

gpuTest("LSTM and GRU have PyTorch's names, shapes and bounds", async () => {
  manualSeed(1);
  const options = { numLayers: 2, bidirectional: true };
  const lstm = new LSTM(5, 4, options);
  const shapes = Object.fromEntries(
    [...lstm.namedParameters()].map(([name, { shape }]) => [name, shape]),
  );
  const layer = (l: number, width: number) => ({
    [`weight_ih_l${l}`]: [16, width],
    [`weight_hh_l${l}`]: [16, 4],
    [`bias_ih_l${l}`]: [16],
    [`bias_hh_l${l}`]: [16],
    [`weight_ih_l${l}_reverse`]: [16, width],
    [`weight_hh_l${l}_reverse`]: [16, 4],
    [`bias_ih_l${l}_reverse`]: [16],
    [`bias_hh_l${l}_reverse`]: [16],
  });
  assertEquals(shapes, { ...layer(0, 5), ...layer(1, 8) });
  assertEquals(Object.keys(shapes)[1], "weight_hh_l0");
  for (const parameter of lstm.parameters()) {
    const values = [...await parameter.data()].map(Math.abs);
    assert(Math.max(...values) <= 0.5 && Math.max(...values) > 0.3);
  }
  const gru = new GRU(5, 4, { bias: false });
  assertEquals([...gru.namedParameters().keys()], [
    "weight_ih_l0",
    "weight_hh_l0",
  ]);
  assertEquals(gru.weight_ih_l0?.shape, [12, 5]);
  lstm.dispose();
});

/** Layers on each other in both directions, in float64: `[batch, times, 2 · width]`. */
function stackedReference(
  kind: "lstm" | "gru",
  values: readonly Float64Array[],
  sizes: { times: number; batch: number; features: number; width: number },
  lengths: number[],
): number[] {
  const { times, batch, width } = sizes;
  const [given = new Float64Array(), ...weights] = values;
  const swapped = (x: ArrayLike<number>, from: number, to: number) => {
    const each = x.length / (from * to);
    return Float64Array.from(x, (_, i) => {
      const [row, column] = [
        Math.floor(i / each / from),
        Math.floor(i / each) % from,
      ];
      return x[(column * to + row) * each + i % each] ?? NaN;
    });
  };
  let [x, features] = [swapped(given, batch, times), sizes.features];
  for (let layer = 0; layer < 2; layer++) {
    const states = [false, true].map((reverse, direction) => {
      const first = 8 * layer + 4 * direction;
      const [weightIh = [], weightHh = [], biasIh, biasHh] = weights.slice(
        first,
      );
      return recurrentReference(kind, {
        ...{ times, batch, width, x, features, reverse, lengths },
        ...{ weightIh, weightHh, biasIh, biasHh },
      });
    });
    x = Float64Array.from({ length: times * batch * 2 * width }, (_, i) => {
      const [at, k] = [Math.floor(i / (2 * width)), i % (2 * width)];
      return states[k < width ? 0 : 1]?.[at * width + k % width] ?? NaN;
    });
    features = 2 * width;
  }
  return [...swapped(x, times, batch)];
}

for (const kind of ["lstm", "gru"] as const) {
  gpuTest(
    `two layers of ${kind} in both directions match the reference`,
    async () => {
      const sizes = { times: 4, batch: 3, features: 3, width: 2 };
      const lengths = [2, 4, 1];
      const layers = () =>
        kind === "lstm"
          ? new LSTM(3, 2, { numLayers: 2, bidirectional: true })
          : new GRU(3, 2, { numLayers: 2, bidirectional: true });
      const first = layers();
      const names = [...first.namedParameters().keys()];
      const shapes = first.parameters().map(({ shape }) => shape);
      await checkOp(
        [[3, 4, 3], ...shapes].map((shape) => ({ shape })),
        (x, ...weights) => {
          const layer = layers();
          Object.assign(
            layer,
            Object.fromEntries(names.map((name, i) => [name, weights[i]])),
          );
          return layer.forward(x as Tensor, { lengths }).output;
        },
        (...values) => stackedReference(kind, values, sizes, lengths),
        { forward: FUNCTIONS, backward: FUNCTIONS, label: kind },
      );
      first.dispose();
    },
  );
}

gpuTest("what is behind a text's end does not matter", async () => {
  manualSeed(2);
  const lengths = [2, 4, 1];
  for (
    const layer of [
      new LSTM(3, 4, { numLayers: 2, bidirectional: true }),
      new GRU(3, 4, { numLayers: 2, bidirectional: true }),
    ]
  ) {
    const values = randomValues(3 * 4 * 3, 5);
    const others = Float32Array.from(
      values,
      (value, i) =>
        Math.floor(i / 3) % 4 < (lengths[Math.floor(i / 12)] ?? 0)
          ? value
          : 7 - i,
    );
    const run = (data: Float32Array<ArrayBuffer>) =>
      layer.forward(tensor(data, { shape: [3, 4, 3] }), { lengths });
    const [a, b] = [run(values), run(others)];
    assertEquals(await a.output.data(), await b.output.data());
    assertEquals(await a.hidden.data(), await b.hidden.data());
    // A text alone, without padding, has the same states.
    const x = tensor(values, { shape: [3, 4, 3] });
    const alone = layer.forward(
      slice(slice(x, { start: 2, end: 3 }), { axis: 1, end: 1 }),
    );
    const last = slice(a.hidden, { axis: 1, start: 2, end: 3 });
    assertClose(await alone.hidden.data(), await last.data());
    layer.dispose();
  }
});

gpuTest("dropout acts between the layers, in training alone", async () => {
  manualSeed(3);
  const layer = new GRU(3, 16, { numLayers: 2, dropout: 0.5 });
  const x = random([2, 3, 3], 1);
  const results = async () => await layer.forward(x).hidden.data();
  const [first, second] = [await results(), await results()];
  // The first layer is in front of the dropout, the second behind it.
  assertEquals(first.slice(0, 32), second.slice(0, 32));
  assert(first.slice(32).some((value, i) => value !== second[32 + i]));
  layer.eval();
  assertEquals(await results(), await results());
  layer.dispose();
});

/** Classifies sequences by the last state of an LSTM. */
class Classifier extends Module {
  rnn = new LSTM(1, 8);
  output = new Linear(8, 2);

  forward(x: Tensor, lengths: IntegerTensor): Tensor {
    const { hidden } = this.rnn.forward(x, { lengths });
    return this.output.forward(reshape(hidden, [x.shape[0] ?? 0, 8]));
  }
}

/** Trains on the parity of two or three bits; gives the loss and a weight. */
async function learnParity(capture: boolean) {
  manualSeed(4);
  const model = new Classifier();
  const optimizer = new AdamW(model.parameters(), { learningRate: 0.1 });
  const bits = Array.from({ length: 8 }, (_, i) => [i >> 2, i >> 1 & 1, i & 1]);
  const { loss } = await train({
    epochs: 50,
    batches: () => [[3, 2, 3, 2, 3, 2, 3, 2], [2, 3, 2, 3, 2, 3, 2, 3]],
    inputs: (lengths) => ({
      x: {
        data: Float32Array.from(bits.flat(), (bit) => 2 * bit - 1),
        shape: [8, 3, 1],
      },
      lengths: Int32Array.from(lengths),
      labels: Int32Array.from(
        bits,
        (row, i) => row.slice(0, lengths[i]).reduce((a, b) => a ^ b),
      ),
    }),
    step: ({ x, lengths, labels }) =>
      crossEntropy(model.forward(x, lengths), labels),
    optimizer,
    capture,
  });
  const weights = await model.rnn.weight_hh_l0?.data();
  optimizer.dispose();
  model.dispose();
  return { loss, weights };
}

gpuTest("an LSTM learns the parity of bits, captured or not", async () => {
  const [captured, plain] = [await learnParity(true), await learnParity(false)];
  assert(captured.loss < 0.05, `the loss is ${captured.loss}`);
  assertEquals(captured, plain);
});

gpuTest("LSTM and GRU refuse what does not fit", () => {
  assertThrows(
    () => new LSTM(3, 0),
    RangeError,
    "Cannot build LSTM with hiddenSize 0",
  );
  assertThrows(
    () => new GRU(3, 4, { dropout: 0.1 }),
    RangeError,
    "it acts between layers, and there is one",
  );
  assertThrows(
    () => new LSTM(3, 4, { layers: 2 } as never),
    TypeError,
    'Cannot build an LSTM with option "layers"',
  );
  const layer = new GRU(3, 4);
  assertThrows(
    () => layer.forward(zeros([2, 5, 4])),
    TypeError,
    "Cannot run over [2, 5, 4]: expected [batch, times, 3]",
  );
  assertThrows(
    () => layer.forward(zeros([2, 5, 3]), { hidden: zeros([2, 4]) }),
    TypeError,
    "Cannot start with hidden of [2, 4]: expected [1, 2, 4]",
  );
  assertThrows(
    () => layer.forward(zeros([2, 5, 3]), { lengths: [5, 6] }),
    RangeError,
    "Cannot run gru for length 6 at [1]: there are 5 times",
  );
  assertThrows(
    () => layer.forward(zeros([2, 5, 3]), { cell: zeros([1, 2, 4]) } as never),
    TypeError,
    'Cannot run a GRU with option "cell"',
  );
  layer.dispose();
});
