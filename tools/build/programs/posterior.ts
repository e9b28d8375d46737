// Copyright 2026 the swagpu authors. MIT license.

/**
 * A program of a web page that trains a small network and predicts with samples of its
 * posterior. `deno task build` bundles it, as the bundler of a page would, and measures
 * what the page has to load.
 *
 * @module
 */

import {
  backward,
  initialize,
  manualSeed,
  relu,
  scope,
  tensor,
} from "@swagpu/swagpu/engine";
import { AdamW, crossEntropy, Linear, Module } from "@swagpu/swagpu/nn";
import { SwagModel } from "@swagpu/swagpu/swag";
import type { Tensor } from "@swagpu/swagpu/engine";

/** Two layers. */
class Network extends Module {
  hidden: Linear = new Linear(2, 32);
  head: Linear = new Linear(32, 2);

  /** The logits of points, `[n, 2]`. */
  forward(x: Tensor): Tensor {
    return this.head.forward(relu(this.hidden.forward(x)));
  }
}

/**
 * Learns the classes of points, and predicts those of others.
 *
 * @returns The probabilities of the classes, one row after the other.
 */
export async function learn(
  points: [number, number][],
  classes: number[],
  asked: [number, number][],
): Promise<ArrayLike<number>> {
  await initialize();
  manualSeed(1);
  const model = new Network();
  const swag = SwagModel.fromBase(model, { noCovMat: false, maxNumModels: 10 });
  const optimizer = new AdamW(model.parameters(), { learningRate: 0.01 });
  const x = tensor(points);
  const labels = tensor(classes, { dtype: "i32" });
  for (let step = 0; step < 200; step++) {
    using _ = scope();
    backward(crossEntropy(model.forward(x), labels));
    optimizer.step();
    if (step >= 100 && step % 10 === 0) swag.collectModel();
  }
  const question = tensor(asked);
  const { probabilities } = swag.predict(() => model.forward(question), {
    numPredictions: 30,
  });
  return await probabilities.data();
}
