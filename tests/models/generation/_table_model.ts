// Copyright 2026 the swagpu authors. MIT license.

// A model whose next token depends on the last one alone, by one of several tables of
// probabilities, and the posterior that is any of the tables.

import {
  embedding,
  slice,
  type Tensor,
  tensor,
  zeros,
} from "../../../engine/mod.ts";
import { PretrainedConfig } from "../../../models/config.ts";
import type { KeyValueCache } from "../../../models/cache.ts";
import type {
  CausalInputs,
  ScoringCausalModel,
} from "../../../models/generation/mod.ts";
import type { WeightSamples } from "../../../models/mod.ts";

/** The token that ends a row. */
export const END = 0;

/** Probabilities of the next token, by the last token. */
export type Table = readonly (readonly number[])[];

/** A model that predicts by a table. */
export class TableModel implements ScoringCausalModel {
  readonly config: PretrainedConfig;
  /** The number of the table that counts now. */
  current = 0;
  readonly #logits: readonly Tensor[];

  constructor(tables: readonly Table[]) {
    const size = tables[0]?.length ?? 0;
    this.config = new PretrainedConfig({
      eosTokenId: END,
      padTokenId: size,
    }, { modelType: "table" });
    // Padding is a token that is never written.
    this.#logits = tables.map((table) =>
      tensor(
        [...table, table[0] ?? []].map((row) => [...row.map(Math.log), -99]),
      )
    );
  }

  forward(
    { inputIds, cache }: Omit<CausalInputs, "cache"> & {
      cache?: KeyValueCache;
    },
  ): { logits: Tensor } {
    const logits = embedding(inputIds, this.#logits[this.current] as Tensor);
    if (!cache) return { logits };
    const [rows = 0, length = 0] = inputIds.shape;
    const x = zeros([rows, length, 1]);
    cache.attend(0, [x, x, x], { heads: 1 });
    return { logits: slice(logits, { axis: 1, start: -1 }) };
  }
}

/** The posterior of which the samples are the tables, one after the other. */
export function tablePosterior(model: TableModel): WeightSamples {
  return {
    async mapSamples(run, { numPredictions = 1 }) {
      const results = [];
      for (let i = 0; i < numPredictions; i++) {
        model.current = i;
        results.push(await run(i));
      }
      model.current = 0;
      return results;
    },
  };
}
