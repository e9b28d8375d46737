// Copyright 2026 the swagpu authors. MIT license.

/**
 * The command `swag sample`, which writes a draw of a posterior as a plain model.
 *
 * @module
 */

import { AutoConfig } from "../models/mod.ts";
import { openAdapter } from "./adapter.ts";
import type { Arguments, Command, Option } from "./arguments.ts";
import { loadModel } from "./load_model.ts";
import { OutputFolder } from "./output_folder.ts";
import { disposePosterior, takeSample } from "./posterior.ts";
import { Progress } from "./progress.ts";
import { prepareOutput, saveLoaded } from "./save.ts";
import { print } from "./standard_output.ts";
import { noPosterior, WRITING_OPTIONS } from "./swag_options.ts";
import { taskOfModel } from "./tasks/registry.ts";

const SAMPLE_OPTIONS: readonly Option[] = [
  { name: "model", value: "DIR", help: "Folder with a posterior." },
  { name: "index", value: "N", help: "Which sample to draw (0)." },
  { name: "seed", value: "N", help: "Decides the samples (0)." },
  {
    name: "scale",
    value: "X",
    help: "Factor on the posterior's covariance, 0 for the mean (0.5).",
  },
];

/** Writes a draw of a posterior as a plain model. */
export const swagSample: Command = {
  name: "swag sample",
  summary: "Writes a draw of a posterior as a plain model.",
  usage: "--model DIR --output DIR [options]",
  options: { Sample: SAMPLE_OPTIONS, Output: WRITING_OPTIONS },
  notes: `Examples:
  swagpu swag sample --model posterior --index 3 --output third
  swagpu swag sample --model posterior --scale 0 --output mean

The same model, seed and index give the same sample.`,
  run: sample,
};

async function sample(args: Arguments): Promise<number> {
  const source = args.needed("model");
  const output = args.needed("output");
  const index = args.integer("index", { min: 0 }) ?? 0;
  const seed = args.integer("seed", { min: 0, max: 2 ** 32 - 1 }) ?? 0;
  const scale = args.number("scale", { min: 0 }) ?? 0.5;
  const progress = new Progress({ quiet: args.flag("quiet") });
  const task = taskOfModel(await AutoConfig.fromPretrained(source), source);
  await openAdapter(progress);
  const loaded = await progress.during(
    `loading ${source}`,
    loadModel(task, source),
  );
  using _model = loaded.adapter ?? loaded.model;
  if (!loaded.swag) {
    throw noPosterior("sample", source);
  }
  await using _folder = await OutputFolder.make(
    output,
    () => prepareOutput(output, args.flag("overwrite")),
  );
  takeSample(loaded, { seed, index, scale });
  await saveLoaded(output, { ...loaded, swag: undefined });
  disposePosterior(loaded);
  await print(
    `Saved ${output}: sample ${index} of seed ${seed}, scale ${scale}`,
  );
  return 0;
}
