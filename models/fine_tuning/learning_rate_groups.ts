// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Groups of a model's parameters for an optimizer, with a table of them.

import type { Module, Parameter } from "../../nn/mod.ts";

/** A group of parameters, for an optimizer. */
export interface LearningRateGroup {
  /** The parameters. */
  readonly parameters: Parameter[];
  /** Their learning rate. */
  readonly learningRate: number;
  /** Their weight decay. */
  readonly weightDecay: number;
}

/** What {@linkcode LearningRateGroups} tells of one of its groups. */
export interface LearningRateRow {
  /** The part of the model, such as `head` or `bert.encoder.layer.3`. */
  readonly part: string;
  /** The learning rate. */
  readonly learningRate: number;
  /** The weight decay. */
  readonly weightDecay: number;
  /** The names of the parameters. */
  readonly names: readonly string[];
  /** The number of weights. */
  readonly weights: number;
  /** The number of weights among them that are frozen now. */
  readonly frozen: number;
}

/**
 * Groups of a model's parameters with their learning rates, and a table of them
 * to look at before training.
 *
 * `groups` is what optimizers take: `new AdamW(rates.groups)`. A schedule
 * multiplies the rate of every group. As a text it is the table.
 *
 * @example The table of a tiny model
 * ```ts
 * import { initialize } from "@swagpu/swagpu/engine";
 * import {
 *   BertConfig,
 *   BertForSequenceClassification,
 *   layerwiseLearningRates,
 *   type LearningRateGroups,
 * } from "@swagpu/swagpu/models";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const config = new BertConfig({
 *   vocabSize: 50,
 *   hiddenSize: 16,
 *   numHiddenLayers: 1,
 *   numAttentionHeads: 2,
 *   intermediateSize: 32,
 * });
 * const rates: LearningRateGroups = layerwiseLearningRates(
 *   new BertForSequenceClassification(config),
 *   { learningRate: 1e-4, gamma: 0.5, weightDecay: 0 },
 * );
 * assertEquals(`${rates}`, `\
 * part                  learning rate  decay  tensors  weights  frozen
 * head                        1.00e-4      0        4      306       0
 * bert.encoder.layer.0        5.00e-5      0       16     2224       0
 * bert.embeddings             2.50e-5      0        5     9056       0`);
 * ```
 */
export class LearningRateGroups {
  /** The groups, from the head to the embeddings. */
  readonly groups: readonly LearningRateGroup[];
  /** What each group is. */
  readonly rows: readonly LearningRateRow[];

  /**
   * Looks up the parameters. {@linkcode layerwiseLearningRates} and
   * {@linkcode groupedLearningRates} call this.
   *
   * @param model The model.
   * @param rows Names, rates and decays.
   */
  constructor(
    model: Module,
    rows: readonly Omit<LearningRateRow, "weights" | "frozen">[],
  ) {
    const named = model.namedParameters();
    const parametersOf = (names: readonly string[]) =>
      names.flatMap((name) => named.get(name) ?? []);
    this.groups = rows.map(({ names, learningRate, weightDecay }) => ({
      parameters: parametersOf(names),
      learningRate,
      weightDecay,
    }));
    this.rows = rows.map((row, i) => {
      const parameters = this.groups[i]?.parameters ?? [];
      const frozen = parameters.filter(({ requiresGrad }) => !requiresGrad);
      return { ...row, weights: sizeOf(parameters), frozen: sizeOf(frozen) };
    });
  }

  /** The table: a line for each group. */
  toString(): string {
    const title = [
      ...["part", "learning rate", "decay", "tensors", "weights", "frozen"],
    ];
    const lines = this.rows.map((row) => [
      row.part,
      row.learningRate.toExponential(2),
      `${row.weightDecay}`,
      `${row.names.length}`,
      `${row.weights}`,
      `${row.frozen}`,
    ]);
    const widths = title.map((_, i) =>
      Math.max(...[title, ...lines].map((line) => line[i]?.length ?? 0))
    );
    return [title, ...lines].map((line) =>
      line.map((cell, i) =>
        i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)
      ).join("  ")
    ).join("\n");
  }
}

function sizeOf(parameters: readonly Parameter[]): number {
  return parameters.reduce((n, { size }) => n + size, 0);
}
