// Copyright 2026 the swagpu authors. MIT license.

// The rates are compared with PyTorch's in golden_optim_test.ts.

import { assertEquals, assertThrows } from "@std/assert";
import { SWALR, type SWALROptions } from "../../../nn/mod.ts";

const groups = () =>
  [0.1, 0.01].map((learningRate) => ({ learningRate, parameters: [] }));

Deno.test("each group may have a rate of its own, at once", () => {
  const own = groups();
  new SWALR({ groups: own }, { swaLr: [0.05, 0.002], annealEpochs: 0 });
  assertEquals(own.map(({ learningRate }) => learningRate), [0.05, 0.002]);
});

Deno.test("a schedule goes on from its state", () => {
  const [own, other] = [groups(), groups()];
  const options: SWALROptions = { swaLr: 0.05, annealEpochs: 6 };
  const scheduler = new SWALR({ groups: own }, options);
  for (let i = 0; i < 3; i++) scheduler.step();
  const again = new SWALR({ groups: other }, options);
  other.forEach((group, i) => Object.assign(group, own[i]));
  again.loadStateDict(scheduler.stateDict());
  for (let i = 0; i < 3; i++) {
    scheduler.step();
    again.step();
    assertEquals(other, own);
  }
});

Deno.test("what makes no sense is refused", () => {
  const cases: [SWALROptions, string][] = [
    [{ swaLr: [0.1] }, "2 groups"],
    [{ swaLr: -1 }, "at least 0"],
    [{ swaLr: 0.1, annealEpochs: 1.5 }, "whole number"],
    [{ swaLr: 0.1, annealStrategy: "step" as never }, '"cos" or "linear"'],
  ];
  for (const [options, message] of cases) {
    assertThrows(
      () => new SWALR({ groups: groups() }, options),
      RangeError,
      message,
    );
  }
});
