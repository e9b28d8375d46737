// Copyright 2026 the swagpu authors. MIT license.

// Every training argument: its default, its range, and that it is obeyed.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertNotEquals,
  assertThrows,
} from "@std/assert";
import { currentDevice, readAll } from "../../../engine/mod.ts";
import {
  AdamW,
  cosineRestartsSchedule,
  cosineSchedule,
  cyclicSchedule,
  inverseSqrtSchedule,
  IVON,
  type IVONSettings,
  linearSchedule,
  MADGRAD,
  type MADGRADSettings,
  MirrorMADGRAD,
  type OptimArgs,
  type Optimizer,
  polynomialSchedule,
  type Schedule,
  SGD,
  type SGDSettings,
  Trainer,
  type TrainerEvent,
  type TrainingArguments,
} from "../../../nn/mod.ts";
import {
  ARGUMENT_NAMES,
  completeArguments,
} from "../../../nn/trainer/argument_rules.ts";
import { defaultDataCollator } from "../../../nn/trainer/default_collator.ts";
import { gpuTest } from "../../_check.ts";
import { inFolder, names } from "../../_folder.ts";
import { Tiny, tinyRows, tinyTrainer } from "./_tiny.ts";

Deno.test("the defaults are Hugging Face's", () => {
  // From transformers' TrainingArguments, with its names in camelCase.
  const expected = {
    evalStrategy: "no",
    evalSteps: 500,
    evalDelay: 0,
    evalOnStart: false,
    perDeviceTrainBatchSize: 8,
    perDeviceEvalBatchSize: 8,
    gradientAccumulationSteps: 1,
    averageTokensAcrossBatches: false,
    gradientCheckpointing: false,
    learningRate: 5e-5,
    weightDecay: 0,
    adamBeta1: 0.9,
    adamBeta2: 0.999,
    adamEpsilon: 1e-8,
    maxGradNorm: 1,
    numTrainEpochs: 3,
    maxSteps: -1,
    lrSchedulerType: "linear",
    lrSchedulerKwargs: {},
    warmupRatio: 0,
    warmupSteps: 0,
    optim: "adamw_torch",
    optimArgs: {},
    loggingStrategy: "steps",
    loggingSteps: 500,
    loggingFirstStep: false,
    saveStrategy: "steps",
    saveSteps: 500,
    saveTotalLimit: undefined,
    saveOnlyModel: false,
    seed: 42,
    dataSeed: 42,
    dataloaderDropLast: false,
    groupByLength: false,
    lengthColumnName: "length",
    labelNames: undefined,
    labelSmoothingFactor: 0,
    loadBestModelAtEnd: false,
    metricForBestModel: undefined,
    greaterIsBetter: undefined,
  };
  const all = completeArguments({ outputDir: "out" });
  for (const [name, value] of Object.entries(expected)) {
    assertEquals(all[name as keyof typeof all], value, name);
  }
  assertEquals(completeArguments({}).saveStrategy, "no"); // Nowhere to save.
  const { evalSteps, dataSeed } = completeArguments({
    loggingSteps: 7,
    seed: 1,
  });
  assertEquals([evalSteps, dataSeed], [7, 1]);
  const best: [TrainingArguments, unknown][] = [
    [{ metricForBestModel: "eval_loss" }, ["eval_loss", false]],
    [{ metricForBestModel: "f1" }, ["f1", true]],
    [{ metricForBestModel: "f1", greaterIsBetter: false }, ["f1", false]],
    [
      {
        loadBestModelAtEnd: true,
        saveStrategy: "epoch",
        evalStrategy: "epoch",
      },
      ["loss", false],
    ],
    [
      { lrSchedulerType: "reduce_lr_on_plateau", evalStrategy: "epoch" },
      ["loss", false],
    ],
  ];
  for (const [args, expected] of best) {
    const all = completeArguments({ outputDir: "out", ...args });
    assertEquals([all.metricForBestModel, all.greaterIsBetter], expected);
  }
});

Deno.test("arguments of the wrong kind or range are refused", () => {
  const out = { outputDir: "out" };
  const best = {
    ...out,
    loadBestModelAtEnd: true,
    evalStrategy: "steps",
    saveStrategy: "steps",
  } as const;
  const plateau = { lrSchedulerType: "reduce_lr_on_plateau" } as const;
  const cases: [
    TrainingArguments,
    typeof TypeError | typeof RangeError,
    string,
  ][] = [
    [{ learning_rate: 1 } as never, TypeError, 'did you mean "learningRate"?'],
    [
      { seed: "1" } as never,
      TypeError,
      "seed 1: it must be of the type number",
    ],
    [
      { gradientCheckpointing: 1 } as never,
      TypeError,
      "gradientCheckpointing 1: it must be of the type boolean",
    ],
    [{ learningRate: -1 }, RangeError, "learningRate -1: it must be a finite"],
    [
      { lrSchedulerType: "cyclic" },
      RangeError,
      'lrSchedulerType "cyclic" and no cycleSteps: say in lrSchedulerKwargs',
    ],
    [{ learningRate: NaN }, RangeError, "learningRate NaN"],
    [
      { perDeviceTrainBatchSize: 0 },
      RangeError,
      "a whole number of at least 1",
    ],
    [{ gradientAccumulationSteps: 1.5 }, RangeError, "a whole number"],
    [{ numTrainEpochs: 0 }, RangeError, "a number above 0"],
    [{ maxSteps: 0 }, RangeError, "at least 1, or -1 for none"],
    [{ loggingSteps: 1.5 }, RangeError, "or a share of the steps"],
    [{ adamBeta1: 1 }, RangeError, "in [0, 1)"],
    [{ warmupRatio: 1.1 }, RangeError, "in [0, 1]"],
    [{ seed: 2 ** 32 }, RangeError, "a whole number between 0 and"],
    [{ labelNames: [] }, RangeError, "a list of names"],
    [{ outputDir: "" }, RangeError, "a text that is not empty"],
    [
      { optim: "lion" } as never,
      RangeError,
      'one of "adamw_torch", "adamw_hf", "bert_adam", "sgd", "madgrad", ' +
      '"mirror_madgrad", "ivon"',
    ],
    [
      { optim: "sgd", optimArgs: { mommentum: 0.9 } } as never,
      TypeError,
      'did you mean "momentum"?',
    ],
    [
      { optimArgs: { momentum: 0.9 } },
      RangeError,
      'Cannot train with optim "adamw_torch" and optimArgs.momentum: its ' +
      "optimArgs are correctBias",
    ],
    [
      { optim: "ivon" },
      RangeError,
      'Cannot train with optim "ivon" without optimArgs.ess: it must be the ' +
      "number of training examples",
    ],
    [
      { optim: "bert_adam", optimArgs: { correctBias: true } },
      RangeError,
      'optim "bert_adam" and optimArgs.correctBias: it takes no optimArgs',
    ],
    [
      { optim: "sgd", optimArgs: { momentum: 1 } },
      RangeError,
      "Cannot train with optimArgs.momentum 1: it must be in [0, 1)",
    ],
    [
      { optim: "sgd", optimArgs: { momentum: "0.9" } } as never,
      TypeError,
      "optimArgs.momentum 0.9: it must be of the type number",
    ],
    [
      { optim: "sgd", optimArgs: { dampening: Infinity } },
      RangeError,
      "optimArgs.dampening Infinity: it must be a finite number",
    ],
    [
      { optim: "sgd", optimArgs: { nesterov: true } },
      RangeError,
      "Cannot train with optimArgs.nesterov, momentum 0 and dampening 0: it " +
      "needs momentum and no dampening",
    ],
    [
      { optimArgs: "momentum=0.9" } as never,
      TypeError,
      "optimArgs momentum=0.9: it must be of the type object",
    ],
    [{ evalStrategy: "best" } as never, RangeError, '"no", "steps", "epoch"'],
    [{ saveStrategy: "epoch" }, RangeError, "and no outputDir"],
    [{ ...out, saveStrategy: "best" }, RangeError, "and no metricForBestModel"],
    [
      { ...out, saveStrategy: "best", metricForBestModel: "f1" },
      RangeError,
      'saveStrategy "best" and evalStrategy "no"',
    ],
    [
      { ...best, evalStrategy: "no" },
      RangeError,
      "the two strategies must agree",
    ],
    [{ ...best, saveStrategy: "epoch" }, RangeError, "must agree"],
    [{ ...best, evalSteps: 200 }, RangeError, "saveSteps must be a multiple"],
    [{ ...best, evalSteps: 0.1 }, RangeError, "saveSteps must be a multiple"],
    [
      { ...best, evalSteps: 0.2, saveSteps: 0.3 },
      RangeError,
      "saveSteps must be a multiple",
    ],
    [
      { lrSchedulerType: "constant", warmupSteps: 3 },
      RangeError,
      'use "constant_with_warmup"',
    ],
    [
      { ...plateau, warmupSteps: 3, evalStrategy: "epoch" },
      RangeError,
      "leave the warmup out",
    ],
    [plateau, RangeError, "evaluations tell when to lower the rate"],
    [
      { lrSchedulerKwargs: { power: 2 } },
      TypeError,
      'Cannot schedule "linear" with option "power"',
    ],
  ];
  for (const [args, kind, message] of cases) {
    assertThrows(() => completeArguments(args), kind, message);
  }
  completeArguments({ ...best, evalSteps: 0.1, saveSteps: 0.3 });
  completeArguments({ ...best, evalSteps: 250 });
});

/** What happens during a run. */
async function observe(args: TrainingArguments) {
  const sizes: number[] = [];
  const order: number[] = [];
  const rates: number[] = [];
  const evaluated: number[] = [];
  let settings: object[] = [];
  let kind: Optimizer | undefined;
  let runs = 0;
  const rows = tinyRows(11).map((row, i) => ({
    ...row,
    length: i,
    size: 11 - i,
  }));
  const { model, trainer } = tinyTrainer(
    { perDeviceTrainBatchSize: 4, learningRate: 0.1, ...args },
    {
      trainDataset: rows,
      evalDataset: tinyRows(5, 2),
      dataCollator(batch) {
        if (model.training) {
          sizes.push(batch.length);
          order.push(...batch.map(({ length = -1 }) => length));
        }
        return defaultDataCollator(batch.map(({ x, label }) => ({ x, label })));
      },
      computeLoss(inputs, model) {
        runs++;
        return model.forward(inputs as never);
      },
      callbacks: [{
        onTrainBegin({ optimizer }: TrainerEvent) {
          kind = optimizer;
          settings = optimizer?.groups.map((group) => ({
            ...group,
            parameters: group.parameters.length,
          })) ?? [];
        },
        onStepBegin({ optimizer }: TrainerEvent) {
          rates.push(optimizer?.learningRate ?? NaN);
        },
        onEvaluate({ state }: TrainerEvent) {
          evaluated.push(state.globalStep);
        },
      }],
    },
  );
  const before = await readAll(model.parameters());
  await trainer.train();
  const weights = await readAll(model.parameters());
  model.dispose();
  const { state } = trainer;
  const logged = state.logHistory.filter((entry) => "loss" in entry);
  const change = Math.hypot(
    ...weights.flatMap((w, i) =>
      [...w].map((x, k) => x - (before[i]?.[k] ?? 0))
    ),
  );
  return {
    ...{
      sizes,
      order,
      rates,
      evaluated,
      settings,
      kind,
      runs,
      weights,
      change,
    },
    ...{ state, logged: logged.map(({ step }) => step) },
  };
}

/** Trains in a folder, and gives the names in it. */
async function saved(args: TrainingArguments): Promise<string[]> {
  return await inFolder(async (outputDir) => {
    await observe({ outputDir, ...args });
    return names(outputDir).filter((name) => name.startsWith("checkpoint"));
  });
}

/** The factors of a schedule at steps 0 to 8, of a run of 9 steps. */
function factors(schedule: Schedule): number[] {
  return Array.from({ length: 9 }, (_, step) => 0.1 * schedule(step));
}

function assertRates(actual: number[], schedule: Schedule) {
  assertEquals(actual.length, 9);
  factors(schedule).forEach((rate, i) =>
    assertAlmostEquals(actual[i] ?? NaN, rate, 1e-12)
  );
}

const evaluating = { evalStrategy: "steps", evalSteps: 2 } as const;

/** A test of each argument; 11 rows in batches of 4 make 3 steps an epoch. */
const OBEYED: Record<keyof TrainingArguments, () => Promise<void>> = {
  async outputDir() {
    await inFolder(async (root) => {
      await observe({ outputDir: `${root}/out` });
      assertEquals(names(`${root}/out`), [
        "checkpoint-9",
        "log.jsonl",
        "trainer_state.json",
      ]);
    });
  },
  async overwriteOutputDir() {
    await inFolder(async (outputDir) => {
      await observe({ outputDir, maxSteps: 2 });
      await observe({ outputDir, maxSteps: 1, overwriteOutputDir: true });
      assertEquals(names(outputDir)[0], "checkpoint-1");
    });
  },
  async logDir() {
    await inFolder(async (logDir) => {
      await observe({ logDir, loggingSteps: 3 });
      assertEquals(names(logDir), ["log.jsonl"]);
      const lines = (await Deno.readTextFile(`${logDir}/log.jsonl`)).trim();
      const steps = lines.split("\n").map((line) => JSON.parse(line).step);
      assertEquals(steps, [3, 6, 9, 9]);
    });
  },
  async evalStrategy() {
    assertEquals((await observe({})).evaluated, []);
    assertEquals((await observe({ evalStrategy: "epoch" })).evaluated, [
      3,
      6,
      9,
    ]);
    assertEquals((await observe(evaluating)).evaluated, [2, 4, 6, 8]);
  },
  async evalSteps() {
    const { evaluated } = await observe({ ...evaluating, evalSteps: 4 });
    assertEquals(evaluated, [4, 8]);
    const share = await observe({ ...evaluating, evalSteps: 0.5 });
    assertEquals(share.evaluated, [5]); // ⌈9 · 0.5⌉
  },
  async evalDelay() {
    const { evaluated } = await observe({ ...evaluating, evalDelay: 5 });
    assertEquals(evaluated, [6, 8]);
    const epochs = await observe({ evalStrategy: "epoch", evalDelay: 2 });
    assertEquals(epochs.evaluated, [6, 9]);
  },
  async evalOnStart() {
    assertEquals((await observe({ evalOnStart: true })).evaluated, [0]);
  },
  async perDeviceTrainBatchSize() {
    const { sizes } = await observe({
      perDeviceTrainBatchSize: 6,
      maxSteps: 2,
    });
    assertEquals(sizes, [6, 5]);
  },
  async perDeviceEvalBatchSize() {
    const { runs } = await observe({
      ...{ evalOnStart: true, perDeviceEvalBatchSize: 2, capture: false },
      maxSteps: 1,
    });
    assertEquals(runs, 3 + 1);
  },
  async averageTokensAcrossBatches() {
    // Batches of 4, 4 and 3 rows; more is in label_average_test.ts.
    const args = { gradientAccumulationSteps: 3 };
    const averaged = { ...args, averageTokensAcrossBatches: true };
    const { weights } = await observe(averaged);
    assertNotEquals(weights, (await observe(args)).weights);
  },
  async gradientAccumulationSteps() {
    const { state } = await observe({ gradientAccumulationSteps: 2 });
    assertEquals([state.globalStep, state.epoch], [6, 3]);
  },
  async evalAccumulationSteps() {
    const reads = async (evalAccumulationSteps: number) => {
      const { model, trainer } = tinyTrainer({
        evalAccumulationSteps,
        perDeviceEvalBatchSize: 1,
      });
      const { stream } = currentDevice();
      const before = stream.statistics().reads;
      await trainer.evaluate(tinyRows(6));
      model.dispose();
      return stream.statistics().reads - before;
    };
    assertEquals([await reads(6), await reads(2)], [1, 3]);
  },
  async learningRate() {
    const { rates } = await observe({ learningRate: 0.5 });
    assertEquals(rates[0], 0.5);
  },
  async weightDecay() {
    const { settings } = await observe({ weightDecay: 0.3 });
    // Two matrices decay; two biases and the norm's two vectors do not.
    const found = settings.map((group) => {
      const { parameters, weightDecay } = group as Record<string, number>;
      return [parameters, weightDecay];
    });
    assertEquals(found, [[2, 0.3], [4, 0]]);
  },
  async adamBeta1() {
    const { settings } = await observe({ adamBeta1: 0.7 });
    assertEquals((settings[1] as { betas: unknown }).betas, [0.7, 0.999]);
  },
  async adamBeta2() {
    const { settings } = await observe({ adamBeta2: 0.7 });
    assertEquals((settings[0] as { betas: unknown }).betas, [0.9, 0.7]);
  },
  async adamEpsilon() {
    const { settings } = await observe({ adamEpsilon: 0.5 });
    assertEquals((settings[0] as { eps: unknown }).eps, 0.5);
  },
  async maxGradNorm() {
    const one = { optim: "sgd", maxSteps: 1, learningRate: 1 } as const;
    const free = await observe({ ...one, maxGradNorm: 0 });
    assert(free.change > 0.2, `${free.change}`);
    const logging = await observe({
      ...one,
      maxGradNorm: 0.1,
      loggingSteps: 1,
    });
    // With a learning rate of 1 the free step is as long as the gradient.
    const [{ grad_norm: norm = NaN } = {}] = logging.state.logHistory;
    assertAlmostEquals(norm, free.change, 1e-5);
    const { change } = await observe({ ...one, maxGradNorm: 0.1 });
    assertAlmostEquals(change, 0.1, 1e-5);
  },
  async numTrainEpochs() {
    const { state, evaluated } = await observe({
      numTrainEpochs: 1.5,
      evalStrategy: "epoch",
    });
    assertEquals([state.globalStep, state.numTrainEpochs], [5, 2]);
    assertAlmostEquals(state.epoch, 1 + 2 / 3, 1e-12);
    assertEquals(evaluated, [3, 5]); // The end of the run ends its epoch.
  },
  async maxSteps() {
    const { state, sizes } = await observe({ maxSteps: 7 });
    assertEquals([state.globalStep, state.maxSteps], [7, 7]);
    assertEquals(sizes, [4, 4, 3, 4, 4, 3, 4]);
  },
  async lrSchedulerType() {
    const rates = async (
      lrSchedulerType: TrainingArguments["lrSchedulerType"],
    ) => (await observe({ lrSchedulerType })).rates;
    const totalSteps = 9;
    assertRates(await rates("linear"), linearSchedule({ totalSteps }));
    assertRates(await rates("cosine"), cosineSchedule({ totalSteps }));
    assertRates(
      await rates("cosine_with_restarts"),
      cosineRestartsSchedule({ totalSteps }),
    );
    assertRates(
      await rates("polynomial"),
      polynomialSchedule({ totalSteps, endFactor: 1e-6 }),
    );
    assertRates(await rates("inverse_sqrt"), inverseSqrtSchedule());
    assertRates(await rates("constant"), () => 1);
    assertRates(await rates("constant_with_warmup"), () => 1);
  },
  async lrSchedulerKwargs() {
    const totalSteps = 9;
    const cases: [TrainingArguments, Schedule][] = [
      [
        { lrSchedulerType: "cosine", lrSchedulerKwargs: { numCycles: 1 } },
        cosineSchedule({ totalSteps, cycles: 1 }),
      ],
      [
        {
          lrSchedulerType: "polynomial",
          lrSchedulerKwargs: { power: 2, lrEnd: 0.01 },
        },
        polynomialSchedule({ totalSteps, power: 2, endFactor: 0.1 }),
      ],
      [
        {
          lrSchedulerType: "inverse_sqrt",
          lrSchedulerKwargs: { timescale: 2 },
        },
        inverseSqrtSchedule({ timescale: 2 }),
      ],
      [
        {
          lrSchedulerType: "cyclic",
          lrSchedulerKwargs: { cycleSteps: 4, minLrRate: 0.2 },
        },
        cyclicSchedule({ cycleSteps: 4, endFactor: 0.2 }),
      ],
      [
        {
          lrSchedulerType: "cyclic",
          lrSchedulerKwargs: { cycleSteps: 3, annealStrategy: "linear" },
          warmupSteps: 2,
        },
        cyclicSchedule({
          ...{ cycleSteps: 3, warmupSteps: 2, annealStrategy: "linear" },
        }),
      ],
    ];
    for (const [args, schedule] of cases) {
      assertRates((await observe(args)).rates, schedule);
    }
  },
  async warmupRatio() {
    const { rates } = await observe({ warmupRatio: 0.3 }); // ⌈2.7⌉ steps
    assertRates(rates, linearSchedule({ totalSteps: 9, warmupSteps: 3 }));
  },
  async warmupSteps() {
    const { rates } = await observe({ warmupSteps: 2, warmupRatio: 0.9 });
    assertRates(rates, linearSchedule({ totalSteps: 9, warmupSteps: 2 }));
  },
  async optim() {
    const kinds = {
      ...{ adamw_torch: AdamW, adamw_hf: AdamW, bert_adam: AdamW, sgd: SGD },
      ...{ madgrad: MADGRAD, mirror_madgrad: MirrorMADGRAD, ivon: IVON },
    };
    const decays = { weightDecay: 0.25, learningRate: 0.5, maxSteps: 1 };
    const found: Record<string, Record<string, unknown>> = {};
    for (const [name, kind] of Object.entries(kinds)) {
      const optim = name as keyof typeof kinds;
      const optimArgs = optim === "ivon" ? { ess: 11 } : {};
      const { kind: made, settings } = await observe({
        ...{ ...decays, optim, optimArgs },
      });
      assertEquals(made?.constructor, kind, name);
      const groups = settings as Record<string, unknown>[];
      // Whatever the optimizer: two matrices decay, and nothing else.
      assertEquals(
        groups.map(({ parameters, weightDecay, learningRate }) => [
          ...[parameters, weightDecay, learningRate],
        ]),
        [[2, 0.25, 0.5], [4, 0, 0.5]],
        name,
      );
      found[name] = groups[0] ?? {};
    }
    const adam = (name: string) => {
      const { correctBias, variant, eps } = found[name] ?? {};
      return [correctBias, variant, eps];
    };
    assertEquals(adam("adamw_torch"), [true, "pytorch", 1e-8]);
    assertEquals(adam("adamw_hf"), [true, "transformers", 1e-8]);
    assertEquals(adam("bert_adam"), [false, "transformers", 1e-8]);
    assertEquals(found["sgd"]?.["momentum"], 0);
    assertEquals(
      [found["madgrad"]?.["eps"], found["mirror_madgrad"]?.["eps"]],
      [
        1e-6,
        0,
      ],
    );
  },
  async optimArgs() {
    const one = { maxSteps: 1, learningRate: 1e-3, maxGradNorm: 0 };
    const change = async (args: TrainingArguments) =>
      (await observe({ ...one, ...args })).change;
    // The first step without correction of the bias: (1 - 0.9) / √(1 - 0.999).
    const debiased = await change({ optim: "adamw_hf" });
    const optimArgs = { correctBias: false };
    for (
      const args of [
        { optim: "bert_adam" },
        { optim: "adamw_hf", optimArgs },
        { optim: "adamw_torch", optimArgs },
      ] as const
    ) {
      assertAlmostEquals(await change(args) / debiased, 3.1623, 1e-3);
    }
    // Two steps on the same batch, whose gradient a small rate leaves as it is: the
    // second is 1 + μ times the first, and with Nesterov's momentum more.
    const steps = async (optimArgs: OptimArgs) => {
      const { change } = await observe({
        ...{ optim: "sgd", optimArgs, learningRate: 1e-4, maxGradNorm: 0 },
        ...{ maxSteps: 2, lrSchedulerType: "constant", capture: false },
        perDeviceTrainBatchSize: 11,
        seed: 3,
      });
      return change;
    };
    const plain = await steps({});
    // Dropout differs between the steps, so that gradients do a little.
    assertAlmostEquals(await steps({ momentum: 0.5 }) / plain, 1.25, 0.08);
    const others = { momentum: 0.5, dampening: 0.5 };
    assertAlmostEquals(await steps(others) / plain, 1, 0.08);
    const { settings } = await observe({
      ...{ ...one, optim: "mirror_madgrad" },
      optimArgs: { momentum: 0.3, eps: 0.01, decoupleDecay: true },
    });
    const { momentum, eps, decoupleDecay } = settings[0] as MADGRADSettings;
    assertEquals([momentum, eps, decoupleDecay], [0.3, 0.01, true]);
    const ivon = await observe({
      ...{ ...one, optim: "ivon" },
      optimArgs: {
        ...{ ess: 11, hessInit: 0.5, hessApprox: "gradsq", beta1: 0.8 },
        ...{ beta2: 0.99, mcSamples: 2, clipRadius: 0.1 },
        ...{ debias: false, rescaleLr: false },
      },
    });
    const { parameters: _, ...own } = ivon.settings[0] as IVONSettings & {
      parameters: number;
    };
    assertEquals(own, {
      ...{ learningRate: 1e-3, ess: 11, hessInit: 0.5, hessApprox: "gradsq" },
      ...{ beta1: 0.8, beta2: 0.99, weightDecay: 0, clipRadius: 0.1 },
      ...{ debias: false, rescaleLr: false },
    });
    const nesterov = { momentum: 0.9, nesterov: true };
    const sgd = await observe({ ...one, optim: "sgd", optimArgs: nesterov });
    assertEquals((sgd.settings[1] as SGDSettings).nesterov, true);
  },
  async loggingStrategy() {
    const { logged } = await observe({ loggingStrategy: "epoch" });
    assertEquals(logged, [3, 6, 9]);
    const none = await observe({ loggingStrategy: "no", loggingSteps: 1 });
    assertEquals(none.logged, []);
  },
  async loggingSteps() {
    assertEquals((await observe({ loggingSteps: 4 })).logged, [4, 8]);
    assertEquals((await observe({ loggingSteps: 0.3 })).logged, [3, 6, 9]);
  },
  async loggingFirstStep() {
    const { logged } = await observe({
      loggingSteps: 4,
      loggingFirstStep: true,
    });
    assertEquals(logged, [1, 4, 8]);
  },
  async saveStrategy() {
    assertEquals(await saved({ saveStrategy: "no" }), []);
    assertEquals(await saved({ saveStrategy: "epoch" }), [
      "checkpoint-3",
      "checkpoint-6",
      "checkpoint-9",
    ]);
  },
  async saveSteps() {
    const expected = ["checkpoint-4", "checkpoint-8", "checkpoint-9"];
    assertEquals(await saved({ saveSteps: 4 }), expected);
    assertEquals(await saved({ saveSteps: 0.4 }), expected);
  },
  async saveTotalLimit() {
    assertEquals(await saved({ saveSteps: 4, saveTotalLimit: 2 }), [
      "checkpoint-8",
      "checkpoint-9",
    ]);
  },
  async saveOnlyModel() {
    await inFolder(async (outputDir) => {
      await observe({ outputDir, maxSteps: 1, saveOnlyModel: true });
      assertEquals(names(`${outputDir}/checkpoint-1`), [
        "model.safetensors",
        "trainer_state.json",
      ]);
    });
  },
  async seed() {
    const fixed = { dataSeed: 1 };
    const first = await observe({ ...fixed, seed: 1 });
    const again = await observe({ ...fixed, seed: 1 });
    const other = await observe({ ...fixed, seed: 2 });
    assertEquals(again.weights, first.weights);
    assertEquals(other.order, first.order);
    assertNotEquals(other.weights, first.weights); // Dropout differs.
  },
  async dataSeed() {
    const first = await observe({ dataSeed: 1 });
    const other = await observe({ dataSeed: 2 });
    assertNotEquals(other.order, first.order);
    assertEquals(
      first.order.slice(0, 11).toSorted((a, b) => a - b),
      Array.from({ length: 11 }, (_, i) => i),
    );
  },
  async dataloaderDropLast() {
    const { sizes } = await observe({ dataloaderDropLast: true });
    assertEquals(sizes, [4, 4, 4, 4, 4, 4]);
  },
  async groupByLength() {
    const { order } = await observe({ groupByLength: true, maxSteps: 3 });
    const batches = [order.slice(0, 4), order.slice(4, 8), order.slice(8)];
    assertEquals(
      batches.map((batch) => batch.toString()).sort(),
      ["0,1,2,3", "4,5,6,7", "8,9,10"],
    );
  },
  async lengthColumnName() {
    const { order } = await observe({
      groupByLength: true,
      lengthColumnName: "size",
      maxSteps: 3,
    });
    assertEquals(order.slice(8), [2, 1, 0]); // The longest are last.
  },
  async labelNames() {
    const { model, trainer } = tinyTrainer({ labelNames: ["x"] });
    const { labels, metrics } = await trainer.predict(tinyRows(4));
    assertEquals(labels.shape, [4, 3]);
    assert("test_loss" in metrics);
    model.dispose();
  },
  async labelSmoothingFactor() {
    const loss = async (labelSmoothingFactor: number) => {
      const { model, trainer } = tinyTrainer({ labelSmoothingFactor });
      const rows = tinyRows(5);
      const { predictions, metrics } = await trainer.predict(rows);
      model.dispose();
      // LabelSmoother of transformers: (1 - ε) nll + ε · mean over classes.
      const expected = rows.map(({ label }, i) => {
        const [a = 0, b = 0] = predictions.data.subarray(2 * i, 2 * i + 2);
        const total = Math.log(Math.exp(a) + Math.exp(b));
        const nll = total - (label ? b : a);
        const mean = total - (a + b) / 2;
        return (1 - labelSmoothingFactor) * nll + labelSmoothingFactor * mean;
      });
      const sum = expected.reduce((sum, x) => sum + x);
      assertAlmostEquals(metrics["test_loss"] ?? NaN, sum / 5, 1e-5);
      return metrics["test_loss"];
    };
    assertNotEquals(await loss(0.4), await loss(0));
  },
  async loadBestModelAtEnd() {
    await inFolder(async (outputDir) => {
      const args: TrainingArguments = {
        ...{
          outputDir,
          loadBestModelAtEnd: true,
          metricForBestModel: "runtime",
        },
        ...{ evalStrategy: "epoch", saveStrategy: "epoch", saveTotalLimit: 1 },
      };
      const { state, weights } = await observe(args);
      const [only] = names(outputDir);
      assertEquals(`${outputDir}/${only}`, state.bestModelCheckpoint);
      const model = new Tiny();
      const { openSafetensors } = await import("../../../nn/mod.ts");
      using file = await openSafetensors(
        `${outputDir}/${only}/model.safetensors`,
      );
      await model.loadStateDict(file);
      assertEquals(await readAll(model.parameters()), weights);
      model.dispose();
    });
  },
  async metricForBestModel() {
    const { state } = await observe({
      ...evaluating,
      metricForBestModel: "loss",
    });
    const losses = state.logHistory.flatMap((entry) =>
      entry["eval_loss"] ?? []
    );
    assertEquals(losses.length, 4);
    assertEquals(state.bestMetric, Math.min(...losses));
  },
  async gradientCheckpointing() {
    // tests/sweeps/gradient_checkpointing_test.ts trains models that have it.
    const args = { gradientCheckpointing: true, maxSteps: 1 };
    assertThrows(
      () => new Trainer({ model: new Tiny(), args }),
      TypeError,
      "Tiny has no method gradientCheckpointingEnable()",
    );
    let calls = 0;
    class Checkpointable extends Tiny {
      gradientCheckpointingEnable(): void {
        calls++;
      }
    }
    const model = new Checkpointable();
    const trainer = new Trainer({ model, args, trainDataset: tinyRows(4) });
    assertEquals(calls, 0);
    await trainer.train();
    assertEquals(calls, 1);
    model.dispose();
  },
  async greaterIsBetter() {
    const { state } = await observe({
      ...evaluating,
      ...{ metricForBestModel: "eval_loss", greaterIsBetter: true },
    });
    const losses = state.logHistory.flatMap((entry) =>
      entry["eval_loss"] ?? []
    );
    assertEquals(state.bestMetric, Math.max(...losses));
  },
  async capture() {
    const eager = await observe({ capture: false });
    const captured = await observe({});
    assertEquals(eager.runs, 9);
    assert(captured.runs < 9, `${captured.runs}`);
    assertEquals(captured.weights, eager.weights);
  },
};

Deno.test("there is a test of every argument", () => {
  assertEquals(Object.keys(OBEYED).sort(), [...ARGUMENT_NAMES].sort());
});

for (const [name, check] of Object.entries(OBEYED)) {
  gpuTest(`${name} is obeyed`, check);
}
