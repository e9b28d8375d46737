// Copyright 2026 the swagpu authors. MIT license.

/**
 * A preload of every test process: when a test file is done, it waits for the
 * GPU and destroys the devices that were opened.
 *
 * A process that ends while a software driver's threads still compile or compute
 * frees what they use, and may die of it.
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
