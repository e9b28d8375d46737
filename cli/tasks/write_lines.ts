// Copyright 2026 the swagpu authors. MIT license.

/**
 * Writes texts for `predict`.
 *
 * @module
 */

import { counted } from "../../data/names.ts";
import { scoreOptions } from "../model_options.ts";
import { ofMembers } from "../posterior.ts";
import { cutRemark } from "../tokenized_texts.ts";
import { chunksOf, textInputs } from "./prediction_inputs.ts";
import { writingColumn, writingColumnIn } from "./source_target_rows.ts";
import type { PredictContext } from "./task.ts";
import { prefixOf } from "./writing_prefix.ts";
import {
  writeTexts,
  type WritingModel,
  writingOptions,
  type WritingTask,
} from "./written_texts.ts";

/** The field of a written text, as the pipelines call it. */
const FIELDS = {
  translation: "translationText",
  summarization: "summaryText",
} as const;

/** How many batches of texts are read before the first is written. */
const CHUNK_BATCHES = 16;

/**
 * Writes a text from each source; gives the objects of the lines of JSON.
 *
 * Without a posterior, or with `--swag-samples 0`, the model's own weights write. With
 * a posterior they are the mean of its weights, which is a single model: texts cannot
 * be averaged. If `--swag-samples` is given, each sample of the weights writes a text
 * of its own too, for `samples`.
 */
export async function* writeLines(
  task: WritingTask,
  { args, progress, config, load }: PredictContext<WritingModel>,
): AsyncGenerator<object> {
  const { batchSize, scale, seed } = scoreOptions(args);
  const samples = args.integer("swag-samples", { min: 0 });
  const generation = writingOptions(args, config);
  const inputs = await textInputs(args, {
    naming: ["source-column", "target-column"],
    text: (table) => writingColumn(table, "source", { args, config }),
    gold: (table) =>
      args.text("target-column") === undefined
        ? writingColumnIn(table, "target", { args, config })
        : writingColumn(table, "target", { args, config }),
  });
  const loaded = await load();
  const { model, tokenizer, swag, maxLength } = loaded;
  const options = {
    ...{ task, model, tokenizer, maxLength, batchSize, generation, seed },
  };
  const usesMean = swag !== undefined && samples !== 0;
  const prefix = prefixOf(config, task);
  let cut = 0;
  let read = 0;
  let written = 0;
  progress.begin();
  for await (const chunk of chunksOf(inputs, CHUNK_BATCHES * batchSize)) {
    const sources = chunk.map(({ text }) => text);
    for (const source of sources) {
      const { inputIds } = tokenizer.encode(`${prefix}${source}`, {
        truncation: false,
      });
      if (inputIds.length > maxLength) cut++;
    }
    const advance = (more: number) => {
      written += more;
      progress.show(() => `writing  ${counted(written, "text")}`);
    };
    read += chunk.length;
    const run = () => writeTexts(sources, { ...options, advance });
    const mean = { samples: usesMean ? 1 : 0, scale: 0, seed };
    const [texts = []] = await ofMembers(loaded, mean, run);
    const others = swag && samples !== undefined && samples > 0
      ? await ofMembers(loaded, { samples, scale, seed }, run)
      : [];
    for (const [i, { line }] of chunk.entries()) {
      progress.clear();
      yield {
        ...line,
        [FIELDS[task]]: texts[i],
        ...others.length > 0
          ? {
            samples: others.map((sample) => sample[i] ?? ""),
          }
          : {},
      };
    }
  }
  progress.clear();
  const path = args.text("data") ?? "--text";
  const remark = cutRemark({ cut, rows: read, path, maxLength });
  if (remark !== undefined) progress.say(remark);
}
