// Copyright 2026 the swagpu authors. MIT license.

import {
  assertEquals,
  assertMatch,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { Arguments } from "../../cli/arguments.ts";
import { arrayIndex } from "../../cli/array_index.ts";
import { exitCodeOf, TryAgainError } from "../../cli/exit_codes.ts";
import { finetune } from "../../cli/finetune.ts";
import { checkMerged, mergedText } from "../../cli/merged_run.ts";
import { checkFit, type ParticleFacts } from "../../cli/particle_fit.ts";
import { lockRun } from "../../cli/run_lock.ts";
import {
  particleFolder,
  planOfOptions,
  readPlan,
  writePlan,
} from "../../cli/particle_plan.ts";
import {
  disposePosterior,
  ofMembers,
  pipelinePosterior,
  samplesOf,
  takeSample,
} from "../../cli/posterior.ts";
import { NotFiniteError } from "../../cli/not_finite.ts";
import { DivergedError } from "../../cli/trained.ts";
import {
  DeviceLostError,
  GpuOutOfMemoryError,
  manualSeed,
  NoAdapterError,
  scope,
  tensor,
} from "../../engine/mod.ts";
import { writeSafetensors } from "../../nn/formats/mod.ts";
import { Linear } from "../../nn/mod.ts";
import { MultiSwag, SwagModel } from "../../swag/mod.ts";
import { gpuTest } from "../_check.ts";
import { inFolder, names } from "../_folder.ts";

Deno.test("the index of a job is that of its scheduler's variable", () => {
  const cases: [Record<string, string>, number | RegExp][] = [
    [{ SLURM_ARRAY_TASK_ID: "7" }, 7],
    [{ JOB_COMPLETION_INDEX: "0" }, 0],
    [{ PBS_ARRAY_INDEX: "3" }, 3],
    [{ PBS_ARRAYID: "3" }, 3],
    // These two start at 1.
    [{ PARALLEL_SEQ: "1" }, 0],
    [{ SGE_TASK_ID: "16" }, 15],
    // SGE sets this in jobs that are no array.
    [{ SGE_TASK_ID: "undefined", PBS_ARRAYID: "2" }, 2],
    [{ SGE_TASK_ID: "undefined" }, /none of SLURM_ARRAY_TASK_ID \(Slurm\), /],
    [{}, /none of .* is set; start the command in an array/],
    [{ SLURM_ARRAY_TASK_ID: "" }, /none of .* is set/],
    // A job of parallel in a job of Slurm.
    [{ SLURM_ARRAY_TASK_ID: "3", PARALLEL_SEQ: "4" }, 3],
    [
      { SLURM_ARRAY_TASK_ID: "3", PARALLEL_SEQ: "3" },
      /SLURM_ARRAY_TASK_ID is 3, particle 3, but PARALLEL_SEQ is 3, particle 2/,
    ],
    [{ SLURM_ARRAY_TASK_ID: "x" }, /is "x", expected a whole number/],
    [{ SLURM_ARRAY_TASK_ID: "1.5" }, /is "1.5", expected a whole number/],
    [{ PARALLEL_SEQ: "0" }, /PARALLEL_SEQ is 0, expected 1 or more/],
  ];
  for (const [variables, expected] of cases) {
    const find = () => arrayIndex((name) => variables[name]);
    if (typeof expected === "number") assertEquals(find(), expected);
    else {
      const { message } = assertThrows(find, Error);
      assertMatch(message, expected);
    }
  }
});

Deno.test("exit codes tell what is wrong for ever from what may pass", () => {
  const cases: [unknown, 42 | 75][] = [
    [new TypeError("Cannot use --index x"), 42],
    [new RangeError("expected a number"), 42],
    [new SyntaxError("it is not JSON"), 42],
    [new DivergedError("the loss is NaN"), 42],
    [new NotFiniteError(2, [NaN, 1]), 42],
    [new TryAgainError("another process holds it"), 75],
    [new DeviceLostError("the device is lost"), 75],
    [new GpuOutOfMemoryError("no memory left"), 75],
    [new NoAdapterError("no adapter"), 75],
    [new Error("Cannot write a: No space left on device"), 75],
    [new Deno.errors.NotFound("a mount that is not there"), 75],
    [new Deno.errors.TimedOut("the hub"), 75],
    ["anything", 75],
  ];
  for (const [error, code] of cases) {
    assertEquals(exitCodeOf(error), code, String(error));
  }
});

/** A plan of the options of finetune. */
function planned(...words: string[]) {
  return planOfOptions(new Arguments(finetune, words));
}

Deno.test("a plan keeps the options that all particles share", () => {
  const plan = planned(
    ...["--data", "a.csv", "--output", "run", "--seed=5", "--swag"],
    ...["--particles", "3", "--quiet", "--learning-rate", "0.1"],
  );
  assertEquals(plan, {
    count: 3,
    seed: 5,
    options: ["--data", "a.csv", "--swag", "--learning-rate", "0.1"],
  });
  const cases: [string[], RegExp][] = [
    [["--data", "a"], /--particles without --swag/],
    [["--swag", "--data", "-"], /--particles with --data -: every particle/],
    [["--swag", "--seeds", "3"], /--particles with --seeds/],
    [["--swag", "--resume"], /--particles with --resume: particles that/],
    [["--swag", "--overwrite"], /--particles with --overwrite/],
    [["--swag", "--run-name", "a"], /--particles with --run-name: each/],
    [["--swag", "--seed", "4294967295"], /--seed 4294967295: expected/],
    [
      ["--swag", "--init", "a", "--frozen-dtype", "f16"],
      /--init and --frozen-dtype f16/,
    ],
  ];
  for (const [words, expected] of cases) {
    const { message } = assertThrows(
      () => planned(...words, "--particles", "2"),
      Error,
    );
    assertMatch(message, expected);
  }
  assertThrows(() => planned("--swag", "--particles", "1"), RangeError);
});

Deno.test("a plan is written once, and may get longer", () =>
  inFolder(async (folder) => {
    const run = `${folder}/run`;
    const plan = { count: 4, seed: 1, options: ["--swag"] };
    await writePlan(run, plan);
    assertEquals(await readPlan(run), plan);
    await writePlan(run, { ...plan, count: 6 });
    assertEquals((await readPlan(run)).count, 6);
    for (
      const [other, expected] of [
        [{ ...plan, count: 5 }, /another plan, of 6 particles/],
        [{ ...plan, count: 6, seed: 2 }, /another plan, from seed 1 on/],
        [{ ...plan, options: ["--swag", "--quiet"] }, /the options --swag;/],
      ] as const
    ) {
      const { message } = await assertRejects(
        () => writePlan(run, other),
        TypeError,
      );
      assertMatch(message, expected);
    }
    assertEquals((await readPlan(run)).count, 6);
    // A folder with a model is not taken.
    await Deno.mkdir(`${folder}/model`);
    await Deno.writeTextFile(`${folder}/model/config.json`, "{}");
    await assertRejects(
      () => writePlan(`${folder}/model`, plan),
      Deno.errors.AlreadyExists,
      "it holds a config.json",
    );
  }));

Deno.test("a plan that is malformed is refused with what is wrong", () =>
  inFolder(async (folder) => {
    await assertRejects(() => readPlan(folder), TypeError, "no particles.json");
    const good = { version: 1, particles: 2, seed: 0, options: ["--swag"] };
    const cases: [string, RegExp][] = [
      ["{", /particles\.json: it is not JSON/],
      ["[]", /it is not an object/],
      ["null", /it is not an object/],
      [JSON.stringify({ ...good, version: 2 }), /version is 2, and this/],
      [JSON.stringify({ ...good, particles: 0 }), /"particles" is not a whole/],
      [JSON.stringify({ ...good, particles: 1e9 }), /from 1 to 1000000/],
      [JSON.stringify({ ...good, seed: -1 }), /"seed" is not a whole number/],
      [JSON.stringify({ ...good, seed: 2 ** 32 - 1 }), /to 4294967294/],
      [JSON.stringify({ ...good, options: "--swag" }), /not a list of texts/],
      [JSON.stringify({ ...good, options: [1] }), /not a list of texts/],
    ];
    for (const [text, expected] of cases) {
      await Deno.writeTextFile(`${folder}/particles.json`, text);
      const { message } = await assertRejects(
        () => readPlan(folder),
        SyntaxError,
      );
      assertMatch(message, expected);
    }
    assertEquals(particleFolder("run", 7), "run/particles/0007");
    assertEquals(particleFolder("run", 12345), "run/particles/12345");
  }));

Deno.test("a lock is held by one, and its file goes with it", () =>
  inFolder(async (folder) => {
    const path = `${folder}/0007.lock`;
    const take = () => lockRun(path, { action: "go on", say: () => {} });
    {
      await using _lock = await take();
      await assertRejects(
        take,
        TryAgainError,
        `Cannot go on: another process holds ${path}`,
      );
      assertEquals(names(folder), ["0007.lock"]);
    }
    assertEquals(names(folder), []);
    // A file that a killed process has left locks nobody out.
    await Deno.writeTextFile(path, "");
    await using _lock = await take();
  }));

Deno.test("a merged run is refused if a particle is not what it was", () =>
  inFolder(async (folder) => {
    const path = `${folder}/particles/0000/swag.safetensors`;
    const write = (weights: string) =>
      writeSafetensors(path, [["x", {
        ...{ shape: [1], dtype: "F32", data: Float32Array.of(1) },
      }]], { metadata: { swag_weights: weights } });
    const check = () => checkMerged(folder);
    await Deno.writeTextFile(
      `${folder}/multiswag.json`,
      mergedText([{ folder: "particles/0000", seed: 0, weights: "ab" }]),
    );
    await assertRejects(
      check,
      TypeError,
      "0000/swag.safetensors is missing; run swagpu merge again",
    );
    await Deno.mkdir(`${folder}/particles/0000`, { recursive: true });
    await write("ab");
    await check();
    await write("cd");
    await assertRejects(
      check,
      TypeError,
      "is not what it was when it was merg",
    );
    // What MultiSwag.save writes says nothing of weights. Malformed lists are the
    // business of MultiSwag.load.
    for (
      const text of ['{"particles": [{"posterior": "x"}, null]}', "{", "null"]
    ) {
      await Deno.writeTextFile(`${folder}/multiswag.json`, text);
      await check();
    }
  }));

Deno.test("particles fit if they differ in seed and weights alone", () => {
  const one = (index: number): ParticleFacts => ({
    path: `run/particles/000${index}`,
    seed: index,
    weights: `w${index}`,
    collections: 5,
    shared: new Map([["labels", '["a","b"]'], ["training", "{}"]]),
  });
  checkFit([one(0), one(1), one(2)]);
  checkFit([]);
  const cases: [ParticleFacts, string][] = [
    [
      { ...one(1), shared: new Map([["labels", '["a"]'], ["training", "{}"]]) },
      "Cannot merge run/particles/0001 with run/particles/0000: they differ in " +
      'labels, ["a"] and ["a","b"]',
    ],
    [{ ...one(1), seed: 0 }, "both have seed 0"],
    [{ ...one(1), weights: "w0" }, "they have the same weights"],
  ];
  for (const [other, expected] of cases) {
    assertThrows(() => checkFit([one(0), other]), TypeError, expected);
  }
});

gpuTest("all particles of a merged run give as many samples", async () => {
  manualSeed(3);
  using model = new Linear(2, 2);
  const before = await model.weight.data();
  const particles = [0, 1, 2].map((shift) => {
    const particle = SwagModel.fromBase(model, { noCovMat: false });
    for (let i = 0; i < 4; i++) {
      model.weight.write([shift, i, -i, shift + i % 2]);
      particle.collectModel();
    }
    return particle;
  });
  model.weight.write(before);
  const [swag] = particles;
  const merged = { swag, multi: new MultiSwag(model, particles) };
  const none = { swag: undefined };
  assertEquals(
    [0, 1, 3, 4, 30].map((samples) => samplesOf(merged, { samples })),
    [0, 3, 3, 6, 30],
  );
  assertEquals(samplesOf({ swag }, { samples: 4 }), 4);
  assertEquals(samplesOf(none, { samples: 4 }), 0);

  const x = tensor([[1, 2]]);
  const logits = async () => {
    const y = model.forward(x);
    return await y.data();
  };
  const sampling = { scale: 0.5, seed: 9 };
  const found = await ofMembers(merged, { ...sampling, samples: 4 }, logits);
  const expected = [];
  for (const particle of particles) {
    for (const index of [0, 1]) {
      expected.push(
        await particle.withSample({ ...sampling, index }, logits),
      );
    }
  }
  assertEquals(found, expected);
  assertEquals(await model.weight.data(), before);
  // A pipeline takes the same samples.
  {
    using _ = scope();
    const stacked = pipelinePosterior(merged)?.getLogits(
      () => model.forward(x),
      { ...sampling, numPredictions: 4 },
    );
    assertEquals(stacked?.shape, [1, 6, 2]);
    assertEquals(
      [...await stacked?.data() ?? []],
      found.flatMap((values) => [...values]),
    );
  }
  // One sample is that of a particle: they take turns.
  const single = [];
  for (const index of [0, 2, 4, 1, 3, 5]) {
    takeSample(merged, { ...sampling, index });
    single.push(await logits());
  }
  assertEquals(single, [0, 4, 3, 2, 1, 5].map((i) => found[i]));
  // Without particles nothing has changed.
  assertEquals(pipelinePosterior({ swag }), swag);
  assertEquals(pipelinePosterior(none), undefined);
  assertEquals(
    await ofMembers(none, { ...sampling, samples: 4 }, logits),
    single.slice(-1),
  );
  assertThrows(() => takeSample(none, { ...sampling, index: 0 }), TypeError);
  disposePosterior(merged);
});
