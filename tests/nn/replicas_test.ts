// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import {
  backward,
  capture,
  crossEntropy,
  elu,
  gelu,
  manualSeed,
  mean,
  mul,
  readAll,
  relu,
  Replicas,
  reshape,
  scope,
  sub,
  tanh,
  type Tensor,
  tensor,
} from "../../engine/mod.ts";
import {
  AdamW,
  BatchNorm1d,
  clipGradNorm,
  Dropout,
  Embedding,
  LayerNorm,
  Linear,
  Module,
  type Optimizer,
  type Parameter,
  SGD,
  stackModules,
  unstackModules,
} from "../../nn/mod.ts";
import { gpuTest, randomValues } from "../_check.ts";

const SEEDS = [21, 22, 23];
const STEPS = 5;

/** A model that computes its own loss on fixed data. */
abstract class Task extends Module {
  abstract loss(): Tensor;
}

/** Three layers with an activation between them, on 30 points. */
class Perceptron extends Task {
  first = new Linear(3, 16);
  second = new Linear(16, 18);
  last = new Linear(18, 1);
  readonly #activation: (x: Tensor) => Tensor;

  constructor(activation: (x: Tensor) => Tensor) {
    super();
    this.#activation = activation;
  }

  loss(): Tensor {
    const x = tensor(randomValues(90, 1), { shape: [30, 3] });
    const y = tensor(randomValues(30, 2), { shape: [30, 1] });
    const hidden = this.#activation(this.first.forward(x));
    const more = this.#activation(this.second.forward(hidden));
    const error = sub(this.last.forward(more), y);
    return mean(mul(error, error));
  }
}

/** Layer norms, an activation inside of a product, and dropout. */
class Normed extends Task {
  input = new Linear(5, 24);
  norm = new LayerNorm(24);
  dropout = new Dropout(0.25);
  output = new Linear(24, 3);
  final = new LayerNorm(3);

  loss(): Tensor {
    const x = tensor(randomValues(100, 3), { shape: [20, 5] });
    const y = tensor(Int32Array.from({ length: 20 }, (_, i) => i % 3));
    const hidden = this.norm.forward(
      this.input.forward(x, { activation: "gelu" }),
    );
    const logits = this.output.forward(this.dropout.forward(hidden));
    return crossEntropy(this.final.forward(logits), y);
  }
}

/** The mean of embedded tokens, classified; the embedding is tied twice. */
class Bag extends Task {
  tokens = new Embedding(13, 8);
  output = new Linear(8, 4);

  loss(): Tensor {
    const ids = tensor(
      Int32Array.from({ length: 42 }, (_, i) => (i * i) % 13),
      {
        shape: [6, 7],
      },
    );
    const labels = tensor(Int32Array.of(0, 1, 2, 3, 0, 1));
    const pooled = mean(this.tokens.forward(ids), { axis: 1 });
    return crossEntropy(this.output.forward(pooled), labels);
  }
}

/** A module with buffers that training changes. */
class Batched extends Task {
  input = new Linear(3, 6);
  norm = new BatchNorm1d(6);

  loss(): Tensor {
    const x = tensor(randomValues(60, 4), { shape: [20, 3] });
    const y = this.norm.forward(this.input.forward(x));
    return mean(mul(tanh(y), y));
  }
}

type Optimize = (parameters: Parameter[]) => Optimizer;

const OPTIMIZERS: Readonly<Record<string, Optimize>> = {
  SGD: (parameters) =>
    new SGD(parameters, { learningRate: 0.1, momentum: 0.9 }) as Optimizer,
  AdamW: (parameters) =>
    new AdamW(parameters, {
      learningRate: 0.01,
      weightDecay: 0.1,
    }) as Optimizer,
};

const TASKS: Readonly<Record<string, () => Task>> = {
  "ELU perceptron": () => new Perceptron((x) => elu(x)),
  "tanh perceptron": () => new Perceptron(tanh),
  "ReLU perceptron": () => new Perceptron(relu),
  "GELU perceptron": () => new Perceptron((x) => gelu(x)),
  "layer norms with dropout": () => new Normed(),
  "bag of embeddings": () => new Bag(),
  "batch norm": () => new Batched(),
};

/** Makes and trains a model, and gives the losses and the model. */
function train(make: () => Task, optimize: Optimize, maxNorm?: number) {
  const model = make();
  model.placeParameters();
  const optimizer = optimize(model.parameters());
  const losses: Tensor[] = [];
  for (let step = 0; step < STEPS; step++) {
    const loss = model.loss();
    backward(loss);
    if (maxNorm !== undefined) losses.push(clipGradNorm(optimizer, maxNorm));
    optimizer.step();
    losses.push(loss);
  }
  optimizer.dispose();
  return { model, results: [...losses, ...tensorsOf(model)] };
}

function tensorsOf(model: Module): Tensor[] {
  return [...model.namedTensors().values()];
}

/** Trains a model alone, as `manualSeed` starts it. */
async function trainedAlone(
  seed: number,
  ...task: Parameters<typeof train>
): Promise<Float32Array[]> {
  manualSeed(seed);
  const { model, results } = train(...task);
  using _ = model;
  return await readAll(results);
}

async function trainedTogether(
  seeds: readonly number[],
  ...task: Parameters<typeof train>
): Promise<Float32Array[][]> {
  using replicas = new Replicas(seeds);
  const { model, results } = replicas.run(() => train(...task));
  using _ = model;
  const values = await Promise.all(results.map((x) => replicas.data(x)));
  return seeds.map((_, j) => values.map((x) => x[j] as Float32Array));
}

for (const [name, make] of Object.entries(TASKS)) {
  for (const [rule, optimize] of Object.entries(OPTIMIZERS)) {
    gpuTest(
      `replicas trained by ${rule} have the bits of one alone: ${name}`,
      async () => {
        const together = await trainedTogether(SEEDS, make, optimize);
        for (const [j, seed] of SEEDS.entries()) {
          const alone = await trainedAlone(seed, make, optimize);
          assertEquals(together[j], alone, `replica ${j}`);
        }
        assertNotEquals(together[0], together[1]);
      },
    );
  }
}

gpuTest(
  "the norm of a gradient is measured and clipped for each replica",
  async () => {
    const task = [
      () => new Normed(),
      OPTIMIZERS.AdamW as Optimize,
      0.05,
    ] as const;
    const together = await trainedTogether(SEEDS, ...task);
    for (const [j, seed] of SEEDS.entries()) {
      assertEquals(together[j], await trainedAlone(seed, ...task));
    }
    assertNotEquals(together[0]?.[0], together[1]?.[0], "the first norms");
  },
);

gpuTest("a replica does not depend on the number of others", async () => {
  const task = [() => new Normed(), OPTIMIZERS.SGD as Optimize] as const;
  const [, second] = await trainedTogether(SEEDS, ...task);
  const many = Array.from({ length: 16 }, (_, j) => j === 15 ? 22 : j);
  assertEquals((await trainedTogether(many, ...task))[15], second);
  assertEquals(await trainedTogether([22], ...task), [second]);
});

gpuTest(
  "gradients of replicas add up over batches, and zeroGrad() clears them",
  async () => {
    const steps = () => {
      const model = new Normed();
      const optimizer = new SGD(model.parameters(), { learningRate: 0.1 });
      backward(model.loss());
      backward(model.loss());
      optimizer.step();
      backward(model.loss());
      optimizer.zeroGrad();
      optimizer.dispose();
      optimizer.dispose();
      backward(model.loss());
      return {
        model,
        results: [...model.parameters().map((p) => p.grad as Tensor)],
      };
    };
    using replicas = new Replicas(SEEDS);
    const { model, results } = replicas.run(steps);
    using _ = model;
    const together = await Promise.all(results.map((x) => replicas.data(x)));
    for (const [j, seed] of SEEDS.entries()) {
      manualSeed(seed);
      const alone = steps();
      using _ = alone.model;
      assertEquals(together.map((x) => x[j]), await readAll(alone.results));
    }
  },
);

gpuTest(
  "captured steps of replicas have the bits of steps that are run",
  async () => {
    const train = async (
      run: <T>(f: () => T) => T,
      isCaptured: boolean,
    ) => {
      const { model, optimizer } = run(() => {
        const model = new Normed();
        model.placeParameters();
        return {
          model,
          optimizer: new AdamW(model.parameters(), { learningRate: 0.02 }),
        };
      });
      using step = capture(() => {
        backward(model.loss());
        clipGradNorm(optimizer, 1);
        optimizer.step();
      }, { enabled: isCaptured });
      for (let k = 0; k < 8; k++) {
        run(() => {
          using _ = scope();
          step({});
        });
      }
      if (isCaptured) assertEquals(step.reason, undefined);
      optimizer.dispose();
      await Promise.resolve();
      return model;
    };
    using replicas = new Replicas(SEEDS);
    using model = await train((f) => replicas.run(f), true);
    const together = await Promise.all(
      model.parameters().map((x) => replicas.data(x)),
    );
    for (const [j, seed] of SEEDS.entries()) {
      manualSeed(seed);
      using alone = await train((f) => f(), false);
      assertEquals(
        together.map((x) => x[j]),
        await readAll(alone.parameters()),
      );
    }
  },
);

gpuTest("weights go to replicas and come back", async () => {
  const models = [1, 2, 3].map((seed) => {
    manualSeed(seed);
    const model = new Batched();
    model.loss(); // It moves the running statistics.
    return model;
  });
  const before = await Promise.all(models.map((m) => readAll(tensorsOf(m))));
  using replicas = new Replicas(SEEDS);
  using together = replicas.run(() => new Batched());
  stackModules(replicas, together, models);
  const found = await Promise.all(
    tensorsOf(together).map((x) => replicas.data(x)),
  );
  assertEquals(SEEDS.map((_, j) => found.map((x) => x[j])), before);
  const others = SEEDS.map(() => new Batched());
  unstackModules(replicas, together, others);
  const after = await Promise.all(others.map((m) => readAll(tensorsOf(m))));
  assertEquals(after, before);

  using shared = new Batched();
  shared.placeParameters();
  using other = new Normed();
  const cases: readonly [() => void, string][] = [
    [
      () => stackModules(replicas, together, models.slice(1)),
      "Cannot copy weights between 3 replicas and 2 modules: give one for each",
    ],
    [
      () => unstackModules(replicas, shared, models),
      "input.weight is not replicated; make the module in run() of the Replicas",
    ],
    [
      () => stackModules(replicas, together, [...models.slice(1), other]),
      "Cannot copy weights of replica 2: input.weight is [6, 3] among the " +
      "replicas and [24, 5] in its module",
    ],
  ];
  for (const [run, message] of cases) assertThrows(run, TypeError, message);
  for (const model of [...models, ...others]) model.dispose();
});

gpuTest("the first use of a gradient may be by one replica", async () => {
  using replicas = new Replicas(SEEDS);
  using model = replicas.run(() => {
    const model = new Linear(3, 2);
    model.placeParameters();
    return model;
  });
  const loss = () => mean(reshape(model.forward(tensor([[1, 2, 3]])), [2]));
  replicas.only(1, () => backward(loss()));
  const gradients = await replicas.data(model.weight.grad as Tensor);
  assertEquals(gradients.map((g) => g[1]), [0, 1, 0]);
  replicas.run(() => backward(loss()));
  const more = await replicas.data(model.weight.grad as Tensor);
  assertEquals(more.map((g) => g[1]), [1, 2, 1]);
});
