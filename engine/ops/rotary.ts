// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Rotary position embedding of queries and keys. kernels/rotary.ts holds the
// arithmetic.

import type { Device } from "../gpu/device.ts";
import { type Kernel, specialize } from "../gpu/kernel.ts";
import { ROTARY_COLUMNS, rotaryKernels } from "../kernels/rotary.ts";
import { grid, launch, part, windows } from "../launch/launch.ts";
import { formatShape } from "../shape.ts";
import { record, recordAll } from "../tape.ts";
import {
  allocate,
  hasDType,
  type IntegerTensor,
  type Tensor,
} from "../tensor.ts";
import { fillInto } from "../launch/flat.ts";

/** Options of {@linkcode rotary} and {@linkcode rotaryQkv}. */
export interface RotaryOptions {
  /** The number of heads; columns `h·D` to `h·D + D` belong to head `h`. */
  heads: number;
  /**
   * The base whose powers are the frequencies.
   *
   * @default {10000}
   */
  theta?: number | undefined;
  /**
   * The position of each token: integers `[B, S]`, or `[1, S]` for all texts.
   *
   * @default {0, 1, 2 … in each text}
   */
  positions?: IntegerTensor | undefined;
}

/** The sizes of a call that are the same for each of its dispatches. */
interface Plan {
  device: Device;
  tokens: number;
  width: number;
  positions: IntegerTensor | undefined;
  params: Readonly<Record<string, number>>;
  /** Columns of half a head. */
  half: number;
  /**
   * How many columns an invocation turns at once: 4 where they divide `half`.
   */
  unit: number;
  theta: number;
  teams: number;
}

/**
 * Rotates the columns of every head by the token's position, so that the
 * products of queries and keys depend on their distance alone. With the angle
 * `a = position · theta^(-2n/D)`, for each column `n < D/2` of a head:
 *
 * `y[n] = x[n] cos a - x[n + D/2] sin a` and
 * `y[n + D/2] = x[n + D/2] cos a + x[n] sin a`.
 *
 * Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding",
 * 2021. As in published checkpoints, column `n` is paired with column `n + D/2`
 * and not with its neighbor.
 *
 * @param x Queries or keys, a tensor of floats `[B, S, H·D]`, with `D` even.
 * @param options The heads, the base and the positions.
 * @returns A tensor `[B, S, H·D]`.
 * @throws {TypeError} If shapes or types do not fit.
 * @throws {RangeError} If `heads` or `theta` is out of range.
 *
 * @example Usage
 * ```ts
 * import { initialize, rotary, tensor } from "@swagpu/swagpu/engine";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * await initialize();
 * const x = tensor([[[1, 0], [1, 0]]]); // two tokens, one head of two columns
 * const y = await rotary(x, { heads: 1 }).data();
 * assertAlmostEquals(y[2] ?? NaN, Math.cos(1), 1e-6);
 * assertAlmostEquals(y[3] ?? NaN, Math.sin(1), 1e-6);
 * ```
 */
export function rotary(x: Tensor, options: RotaryOptions): Tensor {
  const plan = planFor(x, 1, options);
  const { one } = rotaryKernels({ wide: plan.unit === 4 });
  const y = allocate(x.device, x.shape);
  run(plan, one, 1, [x], [y], plan.width);
  return record(y, [x], (dy) => {
    const dx = allocate(x.device, x.shape);
    run(plan, one, -1, [dy], [dx], plan.width);
    return [dx];
  });
}

/**
 * Splits the output of a joint projection into queries, keys and values, and
 * rotates the first two as {@linkcode rotary} does. This reads and writes each
 * element once, and so does the derivative.
 *
 * @param x A tensor of floats `[B, S, 3·H·D]`: all queries, then all keys, then
 * all values; `D` is even.
 * @param options The heads, the base and the positions.
 * @returns Queries, keys and values, each `[B, S, H·D]`.
 * @throws {TypeError} If shapes or types do not fit.
 * @throws {RangeError} If `heads` or `theta` is out of range.
 *
 * @example Usage
 * ```ts
 * import { initialize, ones, rotaryQkv } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const [q, k, v] = rotaryQkv(ones([2, 5, 24]), { heads: 2 });
 * assertEquals([q.shape, k.shape, v.shape], [[2, 5, 8], [2, 5, 8], [2, 5, 8]]);
 * ```
 */
export function rotaryQkv(
  x: Tensor,
  options: RotaryOptions,
): [q: Tensor, k: Tensor, v: Tensor] {
  const plan = planFor(x, 3, options);
  const { forward, backward } = rotaryKernels({ wide: plan.unit === 4 });
  const { device } = x;
  const shape = [...x.shape.slice(0, 2), plan.width];
  const make = () => allocate(device, shape);
  const outputs: [Tensor, Tensor, Tensor] = [make(), make(), make()];
  run(plan, forward, 1, [x], outputs, plan.width * 3);
  return recordAll(outputs, [x], (dys) => {
    const given = dys.map((dy) => {
      if (dy) return dy;
      const none = make();
      fillInto(none, 0);
      return none;
    });
    const dx = allocate(device, x.shape);
    run(plan, backward, -1, given, [dx], plan.width * 3);
    return [dx];
  });
}

function run(
  plan: Plan,
  kernel: Kernel,
  sign: number,
  inputs: readonly Tensor[],
  outputs: readonly Tensor[],
  widest: number,
): void {
  const { device, tokens, half, unit, positions } = plan;
  if (inputs.every((x) => x.size === 0)) return;
  const specialized = specialize(kernel, { POSITIONS: positions ? 1 : 0 });
  const dispatches = frequencies(plan.theta, half);
  for (const w of windows(device, tokens, [widest])) {
    const of = (x: Tensor) => part(x, w, x.size / tokens);
    const read = inputs.map(of);
    const bind = [...read, positions ?? read[0], ...outputs.map(of)]
      .filter((x) => x !== undefined);
    dispatches.forEach((turns, i) => {
      const first = i * ROTARY_COLUMNS;
      const columns = Math.min(half - first, ROTARY_COLUMNS) / unit;
      const items = w.count * plan.teams * columns;
      launch(device, specialized, {
        bind,
        params: {
          ...plan.params,
          items,
          start: w.start,
          first: first / unit,
          columns,
          sign,
          ...turns,
        },
        groups: grid(items, specialized.workgroupSize),
      });
    });
  }
}

const known = new Map<string, Record<string, number>[]>();

/**
 * The angles theta^(-n / half) as shares of a full turn, in units of 2⁻³²: a
 * record of parameters for each dispatch.
 */
function frequencies(theta: number, half: number): Record<string, number>[] {
  const key = `${theta} ${half}`;
  let list = known.get(key);
  if (!list) {
    list = [];
    for (let n = 0; n < half; n++) {
      const turns = theta ** (-n / half) / (2 * Math.PI);
      const fraction = Math.round((turns % 1) * 2 ** 32) % 2 ** 32;
      const at = Math.floor(n / ROTARY_COLUMNS);
      (list[at] ??= noTurns())[`turns${n % ROTARY_COLUMNS}`] = fraction;
    }
    known.set(key, list);
  }
  return list;
}

function noTurns(): Record<string, number> {
  const turns = Array.from(
    { length: ROTARY_COLUMNS },
    (_, i) => [`turns${i}`, 0] as const,
  );
  return Object.fromEntries(turns);
}

/** Checks a call, where x holds `parts` tensors of H·D columns side by side. */
function planFor(x: Tensor, parts: number, options: RotaryOptions): Plan {
  const { heads, theta = 10000, positions } = options;
  const { device, shape } = x;
  const [batch = 0, length = 0, columns = 0] = shape;
  if (shape.length !== 3 || x.dtype !== "f32") {
    throw new TypeError(
      `Cannot rotate ${x.dtype} ${formatShape(shape)} by positions: ` +
        "expected f32 of shape [B, S, columns]",
    );
  }
  const depth = columns / parts / heads;
  if (
    !Number.isInteger(heads) || heads < 1 || !Number.isInteger(depth) ||
    depth % 2 !== 0
  ) {
    throw new RangeError(
      `Cannot rotate ${columns} columns in ${heads} heads: expected ${
        parts === 1 ? "" : `${parts} times `
      }an even number of columns for each head`,
    );
  }
  if (!(theta > 0 && theta < Infinity)) {
    throw new RangeError(
      `Cannot rotate by powers of ${theta}: theta must be positive`,
    );
  }
  if (positions) {
    const [rows = 0, columns] = positions.shape;
    const fits = positions.shape.length === 2 && columns === length &&
      (rows === batch || rows === 1);
    if (!fits || hasDType(positions, "f32")) {
      throw new TypeError(
        `Cannot rotate tokens [${batch}, ${length}] by positions ${positions.dtype} ${
          formatShape(positions.shape)
        }: expected integers [${batch}, ${length}] or [1, ${length}]`,
      );
    }
  }
  const half = depth / 2;
  const unit = half % 4 === 0 ? 4 : 1;
  // A CPU computes sines slowly and has few threads: there, one invocation
  // computes them once for all heads.
  const each = device.isSoftware ? heads : 1;
  return {
    device,
    tokens: batch * length,
    width: heads * depth,
    positions,
    half,
    unit,
    theta,
    teams: Math.ceil(heads / each),
    params: {
      length: Math.max(1, length),
      places: Math.max(1, positions?.size ?? 1),
      heads,
      each,
      half: half / unit,
    },
  };
}
