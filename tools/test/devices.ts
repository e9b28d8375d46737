// Copyright 2026 the swagpu authors. MIT license.

/**
 * Every test process loads this file before its tests. When the tests are done, it
 * waits for the GPU and destroys the devices that they opened.
 *
 * A process that ends while threads of a software driver still compile or compute
 * frees memory that they use, and may crash.
 *
 * @module
 */

const devices = new Set<GPUDevice>();

const { requestDevice } = GPUAdapter.prototype;

GPUAdapter.prototype.requestDevice = async function (
  ...args: Parameters<typeof requestDevice>
) {
  const device = await requestDevice.apply(this, args);
  devices.add(device);
  return device;
};

Deno.test.afterAll(async () => {
  for (const device of devices) {
    await device.queue.onSubmittedWorkDone().catch(() => {}); // Lost before.
    device.destroy();
    await device.lost;
  }
  devices.clear();
});
