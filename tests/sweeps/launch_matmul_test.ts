// Copyright 2026 the swagpu authors. MIT license.

// What launchMatmul() can do besides a plain product, in every variant: add to what
// the result holds, sum the rows or columns of an operand on the way, and split the
// sum over k. tests/engine/ops/matmul_test.ts tests the products themselves.

import { assert, assertEquals } from "@std/assert";
import type { Device } from "../../engine/gpu/device.ts";
import { tensor } from "../../engine/ops/creation.ts";
import { launchMatmul } from "../../engine/launch/matmul.ts";
import {
  chooseBlock,
  chooseSplits,
} from "../../engine/launch/matmul_choice.ts";
import { allocate, readAll, type Tensor } from "../../engine/tensor.ts";
import { pin, variantsOf } from "../../engine/tuning/choice.ts";
import {
  assertClose,
  FUNCTIONS,
  gpuTest,
  randomValues,
  SUMS,
} from "../_check.ts";
import { eachVariant, withVariant } from "../_variants.ts";
import {
  ACTIVATION_REFERENCES,
  matmulReference,
  type MatmulSizes,
} from "../reference/matmul.ts";

interface Case extends MatmulSizes {
  sums: "a" | "b" | undefined;
  accumulate: boolean;
}

/** Multiplies random operands and compares all that the call writes. */
async function check(sizes: Case): Promise<Float32Array> {
  const { m, n, k, transposeA = false, transposeB = false } = sizes;
  const values = {
    a: randomValues(m * k, 1),
    b: randomValues(n * k, 2),
    c: randomValues(m * n, 3),
    into: randomValues(sizes.sums === "b" ? n : m, 4),
  };
  const a = tensor(values.a, { shape: transposeA ? [k, m] : [m, k] });
  const b = tensor(values.b, { shape: transposeB ? [n, k] : [k, n] });
  const c = tensor(values.c, { shape: [m, n] });
  const into = tensor(values.into);
  launchMatmul({
    a,
    b,
    c,
    m,
    n,
    k,
    transposeA,
    transposeB,
    batch: [],
    accumulate: sizes.accumulate,
    sums: sizes.sums && { of: sizes.sums, into },
  });
  const [y, sums] = await readAll([c, into]);
  const label = JSON.stringify(sizes);
  const held = sizes.accumulate ? 1 : 0;
  const twin = matmulReference(values.a, values.b, sizes)
    .map((v, i) => v + held * (values.c[i] ?? 0));
  assertClose(y ?? [], twin, SUMS, label);
  if (sizes.sums) {
    const ones = new Float64Array(k * Math.max(m, n)).fill(1);
    const totals = sizes.sums === "a"
      ? matmulReference(values.a, ones, { m, n: 1, k, transposeA })
      : matmulReference(ones, values.b, { m: 1, n, k, transposeB });
    assertClose(
      sums ?? [],
      totals.map((v, i) => v + held * (values.into[i] ?? 0)),
      SUMS,
      `${label} sums`,
    );
  }
  return Float32Array.from(y ?? []);
}

/** Runs with variants pinned. */
async function pinning(
  variant: string,
  splits: string | undefined,
  run: () => void | Promise<void>,
): Promise<void> {
  pin("matmul", variant);
  pin("matmul_split", splits);
  try {
    await run();
  } finally {
    pin("matmul", undefined);
    pin("matmul_split", undefined);
  }
}

// More than one of the largest tiles along each axis.
const WEIGHTS = { m: 132, n: 136, k: 20, transposeA: true, transposeB: false };

for (const variant of variantsOf("matmul")) {
  gpuTest(
    `launchMatmul() adds and sums along k in ${variant}`,
    () =>
      pinning(variant, undefined, async () => {
        await check({ ...WEIGHTS, sums: "a", accumulate: true });
      }),
  );

  gpuTest(
    `launchMatmul() splits sums in ${variant}`,
    () =>
      pinning(variant, "split4", async () => {
        // Parts of 12, 12, 12 and 1: the last is ragged.
        const sizes = { ...WEIGHTS, k: 37 };
        await check({ ...sizes, sums: "a", accumulate: true });
      }),
  );
}

// One variant for each way to make a block.
for (const variant of ["direct4", "tiled32", "skinny4"]) {
  gpuTest(
    `launchMatmul() sums and splits in all forms with ${variant}`,
    async () => {
      for (const splits of ["whole", "split2"]) {
        await pinning(variant, splits, async () => {
          for (const accumulate of [false, true]) {
            for (const sums of ["a", "b", undefined] as const) {
              if (splits === "whole" && !sums && !accumulate) continue;
              const sizes = { m: 37, n: 45, k: 65, sums, accumulate };
              await check({ ...sizes, transposeA: true });
              if (accumulate || sums === "b") continue;
              await check({ ...sizes, n: 44, k: 64, transposeB: true });
            }
          }
        });
      }
    },
  );

  gpuTest(
    `launchMatmul() gives split sums the same epilogue as others with ${variant}`,
    () =>
      pinning(variant, "split2", async () => {
        const sizes = { m: 7, n: 12, k: 20 };
        const [a, b, bias, residual] = [[7, 20], [20, 12], [12], [7, 12]].map(
          (shape, i) =>
            tensor(randomValues(shape.reduce((x, y) => x * y), i), { shape }),
        );
        assert(a && b && bias && residual);
        const [c, saved, dz] = [1, 2, 3].map(() => allocate(a.device, [7, 12]));
        assert(c && saved && dz);
        const shared = { ...sizes, a, b, transposeA: false, transposeB: false };
        const call = { ...shared, batch: [] };
        launchMatmul({ ...call, c, bias, residual, activation: "gelu", saved });
        const derive = { activation: "silu" as const, argument: residual };
        launchMatmul({ ...call, c: dz, derive });
        const [y, z, d, ...host] = await readAll(
          [c, saved, dz, a, b, bias, residual],
        );
        const [va, vb, vBias, vResidual] = host;
        const sum = matmulReference(va ?? [], vb ?? [], sizes);
        const argument = sum.map((v, i) => v + (vBias?.[i % 12] ?? 0));
        assertClose(z ?? [], argument, SUMS, "saved");
        assertClose(
          y ?? [],
          argument.map((v, i) =>
            ACTIVATION_REFERENCES.gelu(v) + (vResidual?.[i] ?? 0)
          ),
          FUNCTIONS,
        );
        const slope = (x: number) => {
          const [up, down] = [x + 1e-4, x - 1e-4].map(
            ACTIVATION_REFERENCES.silu,
          );
          return ((up ?? 0) - (down ?? 0)) / 2e-4;
        };
        assertClose(
          d ?? [],
          sum.map((v, i) => v * slope(vResidual?.[i] ?? 0)),
          FUNCTIONS,
          "derived",
        );
      }),
  );
}

eachVariant(
  "matmul_split",
  "launchMatmul() matches the reference with sums split along k",
  async () => {
    await withVariant("matmul", "direct4", async () => {
      // The last parts are shorter, ragged or missing.
      for (const k of [3, 37, 96]) {
        const sizes = { m: 9, n: 12, k, sums: "a", accumulate: true } as const;
        await check({ ...sizes, transposeA: true });
      }
    });
  },
);

gpuTest(
  "launchMatmul() gives the same bits in every run of a split sum",
  () =>
    pinning("direct4", "split4", async () => {
      const sizes = {
        ...WEIGHTS,
        k: 96,
        sums: "a",
        accumulate: false,
      } as const;
      assertEquals(await check(sizes), await check(sizes));
    }),
);

gpuTest(
  "launchMatmul() writes zeros for sums without terms",
  async () => {
    const make = (shape: number[]): Tensor =>
      tensor(new Float32Array(shape.reduce((x, y) => x * y)), { shape });
    for (const splits of ["whole", "split4"]) {
      await pinning("direct4", splits, async () => {
        const into = tensor([1, 2, 3]);
        const c = tensor(randomValues(6, 1), { shape: [3, 2] });
        launchMatmul({
          a: make([0, 3]),
          b: make([0, 2]),
          c,
          m: 3,
          n: 2,
          k: 0,
          transposeA: true,
          transposeB: false,
          batch: [],
          sums: { of: "a", into },
        });
        const [y, sums] = await readAll([c, into]);
        assertEquals([...y ?? []], [0, 0, 0, 0, 0, 0]);
        assertEquals([...sums ?? []], [0, 0, 0]);
      });
    }
  },
);

/** The properties of a device on which the choices depend. */
function device(isSoftware: boolean): Device {
  return { isSoftware } as unknown as Device;
}

Deno.test("chooseSplits() splits small results of long sums on GPUs alone", () => {
  const sizes = { transposeB: false, aligned: true, count: 1 };
  const gradient = { ...sizes, m: 768, n: 768, k: 4096 };
  const cases = [
    [gradient, 4],
    [{ ...gradient, m: 128, n: 128 }, 8],
    [{ ...gradient, k: 300 }, 2],
    [{ ...gradient, k: 190 }, 1],
    [{ ...gradient, m: 4096 }, 1],
    [{ ...gradient, count: 12 }, 1],
    [{ ...gradient, m: 2 }, 8],
    [{ ...gradient, m: 1, n: 3072, k: 768, transposeB: true }, 1],
  ] as const;
  for (const [given, expected] of cases) {
    assertEquals(chooseSplits(device(false), given), expected);
    assertEquals(chooseSplits(device(true), given), 1);
  }
});

Deno.test("chooseBlock() takes the largest tiles that make enough workgroups", () => {
  const sizes = { k: 1024, transposeB: true, aligned: true, count: 1 };
  const block = (m: number, n: number, splits = 1) =>
    chooseBlock(device(false), { ...sizes, m, n }, splits);
  assertEquals(block(4096, 4096), "tiled128");
  assertEquals(block(4096, 768), "tiled128x64");
  assertEquals(block(1024, 1024), "tiled64");
  assertEquals(block(1024, 1024, 4), "tiled128");
  assertEquals(block(100, 100), "tiled32");
  assertEquals(block(1, 768), "skinny4");
  assertEquals(block(16, 768), "skinny16");
});

Deno.test("chooseBlock() takes blocks that load little on adapters on the CPU", () => {
  const block = (m: number, n: number, k: number, aligned = true) =>
    chooseBlock(
      device(true),
      { m, n, k, transposeB: true, aligned, count: 1 },
      1,
    );
  assertEquals(block(512, 3072, 768), "direct16x32");
  assertEquals(block(8, 768, 768), "direct8x16");
  assertEquals(block(4, 768, 768), "direct4x16");
  assertEquals(block(3, 2, 5, false), "direct4");
  assertEquals(block(512, 3072, 767, false), "direct16");
});
