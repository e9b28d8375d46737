// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// A linear layer with a low-rank update.

import {
  allocate,
  copyInto,
  dependsOn,
  persist,
} from "../../engine/kernel_kit.ts";
import {
  type Activation,
  add,
  gelu,
  matmul,
  mul,
  noGrad,
  relu,
  scope,
  sigmoid,
  silu,
  tanh,
  type Tensor,
} from "../../engine/mod.ts";
import { Dropout } from "../dropout.ts";
import { fanInUniform, normal, zeros } from "../init.ts";
import type { Initializer } from "../initializer.ts";
import { Linear, type LinearForwardOptions } from "../linear.ts";
import type { AdapterSwitch } from "./adapter_switch.ts";

/** What a {@linkcode LoraLinear} is made of. */
export interface LoraLinearOptions {
  /** The rank of the update. */
  r: number;
  /** The factor of the update. */
  scaling: number;
  /** The share of the update's inputs that training drops. */
  dropout: number;
  /** How A and B begin; see `LoraConfig`. */
  init: boolean | "gaussian";
  /** Whether the update is added. */
  power: AdapterSwitch;
}

const ACTIVATIONS: Readonly<Record<Activation, (x: Tensor) => Tensor>> = {
  gelu: (x) => gelu(x),
  gelu_tanh: (x) => gelu(x, { approximate: "tanh" }),
  relu,
  sigmoid,
  silu,
  tanh,
};

/**
 * A linear layer whose weight is frozen, with an update of low rank:
 * `y = x Wᵀ + b + s · drop(x) Aᵀ Bᵀ`.
 *
 * Shapes: `x [..., in]`, `W [out, in]`, `A [r, in]`, `B [out, r]`. Weight and bias
 * are those of the layer that it takes the place of. Merged, the weight is
 * `W + s B A` and the layer costs what the plain one costs.
 */
export class LoraLinear extends Linear {
  /** A, which narrows: `[r, in]`. */
  readonly lora_A: Linear;
  /** B, which widens: `[out, r]`. */
  readonly lora_B: Linear;
  /** Drops elements of what goes into A. */
  readonly loraDropout: Dropout;
  /** The factor of the update. */
  readonly scaling: number;
  readonly #power: AdapterSwitch;
  #merged: { at: readonly number[]; own: Tensor } | undefined;

  /**
   * Takes weight and bias of a layer.
   *
   * @param base The layer.
   * @param options The update.
   */
  constructor(base: Linear, options: LoraLinearOptions) {
    const [out = 0, width = 0] = base.weight.shape;
    const { r, scaling, dropout, init, power } = options;
    super(width, out, { bias: false });
    this.weight = base.weight;
    this.bias = base.bias;
    const narrow: Initializer = init === "gaussian"
      ? normal({ std: 1 / r })
      : fanInUniform();
    const widen = init === false ? fanInUniform() : zeros();
    this.lora_A = new Linear(width, r, { bias: false, init: narrow });
    this.lora_B = new Linear(r, out, { bias: false, init: widen });
    this.loraDropout = new Dropout(dropout);
    this.scaling = scaling;
    this.#power = power;
  }

  /** Whether the weight holds the update. */
  get isMerged(): boolean {
    const merged = this.#merged;
    dependsOn(() => this.#merged === merged);
    return merged !== undefined;
  }

  /** Maps `x [..., in]` to `[..., out]`. */
  override forward(x: Tensor, options: LinearForwardOptions = {}): Tensor {
    if (!this.#power.isOn) return super.forward(x, options);
    if (this.isMerged) {
      this.#checkMerged();
      return super.forward(x, options);
    }
    const { activation, residual, bias } = options;
    const narrow = this.lora_A.forward(this.loraDropout.forward(x));
    const update = this.scaling === 1 ? narrow : mul(narrow, this.scaling);
    const plain = super.forward(x, {
      ...(bias ? { bias } : {}),
      // It is added last, which without an activation may be at any time.
      ...(residual && !activation ? { residual } : {}),
    });
    const y = this.lora_B.forward(update, { residual: plain });
    if (!activation) return y;
    const active = ACTIVATIONS[activation](y);
    return residual ? add(active, residual) : active;
  }

  /** Writes the update into the weight, and keeps the weight as it was. */
  merge(): void {
    if (this.#merged) return;
    const { weight } = this;
    using _ = scope();
    const own = persist(allocate(weight.device, weight.shape));
    copyInto(own, weight);
    this.#addUpdate();
    this.#merged = { at: this.#versions(), own };
  }

  /** Gives the weight the bits that it had before {@linkcode merge}. */
  unmerge(): void {
    if (!this.#merged) return;
    copyInto(this.weight, this.#merged.own);
    this.#forget();
  }

  /** Makes the merged weight the layer's own. */
  adopt(): void {
    if (this.#merged) this.#forget();
    else this.#addUpdate();
  }

  #addUpdate(): void {
    const { weight, lora_A: { weight: a }, lora_B: { weight: b } } = this;
    using _ = scope();
    noGrad(() =>
      copyInto(weight, add(weight, mul(matmul(b, a), this.scaling)))
    );
  }

  #forget(): void {
    this.#merged?.own.dispose();
    this.#merged = undefined;
  }

  #versions(): readonly number[] {
    return [this.lora_A.weight.changedAt, this.lora_B.weight.changedAt];
  }

  #checkMerged(): void {
    const isValid = () =>
      this.#versions().every((at, i) => at === this.#merged?.at[i]);
    dependsOn(isValid);
    if (isValid()) return;
    throw new TypeError(
      "Cannot use a merged adapter: its weights have changed since it was " +
        "merged; call unmergeAdapter()",
    );
  }
}
