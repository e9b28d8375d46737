// Copyright 2026 the swagpu authors. MIT license.

import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  deepEnsembleEquivalent,
  type EnsembleScore,
} from "../../../nn/metrics/mod.ts";

const ENSEMBLES: readonly EnsembleScore[] = [
  { members: 1, nll: 1 },
  { members: 2, nll: 0.8 },
  { members: 4, nll: 0.7 },
  { members: 8, nll: 0.65 },
];

Deno.test("deepEnsembleEquivalent() of an ensemble is its size", () => {
  for (const { members, nll } of ENSEMBLES) {
    assertAlmostEquals(deepEnsembleEquivalent(nll, ENSEMBLES), members);
  }
});

Deno.test("deepEnsembleEquivalent() interpolates between sizes", () => {
  assertAlmostEquals(deepEnsembleEquivalent(0.9, ENSEMBLES), 1.5);
  assertAlmostEquals(deepEnsembleEquivalent(0.675, ENSEMBLES), 6);
});

Deno.test("deepEnsembleEquivalent() stays within the sizes", () => {
  assertEquals(deepEnsembleEquivalent(2, ENSEMBLES), 1);
  assertEquals(deepEnsembleEquivalent(0.1, ENSEMBLES), 8);
});

Deno.test("deepEnsembleEquivalent() is the least size if ensembles get worse", () => {
  const ensembles = [
    { members: 1, nll: 1 },
    { members: 2, nll: 0.6 },
    { members: 3, nll: 0.9 },
    { members: 4, nll: 0.5 },
  ];
  assertAlmostEquals(deepEnsembleEquivalent(0.8, ensembles), 1.5);
  assertAlmostEquals(deepEnsembleEquivalent(0.55, ensembles), 3.875);
});

Deno.test("deepEnsembleEquivalent() refuses what has no order", () => {
  const refused: [number, EnsembleScore[], string][] = [
    [1, [], "there are none"],
    [NaN, [...ENSEMBLES], "a score is NaN"],
    [1, [{ members: 1, nll: Infinity }], "a score is Infinity"],
    [1, [{ members: 0, nll: 1 }], "size 0 comes after 0"],
    [1, [...ENSEMBLES, { members: 4, nll: 1 }], "size 4 comes after 8"],
  ];
  for (const [nll, ensembles, message] of refused) {
    assertThrows(
      () => deepEnsembleEquivalent(nll, ensembles),
      RangeError,
      message,
    );
  }
});
