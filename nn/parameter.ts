// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

import {
  type Block,
  currentDevice,
  dependsOn,
  noGrad,
  onReplay,
  persist,
  scope,
  type Shape,
  Tensor,
} from "../engine/mod.ts";
import { copyInto, tick } from "../engine/kernel_kit.ts";
import { zeros as zerosInit } from "./init.ts";
import type { Initializer } from "./initializer.ts";
import { flatten, type Place, type Segment } from "./segment.ts";

/** Whether parameters receive their initial values where they get a place. */
let initializing = true;

/**
 * Builds a model without drawing initial values, for a checkpoint that will
 * overwrite them. Parameters start as zeros; {@linkcode Parameter.initialize}
 * draws them later where the checkpoint has none.
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

/** A parameter's part of the gradients; work on them that waits is done first. */
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
 * A tensor that is trained: a view into its model's flat vector, whose place
 * it keeps for life.
 *
 * A parameter gets its place when its model is built, or at first use; until
 * then it takes no memory. It is initialised at that moment.
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
   * Describes the parameter; memory comes with its place.
   *
   * @param shape The shape.
   * @param init How it is initialised. @default {zeros}
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

  /** The segment's buffer. */
  override get block(): Block {
    this.#ensureHome();
    return super.block;
  }

  /** Where in the buffer the parameter starts. */
  override get byteOffset(): number {
    this.#ensureHome();
    return super.byteOffset;
  }

  /** Takes a place; {@linkcode flatten} calls this once. */
  home(place: Place): void {
    this.#location = place;
    const { segment, offset } = place;
    this.place({ block: segment.values.block, byteOffset: offset * 4 });
    if (initializing) this.initialize();
  }

  /** Draws the initial values (again). */
  initialize(): void {
    using _ = scope();
    noGrad(() => this.#init(this.shape, (values) => copyInto(this, values)));
  }

  /** The gradient, a view into the segment's, once there is one. */
  override get grad(): Tensor | undefined {
    // The replay of a captured step adds to the memory, not to a view.
    return this.#hasGradient ? this.#viewGradient() : this.#gradientView;
  }

  /**
   * Whether the parameter has received a gradient since its gradient was last
   * set to zero: by an optimizer's step, `zeroGrad` or `dropGradient`. It may be
   * all zeros. Where there is none, PyTorch's `grad` is `None`; an optimizer
   * leaves the parameter alone then.
   */
  get hasGradient(): boolean {
    const writtenAt = this.#gradientView?.changedAt ?? 0;
    return this.#hasGradient || writtenAt > this.#endedAt;
  }

  /** The gradient as a view to add to: from now on there is one. */
  override gradientTarget(): Tensor {
    const view = this.#viewGradient();
    onReplay(() => void (this.#hasGradient = true));
    return view;
  }

  /** Notes that the gradient was set to zero: from now on there is none. */
  endGradient(): void {
    this.#hasGradient = false;
    this.#endedAt = tick();
  }

  /** Gives the place up; the segment keeps its memory. */
  override dispose(): void {
    this.endGradient(); // Nobody asks for zeros in its place.
    super.dispose();
  }

  /** Sets the gradient to zero and forgets it. */
  override dropGradient(): void {
    const { segment, offset = 0 } = this.#location ?? {};
    // A step captured now would clear none at its replays.
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
    if (!this.#location) flatten([this]);
  }
}

function unplaced(): never {
  throw new ReferenceError("Cannot find the parameter's place");
}
