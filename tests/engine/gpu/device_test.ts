// Copyright 2026 the swagpu authors. MIT license.

import {
  assert,
  assertEquals,
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
} from "../../../engine/gpu/device.ts";
import {
  DeviceLostError,
  GpuError,
  NoAdapterError,
} from "../../../engine/gpu/errors.ts";
import { defineKernel, type Kernel } from "../../../engine/gpu/kernel.ts";
import { windows } from "../../../engine/launch/cut.ts";
import { launch } from "../../../engine/launch/launch.ts";
import { tensor } from "../../../engine/ops/creation.ts";
import { allocate } from "../../../engine/tensor.ts";
import { gpuTest } from "../../_check.ts";

gpuTest(
  "initialize() returns the same device to all callers",
  async (device) => {
    assertStrictEquals(await initialize(), device);
    assertStrictEquals(currentDevice(), device);
    assert(device.name.length > 0);
  },
);

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
  "a limit that is no multiple of 256 is one for the memory of tensors, too",
  async () => {
    const other = await openDevice({ maxBindingSize: 4092 });
    assertEquals(other.maxBindingSize, 3840);
    assertEquals(allocate(other, [960]).binding.size, 3840);
    for (const elements of [961, 1023]) { // 4,096 bytes of memory
      const x = allocate(other, [elements]);
      assertEquals(x.fitsBinding, false);
      assertEquals(windows(other, elements, [1]).length, 2);
      assertThrows(
        () => x.binding,
        RangeError,
        `[${elements}] at once: ${4 * elements} bytes exceed the device's 3840`,
      );
    }
    await other.destroy();
  },
);

Deno.test("openDevice() says which adapter gives no device, and why", async () => {
  const refusing = (info: object) => ({
    requestAdapter: () =>
      Promise.resolve({
        info: { vendor: "", architecture: "", description: "", ...info },
        features: new Set(),
        limits: {},
        requestDevice: () =>
          Promise.reject(new DOMException("too few limits", "OperationError")),
      }),
  });
  for (
    const [info, name] of [
      [{ description: "Old OpenGL" }, "Old OpenGL"],
      [{ vendor: "acme", architecture: "one" }, "acme one"],
      [{}, "unnamed"],
    ] as const
  ) {
    const error = await assertRejects(
      () => openDevice({ gpu: refusing(info) as unknown as GPU }),
      NoAdapterError,
      `Cannot open the WebGPU adapter ${name}: too few limits`,
    );
    assert(error.cause instanceof DOMException);
  }
});

gpuTest(
  "a refused command is thrown once, at the next flush",
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
  "an error of compilation shows the kernel and its source lines",
  async () => {
    const other = await openDevice();
    const y = allocate(other, [4]);
    const kernel: Kernel = defineKernel({
      name: "misspelt",
      wgsl: "@group(0) @binding(0) var<storage, read_write> y: array<f32>;\n" +
        "@compute @workgroup_size(1) fn main() { y[0] = unknown_name; }\n",
    });
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
