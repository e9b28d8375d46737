// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertRejects } from "@std/assert";
import { manualSeed } from "../../../engine/mod.ts";
import { BertModel, pipeline } from "../../../models/mod.ts";
import { assertClose, gpuTest, SUMS } from "../../_check.ts";
import { rowOf, tinyConfig, tinyTokenizer, valuesOf } from "./_tiny.ts";

const tokenizer = tinyTokenizer();
const TEXTS = ["I like the dog in Paris", "I", "who lives in New York ?"];

gpuTest(
  "feature-extraction gives each text's states without padding",
  async () => {
    manualSeed(3);
    const model = new BertModel(tinyConfig());
    const extract = await pipeline("feature-extraction", { model, tokenizer });
    const lists = await extract(TEXTS);
    const arrays = await extract(TEXTS, { returnTensors: true });
    assertEquals(arrays.length, TEXTS.length);
    for (const [i, text] of TEXTS.entries()) {
      const encoding = tokenizer.encode(text);
      const { lastHiddenState } = model.forward(rowOf(encoding));
      const array = arrays[i];
      assertEquals(array?.shape, [1, encoding.inputIds.length, 8]);
      assertClose(array?.data ?? [], await valuesOf(lastHiddenState), SUMS);
      assertEquals(lists[i]?.length, 1);
      assertEquals(lists[i]?.[0]?.length, encoding.inputIds.length);
      assertEquals(lists[i]?.flat(2), [...array?.data ?? []]);
      const single = await extract(text);
      assertClose(single.flat(2), array?.data ?? [], SUMS);
    }
    assertEquals((await extract("I", { returnTensors: true })).shape, [
      1,
      3,
      8,
    ]);
    await assertRejects(
      () => extract("I", { returnTensor: true } as object),
      TypeError,
      'did you mean "returnTensors"?',
    );
    model.dispose();
  },
);

gpuTest(
  "feature-extraction pools and normalizes as transformers.js",
  async () => {
    manualSeed(3);
    const model = new BertModel(tinyConfig());
    const extract = await pipeline("feature-extraction", { model, tokenizer });
    const states = await extract(TEXTS);
    const length = (x: readonly number[]) => Math.hypot(...x);
    const means = states.map(([tokens = []]) =>
      (tokens[0] ?? []).map((_, k) =>
        tokens.reduce((sum, x) => sum + (x[k] ?? NaN), 0) / tokens.length
      )
    );
    const pooled = await extract(TEXTS, { pooling: "mean" });
    const unit = await extract(TEXTS, { pooling: "mean", normalize: true });
    const cls = await extract(TEXTS, { pooling: "cls" });
    for (const [i, text] of TEXTS.entries()) {
      const mean = means[i] ?? [];
      assertClose(pooled[i] ?? [], mean, SUMS);
      assertClose(unit[i] ?? [], mean.map((x) => x / length(mean)), SUMS);
      assertClose(cls[i] ?? [], states[i]?.[0]?.[0] ?? [], SUMS);
      assertClose(await extract(text, { pooling: "mean" }), mean, SUMS);
    }
    const array = await extract("I", {
      pooling: ["cls", "max"],
      returnTensors: true,
    });
    assertEquals(array.shape, [16]);
    assertClose(array.data.subarray(0, 8), cls[1] ?? [], SUMS);
    const tokens = await extract(TEXTS, { normalize: true, pooling: "none" });
    for (const [i, [own = []]] of tokens.entries()) {
      for (const [j, x] of own.entries()) {
        const state = states[i]?.[0]?.[j] ?? [];
        assertClose(x, state.map((value) => value / length(state)), SUMS);
      }
    }
    await assertRejects(
      () => extract("I", { pooling: "avg" as "mean" }),
      RangeError,
      'Cannot pool tokens by "avg"',
    );
    model.dispose();
  },
);
