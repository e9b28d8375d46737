// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Averages of weights along a training run: those of `torch.optim.swa_utils`, and
 * callbacks that make them while a `Trainer` trains.
 *
 * @module
 */

export {
  AveragedModel,
  type AveragedModelOptions,
  type AvgFn,
  type EmaOptions,
  getEmaAvgFn,
  getSwaAvgFn,
  type MultiAvgFn,
} from "./averaged_model.ts";
export {
  ASWACallback,
  type ASWACallbackOptions,
  type ASWAUpdate,
} from "./aswa_callback.ts";
export { EMACallback, type EMACallbackOptions } from "./ema_callback.ts";
export { SWACallback, type SWACallbackOptions } from "./swa_callback.ts";
export {
  type AnnealStrategy,
  SWALR,
  type SWALROptions,
  type SWALRState,
} from "./swalr.ts";
export { TWACallback, type TWACallbackOptions } from "./twa_callback.ts";
export {
  type RunnableModule,
  updateBn,
  type UpdateBnOptions,
} from "./update_bn.ts";
