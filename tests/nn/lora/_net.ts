// Copyright 2026 the swagpu authors. MIT license.

import {
  type Activation,
  manualSeed,
  mul,
  sum,
  type Tensor,
} from "../../../engine/mod.ts";
import {
  Dropout,
  Embedding,
  LayerNorm,
  Linear,
  LoraConfig,
  type LoraConfigOptions,
  LoraModel,
  Module,
} from "../../../nn/mod.ts";

/** The width of the net. */
export const WIDTH = 12;

/** An attention-like block: a layer with an activation, one with a residual. */
class Block extends Module {
  query = new Linear(WIDTH, 20);
  output = new Linear(20, WIDTH);
  norm = new LayerNorm(WIDTH);
  dropout = new Dropout(0.2);
  readonly #activation: Activation;

  constructor(activation: Activation) {
    super();
    this.#activation = activation;
  }

  forward(x: Tensor): Tensor {
    const wide = this.query.forward(x, { activation: this.#activation });
    return this.norm.forward(
      this.dropout.forward(this.output.forward(wide, { residual: x })),
    );
  }
}

/** Two blocks and a head, whose loss is the sum of its squared outputs. */
export class Net extends Module {
  layer: Block[] = [new Block("gelu"), new Block("relu")];
  table = new Embedding(2, WIDTH);
  classifier = new Linear(WIDTH, 3);

  forward({ x }: { x: Tensor }): { logits: Tensor; loss: Tensor } {
    let y = x;
    for (const block of this.layer) y = block.forward(y);
    const logits = this.classifier.forward(y);
    return { logits, loss: sum(mul(logits, logits)) };
  }
}

/** A net with an adapter that is not zero, in evaluation mode. */
export function adapted(options: LoraConfigOptions = {}): LoraModel<Net> {
  manualSeed(4);
  const net = new Net();
  net.placeParameters();
  return new LoraModel(
    net,
    new LoraConfig({
      r: 3,
      loraAlpha: 6,
      targetModules: ["query", "output"],
      initLoraWeights: false,
      ...options,
    }),
  ).eval();
}
