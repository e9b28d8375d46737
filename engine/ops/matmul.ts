// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

import { type Activation, ACTIVATIONS } from "../kernels/matmul_activation.ts";
import { type BatchAxis, launchMatmul } from "../launch/matmul.ts";
import { reduceAxes } from "../launch/reduction.ts";
import {
  broadcastShapes,
  broadcastStrides,
  collapseAxes,
  formatShape,
  sameShape,
  type Shape,
} from "../shape.ts";
import { isOnlyUse, isRecording, record } from "../tape.ts";
import { alias, allocate, type Tensor } from "../tensor.ts";
import { evaluateFlat } from "../launch/flat.ts";

export type { Activation } from "../kernels/matmul_activation.ts";

/** Options of {@linkcode matmul}. */
export interface MatmulOptions {
  /**
   * Whether `a` holds its matrices transposed: `[..., K, M]`.
   *
   * @default {false}
   */
  transposeA?: boolean;
  /**
   * Whether `b` holds its matrices transposed: `[..., N, K]`, as the weights of
   * linear layers are.
   *
   * @default {false}
   */
  transposeB?: boolean;
  /**
   * A tensor of shape `[N]` to add to every row of the product.
   *
   * @default {none}
   */
  bias?: Tensor | undefined;
  /**
   * A function of the product and its bias.
   *
   * @default {none}
   */
  activation?: Activation | undefined;
  /**
   * A tensor of the result's shape to add last, after the activation.
   *
   * @default {none}
   */
  residual?: Tensor | undefined;
}

/** What a product with an activation keeps for its derivative. */
interface Derivable {
  activation: Activation;
  argument: Tensor;
  /** Whether the gradient that comes in is that of the argument already. */
  done: boolean;
}

/**
 * The results of activations without residual: where a result goes into one
 * product only, that product's backward multiplies by the derivative.
 */
const derivables = new WeakMap<Tensor, Derivable>();

/**
 * Multiplies matrices: `y = activation(a·b + bias) + residual`, in one kernel.
 *
 * `a` is `[..., M, K]` and `b` is `[..., K, N]`, each possibly stored
 * transposed; the axes before the last two broadcast. Transposed operands and
 * sizes that are no multiples of any tile cost no copy. Every element is summed
 * in the order of k, except on GPUs where there are few rows, or few results of
 * long sums: there parts of the sum are added in an order that is fixed, too.
 *
 * @returns A tensor `[..., M, N]`.
 *
 * @throws {TypeError} If an operand has fewer than two axes, the inner
 * dimensions differ, the batch axes do not broadcast, or the bias or residual
 * has another shape.
 *
 * @example A linear layer
 * ```ts
 * import { initialize, matmul, tensor } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const x = tensor([[1, 2, 3]]);
 * const weight = tensor([[1, 0, 1], [-1, 0, -1]]);
 * const bias = tensor([10, 1]);
 * const y = matmul(x, weight, { transposeB: true, bias, activation: "relu" });
 * assertEquals([...await y.data()], [14, 0]);
 * ```
 */
export function matmul(
  a: Tensor,
  b: Tensor,
  options: MatmulOptions = {},
): Tensor {
  const { transposeA = false, transposeB = false } = options;
  const { bias, activation, residual } = options;
  const { m, n, k, batch } = measure(a, b, transposeA, transposeB);
  const shape = [...batch, m, n];
  check(shape, [a, b], bias, residual);

  const inputs = [a, b];
  if (bias) inputs.push(bias);
  if (residual) inputs.push(residual);
  const { device } = a;
  const y = allocate(device, shape);
  const recording = isRecording() && inputs.some((x) => x.requiresGrad);
  const rule = activation ? ACTIVATIONS[activation] : undefined;
  const fromY = residual ? undefined : rule?.fromY;
  const saved = recording && rule && !fromY
    ? allocate(device, shape)
    : undefined;
  launchMatmul({
    a,
    b,
    c: y,
    m,
    n,
    k,
    transposeA,
    transposeB,
    batch: align(batch, a, b, y),
    bias,
    activation,
    residual,
    saved,
  });

  const mine: Derivable | undefined = activation && recording
    ? { activation, argument: saved ?? y, done: false }
    : undefined;
  if (mine && !residual) derivables.set(y, mine);

  return record(y, inputs, (dy, into) => {
    const dz = a.requiresGrad || b.requiresGrad || bias?.requiresGrad
      ? derivative(dy)
      : dy;
    // The product that makes db reads dz: it sums its rows on the way.
    const fused = bias?.requiresGrad && b.requiresGrad && b.size > 0 &&
      b.size === k * n && (into[1] === undefined) === (into[2] === undefined);
    const db0 = fused ? into[2] ?? allocate(device, [n]) : undefined;
    const gradients: (Tensor | undefined)[] = [
      a.requiresGrad ? gradientA(dz, into[0]) : undefined,
      b.requiresGrad ? gradientB(dz, into[1], db0) : undefined,
    ];
    if (bias) {
      gradients.push(bias.requiresGrad ? db0 ?? sumRows(dz) : undefined);
    }
    if (residual) gradients.push(residual.requiresGrad ? dy : undefined);
    return gradients;
  });

  function sumRows(dz: Tensor): Tensor {
    const rows = alias(dz, [m * size(batch), n]);
    return reduceAxes(rows, [true, false], [n], "sum");
  }

  /** The gradient of the activation's argument. */
  function derivative(dy: Tensor): Tensor {
    if (!rule || !mine) return dy;
    if (mine.done) {
      mine.done = false;
      return dy;
    }
    const dz = allocate(device, shape);
    evaluateFlat(dz, {
      name: `${activation}_backward`,
      body: fromY ?? rule.dz,
      operands: [["dy", "f32"], [fromY ? "y" : "z", "f32"]],
      result: "f32",
    }, [dy, mine.argument]);
    return dz;
  }

  /** What a's activation needs, if da may be made the gradient before it. */
  function before(into: Tensor | undefined): Derivable | undefined {
    const whole = a.size > 0 && a.size === m * k * size(batch);
    if (into || !whole || !isOnlyUse(a)) return undefined;
    const derivable = derivables.get(a);
    if (derivable) derivable.done = true;
    return derivable;
  }

  /** da = dz·bᵀ, or its transpose where `a` is stored so. */
  function gradientA(dz: Tensor, into: Tensor | undefined): Tensor {
    const c = into ?? allocate(device, a.shape);
    const accumulate = into !== undefined;
    const shared = { c, k: n, accumulate, derive: before(into) };
    if (transposeA) {
      launchMatmul({
        ...shared,
        a: b,
        b: dz,
        m: k,
        n: m,
        transposeA: transposeB,
        transposeB: true,
        batch: align(batch, b, dz, a),
      });
    } else {
      launchMatmul({
        ...shared,
        a: dz,
        b,
        m,
        n: k,
        transposeA: false,
        transposeB: !transposeB,
        batch: align(batch, dz, b, a),
      });
    }
    return c;
  }

  /**
   * db = aᵀ·dz, or its transpose where `b` is stored so; the sums of dz's
   * columns go into `db0`.
   */
  function gradientB(
    dz: Tensor,
    into: Tensor | undefined,
    db0: Tensor | undefined,
  ): Tensor {
    const c = into ?? allocate(device, b.shape);
    const sums = db0 && {
      of: transposeB ? "a" as const : "b" as const,
      into: db0,
    };
    const shared = { c, k: m, accumulate: into !== undefined, sums };
    if (transposeB) {
      launchMatmul({
        ...shared,
        a: dz,
        b: a,
        m: n,
        n: k,
        transposeA: true,
        transposeB: transposeA,
        batch: align(batch, dz, a, b),
      });
    } else {
      launchMatmul({
        ...shared,
        a,
        b: dz,
        m: k,
        n,
        transposeA: !transposeA,
        transposeB: false,
        batch: align(batch, a, dz, b),
      });
    }
    return c;
  }
}

function size(batch: Shape): number {
  return batch.reduce((product, length) => product * length, 1);
}

/** The batch axes as each tensor walks along them, neighbours merged. */
function align(
  batch: Shape,
  a: Tensor,
  b: Tensor,
  c: Tensor,
): BatchAxis[] {
  const axes = collapseAxes(
    batch,
    [a, b, c].map((x) => {
      const lead = x.shape.length - 2;
      const item = (x.shape[lead] ?? 1) * (x.shape[lead + 1] ?? 1);
      return broadcastStrides(x.shape.slice(0, lead), batch)
        .map((stride) => stride * item);
    }),
  );
  return axes.shape.map((count, i) => ({
    count,
    a: axes.strides[0]?.[i] ?? 0,
    b: axes.strides[1]?.[i] ?? 0,
    c: axes.strides[2]?.[i] ?? 0,
  }));
}

interface Sizes {
  m: number;
  n: number;
  k: number;
  batch: number[];
}

function measure(
  a: Tensor,
  b: Tensor,
  transposeA: boolean,
  transposeB: boolean,
): Sizes {
  const lead = [a.shape.length - 2, b.shape.length - 2] as const;
  if (lead[0] < 0 || lead[1] < 0) {
    throw new TypeError(
      `Cannot multiply ${formatShape(a.shape)} by ${
        formatShape(b.shape)
      }: both need at least two axes`,
    );
  }
  const [rowsA = 0, columnsA = 0] = a.shape.slice(lead[0]);
  const [rowsB = 0, columnsB = 0] = b.shape.slice(lead[1]);
  const [m, k] = transposeA ? [columnsA, rowsA] : [rowsA, columnsA];
  const [n, inner] = transposeB ? [rowsB, columnsB] : [columnsB, rowsB];
  if (k !== inner) {
    const text = (x: Tensor, transposed: boolean) =>
      formatShape(x.shape) + (transposed ? " transposed" : "");
    throw new TypeError(
      `Cannot multiply ${text(a, transposeA)} by ${
        text(b, transposeB)
      }: inner dimensions must match`,
    );
  }
  const batch = broadcastShapes(
    "multiply matrices of batches",
    a.shape.slice(0, lead[0]),
    b.shape.slice(0, lead[1]),
  );
  return { m, n, k, batch };
}

function check(
  shape: Shape,
  operands: readonly Tensor[],
  bias: Tensor | undefined,
  residual: Tensor | undefined,
): void {
  for (const x of [...operands, bias, residual]) {
    if (x && x.dtype !== "f32") {
      throw new TypeError(
        `Cannot multiply matrices of ${x.dtype}: cast() them to f32`,
      );
    }
  }
  const n = shape.at(-1) ?? 0;
  if (bias && !sameShape(bias.shape, [n])) {
    throw new TypeError(
      `Cannot add bias ${formatShape(bias.shape)} to a product of shape ${
        formatShape(shape)
      }: it must have shape [${n}]`,
    );
  }
  if (residual && !sameShape(residual.shape, shape)) {
    throw new TypeError(
      `Cannot add residual ${
        formatShape(residual.shape)
      } to a product of shape ${
        formatShape(shape)
      }: the shapes must be the same`,
    );
  }
}
