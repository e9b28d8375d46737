// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertThrows } from "@std/assert";
import { backward, mul, sum, tensor } from "../../../engine/mod.ts";
import {
  meanPooling,
  type PoolingMode,
  poolTokens,
} from "../../../models/mod.ts";
import { openSafetensors } from "../../../nn/mod.ts";
import {
  assertClose,
  checkOp,
  gpuTest,
  randomValues,
  ROUNDING,
} from "../../_check.ts";

const FOLDER = new URL("../../fixtures/pooling/", import.meta.url).pathname;
const SHAPE = [3, 5, 4] as const;
const LENGTHS = [5, 2, 1];

/** 1 for the first tokens of each row. */
function maskOf(lengths: readonly number[], length: number): number[][] {
  return lengths.map((n) => Array.from({ length }, (_, i) => i < n ? 1 : 0));
}

/** What each mode gives for a row of tokens, in plain numbers. */
const TWINS: Record<PoolingMode, (tokens: number[][]) => number[]> = {
  cls: ([first = []]) => first,
  lasttoken: (tokens) => tokens.at(-1) ?? [],
  max: (tokens) => columns(tokens).map((own) => Math.max(...own)),
  mean: (tokens) => columns(tokens).map((own) => total(own) / own.length),
  mean_sqrt_len_tokens: (tokens) =>
    columns(tokens).map((own) => total(own) / Math.sqrt(own.length)),
  weightedmean: (tokens) =>
    columns(tokens).map((own) =>
      total(own.map((x, i) => x * (i + 1))) /
      (own.length * (own.length + 1) / 2)
    ),
};
const MODES = Object.keys(TWINS) as PoolingMode[];

function columns(rows: readonly number[][]): number[][] {
  return (rows[0] ?? []).map((_, k) => rows.map((row) => row[k] ?? NaN));
}

function total(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}

/** The real tokens of each row. */
function tokensOf(values: ArrayLike<number>): number[][][] {
  const [, length, width] = SHAPE;
  return LENGTHS.map((count, row) =>
    Array.from({ length: count }, (_, i) =>
      Array.from(
        { length: width },
        (_, k) => values[(row * length + i) * width + k] ?? NaN,
      ))
  );
}

for (const mode of MODES) {
  gpuTest(
    `poolTokens() takes the ${mode} of tokens, not of padding`,
    async () => {
      const attentionMask = tensor(maskOf(LENGTHS, SHAPE[1]), { dtype: "i32" });
      await checkOp(
        [{ shape: SHAPE }],
        (x) => poolTokens(x, { attentionMask, mode }),
        (x) => tokensOf(x).flatMap(TWINS[mode]),
      );
    },
  );
}

gpuTest("several modes are joined in the order given", async () => {
  const values = randomValues(60, 5);
  const attentionMask = tensor(maskOf(LENGTHS, SHAPE[1]), { dtype: "i32" });
  const modes = MODES.toReversed();
  const states = tensor(values, { shape: SHAPE });
  const pooled = poolTokens(states, { attentionMask, mode: modes });
  assertEquals(pooled.shape, [3, 24]);
  assertClose(
    await pooled.data(),
    tokensOf(values).flatMap((own) =>
      modes.flatMap((mode) => TWINS[mode](own))
    ),
    ROUNDING,
  );
  assertEquals(
    await meanPooling(states, attentionMask).data(),
    await poolTokens(states, { attentionMask }).data(),
  );
});

gpuTest("padding on the left, holes and no token at all", async () => {
  const states = tensor([[[1], [2], [4]], [[1], [2], [4]], [[1], [2], [4]]]);
  const attentionMask = tensor([[0, 1, 1], [1, 0, 1], [0, 0, 0]], {
    dtype: "i32",
  });
  const expected: Partial<Record<PoolingMode, number[]>> = {
    cls: [2, 1, 0],
    lasttoken: [4, 4, 0],
    mean: [3, 2.5, 0],
    weightedmean: [16 / 5, 13 / 4, 0],
  };
  for (const [mode, values] of Object.entries(expected)) {
    const pooled = poolTokens(states, {
      attentionMask,
      mode: mode as PoolingMode,
    });
    assertClose(await pooled.data(), values, ROUNDING, mode);
  }
});

for (const name of ["cls", "mean", "max", "mean_max"]) {
  gpuTest(
    `poolTokens() and its gradient are PyTorch's for ${name}`,
    async () => {
      using inputs = await openSafetensors(`${FOLDER}inputs.safetensors`);
      using golden = await openSafetensors(`${FOLDER}${name}.safetensors`);
      const read = async (file: typeof inputs, key: string) => {
        const { data, shape } = await file.tensor(key);
        return { data: Float32Array.from(data), shape };
      };
      const hidden = await read(inputs, "hidden.6");
      const mask = await inputs.tensor("mask");
      const states = tensor(hidden.data, {
        shape: hidden.shape,
        requiresGrad: true,
      });
      const pooled = poolTokens(states, {
        attentionMask: tensor(Int32Array.from(mask.data), {
          shape: mask.shape,
        }),
        mode: name.split("_") as PoolingMode[],
      });
      const output = await read(golden, "output.pooled");
      assertEquals(pooled.shape, output.shape);
      assertClose(await pooled.data(), output.data, ROUNDING);
      const { data, shape } = await read(golden, "cotangent.pooled");
      backward(sum(mul(pooled, tensor(data, { shape }))));
      const gradient = await read(golden, "grad.input.h6");
      assertClose(await states.grad?.data() ?? [], gradient.data, ROUNDING);
    },
  );
}

gpuTest("poolTokens() refuses other shapes and modes", () => {
  const states = tensor([[[1, 2], [3, 4]]]);
  const attentionMask = tensor([[1, 1]], { dtype: "i32" });
  assertThrows(
    () => meanPooling(states, tensor([[1, 1, 1]], { dtype: "i32" })),
    TypeError,
    "Cannot pool states [1, 2, 2] by a mask [1, 3]",
  );
  assertThrows(
    () => poolTokens(tensor([[1, 2]]), { attentionMask }),
    TypeError,
    "Cannot pool states [1, 2] by a mask [1, 2]",
  );
  assertThrows(
    () => poolTokens(states, { attentionMask, mode: "avg" as "mean" }),
    RangeError,
    'Cannot pool tokens by "avg": expected one or several of "cls"',
  );
  assertThrows(
    () => poolTokens(states, { attentionMask, mode: [] }),
    RangeError,
    "by no mode",
  );
  assertThrows(
    () => poolTokens(states, { attentionMask, mode: 3 as never }),
    TypeError,
    "Cannot pool tokens by 3: expected one or several of",
  );
  assertThrows(
    () => poolTokens(states, { attentionMask, modes: "max" } as never),
    TypeError,
    'did you mean "mode"?',
  );
});
