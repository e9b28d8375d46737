// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * The pipeline that labels the tokens of texts, or finds entities in them.
 *
 * @module
 */

import { checkOptions } from "../../nn/mod.ts";
import type { Tasks } from "../registry.ts";
import type { Encoding } from "../tokenizer/mod.ts";
import { averagedTokens, logitsOf } from "./averages.ts";
import {
  type CallOptions,
  makePipeline,
  type Pipeline,
  type PipelineSetup,
} from "./base.ts";
import { longestRow, scored, textsOf } from "./batches.ts";
import {
  type AggregationStrategy,
  entitiesOf,
  type EntityGroup,
  type Found,
  marksSubwords,
  piecesOf,
  type TokenLabel,
  withoutOverlaps,
} from "./entities.ts";
import { checkChoice } from "./scores.ts";

const STRATEGIES: readonly AggregationStrategy[] = [
  "none",
  "simple",
  "first",
  "average",
  "max",
];

/** The names of {@linkcode TokenClassificationOptions}. */
const OPTIONS = [
  "aggregationStrategy",
  "ignoreLabels",
  "stride",
  "batchSize",
] satisfies (keyof TokenClassificationOptions)[];

/** Options of {@linkcode TokenClassificationPipeline}. */
export interface TokenClassificationOptions extends CallOptions {
  /** How tokens become entities. @default {"none"} */
  aggregationStrategy?: AggregationStrategy | undefined;
  /** The labels to leave out of the result. @default {["O"]} */
  ignoreLabels?: readonly string[] | undefined;
  /**
   * The number of tokens that windows of a long text share. Without it, a long
   * text is truncated. It needs an aggregation strategy.
   *
   * @default {none: long texts are truncated}
   */
  stride?: number | undefined;
}

/** Options of calls that return labels of tokens. */
export interface TokenLabelOptions extends TokenClassificationOptions {
  /** With `"none"`, tokens do not become entities. @default {"none"} */
  aggregationStrategy?: "none" | undefined;
}

/** Options of calls that return entities. */
export interface EntityGroupOptions extends TokenClassificationOptions {
  /** How tokens become entities. */
  aggregationStrategy: Exclude<AggregationStrategy, "none">;
}

/**
 * Labels the tokens of texts. Texts that are too long are truncated, unless
 * `stride` is given.
 */
export interface TokenClassificationPipeline
  extends Pipeline<Tasks["tokenClassification"]> {
  /** Labels the tokens of a text. */
  (text: string, options?: TokenLabelOptions): Promise<TokenLabel[]>;
  /** Labels the tokens of each text. */
  (
    texts: readonly string[],
    options?: TokenLabelOptions,
  ): Promise<TokenLabel[][]>;
  /** Finds the entities of a text. */
  (text: string, options: EntityGroupOptions): Promise<EntityGroup[]>;
  /** Finds the entities of each text. */
  (
    texts: readonly string[],
    options: EntityGroupOptions,
  ): Promise<EntityGroup[][]>;
}

/** Makes the pipeline from a model that labels tokens. */
export function tokenClassification(
  setup: PipelineSetup<Tasks["tokenClassification"]>,
): TokenClassificationPipeline {
  const { model, tokenizer, sampled } = setup;
  const unknown = tokenizer.unkTokenId;
  const marked = marksSubwords(tokenizer);

  async function label(
    input: string | readonly string[],
    options: TokenClassificationOptions = {},
  ): Promise<unknown> {
    const {
      aggregationStrategy = "none",
      ignoreLabels = ["O"],
      batchSize = setup.batchSize,
    } = options;
    checkOptions(options, { action: "label tokens", known: OPTIONS });
    checkChoice("aggregationStrategy", aggregationStrategy, STRATEGIES);
    const texts = textsOf(setup.task, input);
    const windows = texts.map((text) => encode(setup, text, options));
    const all = windows.flatMap((own, i) =>
      own.map((encoding) => ({ text: texts[i] ?? "", encoding }))
    );
    const found: Found[][] = [];
    let width = 0;
    const results = scored(
      { ...setup, batchSize },
      all.map(({ encoding }) => encoding),
      (tokens) => {
        const logits = logitsOf(() => model.forward(tokens), sampled);
        width = logits.shape.at(-1) ?? 0;
        return [logits];
      },
    );
    for await (const { rows, length, outputs: [logits] } of results) {
      const size = (logits?.length ?? 0) / rows.length;
      for (const [i, row] of rows.entries()) {
        const window = all[row];
        if (!window || !logits) continue;
        const own = logits.subarray(i * size, (i + 1) * size);
        const scores = averagedTokens(own, {
          length,
          width,
          isSampled: sampled !== undefined,
        });
        const pieces = piecesOf({ ...window, unknown, marked }, scores);
        found[row] = entitiesOf(pieces, {
          tokenizer,
          strategy: aggregationStrategy,
          labels: model.config.id2label,
        }).filter((entity) =>
          !ignoreLabels.includes(
            "entity" in entity ? entity.entity : entity.entityGroup,
          )
        );
      }
    }
    let at = 0;
    const entities = windows.map(({ length }) => {
      const own = found.slice(at, at += length).flat();
      return length > 1 ? withoutOverlaps(own) : own;
    });
    return typeof input === "string" ? entities[0] : entities;
  }

  return makePipeline(setup, label as TokenClassificationPipeline);
}

/**
 * Tokenizes a text; a long one is truncated, or with `stride` cut into windows.
 */
function encode(
  { model, tokenizer }: PipelineSetup<Tasks["tokenClassification"]>,
  text: string,
  { stride, aggregationStrategy = "none" }: TokenClassificationOptions,
): Encoding[] {
  if (stride !== undefined && aggregationStrategy === "none") {
    throw new TypeError(
      `Cannot read texts in windows that share ${stride} tokens: ` +
        'windows need an aggregationStrategy other than "none"',
    );
  }
  const encoding = tokenizer.encode(text, {
    maxLength: longestRow(model, tokenizer),
    returnOverflowingTokens: stride !== undefined,
    stride: stride ?? 0,
  });
  return [encoding, ...encoding.overflowing ?? []];
}
