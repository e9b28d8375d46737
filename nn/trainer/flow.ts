// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// What is due after a step or an epoch, by the rules of Hugging Face's
// DefaultFlowCallback.

import type { TrainerControl } from "./callbacks.ts";
import type { TrainerState } from "./trainer_state.ts";
import type { CompleteTrainingArguments } from "./training_arguments.ts";

/** Sets what is due after a step. */
export function afterStep(
  control: TrainerControl,
  state: TrainerState,
  args: CompleteTrainingArguments,
): void {
  const { globalStep: step, maxSteps } = state;
  const { loggingSteps, evalSteps, saveSteps } = state;
  if (step === 1 && args.loggingFirstStep) control.shouldLog = true;
  if (args.loggingStrategy === "steps" && step % loggingSteps === 0) {
    control.shouldLog = true;
  }
  if (
    args.evalStrategy === "steps" && step % evalSteps === 0 &&
    args.evalDelay <= step
  ) control.shouldEvaluate = true;
  if (args.saveStrategy === "steps" && step % saveSteps === 0) {
    control.shouldSave = true;
  }
  if (step < maxSteps) return;
  control.shouldTrainingStop = true;
  if (args.saveStrategy === "steps") control.shouldSave = true;
}

/** Sets what is due after an epoch. */
export function afterEpoch(
  control: TrainerControl,
  state: TrainerState,
  args: CompleteTrainingArguments,
): void {
  if (args.loggingStrategy === "epoch") control.shouldLog = true;
  if (args.evalStrategy === "epoch" && args.evalDelay <= state.epoch) {
    control.shouldEvaluate = true;
  }
  if (args.saveStrategy === "epoch") control.shouldSave = true;
}
