// Copyright 2026 the swagpu authors. MIT license.

import { assertThrows } from "@std/assert";
import {
  batches,
  Embedding,
  LayerNorm,
  Linear,
  MultiHeadAttention,
} from "../../nn/mod.ts";
import { gpuTest } from "../_check.ts";

gpuTest("layers and batches refuse unknown options", () => {
  const loose = (options: object) => options;
  const cases: [() => unknown, string][] = [
    [() => new Linear(2, 2, loose({ biases: false })), '"bias"'],
    [() => new LayerNorm(2, loose({ epsilon: 1 })), '"eps", "bias"'],
    [() => new Embedding(2, 2, loose({ padding_idx: 0 })), '"paddingIdx"'],
    [
      () => new MultiHeadAttention(2, { heads: 1, ...loose({ num_heads: 2 }) }),
      '"heads"',
    ],
    [() => [...batches(4, 2, loose({ shufle: true }))], '"shuffle"'],
  ];
  for (const [run, meant] of cases) assertThrows(run, TypeError, meant);
  assertThrows(
    () => new Embedding(4, 2, { paddingIdx: 1.5 }),
    RangeError,
    "Cannot use row 1.5 for padding",
  );
  assertThrows(
    () => new MultiHeadAttention(2, { heads: 1, dropout: 1 }),
    RangeError,
    "Cannot drop a share of 1",
  );
});
