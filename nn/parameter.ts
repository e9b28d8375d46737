// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Tensors that are trained.

import {
  alias,
  type Block,
  copyInto,
  dependsOn,
  formatShape,
  HALF_MAX,
  halve,
  onReplay,
  outsideCheckpoints,
  packHalves,
  persist,
  tick,
  touch,
  widenInto,
} from "../engine/kernel_kit.ts";
import {
  currentDevice,
  noGrad,
  scope,
  type Shape,
  Tensor,
} from "../engine/mod.ts";
import { zeros as zerosInit } from "./init.ts";
import type { Initializer } from "./initializer.ts";
import { flatten, type Place, type Segment } from "./segment.ts";

/** Whether parameters receive their initial values when they get a place. */
let initializing = true;

/**
 * Builds a model without computing initial values, because a checkpoint will
 * overwrite them. Parameters start as zeros. {@linkcode Parameter.initialize}
 * computes initial values later, for parameters that the checkpoint lacks.
 *
 * @param build Builds the model. Its parameters must get their places in this
 * call; see `Module.placeParameters`.
 * @returns What `build` returns.
 *
 * @example Usage
 * ```ts
 * import { initialize } from "@swagpu/swagpu/engine";
 * import { init, Parameter, withoutInitialization } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const x = withoutInitialization(() => {
 *   const x = new Parameter([2], init.ones());
 *   x.block; // The first use of its memory gives it a place.
 *   return x;
 * });
 * assertEquals([...await x.data()], [0, 0]);
 * x.initialize();
 * assertEquals([...await x.data()], [1, 1]);
 * ```
 */
export function withoutInitialization<T>(build: () => T): T {
  const before = initializing;
  initializing = false;
  try {
    return build();
  } finally {
    initializing = before;
  }
}

/** A parameter's part of the gradients. Its use does deferred work on them. */
class GradientView extends Tensor {
  readonly #segment: Segment;

  constructor({ device, shape }: Tensor, { segment, offset }: Place) {
    const { block } = segment.unsettledGradients;
    super(device, shape, "f32", { block, byteOffset: offset * 4 });
    this.#segment = segment;
  }

  override get block(): Block {
    if (!this.isDisposed) this.#segment.settle();
    return super.block;
  }
}

/**
 * A tensor that is trained: a view into the flat vector of its model.
 *
 * A parameter gets its place in the vector when an optimizer or posterior of
 * its model is built, or at first use, and keeps it. Before that it takes no
 * memory; at that moment it receives its initial values. A frozen parameter
 * that `castFrozen` stores as f16 has no place, and no part in the vector.
 *
 * @example Usage
 * ```ts
 * import { initialize } from "@swagpu/swagpu/engine";
 * import { init, Parameter } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const gain = new Parameter([2], init.ones());
 * assertEquals([...await gain.data()], [1, 1]);
 * ```
 */
export class Parameter extends Tensor {
  readonly #init: Initializer;
  #location: Place | undefined;
  #gradientView: GradientView | undefined;
  #halves: Tensor<"u32"> | undefined;
  #hasGradient = false;
  /** When the last gradient ended. */
  #endedAt = 0;

  /**
   * Describes the parameter. It gets memory together with its place.
   *
   * @param shape The shape.
   * @param init Its initial values. @default {zeros}
   */
  constructor(shape: Shape, init: Initializer = zerosInit()) {
    super(currentDevice(), [...shape], "f32");
    this.requiresGrad = true;
    this.#init = init;
  }

  /** The place in the flat vector, once there is one. */
  get location(): Place | undefined {
    return this.#location;
  }

  /**
   * Whether `backward` finds the gradient and optimizers change the parameter. If
   * not, it is frozen. Setting it throws a `TypeError` if the parameter is stored
   * as f16: there is no gradient to be added to it, and no optimizer has a place
   * for it.
   */
  override get requiresGrad(): boolean {
    return super.requiresGrad;
  }

  override set requiresGrad(value: boolean) {
    if (value && this.halves) {
      throw new TypeError(
        `Cannot train ${this.#described}: castFrozen(model, "f32") before the ` +
          "optimizer is made",
      );
    }
    super.requiresGrad = value;
  }

  /** The values as f16, two a word, if `castFrozen` stores them so. */
  override get halves(): Tensor<"u32"> | undefined {
    return this.isDisposed ? undefined : this.#halves;
  }

  /**
   * The memory of the segment that the parameter lies in.
   *
   * @throws {TypeError} If the parameter is stored as f16.
   */
  override get block(): Block {
    if (this.halves) {
      throw new TypeError(
        `Cannot use ${this.#described} here: only matmul() and embedding() ` +
          'take it as it is; cast() it to "f32" for other ops',
      );
    }
    if (!this.#halves) this.#ensureHome();
    return super.block;
  }

  /** The offset of the parameter in the segment's memory, in bytes. */
  override get byteOffset(): number {
    if (!this.#halves) this.#ensureHome();
    return super.byteOffset;
  }

  /**
   * Receives its place. {@linkcode flatten} calls this once, and `castFrozen`
   * again: then the values come along.
   */
  home(place: Place): void {
    const halves = this.#halves;
    const before = !halves && this.#location ? alias(this) : undefined;
    this.#forgetGradient();
    this.#halves = undefined;
    this.#location = place;
    const { segment, offset } = place;
    this.place({ block: segment.values.block, byteOffset: offset * 4 });
    if (halves) widenInto(this, halves);
    else if (before) copyInto(this, before);
    else if (initializing) this.initialize();
    halves?.dispose();
    before?.dispose();
  }

  /**
   * Rounds the values to f16, in memory of their own: the parameter leaves its
   * segment. `castFrozen` calls this.
   */
  leaveAsHalves(): void {
    const halves = persist(halve(this));
    touch(halves); // What was computed before cannot be differentiated now.
    this.#forgetGradient();
    this.#location = undefined;
    this.#halves = halves;
    this.place(halves);
  }

  /**
   * Overwrites the values with those of the host, row by row. If they are stored
   * as f16, they are rounded to it.
   *
   * @param values A value for each element.
   * @throws {TypeError} If there are more or fewer values than elements.
   * @throws {RangeError} If the parameter is stored as f16, and a value is not
   * between -65504 and 65504.
   */
  override write(values: ArrayLike<number>): void {
    const { halves } = this;
    if (!halves || values.length !== this.size) return super.write(values);
    for (let i = 0; i < values.length; i++) {
      const value = values[i] ?? NaN;
      if (Math.abs(value) <= HALF_MAX) continue;
      throw new RangeError(
        `Cannot write ${value} into ${this.#described}: it must be between ` +
          `-${HALF_MAX} and ${HALF_MAX}`,
      );
    }
    halves.write(packHalves(values));
  }

  /** Writes the initial values, again if they have been written before. */
  initialize(): void {
    using _ = scope();
    noGrad(() => this.#init(this.shape, (values) => copyInto(this, values)));
  }

  /** The gradient, a view into the segment's, if there is one. */
  override get grad(): Tensor | undefined {
    // A replay of a captured step makes a gradient without making a view.
    return this.#hasGradient ? this.#viewGradient() : this.#gradientView;
  }

  /**
   * Whether the parameter has received a gradient, which may be all zeros,
   * since its gradient was last set to zero by an optimizer's step, `zeroGrad`
   * or `dropGradient`. If not, an optimizer leaves the parameter alone;
   * PyTorch's `grad` is `None` then.
   */
  get hasGradient(): boolean {
    const writtenAt = this.#gradientView?.changedAt ?? 0;
    return this.#hasGradient || writtenAt > this.#endedAt;
  }

  /** The gradient as a view to add to. From now on the parameter has one. */
  override gradientTarget(): Tensor {
    const view = this.#viewGradient();
    onReplay(() => void (this.#hasGradient = true));
    return view;
  }

  /** Records that the gradient has been set to zero: now there is none. */
  endGradient(): void {
    this.#hasGradient = false;
    this.#endedAt = tick();
  }

  /** Makes the parameter unusable. The segment keeps its memory. */
  override dispose(): void {
    this.endGradient();
    super.dispose();
    this.#halves?.dispose();
  }

  /** Sets the gradient to zero and forgets it. */
  override dropGradient(): void {
    const { segment, offset = 0 } = this.#location ?? {};
    // Without a gradient nothing is cleared, so a step that is captured now is
    // only valid while there is none.
    if (!this.hasGradient) dependsOn(() => !this.hasGradient);
    if (segment && this.hasGradient && !segment.values.isDisposed) {
      segment.settle();
      segment.clearGradients(offset, this.size);
    }
    onReplay(() => this.endGradient());
    this.#forgetGradient();
  }

  #forgetGradient(): void {
    this.#gradientView?.dispose();
    this.#gradientView = undefined;
  }

  get #described(): string {
    return `a parameter of shape ${
      formatShape(this.shape)
    } that is stored as f16`;
  }

  #viewGradient(): Tensor {
    if (!this.#gradientView) {
      this.#ensureHome();
      this.#gradientView = persist(
        new GradientView(this, this.#location ?? unplaced()),
      );
    }
    return this.#gradientView;
  }

  #ensureHome(): void {
    if (!this.#location) outsideCheckpoints(() => flatten([this]));
  }
}

function unplaced(): never {
  throw new ReferenceError("Cannot find the parameter's place");
}
