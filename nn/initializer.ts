// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The type of initializers. It has a file to itself because the initializers
// of `init.ts` and `truncated_normal.ts` both need it.

import type { Shape, Tensor } from "../engine/mod.ts";

/**
 * Makes the initial values of a parameter or buffer.
 *
 * @param shape The shape of the values.
 * @param write Receives the values, a tensor of that shape, and copies them.
 */
export type Initializer = (
  shape: Shape,
  write: (values: Tensor) => void,
) => void;
