// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The subspace that some weights of a training run span.

import {
  allocate,
  copyInto,
  fillInto,
  persist,
} from "../../engine/kernel_kit.ts";
import {
  add,
  matmul,
  mul,
  noGrad,
  readAll,
  reshape,
  scope,
  sub,
  sum,
  Tensor,
} from "../../engine/mod.ts";
import { loadTensors, stateOfTensors } from "../kept_tensors.ts";
import type { Module } from "../module.ts";
import type { GradientProjection } from "../optim_projection.ts";
import type { Parameter } from "../parameter.ts";
import { type Segment, segmentsOf } from "../segment.ts";
import type {
  CallbackState,
  LoadedCallbackState,
} from "../trainer/callbacks.ts";

/** The share of its length below which a direction is nothing but rounding. */
const LEAST = 1e-4;

/** The part of the subspace that lies in a segment. */
interface Part {
  readonly segment: Segment;
  /** The snapshots, or the directions once there are some, `[most, length]`. */
  readonly rows: Tensor;
  /** The point through which the subspace goes, `[1, length]`. */
  readonly center: Tensor;
  /** 1 for weights that are trained, and 0 for the others, `[1, length]`. */
  readonly mask: Tensor;
}

/** Options of {@linkcode WeightSubspace}. */
export interface WeightSubspaceOptions {
  /** The most snapshots; a further one takes the place of the oldest. */
  readonly most: number;
  /** Whether directions are those from the mean. @default {false} */
  readonly centered?: boolean;
  /** How strongly weights are drawn to the mean. @default {0} */
  readonly regLambda?: number;
}

/**
 * Snapshots of a model's weights, and the subspace that they span. As a
 * projection of an optimizer it keeps the steps in that subspace.
 */
export class WeightSubspace implements GradientProjection, Disposable {
  readonly #parameters: readonly Parameter[];
  readonly #parts: readonly Part[];
  readonly #most: number;
  readonly #centered: boolean;
  readonly #lambda: number;
  readonly #views = new Views();
  /** How many snapshots were taken. */
  #taken = 0;
  /** How many directions there are; `undefined` before they are computed. */
  #rank: number | undefined;

  /** Makes room for the snapshots of the weights that are trained. */
  constructor(
    model: Module,
    { most, centered = false, regLambda = 0 }: WeightSubspaceOptions,
  ) {
    this.#most = most;
    this.#centered = centered;
    this.#lambda = regLambda;
    model.placeParameters();
    this.#parameters = [...model.namedParameters().values()]
      .filter(({ requiresGrad }) => requiresGrad);
    this.#parts = segmentsOf([...this.#parameters]).map((segment) => {
      const { device, length } = segment;
      const rows = persist(allocate(device, [most, length]));
      fillInto(rows, 0);
      const [center, mask] = [segment.parallel(), segment.parallel()];
      return {
        segment,
        rows,
        center: shaped(center, [1, length]),
        mask: shaped(mask, [1, length]),
      };
    });
    using _ = scope();
    for (const parameter of this.#parameters) {
      fillInto(this.#within(parameter, ({ mask }) => mask), 1);
    }
  }

  /** The number of snapshots that are kept. */
  get snapshots(): number {
    return Math.min(this.#taken, this.#most);
  }

  /** The number of directions; `undefined` before {@linkcode span}. */
  get rank(): number | undefined {
    return this.#rank;
  }

  /** Takes a snapshot of the weights. */
  take(): void {
    const row = this.#taken % this.#most;
    using _ = scope();
    noGrad(() => {
      for (const parameter of this.#parameters) {
        const target = this.#within(parameter, ({ rows }) => rows, row);
        copyInto(target, parameter);
      }
    });
    this.#taken++;
  }

  /**
   * Computes directions that are orthonormal, by the method of Gram and Schmidt,
   * each twice for the sake of rounding, and moves the weights to the mean of the
   * snapshots. Directions that are nothing but rounding are left out.
   */
  async span(): Promise<void> {
    const count = this.snapshots;
    noGrad(() => {
      using _ = scope();
      for (const { rows, center } of this.#parts) {
        const some = this.#views.head(rows, count);
        copyInto(
          center,
          mul(sum(some, { axis: 0, keepDims: true }), 1 / count),
        );
        if (!this.#centered) continue;
        copyInto(some, sub(some, center));
      }
      for (const parameter of this.#parameters) {
        copyInto(parameter, this.#within(parameter, ({ center }) => center));
      }
    });
    let rank = 0;
    for (let i = 0; i < count; i++) {
      const lengths = await this.#orthogonalize(i, rank);
      const [before = 0, after = 0] = lengths;
      if (!(after > LEAST * before)) continue;
      noGrad(() => {
        using _ = scope();
        for (const { rows } of this.#parts) {
          copyInto(
            this.#views.row(rows, rank),
            mul(this.#views.row(rows, i), 1 / after),
          );
        }
      });
      rank++;
    }
    this.#rank = rank;
  }

  /** Makes a row orthogonal to the first ones; gives its lengths before and after. */
  async #orthogonalize(row: number, rank: number): Promise<number[]> {
    using _ = scope();
    const squares = noGrad(() => {
      const before = this.#square(row);
      for (let again = 0; again < 2 && rank > 0; again++) {
        const shares = this.#shares(
          (part) => this.#views.row(part.rows, row),
          rank,
        );
        for (const { rows } of this.#parts) {
          const own = this.#views.row(rows, row);
          copyInto(own, sub(own, matmul(shares, this.#views.head(rows, rank))));
        }
      }
      return [before, this.#square(row)];
    });
    return (await readAll(squares)).map(([x = NaN]) => Math.sqrt(x));
  }

  #square(row: number): Tensor {
    return this.#parts
      .map(({ rows }) =>
        sum(mul(this.#views.row(rows, row), this.#views.row(rows, row)))
      )
      .reduce((a, b) => add(a, b));
  }

  /** How much of each direction is in a vector, `[1, rank]`. */
  #shares(vectorOf: (part: Part) => Tensor, rank: number): Tensor {
    return this.#parts
      .map((part) =>
        matmul(vectorOf(part), this.#views.head(part.rows, rank), {
          transposeB: true,
        })
      )
      .reduce((a, b) => add(a, b));
  }

  /** Leaves of the gradients what lies in the subspace. */
  project(segments: readonly Segment[]): void {
    const rank = this.#rank ?? 0;
    using _ = scope();
    noGrad(() => {
      const gradientOf = ({ segment, mask }: Part) =>
        mul(reshape(segment.gradients, [1, -1]), mask);
      const shares = this.#shares(gradientOf, rank);
      for (const part of this.#parts) {
        const { segment, rows, center, mask } = part;
        if (!segments.includes(segment)) continue;
        const kept = matmul(shares, this.#views.head(rows, rank));
        const away = this.#lambda === 0 ? undefined : mul(
          mul(sub(reshape(segment.values, [1, -1]), center), mask),
          this.#lambda,
        );
        copyInto(segment.gradients, away ? add(kept, away) : kept);
      }
    });
  }

  /** Snapshots or directions, the mean, and how many there are. */
  stateDict(): CallbackState {
    return {
      ...stateOfTensors(this.#kept),
      values: { taken: this.#taken, rank: this.#rank ?? null },
    };
  }

  /**
   * Continues from a state.
   *
   * @throws {TypeError} If it is of another model, or another number of snapshots.
   */
  async loadStateDict(state: LoadedCallbackState): Promise<void> {
    const { taken, rank } = state.values as {
      taken: number;
      rank: number | null;
    };
    await loadTensors("TWACallback", this.#kept, state);
    this.#taken = taken;
    this.#rank = rank ?? undefined;
  }

  /** What a checkpoint keeps, by name. */
  get #kept(): Map<string, Tensor> {
    return new Map(
      this.#parts.flatMap(({ rows, center }, i) => [
        [`rows.${i}`, rows],
        [`center.${i}`, center],
      ]),
    );
  }

  /** Frees the snapshots. */
  dispose(): void {
    this.#views[Symbol.dispose]();
    for (const { rows, center, mask } of this.#parts) {
      for (const x of [rows, center, mask]) x.dispose();
    }
  }

  /** The same as {@linkcode dispose}. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** The place of a parameter in a row of a tensor that is as long as its segment. */
  #within(
    { location, shape }: Parameter,
    of: (part: Part) => Tensor,
    row = 0,
  ): Tensor {
    const part = this.#parts.find(({ segment }) =>
      segment === location?.segment
    );
    if (!location || !part) {
      throw new ReferenceError("Cannot find the parameter's place");
    }
    const at = row * part.segment.length + location.offset;
    return this.#views.of(of(part), at, shape);
  }
}

/** Views of parts of tensors, each of which is made once. */
class Views implements Disposable {
  readonly #made = new Map<Tensor, Map<string, Tensor>>();

  /** Elements of a tensor from one on, in a shape. */
  of(x: Tensor, at: number, shape: readonly number[]): Tensor {
    const own = this.#made.get(x) ?? new Map<string, Tensor>();
    this.#made.set(x, own);
    const key = `${at}: ${shape}`;
    const { device, block, byteOffset } = x;
    const view = own.get(key) ??
      new Tensor(device, shape, "f32", {
        block,
        byteOffset: byteOffset + at * 4,
      });
    own.set(key, view);
    return view;
  }

  /** The first rows of a matrix. */
  head(rows: Tensor, count: number): Tensor {
    return this.of(rows, 0, [count, rows.shape[1] ?? 0]);
  }

  /** A row of a matrix, as a matrix. */
  row(rows: Tensor, row: number): Tensor {
    const [, length = 0] = rows.shape;
    return this.of(rows, row * length, [1, length]);
  }

  [Symbol.dispose](): void {
    for (const own of this.#made.values()) {
      for (const view of own.values()) view.dispose();
    }
  }
}

/** The same elements in another shape. */
function shaped(x: Tensor, shape: readonly number[]): Tensor {
  const { device, block, byteOffset } = x;
  const y = persist(new Tensor(device, shape, "f32", { block, byteOffset }));
  x.dispose();
  return y;
}
