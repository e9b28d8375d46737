// Copyright 2026 the swagpu authors. MIT license.

// A tiny classifier with dropout, and rows for it, for tests of the Trainer.

import { manualSeed, type Tensor } from "../../../engine/mod.ts";
import {
  crossEntropy,
  Dropout,
  LayerNorm,
  Linear,
  Module,
  Trainer,
  type TrainerOptions,
  type TrainingArguments,
} from "../../../nn/mod.ts";
import { randomValues } from "../../_check.ts";

/** The inputs of {@linkcode Tiny}. */
export interface TinyInputs {
  x: Tensor;
  labels?: Tensor<"i32">;
}

/** Two linear layers around a norm and dropout. */
export class Tiny extends Module {
  first: Linear = new Linear(3, 4);
  norm: LayerNorm = new LayerNorm(4);
  dropout: Dropout = new Dropout(0.3);
  last: Linear = new Linear(4, 2);

  forward({ x, labels }: TinyInputs): { logits: Tensor; loss?: Tensor } {
    const hidden = this.norm.forward(this.first.forward(x));
    const logits = this.last.forward(this.dropout.forward(hidden));
    return labels ? { logits, loss: crossEntropy(logits, labels) } : { logits };
  }
}

/** A row for {@linkcode Tiny}. */
export interface TinyRow {
  x: number[];
  label: number;
  length?: number;
}

/** Rows that are the same at each call. */
export function tinyRows(count: number, seed = 1): TinyRow[] {
  const values = randomValues(count * 3, seed);
  return Array.from({ length: count }, (_, i) => {
    const x = [...values.slice(3 * i, 3 * i + 3)];
    return { x, label: (x[0] ?? 0) + (x[1] ?? 0) > 0 ? 1 : 0 };
  });
}

// deno-lint-ignore no-explicit-any -- the inputs of whatever collator there is
type TinyOptions = TrainerOptions<TinyRow, any, Tiny>;

/** A model with the weights of seed 5, and its Trainer. */
export function tinyTrainer(
  args: TrainingArguments,
  options: Partial<TinyOptions> = {},
): { model: Tiny; trainer: Trainer<TinyRow, TinyInputs, Tiny> } {
  manualSeed(5);
  const model = new Tiny();
  model.placeParameters();
  const trainDataset = tinyRows(11);
  return {
    model,
    trainer: new Trainer({ model, args, trainDataset, ...options }),
  };
}
