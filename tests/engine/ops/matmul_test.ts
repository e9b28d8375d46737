// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertThrows } from "@std/assert";
import { openDevice, setDevice } from "../../../engine/gpu/device.ts";
import { mul } from "../../../engine/ops/binary.ts";
import { tensor, zeros } from "../../../engine/ops/creation.ts";
import {
  type Activation,
  matmul,
  type MatmulOptions,
} from "../../../engine/ops/matmul.ts";
import { scope } from "../../../engine/scope.ts";
import { backward } from "../../../engine/tape.ts";
import { readAll, type Tensor } from "../../../engine/tensor.ts";
import { pin, variantsOf } from "../../../engine/tuning/choice.ts";
import {
  assertClose,
  checkOp,
  FUNCTIONS,
  gpuTest,
  randomValues,
} from "../../_check.ts";
import {
  ACTIVATION_REFERENCES,
  matmulReference,
  type MatmulSizes,
} from "../../reference/matmul.ts";
import {
  checkProducts,
  matmulWith,
  ONE_OF_EACH_KIND,
  operands,
  operandShapes,
  TRANSPOSES,
} from "./_matmul.ts";

// Large blocks take a second each to compile on an adapter on the CPU, and all
// of them share everything that does not depend on the variant.
const SMALL = "direct4";

/** A test in which every product, backward too, takes the small block. */
function smallTest(name: string, run: () => void | Promise<void>): void {
  gpuTest(name, async () => {
    pin("matmul", SMALL);
    try {
      await run();
    } finally {
      pin("matmul", undefined);
    }
  });
}

for (const variant of variantsOf("matmul")) {
  gpuTest(
    `matmul() matches the reference with ${variant}`,
    () => checkProducts(variant, ONE_OF_EACH_KIND.includes(variant)),
  );

  smallTest(
    `matmul() ends with bias, activation and residual in ${variant}`,
    () =>
      checkEpilogue(
        { m: 19, n: 12, k: 4, transposeB: true },
        "gelu",
        [],
        variant,
      ),
  );
}

/** Checks value and gradients of act(a·b + bias) + residual. */
async function checkEpilogue(
  sizes: MatmulSizes,
  activation: Activation | undefined,
  without: readonly string[] = [],
  variant: string = SMALL,
): Promise<void> {
  const { m, n, transposeA = false, transposeB = false } = sizes;
  const [shapeA, shapeB] = operandShapes(sizes);
  const act = activation ? ACTIVATION_REFERENCES[activation] : (z: number) => z;
  const extras = [["bias", [n]], ["residual", [m, n]]] as const;
  const used = extras.filter(([name]) => !without.includes(name));
  const place = (name: string) => used.findIndex(([other]) => other === name);
  await checkOp(
    [
      { shape: shapeA },
      { shape: shapeB },
      ...used.map(([, shape]) => ({ shape })),
    ],
    (a, b, ...rest) =>
      matmulWith(variant, a, b, {
        transposeA,
        transposeB,
        activation,
        bias: rest[place("bias")],
        residual: rest[place("residual")],
      }),
    (a, b, ...rest) => {
      const bias = rest[place("bias")];
      const residual = rest[place("residual")];
      return matmulReference(a, b, sizes).map((z, i) =>
        act(z + (bias?.[i % n] ?? 0)) + (residual?.[i] ?? 0)
      );
    },
    {
      forward: FUNCTIONS,
      backward: FUNCTIONS,
      elements: 12,
      label: `${activation} without ${without} ${JSON.stringify(sizes)}`,
    },
  );
}

smallTest(
  "matmul() derives every activation, with and without residual",
  async () => {
    const sizes = { m: 5, n: 8, k: 4, transposeB: true };
    for (const name of Object.keys(ACTIVATION_REFERENCES)) {
      const activation = name as Activation;
      await checkEpilogue(sizes, activation, ["bias"]);
      await checkEpilogue(sizes, activation, ["residual"]);
    }
    await checkEpilogue(sizes, undefined);
  },
);

smallTest("matmul() derives every transpose case", async () => {
  for (const [transposeA, transposeB] of TRANSPOSES) {
    for (const [m, n, k] of [[12, 8, 20], [7, 17, 5]] as const) {
      const sizes = { m, n, k, transposeA, transposeB };
      await checkEpilogue(sizes, undefined, ["bias", "residual"]);
    }
  }
});

gpuTest("matmul() gives the same bits in every variant", async () => {
  const [a, b] = operands({ m: 37, n: 41, k: 70 });
  // The lanes of a skinny product share a sum: its order is another.
  const chains = variantsOf("matmul").filter((v) => !v.startsWith("skinny"));
  const [first, ...others] = await readAll(
    chains.map((variant) => matmulWith(variant, a, b)),
  );
  for (const other of others) assertEquals(other, first);
});

smallTest(
  "matmul() derives an activation whose result goes into a product",
  async () => {
    const inner = { m: 5, n: 8, k: 4, transposeB: true };
    const outer = { m: 5, n: 3, k: 8, transposeB: true };
    const weights = [[5, 4], [8, 4], [8], [3, 8]].map((shape) => ({ shape }));
    for (const name of Object.keys(ACTIVATION_REFERENCES)) {
      const activation = name as Activation;
      const hidden = (x: Tensor, w: Tensor, bias: Tensor) =>
        matmul(x, w, { transposeB: true, bias, activation });
      const twin = (x: Float64Array, w: Float64Array, bias: Float64Array) =>
        matmulReference(x, w, inner).map((z, i) =>
          ACTIVATION_REFERENCES[activation](z + (bias[i % 8] ?? 0))
        );
      const options = {
        forward: FUNCTIONS,
        backward: FUNCTIONS,
        elements: 12,
        label: activation,
      };
      await checkOp(
        weights,
        (x, w, bias, v) => matmul(hidden(x, w, bias), v, { transposeB: true }),
        (x, w, bias, v) => matmulReference(twin(x, w, bias), v, outer),
        options,
      );
      if (activation !== "gelu" && activation !== "tanh") continue;
      // Two products take the result: neither may make its argument's gradient.
      await checkOp(
        weights,
        (x, w, bias, v) => {
          const h = hidden(x, w, bias);
          const residual = matmul(h, v, { transposeB: true });
          return matmul(h, v, { transposeB: true, residual });
        },
        (x, w, bias, v) =>
          matmulReference(twin(x, w, bias), v, outer).map((y) => 2 * y),
        options,
      );
    }
  },
);

smallTest("matmul() derives a bias in every transpose case", async () => {
  for (const [transposeA, transposeB] of TRANSPOSES) {
    const sizes = { m: 21, n: 17, k: 5, transposeA, transposeB };
    await checkEpilogue(sizes, undefined, ["residual"]);
  }
});

smallTest(
  "matmul() derives a bias without its matrix, and apart from it",
  async () => {
    const sizes = { m: 7, n: 6, k: 5 };
    const twin = (a: Float64Array, b: Float64Array, bias: Float64Array) =>
      matmulReference(a, b, sizes).map((z, i) => z + (bias[i % 6] ?? 0));
    const [a, b, bias] = [{ shape: [7, 5] }, { shape: [5, 6] }, { shape: [6] }];
    await checkOp(
      [a, { ...b, differentiate: false }, bias],
      (a, b, bias) => matmul(a, b, { bias }),
      twin,
    );
    // The bias is a leaf, and the matrix is none.
    await checkOp(
      [a, b, bias],
      (a, b, bias) => matmul(a, mul(b, 2), { bias }),
      (a, b, bias) => twin(a, b.map((v) => 2 * v), bias),
    );
  },
);

smallTest("matmul() adds to a gradient that another op has given", async () => {
  // x is no leaf; three products and a residual give its gradient.
  const sizes = { m: 6, n: 5, k: 5 };
  await checkOp(
    [{ shape: [6, 5] }, { shape: [5, 5] }, { shape: [5, 5] }],
    (start, v, w) => {
      const x = mul(start, 3);
      const y = matmul(x, v, { residual: x });
      return matmul(x, w, { residual: matmul(x, w, { residual: y }) });
    },
    (start, v, w) => {
      const x = start.map((value) => 3 * value);
      const [xv, xw] = [v, w].map((b) => matmulReference(x, b, sizes));
      return x.map((value, i) => value + (xv?.[i] ?? 0) + 2 * (xw?.[i] ?? 0));
    },
  );
});

smallTest("matmul() broadcasts batch axes forward and backward", async () => {
  const [m, n, k] = [3, 5, 4];
  // Batch axes of a and b, and the matrices that the i-th product takes.
  const cases: [number[], number[], Partial<MatmulSizes>][] = [
    [[6], [6], {}],
    [[2, 3], [2, 3], {}],
    [[6], [], { itemB: () => 0 }],
    [[], [6], { itemA: () => 0 }],
    [[2, 3], [3], { itemB: (i) => i % 3 }],
    [[2, 1], [2, 3], { itemA: (i) => Math.floor(i / 3) }],
    [[2, 1], [1, 3], { itemA: (i) => Math.floor(i / 3), itemB: (i) => i % 3 }],
  ];
  for (const [batchA, batchB, items] of cases) {
    for (const [transposeA, transposeB] of TRANSPOSES) {
      const sizes = { m, n, k, transposeA, transposeB, batch: 6, ...items };
      const [shapeA, shapeB] = operandShapes(sizes);
      await checkOp(
        [{ shape: [...batchA, ...shapeA] }, { shape: [...batchB, ...shapeB] }],
        (a, b) => matmul(a, b, { transposeA, transposeB }),
        (a, b) => matmulReference(a, b, sizes),
        { elements: 8 },
      );
    }
  }
});

smallTest("matmul() ends batches with bias and residual", async () => {
  const sizes = { m: 3, n: 6, k: 4, batch: 4 };
  await checkOp(
    [{ shape: [4, 3, 4] }, { shape: [4, 4, 6] }, { shape: [6] }, {
      shape: [4, 3, 6],
    }],
    (a, b, bias, residual) => matmul(a, b, { bias, residual }),
    (a, b, bias, residual) =>
      matmulReference(a, b, sizes).map((z, i) =>
        z + (bias[i % 6] ?? 0) + (residual[i] ?? 0)
      ),
    { elements: 8 },
  );
});

smallTest("matmul() adds to gradients that are there already", async () => {
  const a = tensor(randomValues(15, 1), { shape: [5, 3], requiresGrad: true });
  const b = tensor(randomValues(12, 2), { shape: [3, 4], requiresGrad: true });
  const bias = tensor(randomValues(4, 3), { requiresGrad: true });
  const gradient = tensor(randomValues(20, 4), { shape: [5, 4] });
  const leaves = [a, b, bias];
  const gradients = () => readAll(leaves.flatMap(({ grad }) => grad ?? []));
  backward(matmul(a, b, { bias }), { gradient });
  const once = await gradients();
  backward(matmul(a, b, { bias }), { gradient });
  const twice = await gradients();
  assertEquals(once.length, 3);
  once.forEach((values, i) =>
    assertClose(twice[i] ?? [], values.map((v) => 2 * v))
  );
});

smallTest("matmul() derives a tensor multiplied by itself", () =>
  checkOp(
    [{ shape: [5, 3] }],
    (x) => matmul(x, x, { transposeB: true }),
    (x) => matmulReference(x, x, { m: 5, n: 5, k: 3, transposeB: true }),
  ));

smallTest(
  "matmul() gives empty results and zeros for lengths of 0",
  async () => {
    const make = (shape: number[]) =>
      tensor(new Float32Array(shape.reduce((x, y) => x * y, 1)), {
        shape,
        requiresGrad: true,
      });
    assertEquals(matmul(make([0, 3]), make([3, 2])).shape, [0, 2]);
    assertEquals(matmul(make([2, 3]), make([3, 0])).shape, [2, 0]);
    assertEquals(matmul(make([0, 2, 3]), make([3, 2])).shape, [0, 2, 2]);
    const bias = tensor([1, 2]);
    const y = matmul(make([3, 0]), make([0, 2]), { bias });
    assertEquals([...await y.data()], [1, 2, 1, 2, 1, 2]);
    const [a, b] = [make([0, 3]), make([3, 2])];
    const none = tensor(new Float32Array(), { shape: [0, 2] });
    backward(matmul(a, b), { gradient: none });
    assertEquals([...await b.grad?.data() ?? []], [0, 0, 0, 0, 0, 0]);
  },
);

Deno.test("matmul() gives the same bits when tensors exceed a binding", async () => {
  // Tensors of up to 16 KiB through bindings of 4 KiB.
  const cases: [MatmulSizes, MatmulOptions][] = [
    [{ m: 61, n: 36, k: 60 }, {}],
    [{ m: 8, n: 60, k: 64, transposeB: true }, { activation: "gelu" }],
    [{ m: 36, n: 37, k: 59, transposeA: true }, {}],
    [{ m: 60, n: 33, k: 50, transposeA: true, transposeB: true }, {}],
  ];
  const run = async (maxBindingSize?: number, asGpu = false) => {
    const device = await openDevice(
      maxBindingSize === undefined ? {} : { maxBindingSize },
    );
    if (asGpu) Object.assign(device, { isSoftware: false });
    const before = setDevice(device);
    const all: number[][] = [];
    try {
      using _ = scope();
      for (const [sizes, options] of cases) {
        const { m, n, transposeA = false, transposeB = false } = sizes;
        // The lanes of a skinny product share a sum: a cut along k reorders it.
        if (asGpu && m <= 16) continue;
        const [a, b] = operands(sizes);
        a.requiresGrad = b.requiresGrad = true;
        const residual = tensor(randomValues(m * n, 8), { shape: [m, n] });
        const bias = tensor(randomValues(n, 9));
        const y = matmul(a, b, {
          ...options,
          transposeA,
          transposeB,
          bias,
          residual,
        });
        const gradient = tensor(randomValues(m * n, 7), { shape: [m, n] });
        backward(y, { gradient });
        const values = await readAll([
          y,
          ...[a, b].flatMap((x) => x.grad ?? []),
        ]);
        all.push(...values.map((v) => [...v]));
      }
      // A batch of which no two items fit.
      const x = tensor(randomValues(1800, 5), { shape: [3, 20, 30] });
      const y = tensor(randomValues(1800, 6), { shape: [3, 30, 20] });
      all.push([...await matmul(x, y).data()]);
    } finally {
      if (before) setDevice(before);
      await device.destroy();
    }
    return all;
  };
  pin("matmul", SMALL);
  const [whole, cut] = [await run(), await run(4096)];
  pin("matmul", undefined);
  assertEquals(cut, whole);
  // The kernel that a GPU chooses: parts of few rows must not have another one.
  assertEquals(await run(4096, true), await run(undefined, true));
});

smallTest("matmul() says which shapes do not fit", () => {
  const make = (shape: number[]) =>
    tensor(new Float32Array(shape.reduce((x, y) => x * y, 1)), { shape });
  assertThrows(
    () => matmul(make([8, 3]), make([4, 5])),
    TypeError,
    "Cannot multiply [8, 3] by [4, 5]: inner dimensions must match",
  );
  assertThrows(
    () => matmul(make([8, 3]), make([5, 4]), { transposeB: true }),
    TypeError,
    "Cannot multiply [8, 3] by [5, 4] transposed: inner dimensions must match",
  );
  assertThrows(() => matmul(make([3]), make([3, 5])), TypeError, "two axes");
  assertThrows(
    () => matmul(make([2, 8, 3]), make([3, 3, 5])),
    TypeError,
    "Cannot multiply matrices of batches [2] and [3]",
  );
  assertThrows(
    () => matmul(make([2, 3]), make([3, 5]), { bias: make([4]) }),
    TypeError,
    "Cannot add bias [4] to a product of shape [2, 5]",
  );
  assertThrows(
    () => matmul(make([2, 3]), make([3, 5]), { residual: make([5]) }),
    TypeError,
    "Cannot add residual [5] to a product of shape [2, 5]",
  );
  assertThrows(
    // @ts-expect-error -- the types ask for floats
    () => matmul(zeros([2, 3], { dtype: "i32" }), make([3, 5])),
    TypeError,
    "Cannot multiply matrices of i32",
  );
});
