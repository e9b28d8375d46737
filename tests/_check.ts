// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals } from "@std/assert";
import { backward } from "../engine/tape.ts";
import { type Device, initialize } from "../engine/gpu/device.ts";
import { scope } from "../engine/scope.ts";
import { sizeOf } from "../engine/shape.ts";
import { readAll, type Tensor } from "../engine/tensor.ts";
import { tensor } from "../engine/ops/creation.ts";
import { probesOf } from "../engine/tuning/probe.ts";

/** By how much a 32-bit result may differ from its float64 twin. */
export interface Tolerance {
  absolute: number;
  relative: number;
}

/** For a few operations in 32 bits on numbers of order 1. */
export const ROUNDING: Tolerance = { absolute: 2e-6, relative: 2e-6 };

/** For sums of up to about a thousand products of numbers of order 1. */
export const SUMS: Tolerance = { absolute: 3e-5, relative: 3e-5 };

/** For transcendental functions of GPUs, and their derivatives. */
export const FUNCTIONS: Tolerance = { absolute: 1e-5, relative: 1e-4 };

/**
 * A test on the GPU: opens the device, fails on any GPU error, and fails if
 * the test leaves tensors behind in the pool.
 */
export function gpuTest(
  name: string,
  run: (device: Device) => void | Promise<void>,
): void {
  Deno.test(name, async () => {
    const device = await initialize();
    const before = device.pool.statistics();
    {
      using _ = scope();
      await run(device);
    }
    await device.synchronize();
    await probesOf(device);
    const after = device.pool.statistics();
    assertEquals(after.inUse, before.inUse, "the test leaks GPU memory");
  });
}

/** Makes numbers in [low, high) that depend only on the seed. */
export function randomValues(
  count: number,
  seed: number,
  low = -1,
  high = 1,
): Float32Array<ArrayBuffer> {
  let state = (seed * 2654435761 + 12345) >>> 0;
  return Float32Array.from({ length: count }, () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return low + (high - low) * (((t ^ (t >>> 14)) >>> 0) / 2 ** 32);
  });
}

/** Numbers of the standard normal distribution, by the transform of Box and Muller. */
export function normalValues(count: number, seed: number): Float64Array {
  const u = randomValues(2 * count, seed, 1e-7, 1);
  return Float64Array.from(
    { length: count },
    (_, i) =>
      Math.sqrt(-2 * Math.log(u[2 * i] ?? 1)) *
      Math.cos(2 * Math.PI * (u[2 * i + 1] ?? 0)),
  );
}

/** Fails with the index and size of the largest difference, if one is too large. */
export function assertClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: Tolerance = ROUNDING,
  label = "result",
): void {
  assertEquals(actual.length, expected.length, `${label}: number of elements`);
  let worst = -1;
  let excess = 0;
  let faults = 0;
  for (let i = 0; i < expected.length; i++) {
    const a = actual[i] ?? NaN;
    const e = expected[i] ?? NaN;
    if (a === e || (Number.isNaN(a) && Number.isNaN(e))) continue;
    const allowed = tolerance.absolute + tolerance.relative * Math.abs(e);
    const difference = Math.abs(a - e);
    if (difference <= allowed) continue;
    faults++;
    const ratio = Number.isNaN(difference) ? Infinity : difference / allowed;
    if (ratio > excess || worst < 0) [excess, worst] = [ratio, i];
  }
  assert(
    faults === 0,
    `${label}: ${faults} of ${expected.length} elements differ; the worst, ` +
      `at ${worst}, is ${actual[worst]} instead of ${expected[worst]}`,
  );
}

/** One input of an op under test. */
export interface Input {
  shape: readonly number[];
  /** @default {random in [low, high)} */
  values?: ArrayLike<number>;
  /** @default {-1} */
  low?: number;
  /** @default {1} */
  high?: number;
  /** @default {true} */
  differentiate?: boolean;
}

/** Options of {@linkcode checkOp}. */
export interface CheckOptions {
  forward?: Tolerance;
  backward?: Tolerance;
  /** For how many elements of each input to check the derivative. @default {40} */
  elements?: number;
  label?: string;
}

/**
 * Checks an op, forward and backward, against a float64 twin.
 *
 * The gradient is that of Σ w·y with random weights w, so that a wrong factor on the
 * incoming gradient shows. It is compared with central differences of the twin, whose
 * error in float64 is about 1e-9.
 */
export async function checkOp(
  inputs: readonly Input[],
  op: (...tensors: Tensor[]) => Tensor,
  reference: (...values: Float64Array[]) => ArrayLike<number>,
  options: CheckOptions = {},
): Promise<void> {
  using _ = scope();
  const { elements = 40, label = inputs.map((i) => `[${i.shape}]`).join(" ") } =
    options;
  const host = inputs.map(({ shape, values, low, high }, i) =>
    values
      ? Float32Array.from(values)
      : randomValues(sizeOf(shape), 17 * i + sizeOf(shape) + 1, low, high)
  );
  const tensors = inputs.map(({ shape, differentiate = true }, i) =>
    tensor(host[i] ?? [], { shape, requiresGrad: differentiate })
  );
  const y = op(...tensors);
  const expected = reference(...host.map((v) => Float64Array.from(v)));
  const weights = randomValues(y.size, 99, -1, 1);
  if (y.requiresGrad) {
    backward(y, { gradient: tensor(weights, { shape: y.shape }) });
  }
  const grads = tensors.map((t) => t.grad);
  const [actual, ...gradients] = await readAll([
    y,
    ...grads.filter((g) => g !== undefined),
  ]);
  assertClose(
    actual ?? [],
    expected,
    options.forward ?? SUMS,
    `${label} value`,
  );
  let at = 0;
  grads.forEach((grad, i) => {
    if (!grad) return;
    const gradient = gradients[at++] ?? new Float32Array();
    assertEquals(grad.shape, inputs[i]?.shape);
    const size = gradient.length;
    const picks = size <= elements
      ? Array.from({ length: size }, (_, k) => k)
      : [...randomValues(elements, 5 + i, 0, size)].map(Math.floor);
    const numeric = picks.map((k) => {
      const h = 1e-4;
      const at = (delta: number) => {
        const moved = host.map((v) => Float64Array.from(v));
        const row = moved[i];
        if (row) row[k] = (row[k] ?? 0) + delta;
        const y = reference(...moved);
        let sum = 0;
        for (let j = 0; j < y.length; j++) {
          sum += (weights[j] ?? 0) * (y[j] ?? 0);
        }
        return sum;
      };
      return (at(h) - at(-h)) / (2 * h);
    });
    assertClose(
      picks.map((k) => gradient[k] ?? NaN),
      numeric,
      options.backward ?? SUMS,
      `${label} gradient of input ${i}`,
    );
  });
}
