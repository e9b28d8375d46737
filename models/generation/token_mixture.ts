// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// How uncertain several samples of the weights are about tokens, of which each gives
// scores of the whole vocabulary. Sums over the samples stay on the GPU, so that it
// does not matter how many there are.

import { addInto, persist } from "../../engine/kernel_kit.ts";
import {
  equal,
  exp,
  log,
  logSoftmax,
  maskedFill,
  maximum,
  mul,
  neg,
  readAll,
  scope,
  sum,
  type Tensor,
  tensor,
  unsqueeze,
} from "../../engine/mod.ts";

/** A smaller probability adds nothing to an entropy in 32 bits. */
const TINY = 1e-30;

/** The entropies of tokens, in nats, each [tokens]. */
export interface MixtureEntropies {
  /** The entropy of the mixture of all samples. */
  readonly total: Float32Array;
  /** The mean entropy of the samples. */
  readonly data: Float32Array;
  /** The cross-entropy of the mixture with the mean logarithm. */
  readonly cross: Float32Array;
}

/** Adds up what samples of the weights say of the same tokens. */
export class TokenMixture implements Disposable {
  #members = 0;
  #isWeighted = false;
  #sums: readonly [mixture: Tensor, logs: Tensor, entropy: Tensor] | undefined;

  /**
   * Adds a sample.
   *
   * @param logits Its scores, `[tokens, vocabulary]`.
   * @param weights Its weight in the mixture at each token, all of which sum to 1.
   * Default: that of all others. Either all samples have weights or none.
   */
  add(logits: Tensor, weights?: Float32Array<ArrayBuffer>): void {
    using _ = scope();
    const logs = logSoftmax(logits);
    const p = exp(logs);
    const entropy = neg(sum(weighted(p, logs), { axis: -1 }));
    const own = [
      weights ? mul(p, unsqueeze(tensor(weights), 1)) : p,
      logs,
      entropy,
    ] as const;
    this.#members++;
    this.#isWeighted = weights !== undefined;
    if (this.#sums) {
      this.#sums.forEach((x, i) => addInto(x, own[i] as Tensor));
    } else {
      this.#sums = [persist(own[0]), persist(own[1]), persist(own[2])];
    }
  }

  /** Reads the entropies of the tokens. */
  async entropies(): Promise<MixtureEntropies> {
    const tensors = this.#entropies();
    try {
      const [total = NONE, cross = NONE, data = NONE] = await readAll(tensors);
      return { total, cross, data };
    } finally {
      for (const x of tensors) x.dispose();
    }
  }

  /** Frees the sums. */
  [Symbol.dispose](): void {
    for (const x of this.#sums ?? []) x.dispose();
  }

  #entropies(): Tensor[] {
    if (!this.#sums) throw new Error("Cannot read a mixture of no samples");
    using _ = scope();
    const [sums, logs, entropy] = this.#sums;
    const share = 1 / this.#members;
    const mixture = mul(sums, this.#isWeighted ? 1 : share);
    const surprise = mul(mixture, log(maximum(mixture, TINY)));
    return [
      neg(sum(surprise, { axis: -1 })),
      mul(sum(weighted(mixture, logs), { axis: -1 }), -share),
      mul(entropy, share),
    ].map((x) => persist(x));
  }
}

/** p · log q, where 0 · log 0 counts as 0: a token may be impossible. */
function weighted(p: Tensor, logs: Tensor): Tensor {
  return maskedFill(mul(p, logs), equal(p, 0), 0);
}

const NONE = new Float32Array();
