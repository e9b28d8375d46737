// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Work on made-up operands, by which `tune` and the probes measure variants of
// kernels.

import type { Device } from "../gpu/device.ts";
import { backward } from "../tape.ts";
import type { Tensor } from "../tensor.ts";
import { full } from "./creation.ts";

/** Elements of a probe's operand: about a millisecond of work for a CPU. */
export const PROBED_ELEMENTS = 2 ** 18;

/** An operand of equal numbers, since no kernel's speed depends on them. */
export function operand(device: Device, shape: readonly number[]): Tensor {
  return full([...shape], 0.5, { device, requiresGrad: true });
}

/** The run of an op, forward and backward. */
export function bothWays(op: (x: Tensor) => Tensor, x: Tensor): () => void {
  return () => {
    const y = op(x);
    backward(y, { gradient: full(y.shape, 0.5, { device: x.device }) });
  };
}

/** The work of a probe of kernels over rows, forward and backward. */
export function probeOfRows(
  op: (x: Tensor) => Tensor,
): (device: Device) => () => void {
  const columns = 512;
  return (device) =>
    bothWays(op, operand(device, [PROBED_ELEMENTS / columns, columns]));
}
