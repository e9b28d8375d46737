// Copyright 2026 the swagpu authors. MIT license.

import {
  assert,
  assertEquals,
  assertNotStrictEquals,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  currentDevice,
  initialize,
  openDevice,
  setDevice,
} from "../../engine/device.ts";
import { dtypeOf, DTYPES } from "../../engine/dtype.ts";
import { DeviceLostError, GpuError } from "../../engine/errors.ts";
import { type Kernel, specialize } from "../../engine/kernel.ts";
import { grid, launch, windows } from "../../engine/launch.ts";
import { ones, tensor, zeros } from "../../engine/ops/creation.ts";
import { add, exp, gelu, mul } from "../../engine/mod.ts";
import { addInto, fillInto } from "../../engine/ops/inplace.ts";
import { reshape, slice } from "../../engine/ops/movement.ts";
import { mean, sum } from "../../engine/ops/reduce.ts";
import { keep, persist, scope } from "../../engine/scope.ts";
import { backward, detach, isRecording, noGrad } from "../../engine/tape.ts";
import { alias, allocate, readAll, Tensor } from "../../engine/tensor.ts";
import { assertClose, gpuTest, randomValues } from "../_check.ts";

// --------------------------------------------------------------------- device

gpuTest("initialize() gives one device for all", async (device) => {
  assertStrictEquals(await initialize(), device);
  assertStrictEquals(currentDevice(), device);
  assert(device.name.length > 0);
});

gpuTest(
  "openDevice() lowers the binding limit and leaves the current device",
  async (device) => {
    const other = await openDevice({ maxBindingSize: 4096 });
    assertEquals(other.maxBindingSize, 4096);
    assertStrictEquals(currentDevice(), device);
    assertStrictEquals(setDevice(other), device);
    assertStrictEquals(tensor([1]).device, other);
    setDevice(device);
    await other.destroy();
  },
);

gpuTest(
  "a device throws what the GPU refused at the next flush, once",
  async (device) => {
    device.gpu.createBuffer({
      size: 16,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.STORAGE,
    });
    await assertRejects(
      () => device.synchronize(),
      GpuError,
      "The GPU refused a command:",
    );
    await device.synchronize();
  },
);

gpuTest(
  "a kernel that does not compile is named, with its source lines",
  async () => {
    const other = await openDevice();
    const y = allocate(other, [4]);
    const kernel: Kernel = {
      name: "misspelt",
      bind: ["write"],
      wgsl: "@group(0) @binding(0) var<storage, read_write> y: array<f32>;\n" +
        "@compute @workgroup_size(1) fn main() { y[0] = unknown_name; }\n",
    };
    launch(other, kernel, { bind: [y], groups: [1] });
    const error = await assertRejects(() => y.data(), GpuError);
    assertStringIncludes(error.message, "Cannot compile kernel misspelt");
    assertStringIncludes(error.message, "unknown_name");
    assertStringIncludes(error.message, "2: @compute");
    await other.destroy();
  },
);

gpuTest("a device that was destroyed throws at every use", async () => {
  const other = await openDevice();
  const x = tensor([1, 2], { device: other });
  await other.destroy();
  await other.gpu.lost;
  assertThrows(() => other.check(), DeviceLostError, "The GPU device was lost");
  await assertRejects(() => x.data(), DeviceLostError);
});

// ----------------------------------------------------------------- dtype, shape

Deno.test("DTYPES and dtypeOf() agree", () => {
  for (const dtype of ["f32", "i32", "u32"] as const) {
    const values = DTYPES[dtype].from([1, 2]);
    assertEquals(dtypeOf(values), dtype);
    assertEquals(values.BYTES_PER_ELEMENT, DTYPES[dtype].bytes);
    assertEquals(
      DTYPES[dtype].view(values.buffer, 4, 1),
      DTYPES[dtype].from([2]),
    );
  }
});

Deno.test("grid() stays under WebGPU's limit and covers every invocation", () => {
  for (const count of [0, 1, 64, 65, 65535 * 64, 65535 * 64 + 1, 3e8]) {
    const [x, y] = grid(count, 64);
    assert(x <= 65535 && y <= 65535);
    assert(x * y * 64 >= count);
  }
});

gpuTest("windows() covers all rows at legal offsets", async () => {
  const small = await openDevice({ maxBindingSize: 64 * 1024 });
  assertEquals(windows(small, 100, [8]), [{ start: 0, count: 100 }]);
  for (const [rows, size] of [[10_000, 3], [1000, 100], [65, 255]] as const) {
    let next = 0;
    for (const { start, count } of windows(small, rows, [1, size])) {
      assertEquals(start, next);
      assertEquals(start % 64, 0);
      assert(count * size * 4 <= 64 * 1024);
      next += count;
    }
    assertEquals(next, rows);
  }
  assertThrows(
    () => windows(small, 100, [1000]),
    RangeError,
    "Cannot split rows of 4000 bytes: 64 of them exceed",
  );
  await small.destroy();
});

// ----------------------------------------------------------------------- pool

gpuTest("a repeated step makes no buffer and no bind group", async (device) => {
  const w = tensor(randomValues(33 * 17, 1), {
    shape: [33, 17],
    requiresGrad: true,
  });
  const b = zeros([17], { requiresGrad: true });
  const step = () => {
    using _ = scope();
    const x = tensor(randomValues(33 * 17, 2), { shape: [33, 17] });
    const y = gelu(add(mul(x, w), b));
    backward(mean(mul(y, slice(exp(y), { start: 0 }))));
  };
  step();
  step();
  await device.synchronize();
  const pool = device.pool.statistics();
  const { bindGroups } = device.stream.statistics();
  const pipelines = device.pipelines.size;
  for (let i = 0; i < 200; i++) step();
  await device.synchronize();
  const after = device.pool.statistics();
  assertEquals([after.inUse, after.blocks, after.created, after.reserved], [
    pool.inUse,
    pool.blocks,
    pool.created,
    pool.reserved,
  ]);
  assertEquals(device.stream.statistics().bindGroups, bindGroups);
  assertEquals(device.pipelines.size, pipelines);
});

gpuTest("Pool hands out the lowest free block of a class", async () => {
  const device = await openDevice();
  const { pool } = device;
  const [a, b, c] = [
    pool.acquire(1000),
    pool.acquire(1000),
    pool.acquire(1000),
  ];
  assertEquals(pool.statistics().blocks, 3);
  for (const block of [c, a, b]) pool.release(block);
  assertStrictEquals(pool.acquire(900), a);
  assertStrictEquals(pool.acquire(1024), b);
  assertNotStrictEquals(pool.acquire(100), c);
  await device.destroy();
});

gpuTest("Pool gives free memory back when trimmed", async () => {
  const device = await openDevice();
  const x = zeros([1000], { device });
  zeros([5000], { device }).dispose();
  await device.synchronize();
  const before = device.pool.statistics();
  assertEquals(before.inUse, 4096);
  assertEquals(device.pool.trim(), before.reserved - 4096);
  assertEquals(device.pool.statistics().reserved, 4096);
  assertEquals(await sum(x).item(), 0);
  device.pool.resetPeak();
  assertEquals(device.pool.statistics().peak, device.pool.statistics().inUse);
  await device.destroy();
});

// --------------------------------------------------------------------- stream

gpuTest(
  "more dispatches than a chunk holds keep their order and parameters",
  async () => {
    let y = zeros([7]);
    for (let i = 1; i <= 300; i++) y = add(y, i);
    assertEquals(await y.data(), new Float32Array(7).fill(300 * 301 / 2));
  },
);

gpuTest("a write comes after what was recorded before it", async () => {
  const x = tensor([1, 2]);
  const before = add(x, 1);
  x.write([10, 20]);
  const after = add(x, 1);
  const [a, b] = await readAll([before, after]);
  assertEquals([...a ?? []], [2, 3]);
  assertEquals([...b ?? []], [11, 21]);
});

gpuTest(
  "readAll() shares one wait and takes every type and size",
  async (device) => {
    const { reads } = device.stream.statistics();
    const results = await readAll([
      tensor([1]),
      tensor(Int32Array.of(-1, 2, -3)),
      zeros([0, 2]),
      tensor(Uint32Array.of(7)),
    ]);
    assertEquals(results, [
      Float32Array.of(1),
      Int32Array.of(-1, 2, -3),
      new Float32Array(0),
      Uint32Array.of(7),
    ]);
    assertEquals(device.stream.statistics().reads, reads + 1);
    assertEquals(await readAll([]), []);
  },
);

gpuTest("launch() refuses calls that cannot run", async (device) => {
  const x = tensor([1]);
  const kernel: Kernel = {
    name: "nothing",
    bind: ["write"],
    params: { count: "u32" },
    wgsl: `struct Params { count: u32 }
@group(0) @binding(0) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> p: Params;
@compute @workgroup_size(1) fn main() { if (p.count > 0u) { y[0] = 5.0; } }`,
  };
  assertThrows(
    () => launch(device, kernel, { bind: [x], groups: [1] }),
    TypeError,
    "Cannot dispatch nothing: parameter count is missing",
  );
  assertThrows(
    () =>
      launch(device, kernel, {
        bind: [x],
        params: { count: 0 },
        groups: [70_000],
      }),
    GpuError,
    "Cannot dispatch nothing over [70000, 1, 1] workgroups",
  );
  const other = await openDevice();
  const y = tensor([1], { device: other });
  assertThrows(() => add(x, y), TypeError, "Cannot use tensors of two devices");
  launch(device, kernel, { bind: [x], params: { count: 1 }, groups: [1] });
  assertEquals(await x.item(), 5);
  await other.destroy();
});

Deno.test("specialize() gives the same kernel for the same constants", () => {
  const kernel: Kernel = { name: "k", bind: [], wgsl: "" };
  const a = specialize(kernel, { TILE: 8 });
  assertStrictEquals(specialize(kernel, { TILE: 8 }), a);
  assertNotStrictEquals(specialize(kernel, { TILE: 4 }), a);
  assertEquals(specialize(a, { ROWS: 2 }).constants, { TILE: 8, ROWS: 2 });
});

gpuTest("addInto() and fillInto() leave neighbouring views alone", async () => {
  const target = zeros([128]);
  fillInto(target, 7);
  const { device, block } = target;
  const head = new Tensor(device, [33], "f32", { block, byteOffset: 0 });
  fillInto(head, 1);
  addInto(head, ones([33]));
  const values = await target.data();
  assertEquals([...values.slice(0, 33)], new Array(33).fill(2));
  assertEquals([...values.slice(33)], new Array(95).fill(7));
  head.dispose();
});

// ---------------------------------------------------------------------- scope

gpuTest("a scope frees all that was not kept", async (device) => {
  const before = device.pool.statistics().inUse;
  let inside: Tensor | undefined;
  const make = () => {
    using _ = scope();
    inside = tensor([1, 2]);
    return keep(add(inside, 1));
  };
  const y = make();
  assertEquals(device.pool.statistics().inUse, before + 256);
  assert(inside?.isDisposed);
  assertEquals([...await y.data()], [2, 3]);
  const gone = inside;
  for (
    const use of [
      () => add(gone, 1),
      () => gone.write([1, 2]),
      () => alias(gone),
    ]
  ) {
    assertThrows(
      use,
      ReferenceError,
      "Cannot use a tensor of shape [2]: it was disposed or its scope has " +
        "ended; keep() it to use it later",
    );
  }
  await assertRejects(() => gone.data(), ReferenceError);
});

gpuTest("keep() hands a tensor to the scope outside", (device) => {
  const before = device.pool.statistics().inUse;
  {
    using _outer = scope();
    let kept: Tensor;
    {
      using _inner = scope();
      kept = keep(ones([4]));
      ones([4]);
    }
    assert(!kept.isDisposed);
    assertEquals(device.pool.statistics().inUse, before + 256);
  }
  assertEquals(device.pool.statistics().inUse, before);
});

gpuTest("persist() takes a tensor out of all scopes", () => {
  let x: Tensor;
  {
    using _outer = scope();
    using _inner = scope();
    x = persist(ones([4]));
  }
  assert(!x.isDisposed);
  x.dispose();
  x.dispose();
  assert(x.isDisposed);
});

gpuTest("a scope that an error leaves frees those inside it", (device) => {
  const before = device.pool.statistics().inUse;
  assertThrows(
    () => {
      using _ = scope();
      scope();
      ones([4]);
      throw new Error("on the way");
    },
    Error,
    "on the way",
  );
  assertEquals(device.pool.statistics().inUse, before);
});

gpuTest(
  "memory lives as long as the last tensor that shares it",
  async (device) => {
    const before = device.pool.statistics().inUse;
    const x = tensor([1, 2, 3, 4]);
    const y = reshape(x, [2, 2]);
    x.dispose();
    assertEquals(device.pool.statistics().inUse, before + 256);
    assertEquals([...await y.data()], [1, 2, 3, 4]);
    y.dispose();
    assertEquals(device.pool.statistics().inUse, before);
  },
);

gpuTest("Tensor refuses values and reads that do not fit", async () => {
  const x = tensor([1, 2]);
  assertThrows(
    () => x.write([1]),
    TypeError,
    "Cannot write 1 values into a tensor of shape [2]: it has 2 elements",
  );
  await assertRejects(
    () => x.item(),
    TypeError,
    "Cannot read the item of a tensor of shape [2]: it must have exactly one element",
  );
  const small = await openDevice({ maxBindingSize: 4096 });
  const large = zeros([2000], { device: small });
  assertThrows(
    () => large.binding,
    RangeError,
    "Cannot bind a tensor of shape [2000] at once",
  );
  await small.destroy();
});

// ----------------------------------------------------------------------- tape

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
});
