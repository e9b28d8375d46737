// Copyright 2026 the swagpu authors. MIT license.

// Rates that fall on a plateau, against values that PyTorch has made.

import { assertEquals, assertThrows } from "@std/assert";
import {
  constantSchedule,
  type PlateauOptions,
  ReduceLROnPlateau,
  Scheduler,
} from "../../nn/mod.ts";

/** A run of PyTorch's class. Its metrics are NaN where JSON has null. */
interface Case {
  kwargs: Record<string, number | string>;
  metrics: (number | null)[];
  lrs: number[][];
  /** The best metric, null before there is one, and the two counts. */
  states: [best: number | null, bad: number, cooldown: number][];
}

const { cases } = JSON.parse(
  await Deno.readTextFile(
    new URL("../fixtures/optim/plateau.json", import.meta.url),
  ),
) as { cases: Case[] };

/** The options that PyTorch's arguments are called here. */
function optionsOf(kwargs: Case["kwargs"]): PlateauOptions {
  return Object.fromEntries(
    Object.entries(kwargs).map(([name, value]) => [
      name.replace(/_./g, (x) => x.slice(1).toUpperCase()),
      value,
    ]),
  );
}

/** An optimizer that has only rates, those of the cases. */
function twoGroups() {
  return { groups: [{ learningRate: 1 }, { learningRate: 0.3 }] };
}

const make = (optimizer: unknown, options: PlateauOptions) =>
  new ReduceLROnPlateau(optimizer as never, options);

Deno.test("ReduceLROnPlateau gives PyTorch's rates to the last bit", () => {
  assertEquals(cases.length, 14);
  for (const { kwargs, metrics, lrs, states } of cases) {
    const optimizer = twoGroups();
    const plateau = make(optimizer, optionsOf(kwargs));
    const found = metrics.map((metric) => {
      plateau.step(metric ?? NaN);
      const { best, numBadEpochs, cooldownCounter } = plateau;
      return {
        rates: optimizer.groups.map(({ learningRate }) => learningRate),
        state: [
          Number.isFinite(best) ? best : null,
          ...[numBadEpochs, cooldownCounter],
        ],
      };
    });
    const label = JSON.stringify(kwargs);
    assertEquals(found.map(({ rates }) => rates), lrs, label);
    assertEquals(found.map(({ state }) => state), states, label);
  }
});

Deno.test("ReduceLROnPlateau continues from a state", () => {
  for (const { kwargs, metrics, lrs } of cases) {
    const optimizer = twoGroups();
    let state = make(optimizer, optionsOf(kwargs)).stateDict();
    for (const [i, metric] of metrics.entries()) {
      // A new one for every metric; the rates stay in the optimizer.
      const plateau = make(optimizer, optionsOf(kwargs));
      plateau.loadStateDict(state);
      plateau.step(metric ?? NaN);
      const rates = optimizer.groups.map(({ learningRate }) => learningRate);
      assertEquals(rates, lrs[i], JSON.stringify(kwargs));
      state = structuredClone(plateau.stateDict());
    }
  }
});

Deno.test("ReduceLROnPlateau refuses what it cannot do", () => {
  for (
    const [options, message] of [
      [{ factor: 1 }, "factor 1: it must be in [0, 1)"],
      [{ factor: NaN }, "factor NaN"],
      [{ mode: "best" }, 'mode best: it must be "min" or "max"'],
      [{ thresholdMode: "share" }, "thresholdMode share"],
      [{ patience: -1 }, "patience -1: it must be a whole number"],
      [{ cooldown: 0.5 }, "cooldown 0.5"],
      [{ threshold: -1 }, "threshold -1: it must be a finite number"],
      [{ minLr: Infinity }, "minLr Infinity"],
      [{ eps: -1e-8 }, "eps -1e-8"],
    ] as const
  ) {
    assertThrows(
      () => make(twoGroups(), options as PlateauOptions),
      RangeError,
      `Cannot lower the learning rate with ${message}`,
    );
  }
  assertThrows(
    () => make(twoGroups(), { min_lr: 0.1 } as PlateauOptions),
    TypeError,
    'did you mean "minLr"?',
  );
  const plateau = make(twoGroups(), {});
  const scheduler = new Scheduler(twoGroups() as never, constantSchedule());
  assertThrows(
    () => plateau.loadStateDict(scheduler.stateDict() as never),
    TypeError,
    "it is of another schedule",
  );
  assertThrows(
    () => scheduler.loadStateDict(plateau.stateDict() as never),
    TypeError,
    "it is of another schedule",
  );
});
