// Copyright 2026 the swagpu authors. MIT license.

// Ops, and their twins in float64, for the fuzzer of shapes.

import * as engine from "../../engine/mod.ts";
import type { Tensor } from "../../engine/mod.ts";
import type { Random } from "./fuzzer.ts";

/** An array of numbers with a shape. */
export interface Array64 {
  readonly shape: readonly number[];
  readonly values: number[];
}

/** One op with its inputs. */
export interface Trial {
  readonly name: string;
  readonly inputs: readonly Array64[];
  op(tensors: readonly Tensor[]): Tensor;
  /** Computes the result of the op; `undefined` if the op must throw an error. */
  twin(inputs: readonly Array64[]): Array64 | undefined;
}

const LENGTHS = [0, 0, 1, 1, 2, 3, 4, 5, 8];

const product = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

function randomShape(random: Random, least = 0, most = 4): number[] {
  return Array.from(
    { length: random.integer(least, most + 1) },
    () => random.pick(LENGTHS),
  );
}

/**
 * Numbers that are distinct, so that there is one largest, and not close to 0, where
 * abs has no derivative.
 */
function fill(random: Random, shape: readonly number[]): Array64 {
  const values = Array.from(
    { length: product(shape) },
    (_, i) =>
      (random.next() < 0.5 ? -1 : 1) *
      Math.fround(0.25 + random.next() + i * 1e-3),
  );
  return { shape, values };
}

function stridesOf(shape: readonly number[]): number[] {
  return shape.map((_, i) => product(shape.slice(i + 1)));
}

/** The flat index of each element of `shape`, by its strides. */
function places(shape: readonly number[], strides: readonly number[]) {
  const own = stridesOf(shape);
  return Array.from({ length: product(shape) }, (_, flat) =>
    shape.reduce(
      (at, n, i) =>
        at + Math.floor(flat / (own[i] ?? 1)) % n * (strides[i] ?? 0),
      0,
    ));
}

/** Maps each line of an array along an axis. The length of lines may change. */
function alongAxis(
  { shape, values }: Array64,
  axis: number,
  length: number,
  map: (line: number[]) => number[],
): Array64 {
  const n = shape[axis] ?? 1;
  const inner = product(shape.slice(axis + 1));
  const outer = product(shape.slice(0, axis));
  const result = new Array<number>(outer * length * inner);
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      const line = Array.from(
        { length: n },
        (_, k) => values[(o * n + k) * inner + i] ?? NaN,
      );
      map(line).forEach((v, k) => result[(o * length + k) * inner + i] = v);
    }
  }
  return { shape: shape.with(axis, length), values: result };
}

const sum = (line: readonly number[]) => line.reduce((a, b) => a + b, 0);

function softmaxOf(line: readonly number[]): number[] {
  const top = Math.max(...line);
  const total = sum(line.map((v) => Math.exp(v - top)));
  return line.map((v) => Math.exp(v - top) / total);
}

function varianceOf(line: readonly number[], correction: number): number {
  const mean = sum(line) / line.length;
  const divisor = line.length - correction;
  return divisor <= 0 ? NaN : sum(line.map((v) => (v - mean) ** 2)) / divisor;
}

const MAPS: [keyof typeof engine, (x: number) => number][] = [
  ["neg", (x) => -x],
  ["abs", Math.abs],
  ["exp", Math.exp],
  ["sin", Math.sin],
  ["tanh", Math.tanh],
  ["sigmoid", (x) => 1 / (1 + Math.exp(-x))],
  ["relu", (x) => Math.max(x, 0)],
  ["elu", (x) => x > 0 ? x : Math.expm1(x)],
  ["silu", (x) => x / (1 + Math.exp(-x))],
];

const PAIRS: [keyof typeof engine, (a: number, b: number) => number][] = [
  ["add", (a, b) => a + b],
  ["sub", (a, b) => a - b],
  ["mul", (a, b) => a * b],
  ["div", (a, b) => a / b],
  ["minimum", Math.min],
  ["maximum", Math.max],
];

const REDUCTIONS: [
  keyof typeof engine,
  (line: number[]) => number | undefined,
][] = [
  ["sum", sum],
  ["mean", (line) => sum(line) / line.length],
  ["variance", (line) => varianceOf(line, 1)],
  ["logSumExp", (line) => Math.log(sum(line.map(Math.exp)))],
  ["max", (line) => line.length > 0 ? Math.max(...line) : undefined],
  ["min", (line) => line.length > 0 ? Math.min(...line) : undefined],
];

const LINES: [keyof typeof engine, (line: number[]) => number[]][] = [
  ["softmax", softmaxOf],
  ["logSoftmax", (line) => softmaxOf(line).map(Math.log)],
  ["cumsum", (line) => line.map((_, i) => sum(line.slice(0, i + 1)))],
];

/** Finds an op of the engine by its name. */
function call(name: keyof typeof engine, ...given: unknown[]): Tensor {
  return (engine[name] as (...given: unknown[]) => Tensor)(...given);
}

function broadcast(a: readonly number[], b: readonly number[]) {
  const rank = Math.max(a.length, b.length);
  const shape: number[] = [];
  for (let i = rank; i > 0; i--) {
    const [m, n] = [a[a.length - i] ?? 1, b[b.length - i] ?? 1];
    if (m !== n && m !== 1 && n !== 1) return undefined;
    shape.push(m === 1 ? n : m);
  }
  return shape;
}

function spread({ shape, values }: Array64, target: readonly number[]) {
  const lead = target.length - shape.length;
  const own = stridesOf(shape);
  const strides = target.map((_, i) =>
    shape[i - lead] === 1 ? 0 : own[i - lead] ?? 0
  );
  return places(target, strides).map((at) => values[at] ?? NaN);
}

/** The functions that make a trial of each kind. */
export const CASES: readonly ((random: Random) => Trial)[] = [
  (random) => {
    const [name, f] = random.pick(MAPS);
    return {
      name,
      inputs: [fill(random, randomShape(random))],
      op: ([x]) => call(name, x),
      twin: ([x = NOTHING]) => ({ ...x, values: x.values.map((v) => f(v)) }),
    };
  },
  (random) => {
    const [name, f] = random.pick(PAIRS);
    const shape = randomShape(random);
    // Mostly shapes that broadcast, and sometimes any shapes.
    const other = random.next() < 0.2
      ? randomShape(random)
      : shape.slice(random.integer(0, shape.length + 1))
        .map((n) => random.next() < 0.3 ? 1 : n);
    return {
      name,
      inputs: [fill(random, shape), fill(random, other)],
      op: ([a, b]) => call(name, a, b),
      twin: ([a = NOTHING, b = NOTHING]) => {
        const result = broadcast(a.shape, b.shape);
        if (!result) return undefined;
        const [x, y] = [spread(a, result), spread(b, result)];
        return {
          shape: result,
          values: x.map((v, i) => f(v, y[i] ?? NaN)),
        };
      },
    };
  },
  (random) => {
    const [name, f] = random.pick(REDUCTIONS);
    const shape = randomShape(random, 1);
    const axis = random.integer(0, shape.length);
    const keepDims = random.next() < 0.5;
    return {
      name: `${name} over ${axis}`,
      inputs: [fill(random, shape)],
      op: ([x]) => call(name, x, { axis, keepDims }),
      twin: ([x = NOTHING]) => {
        if (f(new Array(shape[axis]).fill(1)) === undefined) return undefined;
        const y = alongAxis(x, axis, 1, (line) => [f(line) ?? NaN]);
        return keepDims ? y : { ...y, shape: y.shape.toSpliced(axis, 1) };
      },
    };
  },
  (random) => {
    const [name, f] = random.pick(LINES);
    const shape = randomShape(random, 1);
    const axis = random.integer(0, shape.length);
    return {
      name: `${name} along ${axis}`,
      inputs: [fill(random, shape)],
      op: ([x]) => call(name, x, { axis }),
      twin: ([x = NOTHING]) => alongAxis(x, axis, shape[axis] ?? 1, f),
    };
  },
  (random) => {
    const shape = randomShape(random, 1);
    const columns = shape.at(-1) ?? 1;
    return {
      name: "layerNorm",
      inputs: [shape, [columns], [columns]].map((s) => fill(random, s)),
      op: ([x, weight, bias]) => call("layerNorm", x, { weight, bias, eps: 1 }),
      twin: ([x = NOTHING, weight, bias]) =>
        alongAxis(x, shape.length - 1, columns, (line) => {
          const mean = sum(line) / columns;
          const std = Math.sqrt(varianceOf(line, 0) + 1);
          return line.map((v, i) =>
            (v - mean) / std * (weight?.values[i] ?? 1) + (bias?.values[i] ?? 0)
          );
        }),
    };
  },
  (random) => {
    const [m, k, n] = randomShape(random, 3, 3);
    const inner = random.next() < 0.1 ? random.pick(LENGTHS) : k;
    const batch = randomShape(random, 0, 1);
    return {
      name: "matmul",
      inputs: [[...batch, m ?? 1, k ?? 1], [inner ?? 1, n ?? 1]]
        .map((shape) => fill(random, shape)),
      op: ([a, b]) => call("matmul", a, b),
      twin: ([a = NOTHING, b = NOTHING]) => {
        const [depth = 1, width = 1] = b.shape;
        if (a.shape.at(-1) !== depth) return undefined;
        return alongAxis(
          a,
          a.shape.length - 1,
          width,
          (line) =>
            Array.from(
              { length: width },
              (_, j) =>
                sum(line.map((v, i) => v * (b.values[i * width + j] ?? NaN))),
            ),
        );
      },
    };
  },
  (random) => {
    const shape = randomShape(random);
    const order = shape.map((_, i) => i);
    order.forEach((v, i) => {
      const j = random.integer(0, i + 1);
      [order[i], order[j]] = [order[j] ?? 0, v];
    });
    return {
      name: `permute by ${order}`,
      inputs: [fill(random, shape)],
      op: ([x]) => call("permute", x, order),
      twin: ([x = NOTHING]) => {
        const own = stridesOf(shape);
        const target = order.map((i) => shape[i] ?? 1);
        const strides = order.map((i) => own[i] ?? 0);
        return {
          shape: target,
          values: places(target, strides).map((at) => x.values[at] ?? NaN),
        };
      },
    };
  },
  (random) => {
    const shape = randomShape(random, 1);
    const axis = random.integer(0, shape.length);
    const length = shape[axis] ?? 1;
    const start = random.integer(0, length + 1);
    const end = random.integer(0, length + 1);
    return {
      name: `slice of axis ${axis} from ${start} to ${end}`,
      inputs: [fill(random, shape)],
      op: ([x]) => call("slice", x, { axis, start, end }),
      twin: ([x = NOTHING]) =>
        start > end ? undefined : alongAxis(
          x,
          axis,
          end - start,
          (line) => line.slice(start, end),
        ),
    };
  },
  (random) => {
    const shape = randomShape(random, 1);
    const axis = random.integer(0, shape.length);
    const index = Array.from(
      { length: random.pick(LENGTHS) },
      () => random.integer(0, (shape[axis] ?? 1) + 1),
    );
    return {
      name: `indexSelect of axis ${axis} by ${index}`,
      inputs: [fill(random, shape)],
      op: ([x]) =>
        call("indexSelect", x, engine.tensor(Int32Array.from(index)), axis),
      twin: ([x = NOTHING]) =>
        index.some((i) => i >= (shape[axis] ?? 1)) ? undefined : alongAxis(
          x,
          axis,
          index.length,
          (line) => index.map((i) => line[i] ?? NaN),
        ),
    };
  },
  (random) => {
    const rows = random.pick(LENGTHS);
    const classes = random.pick(LENGTHS);
    const labels = Array.from(
      { length: rows },
      () => random.integer(-1, classes + 1),
    );
    const ignoreIndex = -1;
    const reduction = random.pick(["mean", "sum"]);
    return {
      name: `crossEntropy ${reduction} with ${labels}`,
      inputs: [fill(random, [rows, classes])],
      op: ([x]) =>
        call("crossEntropy", x, engine.tensor(Int32Array.from(labels)), {
          ignoreIndex,
          reduction,
        }),
      twin: ([x = NOTHING]) => {
        if (classes === 0 || labels.includes(classes)) return undefined;
        const counted = labels.filter((label) => label >= 0).length;
        const losses = labels.map((label, i) => {
          const row = x.values.slice(i * classes, (i + 1) * classes);
          return label < 0 ? 0 : -Math.log(softmaxOf(row)[label] ?? NaN);
        });
        const scale = reduction === "mean" ? counted : 1;
        return { shape: [], values: [sum(losses) / scale] };
      },
    };
  },
];

const NOTHING: Array64 = { shape: [0], values: [] };
