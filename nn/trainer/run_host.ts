// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The parts of a Trainer that its runs use.

import type { Optimizer } from "../optim.ts";
import type { ReduceLROnPlateau } from "../reduce_on_plateau.ts";
import type { Scheduler } from "../scheduler.ts";
import type {
  TrainerCallback,
  TrainerControl,
  TrainerEvent,
  TrainerEventName,
} from "./callbacks.ts";
import type { Collate } from "./collated.ts";
import type { TrainerDataset } from "./datasets.ts";
import type { LossFunction, TrainableModel } from "./loss.ts";
import type { ProcessingClass } from "./model_files.ts";
import type { TrainerState } from "./trainer_state.ts";
import type { CompleteTrainingArguments } from "./training_arguments.ts";

/** What a run needs of its `Trainer`. */
export interface RunHost<Row> {
  readonly args: CompleteTrainingArguments;
  readonly state: TrainerState;
  readonly control: TrainerControl;
  readonly model: TrainableModel;
  readonly callbacks: readonly TrainerCallback[];
  readonly tokenizer: ProcessingClass | undefined;
  readonly optimizers:
    | readonly [Optimizer, (Scheduler | ReduceLROnPlateau)?]
    | undefined;
  readonly dataset: TrainerDataset<Row>;
  readonly loss: LossFunction;
  readonly collate: Collate<Row>;
  emit(name: TrainerEventName, more?: Partial<TrainerEvent>): Promise<void>;
  evaluate(): Promise<Record<string, number>>;
}
