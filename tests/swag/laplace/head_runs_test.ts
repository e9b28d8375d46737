// Copyright 2026 the swagpu authors. MIT license.

// Samples of a last layer: the model runs once a batch, and nothing else changes.

import {
  assert,
  assertEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  add,
  keep,
  manualSeed,
  mul,
  normal,
  scope,
  type Tensor,
  tensor,
} from "../../../engine/mod.ts";
import { Dropout, Linear, Module } from "../../../nn/mod.ts";
import { AutoModelForSequenceClassification } from "../../../models/mod.ts";
import { LastLayerLaplace } from "../../../swag/mod.ts";
import { gpuTest } from "../../_check.ts";
import { tinyConfigOf } from "../../_tiny_models.ts";

const ROWS = [[5, 6, 7], [9, 10, 11], [7, 13, 14], [4, 5, 8], [3, 4, 9]];
const LABELS = [0, 1, 2, 0, 1];
const BATCHES = [[0, 1], [2, 3], [4]];
const SAMPLING = { numPredictions: 7, seed: 3, index: 2 };

/** What each sample gives for each batch, by whole runs of the model. */
async function wholeRuns(
  laplace: LastLayerLaplace,
  forward: (batch: number[]) => Tensor,
): Promise<number[][]> {
  const all = await laplace.mapSamples(
    async () => {
      const own: number[][] = [];
      for (const batch of BATCHES) {
        using _ = scope();
        own.push([...await forward(batch).data()]);
      }
      return own;
    },
    SAMPLING,
  );
  const outputs = laplace.layer.weight.shape[0] ?? 1;
  // [batch, samples, outputs], as getLogits() stacks them.
  return BATCHES.map((batch, k) =>
    batch.flatMap((_, row) =>
      all.flatMap((own) =>
        own[k]?.slice(row * outputs, (row + 1) * outputs) ?? []
      )
    )
  );
}

for (const type of ["bert", "roberta", "modernbert"]) {
  for (const hessianStructure of ["full", "diag"] as const) {
    gpuTest(
      `logits are those of whole runs bit for bit: ${type}, ${hessianStructure}`,
      async () => {
        manualSeed(2);
        const model = AutoModelForSequenceClassification.fromConfig(
          tinyConfigOf(type, {
            id2label: { 0: "a", 1: "b", 2: "c" },
            label2id: { a: 0, b: 1, c: 2 },
          }),
        );
        let calls = 0;
        const forward = (batch: readonly number[]) => {
          calls++;
          return (model.forward({
            inputIds: tensor(
              Int32Array.from(batch.flatMap((row) => ROWS[row] ?? [])),
              { shape: [batch.length, 3] },
            ),
          }) as { logits: Tensor }).logits;
        };
        const laplace = await LastLayerLaplace.fit(
          model,
          BATCHES,
          forward,
          LABELS,
          {
            hessianStructure,
          },
        );
        const weight = await laplace.layer.weight.data();
        const expected = await wholeRuns(laplace, forward);
        for (const [k, batch] of BATCHES.entries()) {
          calls = 0;
          const logits = laplace.getLogits(() => forward(batch), SAMPLING);
          assertEquals(calls, 1);
          assertEquals([...await logits.data()], expected[k]);
        }
        assert(new Set(expected[2]).size === 21);
        // All batches in one call: the body runs once for each.
        calls = 0;
        const predictions = laplace.predictAll(BATCHES, forward, SAMPLING);
        assertEquals(calls, BATCHES.length);
        for (const [k, batch] of BATCHES.entries()) {
          const alone = laplace.predict(() => forward(batch), SAMPLING);
          for (const name of ["probabilities", "mutualInformation"] as const) {
            assertEquals(
              await predictions[k]?.[name].data(),
              await alone[name].data(),
            );
          }
        }
        // In training mode there is dropout, which each run draws again.
        calls = 0;
        laplace.getLogits(() => forward([0]), { ...SAMPLING, training: true });
        assertEquals(calls, 7);
        assertEquals(await laplace.layer.weight.data(), weight);
        model.dispose();
      },
    );
  }
}

class Net extends Module {
  body = new Linear(2, 4);
  drop = new Dropout(0.5);
  head = new Linear(4, 3);
  forward(x: Tensor): Tensor {
    return this.head.forward(this.drop.forward(this.body.forward(x)));
  }
}

gpuTest(
  "where the layer alone would not do, the model runs each time",
  async () => {
    manualSeed(3);
    const model = new Net().eval();
    const points = [[1, 2], [0, 1], [2, 0], [1, 1], [-1, 3]];
    const plain = (batch: readonly number[]) =>
      model.forward(tensor(batch.map((row) => points[row] ?? [])));
    const laplace = await LastLayerLaplace.fit(model, BATCHES, plain, LABELS);
    let calls = 0;
    const counted =
      (change: (batch: number[]) => Tensor) => (batch: number[]) => {
        calls++;
        return change(batch);
      };
    for (
      const [change, runs] of [
        // The layer's output is changed.
        [(batch: number[]) => mul(plain(batch), 2), 7],
        [(batch: number[]) => add(plain(batch), plain(batch)), 7],
        // The model frees all but its logits.
        [(batch: number[]) => {
          using _ = scope();
          return keep(plain(batch));
        }, 1],
      ] as const
    ) {
      const forward = counted(change);
      const expected = await wholeRuns(laplace, forward);
      for (const [k, batch] of BATCHES.entries()) {
        calls = 0;
        const logits = laplace.getLogits(() => forward(batch), SAMPLING);
        assertEquals(calls, runs);
        assertEquals([...await logits.data()], expected[k]);
      }
    }
    // Noise in the features is drawn for each sample.
    const noisy = counted((batch) => {
      const x = tensor(batch.map((row) => points[row] ?? []));
      return model.forward(add(x, normal([batch.length, 2])));
    });
    calls = 0;
    laplace.predictAll(BATCHES, noisy, SAMPLING);
    assertEquals(calls, 7 * BATCHES.length);
    model.dispose();
  },
);

gpuTest("a method of the layer's own is called, and stays", async () => {
  manualSeed(3);
  const model = new Net().eval();
  const x = tensor([[1, 2], [0, 1], [2, 0]]);
  let calls = 0;
  const counted = (y: Tensor) => {
    calls++;
    return Linear.prototype.forward.call(model.head, y);
  };
  model.head.forward = counted;
  const laplace = await LastLayerLaplace.fit(
    model,
    [x],
    (batch) => model.forward(batch),
    [0, 1, 2],
  );
  calls = 0;
  laplace.predict(() => model.forward(x), { numPredictions: 4 });
  assertEquals(calls, 4);
  assertStrictEquals(model.head.forward, counted);
  model.dispose();
});

gpuTest("a run that fails leaves nothing behind", async () => {
  manualSeed(3);
  const model = new Net().eval();
  const x = tensor([[1, 2], [0, 1], [2, 0]]);
  const laplace = await LastLayerLaplace.fit(
    model,
    [x],
    (batch) => model.forward(batch),
    [0, 1, 2],
  );
  const before = await model.head.weight.data();
  let calls = 0;
  for (const failing of [1, 2]) {
    calls = 0;
    assertThrows(
      () =>
        laplace.predictAll([x, x], (batch) => {
          const logits = model.forward(batch);
          if (++calls === failing) throw new Error("no more");
          return logits;
        }),
      Error,
      "no more",
    );
  }
  assertThrows(
    () => laplace.predict(() => (model.forward(x), 1) as never),
    TypeError,
    "Cannot use the result of the model, 1",
  );
  assertEquals(await model.head.weight.data(), before);
  model.dispose();
});
