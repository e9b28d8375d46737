// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertThrows } from "@std/assert";
import {
  noGrad,
  readAll,
  scope,
  type Tensor,
  zeros,
} from "../../engine/mod.ts";
import { KeyValueCache } from "../../models/cache.ts";
import { assertClose, gpuTest, randomValues } from "../_check.ts";
import {
  integers,
  type Table,
  TinyAnswerer,
  TinyDecoder,
} from "./_tiny_decoder.ts";

/** Two layers of attention in another order of sums. */
const LOGITS = { absolute: 1e-4, relative: 1e-4 };

const VOCABULARY = 19;

function randomRows(rows: number, length: number, seed: number): Table {
  return Array.from(
    { length: rows },
    (_, r) =>
      Array.from(randomValues(length, seed + r, 0, VOCABULARY), Math.floor),
  );
}

async function read(run: () => Tensor): Promise<ArrayLike<number>> {
  using _ = scope();
  const [values = []] = await readAll([noGrad(run)]);
  return values;
}

gpuTest(
  "a decoder with a cache scores as without, padded on the left",
  async () => {
    const model = new TinyDecoder(VOCABULARY, 3);
    const rows = randomRows(3, 9, 1);
    const masks = [[1, 1, 1], [0, 1, 1], [0, 0, 1]];
    const padding = integers(masks);
    const count = masks.map((mask) =>
      mask.reduce((sum, kept) => sum + kept, 0)
    );
    using cache = new KeyValueCache({ rows: 3, capacity: 9, mask: padding });
    for (let length = 3; length <= 9; length++) {
      const first = length === 3;
      const logits = await read(() =>
        model.forward({
          inputIds: integers(
            rows.map((row) => row.slice(first ? 0 : length - 1, length)),
          ),
          attentionMask: first ? padding : undefined,
          positionIds: integers(
            first
              ? [[0, 1, 2], [1, 0, 1], [1, 1, 0]]
              : count.map((kept) => [kept + length - 4]),
          ),
          cache,
        }).logits
      );
      cache.advance(first ? 3 : 1);
      const whole = await model.scores(
        rows.map((row) => row.slice(0, length)),
        masks,
      );
      assertClose(logits, whole, LOGITS, `after ${length} tokens`);
    }
  },
);

gpuTest("rows of one source with a cache score as without", async () => {
  const model = new TinyAnswerer(VOCABULARY, 5);
  const sources = randomRows(2, 5, 7);
  const masks = [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]];
  const rows = randomRows(4, 7, 9);
  const repeated = (table: Table) => table.flatMap((row) => [row, row]);
  using cache = new KeyValueCache({ rows: 4, capacity: 7 });
  const encoded = model.encode({ inputIds: integers(sources) });
  for (let length = 2; length <= 7; length++) {
    const start = length === 2 ? 0 : length - 1;
    const logits = await read(() =>
      model.forward({
        encoderLastHiddenState: encoded,
        attentionMask: integers(masks),
        decoderInputIds: integers(rows.map((row) => row.slice(start, length))),
        cache,
      }).logits
    );
    cache.advance(length - start);
    const whole = await model.scores(
      rows.map((row) => row.slice(0, length)),
      repeated(sources),
      repeated(masks),
    );
    assertClose(logits, whole, LOGITS, `after ${length} tokens`);
  }
  assertEquals(cache.layers, 2);
});

gpuTest("a cache refuses more tokens than its capacity", () => {
  using cache = new KeyValueCache({ rows: 1, capacity: 2 });
  const x = zeros([1, 1, 4]);
  for (let i = 0; i < 2; i++) {
    cache.attend(0, [x, x, x], { heads: 1 });
    cache.advance(1);
  }
  assertThrows(
    () => cache.attend(0, [x, x, x], { heads: 1 }),
    RangeError,
    "Cannot write 1 positions from 2 on: the cache has 2",
  );
});
