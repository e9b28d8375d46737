// Copyright 2026 the swagpu authors. MIT license.

/**
 * Puts Dawn, Chrome's WebGPU, in place of Deno's own before a test file loads.
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
// Dawn polls with setImmediate, whose callbacks Deno 2.9.6 stops calling while
// another thread is busy for seconds: a wait would never end.
Object.defineProperty(globalThis, "setImmediate", {
  value: (callback: (...args: unknown[]) => void, ...args: unknown[]) =>
    setTimeout(callback, 0, ...args),
  configurable: true,
  writable: true,
});
