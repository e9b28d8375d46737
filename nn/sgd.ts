// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

import type { Kernel } from "../engine/kernel_kit.ts";
import { Optimizer } from "./optim.ts";
import {
  type ParameterGroup,
  present,
  requireNonNegative,
} from "./optim_groups.ts";
import { sgd } from "./optim_kernels.ts";
import { checkOptions } from "./options.ts";
import type { Parameter } from "./parameter.ts";

/** Settings of {@linkcode SGD}, for all groups or one. */
export interface SGDSettings {
  /** The step size. @default {1e-2} */
  learningRate: number;
  /** The share of the last step that is repeated. @default {0} */
  momentum: number;
  /**
   * The share of the gradient that the momentum buffer leaves out.
   *
   * @default {0}
   */
  dampening: number;
  /** The decay of the weights, added to the gradient. @default {0} */
  weightDecay: number;
  /** Whether to use Nesterov momentum. @default {false} */
  nesterov: boolean;
}

/**
 * Stochastic gradient descent with momentum, as PyTorch computes it:
 *
 * ```text
 * g ← g + λ θ        b ← μ b + (1 - dampening) g     (b ← g at first)
 * θ ← θ - lr (nesterov ? g + μ b : b)
 * ```
 *
 * @example Usage
 * ```ts
 * import { backward, initialize, mul, scope, sum } from "@swagpu/swagpu/engine";
 * import { init, Parameter, SGD } from "@swagpu/swagpu/nn";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * await initialize();
 * const x = new Parameter([1], init.ones());
 * const optimizer = new SGD([x], { learningRate: 0.1, momentum: 0.9 });
 * {
 *   using _ = scope();
 *   backward(sum(mul(x, x)));
 *   optimizer.step();
 * }
 * assertAlmostEquals(await x.item(), 0.8, 1e-6);
 * ```
 */
export class SGD extends Optimizer<SGDSettings> {
  /** The kernel of the rule. */
  protected override readonly kernel: Kernel = sgd;
  /** Parameters all of whose steps were without momentum. */
  readonly #withoutBuffer = new WeakSet<Parameter>();

  /**
   * Allocates a momentum buffer per parameter.
   *
   * @param parameters Parameters, or groups of them with settings.
   * @param settings The settings that a group lacks.
   * @throws {RangeError} If a setting is out of range, or `nesterov` is
   * set without momentum or with dampening.
   * @throws {TypeError} If a setting has a name that is not known.
   */
  constructor(
    parameters: Iterable<Parameter> | readonly ParameterGroup<SGDSettings>[],
    settings: Partial<SGDSettings> = {},
  ) {
    const defaults: SGDSettings = {
      learningRate: 1e-2,
      momentum: 0,
      dampening: 0,
      weightDecay: 0,
      nesterov: false,
    };
    const known = Object.keys(defaults);
    checkOptions(settings, { action: "optimize", known });
    super(parameters, { ...defaults, ...present(settings) }, 1);
  }

  /** Throws if the settings of a group are out of range. */
  protected override checkSettings(group: SGDSettings): void {
    const { learningRate, momentum, dampening, weightDecay, nesterov } = group;
    requireNonNegative({ learningRate, momentum, weightDecay });
    if (Number.isNaN(dampening)) {
      throw new RangeError("Cannot use dampening NaN: it must be a number");
    }
    if (nesterov && (momentum === 0 || dampening !== 0)) {
      throw new RangeError(
        `Cannot use nesterov with momentum ${momentum} and dampening ` +
          `${dampening}: it needs momentum and no dampening`,
      );
    }
  }

  /** The numbers that the kernel needs for a parameter at this step. */
  protected override groupFields(
    group: SGDSettings,
    steps: number,
    parameter: Parameter,
  ): readonly number[] {
    const { learningRate, momentum, dampening, weightDecay, nesterov } = group;
    const starts = steps === 1 || this.#withoutBuffer.has(parameter);
    if (starts && momentum === 0) this.#withoutBuffer.add(parameter);
    else this.#withoutBuffer.delete(parameter);
    return [
      learningRate,
      weightDecay,
      momentum,
      1 - dampening,
      nesterov ? 1 : 0,
      starts ? 1 : 0,
    ];
  }
}
