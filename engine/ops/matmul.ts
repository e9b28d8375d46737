// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

import { type Activation, ACTIVATIONS } from "../kernels/matmul_activation.ts";
import { evaluateFlat } from "../launch/flat.ts";
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
import { isRecording, record } from "../tape.ts";
import { alias, allocate, type Tensor } from "../tensor.ts";
import {
  type ActivationDerivative,
  isDerivativeTaken,
  offerDerivative,
  takeDerivative,
} from "./deferred_activation.ts";

export type { Activation } from "../kernels/matmul_activation.ts";

// y = activation(a·b + bias) + residual and its derivatives. With z = a·b + bias,
//   dz = dy·activation'(z)   da = dz·bᵀ   db = aᵀ·dz   dbias = Σ rows of dz
// Backward, what is next to a product is left to its kernel: the bias gradient is
// summed by the product that makes db, and the derivative of an activation is
// multiplied on by the product that uses its result (deferred_activation.ts).

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

/**
 * Multiplies matrices: `y = activation(a·b + bias) + residual`, in one kernel.
 *
 * `a` is `[..., M, K]` and `b` is `[..., K, N]`, each possibly stored
 * transposed; the axes before the last two broadcast. Transposed operands and
 * sizes that are not multiples of a tile cost no copy. Every element is summed
 * in the order of k, except on GPUs where there are few rows, or few results of
 * long sums: there the parts of a sum are added in another order, which is fixed,
 * too.
 *
 * @param a The left operand, f32 `[..., M, K]`.
 * @param b The right operand, f32 `[..., K, N]`.
 * @param options Whether operands are stored transposed, and what is added or
 * applied to the product.
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
  const sizes = measure(a, b, transposeA, transposeB);
  const { m, n, k, batch } = sizes;
  const shape = [...batch, m, n];
  check(shape, [a, b], bias, residual);

  const inputs = [a, b];
  if (bias) inputs.push(bias);
  if (residual) inputs.push(residual);
  const y = allocate(a.device, shape);
  const recording = isRecording() && inputs.some((x) => x.requiresGrad);
  const derivesFromY = !residual && activation !== undefined &&
    ACTIVATIONS[activation].fromY !== undefined;
  const saved = recording && activation && !derivesFromY
    ? allocate(a.device, shape)
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

  const derivative = activation && recording
    ? { activation, argument: saved ?? y }
    : undefined;
  const offered = derivative !== undefined && !residual;
  if (offered) offerDerivative(y, derivative);
  const call: Call = { a, b, sizes, transposeA, transposeB };

  return record(y, inputs, (dy, [intoA, intoB, intoBias]) => {
    const needsDz = a.requiresGrad || b.requiresGrad || bias?.requiresGrad;
    const arrivesDone = needsDz && offered && isDerivativeTaken(y);
    const dz = needsDz && derivative && !arrivesDone
      ? activationGradient(dy, derivative, derivesFromY)
      : dy;
    // The product that makes db reads all of dz, and can sum its columns on the way.
    const sumsOnTheWay = bias?.requiresGrad && b.requiresGrad && b.size > 0 &&
      b.size === k * n && (intoB === undefined) === (intoBias === undefined);
    const dbias = sumsOnTheWay
      ? intoBias ?? allocate(a.device, [n])
      : undefined;
    const gradients: (Tensor | undefined)[] = [
      a.requiresGrad ? gradientA(call, dz, intoA) : undefined,
      b.requiresGrad ? gradientB(call, dz, intoB, dbias) : undefined,
    ];
    if (bias) {
      gradients.push(
        bias.requiresGrad ? dbias ?? biasGradient(sizes, dz) : undefined,
      );
    }
    if (residual) gradients.push(residual.requiresGrad ? dy : undefined);
    return gradients;
  });
}

/** The operands of a product, for its derivatives. */
interface Call {
  readonly a: Tensor;
  readonly b: Tensor;
  readonly sizes: Sizes;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

/** dz = dy·f'(z), where y = f(z). */
function activationGradient(
  dy: Tensor,
  { activation, argument }: ActivationDerivative,
  fromY: boolean,
): Tensor {
  const rule = ACTIVATIONS[activation];
  const dz = allocate(dy.device, dy.shape);
  evaluateFlat(dz, {
    name: `${activation}_backward`,
    body: fromY ? rule.fromY ?? rule.dz : rule.dz,
    operands: [["dy", "f32"], [fromY ? "y" : "z", "f32"]],
    result: "f32",
  }, [dy, argument]);
  return dz;
}

/**
 * da = dz·bᵀ, or its transpose where `a` is stored transposed; added to `into` if
 * there is one. If `a` came out of an activation and is used here alone, the
 * result is multiplied by that activation's derivative.
 */
function gradientA(
  { a, b, sizes, transposeA, transposeB }: Call,
  dz: Tensor,
  into: Tensor | undefined,
): Tensor {
  const { m, n, k, batch } = sizes;
  const c = into ?? allocate(a.device, a.shape);
  const isWhole = a.size > 0 && a.size === m * k * size(batch);
  const derive = !into && isWhole ? takeDerivative(a) : undefined;
  const shared = { c, k: n, accumulate: into !== undefined, derive };
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
 * db = aᵀ·dz, or its transpose where `b` is stored transposed; added to `into` if
 * there is one. The sums of dz's columns go into `dbias`.
 */
function gradientB(
  { a, b, sizes, transposeA, transposeB }: Call,
  dz: Tensor,
  into: Tensor | undefined,
  dbias: Tensor | undefined,
): Tensor {
  const { m, n, k, batch } = sizes;
  const c = into ?? allocate(b.device, b.shape);
  const sums = dbias && {
    of: transposeB ? "a" as const : "b" as const,
    into: dbias,
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

/** The sums of dz's columns, where no product computes them on its way. */
function biasGradient({ m, n, batch }: Sizes, dz: Tensor): Tensor {
  const rows = alias(dz, [m * size(batch), n]);
  return reduceAxes(rows, [true, false], [n], "sum");
}

/** The number of products in a batch. */
function size(batch: Shape): number {
  return batch.reduce((product, length) => product * length, 1);
}

/** The batch axes with the stride of each tensor, contiguous neighbors merged. */
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

/** The sizes of a product: `[...batch, m, k]` by `[...batch, k, n]`. */
interface Sizes {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly batch: readonly number[];
}

/** The sizes of a product, if the shapes of its operands fit each other. */
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

/** Throws where an operand has the wrong type, or what is added the wrong shape. */
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
