// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// What an optimizer and a decay toward a prior know of one another. It has a
// file to itself because both sides need it.

import type { Tensor } from "../engine/mod.ts";
import type { Parameter } from "./parameter.ts";
import type { Segment } from "./segment.ts";

/** What moves weights just before each step of an optimizer; see `PriorDecay`. */
export interface WeightPull {
  /**
   * The share of its way to the prior that a parameter moves in a step, in the
   * place of its weight decay. It is asked on the host at each step.
   *
   * @param parameter The parameter.
   * @param group The settings of its group.
   * @returns The share; `undefined` if the parameter decays as usual.
   */
  shareOf(parameter: Parameter, group: object): number | undefined;
  /**
   * Records the move of the weights of a segment.
   *
   * @param segment The segment.
   * @param where The optimizer's parameter of each block of 64 elements, and its
   * table, which has the share in the seventh of eight numbers.
   */
  move(
    segment: Segment,
    where: { blockSlot: Tensor<"u32">; table: Tensor },
  ): void;
}
