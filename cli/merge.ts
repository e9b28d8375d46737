// Copyright 2026 the swagpu authors. MIT license.

/**
 * The command `merge`, which makes one model of the particles of a run. Nothing large
 * is copied: the folder of the run gets the files of its first particle's model, and
 * multiswag.json, which names the particles.
 *
 * @module
 */

import { disk } from "../host/mod.ts";
import { count, counted } from "../data/names.ts";
import {
  diskError,
  exists,
  FolderSave,
  folderSizes,
  writeTextAtomically,
} from "../nn/formats/mod.ts";
import { type Command, COMMON_OPTIONS } from "./arguments.ts";
import { POSTERIOR_NAME } from "./classifier.ts";
import { MERGED_NAME, mergedText } from "./merged_run.ts";
import { checkFit, readParticle } from "./particle_fit.ts";
import {
  partialFolder,
  particleFolder,
  particleName,
  readPlan,
} from "./particle_plan.ts";
import { RUN_FACTS_NAME } from "./run_facts.ts";
import { print } from "./standard_output.ts";

/** The files that belong to one run of training, and not to its model. */
const RUN_FILES = [
  POSTERIOR_NAME,
  RUN_FACTS_NAME,
  "log.jsonl",
  "trainer_state.json",
];

/** The most numbers that a message lists. */
const LISTED = 20;

/** Joins the particles of a run. */
export const merge: Command = {
  name: "merge",
  summary:
    "Joins the particles of a run into one model: MultiSWAG, which evaluate, " +
    "predict and compare take as --model RUN.",
  usage: "RUN [--allow-missing]",
  operand: "RUN",
  options: {
    Merge: [{
      name: "allow-missing",
      help: "Join the particles that are done, though the plan has more.",
    }],
    Help: COMMON_OPTIONS,
  },
  notes: `Examples:
  swagpu merge run
  swagpu evaluate --model run --data test.csv
  swagpu predict --model run --text "Not bad at all"

Particles that were trained on other machines are copied to RUN/particles
before. They must fit each other: the same model, labels, data and options, and
different seeds. They stay where they are, and RUN can be moved as a whole.

Whoever uses the merged run holds the posteriors of all particles in memory.
--swag-samples is the number of all samples, rounded up so that each particle
gives as many; texts are written by the mean of the first particle.`,
  async run(args) {
    const [run, ...others] = args.operands;
    if (run === undefined || others.length > 0) {
      throw new TypeError(
        `Cannot merge ${run === undefined ? "no run" : "several runs"}: name ` +
          "one, such as swagpu merge run",
      );
    }
    const plan = await readPlan(run);
    const indexes = Array.from({ length: plan.count }, (_, index) => index);
    const isDone = await Promise.all(
      indexes.map((index) => exists(particleFolder(run, index))),
    );
    const done = indexes.filter((index) => isDone[index]);
    const missing = indexes.filter((index) => !isDone[index]);
    const [first] = done;
    if (
      first === undefined || (missing.length > 0 && !args.flag("allow-missing"))
    ) {
      const cut = await Promise.all(
        missing.map((index) => exists(partialFolder(run, index))),
      );
      throw new RangeError(
        `Cannot merge ${run}: ${count(missing.length)} of its ` +
          `${counted(plan.count, "particle")} are missing, ${
            listed(missing)
          } ` +
          `(${count(cut.filter(Boolean).length)} of them begun); run them` +
          (first === undefined ? "" : ", or say --allow-missing"),
      );
    }
    const particles = [];
    for (const index of done) {
      const facts = await readParticle(particleFolder(run, index));
      if (facts.seed !== plan.seed + index) {
        throw new TypeError(
          `Cannot merge ${facts.path}: its seed is ${facts.seed}, by the plan ` +
            `it must be ${plan.seed + index}`,
        );
      }
      particles.push({ ...facts, folder: `particles/${particleName(index)}` });
    }
    checkFit(particles);
    await write(
      run,
      particleFolder(run, first),
      mergedText(
        particles.map(({ folder, seed, weights }) => ({
          ...{ folder, seed, weights },
        })),
      ),
    );
    const { collections = 0 } = particles[0] ?? {};
    await print(
      `Merged ${run}: ${counted(particles.length, "particle")} of ` +
        `${count(collections)} collections each` +
        (missing.length > 0
          ? `, without ${count(missing.length)} that are missing, ${
            listed(missing)
          }`
          : ""),
    );
    return 0;
  },
};

/** Writes the files of a model, and the list of particles, all of them or none. */
async function write(run: string, from: string, text: string): Promise<void> {
  const names = [...(await folderSizes(from)).keys()]
    .filter((name) => !name.includes("/") && !RUN_FILES.includes(name));
  await using save = await FolderSave.begin(run);
  for (const name of names) {
    try {
      await disk(`${from}/${name}`).copyFile(
        `${from}/${name}`,
        `${save.staging}/${name}`,
      );
    } catch (error) {
      throw diskError(`Cannot copy ${from}/${name} to ${run}`, error);
    }
  }
  await writeTextAtomically(`${save.staging}/${MERGED_NAME}`, text);
  await save.commit({ last: [MERGED_NAME] });
}

/** Some numbers in words. */
function listed(numbers: readonly number[]): string {
  return numbers.slice(0, LISTED).join(", ") +
    (numbers.length > LISTED ? " and others" : "");
}
