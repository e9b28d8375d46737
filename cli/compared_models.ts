// Copyright 2026 the swagpu authors. MIT license.

/**
 * Models that are compared on the labeled texts of one file.
 *
 * @module
 */

import type { PretrainedConfig } from "../models/mod.ts";
import { argmaxRows } from "../nn/mod.ts";
import { openAdapter } from "./adapter.ts";
import type { Arguments } from "./arguments.ts";
import {
  isRegression,
  maxLengthOf,
  meanPredictions,
  scoresOf,
} from "./classifier.ts";
import { columnsRemark } from "./columns.ts";
import type { ComparedRun, Predictions } from "./compared_rows.ts";
import { namesOf } from "./labels.ts";
import { loadModel } from "./load_model.ts";
import { posteriorRemark, scoreOptions } from "./model_options.ts";
import { namingRows } from "./not_finite.ts";
import { disposePosterior, ofMembers, samplesOf } from "./posterior.ts";
import type { Progress } from "./progress.ts";
import { cellOf, type Table } from "../data/mod.ts";
import { columnOf } from "./table_columns.ts";
import { singleAnswerConfig } from "./single_answers.ts";
import { chooseLabelColumns, rememberedLabels } from "./tasks/label_columns.ts";
import { labelValues } from "./tasks/label_values.ts";
import {
  type LabeledTexts,
  labeledTexts,
  sourceOf,
} from "./tasks/labeled_texts.ts";
import { measuredTexts, textRows } from "./tasks/text_rows.ts";
import { textClassification } from "./tasks/text_classification.ts";

/** Models that predict the same texts, one after the other. */
export class ComparedModels {
  readonly #args: Arguments;
  readonly #progress: Progress;
  readonly #options: ReturnType<typeof scoreOptions>;
  readonly #maxLength: number | undefined;
  #withoutPosterior = 0;
  #count = 0;
  #isOpen = false;

  /**
   * @param args The options of the command.
   * @param progress Where progress and remarks are shown.
   */
  constructor(args: Arguments, progress: Progress) {
    this.#args = args;
    this.#progress = progress;
    this.#options = scoreOptions(args);
    this.#maxLength = args.integer("max-length", { min: 1 });
  }

  /** Reads the configuration of a model, and the rows in its columns. */
  async read(name: string, table: Table): Promise<ComparedRun> {
    const [args, progress] = [this.#args, this.#progress];
    const config = await progress.during(
      `reading ${name}`,
      singleAnswerConfig(name, "compare", args),
    );
    const choice = { args, remembered: rememberedLabels(config) };
    const columns = chooseLabelColumns(table, choice);
    const remark = columnsRemark(columns, choice);
    if (remark !== undefined) progress.say(`${name}: ${remark}`);
    const data = labeledTexts(table, columns, { args, progress });
    const labels = labelValues(data, { args, config }).map(Number);
    const source = sourceOf(data);
    const isPaired = columns.pair !== undefined;
    const isNumber = isRegression(config);
    this.#count++;
    return {
      name,
      rows: {
        ...source,
        texts: data.examples.map(({ text }) => text),
        pairs: isPaired
          ? data.examples.map(({ pair }) => pair ?? "")
          : undefined,
        classes: isNumber ? undefined : namesOf(config),
        gold: isNumber ? Float32Array.from(labels) : Int32Array.from(labels),
        ids: idsOf(table, source.numbers),
      },
      predict: () => this.#predict(name, data, config),
    };
  }

  async #predict(
    name: string,
    data: LabeledTexts,
    config: PretrainedConfig,
  ): Promise<Predictions> {
    const [args, progress] = [this.#args, this.#progress];
    if (!this.#isOpen) await openAdapter(progress);
    this.#isOpen = true;
    const classifier = await progress.during(
      `loading ${name}`,
      loadModel(textClassification, name),
    );
    const { model, tokenizer, swag } = classifier;
    try {
      if (!swag) this.#withoutPosterior++;
      if (this.#withoutPosterior === this.#count) {
        const idle = posteriorRemark(args, { swag });
        if (idle !== undefined) progress.say(idle);
      }
      const maxLength = maxLengthOf(config, tokenizer, this.#maxLength);
      const context = { args, progress, config, tokenizer, maxLength };
      const { rows } = textRows(data, context);
      const { texts, source } = measuredTexts(rows, context);
      const samples = samplesOf(classifier, this.#options);
      using stage = progress.stage(
        `predicting with ${name}`,
        texts.count * Math.max(1, samples),
        samples > 0 ? "passes" : "texts",
      );
      const advance = (more: number) => stage.advance(more);
      const scores = await namingRows(
        source,
        () =>
          ofMembers(
            classifier,
            this.#options,
            () => scoresOf(model, texts, { ...this.#options, advance }),
          ),
      );
      const values = meanPredictions(config, scores);
      if (isRegression(config)) return { values, labels: undefined };
      const classes = config.numLabels;
      const labels = Int32Array.from(argmaxRows(values, { classes }));
      return { values, labels };
    } finally {
      // The next model may need the memory.
      disposePosterior(classifier);
      model.dispose();
    }
  }
}

/** The ids of the rows with some numbers, if the file has a column of that name. */
function idsOf(
  table: Table,
  numbers: readonly number[],
): string[] | undefined {
  const hasIds = table.rows.every((row) =>
    (cellOf(row, "id") ?? null) !== null
  );
  if (!hasIds) return undefined;
  const ids = columnOf(table, "id");
  return numbers.map((number) => ids[number - 1] ?? "");
}
