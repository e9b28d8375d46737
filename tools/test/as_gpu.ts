// Copyright 2026 the swagpu authors. MIT license.

/**
 * Makes an adapter on the CPU look like a GPU, before a test file loads. Kernels are
 * chosen by what the adapter says of itself, so the tests then run those that real
 * GPUs run.
 *
 * @module
 */

Object.defineProperty(GPUAdapterInfo.prototype, "isFallbackAdapter", {
  get: () => false,
  configurable: true,
});
