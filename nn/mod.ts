// Copyright 2026 the swagpu authors. MIT license.

/**
 * Modules, parameters, optimizers and the training loop.
 *
 * A {@linkcode Module} holds {@linkcode Parameter}s as plain attributes. The
 * path of attributes that leads to a parameter is its name in checkpoint files.
 * All parameters of a model are views into one flat vector, so a step of an
 * optimizer is one dispatch for the whole model (more if the vector exceeds a
 * GPU buffer).
 *
 * Besides, this entry point has:
 *
 * - initial values, in the namespace {@linkcode init};
 * - {@linkcode Trainer}, which trains, evaluates, saves and resumes as Hugging
 *   Face's does, over the loop {@linkcode train};
 * - learning rate schedules such as {@linkcode linearSchedule};
 * - {@linkcode batches}, which shuffles and cuts row numbers;
 * - reading and writing of weights, such as {@linkcode openSafetensors}; more
 *   of it is in `@swagpu/swagpu/nn/formats`;
 * - scores of predictions, such as {@linkcode accuracy}, all of
 *   `@swagpu/swagpu/nn/metrics`;
 * - the losses of `@swagpu/swagpu/engine`.
 *
 * The options of a module are called `LinearOptions` after the module. Where
 * the engine has an op of the same name, they are `EmbeddingModuleOptions` and
 * the op's are `EmbeddingOptions`.
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
export * from "./apply_mixout.ts";
export * from "./attention.ts";
export * from "./averages/mod.ts";
export * from "./batches.ts";
export * from "./batch_norm1d.ts";
export * from "./buffer.ts";
export * from "./cast_frozen.ts";
export * from "./conv1d.ts";
export * from "./counter_random.ts";
export * from "./dropout.ts";
export * from "./embedding.ts";
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
export * as init from "./init.ts";
export type * from "./initializer.ts";
export * from "./ivon.ts";
export * from "./layer_norm.ts";
export * from "./linear.ts";
export * from "./madgrad.ts";
export {
  type Adaptable,
  type LoraBias,
  LoraConfig,
  type LoraConfigOptions,
  LoraModel,
} from "./lora/mod.ts";
export * from "./metrics/mod.ts";
export * from "./mix_linear.ts";
export { mixout, type MixoutOptions } from "./mixout.ts";
export * from "./module.ts";
export { hasPrefix, matchesPath, topNames } from "./names.ts";
export * from "./optim.ts";
export { type ParameterGroup } from "./optim_groups.ts";
export type * from "./optim_projection.ts";
export type * from "./optim_pull.ts";
export { type OptimizerState, type ParameterState } from "./optim_state.ts";
export * from "./options.ts";
export * from "./parameter.ts";
export * from "./recurrent.ts";
export type {
  GruForwardOptions,
  GruOutput,
  LstmForwardOptions,
  LstmOutput,
  RecurrentModuleOptions,
  RecurrentWeightName,
} from "./recurrent_layers.ts";
export * from "./prior_decay.ts";
export * from "./reduce_on_plateau.ts";
export * from "./replicas.ts";
export * from "./schedule.ts";
export * from "./seeds.ts";
export * from "./scheduler.ts";
export {
  flatten,
  type GradientWork,
  type Place,
  type Placed,
  placeSize,
  planSegments,
  Segment,
  SEGMENT_ALIGNMENT,
  type SegmentPlan,
  segmentsOf,
} from "./segment.ts";
export * from "./sgd.ts";
export * from "./trainer.ts";
export {
  type CallbackState,
  type LoadedCallbackState,
  type TrainerCallback,
  type TrainerControl,
  type TrainerEvent,
  type TrainerProgress,
} from "./trainer/callbacks.ts";
export { getLastCheckpoint } from "./trainer/checkpoint.ts";
export {
  type IndexedDataset,
  type TrainerDataset,
} from "./trainer/datasets.ts";
export { defaultDataCollator } from "./trainer/default_collator.ts";
export * from "./trainer/early_stopping.ts";
export { type EvalPrediction } from "./trainer/evaluation.ts";
export * from "./trainer/gradual_unfreezing.ts";
export { type TrainableModel } from "./trainer/loss.ts";
export { type ProcessingClass } from "./trainer/model_files.ts";
export {
  createOptimizer,
  decayParameterNames,
  type OptimizerGroup,
} from "./trainer/optimizers.ts";
export * from "./trainer/trackio.ts";
export * from "./trainer/trainer.ts";
export {
  type EvaluateOptions,
  type PredictionOutput,
  type TrainerOptions,
  type TrainRunOptions,
} from "./trainer/trainer_options.ts";
export { type LogEntry, type TrainerState } from "./trainer/trainer_state.ts";
export type * from "./trainer/training_arguments.ts";
export { type TrainOutput } from "./trainer/training_run.ts";
export {
  type CapturedTrainOptions,
  type ResumePoint,
  type RunOptions,
  type StepInputs,
  type StepLoss,
  type StepState,
  type StepValue,
  type TrainOptions,
  type TrainReport,
  type TrainResult,
  type TrainState,
} from "./train_options.ts";
export * from "./train_replicas.ts";
export * from "./training_memory.ts";
export * from "./weight_check.ts";
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
