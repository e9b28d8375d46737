// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertRejects } from "@std/assert";
import { full, type Tensor } from "../../../engine/mod.ts";
import { BertModel } from "../../../models/mod.ts";
import { type Scored, scored } from "../../../models/pipelines/batches.ts";
import type { TokenRow } from "../../../models/batch.ts";
import { gpuTest } from "../../_check.ts";
import { tinyConfig, tinyTokenizer } from "./_tiny.ts";

const tokenizer = tinyTokenizer();

/** Rows of one length, so that batches keep their order. */
function rowsOf(count: number): TokenRow[] {
  const { inputIds, tokenTypeIds } = tokenizer.encode("i like the dog");
  return Array.from({ length: count }, () => ({ inputIds, tokenTypeIds }));
}

/** Runs one row a batch through `compute`, given the number of the batch. */
function run(
  count: number,
  compute: (batch: number) => Tensor[],
): AsyncGenerator<Scored> {
  const model = new BertModel(tinyConfig());
  let batch = 0;
  return scored(
    {
      task: "feature-extraction",
      model,
      tokenizer,
      batchSize: 1,
      release() {},
    },
    rowsOf(count),
    () => compute(batch++),
  );
}

gpuTest(
  "scored() computes four batches while one is read, in order",
  async () => {
    let computed = 0;
    const seen: number[] = [];
    const ahead: number[] = [];
    for await (
      const { outputs: [x = []] } of run(7, (i) => {
        computed++;
        return [full([1], i)];
      })
    ) {
      seen.push(x[0] ?? NaN);
      ahead.push(computed);
    }
    assertEquals(seen, [0, 1, 2, 3, 4, 5, 6]);
    assertEquals(ahead, [5, 6, 7, 7, 7, 7, 7]);
  },
);

gpuTest("scored() computes one batch ahead if outputs are large", async () => {
  let computed = 0;
  const large = () => {
    computed++;
    return [full([2 ** 23 + 1], 1)]; // More than 32 MiB
  };
  for await (const _ of run(3, large)) {
    assertEquals(computed, 2);
    break;
  }
});

gpuTest(
  "scored() throws an error of a batch, and frees the others",
  async () => {
    await assertRejects(
      async () => {
        const rows = run(5, (i) => {
          if (i === 3) throw new RangeError("the fourth batch");
          return [full([1], i)];
        });
        for await (const _ of rows) { /* The error comes. */ }
      },
      RangeError,
      "the fourth batch",
    );
  },
);

gpuTest("scored() frees what is read when its reader leaves", async () => {
  for await (const { outputs } of run(5, (i) => [full([1], i)])) {
    assertEquals([...outputs[0] ?? []], [0]);
    break;
  }
});
