// Copyright 2026 the swagpu authors. MIT license.

// Particles on Slurm and with GNU parallel, as examples/cluster runs them, while
// particles are killed at random: the run ends with the bits of one that was left
// alone. Where Slurm or parallel is not installed (Debian's slurm-wlm and parallel
// will do), its test is left out.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { parse } from "deno-std/yaml/mod.js";
import { randomValues } from "../../_check.ts";
import { names } from "../../_folder.ts";
import { cli, inDataFolder } from "../../cli/_command.ts";
import { HOPELESS, TRY_AGAIN } from "../../../cli/exit_codes.ts";
import { type Json, violations } from "./_schema.ts";
import { missingProgram, run, Slurm } from "./_slurm.ts";

/** A part of a manifest, of which the tests know what is in it. */
// deno-lint-ignore no-explicit-any
type Loose = any;

const EXAMPLES =
  new URL("../../../examples/cluster/", import.meta.url).pathname;
const CLI = new URL("../../../cli.ts", import.meta.url).pathname;

const PARTICLES = 16;
const KILLS = 6;

/** The milliseconds after which jobs hang. */
const DEADLINE = 500_000;

/** Says why a test is left out. */
async function withoutReason(...programs: string[]): Promise<boolean> {
  const missing = await missingProgram(...programs);
  if (missing === undefined) return false;
  // deno-lint-ignore no-console -- a test that is left out must say so
  console.log(`${missing} is not installed: its test is left out`);
  return true;
}

/** Plans a run in a folder of data. */
async function plan(
  folder: string,
  [init, config, tok, tokenizer]: string[],
  run: string,
  count: number,
): Promise<void> {
  const { code, err } = await cli(
    "finetune",
    ...["--data", `${folder}/train.csv`, "--output", `${folder}/${run}`],
    ...[init ?? "", config ?? "", tok ?? "", tokenizer ?? "", "--quiet"],
    ...["--batch-size", "8", "--learning-rate", "0.01", "--max-steps", "12"],
    ...["--swag", "--swag-start", "0", "--swag-collect-steps", "2"],
    ...["--save-every", "2", "--particles", `${count}`],
  );
  assertEquals(code, 0, err);
}

/**
 * Puts a program named swagpu into a folder, which first writes down its process in
 * the folder `pids`, by the number of its job. Gives the path on which it is found.
 */
async function install(folder: string): Promise<string> {
  for (const name of ["bin", "pids"]) await Deno.mkdir(`${folder}/${name}`);
  const command = `run -A --no-check --quiet '${CLI}' "$@"`;
  await Deno.writeTextFile(
    `${folder}/bin/swagpu`,
    `#!/bin/sh
echo $$ > "${folder}/pids/\${SLURM_ARRAY_TASK_ID:-$PARALLEL_SEQ}"
exec '${Deno.execPath()}' ${command}
`,
    { mode: 0o755 },
  );
  return `${folder}/bin:${Deno.env.get("PATH")}`;
}

/** Kills the process of a job; gives whether it was there. */
async function kill(folder: string, job: number): Promise<boolean> {
  const script = `read -r pid < "$0/pids/$1" &&
    grep -aq particle /proc/$pid/cmdline && kill -KILL $pid`;
  return (await run("sh", ["-c", script, folder, `${job}`])).code === 0;
}

/** Trains a planned run, one particle after the other, and merges it. */
async function trainAlone(run: string): Promise<void> {
  for (
    const args of [
      ["particle", "--run", run, "--index", "all", "--quiet"],
      ["merge", run],
    ]
  ) {
    const { code, err } = await cli(...args);
    assertEquals(code, 0, err);
  }
}

/** Merges a run, and compares its bits with those of a run that was left alone. */
async function assertSameRun(run: string, alone: string): Promise<void> {
  const merged = await cli("merge", run);
  assertEquals(merged.code, 0, merged.err);
  const particles = names(`${alone}/particles`);
  assertEquals(names(`${run}/particles`), particles);
  const files = [
    ...["multiswag.json", "model.safetensors", "config.json"],
    ...particles.flatMap((name) =>
      ["swag", "model"].map((file) => `particles/${name}/${file}.safetensors`)
    ),
  ];
  for (const name of files) {
    assertEquals(
      await Deno.readFile(`${run}/${name}`),
      await Deno.readFile(`${alone}/${name}`),
      name,
    );
  }
}

Deno.test({
  name:
    `${PARTICLES} particles on Slurm, ${KILLS} of them killed, end with the bits of an uncut run`,
  ignore: await withoutReason("slurmctld", "slurmd", "sbatch", "srun"),
  fn: () =>
    inDataFolder(async (folder, start) => {
      await plan(folder, start, "run", PARTICLES);
      await run("cp", ["-r", `${folder}/run`, `${folder}/alone`]);
      const path = await install(folder);
      await Deno.mkdir(`${folder}/slurm`);
      await using slurm = await Slurm.start(`${folder}/slurm`);
      const submitted = await slurm.call("sbatch", [
        `--array=0-${PARTICLES - 1}`,
        `${EXAMPLES}particles.sbatch`,
        "run",
      ], { cwd: folder, env: { PATH: path } });
      assertEquals(submitted.code, 0, submitted.err);

      const log = (index: number) => {
        try {
          return Deno.readTextFileSync(`${folder}/particle-${index}.log`);
        } catch {
          return ""; // It has not begun.
        }
      };
      const ended = (index: number) =>
        [...log(index).matchAll(/ended with (\d+): it is queued again/g)]
          .map(([, code]) => Number(code));
      const chances = randomValues(2000, 7, 0, 1);
      let tick = 0;
      const chance = () => chances[tick++ % chances.length] ?? 0;
      const victims = new Set<number>();
      const deadline = performance.now() + DEADLINE;
      for (;;) {
        const tasks = await slurm.tasks();
        if (tasks.length === 0) break;
        assert(performance.now() < deadline, JSON.stringify(tasks));
        for (const { id, state } of tasks) {
          if (state !== "DELAYED") continue;
          // Slurm lets two minutes pass before it starts a job again; who runs the
          // cluster can make that shorter.
          await slurm.call("scontrol", [
            "update",
            `JobId=${id}`,
            "StartTime=now",
          ]);
        }
        const others = tasks.filter(({ index, state }) =>
          state === "RUNNING" && !victims.has(index)
        );
        const victim = others[Math.floor(chance() * others.length)];
        if (
          victim && victims.size < KILLS && await kill(folder, victim.index)
        ) {
          victims.add(victim.index);
        }
        await new Promise((resolve) => setTimeout(resolve, 1000 * chance()));
      }
      const codes = Array.from({ length: PARTICLES }, (_, i) => ended(i));
      // A process that was killed when it had done its work still ends with 137.
      assertEquals(
        codes.flatMap((own, index) => own.includes(137) ? [index] : []),
        [...victims].sort((a, b) => a - b),
        JSON.stringify(codes),
      );
      assertEquals(victims.size, KILLS);
      await trainAlone(`${folder}/alone`);
      await assertSameRun(`${folder}/run`, `${folder}/alone`);

      // The array again: every particle is done, and no job trains.
      const again = await slurm.call("sbatch", [
        "--wait",
        "--array=3",
        `${EXAMPLES}particles.sbatch`,
        "run",
      ], { cwd: folder, env: { PATH: path } });
      assertEquals(again.code, 0, again.err);
      assertMatch(log(3), /run\/particles\/0003 is done\n$/);
      // An index out of range will never succeed, and is not tried again.
      const hopeless = await slurm.call("sbatch", [
        "--wait",
        `--array=${PARTICLES}`,
        `${EXAMPLES}particles.sbatch`,
        "run",
      ], { cwd: folder, env: { PATH: path } });
      assertEquals(hopeless.code, 42);
      assert(!log(PARTICLES).includes("queued again"), log(PARTICLES));
    }),
});

Deno.test({
  name:
    "particles with GNU parallel, half of them killed, end with the same bits",
  ignore: await withoutReason("parallel"),
  fn: () =>
    inDataFolder(async (folder, start) => {
      const [count, kills] = [4, 2];
      await plan(folder, start, "run", count);
      await run("cp", ["-r", `${folder}/run`, `${folder}/alone`]);
      const path = await install(folder);
      const train = () =>
        run(`${EXAMPLES}particles_parallel.sh`, [
          ...["run", `${count}`, "--jobs", "2"],
          ...["--joblog", `${folder}/jobs.tsv`],
        ], { cwd: folder, env: { PATH: path } });
      const training = train();
      let isOver = false;
      training.finally(() => isOver = true);
      // Jobs of parallel are numbered from 1 on.
      const victims = new Set<number>();
      const delays = randomValues(1000, 3, 0, 800);
      for (const delay of delays) {
        if (isOver || victims.size === kills) break;
        const victim = 1 + Math.floor(delay) % count;
        if (!victims.has(victim) && await kill(folder, victim)) {
          victims.add(victim);
        }
        await new Promise((resolve) => setTimeout(resolve, delay));
      }
      const { code, err } = await training;
      assertEquals(code, 0, err);
      assertEquals(victims.size, kills);
      await trainAlone(`${folder}/alone`);
      await assertSameRun(`${folder}/run`, `${folder}/alone`);

      const again = await train();
      assertEquals(again.code, 0, again.err);
      assertEquals(
        again.out.trim().split("\n").sort(),
        names(`${folder}/run/particles`).map((name) =>
          `run/particles/${name} is done`
        ),
      );
    }),
});

const MANIFEST = parse(
  await Deno.readTextFile(`${EXAMPLES}particles_job.yaml`),
) as Json;

const SCHEMA = JSON.parse(
  await Deno.readTextFile(
    new URL("../../fixtures/cluster/job.schema.json", import.meta.url),
  ),
) as Json;

Deno.test("the indexed job of Kubernetes fits the schema of batch/v1", () => {
  assertEquals(violations(MANIFEST, SCHEMA), []);
});

Deno.test("the schema of batch/v1 refuses what Kubernetes refuses", () => {
  const job = (change: (job: Loose) => void) => {
    const copy = structuredClone(MANIFEST) as Loose;
    change(copy);
    return violations(copy as Json, SCHEMA);
  };
  const cases: [(job: Loose) => void, RegExp][] = [
    // FailIndex needs a limit for each index.
    [({ spec }) => delete spec.backoffLimitPerIndex, /lacks backoffLimitPerIn/],
    [({ spec }) => spec.completionMode = "indexed", /completionMode is "inde/],
    [
      ({ spec }) => spec.completions = "16",
      /completions is "16", expected int/,
    ],
    [({ spec }) => spec.parralelism = 4, /spec has parralelism/],
    [({ metadata }) => metadata.name = "My_job", /metadata.name is "My_job"/],
    // A policy for failed pods needs pods that are not restarted in place.
    [
      ({ spec }) => spec.template.spec.restartPolicy = "OnFailure",
      /restartPolicy is "OnFailure"/,
    ],
    [
      ({ spec }) => spec.podFailurePolicy.rules[0].onExitCodes.values = [0],
      /rules\[0\] fits none/,
    ],
    [
      ({ spec }) => spec.podFailurePolicy.rules[0].action = "Fail",
      /rules\[0\] fits none/,
    ],
    [
      ({ spec }) => spec.template.spec.containers[0].workingDir = "work",
      /workingDir is "work"/,
    ],
  ];
  for (const [change, expected] of cases) {
    assertMatch(job(change).join("\n"), expected);
  }
});

Deno.test("the indexed job tells its container's exit codes as particle means them", () => {
  const { spec } = MANIFEST as Loose;
  const [container, ...more] = spec.template.spec.containers;
  assertEquals(more, []);
  assertEquals(container.args.slice(0, 1), ["particle"]);
  const { rules } = spec.podFailurePolicy;
  const actionOf = (code: number) =>
    rules.find(({ onExitCodes }: Loose) =>
      onExitCodes?.containerName === container.name &&
      onExitCodes.values.includes(code)
    )?.action;
  assertEquals(actionOf(HOPELESS), "FailIndex");
  assertEquals(actionOf(TRY_AGAIN), "Count");
  const names = spec.template.spec.volumes.map(({ name }: Loose) => name);
  for (const { name } of container.volumeMounts) assert(names.includes(name));
});
