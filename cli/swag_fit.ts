// Copyright 2026 the swagpu authors. MIT license.

/**
 * The command `swag fit`, which makes a posterior of the checkpoints of a run that
 * knew nothing of it.
 *
 * @module
 */

import { disk } from "../host/mod.ts";
import { AutoConfig } from "../models/mod.ts";
import { exists, openSafetensors } from "../nn/formats/mod.ts";
import {
  DEVIATION_FORMATS,
  type SwagDiagnostics,
  SwagModel,
} from "../swag/mod.ts";
import { openAdapter } from "./adapter.ts";
import type { Arguments, Command, Option } from "./arguments.ts";
import { loadModel } from "./load_model.ts";
import { OutputFolder } from "./output_folder.ts";
import { Progress } from "./progress.ts";
import { prepareOutput, saveLoaded } from "./save.ts";
import { print } from "./standard_output.ts";
import { WRITING_OPTIONS } from "./swag_options.ts";
import { memoryRemark, SWAG_OPTIONS } from "./swag_settings.ts";
import { taskOfModel } from "./tasks/registry.ts";

/** The options of `finetune --swag` that say which moments a posterior keeps. */
const KEPT_OPTIONS = SWAG_OPTIONS.filter(({ name }) =>
  [
    "max-num-models",
    "swag-modules",
    "swag-deviations",
    "no-cov-mat",
    "var-clamp",
  ].includes(name)
);

const FIT_OPTIONS: readonly Option[] = [
  {
    name: "checkpoints",
    value: "DIR",
    help: "Folder with the checkpoints of a run, checkpoint-1 and so on, or " +
      "with folders of models.",
  },
  {
    name: "skip-first",
    value: "N",
    help: "Checkpoints at the start that are left out (0).",
  },
  ...KEPT_OPTIONS,
];

/** Makes a posterior of checkpoints. */
export const swagFit: Command = {
  name: "swag fit",
  summary: "Makes a posterior of the checkpoints of a run.",
  usage: "--checkpoints DIR --output DIR [options]",
  options: { Posterior: FIT_OPTIONS, Output: WRITING_OPTIONS },
  notes: `Examples:
  swagpu swag fit --checkpoints run --skip-first 5 --output posterior
  swagpu swag fit --checkpoints run --swag-modules last-layer --output posterior

The weights of the checkpoints are collected in the order of their steps. They
should be of the end of a run with a rate that stays high: see the guides.`,
  run: fit,
};

/** The folders below one that hold weights, by the number in their names. */
async function foldersOf(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const { name, isDirectory } of await disk(folder).readDir(folder)) {
    const path = `${folder}/${name}/model.safetensors`;
    if (isDirectory && await exists(path)) found.push(name);
  }
  const numbered = new Intl.Collator("en", { numeric: true });
  return found.sort(numbered.compare).map((name) => `${folder}/${name}`);
}

async function fit(args: Arguments): Promise<number> {
  const source = args.needed("checkpoints");
  const output = args.needed("output");
  const skipped = args.integer("skip-first", { min: 0 }) ?? 0;
  const noCovMat = args.flag("no-cov-mat");
  const maxNumModels = args.integer("max-num-models", { min: 1 });
  const varClamp = args.number("var-clamp", { min: 0 });
  const modules = args.list("swag-modules");
  const deviations = args.choice("swag-deviations", DEVIATION_FORMATS);
  const progress = new Progress({ quiet: args.flag("quiet") });
  const folders = (await foldersOf(source)).slice(skipped);
  const last = folders.at(-1);
  if (folders.length < 2 || last === undefined) {
    throw new RangeError(
      `Cannot build a posterior from ${folders.length} checkpoints of ` +
        `${source}: there must be at least 2; finetune --save-every makes some, ` +
        "and --save-limit says how many are kept",
    );
  }
  const task = taskOfModel(await AutoConfig.fromPretrained(last), last);
  await openAdapter(progress);
  const loaded = await progress.during(
    `loading ${last}`,
    loadModel(task, last),
  );
  using model = loaded.model;
  const options = {
    noCovMat,
    ...maxNumModels === undefined ? {} : { maxNumModels },
    ...varClamp === undefined ? {} : { varClamp },
    ...deviations === undefined ? {} : { deviations },
    ...modules.length > 0 ? { modulePrefixList: modules } : {},
  };
  progress.say(memoryRemark(model, options));
  using posterior = SwagModel.fromBase(model, options);
  await using _folder = await OutputFolder.make(
    output,
    () => prepareOutput(output, args.flag("overwrite")),
  );
  using stage = progress.stage("collecting", folders.length, "checkpoints");
  for (const folder of folders) {
    using file = await openSafetensors(`${folder}/model.safetensors`);
    // Weights that are computed and not learned are in no file.
    const { mismatched, unexpected } = await model.loadStateDict(file, {
      strict: false,
    });
    const [wrong] = [...mismatched.map(({ name }) => name), ...unexpected];
    if (wrong !== undefined) {
      throw new TypeError(
        `Cannot collect ${folder}: ${wrong} is not what it is in ${last}`,
      );
    }
    posterior.collectModel();
    stage.advance(1);
  }
  await saveLoaded(output, { ...loaded, model, swag: posterior });
  const { nModels, covMatRank } = posterior;
  await print(`Saved ${output}: ${nModels} collections, rank ${covMatRank}`);
  if (covMatRank >= LEAST_DIAGNOSED) {
    for (const line of diagnosisLines(await posterior.diagnostics())) {
      await print(line);
    }
  }
  return 0;
}

/** Fewer deviations than this tell nothing about two halves. */
const LEAST_DIAGNOSED = 4;

/** What the collections tell about the posterior. */
function diagnosisLines(
  {
    rank,
    effectiveRank,
    varianceAgreement,
    expectedAgreement,
    drift,
    isExploring,
  }: SwagDiagnostics,
): string[] {
  return [
    `Effective rank: ${effectiveRank.toFixed(1)} of ${rank}`,
    `Agreement of the halves on variances: ${varianceAgreement.toFixed(2)}; ` +
    `independent weights would agree by ${expectedAgreement.toFixed(2)}`,
    `Drift between the halves: ${drift.toFixed(1)} standard errors, ` +
    (isExploring
      ? "so the weights went around in a region"
      : "so the weights were still on their way: collect later, further apart, or " +
        "with a higher rate"),
  ];
}
