// Copyright 2026 the swagpu authors. MIT license.

// A posterior that is cut at any collection, and continued from its state, has the
// bits of the one that was not cut.

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { openDevice, readAll, setDevice, tensor } from "../../engine/mod.ts";
import {
  SwagModel,
  type SwagOptions,
  type SwagParameterState,
  type SwagState,
} from "../../swag/mod.ts";
import { gpuTest, randomValues } from "../_check.ts";
import { Tree } from "./_tree.ts";

const SHAPES = { "a.weight": [7, 13], "b.bias": [3], "c.weight": [65] };
const SIZE = 91 + 3 + 65;
const COVARIANCES = { noCovMat: false, maxNumModels: 4 };

/** Collects the weights of the steps from `from` to `to` of a run. */
function collect(model: Tree, swag: SwagModel, from: number, to: number): void {
  for (let step = from; step < to; step++) {
    model.setAll(randomValues(SIZE, 100 + step, 0.9, 1.1));
    swag.collectModel();
  }
}

function bits(values: Float32Array = new Float32Array()): number[] {
  const { buffer, byteOffset, length } = values;
  return [...new Uint32Array(buffer, byteOffset, length)];
}

/** All bits of a state. */
function bitsOfState({ parameters, ...rest }: SwagState) {
  const each = Object.entries(parameters).map(([name, own]) => [
    name,
    own.shape,
    bits(own.mean),
    own.squaredDeviations && bits(own.squaredDeviations),
    own.deviations && bits(own.deviations),
  ]);
  return { ...rest, each };
}

async function bitsOfModel(model: Tree): Promise<number[]> {
  return (await readAll(model.parameters())).flatMap((row) =>
    bits(row as Float32Array)
  );
}

/** The bits of a posterior: its state, and samples of all kinds. */
async function bitsOf(model: Tree, swag: SwagModel) {
  const state = bitsOfState(await swag.stateDict());
  const samples: number[][] = [];
  if (swag.nModels === 0) return { state, samples };
  const cov = swag.settings.noCovMat ? { cov: false } : {};
  for (
    const options of [
      { scale: 0, seed: 0 },
      { scale: 0.5, seed: 7, index: 3, ...cov },
      { scale: 1, cov: false, seed: 8 },
      { scale: 2, blockwise: !swag.settings.noCovMat, ...cov }, // Without a seed.
    ]
  ) {
    swag.sampleParameters(options);
    samples.push(await bitsOfModel(model));
  }
  swag.restoreWeights();
  return { state, samples };
}

/** Compares a run that is cut at a step with one that is not. */
async function checkCut(
  cut: number,
  steps: number,
  options: SwagOptions,
  build = () => new Tree(SHAPES),
): Promise<void> {
  const [whole, first, second] = [build(), build(), build()];
  using uncut = SwagModel.fromBase(whole, options);
  using before = SwagModel.fromBase(first, options);
  using after = SwagModel.fromBase(second, options);
  collect(whole, uncut, 0, cut);
  collect(first, before, 0, cut);
  if (cut > 0) {
    for (const swag of [uncut, before]) {
      swag.withSample({ scale: 0.5 }, () => {}); // It advances the number of draws.
    }
  }
  const state = await before.stateDict();
  // The state is a copy: what happens to its posterior later does not show.
  collect(first, before, 50, 53);
  // What the new posterior has collected before is forgotten.
  collect(second, after, 60, 60 + (cut + 1) % 3);
  after.loadStateDict(structuredClone(state));
  assertEquals(bitsOfState(await after.stateDict()), bitsOfState(state));
  collect(whole, uncut, cut, steps);
  collect(second, after, cut, steps);
  assertEquals([after.nModels, after.covMatRank], [
    steps,
    options.noCovMat === false ? Math.min(steps, options.maxNumModels ?? 0) : 0,
  ]);
  assertEquals(await bitsOf(second, after), await bitsOf(whole, uncut));
  for (const model of [whole, first, second]) model.dispose();
}

gpuTest(
  "stateDict() at 10 random steps: the run has the bits of one not cut",
  async () => {
    const cuts = new Set<number>();
    for (let seed = 0; cuts.size < 10; seed++) {
      cuts.add(Math.floor(randomValues(1, seed, 0, 15)[0] ?? 0));
    }
    for (const cut of cuts) await checkCut(cut, 15, COVARIANCES);
  },
);

gpuTest(
  "stateDict() and loadStateDict() with every kind of posterior",
  async () => {
    const cases: [cut: number, steps: number, SwagOptions][] = [
      [0, 0, COVARIANCES],
      [0, 3, COVARIANCES],
      [2, 3, COVARIANCES], // Never full.
      [2, 9, COVARIANCES], // Full and wrapped around after the cut.
      [4, 5, COVARIANCES], // Cut when it is just full.
      [9, 11, { ...COVARIANCES, normalize: "capacity" }],
      [6, 8, { noCovMat: false, maxNumModels: 1 }],
      [5, 8, {}],
      [1, 8, { varClamp: 1e-3 }],
      [3, 7, { ...COVARIANCES, modulePrefixList: ["b", "c.weight"] }],
      [7, 9, { ...COVARIANCES, modulePrefixList: ["a"] }],
      [7, 9, { modulePrefixList: ["b.bias"] }],
    ];
    for (const [cut, steps, options] of cases) {
      await checkCut(cut, steps, options);
    }
  },
);

gpuTest("stateDict() of a posterior in many pieces", async (device) => {
  const small = await openDevice({ maxBindingSize: 1024 });
  setDevice(small);
  try {
    await checkCut(6, 9, { noCovMat: false, maxNumModels: 2 });
  } finally {
    setDevice(device);
    await small.destroy();
  }
});

gpuTest("stateDict() has tied weights once", async () => {
  const build = () => new Tree(SHAPES).tie("z.weight", "a.weight");
  const model = build();
  using swag = SwagModel.fromBase(model, COVARIANCES);
  collect(model, swag, 0, 2);
  const { parameters } = await swag.stateDict();
  assertEquals(Object.keys(parameters), Object.keys(SHAPES));
  model.dispose();
  await checkCut(5, 7, COVARIANCES, build);
});

gpuTest("stateDict() reads plain values with one wait", async (device) => {
  const model = new Tree(SHAPES);
  using swag = SwagModel.fromBase(model, {
    ...COVARIANCES,
    modulePrefixList: ["b"],
  });
  model.setAll(new Float32Array(SIZE).fill(1));
  swag.collectModel();
  model.setAll(new Float32Array(SIZE).fill(3));
  swag.collectModel();
  const { reads } = device.stream.statistics();
  const state = await swag.stateDict();
  assertEquals(device.stream.statistics().reads - reads, 1);
  // By hand: the mean of 1 and 3 is 2, the squared differences add up to 2, and the
  // second collection is 1 above the mean at that time.
  const { settings, parameters, ...counts } = state;
  assertEquals(settings, swag.settings);
  assertEquals(counts, { nModels: 2, covMatRank: 2, draws: 0 });
  assertEquals(parameters, {
    "a.weight": { shape: [7, 13], mean: new Float32Array(91).fill(2) },
    "b.bias": {
      shape: [3],
      mean: new Float32Array([2, 2, 2]),
      squaredDeviations: new Float32Array([2, 2, 2]),
      deviations: new Float32Array([0, 0, 0, 1, 1, 1]),
    },
    "c.weight": { shape: [65], mean: new Float32Array(65).fill(2) },
  });
  model.dispose();
});

gpuTest(
  "stateDict() and loadStateDict() while the model holds a sample",
  async () => {
    const model = new Tree(SHAPES);
    using swag = SwagModel.fromBase(model, COVARIANCES);
    using other = SwagModel.fromBase(model, COVARIANCES);
    collect(model, other, 20, 23);
    collect(model, swag, 0, 6);
    const own = await bitsOfModel(model);
    const expected = bitsOfState(await swag.stateDict());
    const { state, sample } = await swag.withSample(
      { scale: 0.5, seed: 1 },
      async () => ({
        state: await swag.stateDict(),
        sample: await bitsOfModel(model),
      }),
    );
    assertEquals(bitsOfState(state), expected);
    assertEquals(await bitsOfModel(model), own);
    other.sampleParameters({ scale: 1, seed: 5 });
    const held = await bitsOfModel(model);
    other.loadStateDict(state);
    assertEquals([other.holdsSample, await bitsOfModel(model)], [true, held]);
    // The next sample is of the state that was loaded.
    other.sampleParameters({ scale: 0.5, seed: 1 });
    assertEquals(await bitsOfModel(model), sample);
    other.restoreWeights();
    assertEquals(await bitsOfModel(model), own);
    model.dispose();
  },
);

gpuTest("stateDict() leaves out weights that are not finite", async () => {
  const model = new Tree(SHAPES);
  const twin = new Tree(SHAPES);
  using swag = SwagModel.fromBase(model, COVARIANCES);
  using clean = SwagModel.fromBase(twin, COVARIANCES);
  using loaded = SwagModel.fromBase(twin, COVARIANCES);
  collect(model, swag, 0, 6);
  collect(twin, clean, 0, 6);
  const bad = () => {
    model.setAll(new Float32Array(SIZE).fill(NaN, 93, 94));
    swag.collectModel();
  };
  bad();
  await assertRejects(() => swag.stateDict(), RangeError, "b.bias was not");
  const expected = bitsOfState(await clean.stateDict());
  assertEquals(bitsOfState(await swag.stateDict()), expected);
  // Another reading is under way, and is the one that brings the answer.
  bad();
  const outcomes = await Promise.allSettled([
    tensor([1]).data(),
    swag.stateDict(),
  ]);
  assertEquals(outcomes.map(({ status }) => status), ["rejected", "rejected"]);
  const messages = outcomes.map((outcome) =>
    outcome.status === "rejected" ? `${outcome.reason}` : ""
  );
  assertEquals(messages.filter((x) => x.includes("b.bias was not")).length, 1);
  assertEquals(messages.filter((x) => x.includes("read again")).length, 1);
  const state = await swag.stateDict();
  assertEquals(bitsOfState(state), expected);
  // A collection that has not been checked is forgotten with all others.
  bad();
  swag.loadStateDict(state);
  collect(model, swag, 6, 8);
  loaded.loadStateDict(state);
  collect(twin, loaded, 6, 8);
  assertEquals(await bitsOf(model, swag), await bitsOf(twin, loaded));
  model.dispose();
  twin.dispose();
});

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
