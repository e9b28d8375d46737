// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { capture } from "../../../engine/capture/capture.ts";
import {
  type Device,
  initialize,
  openDevice,
  setDevice,
} from "../../../engine/gpu/device.ts";
import { DeviceLostError } from "../../../engine/gpu/errors.ts";
import {
  add,
  matmul,
  mul,
  reshape,
  softmax,
  transpose,
} from "../../../engine/mod.ts";
import { tensor, zeros } from "../../../engine/ops/creation.ts";
import { sum } from "../../../engine/ops/reduce.ts";
import { backward, detach, noGrad } from "../../../engine/tape.ts";
import { readAll, type Tensor } from "../../../engine/tensor.ts";
import { tune } from "../../../engine/tuner.ts";
import {
  AdamW,
  clipGradNorm,
  Linear,
  mseLoss,
  train,
} from "../../../nn/mod.ts";
import { SwagModel } from "../../../swag/mod.ts";

/** A way to lose a device: with or without the library. */
const WAYS: Record<string, (device: Device) => void | Promise<void>> = {
  "device.gpu.destroy()": ({ gpu }) => gpu.destroy(),
  "device.destroy()": (device) => device.destroy(),
  "a loss that only the promise tells of": async ({ gpu }) => {
    GPUDevice.prototype.destroy.call(gpu);
    await gpu.lost;
  },
};

/** All calls that use a device, prepared before it is lost. */
async function callsOf(
  device: Device,
): Promise<Record<string, () => unknown>> {
  const x = tensor([[1, 2], [3, 4]], { requiresGrad: true });
  const y = sum(mul(x, x));
  const model = new Linear(2, 2);
  const optimizer = new AdamW(model.parameters());
  const forward = () => model.forward(detach(x));
  const learn = () => mseLoss(forward(), detach(x));
  backward(learn());
  const swag = SwagModel.fromBase(model);
  for (let i = 0; i < 2; i++) swag.collectModel();
  const step = capture(({ x }: { x: Tensor }) => add(x, 1));
  const feed = { x: Float32Array.of(1) };
  for (let i = 0; i < 4; i++) step(feed);
  assertEquals(step.reason, undefined);
  await device.synchronize();
  return {
    add: () => add(x, 1),
    matmul: () => matmul(x, x),
    softmax: () => softmax(x),
    transpose: () => transpose(x),
    reshape: () => reshape(x, [4]),
    detach: () => detach(x),
    "an op without recording": () => noGrad(() => add(x, 1)),
    tensor: () => tensor([1]),
    zeros: () => zeros([0]),
    data: () => x.data(),
    item: () => y.item(),
    readAll: () => readAll([x, y]),
    write: () => x.write([1, 2, 3, 4]),
    backward: () => backward(y),
    forward,
    "optimizer.step": () => optimizer.step(),
    "optimizer.zeroGrad": () => optimizer.zeroGrad(),
    clipGradNorm: () => clipGradNorm(optimizer, 1),
    "a captured step": () => step(feed),
    "a new captured step": () => capture(({ x }) => add(x, 1))(feed),
    collectModel: () => swag.collectModel(),
    sampleParameters: () => swag.sampleParameters({ seed: 1 }),
    withSample: () => swag.withSample({ seed: 1 }, () => {}),
    predict: () => swag.predict(forward),
    moments: () => swag.moments(),
    train: () =>
      train({ epochs: 1, batches: () => [1, 2], optimizer, step: learn }),
    tune: () => tune(device, { families: ["softmax"] }),
    synchronize: () => device.synchronize(),
    check: () => device.check(),
    flush: () => device.stream.flush(),
    trim: () => device.pool.trim(),
  };
}

for (const [way, lose] of Object.entries(WAYS)) {
  Deno.test(`every call throws DeviceLostError after ${way}`, async () => {
    const device = await openDevice();
    const before = setDevice(device);
    try {
      const calls = await callsOf(device);
      await lose(device);
      setDevice(device);
      for (const [name, call] of Object.entries(calls)) {
        await assertRejects(
          async () => void await call(),
          DeviceLostError,
          "The GPU device was lost",
          name,
        );
      }
      await device.destroy(); // It has nothing left to do.
      await device.destroy();
    } finally {
      if (before) setDevice(before);
    }
  });
}

Deno.test("a wait ends when the device is lost", async () => {
  for (
    const lose of [
      ({ gpu }: Device) => gpu.destroy(),
      ({ gpu }: Device) => GPUDevice.prototype.destroy.call(gpu),
    ]
  ) {
    const device = await openDevice();
    const x = tensor([1, 2], { device });
    const waits = [x.data(), device.synchronize(), x.data()];
    lose(device);
    const later = [x.data(), device.synchronize()]; // Before any microtask has run.
    for (const wait of [...waits, ...later]) {
      await assertRejects(() => wait, DeviceLostError);
    }
  }
});

Deno.test("a device lost in onStep ends the run with DeviceLostError", async () => {
  const device = await openDevice();
  const before = setDevice(device);
  try {
    const x = tensor([[1, 2]]);
    const model = new Linear(2, 2);
    await assertRejects(
      () =>
        train({
          epochs: 1,
          batches: () => [1, 2, 3],
          optimizer: new AdamW(model.parameters()),
          step: () => mseLoss(model.forward(x), x),
          onStep: () => void device.gpu.destroy(),
        }),
      DeviceLostError,
    );
  } finally {
    if (before) setDevice(before);
  }
});

Deno.test("initialize() opens another device once the current one is lost", async () => {
  const before = await initialize();
  const lost = await openDevice();
  setDevice(lost);
  try {
    lost.gpu.destroy();
    assertThrows(() => tensor([1]), DeviceLostError);
    const next = await initialize();
    assertEquals(await add(tensor([1]), 1).item(), 2);
    await next.destroy();
  } finally {
    setDevice(before);
  }
});
