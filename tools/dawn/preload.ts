// Copyright 2026 the swagpu authors. MIT license.

/**
 * Replaces Deno's WebGPU with Dawn, Chrome's WebGPU, before a test file loads.
 *
 * @module
 */

import { create, globals } from "webgpu";

for (const [name, value] of Object.entries(globals)) {
  Object.defineProperty(globalThis, name, {
    value,
    configurable: true,
    writable: true,
  });
}
// Without flags, Dawn has Chrome's defaults, such as coarse timestamps.
Object.defineProperty(navigator, "gpu", {
  value: create([]),
  configurable: true,
});
// Dawn polls with setImmediate. Deno 2.9.6 stops calling its callbacks while another
// thread is busy for seconds, so that a wait would never end.
Object.defineProperty(globalThis, "setImmediate", {
  value: (callback: (...args: unknown[]) => void, ...args: unknown[]) =>
    setTimeout(callback, 0, ...args),
  configurable: true,
  writable: true,
});
