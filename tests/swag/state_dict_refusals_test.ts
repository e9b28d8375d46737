// Copyright 2026 the swagpu authors. MIT license.

// A state that does not fit a posterior is refused, and nothing is changed.

import { assertEquals, assertThrows } from "@std/assert";
import {
  SwagModel,
  type SwagOptions,
  type SwagParameterState,
  type SwagState,
} from "../../swag/mod.ts";
import { gpuTest } from "../_check.ts";
import { bitsOfState, collect, COVARIANCES, SHAPES } from "./_states.ts";
import { Tree } from "./_tree.ts";

/** Changes to a state that must be refused, with what the error says. */
const WRONG: [
  change: (state: SwagState, b: SwagParameterState) => unknown,
  kind: typeof TypeError | typeof RangeError,
  message: string,
][] = [
  [() => null, TypeError, "the state is null, expected an object"],
  [() => [], TypeError, "the state is an array, expected an object"],
  [(s) => ({ ...s, rank: 3 }), TypeError, 'with option "rank"'],
  [
    (s) => ({ ...s, settings: undefined }),
    TypeError,
    "settings is undefined, expected an object",
  ],
  [
    (s) => ({ ...s, settings: { ...s.settings, noCovMat: true } }),
    TypeError,
    "noCovMat is true in the state but false in the posterior",
  ],
  [
    (s) => ({ ...s, settings: { ...s.settings, maxNumModels: 5 } }),
    TypeError,
    "maxNumModels is 5 in the state but 4 in the posterior",
  ],
  [
    (s) => ({ ...s, settings: { ...s.settings, normalize: "capacity" } }),
    TypeError,
    "normalize is capacity in the state but rank in the posterior",
  ],
  [
    (s) => ({ ...s, settings: { ...s.settings, varClamp: 1 } }),
    TypeError,
    "varClamp is 1 in the state but 1e-30 in the posterior",
  ],
  [
    (s) => ({ ...s, settings: { ...s.settings, clamp: 1 } }),
    TypeError,
    'with option "clamp"',
  ],
  [
    (s) => ({ ...s, nModels: "3" }),
    TypeError,
    "nModels is a string, expected a number",
  ],
  [
    (s) => ({ ...s, nModels: 1.5 }),
    RangeError,
    "nModels is 1.5, but must be a whole number of at least 0",
  ],
  [(s) => ({ ...s, draws: -1 }), RangeError, "draws is -1, but must be"],
  [
    (s) => ({ ...s, covMatRank: 5 }),
    RangeError,
    "covMatRank is 5, but must be a whole number from 0 to 4",
  ],
  [
    (s) => ({ ...s, covMatRank: 2 }),
    TypeError,
    'deviations of "a.weight" is a Float32Array of 273, expected a ' +
    "Float32Array of 182",
  ],
  [
    (s) => ({ ...s, parameters: new Float32Array(3) }),
    TypeError,
    "parameters is a Float32Array, expected an object",
  ],
  [
    (s, b) => ({ ...s, parameters: { "b.bias": b, "d.bias": b, toString: b } }),
    TypeError,
    'it lacks "a.weight", "c.weight", the model has no "d.bias", "toString"',
  ],
  [
    (s) => ({ ...s, parameters: { ...s.parameters, "b.bias": null } }),
    TypeError,
    '"b.bias" is null, expected an object',
  ],
  [
    (s, b) => withB(s, { ...b, shape: [1, 3] }),
    TypeError,
    '"b.bias" is [1, 3], expected [3]',
  ],
  [
    (s, b) => withB(s, { ...b, shape: undefined }),
    TypeError,
    '"b.bias" is of the shape undefined, expected [3]',
  ],
  [
    (s, b) => withB(s, { ...b, variance: b.mean }),
    TypeError,
    'with option "variance"',
  ],
  [
    (s, b) => withB(s, { ...b, mean: new Float32Array(4) }),
    TypeError,
    'mean of "b.bias" is a Float32Array of 4, expected a Float32Array of 3',
  ],
  [
    (s, b) => withB(s, { ...b, mean: [1, 2, 3] }),
    TypeError,
    'mean of "b.bias" is an array, expected a Float32Array of 3',
  ],
  [
    (s, b) => withB(s, { ...b, deviations: undefined }),
    TypeError,
    'deviations of "b.bias" is undefined, expected a Float32Array of 9',
  ],
  [
    (s, { shape, mean }) => ({
      ...withB(s, { shape, mean }),
      settings: { ...s.settings, modulePrefixList: ["a", "c"] },
    }),
    TypeError,
    '"b.bias" is not random in the state but in the posterior; ' +
    "modulePrefixList is [a, c] in the state but undefined in the posterior",
  ],
];

function withB(state: SwagState, own: object) {
  return { ...state, parameters: { ...state.parameters, "b.bias": own } };
}

gpuTest("loadStateDict() refuses states that do not fit", async () => {
  const source = new Tree(SHAPES);
  const model = new Tree(SHAPES);
  using from = SwagModel.fromBase(source, COVARIANCES);
  using swag = SwagModel.fromBase(model, COVARIANCES);
  collect(source, from, 0, 3);
  collect(model, swag, 30, 36);
  swag.withSample({ scale: 0.5 }, () => {});
  const state = await from.stateDict();
  const before = bitsOfState(await swag.stateDict());
  for (const [change, kind, message] of WRONG) {
    const bias = state.parameters["b.bias"] as SwagParameterState;
    const wrong = change(state, bias) as SwagState;
    const error = assertThrows(() => swag.loadStateDict(wrong), kind, message);
    assertEquals(
      error.message.slice(0, 32),
      "Cannot load the posterior's stat",
    );
    assertEquals(bitsOfState(await swag.stateDict()), before, message);
  }
  // A posterior without covariances, and one over a part of the model.
  using diagonal = SwagModel.fromBase(model);
  assertThrows(
    () => diagonal.loadStateDict(state),
    TypeError,
    "noCovMat is false in the state but true in the posterior",
  );
  using part = SwagModel.fromBase(model, {
    ...COVARIANCES,
    modulePrefixList: ["b", "c"],
  });
  assertThrows(
    () => part.loadStateDict(state),
    TypeError,
    '"a.weight" is random in the state but not in the posterior; ' +
      "modulePrefixList is undefined in the state but [b, c] in the posterior",
  );
  assertEquals([diagonal.nModels, part.nModels], [0, 0]);
  source.dispose();
  model.dispose();
});

gpuTest("loadStateDict() accepts settings that mean the same", async () => {
  const model = new Tree(SHAPES);
  const pairs: [SwagOptions, SwagOptions][] = [
    [{ modulePrefixList: ["a", "b"] }, { modulePrefixList: ["b.bias", "a"] }],
    [{ modulePrefixList: ["a", "b", "c"] }, {}],
    [{ maxNumModels: 3 }, { maxNumModels: 7, normalize: "capacity" }],
  ];
  for (const [one, two] of pairs) {
    using from = SwagModel.fromBase(model, one);
    using to = SwagModel.fromBase(model, two);
    collect(model, from, 0, 3);
    to.loadStateDict(await from.stateDict());
    assertEquals(await to.moments(), await from.moments());
    assertEquals(to.nModels, 3);
  }
  model.dispose();
});
