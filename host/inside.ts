// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * A second door of this room, for the other rooms of this package alone: the runtime
 * as it is, without a promise to people outside.
 *
 * @module
 */

export { homeFolder } from "./environment.ts";
export { adapterAdvice } from "./gpu.ts";
export { isMounted } from "./mounts.ts";
export { processorCount, processorName } from "./processor.ts";
export { type RequestLimits, Requests } from "./requests.ts";
export {
  mayRead,
  needModule,
  nodeModule,
  nodeProcess,
  runtimeName,
} from "./runtime.ts";
