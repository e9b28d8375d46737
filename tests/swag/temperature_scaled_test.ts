// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { tensor } from "../../engine/mod.ts";
import {
  applyTemperature,
  fitTemperature,
  Linear,
  negativeLogLikelihood,
} from "../../nn/mod.ts";
import { TemperatureScaled } from "../../swag/mod.ts";
import { assertClose, FUNCTIONS, gpuTest, randomValues } from "../_check.ts";

const [ROWS, WIDTH, CLASSES] = [40, 3, 4];

gpuTest(
  "a temperature-scaled model predicts what applyTemperature() gives",
  async () => {
    const model = new Linear(WIDTH, CLASSES);
    model.weight.write(randomValues(CLASSES * WIDTH, 1, -6, 6));
    const values = randomValues(ROWS * WIDTH, 2);
    const labels = Array.from(
      randomValues(ROWS, 3, 0, CLASSES),
      Math.floor,
    );
    const rows = (from: number, to: number) =>
      tensor(values.slice(from * WIDTH, to * WIDTH), {
        shape: [to - from, WIDTH],
      });
    const forward = ([from, to]: readonly [number, number]) =>
      model.forward(rows(from, to));
    const parts = [[0, 16], [16, 32], [32, ROWS]] as const;
    const scaled = await TemperatureScaled.fit(model, parts, forward, labels);
    const logits = await forward([0, ROWS]).data();
    const temperature = fitTemperature(logits, labels);
    assertClose([scaled.temperature], [temperature], FUNCTIONS);
    // Labels are noise, and logits are large: it must help.
    assert(temperature > 1.5, `${temperature}`);
    const { probabilities, mutualInformation, std } = scaled.predict(() =>
      forward([0, ROWS])
    );
    const found = await probabilities.data();
    const expected = applyTemperature(logits, temperature, {
      classes: CLASSES,
    });
    assertClose(found, expected, FUNCTIONS);
    const plain = applyTemperature(logits, 1, { classes: CLASSES });
    assert(
      negativeLogLikelihood(found, labels) <
        negativeLogLikelihood(plain, labels),
    );
    assertEquals(new Set(await std.data()), new Set([0]));
    assertClose(
      await mutualInformation.data(),
      new Float32Array(ROWS),
      FUNCTIONS,
    );
    const all = scaled.predictAll(parts, forward);
    const third = await all[2]?.probabilities.data() ?? [];
    assertClose(third, expected.slice(32 * CLASSES), FUNCTIONS);
    await assertRejects(
      () => TemperatureScaled.fit(model, parts, forward, labels.slice(1)),
      RangeError,
    );
    model.dispose();
  },
);

gpuTest("a temperature that is not positive is refused", () => {
  const model = new Linear(1, 2);
  for (const temperature of [0, -1, NaN, Infinity]) {
    assertThrows(
      () => new TemperatureScaled(model, temperature),
      RangeError,
      `Cannot scale by temperature ${temperature}: it must be a positive number`,
    );
  }
  model.dispose();
});
