// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

/**
 * The command `particle`, which trains one particle of a run that `finetune
 * --particles` has planned. It is made for the jobs of a cluster: it may be killed at
 * any moment and run again, with the bits of a run that was not cut.
 *
 * A particle is trained in RUN/particles/0007.partial, which is renamed when all is
 * there. So a particle is done if and only if the folder RUN/particles/0007 exists.
 *
 * @module
 */

import { disk, environment, NotFound } from "../host/mod.ts";
import { diskError, exists, folderNames } from "../nn/formats/mod.ts";
import { getLastCheckpoint } from "../nn/mod.ts";
import { arrayIndex } from "./array_index.ts";
import {
  Arguments,
  type Command,
  COMMON_OPTIONS,
  type Option,
} from "./arguments.ts";
import {
  DONE,
  EXIT_CODES,
  exitCodeOf,
  TRY_AGAIN,
  TryAgainError,
} from "./exit_codes.ts";
import { finetune, finetuneTask, taskOf } from "./finetune.ts";
import { Interrupt } from "./interrupt.ts";
import {
  partialFolder,
  particleFolder,
  type ParticlePlan,
  readPlan,
} from "./particle_plan.ts";
import { Progress } from "./progress.ts";
import { wordsOfRun } from "./series_words.ts";
import { lockRun } from "./run_lock.ts";
import { print } from "./standard_output.ts";

const OPTIONS: readonly Option[] = [
  {
    name: "run",
    value: "RUN",
    help: "Folder of the run, which finetune --particles has planned.",
  },
  {
    name: "index",
    value: "K|auto|all",
    help:
      "Which particle to train, from 0 on; auto reads it from the variable " +
      "of Slurm, Kubernetes, GNU parallel, SGE or PBS; all trains those that " +
      "are not done, one after the other, but for those that another process " +
      "is at work on.",
  },
];

/** Trains a particle. */
export const particle: Command = {
  name: "particle",
  summary:
    "Trains one particle of a run: a job that may be killed and run again, " +
    "with the bits of one that was not.",
  usage: "--run RUN --index K|auto|all",
  options: { Particle: OPTIONS, Help: COMMON_OPTIONS },
  notes: `Examples:
  swagpu finetune --data train.csv --model google-bert/bert-base-uncased \\
    --swag --save-every epoch --particles 16 --output run
  swagpu particle --run run --index auto
  swagpu merge run
  swagpu evaluate --model run --data test.csv

Paths among the options of the plan are those of the folder in which particle is
called. A particle that is done is not trained again. One that was cut goes on
from its last checkpoint, if there is one. examples/cluster holds jobs for
Slurm, GNU parallel and Kubernetes that try again where it helps.

--index auto reads SLURM_ARRAY_TASK_ID, JOB_COMPLETION_INDEX (Kubernetes),
PBS_ARRAY_INDEX or PBS_ARRAYID, which are the index, and SGE_TASK_ID or
PARALLEL_SEQ (GNU parallel), which are one more.

${EXIT_CODES}`,
  exitCodeOf,
  async run(args) {
    using _ = Interrupt.exitWith(TRY_AGAIN);
    const run = args.needed("run");
    const asked = args.needed("index");
    const plan = await readPlan(run);
    if (asked === "all") return await runAll(run, plan, args);
    const index = indexOf(args, asked);
    if (index < plan.count) {
      return await runParticle(run, plan, { index, args });
    }
    throw new RangeError(
      `Cannot run particle ${index} of ${run}: the plan has particles 0 to ` +
        `${plan.count - 1}`,
    );
  },
};

/**
 * Trains all particles that are not done, and gives the exit code. Several processes
 * may share the work: each leaves alone what another one is at.
 */
async function runAll(
  run: string,
  plan: ParticlePlan,
  args: Arguments,
): Promise<number> {
  let last = DONE;
  for (let index = 0; index < plan.count; index++) {
    try {
      const code = await runParticle(run, plan, { index, args });
      if (code !== DONE) return code;
    } catch (error) {
      if (!(error instanceof TryAgainError)) throw error;
      console.error(`error: ${error.message}`);
      last = TRY_AGAIN;
    }
  }
  return last;
}

/** The index that options name. */
function indexOf(args: Arguments, asked: string): number {
  if (asked === "auto") return arrayIndex(environment);
  if (/^\d+$/.test(asked)) return args.integer("index", { min: 0 }) ?? 0;
  throw new RangeError(
    `Cannot use --index ${asked}: expected a whole number from 0, auto or all`,
  );
}

/** Trains a particle, unless it is done, and gives the exit code. */
async function runParticle(
  run: string,
  plan: ParticlePlan,
  { index, args }: { index: number; args: Arguments },
): Promise<number> {
  const folder = particleFolder(run, index);
  const partial = partialFolder(run, index);
  const progress = new Progress({ quiet: args.flag("quiet") });
  const isDone = async () => {
    if (!await exists(folder)) return false;
    await print(`${folder} is done`);
    return true;
  };
  if (await isDone()) return DONE;
  await makeFolder(`${run}/particles`);
  await using _lock = await lockRun(`${folder}.lock`, {
    action: "run the particle",
    say: (remark) => progress.say(remark),
  });
  if (await isDone()) return DONE; // Another process may just have ended.
  const resumes = await getLastCheckpoint(partial) !== undefined;
  // Without a checkpoint, nothing of what was cut is of use.
  if (!resumes) await removeFolder(partial);
  const shared = [
    ...plan.options,
    ...args.flag("quiet") ? ["--quiet"] : [],
  ];
  const seed = plan.seed + index;
  const own = new Arguments(
    finetune,
    wordsOfRun(shared, { seed, output: folder, resumes }),
  );
  const { exitCode } = await finetuneTask(taskOf(own), own, {
    folder: partial,
    onlyWhole: true,
  });
  if (exitCode !== 0) {
    progress.say(`Stopped: particle ${index} goes on when it is run again`);
    return TRY_AGAIN;
  }
  try {
    await disk(partial).rename(partial, folder);
  } catch (error) {
    throw diskError(`Cannot rename ${partial} to ${folder}`, error);
  }
  await removeCheckpoints(folder);
  await print(`${folder} is done`);
  return DONE;
}

async function makeFolder(path: string): Promise<void> {
  try {
    await disk(path).mkdir(path, { recursive: true });
  } catch (error) {
    throw diskError(`Cannot write to ${path}`, error);
  }
}

async function removeFolder(path: string): Promise<void> {
  try {
    await disk(path).remove(path, { recursive: true });
  } catch (error) {
    if (error instanceof NotFound) return;
    throw diskError(`Cannot remove ${path}`, error);
  }
}

/** Removes the checkpoints of a run that is done: nobody goes on from them. */
async function removeCheckpoints(folder: string): Promise<void> {
  for (const name of await folderNames(folder)) {
    if (/^checkpoint-\d+$/.test(name)) await removeFolder(`${folder}/${name}`);
  }
}
