// Copyright 2026 the swagpu authors. MIT license.
// deno-lint-ignore-file no-console

/**
 * Classifies texts with a model and its posterior, for use where there is neither a
 * checkout nor a package: one file, made by Deno's bundler, which needs no permission
 * but to read the model.
 *
 * ```sh
 * deno bundle -o predict.js examples/predict.ts
 * deno run --allow-read=model predict.js model "Not bad at all"
 * ```
 *
 * `deno compile --allow-read -o predict examples/predict.ts` makes a program that
 * needs no Deno either.
 *
 * @module
 */

import { pipeline, SwagModel } from "@swagpu/swagpu";

const [folder, ...texts] = Deno.args;
if (folder === undefined || texts.length === 0) {
  console.error("Usage: predict FOLDER TEXT …");
  Deno.exit(2);
}
using classify = await pipeline("text-classification", folder, {
  posterior: (model) => SwagModel.load(`${folder}/swag.safetensors`, model),
});
for (const [i, answer] of (await classify(texts)).entries()) {
  const { label, score, std = NaN, mutualInformation = NaN } = answer;
  console.log(
    `${texts[i]}: ${label} ${score.toFixed(3)} ± ${std.toFixed(3)}, ` +
      `mutual information ${mutualInformation.toFixed(3)}`,
  );
}
