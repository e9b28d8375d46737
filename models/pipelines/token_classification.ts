// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Texts to labels of their tokens, or to the entities that these make up.
 *
 * @module
 */

import { checkOptions } from "../../nn/mod.ts";
import type { Tasks } from "../registry.ts";
import type { Encoding } from "../tokenizer/tokenizer.ts";
import { averagedTokens, logitsOf } from "./averages.ts";
import { callable, longestRow, scored, textsOf } from "./batches.ts";
import {
  entitiesOf,
  type Found,
  marksSubwords,
  piecesOf,
  withoutOverlaps,
} from "./entities.ts";
import { checkChoice } from "./scores.ts";
import type {
  AggregationStrategy,
  CallOptions,
  EntityGroup,
  Pipeline,
  PipelineSetup,
  TokenLabel,
} from "./types.ts";

export type { AggregationStrategy, EntityGroup, TokenLabel } from "./types.ts";

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
  /** Labels to leave out. @default {["O"]} */
  ignoreLabels?: readonly string[] | undefined;
  /**
   * Reads long texts in windows that share this many tokens, instead of
   * cutting them off; it takes an aggregation strategy.
   *
   * @default {none}
   */
  stride?: number | undefined;
}

/** Options that ask for labels of tokens. */
export interface TokenLabelOptions extends TokenClassificationOptions {
  /** Tokens do not become entities. */
  aggregationStrategy?: "none" | undefined;
}

/** Options that ask for entities. */
export interface EntityGroupOptions extends TokenClassificationOptions {
  /** How tokens become entities. */
  aggregationStrategy: Exclude<AggregationStrategy, "none">;
}

/**
 * Labels the tokens of texts. Texts that are too long lose their end, unless
 * `stride` is given.
 */
export interface TokenClassificationPipeline
  extends Pipeline<Tasks["tokenClassification"]> {
  /** The labelled tokens of a text. */
  (text: string, options?: TokenLabelOptions): Promise<TokenLabel[]>;
  /** The labelled tokens of each text. */
  (
    texts: readonly string[],
    options?: TokenLabelOptions,
  ): Promise<TokenLabel[][]>;
  /** The entities of a text. */
  (text: string, options: EntityGroupOptions): Promise<EntityGroup[]>;
  /** The entities of each text. */
  (
    texts: readonly string[],
    options: EntityGroupOptions,
  ): Promise<EntityGroup[][]>;
}

/** Makes the pipeline of a model that labels tokens. */
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
        const scores = averagedTokens(own, { length, width });
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

  return callable(setup, label);
}

/** Tokenises a text; a long one is cut off, or split where there is a stride. */
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
