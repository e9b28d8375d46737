// Copyright 2026 the swagpu authors. MIT license.

// Training steps of this engine: the models of data.ts, from nn's parts.

import {
  add,
  attention,
  backward,
  capture,
  type Device,
  embedding,
  type IntegerTensor,
  layerNorm,
  matmul,
  noGrad,
  reshape,
  scope,
  type Tensor,
  tensor,
} from "../../engine/mod.ts";
import { AdamW, crossEntropy, Parameter } from "../../nn/mod.ts";
import {
  ADAMW,
  encoderBatch,
  type EncoderSizes,
  encoderWeights,
  mlpBatch,
  type MlpSizes,
  mlpWeights,
  type Weights,
} from "./data.ts";
import { operation, sizes } from "./swagpu_kernels.ts";
import type { Kinds, Prepared } from "./worker.ts";

/** Parameters by name; a name that is missing is a mistake in the model. */
class Held {
  readonly all: ReadonlyMap<string, Parameter>;

  constructor(weights: Weights) {
    this.all = new Map(
      Object.entries(weights).map(([name, { shape }]) => [
        name,
        new Parameter(shape),
      ]),
    );
  }

  get(name: string): Parameter {
    const found = this.all.get(name);
    if (!found) throw new Error(`Cannot find weight ${name}`);
    return found;
  }

  /** Writes the first values, once the parameters have their places. */
  write(weights: Weights): void {
    for (const [name, { data }] of Object.entries(weights)) {
      this.get(name).write(data);
    }
  }

  dispose(): void {
    const segments = new Set(
      [...this.all.values()].map(({ location }) => location?.segment),
    );
    for (const parameter of this.all.values()) parameter.dispose();
    for (const segment of segments) segment?.dispose();
  }
}

/** Steps of AdamW over a loss; the outputs are the first five losses. */
export function training(
  device: Device,
  { optimizer, loss, dispose }: {
    optimizer: AdamW;
    loss: () => Tensor;
    dispose: () => void;
  },
): Prepared {
  const step = capture(() => {
    const value = loss();
    backward(value);
    optimizer.step();
    return value;
  });
  device.pool.resetPeak();
  return {
    run() {
      using _ = scope();
      step({});
    },
    wait: () => device.synchronize(),
    async outputs() {
      const losses: number[] = [];
      for (let i = 0; i < 5; i++) {
        using _ = scope();
        losses.push(await step({}).item());
      }
      return losses;
    },
    peakBytes: () => device.pool.statistics().peak,
    note: "captured step",
    dispose() {
      step.dispose();
      optimizer.dispose();
      dispose();
    },
  };
}

/** AdamW as every peer has it. */
export function adamw(parameters: Iterable<Parameter>): AdamW {
  const { learningRate, beta1, beta2, eps, weightDecay } = ADAMW;
  return new AdamW(parameters, {
    learningRate,
    betas: [beta1, beta2],
    eps,
    weightDecay,
  });
}

/** The small encoder's scores, `[tokens, vocabulary]`. */
function encode(held: Held, ids: IntegerTensor, shape: EncoderSizes): Tensor {
  const { layers, hidden, heads, length, batch } = shape;
  const weights = (name: string) => held.get(name);
  const norm = (prefix: string) => ({
    weight: weights(`${prefix}g`),
    bias: weights(`${prefix}b`),
  });
  let x = add(embedding(ids, weights("tok")), weights("pos"));
  x = layerNorm(reshape(x, [batch * length, hidden]), norm("ln"));
  for (let layer = 0; layer < layers; layer++) {
    const at = (suffix: string) => weights(`l${layer}_${suffix}`);
    const project = (suffix: string) =>
      reshape(
        matmul(x, at(`w${suffix}`), { bias: at(`b${suffix}`) }),
        [batch, length, hidden],
      );
    const seen = attention(project("q"), project("k"), project("v"), { heads });
    const mixed = matmul(
      reshape(seen, [batch * length, hidden]),
      at("wo"),
      { bias: at("bo") },
    );
    x = layerNorm(mixed, { residual: x, ...norm(`l${layer}_n1`) });
    const inner = matmul(x, at("w1"), { bias: at("b1"), activation: "gelu" });
    const outer = matmul(inner, at("w2"), { bias: at("b2") });
    x = layerNorm(outer, { residual: x, ...norm(`l${layer}_n2`) });
  }
  return matmul(x, weights("wh"), { bias: weights("bh") });
}

/** The classifier's and the small encoder's cases. */
export function trainingKinds(device: Device): Kinds {
  return {
    mlpStep(parameters) {
      const shape = sizes<MlpSizes>(parameters);
      const weights = mlpWeights(shape);
      const held = new Held(weights);
      const optimizer = adamw(held.all.values());
      held.write(weights);
      const batch = mlpBatch(shape);
      const x = tensor(batch.x, { shape: [shape.batch, shape.inputs] });
      const labels = tensor(batch.labels);
      return training(device, {
        optimizer,
        loss() {
          const hidden = matmul(x, held.get("w1"), {
            bias: held.get("b1"),
            activation: "relu",
          });
          const logits = matmul(hidden, held.get("w2"), {
            bias: held.get("b2"),
          });
          return crossEntropy(logits, labels);
        },
        dispose() {
          held.dispose();
          x.dispose();
          labels.dispose();
        },
      });
    },
    encoderForward(parameters) {
      const shape = sizes<EncoderSizes>(parameters);
      const weights = encoderWeights(shape);
      const held = new Held(weights);
      held.write(weights);
      const ids = tensor(encoderBatch(shape).ids, {
        shape: [shape.batch, shape.length],
      });
      const forward = operation(
        device,
        [ids],
        () => noGrad(() => encode(held, ids, shape)),
      );
      return {
        ...forward,
        dispose() {
          ids.dispose();
          held.dispose();
        },
      };
    },
    encoderStep(parameters) {
      const shape = sizes<EncoderSizes>(parameters);
      const weights = encoderWeights(shape);
      const held = new Held(weights);
      const optimizer = adamw(held.all.values());
      held.write(weights);
      const batch = encoderBatch(shape);
      const ids = tensor(batch.ids, { shape: [shape.batch, shape.length] });
      const labels = tensor(batch.labels);
      return training(device, {
        optimizer,
        loss: () => crossEntropy(encode(held, ids, shape), labels),
        dispose() {
          held.dispose();
          ids.dispose();
          labels.dispose();
        },
      });
    },
  };
}
