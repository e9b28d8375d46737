// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// MADGRAD and its variant with mirror descent.

import type { Kernel } from "../engine/kernel_kit.ts";
import { Optimizer } from "./optim.ts";
import {
  type ParameterGroup,
  present,
  requireNonNegative,
} from "./optim_groups.ts";
import { madgrad, mirrorMadgrad } from "./optim_kernels.ts";
import { checkOptions } from "./options.ts";
import type { Parameter } from "./parameter.ts";

/**
 * Settings of {@linkcode MADGRAD} and {@linkcode MirrorMADGRAD}, for all groups
 * or one.
 */
export interface MADGRADSettings {
  /** The step size. @default {1e-2} */
  learningRate: number;
  /** The share of the last step that is repeated. @default {0.9} */
  momentum: number;
  /**
   * The decay of the weights. This rule needs less of it than others, often
   * none.
   *
   * @default {0}
   */
  weightDecay: number;
  /**
   * Added to the cube root of the squares, and to the learning rate.
   *
   * @default {1e-6, and 0 in MirrorMADGRAD}
   */
  eps: number;
  /**
   * Whether the decay, multiplied by the learning rate, acts on the weights as
   * in AdamW. Otherwise it is added to the gradient.
   *
   * @default {false}
   */
  decoupleDecay: boolean;
}

/** Completes and checks the settings of either rule. */
function complete(
  settings: Partial<MADGRADSettings>,
  eps: number,
): MADGRADSettings {
  const defaults: MADGRADSettings = {
    learningRate: 1e-2,
    momentum: 0.9,
    weightDecay: 0,
    eps,
    decoupleDecay: false,
  };
  const known = Object.keys(defaults);
  checkOptions(settings, { action: "optimize", known });
  return { ...defaults, ...present(settings) };
}

function checkMadgrad(settings: MADGRADSettings): void {
  const { learningRate, momentum, weightDecay, eps } = settings;
  requireNonNegative({ learningRate, momentum, weightDecay, eps });
  if (!(momentum < 1)) {
    throw new RangeError(
      `Cannot optimize with momentum ${momentum}: it must be less than 1`,
    );
  }
}

/** The decay that is added to the gradient, and the one that is not. */
function decays(
  { weightDecay, decoupleDecay }: MADGRADSettings,
  rate: number,
): [coupled: number, decoupled: number] {
  return decoupleDecay ? [0, rate * weightDecay] : [weightDecay, 0];
}

/**
 * A momentumized, adaptive, dual averaged gradient method, as Meta's package
 * `madgrad` computes it. Each weight starts at `x₀`; at step `t`
 *
 * ```text
 * λ = (lr + eps) √t        s ← s + λ g        v ← v + λ g²
 * z = x₀ - s / (∛v + eps)
 * θ ← momentum θ + (1 - momentum) z
 * ```
 *
 * Learning rates are not those of other rules and have to be searched. A weight
 * whose `∛v + eps` is 0 stays. `t` counts the steps of each parameter.
 *
 * Defazio and Jelassi, "Adaptivity without Compromise: A Momentumized, Adaptive,
 * Dual Averaged Gradient Method for Stochastic Optimization", 2021.
 *
 * @example Usage
 * ```ts
 * import { backward, initialize, mul, scope, sum } from "@swagpu/swagpu/engine";
 * import { init, MADGRAD, Parameter } from "@swagpu/swagpu/nn";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * await initialize();
 * const x = new Parameter([1], init.ones());
 * const optimizer = new MADGRAD([x], { learningRate: 0.1, momentum: 0 });
 * {
 *   using _ = scope();
 *   backward(sum(mul(x, x)));
 *   optimizer.step();
 * }
 * // The gradient is 2, so the step is 0.1 · 2 / ∛(0.1 · 2²).
 * assertAlmostEquals(await x.item(), 1 - 0.2 / Math.cbrt(0.4), 1e-5);
 * ```
 */
export class MADGRAD extends Optimizer<MADGRADSettings> {
  /** The kernel of the rule. */
  protected override readonly kernel: Kernel = madgrad;

  /**
   * Allocates three moments per parameter: `v`, `s` and `x₀`.
   *
   * @param parameters Parameters, or groups of them with settings.
   * @param settings The settings that a group lacks.
   * @throws {RangeError} If a setting is out of range.
   * @throws {TypeError} If a setting has a name that is not known.
   */
  constructor(
    parameters:
      | Iterable<Parameter>
      | readonly ParameterGroup<MADGRADSettings>[],
    settings: Partial<MADGRADSettings> = {},
  ) {
    super(parameters, complete(settings, 1e-6), 3);
  }

  /** Throws if the settings of a group are out of range. */
  protected override checkSettings(group: MADGRADSettings): void {
    checkMadgrad(group);
  }

  /** The numbers that the kernel needs for a parameter at this step. */
  protected override groupFields(
    group: MADGRADSettings,
    steps: number,
  ): readonly number[] {
    const rate = group.learningRate + group.eps;
    const [coupled, decoupled] = decays(group, rate);
    const follow = 1 - group.momentum;
    const weight = rate * Math.sqrt(steps);
    return [weight, follow, group.eps, coupled, decoupled];
  }
}

/**
 * {@linkcode MADGRAD} with mirror descent in the place of dual averaging, as
 * Meta's package `madgrad` computes it. A point `z` starts at the weights; at
 * step `t`
 *
 * ```text
 * v ← √((t - 1) / t) v + g²        z ← z - (lr + eps) ∛t g / (∛v + eps)
 * θ ← momentum θ + (1 - momentum) z
 * ```
 *
 * Its authors prefer it for large transformers, and MADGRAD for small models. A
 * learning rate of 0 makes no step, whatever `eps` is.
 *
 * @example Usage
 * ```ts
 * import { backward, initialize, mul, scope, sum } from "@swagpu/swagpu/engine";
 * import { init, MirrorMADGRAD, Parameter } from "@swagpu/swagpu/nn";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * await initialize();
 * const x = new Parameter([1], init.ones());
 * const optimizer = new MirrorMADGRAD([x], { learningRate: 0.1, momentum: 0 });
 * {
 *   using _ = scope();
 *   backward(sum(mul(x, x)));
 *   optimizer.step();
 * }
 * assertAlmostEquals(await x.item(), 1 - 0.1 * 2 / Math.cbrt(4), 1e-5);
 * ```
 */
export class MirrorMADGRAD extends Optimizer<MADGRADSettings> {
  /** The kernel of the rule. */
  protected override readonly kernel: Kernel = mirrorMadgrad;

  /**
   * Allocates two moments per parameter: `v` and `z`.
   *
   * @param parameters Parameters, or groups of them with settings.
   * @param settings The settings that a group lacks.
   * @throws {RangeError} If a setting is out of range.
   * @throws {TypeError} If a setting has a name that is not known.
   */
  constructor(
    parameters:
      | Iterable<Parameter>
      | readonly ParameterGroup<MADGRADSettings>[],
    settings: Partial<MADGRADSettings> = {},
  ) {
    super(parameters, complete(settings, 0), 2);
  }

  /** Throws if the settings of a group are out of range. */
  protected override checkSettings(group: MADGRADSettings): void {
    checkMadgrad(group);
  }

  /** The numbers that the kernel needs for a parameter at this step. */
  protected override groupFields(
    group: MADGRADSettings,
    steps: number,
  ): readonly number[] {
    const { learningRate, momentum, eps } = group;
    const rate = learningRate === 0 ? 0 : learningRate + eps;
    const [coupled, decoupled] = decays(group, rate);
    return [
      rate * Math.cbrt(steps),
      1 - momentum,
      eps,
      coupled,
      decoupled,
      Math.sqrt((steps - 1) / steps),
    ];
  }
}
