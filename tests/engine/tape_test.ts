// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { tensor } from "../../engine/ops/creation.ts";
import {
  add,
  attention,
  bceWithLogits,
  crossEntropy,
  embedding,
  gather,
  Generator,
  indexSelect,
  mul,
  reshape,
  where,
  writeCache,
} from "../../engine/mod.ts";
import { fillRandom } from "../../engine/kernel_kit.ts";
import { sum } from "../../engine/ops/reduce.ts";
import { matmul } from "../../engine/ops/matmul.ts";
import { scope } from "../../engine/scope.ts";
import {
  backward,
  detach,
  isOnlyUse,
  isRecording,
  noGrad,
  record,
  recordAll,
} from "../../engine/tape.ts";
import { alias, type AnyTensor, type Tensor } from "../../engine/tensor.ts";
import { assertClose, gpuTest, randomValues } from "../_check.ts";

gpuTest("backward() adds up over paths, uses and calls", async () => {
  const x = tensor([1, 2], { requiresGrad: true });
  const y = mul(x, x); // y feeds three paths, two of which share a gradient
  const z = add(add(y, mul(y, 2)), y);
  backward(sum(z));
  assertEquals([...await x.grad?.data() ?? []], [8, 16]);
  backward(sum(add(x, x)));
  assertEquals([...await x.grad?.data() ?? []], [10, 18]);
  x.dropGradient();
  assertEquals(x.grad, undefined);
});

gpuTest("an op with several results has one derivative", async () => {
  const x = tensor([1, 2], { requiresGrad: true });
  let runs = 0;
  const makeTwo = () =>
    recordAll([alias(x), alias(x)] as const, [x], ([da, db]) => {
      runs++;
      return [da && db ? add(da, mul(db, 10)) : da ?? (db && mul(db, 10))];
    });
  const [a, b] = makeTwo();
  backward(sum(add(mul(a, 2), mul(b, 3))));
  assertEquals([...await x.grad?.data() ?? []], [32, 32]);
  assertEquals(runs, 1);
  x.dropGradient();
  const [unused, used] = makeTwo();
  unused.dispose();
  backward(sum(used));
  assertEquals([...await x.grad?.data() ?? []], [10, 10]);
  assertEquals(runs, 2);
});

gpuTest("backward() can go through a graph again", async () => {
  const x = tensor([3], { requiresGrad: true });
  const y = mul(x, x);
  backward(y);
  backward(y, { gradient: tensor([10]) });
  assertEquals(await x.grad?.item(), 66);
});

gpuTest(
  "backward() takes deep graphs and frees gradients on the way",
  async (device) => {
    const x = tensor(randomValues(1000, 1), { requiresGrad: true });
    let y = x;
    for (let i = 0; i < 2000; i++) y = add(y, 0.001);
    const loss = sum(y);
    device.pool.resetPeak();
    const { inUse } = device.pool.statistics();
    backward(loss);
    // The leaf's gradient and at most three of the tensors on the way.
    assert(device.pool.statistics().peak - inUse <= 4 * 4096 + 512);
    assertEquals(await x.grad?.data(), new Float32Array(1000).fill(1));
  },
);

gpuTest("noGrad() and detach() stop the tape", async () => {
  const x = tensor([2], { requiresGrad: true });
  assert(!noGrad(() => mul(x, x)).requiresGrad);
  assert(isRecording());
  assertThrows(() => noGrad(() => assertThrows(() => 1)), Error);
  assert(isRecording());
  const y = mul(x, detach(x));
  backward(y);
  assertEquals(await x.grad?.item(), 2);
});

gpuTest(
  "backward() gives no gradient to tensors that ask for none",
  async () => {
    const x = tensor([1, 2], { requiresGrad: true });
    const c = tensor([3, 4]);
    backward(sum(mul(x, c)));
    assertEquals(c.grad, undefined);
    assertClose(await x.grad?.data() ?? [], [3, 4]);
  },
);

gpuTest("backward() refuses what has no gradient", () => {
  assertThrows(
    () => backward(tensor([1])),
    TypeError,
    "Cannot go backward from a tensor without history",
  );
  const y = mul(tensor([1, 2], { requiresGrad: true }), 2);
  assertThrows(
    () => backward(y),
    TypeError,
    "Cannot go backward from shape [2]: give a gradient, or reduce it to one element",
  );
  assertThrows(
    () => backward(y, { gradient: tensor([1]) }),
    TypeError,
    "Cannot go backward from shape [2]: the gradient has shape [1]",
  );
  assertThrows(
    // @ts-expect-error -- the types ask for floats
    () => backward(y, { gradient: tensor([1, 1], { dtype: "i32" }) }),
    TypeError,
    "Cannot go backward with a gradient of i32: cast() it to f32",
  );
});

gpuTest(
  "errors on the way leave tape, scopes and memory right",
  async (device) => {
    const x = tensor([[1, 2], [3, 4]], { requiresGrad: true });
    const { inUse } = device.pool.statistics();
    /** An op whose derivative fails. */
    const faulty = () => {
      const h = matmul(x, x);
      return record(alias(h), [h], () => {
        add(h, 1);
        throw new RangeError("in the derivative");
      });
    };
    const failures: [run: () => unknown, message: string][] = [
      [() => backward(sum(matmul(faulty(), x))), "in the derivative"],
      [() => noGrad(() => backward(sum(mul(x, x)))), "without history"],
      [() => {
        noGrad(() => {
          mul(x, x);
          throw new RangeError("without recording");
        });
      }, "without recording"],
      [() => mul(mul(x, x), tensor([1, 2, 3])), "Cannot"],
      [() => matmul(mul(x, x), tensor([[1, 2, 3]])), "Cannot"],
    ];
    for (const [run, message] of failures) {
      const inside = () => {
        using _ = scope();
        run();
      };
      assertThrows(inside, Error, message);
      x.dropGradient();
      assert(isRecording());
      assert(!isOnlyUse(x)); // No backward pass is under way.
      assertEquals(device.pool.statistics().inUse, inUse, message);
      using own = scope();
      const y = sum(mul(x, x));
      assertEquals(y.owner, own);
      backward(y);
      assertEquals([...await x.grad?.data() ?? []], [2, 4, 6, 8]);
      x.dropGradient();
    }
  },
);

gpuTest(
  "labels, indices and masks must not be overwritten before backward()",
  () => {
    const x = tensor([[1, 2], [3, 4]], { requiresGrad: true });
    const integers = tensor([0, 1], { dtype: "i32" });
    const row = reshape(integers, [1, 2]);
    const floats = tensor([1, 2]);
    const q = () => reshape(x, [1, 2, 2]);
    const losses: Record<string, [loss: () => Tensor, taken: AnyTensor]> = {
      labels: [() => crossEntropy(x, integers), integers],
      "class weights": [
        () => crossEntropy(x, tensor([[1, 0], [0, 1]]), { weight: floats }),
        floats,
      ],
      ids: [() => sum(embedding(integers, x)), integers],
      indices: [() => sum(indexSelect(x, integers)), integers],
      "indices of elements": [() => sum(gather(x, row)), integers],
      condition: [() => sum(where(row, x, 0)), integers],
      posWeight: [
        () => bceWithLogits(x, tensor([[1, 0], [0, 1]]), { posWeight: floats }),
        floats,
      ],
      mask: [
        () => sum(attention(q(), q(), q(), { heads: 1, mask: row })),
        integers,
      ],
    };
    for (const [name, [loss, taken]] of Object.entries(losses)) {
      const y = loss();
      taken.write([1, 0]);
      assertThrows(
        () => backward(y),
        TypeError,
        "was modified by an in-place operation",
        name,
      );
      backward(loss());
      x.dropGradient();
    }
  },
);

gpuTest("every way of overwriting a tensor is noticed", () => {
  const x = tensor([[[1, 2]]], { requiresGrad: true });
  const factor = tensor([[[3, 4]]]);
  const stream = new Generator(1).next();
  const changes: Record<string, () => void> = {
    write: () => factor.write([0, 0]),
    fillRandom: () => fillRandom(factor, "uniform", stream, { a: 0, b: 1 }),
    writeCache: () => writeCache(factor, tensor([[[5, 6]]]), { column: 0 }),
  };
  for (const [name, change] of Object.entries(changes)) {
    const y = sum(mul(x, factor));
    change();
    assertThrows(() => backward(y), TypeError, "in-place operation", name);
  }
});

gpuTest("gradients may be written between an op and backward()", async () => {
  const x = tensor([1, 2], { requiresGrad: true });
  const gradient = tensor([1, 1]);
  backward(mul(x, x), { gradient });
  const y = add(reshape(mul(x, x), [2]), reshape(x, [2]));
  x.grad?.write([0, 0]);
  gradient.write([2, 3]);
  backward(y, { gradient });
  assertEquals([...await x.grad?.data() ?? []], [6, 15]);
});
