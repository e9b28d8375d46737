// Copyright 2026 the swagpu authors. MIT license.

// The training step that is timed: forward, backward, clipping and AdamW of a BERT
// classifier of any size.

import {
  backward,
  type IntegerTensor,
  scope,
  type Tensor,
  tensor,
} from "../engine/mod.ts";
import { AdamW, clipGradNorm } from "../nn/mod.ts";
import { BertConfig, BertForSequenceClassification } from "../models/mod.ts";

/** A BERT classifier, and a batch for it. */
export interface StepSizes {
  hidden: number;
  layers: number;
  heads: number;
  vocabulary: number;
  batch: number;
  length: number;
}

/** A batch on the host. */
export interface HostBatch {
  inputIds: { data: Int32Array<ArrayBuffer>; shape: [number, number] };
  labels: Int32Array<ArrayBuffer>;
}

/** A model in training. */
export class TrainingBench implements Disposable {
  readonly model: BertForSequenceClassification;
  readonly optimizer: AdamW;
  readonly batch: HostBatch;

  constructor(sizes: StepSizes) {
    const { hidden, layers, heads, vocabulary, batch, length } = sizes;
    this.model = new BertForSequenceClassification(
      new BertConfig({
        vocabSize: vocabulary,
        hiddenSize: hidden,
        numHiddenLayers: layers,
        numAttentionHeads: heads,
        intermediateSize: 4 * hidden,
        maxPositionEmbeddings: length,
      }),
    );
    this.optimizer = new AdamW(this.model.parameters(), { learningRate: 1e-4 });
    this.batch = {
      inputIds: {
        data: Int32Array.from(
          { length: batch * length },
          (_, i) => (i * 37) % vocabulary,
        ),
        shape: [batch, length],
      },
      labels: Int32Array.from({ length: batch }, (_, i) => i % 2),
    };
  }

  /** One step; gives its loss. */
  step(
    inputs: { inputIds: IntegerTensor; labels: IntegerTensor },
  ): { loss: Tensor } {
    const { loss } = this.model.forward(inputs);
    backward(loss);
    clipGradNorm(this.optimizer, 1);
    this.optimizer.step();
    return { loss };
  }

  [Symbol.dispose](): void {
    this.optimizer.dispose();
    this.model.dispose();
  }
}

/** The work that is timed. `run` only records commands. */
export interface TimedStep {
  /** The number of parameters of the model. */
  parameters: number;
  run: () => void;
  dispose: () => void;
}

/** Makes the step, op by op, for a batch that stays on the GPU. */
export function trainingStep(sizes: StepSizes): TimedStep {
  const bench = new TrainingBench(sizes);
  const { data, shape } = bench.batch.inputIds;
  const inputIds = tensor(data, { shape });
  const labels = tensor(bench.batch.labels);
  return {
    parameters: bench.model.parameters()
      .reduce((sum, { size }) => sum + size, 0),
    run() {
      using _ = scope();
      bench.step({ inputIds, labels });
    },
    dispose() {
      bench[Symbol.dispose]();
      inputIds.dispose();
      labels.dispose();
    },
  };
}
