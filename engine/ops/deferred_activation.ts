// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The derivative of an activation, deferred to the product that follows it.
//
// On its way back, a product y = f(z) with z = a·b + bias needs dz = dy·f'(z). If y
// is used by one other product alone, that product computes dy as its da, and can
// multiply by f'(z) in the same kernel: one pass over memory less. The two products
// agree on it in three steps:
//   1. Forward, the first product offers: it notes, for y, what f' is computed from.
//   2. Backward, the second product takes the offer if it is the only one that uses y
//      and computes all of dy. What it returns is then dz.
//   3. Backward, the first product asks whether its offer was taken. If so, the
//      gradient that arrives needs no further factor.

import type { Activation } from "../kernels/matmul_activation.ts";
import { isOnlyUse } from "../tape.ts";
import type { Tensor } from "../tensor.ts";

/** What the derivative of an activation is computed from. */
export interface ActivationDerivative {
  /** The activation f. */
  readonly activation: Activation;
  /** The result f(z) where f' can be computed from it, otherwise z. */
  readonly argument: Tensor;
}

/** An offer, and whether the product that follows took it. */
interface Offer extends ActivationDerivative {
  taken: boolean;
}

const offers = new WeakMap<Tensor, Offer>();

/** Lets the product that uses `y` multiply by the derivative of its activation. */
export function offerDerivative(
  y: Tensor,
  derivative: ActivationDerivative,
): void {
  offers.set(y, { ...derivative, taken: false });
}

/**
 * Takes what was offered for `x`, if its gradient is computed at one place alone.
 * The caller must multiply that gradient by the derivative.
 */
export function takeDerivative(x: Tensor): ActivationDerivative | undefined {
  if (!isOnlyUse(x)) return undefined;
  const offer = offers.get(x);
  if (offer) offer.taken = true;
  return offer;
}

/** Whether the gradient of `y` that has arrived contains the derivative already. */
export function isDerivativeTaken(y: Tensor): boolean {
  const offer = offers.get(y);
  const taken = offer?.taken ?? false;
  if (offer) offer.taken = false; // A second pass backward begins again.
  return taken;
}
