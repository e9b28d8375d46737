// Copyright 2026 the swagpu authors. MIT license.

// The last layer's posterior against a float64 twin that takes the Hessian of the loss
// by finite differences, and against the exact evidence of linear regression.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { mul, scope, tanh, type Tensor, tensor } from "../../../engine/mod.ts";
import { Dropout, LayerNorm, Linear, Module } from "../../../nn/mod.ts";
import { CurvatureSums } from "../../../swag/laplace/curvature.ts";
import {
  LastLayerLaplace,
  type LastLayerLaplaceOptions,
} from "../../../swag/mod.ts";
import { assertClose, gpuTest, randomValues } from "../../_check.ts";
import {
  hessian,
  invert,
  loss,
  type Problem,
} from "../../reference/laplace.ts";

const [ROWS, WIDTH] = [9, 3];

/** A layer with a nonlinear map before it. */
class Model extends Module {
  readonly first = new Linear(2, WIDTH);
  readonly dropout = new Dropout(0.5);
  readonly last: Linear;

  constructor(outputs: number, readonly bias = true) {
    super();
    this.last = new Linear(WIDTH, outputs, { bias });
    const { first, last } = this;
    first.weight.write(randomValues(2 * WIDTH, 1));
    first.bias?.write(randomValues(WIDTH, 2));
    last.weight.write(randomValues(WIDTH * outputs, 3, -2, 2));
    last.bias?.write(randomValues(outputs, 4));
  }

  forward(x: Tensor): Tensor {
    const features = this.dropout.forward(tanh(this.first.forward(x)));
    return this.last.forward(features);
  }
}

const PROBLEMS: readonly [Problem, number][] = [
  ["single_label_classification", 3],
  ["multi_label_classification", 2],
  ["regression", 2],
];

const INPUTS = randomValues(ROWS * 2, 5, -2, 2);

const inputs = (rows: readonly number[]) =>
  tensor(rows.flatMap((row) => [...INPUTS.slice(row * 2, row * 2 + 2)]), {
    shape: [rows.length, 2],
  });

const BATCHES = [[0, 1, 2, 3], [4, 5, 6, 7], [8]];

function labelsOf(problem: Problem, outputs: number): number[] {
  const count = problem === "single_label_classification"
    ? ROWS
    : ROWS * outputs;
  const values = randomValues(count, 6, 0, 1);
  return Array.from(values, (x) => {
    if (problem === "regression") return x * 3;
    return Math.floor(
      x * (problem === "multi_label_classification" ? 2 : outputs),
    );
  });
}

/** Features with a 1 at the end, and the layer's weights by output, in float64. */
async function twinOf(model: Model, problem: Problem, outputs: number) {
  const [w1, b1] = [
    await model.first.weight.data(),
    await model.first.bias?.data() ?? [],
  ];
  const features = Array.from({ length: ROWS }, (_, n) => [
    ...Array.from({ length: WIDTH }, (_, j) =>
      Math.tanh(
        (b1[j] ?? 0) + (w1[j * 2] ?? 0) * (INPUTS[n * 2] ?? 0) +
          (w1[j * 2 + 1] ?? 0) * (INPUTS[n * 2 + 1] ?? 0),
      )),
    ...model.bias ? [1] : [],
  ]);
  const [w2, b2] = [
    await model.last.weight.data(),
    await model.last.bias?.data(),
  ];
  const weights = Array.from({ length: outputs }, (_, c) => [
    ...w2.slice(c * WIDTH, (c + 1) * WIDTH),
    ...b2 ? [b2[c] ?? 0] : [],
  ]).flat();
  const labels = labelsOf(problem, outputs);
  const data = { features, labels, outputs };
  const value = loss(problem, data, weights);
  const matrix = hessian((x) => loss(problem, data, x), weights);
  return { data, weights, loss: value, matrix };
}

function fit(
  model: Model,
  problem: Problem,
  options: LastLayerLaplaceOptions & { outputs: number },
) {
  const { outputs, ...rest } = options;
  return LastLayerLaplace.fit(
    model,
    BATCHES,
    (rows) => model.forward(inputs(rows)),
    labelsOf(problem, outputs),
    { problemType: problem, ...rest },
  );
}

/** Finite differences of a step of 1e-3 leave about so much. */
const DIFFERENCES = { absolute: 1e-4, relative: 1e-4 };

for (const [problem, outputs] of PROBLEMS) {
  for (const bias of [true, false]) {
    gpuTest(
      `the Hessian of ${problem} ${bias ? "with" : "without"} a bias is that ` +
        "of the loss",
      async () => {
        const model = new Model(outputs, bias);
        const { matrix } = await twinOf(model, problem, outputs);
        const columns = WIDTH + (bias ? 1 : 0);
        for (const structure of ["full", "diag"] as const) {
          using sums = new CurvatureSums(
            { problemType: problem, structure, outputs, columns },
            bias,
          );
          for (const rows of BATCHES) {
            using _ = scope();
            const features = tanh(model.first.forward(inputs(rows)));
            sums.add({ features, logits: model.last.forward(features) });
          }
          const expected = structure === "full"
            ? matrix.flat()
            : matrix.map((row, i) => row[i] ?? NaN);
          const values = (await sums.curvature()).values();
          assertClose(values, expected, DIFFERENCES, structure);
        }
        model.dispose();
      },
    );
  }

  for (const hessianStructure of ["full", "diag"] as const) {
    gpuTest(
      `the ${hessianStructure} posterior of ${problem} has the evidence and the ` +
        "variances of the twin",
      async () => {
        const model = new Model(outputs);
        const { matrix, loss, weights, data } = await twinOf(
          ...[model, problem, outputs] as const,
        );
        const laplace = await fit(model, problem, {
          ...{ outputs, hessianStructure, priorPrecision: 0.7 },
          ...problem === "regression" ? { noise: 1 } : {},
        });
        const evidenceAt = (lambda: number) => {
          const { inverse, logDeterminant } = invert(
            matrix.map((row, i) =>
              row.map((x, j) =>
                i === j ? x + lambda : hessianStructure === "full" ? x : 0
              )
            ),
          );
          const norm = weights.reduce((sum, x) => sum + x * x, 0);
          const prior = weights.length * Math.log(lambda) - lambda * norm;
          return { inverse, value: -loss + (prior - logDeterminant) / 2 };
        };
        for (const lambda of [0.05, 0.7, 20]) {
          const { value } = evidenceAt(lambda);
          const found = laplace.logMarginalLikelihood(lambda);
          assertAlmostEquals(found, value, 1e-3 * Math.abs(value));
        }

        // The variance of each logit of two rows, in closed form.
        const { inverse } = evidenceAt(0.7);
        const columns = WIDTH + 1;
        const expected = [0, 4].flatMap((n) =>
          Array.from({ length: outputs }, (_, c) => {
            const row = data.features[n] ?? [];
            return row.reduce((sum, x, i) =>
              row.reduce(
                (inner, y, j) =>
                  inner +
                  x * y *
                    (inverse[c * columns + i]?.[c * columns + j] ?? NaN),
                sum,
              ), 0);
          })
        );
        const forward = () => model.forward(inputs([0, 4]));
        const linear = laplace.predictLinearized(forward);
        const variances = await linear.variances.data();
        assertClose(variances, expected, { absolute: 0, relative: 1e-3 });
        const logits = await linear.logits.data();
        model.eval();
        assertClose(logits, await forward().data());

        // Samples have it, too: five standard errors of a variance.
        const samples = 2000;
        const drawn = laplace.predict(forward, {
          ...{ problemType: "regression", numPredictions: samples, seed: 3 },
        });
        const stds = await drawn.std.data();
        for (const [i, variance] of expected.entries()) {
          const ratio = (stds[i] ?? NaN) ** 2 / variance;
          assert(Math.abs(ratio - 1) < 5 * Math.sqrt(2 / samples), `${ratio}`);
        }
        assertClose(
          await drawn.mean.data(),
          [...logits],
          {
            absolute: 5 * Math.sqrt(Math.max(...expected) / samples),
            relative: 0,
          },
        );
        const values = await linear.probabilities?.data();
        if (problem === "regression") assertEquals(values, undefined);
        else {
          const scaled = [...logits].map((f, i) =>
            f / Math.sqrt(1 + Math.PI / 8 * (expected[i] ?? NaN))
          );
          const all = (i: number) =>
            scaled.slice(i - i % outputs, i - i % outputs + outputs)
              .reduce((sum, f) => sum + Math.exp(f), 0);
          const probabilities = scaled.map((f, i) =>
            problem === "multi_label_classification"
              ? 1 / (1 + Math.exp(-f))
              : Math.exp(f) / all(i)
          );
          assertClose(values ?? [], probabilities, {
            ...{ absolute: 1e-4, relative: 1e-4 },
          });
        }
        model.dispose();
      },
    );

    gpuTest(
      `the ${hessianStructure} evidence of ${problem} is largest where it is chosen`,
      async () => {
        const model = new Model(outputs);
        const laplace = await fit(model, problem, {
          outputs,
          hessianStructure,
        });
        const { priorPrecision, noise } = laplace;
        const best = laplace.logMarginalLikelihood();
        for (const factor of [0.5, 0.99, 1.01, 2]) {
          const other = laplace.logMarginalLikelihood(priorPrecision * factor);
          assert(other < best, `${factor} of the precision`);
          if (problem !== "regression") continue;
          const noisy = laplace.logMarginalLikelihood(
            priorPrecision,
            noise * factor,
          );
          assert(noisy < best, `${factor} of the noise`);
        }
        model.dispose();
      },
    );
  }
}

gpuTest(
  "linear regression has the exact evidence and posterior",
  async () => {
    // y = x w + noise: N(0, σ² I + x xᵀ / λ), and w at the mode of its posterior.
    const [lambda, sigma, rows, width] = [0.8, 0.5, 6, 2];
    const x = [...randomValues(rows * width, 1, -2, 2)];
    const y = [...randomValues(rows, 2, -2, 2)];
    const at = (n: number, j: number) => x[n * width + j] ?? NaN;
    const sum = (count: number, f: (i: number) => number) =>
      Array.from({ length: count }, (_, i) => f(i)).reduce((a, b) => a + b, 0);
    const precision = [0, 1].map((i) =>
      [0, 1].map((j) =>
        sum(rows, (n) => at(n, i) * at(n, j)) / sigma ** 2 +
        (i === j ? lambda : 0)
      )
    );
    const { inverse } = invert(precision);
    const mode = [0, 1].map((i) =>
      sum(
        width,
        (j) =>
          (inverse[i]?.[j] ?? NaN) * sum(rows, (n) => at(n, j) * (y[n] ?? NaN)),
      ) /
      sigma ** 2
    );
    const covariance = y.map((_, n) =>
      y.map((_, m) =>
        sum(width, (j) => at(n, j) * at(m, j)) / lambda +
        (n === m ? sigma ** 2 : 0)
      )
    );
    const ofData = invert(covariance);
    const quadratic = sum(
      rows,
      (n) =>
        sum(
          rows,
          (m) =>
            (y[n] ?? NaN) * (ofData.inverse[n]?.[m] ?? NaN) * (y[m] ?? NaN),
        ),
    );
    const exact = -(quadratic + ofData.logDeterminant +
      rows * Math.log(2 * Math.PI)) / 2;

    const model = new Linear(width, 1, { bias: false });
    model.weight.write(mode);
    const data = tensor(x, { shape: [rows, width] });
    const laplace = await LastLayerLaplace.fit(
      ...[model, [data], (batch: Tensor) => model.forward(batch), y] as const,
      { problemType: "regression", noise: sigma, priorPrecision: lambda },
    );
    assertAlmostEquals(laplace.logMarginalLikelihood(), exact, 1e-4);
    const { variances } = laplace.predictLinearized(() =>
      model.forward(tensor([[1, 0], [0, 1]]))
    );
    assertClose(
      await variances.data(),
      [inverse[0]?.[0] ?? NaN, inverse[1]?.[1] ?? NaN],
      { absolute: 0, relative: 1e-5 },
    );
    model.dispose();
  },
);

gpuTest(
  "confident predictions keep the digits of their curvature",
  async () => {
    // p (1 - p) is about e^-20, which 1 - p in 32 bits knows nothing of.
    const model = new Linear(1, 2);
    model.weight.write([0, 20]);
    model.bias?.write([0, 0]);
    const exact = Math.exp(20) / (1 + Math.exp(20)) ** 2;
    for (const hessianStructure of ["full", "diag"] as const) {
      using sums = new CurvatureSums({
        ...{ problemType: "single_label_classification" },
        ...{ structure: hessianStructure, outputs: 2, columns: 2 },
      }, true);
      const features = tensor([[1]]);
      sums.add({ features, logits: model.forward(features) });
      const values = (await sums.curvature()).values();
      // The weight of the unlikely class, and of the likely one, whose p is 1 here.
      for (const at of hessianStructure === "full" ? [0, 10] : [0, 2]) {
        assertAlmostEquals((values[at] ?? NaN) / exact, 1, 1e-4);
      }
    }
    model.dispose();
  },
);

gpuTest(
  "the same seed gives the same samples, and the weights come back",
  async () => {
    const model = new Model(3);
    const laplace = await fit(model, "single_label_classification", {
      outputs: 3,
    });
    model.train();
    const before = await model.last.weight.data();
    const options = { numPredictions: 4, seed: 1 };
    const all = laplace.predictAll(
      BATCHES,
      (rows) => model.forward(inputs(rows)),
      options,
    );
    for (const [i, rows] of BATCHES.entries()) {
      const { probabilities } = laplace.predict(
        () => model.forward(inputs(rows)),
        options,
      );
      assertEquals(
        await probabilities.data(),
        await all[i]?.probabilities.data(),
      );
    }
    assertEquals(await model.last.weight.data(), before);
    assert(model.training && model.dropout.training);
    assert(!Object.hasOwn(model.last, "forward"));
    const draw = async () => {
      const logits = laplace.getLogits(() => model.forward(inputs([0])), {
        ...{ numPredictions: 1, index: undefined },
      } as { numPredictions: number });
      return `${await logits.data()}`;
    };
    assertEquals(new Set([await draw(), await draw()]).size, 2);
    model.dispose();
  },
);

gpuTest("what cannot be fitted is refused", async () => {
  const one = "single_label_classification";
  const model = new Model(3);
  const options = { outputs: 3 };
  const refused = async (
    change: LastLayerLaplaceOptions,
    message: string,
  ) => {
    const run = () => fit(model, one, { ...options, ...change });
    const error = await assertRejects(run);
    assert(`${error}`.includes(message), `${error}`);
  };
  await refused(
    { priorPrecision: 0 },
    "priorPrecision 0: it must be a positive",
  );
  await refused({ noise: 2 }, "with noise 2: only numbers have noise");
  await refused(
    { hessianStructure: "kron" as "full" },
    'hessianStructure "kron": it must be "full" or "diag"',
  );
  await refused(
    { layer: model.first },
    "the logits must be what the layer gives",
  );
  const stranger = new Linear(1, 1);
  await refused({ layer: stranger }, "the model does not have it");
  const fitWith = (
    labels: number[],
    forward = (rows: number[]) => model.forward(inputs(rows)),
  ) => LastLayerLaplace.fit(model, BATCHES, forward, labels);
  const right = labelsOf(one, 3);
  await assertRejects(() => fitWith([0]), RangeError, "the batches need 9");
  await assertRejects(
    () => fitWith(right.with(2, 3)),
    RangeError,
    "the label 3 at 2: it must be a class from 0 to 2",
  );
  await assertRejects(
    () => fitWith(right, (rows) => mul(model.forward(inputs(rows)), 2)),
    TypeError,
    "the model changes its output",
  );
  await assertRejects(
    () =>
      fitWith(right, (rows) => {
        model.forward(inputs(rows));
        return model.forward(inputs(rows));
      }),
    TypeError,
    "the model calls it 2 times",
  );
  await assertRejects(
    () => LastLayerLaplace.fit(model, [], () => inputs([0]), []),
    RangeError,
    "there are no batches",
  );
  const wide = new Linear(2000, 3);
  const x = tensor(new Float32Array(2000), { shape: [1, 2000] });
  await assertRejects(
    () => LastLayerLaplace.fit(wide, [x], (x) => wide.forward(x), [0]),
    RangeError,
    "Cannot fit a full Hessian of 6003 weights",
  );
  const single = new Linear(2, 1);
  await assertRejects(
    () =>
      LastLayerLaplace.fit(single, [0], () => single.forward(inputs([0])), []),
    TypeError,
    "it is no choice among classes",
  );
  const norm = new LayerNorm(2);
  await assertRejects(
    () => LastLayerLaplace.fit(norm, [0], () => norm.forward(inputs([0])), []),
    TypeError,
    "the model has no Linear",
  );
  const laplace = await fit(model, one, options);
  assertThrows(
    () => laplace.logMarginalLikelihood(-1),
    RangeError,
    "Cannot compute an evidence with priorPrecision -1",
  );
  for (const each of [model, stranger, wide, single, norm]) each.dispose();
});
