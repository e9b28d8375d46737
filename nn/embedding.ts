// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

import { embedding, type IntegerTensor, type Tensor } from "../engine/mod.ts";
import { normal } from "./init.ts";
import type { Initializer } from "./initializer.ts";
import { Module } from "./module.ts";
import { checkOptions } from "./options.ts";
import { Parameter } from "./parameter.ts";

/** Options of {@linkcode Embedding}. */
export interface EmbeddingModuleOptions {
  /**
   * A row that gets no gradient and starts as zeros. A negative number counts
   * from the end, as in PyTorch.
   *
   * @default {none}
   */
  paddingIdx?: number | undefined;
  /** The initial values. @default {N(0, 1), with zeros in the padding row} */
  init?: Initializer;
}

/**
 * A table of vectors that are looked up by row number: `y[...] = W[ids[...]]`.
 *
 * Shapes: `ids [...]` of integers, `W [count, width]`, `y [..., width]`.
 *
 * @example Usage
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import { Embedding, init } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const table = new Embedding(2, 2, { init: init.values([1, 2, 3, 4]) });
 * const y = table.forward(tensor([1, 0], { dtype: "i32" }));
 * assertEquals([...await y.data()], [3, 4, 1, 2]);
 * ```
 */
export class Embedding extends Module {
  /** The table, `[count, width]`. */
  weight: Parameter;
  /** The row that gets no gradient, counted from 0. */
  readonly paddingIdx: number | undefined;

  /**
   * Builds the table.
   *
   * @param count The number of rows.
   * @param width The length of a row.
   * @param options Padding row and initial values.
   * @throws {RangeError} If the padding row is not in the table.
   * @throws {TypeError} If an option is not known.
   */
  constructor(
    count: number,
    width: number,
    options: EmbeddingModuleOptions = {},
  ) {
    super();
    if (new.target === Embedding) { // A subclass may have more options.
      checkOptions(options, {
        action: "build an Embedding",
        known: ["paddingIdx", "init"],
      });
    }
    const { paddingIdx, init = normal({ std: 1, zeroRow: paddingIdx }) } =
      options;
    const isRow = paddingIdx === undefined ||
      (Number.isInteger(paddingIdx) && paddingIdx >= -count &&
        paddingIdx < count);
    if (!isRow) {
      throw new RangeError(
        `Cannot use row ${paddingIdx} for padding: the table has ${count} rows`,
      );
    }
    this.paddingIdx = paddingIdx === undefined || paddingIdx >= 0
      ? paddingIdx
      : paddingIdx + count;
    this.weight = new Parameter([count, width], init);
  }

  /** Looks up the rows `ids [...]`. The result is `[..., width]`. */
  forward(ids: IntegerTensor): Tensor {
    const { paddingIdx } = this;
    return embedding(ids, this.weight, {
      ...(paddingIdx === undefined ? {} : { paddingIdx }),
    });
  }
}
