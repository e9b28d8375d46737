// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals } from "@std/assert";
import {
  add,
  backward,
  matmul,
  openDevice,
  scope,
  setDevice,
  sum,
  type Tensor,
  zeros,
} from "../../engine/mod.ts";
import {
  AdamW,
  Buffer,
  estimateTrainingMemory,
  Linear,
  Module,
  type Optimizer,
  planSegments,
  segmentsOf,
  SGD,
} from "../../nn/mod.ts";
import { estimateMemory, SwagModel } from "../../swag/mod.ts";
import { gpuTest } from "../_check.ts";

/** Two layers, the second of which takes more than the pool hands out exactly. */
class Net extends Module {
  readonly first: Linear;
  readonly second: Linear;
  readonly offset: Buffer;

  constructor(width: number) {
    super();
    this.first = new Linear(7, width);
    this.second = new Linear(width, 101);
    this.offset = new Buffer([1, 101]);
  }

  forward(x: Tensor): Tensor {
    const y = this.second.forward(this.first.forward(x));
    return add(matmul(x, zeros([7, 101])), add(y, this.offset));
  }
}

/** One step, which allocates whatever is allocated at first use. */
function step(model: Net, optimizer: Optimizer): void {
  using _ = scope();
  backward(sum(model.forward(zeros([2, 7]))));
  optimizer.clip(1);
  optimizer.step();
}

for (const width of [10, 333]) {
  gpuTest(
    `estimates of width ${width} are what the pool hands out`,
    (device) => {
      const { pool } = device;
      const used = () => pool.statistics().inUse;
      for (
        const [kind, make] of [
          ["adamW", (m: Net) => new AdamW(m.parameters())],
          ["sgd", (m: Net) => new SGD(m.parameters())],
          ["sgd", (m: Net) => new SGD(m.parameters(), { momentum: 0.9 })],
        ] as const
      ) {
        const start = used();
        const model = new Net(width);
        const options = { noCovMat: false, maxNumModels: 3 };
        const expected = estimateTrainingMemory(model);
        const posterior = estimateMemory(model, options);
        assertEquals(used(), start, "estimates allocate nothing");
        assertEquals(model.first.weight.location, undefined);

        model.placeParameters();
        model.offset.block; // The first use allocates the buffer.
        assertEquals(used() - start, expected.weights);
        assertEquals(estimateTrainingMemory(model), expected);
        assertEquals(estimateMemory(model, options), posterior);

        const placed = used();
        using optimizer = disposing(make(model));
        assertEquals(used() - placed, expected[kind]);

        const before = used();
        step(model, optimizer.value);
        assertEquals(used() - before, expected.gradients);

        const trained = used();
        {
          using swag = SwagModel.fromBase(model, options);
          assertEquals(used() - trained, posterior.reserved);
          swag.collectModel();
          const collected = used();
          swag.sampleParameters();
          assertEquals(used() - collected, posterior.reservedKept);
          swag.restoreWeights();
          assert(posterior.reserved >= posterior.total);
          assert(posterior.reserved <= posterior.total * 9 / 8 + 1024);
        }
        model.dispose();
      }
    },
  );
}

gpuTest("planned segments are those that are made", async () => {
  const small = await openDevice({ maxBindingSize: 4096 });
  const before = setDevice(small);
  try {
    const model = new Net(64);
    const parameters = [...model.namedParameters().values()];
    const plans = planSegments(parameters);
    assert(plans.length > 1);
    assertEquals(
      plans.map(({ segment }) => segment),
      plans.map(() => undefined),
    );
    const expected = estimateTrainingMemory(model);
    const start = small.pool.statistics().inUse;
    const segments = segmentsOf(parameters);
    assertEquals(
      plans.map(({ length }) => length),
      segments.map(({ length }) => length),
    );
    for (const [i, { offsets }] of plans.entries()) {
      for (const [parameter, offset] of offsets) {
        const segment = segments[i];
        assert(segment);
        assertEquals(parameter.location, { segment, offset });
      }
    }
    const again = planSegments(parameters);
    assertEquals(
      again.map(({ segment }) => segment),
      segments,
    );
    model.offset.block;
    assertEquals(small.pool.statistics().inUse - start, expected.weights);
    model.dispose();
  } finally {
    if (before) setDevice(before);
    await small.destroy();
  }
});

gpuTest("a model without parameters takes no memory", () => {
  assertEquals(estimateTrainingMemory(new Module()), {
    weights: 0,
    gradients: 0,
    adamW: 0,
    sgd: 0,
  });
});

function disposing<T extends { dispose(): void }>(
  value: T,
): { value: T } & Disposable {
  return { value, [Symbol.dispose]: () => value.dispose() };
}
