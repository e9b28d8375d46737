// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Tensors that are trained.

import {
  type Block,
  copyInto,
  dependsOn,
  onReplay,
  outsideCheckpoints,
  persist,
  tick,
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
 * memory; at that moment it receives its initial values.
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

  /** The memory of the segment that the parameter lies in. */
  override get block(): Block {
    this.#ensureHome();
    return super.block;
  }

  /** The offset of the parameter in the segment's memory, in bytes. */
  override get byteOffset(): number {
    this.#ensureHome();
    return super.byteOffset;
  }

  /** Receives its place. {@linkcode flatten} calls this once. */
  home(place: Place): void {
    this.#location = place;
    const { segment, offset } = place;
    this.place({ block: segment.values.block, byteOffset: offset * 4 });
    if (initializing) this.initialize();
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
    this.#gradientView?.dispose();
    this.#gradientView = undefined;
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
