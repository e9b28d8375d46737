// Copyright 2026 the swagpu authors. MIT license.

import { assertThrows } from "@std/assert";
import { checkOptions } from "../../nn/mod.ts";

const ALLOWED = {
  action: "optimize",
  known: ["learningRate", "weightDecay", "eps", "hiddenSize", "numLabels"],
};

Deno.test("checkOptions() accepts every known name, and absent options", () => {
  checkOptions({}, ALLOWED);
  checkOptions({ eps: 0, learningRate: null, weightDecay: NaN }, ALLOWED);
  checkOptions({ unknown: undefined }, ALLOWED);
});

Deno.test("checkOptions() suggests the name that was meant", () => {
  const cases = [
    ["lr", "learningRate"],
    ["learning_rate", "learningRate"],
    ["learningrate", "learningRate"],
    ["weight_decay", "weightDecay"],
    ["wd", "weightDecay"],
    ["hiddenSzie", "hiddenSize"],
    ["num_label", "numLabels"],
    ["esp", "eps"],
  ] as const;
  for (const [given, meant] of cases) {
    assertThrows(
      () => checkOptions({ [given]: 1 }, ALLOWED),
      TypeError,
      `Cannot optimize with option "${given}": did you mean "${meant}"?`,
    );
  }
});

Deno.test("checkOptions() lists all names if none is similar", () => {
  assertThrows(
    () =>
      checkOptions({ color: "red" }, { action: "train", known: ["a", "b"] }),
    TypeError,
    'Cannot train with option "color": expected one of "a", "b"',
  );
});
