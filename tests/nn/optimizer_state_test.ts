// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertThrows } from "@std/assert";
import { backward, mul, readAll, scope, sum } from "../../engine/mod.ts";
import {
  AdamW,
  linearSchedule,
  type Optimizer,
  Parameter,
  Scheduler,
  SGD,
  values,
} from "../../nn/mod.ts";
import { gpuTest, randomValues } from "../_check.ts";

const SIZES = [5, 70, 3];

/** Parameters, an optimizer of two groups, a schedule; and steps of them. */
function start(kind: "AdamW" | "SGD", rate: number) {
  const parameters = SIZES.map((size, i) =>
    new Parameter([size], values(randomValues(size, i)))
  );
  const [a, b, c] = parameters as [Parameter, Parameter, Parameter];
  const groups = [
    { parameters: [b, a], learningRate: rate, weightDecay: 0.1 },
    { parameters: [c], learningRate: rate / 2 },
  ];
  const optimizer: Optimizer = kind === "AdamW"
    ? new AdamW(groups)
    : new SGD(groups, { momentum: 0.9 });
  const scheduler = new Scheduler(
    optimizer,
    linearSchedule({ totalSteps: 10, warmupSteps: 2 }),
  );
  const run = (from: number, to: number) => {
    for (let t = from; t < to; t++) {
      using _ = scope();
      // The last parameter is used every other step alone.
      for (const p of t % 2 ? [a, b] : parameters) backward(sum(mul(p, p)));
      optimizer.step();
      scheduler.step();
    }
  };
  const free = () => {
    optimizer.dispose();
    const segments = new Set(parameters.map((p) => p.location?.segment));
    for (const p of parameters) p.dispose();
    for (const segment of segments) segment?.dispose();
  };
  return { parameters, optimizer, scheduler, run, free };
}

for (const kind of ["AdamW", "SGD"] as const) {
  gpuTest(`${kind} goes on from its state, bit for bit`, async () => {
    const whole = start(kind, 0.1);
    whole.run(0, 7);
    const first = start(kind, 0.1);
    first.run(0, 3);
    const optimizer = structuredClone(await first.optimizer.stateDict());
    const scheduler = structuredClone(first.scheduler.stateDict());
    const weights = await readAll(first.parameters);
    const second = start(kind, 0.7); // Its own settings give way.
    second.parameters.forEach((p, i) => p.write(weights[i] ?? []));
    second.optimizer.loadStateDict(optimizer as never);
    second.scheduler.loadStateDict(scheduler);
    second.run(3, 7);
    assertEquals(
      await readAll(second.parameters),
      await readAll(whole.parameters),
    );
    assertEquals(
      await second.optimizer.stateDict(),
      await whole.optimizer.stateDict(),
    );
    for (const { free } of [whole, first, second]) free();
  });
}

gpuTest("states of other optimizers are refused", async () => {
  const adam = start("AdamW", 0.1);
  const sgd = start("SGD", 0.1);
  const state = await adam.optimizer.stateDict();
  const load = (change: object) => () =>
    adam.optimizer.loadStateDict({ ...state, ...change } as never);
  assertThrows(
    () => sgd.optimizer.loadStateDict(state as never),
    TypeError,
    "Cannot load the optimizer's state",
  );
  assertThrows(
    load({ groups: [] }),
    TypeError,
    "groups are 0 there and 2 here",
  );
  assertThrows(load({ parameters: [] }), TypeError, "parameters are 0 there");
  assertThrows(load({ steps: -1 }), RangeError, "-1 is no number of steps");
  const [first, ...rest] = state.parameters;
  const shorter = { ...first, moments: [new Float32Array(1)] };
  assertThrows(
    load({ parameters: [shorter, ...rest] }),
    TypeError,
    "the moments of parameter 0 are [1] there and [70,70] here",
  );
  assertThrows(
    () => adam.scheduler.loadStateDict({ steps: 1, baseRates: [1] }),
    TypeError,
    "groups are 1 there and 2 here",
  );
  assertEquals(await adam.optimizer.stateDict(), state);
  adam.free();
  sgd.free();
});
