// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The linear layer with mixout.

import { dependsOn } from "../engine/kernel_kit.ts";
import type { Generator, Tensor } from "../engine/mod.ts";
import { Linear, type LinearOptions } from "./linear.ts";
import { checkShare, mixout } from "./mixout.ts";
import { checkOptions } from "./options.ts";

/** How {@linkcode MixLinear} mixes. */
export interface MixLinearMixing {
  /** The probability that an input's weights are the target's, in [0, 1]. */
  p: number;
  /**
   * What the weight is mixed with, `[out, in]`. The layer does not free it.
   *
   * @default {zeros}
   */
  target?: Tensor | undefined;
  /** Whether the derivative is that of the authors' code. @default {false} */
  officialBackward?: boolean | undefined;
  /**
   * The generator of the masks' random numbers.
   *
   * @default {the default generator}
   */
  generator?: Generator | undefined;
}

/** Options of {@linkcode MixLinear}. */
export interface MixLinearOptions extends LinearOptions, MixLinearMixing {}

/**
 * A linear layer that mixes its weight with a target while training, such as
 * with its pre-trained value: `y = x mixout(W)ᵀ + b`. In evaluation it is a
 * linear layer. The bias is never mixed; see {@linkcode mixout}.
 *
 * The target is no parameter and no buffer: files of the model are those of the
 * model with plain layers. {@linkcode applyMixout} puts such layers into a
 * model.
 *
 * @example With p = 1 the target acts
 * ```ts
 * import { initialize, tensor } from "@swagpu/swagpu/engine";
 * import { init, MixLinear } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const target = tensor([[5, 7]]);
 * const options = { p: 1, target, init: init.ones(), biasInit: init.zeros() };
 * const layer = new MixLinear(2, 1, options);
 * const x = tensor([[1, 1]]);
 * assertEquals(await layer.forward(x).item(), 12);
 * assertEquals(await layer.eval().forward(x).item(), 2);
 * layer.dispose();
 * ```
 */
export class MixLinear extends Linear {
  #p: number;
  readonly #target: Tensor | undefined;
  readonly #officialBackward: boolean;
  readonly #generator: Generator | undefined;

  /**
   * Builds weight and bias.
   *
   * @param inFeatures The length of the last axis of `x`.
   * @param outFeatures The length of the last axis of `y`.
   * @param options The mixing, bias and initial values.
   * @throws {RangeError} If `p` is not in [0, 1].
   * @throws {TypeError} If an option is not known.
   */
  constructor(
    inFeatures: number,
    outFeatures: number,
    options: MixLinearOptions,
  ) {
    checkOptions(options, {
      action: "build a MixLinear",
      known: [
        ...["p", "target", "officialBackward", "generator"],
        ...["bias", "init", "biasInit"],
      ],
    });
    super(inFeatures, outFeatures, options);
    checkShare(options.p);
    this.#p = options.p;
    this.#target = options.target;
    this.#officialBackward = options.officialBackward ?? false;
    this.#generator = options.generator;
  }

  /**
   * Makes a layer with the parameters of another one, which stay where they are.
   *
   * @param linear The other layer.
   * @param mixing The probability, the target and more.
   * @returns The layer, in the mode of the other one.
   * @throws {RangeError} If `p` is not in [0, 1].
   */
  static of(linear: Linear, mixing: MixLinearMixing): MixLinear {
    const [outFeatures = 0, inFeatures = 0] = linear.weight.shape;
    const layer = new MixLinear(inFeatures, outFeatures, mixing);
    layer.weight = linear.weight;
    layer.bias = linear.bias;
    layer.training = linear.training;
    return layer;
  }

  /** The probability that an input's weights are the target's. */
  get p(): number {
    return this.#p;
  }

  set p(value: number) {
    checkShare(value);
    this.#p = value;
  }

  /** The weight, mixed with the target while training. */
  override usedWeight(): Tensor {
    const p = this.#p;
    dependsOn(() => this.#p === p);
    return mixout(this.weight, {
      p,
      target: this.#target,
      training: this.training,
      officialBackward: this.#officialBackward,
      generator: this.#generator,
    });
  }
}
