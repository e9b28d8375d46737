// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Learning rates that fall from the head of a model to its embeddings.

import {
  checkOptions,
  decayParameterNames,
  hasPrefix,
  type Module,
} from "../../nn/mod.ts";
import { type Anatomy, anatomyOf } from "./anatomy.ts";
import { LearningRateGroups } from "./learning_rate_groups.ts";

/** Options of {@linkcode layerwiseLearningRates}. */
export interface LayerwiseLearningRatesOptions {
  /** The learning rate of the head. @default {2e-5} */
  learningRate?: number;
  /**
   * What the rate is multiplied by from each part to the one below it, above 0
   * and at most 1.
   *
   * @default {0.95}
   */
  gamma?: number;
  /**
   * The weight decay. Biases, the weights of norms, and the head have none.
   *
   * @default {0.01}
   */
  weightDecay?: number;
  /** Whether the head's weights decay, too. @default {false} */
  decayHead?: boolean;
  /**
   * The parts of the head, as prefixes of whole path segments. Parameters that
   * are neither embeddings, nor in blocks, nor named here are refused.
   *
   * @default {all that comes after the blocks}
   */
  head?: readonly string[];
}

/**
 * Layer-wise learning-rate decay (LLRD): the head learns at `learningRate`, the
 * top block at that rate times `gamma`, the block below it times `gamma²`, and
 * so on to the embeddings. The lower a layer, the more general is what it has
 * learned, and the less should be changed.
 *
 * In a model with encoder and decoder, the decoder's blocks come first, then the
 * encoder's, then all embeddings. Every parameter is in exactly one group,
 * frozen ones too, because they may be unfrozen later. Zhang et al., "Revisiting
 * Few-sample BERT Fine-tuning", 2021.
 *
 * @param model The model, of any architecture.
 * @param options The rate of the head, and how it falls.
 * @returns The groups for an optimizer, and the table of them.
 * @throws {RangeError} If a number is out of range, the model has no blocks, or
 * a parameter would be in no group.
 * @throws {TypeError} If an option is not known.
 *
 * @example Usage
 * ```ts
 * import { initialize } from "@swagpu/swagpu/engine";
 * import {
 *   BertConfig,
 *   BertForSequenceClassification,
 *   layerwiseLearningRates,
 * } from "@swagpu/swagpu/models";
 * import { AdamW } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const model = new BertForSequenceClassification(
 *   new BertConfig({ vocabSize: 50, hiddenSize: 12, numHiddenLayers: 2 }),
 * );
 * const rates = layerwiseLearningRates(model, { learningRate: 1e-4, gamma: 0.5 });
 * assertEquals(
 *   rates.rows.map((row) => [row.part, row.learningRate, row.weightDecay]),
 *   [
 *     ["head", 1e-4, 0],
 *     ["bert.encoder.layer.1", 5e-5, 0.01],
 *     ["bert.encoder.layer.1", 5e-5, 0],
 *     ["bert.encoder.layer.0", 2.5e-5, 0.01],
 *     ["bert.encoder.layer.0", 2.5e-5, 0],
 *     ["bert.embeddings", 1.25e-5, 0.01],
 *     ["bert.embeddings", 1.25e-5, 0],
 *   ],
 * );
 * const optimizer = new AdamW(rates.groups);
 * assertEquals(optimizer.groups.length, 7);
 * optimizer.dispose();
 * ```
 */
export function layerwiseLearningRates(
  model: Module,
  options: LayerwiseLearningRatesOptions = {},
): LearningRateGroups {
  checkOptions(options, {
    action: "set learning rates by layer",
    known: ["learningRate", "gamma", "weightDecay", "decayHead", "head"],
  });
  const { learningRate = 2e-5, gamma = 0.95, weightDecay = 0.01 } = options;
  checkNumbers({ learningRate, weightDecay });
  if (!(gamma > 0 && gamma <= 1)) {
    throw new RangeError(
      `Cannot set learning rates with gamma ${gamma}: it must be above 0 and ` +
        "at most 1",
    );
  }
  const { head, embeddings, blocks } = complete(model, options.head);
  const parts: Part[] = [
    { part: "head", names: head, isHead: true },
    ...blocks.toReversed().map(({ path, names }) => ({ part: path, names })),
    { part: commonPath(embeddings, "embeddings"), names: embeddings },
  ].map((part, depth) => ({
    ...part,
    learningRate: learningRate * gamma ** depth,
  }));
  return grouped(model, parts, {
    weightDecay,
    decayHead: options.decayHead ?? false,
  });
}

/** Options of {@linkcode groupedLearningRates}. */
export interface GroupedLearningRatesOptions {
  /** The learning rate of the embeddings and the lowest third. @default {1e-6} */
  learningRate?: number;
  /**
   * What it is multiplied by in the middle third, the top third and the head.
   *
   * @default {[1.75, 3.5, 3.6]}
   */
  factors?: readonly [middle: number, top: number, head: number];
  /** The weight decay. Biases and the weights of norms have none. @default {0.01} */
  weightDecay?: number;
  /**
   * The parts of the head, as prefixes of whole path segments. Parameters that
   * are neither embeddings, nor in blocks, nor named here are refused.
   *
   * @default {all that comes after the blocks}
   */
  head?: readonly string[];
}

/**
 * Learning rates by thirds of the blocks: one for the embeddings and the lowest
 * third, and larger ones for the middle third, the top third and the head. Block
 * `i` of `n` from the bottom is in third `⌊3i / n⌋`; those of a decoder follow
 * those of its encoder.
 *
 * Every parameter is in exactly one group; see
 * {@linkcode layerwiseLearningRates}.
 *
 * @param model The model, of any architecture.
 * @param options The lowest rate, and the factors of the others.
 * @returns The groups for an optimizer, and the table of them.
 * @throws {RangeError} If a number is out of range, the model has no blocks, or
 * a parameter would be in no group.
 * @throws {TypeError} If an option is not known.
 *
 * @example Usage
 * ```ts
 * import { initialize } from "@swagpu/swagpu/engine";
 * import {
 *   BertConfig,
 *   BertForSequenceClassification,
 *   groupedLearningRates,
 * } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const model = new BertForSequenceClassification(
 *   new BertConfig({ vocabSize: 50, hiddenSize: 12, numHiddenLayers: 3 }),
 * );
 * const { rows } = groupedLearningRates(model, {
 *   learningRate: 1,
 *   weightDecay: 0,
 * });
 * assertEquals(rows.map((row) => [row.part, row.learningRate]), [
 *   ["head", 3.6],
 *   ["top third", 3.5],
 *   ["middle third", 1.75],
 *   ["embeddings, lowest third", 1],
 * ]);
 * ```
 */
export function groupedLearningRates(
  model: Module,
  options: GroupedLearningRatesOptions = {},
): LearningRateGroups {
  checkOptions(options, {
    action: "set learning rates by thirds",
    known: ["learningRate", "factors", "weightDecay", "head"],
  });
  const { learningRate = 1e-6, weightDecay = 0.01 } = options;
  const [middle, top, last] = options.factors ?? [1.75, 3.5, 3.6];
  const factors = { middle, top, head: last };
  checkNumbers({ learningRate, weightDecay, ...factors });
  const { head, embeddings, blocks } = complete(model, options.head);
  const third = (k: number) =>
    blocks.filter((_, i) => Math.floor(3 * i / blocks.length) === k)
      .flatMap(({ names }) => names);
  const parts: Part[] = [
    { part: "head", names: head, isHead: true, factor: last },
    { part: "top third", names: third(2), factor: top },
    { part: "middle third", names: third(1), factor: middle },
    {
      part: "embeddings, lowest third",
      names: [...embeddings, ...third(0)],
      factor: 1,
    },
  ].map(({ factor, ...part }) => ({
    ...part,
    learningRate: learningRate * factor,
  }));
  return grouped(model, parts, { weightDecay, decayHead: true });
}

/** A part of the model with one learning rate. */
interface Part {
  readonly part: string;
  readonly names: readonly string[];
  readonly learningRate: number;
  readonly isHead?: boolean;
}

/** Cuts each part into what decays and what does not. */
function grouped(
  model: Module,
  parts: readonly Part[],
  { weightDecay, decayHead }: { weightDecay: number; decayHead: boolean },
): LearningRateGroups {
  const decaying = new Set(decayParameterNames(model));
  const decayOf = (name: string, isHead: boolean) =>
    decaying.has(name) && (decayHead || !isHead) ? weightDecay : 0;
  const rows = parts.flatMap(({ part, names, learningRate, isHead = false }) =>
    [...new Set([weightDecay, 0])].map((decay) => ({
      part,
      learningRate,
      weightDecay: decay,
      names: names.filter((name) => decayOf(name, isHead) === decay),
    }))
  ).filter(({ names }) => names.length > 0);
  // Initial values must not depend on the groups.
  model.placeParameters();
  return new LearningRateGroups(model, rows);
}

/** The parts of a model, once it is sure that they are all. */
function complete(
  model: Module,
  head: readonly string[] | undefined,
): Anatomy {
  const anatomy = anatomyOf(model);
  if (!head) return anatomy;
  const orphans = anatomy.head.filter((name) =>
    !head.some((prefix) => hasPrefix(name, prefix))
  );
  if (orphans.length > 0) {
    throw new RangeError(
      `Cannot set the learning rate of ${orphans.join(", ")}: neither ` +
        "embeddings, nor in a block, nor named as the head, they would never " +
        "be trained; add them to head",
    );
  }
  const idle = head.find((prefix) =>
    !anatomy.head.some((name) => hasPrefix(name, prefix))
  );
  if (idle === undefined) return anatomy;
  throw new RangeError(
    `Cannot use "${idle}" as a head: no parameter after the blocks has that ` +
      `prefix; there are ${anatomy.head.join(", ")}`,
  );
}

function checkNumbers(numbers: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(numbers)) {
    if (value >= 0 && value < Infinity) continue;
    throw new RangeError(
      `Cannot set learning rates with ${name} ${value}: it must be a finite ` +
        "number of at least 0",
    );
  }
}

/** The longest path that all names are below, or a name for none. */
function commonPath(names: readonly string[], otherwise: string): string {
  const [first = []] = names.map((name) => name.split(".").slice(0, -1));
  const length = first.findIndex((segment, i) =>
    names.some((name) => name.split(".")[i] !== segment)
  );
  const path = (length < 0 ? first : first.slice(0, length)).join(".");
  return path.includes("embed") ? path : otherwise;
}
