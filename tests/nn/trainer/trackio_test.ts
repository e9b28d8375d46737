// Copyright 2026 the swagpu authors. MIT license.

// What lies in Trackio's inbox. The format is that of trackio/fragments.py.

import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";
import {
  TrackioCallback,
  type TrackioOptions,
  type TrainerEvent,
  type TrainingArguments,
} from "../../../nn/mod.ts";
import { gpuTest } from "../../_check.ts";
import { inFolder, names } from "../../_folder.ts";
import { tinyRows, tinyTrainer } from "./_tiny.ts";

type FragmentRecord = Record<string, unknown> & {
  metrics: Record<string, unknown>;
  config: Record<string, unknown> | null;
};

/** Takes the records of an inbox, as Trackio does: all files, then none. */
function take(inbox: string): FragmentRecord[] {
  const records: FragmentRecord[] = [];
  for (const writer of names(inbox)) {
    assertMatch(writer, /^[0-9a-f]{16}$/);
    for (const [i, file] of names(`${inbox}/${writer}`).entries()) {
      assertEquals(file, `${String(i).padStart(8, "0")}.jsonl`);
      const text = Deno.readTextFileSync(`${inbox}/${writer}/${file}`);
      assert(text.endsWith("\n"));
      for (const line of text.trimEnd().split("\n")) {
        records.push(JSON.parse(line));
      }
    }
  }
  return records;
}

/** Trains a tiny model, perhaps until a cut. */
async function run(
  args: TrainingArguments,
  options: TrackioOptions,
  { cut, resume = false }: { cut?: number; resume?: boolean } = {},
): Promise<void> {
  const stop = {
    onStepEnd({ state, control }: TrainerEvent) {
      if (state.globalStep === cut) control.shouldTrainingStop = true;
    },
  };
  const { model, trainer } = tinyTrainer({
    ...{ perDeviceTrainBatchSize: 4, maxSteps: 6, loggingSteps: 2 },
    ...args,
  }, {
    evalDataset: tinyRows(5, 2),
    callbacks: [new TrackioCallback(options), stop],
  });
  try {
    await trainer.train({ resumeFromCheckpoint: resume });
  } finally {
    model.dispose();
  }
}

gpuTest("TrackioCallback writes what Trackio's inbox takes", async () => {
  await inFolder(async (inbox) => {
    await run({ evalStrategy: "steps", evalSteps: 3, learningRate: 0.125 }, {
      ...{ inbox, project: "tests", name: "tiny", group: "all" },
      config: { rows: 11 },
    });
    const records = take(inbox);
    assertEquals(records.map(({ step }) => step), [2, 3, 4, 6, 6]);
    const [first] = records;
    assertEquals(Object.keys(first ?? {}), [
      ...["v", "kind", "project", "run", "run_id", "metrics", "step"],
      ...["timestamp", "config", "log_id"],
    ]);
    const ids = new Set(records.map(({ log_id }) => log_id));
    assertEquals(ids.size, 5);
    for (const [i, record] of records.entries()) {
      const { v, kind, project, run: name, run_id, timestamp, config } = record;
      assertEquals([v, kind, project, name], [1, "metric", "tests", "tiny"]);
      assertEquals(run_id, first?.["run_id"]);
      assertMatch(run_id as string, /^[0-9a-f]{32}$/);
      assertMatch(timestamp as string, /^\d{4}-\d\d-\d\dT[\d:.]+\+00:00$/);
      assertEquals(config !== null, i === 0);
    }
    const { config } = first ?? {};
    assertEquals(
      [config?.["rows"], config?.["learningRate"], config?.["_Group"]],
      [11, 0.125, "all"],
    );
    assertEquals(config?.["_Username"], null);
    assertEquals(Object.keys(first?.metrics ?? {}), [
      ...["train/loss", "train/grad_norm", "train/learning_rate"],
      "train/epoch",
    ]);
    assertEquals(Object.keys(records[1]?.metrics ?? {}), [
      ...["eval/loss", "eval/runtime", "eval/samples_per_second"],
      ...["eval/steps_per_second", "train/epoch"],
    ]);
  });
});

gpuTest("a run that resumes is one run in Trackio", async () => {
  await inFolder(async (root) => {
    const inbox = `${root}/inbox`;
    const args = { outputDir: `${root}/a run/`, saveSteps: 3 };
    // The entry of step 4 is logged, but no checkpoint has it.
    await run(args, { inbox }, { cut: 5 });
    const before = take(inbox);
    assertEquals(before.map(({ step }) => step), [2, 4]);
    await Deno.remove(inbox, { recursive: true });
    await run(args, { inbox }, { resume: true });
    const after = take(inbox);
    assertEquals(after.map(({ step }) => step), [4, 6]);
    const idOf = ({ run: name, run_id, log_id, metrics }: FragmentRecord) => [
      ...[name, run_id, log_id],
      metrics["train/loss"],
    ];
    // Trackio ignores a second record with the same id.
    assertEquals(after.slice(0, 1).map(idOf), before.slice(1).map(idOf));
    assertEquals(after[0]?.["run"], "a run");
    assertEquals(after[0]?.config, null);
    await Deno.remove(inbox, { recursive: true });
    await run({ ...args, overwriteOutputDir: true }, { inbox });
    const [other] = take(inbox);
    assertNotEquals(other?.["run_id"], after[0]?.["run_id"]);
    assertNotEquals(other?.config, null);
  });
});

gpuTest("evaluations outside of a run, and numbers that are none", async () => {
  await inFolder(async (inbox) => {
    const { model, trainer } = tinyTrainer({}, {
      evalDataset: tinyRows(3),
      computeMetrics: () => ({ gain: NaN, best: Infinity, worst: -Infinity }),
      callbacks: [new TrackioCallback({ inbox })],
    });
    await trainer.evaluate();
    await trainer.evaluate(tinyRows(2), { metricKeyPrefix: "test" });
    model.dispose();
    const [first, second] = take(inbox);
    assertEquals([first?.["project"], first?.["step"]], ["swagpu", 0]);
    assertMatch(first?.["run"] as string, /^run-[0-9a-f]{8}$/);
    const { metrics = {} } = first ?? {};
    assertEquals(
      ["gain", "best", "worst"].map((name) => metrics[`eval/${name}`]),
      ["NaN", "Infinity", "-Infinity"],
    );
    assertEquals(second?.metrics["test/gain"], "NaN");
    assertNotEquals(first?.["log_id"], second?.["log_id"]);
  });
});

gpuTest("the inbox is where Trackio looks for it", async () => {
  const variables = ["TRACKIO_DIR", "HF_HOME", "XDG_CACHE_HOME"] as const;
  const before = variables.map((name) => Deno.env.get(name));
  try {
    await inFolder(async (root) => {
      for (
        const [i, inbox] of [
          `${root}/0/inbox`,
          `${root}/1/trackio/inbox`,
          `${root}/2/huggingface/trackio/inbox`,
        ].entries()
      ) {
        for (const [j, name] of variables.entries()) {
          if (j < i) Deno.env.delete(name);
          else Deno.env.set(name, `${root}/${j}`);
        }
        await run({ maxSteps: 2 }, {});
        assertEquals(take(inbox).length, 1);
      }
    });
  } finally {
    for (const [i, name] of variables.entries()) {
      const value = before[i];
      if (value === undefined) Deno.env.delete(name);
      else Deno.env.set(name, value);
    }
  }
});

gpuTest("TrackioCallback refuses what Trackio would not take", async () => {
  for (
    const [options, message] of [
      [{ run: "x" }, 'Cannot log to Trackio with option "run"'],
      [{ project: "" }, "with an empty project"],
      [{ name: "" }, "with an empty name"],
      [{ config: { _Group: 1 } }, "the setting _Group to Trackio: names"],
      [{ config: { f: () => 1 } }, "the setting f to Trackio: it is nothing"],
      [{ config: { big: 1n } }, "the setting big to Trackio: it is nothing"],
    ] as const
  ) {
    assertThrows(
      () => new TrackioCallback(options as TrackioOptions),
      TypeError,
      message,
    );
  }
  assertThrows(
    () =>
      new TrackioCallback().loadStateDict({ values: 3, tensors: undefined }),
    TypeError,
    "Cannot load the state of TrackioCallback",
  );
  await inFolder(async (root) => {
    await Deno.writeTextFile(`${root}/file`, "");
    await assertRejects(
      () => run({}, { inbox: `${root}/file` }),
      Error,
      `Cannot write to ${root}/file`,
    );
  });
});
