// Copyright 2026 the swagpu authors. MIT license.

import {
  assertEquals,
  assertExists,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { readAll } from "../../../engine/mod.ts";
import {
  GradualUnfreezingCallback,
  type TrainerCallback,
  type TrainRunOptions,
} from "../../../nn/mod.ts";
import { gpuTest } from "../../_check.ts";
import { inFolder } from "../../_folder.ts";
import { tinyTrainer } from "./_tiny.ts";

const STAGES = [["last"], ["norm"], ["first"]];

/** Runs of three epochs of four steps, and what was trained in each. */
async function run(
  folder: string | undefined,
  options: TrainRunOptions & {
    capture?: boolean;
    epochsPerStage?: number;
    cutAt?: number;
  } = {},
) {
  const { capture = true, epochsPerStage = 1, cutAt, ...runOptions } = options;
  const trained: string[] = [];
  const follow: TrainerCallback = {
    name: "Follow",
    onStepEnd({ model, state, control }) {
      if (state.globalStep === cutAt) control.shouldEpochStop = true;
      const parts = ["first", "norm", "last"].filter((part) =>
        model.namedParameters().get(`${part}.weight`)?.requiresGrad
      );
      trained.push(parts.join(" "));
    },
  };
  const { model, trainer } = tinyTrainer(
    {
      outputDir: folder,
      numTrainEpochs: 3,
      perDeviceTrainBatchSize: 3,
      saveStrategy: folder === undefined ? "no" : "steps",
      saveSteps: 2,
      learningRate: 0.05,
      capture,
    },
    {
      callbacks: [
        new GradualUnfreezingCallback(STAGES, { epochsPerStage }),
        follow,
      ],
    },
  );
  const { weight, bias } = model.first;
  assertExists(bias);
  bias.requiresGrad = false; // It was frozen before, and stays so.
  const before = await readAll([weight, bias]);
  await trainer.train(runOptions);
  const after = await readAll(model.parameters());
  assertEquals(await bias.data(), before[1]);
  model.dispose();
  return { trained, after, before };
}

gpuTest(
  "GradualUnfreezingCallback trains a part more in each epoch",
  async () => {
    await inFolder(async (folder) => {
      const captured = await run(folder);
      const parts = ["last", "norm last", "first norm last"];
      assertEquals(captured.trained, parts.flatMap((x) => [x, x, x, x]));
      const eager = await run(undefined, { capture: false });
      assertEquals(eager.after, captured.after);
      // Within an epoch and at the end of one.
      for (const step of [8, 6]) {
        const resumeFromCheckpoint = `${folder}/checkpoint-${step}`;
        const resumed = await run(folder, { resumeFromCheckpoint });
        assertEquals(resumed.trained, captured.trained.slice(step));
        assertEquals(resumed.after, captured.after);
      }
    });
  },
);

gpuTest("an epoch that a callback has cut counts as one", async () => {
  const { trained } = await run(undefined, { cutAt: 2 });
  assertEquals(trained.slice(0, 4), ["last", "last", "norm last", "norm last"]);
});

gpuTest("a stage lasts epochsPerStage epochs", async () => {
  await inFolder(async (folder) => {
    const { trained, after, before } = await run(folder, { epochsPerStage: 2 });
    assertEquals([trained[7], trained[8]], ["last", "norm last"]);
    assertEquals(after[0], before[0]);
  });
});

gpuTest(
  "GradualUnfreezingCallback refuses stages that do not fit",
  async () => {
    const make = (
      ...args: ConstructorParameters<typeof GradualUnfreezingCallback>
    ) => new GradualUnfreezingCallback(...args);
    assertThrows(() => make([]), RangeError, "there must be a stage");
    assertThrows(
      () => make([["last"], []]),
      RangeError,
      "each must name something",
    );
    assertThrows(
      () => make(STAGES, { epochsPerStage: 0.5 }),
      RangeError,
      "Cannot unfreeze every 0.5 epochs: it must be a whole number of at least 1",
    );
    const begin = async (stages: string[][]) => {
      const callbacks = [make(stages)];
      const { model, trainer } = tinyTrainer({ maxSteps: 1 }, { callbacks });
      try {
        await trainer.train();
      } finally {
        model.dispose();
      }
    };
    await assertRejects(
      () => begin([["head"]]),
      RangeError,
      'Cannot unfreeze "head": no parameter has that prefix',
    );
    await assertRejects(
      () => begin([["first"], ["first.weight"]]),
      RangeError,
      "Cannot unfreeze first.weight at two epochs: stages 0 and 1 both name it",
    );
  },
);
