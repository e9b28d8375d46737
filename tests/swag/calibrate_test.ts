// Copyright 2026 the swagpu authors. MIT license.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertRejects,
} from "@std/assert";
import { tensor } from "../../engine/mod.ts";
import { batches, Linear } from "../../nn/mod.ts";
import { calibrate, type CalibrateOptions, SwagModel } from "../../swag/mod.ts";
import { gpuTest } from "../_check.ts";

const X = Array.from({ length: 12 }, (_, i) => [(i - 5.5) / 2, 1]);

/** Right for all rows by the mean weights, but for two near the middle. */
const LABELS = X.map(([x = 0], i) =>
  i === 5 || i === 6 ? Number(x < 0) : Number(x > 0)
);

function posterior(): { model: Linear; swag: SwagModel } {
  const model = new Linear(2, 2, { bias: false });
  const swag = SwagModel.fromBase(model, { noCovMat: false, maxNumModels: 4 });
  for (const shift of [-1, 1, -0.6, 0.6]) {
    model.weight.write([-3 + shift, shift, 3 - shift, -shift]);
    swag.collectModel();
  }
  return { model, swag };
}

gpuTest("scores of a scale are those of its predictions", async () => {
  const { model, swag } = posterior();
  const forward = (rows: ArrayLike<number>) =>
    model.forward(tensor(Array.from(rows, (row) => X[row] ?? [])));
  const found = await calibrate(swag, batches(12, 5), forward, LABELS, {
    scales: [0, 0.2, 2],
    numPredictions: 7,
    seed: 3,
  });
  assertEquals(found.scores.map(({ scale }) => scale), [0, 0.2, 2]);
  const direct = await swag.predict(() => forward([...X.keys()]), {
    ...{ scale: 0.2, seed: 3, index: 0, numPredictions: 7 },
    problemType: "single_label_classification",
  }).probabilities.data();
  const nll = (temperature: number) => {
    let total = 0;
    LABELS.forEach((label, i) => {
      const own = [0, 1].map((k) =>
        (direct[2 * i + k] ?? NaN) ** (1 / temperature)
      );
      const sum = own.reduce((a, b) => a + b, 0);
      total -= Math.log((own[label] ?? NaN) / sum);
    });
    return total / LABELS.length;
  };
  const [, own] = found.scores;
  assert(own);
  assertAlmostEquals(own.nll, nll(1), 1e-5);
  assertAlmostEquals(own.calibratedNll, nll(own.temperature), 1e-5);
  for (const factor of [0.9, 1.1]) {
    assert(nll(own.temperature * factor) >= own.calibratedNll);
  }
  assertAlmostEquals(own.accuracy, 10 / 12, 1e-9);
  const least = Math.min(...found.scores.map((one) => one.calibratedNll));
  assertEquals(found.calibratedNll, least);
  swag.dispose();
  model.dispose();
});

gpuTest(
  "the largest scale that keeps the accuracy is taken, if asked for",
  async () => {
    const { model, swag } = posterior();
    const forward = (rows: ArrayLike<number>) =>
      model.forward(tensor(Array.from(rows, (row) => X[row] ?? [])));
    const run = (options: CalibrateOptions) =>
      calibrate(swag, batches(12, 12), forward, LABELS, {
        ...{ rule: "tfb", numPredictions: 3, seed: 1, ...options },
      });
    const scales = [0, 0.1, 100, 10_000];
    const all = await run({ scales, tolerance: 1 });
    assertEquals(all.scale, 10_000);
    const { scores } = all;
    const [mean] = scores;
    const strict = await run({ scales, tolerance: 0 });
    const expected = scores.filter(({ accuracy }) =>
      accuracy >= (mean?.accuracy ?? NaN)
    ).at(-1);
    assertEquals(strict.scale, expected?.scale);
    assert(strict.scale < 10_000);
    // Where no scale keeps it, the smallest is the least harm.
    const worst = scores.filter(({ accuracy }) =>
      accuracy < (mean?.accuracy ?? NaN)
    ).map(({ scale }) => scale);
    assert(worst.length > 0);
    const none = await run({ scales: worst, tolerance: 0 });
    assertEquals(none.scale, Math.min(...worst));
    swag.dispose();
    model.dispose();
  },
);

gpuTest("what makes no sense is refused", async () => {
  const { model, swag } = posterior();
  const forward = () => model.forward(tensor(X));
  const refused = (
    options: CalibrateOptions,
    labels: number[],
    message: string,
  ) =>
    assertRejects(
      () => calibrate(swag, [0], forward, labels, options),
      RangeError,
      message,
    );
  await refused({ scales: [] }, LABELS, "at least");
  await refused({ scales: [-1] }, LABELS, "at least 0");
  await refused({ tolerance: -1 }, LABELS, "tolerance -1");
  await refused({ rule: "best" as never }, LABELS, '"nll" or "tfb"');
  await refused({ scales: [0] }, [0, 1], "the batches have 12 rows");
  swag.dispose();
  model.dispose();
});
