// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertThrows } from "@std/assert";
import { backward, mul, readAll, scope, sum } from "../../engine/mod.ts";
import {
  AdamW,
  init,
  linearSchedule,
  type Optimizer,
  Parameter,
  Scheduler,
  SGD,
} from "../../nn/mod.ts";
import { gpuTest, randomValues } from "../_check.ts";

const SIZES = [5, 70, 3];

/**
 * Parameters, an optimizer of two groups, a scheduler, and a function that
 * trains.
 */
function start(kind: "AdamW" | "SGD", rate: number) {
  const parameters = SIZES.map((size, i) =>
    new Parameter([size], init.values(randomValues(size, i)))
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
      // The last parameter is used only in every second step.
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
  gpuTest(`${kind} continues from its state, bit for bit`, async () => {
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
    "the number of groups is 0 in the state but 2 in the optimizer",
  );
  assertThrows(load({ parameters: [] }), TypeError, "parameters is 0");
  assertThrows(load({ steps: -1 }), RangeError, "steps is -1");
  const [first, ...rest] = state.parameters;
  const shorter = { ...first, moments: [new Float32Array(1)] };
  assertThrows(
    load({ parameters: [shorter, ...rest] }),
    TypeError,
    "parameter 0 is [1] in the state but [70,70] in the optimizer",
  );
  assertThrows(
    () => adam.scheduler.loadStateDict({ steps: 1, baseRates: [1] }),
    TypeError,
    "the number of groups is 1 in the state but 2 in the optimizer",
  );
  assertEquals(await adam.optimizer.stateDict(), state);
  adam.free();
  sgd.free();
});
