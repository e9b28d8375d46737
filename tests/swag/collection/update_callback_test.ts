// Copyright 2026 the swagpu authors. MIT license.

// When the callback collects, and that a run which is cut and resumed gives the
// posterior of the run that was not cut.

import {
  assertEquals,
  assertNotEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { readAll } from "../../../engine/mod.ts";
import type {
  TrainerCallback,
  TrainerEvent,
  TrainingArguments,
} from "../../../nn/mod.ts";
import {
  type GateOptions,
  SwagModel,
  type SwagOptions,
  SwagUpdateCallback,
  type SwagUpdateOptions,
} from "../../../swag/mod.ts";
import { gpuTest } from "../../_check.ts";
import { inFolder, names } from "../../_folder.ts";
import { type Tiny, tinyRows, tinyTrainer } from "../../nn/trainer/_tiny.ts";
import { bitsOfState } from "../_states.ts";

const POSTERIOR: SwagOptions = { noCovMat: false, maxNumModels: 4 };

/** What a run gives. */
interface Outcome {
  collectedSteps: number[];
  nModels: number;
  posterior: unknown;
  weights: ArrayLike<number>[];
}

/** How to run. */
interface RunSettings {
  posterior?: SwagOptions;
  options?: SwagUpdateOptions;
  /** Ends the run after this step. */
  cut?: number;
  /** Whether a signal ends it, or a callback that asks for a checkpoint. */
  how?: "signal" | "callback";
  resume?: boolean;
  others?: TrainerCallback[];
  computeMetrics?: () => Record<string, number>;
}

/** Trains a tiny model, three steps an epoch, with a posterior. */
async function run(
  args: TrainingArguments,
  { posterior, options, cut, how, resume = false, others = [], ...rest }:
    RunSettings,
): Promise<Outcome> {
  const controller = new AbortController();
  const end = ({ state, control }: TrainerEvent) => {
    if (state.globalStep !== cut) return;
    if (how === "signal") return controller.abort();
    control.shouldSave = args.outputDir !== undefined;
    control.shouldTrainingStop = true;
  };
  const { model, trainer } = tinyTrainer({
    perDeviceTrainBatchSize: 4,
    learningRate: 0.02,
    lrSchedulerType: "constant",
    ...args,
  }, {
    ...rest,
    evalDataset: tinyRows(5, 2),
    callbacks: [...others, ...cut === undefined ? [] : [{ onStepEnd: end }]],
  });
  const swag = SwagModel.fromBase(model, { ...POSTERIOR, ...posterior });
  const callback = new SwagUpdateCallback(swag, options);
  trainer.addCallback(callback);
  try {
    const { signal } = controller;
    await trainer.train({ resumeFromCheckpoint: resume, signal });
    return {
      collectedSteps: callback.collectedSteps,
      nModels: swag.nModels,
      posterior: bitsOfState(await swag.stateDict()),
      weights: await readAll(model.parameters()),
    };
  } finally {
    swag.dispose();
    model.dispose();
  }
}

gpuTest("SwagUpdateCallback collects as often as the original", async () => {
  const counts = async (args: TrainingArguments, options: SwagUpdateOptions) =>
    (await run(args, { options })).nModels;
  // The original library's tests have the first two.
  assertEquals(await counts({ numTrainEpochs: 5 }, { skipFirst: 1 }), 4);
  const sixty = { collectSteps: 2, skipFirst: 5 };
  assertEquals(await counts({ maxSteps: 60 }, sixty), 25);
  assertEquals(await counts({ maxSteps: 61 }, { collectSteps: 2 }), 31);
  const withoutEnd = { collectSteps: 2, collectAtEnd: false };
  assertEquals(await counts({ maxSteps: 61 }, withoutEnd), 30);
});

gpuTest("SwagUpdateCallback tells at which steps it collected", async () => {
  const steps = async (args: TrainingArguments, options: SwagUpdateOptions) =>
    (await run(args, { options })).collectedSteps;
  const epochs = { numTrainEpochs: 4 };
  assertEquals(await steps(epochs, {}), [3, 6, 9, 12]);
  assertEquals(await steps(epochs, { start: 2 }), [9, 12]);
  assertEquals(await steps(epochs, { start: 2.5, skipFirst: 1 }), [12]);
  const fives = { collectSteps: 5, start: 1 };
  assertEquals(await steps(epochs, fives), [5, 10, 12]);
  assertEquals(
    await steps(epochs, { ...fives, collectAtEnd: false }),
    [5, 10],
  );
  // The end is left out where the first collections are.
  assertEquals(await steps(epochs, { collectSteps: 5, skipFirst: 3 }), []);
  assertEquals(await steps({ maxSteps: 4 }, {}), [3, 4]);
});

gpuTest("a run that is cut gives the posterior of the whole run", async () => {
  await inFolder(async (root) => {
    const settings = [
      { numTrainEpochs: 4, options: { skipFirst: 1 } },
      { maxSteps: 11, options: { collectSteps: 2, skipFirst: 1, start: 0.5 } },
    ];
    for (const [i, { options, ...args }] of settings.entries()) {
      const whole = await run(args, { options });
      // Within an epoch, at its end, between collections, at the last step.
      const cuts = { signal: [1, 6, args.maxSteps ?? 12], callback: [3, 8] };
      for (const how of ["signal", "callback"] as const) {
        for (const cut of cuts[how]) {
          const outputDir = `${root}/${i}-${how}-${cut}`;
          const saved = { ...args, outputDir, saveSteps: 100 };
          await run(saved, { options, cut, how });
          const rest = await run(saved, { options, resume: true });
          assertEquals(rest, whole, `${how} after step ${cut}`);
        }
      }
    }
  });
});

gpuTest("a run that is cut goes on with deviations in fewer bits", async () => {
  await inFolder(async (root) => {
    const options = { collectSteps: 2 };
    for (const deviations of ["f16", "int8"] as const) {
      const settings = { options, posterior: { deviations } };
      const whole = await run({ maxSteps: 11 }, settings);
      const saved = { maxSteps: 11, outputDir: `${root}/${deviations}` };
      await run(saved, { ...settings, cut: 5, how: "signal" });
      const rest = await run(saved, { ...settings, resume: true });
      assertEquals(rest, whole, deviations);
    }
  });
});

/** A cyclical rate of four steps, whose rows are measured by a list of values. */
const CYCLES: TrainingArguments = {
  maxSteps: 14,
  lrSchedulerType: "cyclic",
  lrSchedulerKwargs: { cycleSteps: 4, minLrRate: 0.1 },
};

gpuTest("SwagUpdateCallback collects where the rate is lowest", async () => {
  const steps = async (
    args: TrainingArguments,
    options: SwagUpdateOptions = {},
  ) =>
    (await run(args, { options: { collectAtTroughs: true, ...options } }))
      .collectedSteps;
  const withoutEnd = { collectAtEnd: false };
  assertEquals(await steps(CYCLES), [4, 8, 12, 14]);
  assertEquals(await steps(CYCLES, withoutEnd), [4, 8, 12]);
  assertEquals(await steps(CYCLES, { skipFirst: 1, start: 1.5 }), [12, 14]);
  // A warmup ends no cycle, and neither does a rate that stays as it is.
  assertEquals(await steps({ ...CYCLES, warmupSteps: 3 }, withoutEnd), [7, 11]);
  const constant = { maxSteps: 9 };
  assertEquals(await steps(constant, withoutEnd), []);
  // Three falls of four steps, the last of which ends with the run.
  const restarts: TrainingArguments = {
    ...{ maxSteps: 12, lrSchedulerType: "cosine_with_restarts" },
    lrSchedulerKwargs: { numCycles: 3 },
  };
  assertEquals(await steps(restarts), [4, 8, 12]);
  assertEquals(await steps(restarts, withoutEnd), [4, 8]);
});

/** A gate whose measurements are a list, and what was asked for. */
function listGate(values: number[], more: Partial<GateOptions> = {}) {
  let next = 0;
  const gate: GateOptions = { evaluate: () => values[next++] ?? NaN, ...more };
  return { gate, asked: () => next };
}

gpuTest("SwagUpdateCallback leaves out what measures worse", async () => {
  const steps = async (values: number[], more: Partial<GateOptions> = {}) => {
    const { gate, asked } = listGate(values, more);
    const options = { collectSteps: 1, gate };
    const { collectedSteps } = await run({ maxSteps: 6 }, { options });
    assertEquals(asked(), 6);
    return collectedSteps;
  };
  // An equal value is not worse; a rejected one does not lower the best.
  assertEquals(await steps([0.5, 0.4, 0.5, 0.6, 0.55, 0.6]), [1, 3, 4, 6]);
  const less = { greaterIsBetter: false };
  assertEquals(await steps([0.5, 0.6, 0.4, 0.45, 0.4, 0.3], less), [
    1,
    3,
    5,
    6,
  ]);
  // Within the tolerance of the best, which does not drift with what passes.
  const tolerance = 0.125;
  assertEquals(
    await steps([0.5, 0.375, 0.25, 1, 0.875, 0.75], { tolerance }),
    [1, 2, 4, 5],
  );
  assertEquals(await steps([NaN, 0.5, NaN, 0.5, 0.4, 0.6]), [2, 4, 6]);
});

gpuTest(
  "SwagUpdateCallback measures the weights that it may collect",
  async () => {
    const { model, trainer } = tinyTrainer({ maxSteps: 4 }, {
      evalDataset: tinyRows(5, 2),
    });
    using swag = SwagModel.fromBase(model, POSTERIOR);
    const values: number[] = [];
    const callback = new SwagUpdateCallback(swag, {
      collectSteps: 1,
      gate: {
        greaterIsBetter: false,
        async evaluate() {
          values.push((await trainer.evaluate())["eval_loss"] ?? NaN);
          return values.at(-1) ?? NaN;
        },
      },
    });
    trainer.addCallback(callback);
    await trainer.train();
    let best = Infinity;
    const expected = values.flatMap((value, i) => {
      const passes = value <= best;
      best = Math.min(best, value);
      return passes ? [i + 1] : [];
    });
    assertEquals(callback.collectedSteps, expected);
    const rejected = [1, 2, 3, 4].filter((step) => !expected.includes(step));
    assertEquals(callback.rejectedSteps, rejected);
    assertEquals(swag.nModels, expected.length);
    model.dispose();
  },
);

gpuTest("a run that is cut goes on with its cycles and its gate", async () => {
  await inFolder(async (root) => {
    const values = [0.5, 0.4, 0.7, 0.6];
    const options = (from: number) => ({
      collectAtTroughs: true,
      ...listGate(values.slice(from), { tolerance: 0.05 }),
    });
    const settings = (from: number): RunSettings => {
      const { collectAtTroughs, gate } = options(from);
      return { options: { collectAtTroughs, gate } };
    };
    const whole = await run(CYCLES, settings(0));
    assertEquals(whole.collectedSteps, [4, 12]);
    // After a fall of the rate, at the end of a cycle, and within an epoch.
    for (
      const [cut, measured] of [[2, 0], [3, 0], [4, 1], [9, 2], [
        13,
        3,
      ]] as const
    ) {
      const saved = { ...CYCLES, outputDir: `${root}/${cut}` };
      await run(saved, { ...settings(0), cut, how: "signal" });
      const rest = await run(saved, { ...settings(measured), resume: true });
      assertEquals(rest, whole, `after step ${cut}`);
    }
  });
});

gpuTest("a signal ends a run without another collection", async () => {
  const options = { collectSteps: 3 };
  const at = async (how: "signal" | "callback") =>
    (await run({ maxSteps: 9 }, { options, how, cut: 5 })).collectedSteps;
  assertEquals(await at("signal"), [3]);
  // A callback ends it for good.
  assertEquals(await at("callback"), [3, 5]);
});

gpuTest("the best weights are not taken for the last ones", async () => {
  await inFolder(async (root) => {
    const lasts: ArrayLike<number>[] = [];
    const args: TrainingArguments = {
      ...{ maxSteps: 5, evalStrategy: "steps", evalSteps: 1, saveSteps: 1 },
      ...{ loadBestModelAtEnd: true, metricForBestModel: "score" },
    };
    // The first evaluation is the best one.
    let evaluations = 0;
    const computeMetrics = () => ({ score: -evaluations++ });
    const note: TrainerCallback = {
      async onStepEnd({ model, state }) {
        lasts[state.globalStep] = await (model as Tiny).last.weight.data();
      },
    };
    const options = { collectSteps: 100 };
    const settings = { options, others: [note], computeMetrics };
    const outputDir = `${root}/whole`;
    const whole = await run({ ...args, outputDir }, settings);
    assertEquals(whole.collectedSteps, [5]);
    const { each } = whole.posterior as { each: unknown[][] };
    const [, , mean] = each.find(([name]) => name === "last.weight") ?? [];
    const last = Float32Array.from(lasts[5] ?? []);
    assertEquals(mean, [...new Uint32Array(last.buffer)]);
    // The model ends with others.
    assertNotEquals(Float32Array.from(whole.weights[4] ?? []), last);
    // Where the last weights are gone, there is nothing to collect.
    const stopped = await run({ ...args, outputDir: `${root}/stopped` }, {
      ...settings,
      ...{ cut: 3, how: "callback" },
    });
    assertEquals(stopped.collectedSteps, []);
  });
});

gpuTest("SwagUpdateCallback saves the posterior each time", async () => {
  await inFolder(async (root) => {
    const saveFolder = `${root}/posteriors`;
    const { model, trainer } = tinyTrainer({
      ...{ perDeviceTrainBatchSize: 4, maxSteps: 5 },
    });
    const swag = SwagModel.fromBase(model, POSTERIOR);
    const options = { collectSteps: 2, saveFolder };
    trainer.addCallback(new SwagUpdateCallback(swag, options));
    await trainer.train();
    const steps = [2, 4, 5].map((step) => `swag-checkpoint-${step}`);
    assertEquals(names(saveFolder), steps);
    for (const [i, step] of steps.entries()) {
      const path = `${saveFolder}/${step}/swag.safetensors`;
      using loaded = await SwagModel.load(path, model);
      assertEquals(loaded.nModels, i + 1);
      if (i < 2) continue;
      assertEquals(
        bitsOfState(await loaded.stateDict()),
        bitsOfState(await swag.stateDict()),
      );
    }
    swag.dispose();
    model.dispose();
  });
});

gpuTest("SwagUpdateCallback refuses what it cannot do", async () => {
  const { model, trainer } = tinyTrainer({ numTrainEpochs: 2 });
  const swag = SwagModel.fromBase(model, POSTERIOR);
  for (
    const [options, message] of [
      [{ collectSteps: 0 }, "collectSteps 0: it must be a whole number"],
      [{ skipFirst: -1 }, "skipFirst -1: it must be a whole number"],
      [{ start: NaN }, "start NaN: it must be a number of epochs"],
      [
        { gate: { evaluate: () => 0, tolerance: -1 } },
        "a tolerance of -1: it must be a finite number",
      ],
    ] as const
  ) {
    assertThrows(
      () => new SwagUpdateCallback(swag, options),
      RangeError,
      `Cannot collect weights with ${message}`,
    );
  }
  assertThrows(
    () => new SwagUpdateCallback(swag, { collect_steps: 2 } as object),
    TypeError,
    'did you mean "collectSteps"?',
  );
  assertThrows(
    () =>
      new SwagUpdateCallback(swag, { collectSteps: 2, collectAtTroughs: true }),
    TypeError,
    "Cannot collect weights with collectSteps and collectAtTroughs",
  );
  const late = new SwagUpdateCallback(swag, { start: 2 });
  trainer.addCallback(late);
  await assertRejects(
    () => trainer.train(),
    RangeError,
    "Cannot collect weights with start 2: the run ends with epoch 2",
  );
  const tensors = { names: [], info: () => ({ shape: [] }), tensor: () => {} };
  for (const values of [undefined, 3, { shapes: {} }]) {
    await assertRejects(
      () => late.loadStateDict({ values, tensors: tensors as never }),
      TypeError,
      "Cannot load the state of SwagUpdateCallback: it holds no posterior",
    );
  }
  // The posterior names what is missing.
  const { values } = await late.stateDict();
  await assertRejects(
    () => late.loadStateDict({ values, tensors: tensors as never }),
    TypeError,
    '"first.weight" is not random in the state',
  );
  swag.dispose();
  model.dispose();
});
