// Copyright 2026 the swagpu authors. MIT license.

/**
 * Modules, parameters and what trains them.
 *
 * A {@linkcode Module} holds {@linkcode Parameter}s as plain attributes; the
 * attribute path is the name in checkpoint files. All parameters of a model are
 * views into one flat vector, so an optimizer's step is one dispatch.
 *
 * @example Fitting a line
 * ```ts
 * import { backward, initialize, scope, tensor } from "@swagpu/swagpu/engine";
 * import { Linear, mseLoss, SGD } from "@swagpu/swagpu/nn";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * await initialize();
 * const model = new Linear(1, 1);
 * const optimizer = new SGD(model.parameters(), { learningRate: 0.1 });
 * const x = tensor([[0], [1], [2], [3]]);
 * const y = tensor([[1], [3], [5], [7]]);
 * for (let step = 0; step < 200; step++) {
 *   using _ = scope();
 *   backward(mseLoss(model.forward(x), y));
 *   optimizer.step();
 * }
 * assertAlmostEquals(await model.weight.item(), 2, 1e-2);
 * ```
 *
 * @module
 */

export * from "./adamw.ts";
export * from "./attention.ts";
export * from "./buffer.ts";
export * from "./data.ts";
export * from "./dropout.ts";
export * from "./embedding.ts";
export * from "./init.ts";
export * from "./layer_norm.ts";
export * from "./linear.ts";
export * from "./metrics/mod.ts";
export * from "./module.ts";
export {
  clipGradNorm,
  Optimizer,
  type OptimizerState,
  type ParameterGroup,
  type ParameterState,
  type StepOptions,
} from "./optim.ts";
export { checkOptions, type KnownOptions } from "./options.ts";
export * from "./parameter.ts";
export {
  openPyTorch,
  openSafetensors,
  parseSafetensors,
  type ParseSafetensorsOptions,
  type PyTorchBytes,
  PyTorchReader,
  type SafetensorsBytes,
  type SafetensorsDtype,
  type SafetensorsEntry,
  SafetensorsFile,
  type SafetensorsHeader,
  SafetensorsIndex,
  type SafetensorsInfo,
  type SafetensorsProducer,
  type SafetensorsRange,
  SafetensorsReader,
  type SafetensorsSource,
  type SafetensorsTensor,
  type SafetensorsValues,
  serializeSafetensors,
  type SerializeSafetensorsOptions,
  writeSafetensors,
} from "./formats/mod.ts";
export {
  findUnusable,
  INFINITY_BITS,
  makeAnswer,
  NOTHING_FOUND,
} from "./finite.ts";
export * from "./schedule.ts";
export * from "./segment.ts";
export * from "./sgd.ts";
export * from "./trainer.ts";
export * from "./truncated_normal.ts";
export {
  bceWithLogits,
  type BceWithLogitsOptions,
  crossEntropy,
  type CrossEntropyOptions,
  klDivergence,
  type KlDivergenceOptions,
  mseLoss,
  type MseLossOptions,
} from "../engine/mod.ts";
