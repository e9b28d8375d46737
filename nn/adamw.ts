// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

import type { Kernel } from "../engine/kernel_kit.ts";
import { Optimizer } from "./optim.ts";
import {
  type ParameterGroup,
  present,
  requireNonNegative,
} from "./optim_groups.ts";
import { adamw } from "./optim_kernels.ts";
import { checkOptions } from "./options.ts";
import type { Parameter } from "./parameter.ts";

const VARIANTS: readonly AdamWVariant[] = ["pytorch", "transformers"];

/** Settings of {@linkcode AdamW}, for all groups or one. */
export interface AdamWSettings {
  /** The step size. @default {1e-3} */
  learningRate: number;
  /** The decay rates of the first and second moment. @default {[0.9, 0.999]} */
  betas: readonly [number, number];
  /** Added to the root of the second moment. @default {1e-8} */
  eps: number;
  /**
   * The decay of the weights, multiplied by the learning rate.
   *
   * @default {0.01}
   */
  weightDecay: number;
  /**
   * Whether the moments are divided by `1 - βᵗ`, which makes up for their start
   * at zero. Without it the rule is BertAdam's, with which BERT was fine-tuned
   * at first: early steps are up to 6.6 times as long (at step 12, with the
   * default `betas`), which makes small data sets unstable. Zhang et al.,
   * "Revisiting Few-sample BERT Fine-tuning", 2021.
   *
   * @default {true}
   */
  correctBias: boolean;
  /**
   * Whose order of operations is followed. `"transformers"` is the `AdamW` that
   * Hugging Face's library had: it decays the weights after the step instead of
   * before it, and adds `eps` before the bias is corrected instead of after.
   *
   * @default {"pytorch"}
   */
  variant: AdamWVariant;
}

/** Whose order of operations {@linkcode AdamW} follows. */
export type AdamWVariant = "pytorch" | "transformers";

/**
 * Adam with decoupled weight decay, as PyTorch computes it:
 *
 * ```text
 * θ ← θ (1 - lr λ)
 * m ← β₁ m + (1 - β₁) g        v ← β₂ v + (1 - β₂) g²
 * θ ← θ - lr m / (1 - β₁ᵗ) / (√(v / (1 - β₂ᵗ)) + eps)
 * ```
 *
 * `t` counts the steps of each parameter, which are those for which it had a
 * gradient. Without `correctBias` the two divisions by `1 - βᵗ` are left out.
 * With the variant `"transformers"` the steps are
 *
 * ```text
 * θ ← θ - lr √(1 - β₂ᵗ) / (1 - β₁ᵗ) m / (√v + eps)        θ ← θ (1 - lr λ)
 * ```
 *
 * BertAdam is `new AdamW(parameters, { correctBias: false, eps: 1e-6, variant:
 * "transformers" })`.
 *
 * Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019.
 *
 * @example Usage
 * ```ts
 * import { backward, initialize, mul, scope, sum } from "@swagpu/swagpu/engine";
 * import { AdamW, init, Parameter } from "@swagpu/swagpu/nn";
 * import { assertAlmostEquals } from "@std/assert";
 *
 * await initialize();
 * const x = new Parameter([1], init.ones());
 * const optimizer = new AdamW([x], { learningRate: 0.1, weightDecay: 0 });
 * {
 *   using _ = scope();
 *   backward(sum(mul(x, x)));
 *   optimizer.step();
 * }
 * assertAlmostEquals(await x.item(), 0.9, 1e-6);
 * ```
 */
export class AdamW extends Optimizer<AdamWSettings> {
  /** The kernel of the rule. */
  protected override readonly kernel: Kernel = adamw;
  /**
   * What the last fields were computed from; often the same for the next
   * parameter.
   */
  #key: readonly number[] = [];
  #fields: readonly number[] = [];

  /**
   * Allocates two moments per parameter.
   *
   * @param parameters Parameters, or groups of them with settings.
   * @param settings The settings that a group lacks.
   * @throws {RangeError} If a setting is out of range.
   * @throws {TypeError} If a setting has a name that is not known.
   */
  constructor(
    parameters: Iterable<Parameter> | readonly ParameterGroup<AdamWSettings>[],
    settings: Partial<AdamWSettings> = {},
  ) {
    const defaults: AdamWSettings = {
      learningRate: 1e-3,
      betas: [0.9, 0.999],
      eps: 1e-8,
      weightDecay: 0.01,
      correctBias: true,
      variant: "pytorch",
    };
    const known = Object.keys(defaults);
    checkOptions(settings, { action: "optimize", known });
    super(parameters, { ...defaults, ...present(settings) }, 2);
  }

  /** Throws if the settings of a group are out of range. */
  protected override checkSettings(group: AdamWSettings): void {
    const { learningRate, betas, eps, weightDecay, variant } = group;
    requireNonNegative({ learningRate, eps, weightDecay });
    if (!VARIANTS.includes(variant)) {
      throw new RangeError(
        `Cannot optimize with variant "${variant}": it must be ${
          VARIANTS.map((name) => `"${name}"`).join(" or ")
        }`,
      );
    }
    const isFit = betas.length === 2 &&
      betas.every((beta) => beta >= 0 && beta < 1);
    if (!isFit) {
      throw new RangeError(
        `Cannot use betas [${
          betas.join(", ")
        }]: they must be two numbers in [0, 1)`,
      );
    }
  }

  /** The numbers that the kernel needs for a parameter at this step. */
  protected override groupFields(
    group: AdamWSettings,
    steps: number,
  ): readonly number[] {
    const { learningRate, betas: [beta1, beta2], eps, weightDecay } = group;
    const { correctBias, variant } = group;
    const isLate = variant === "transformers";
    const key = [
      ...[steps, learningRate, beta1, beta2, eps, weightDecay],
      ...[Number(correctBias), Number(isLate)],
    ];
    if (key.every((x, i) => x === this.#key[i])) return this.#fields;
    this.#key = key;
    const decay = 1 - learningRate * weightDecay;
    const first = correctBias ? 1 - beta1 ** steps : 1;
    const second = correctBias ? Math.sqrt(1 - beta2 ** steps) : 1;
    // The kernel decays first. A decay after the step also shortens the step.
    return this.#fields = isLate
      ? [decay, beta1, beta2, decay * learningRate * second / first, 1, eps]
      : [decay, beta1, beta2, learningRate / first, 1 / second, eps];
  }
}
