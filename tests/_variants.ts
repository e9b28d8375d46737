// Copyright 2026 the swagpu authors. MIT license.

// Runs tests of kernels that have several variants once with each variant, whichever
// the adapter would choose. `every_family_test.ts` fails for a family without such a test.

import { assert } from "@std/assert";
import type { Device } from "../engine/gpu/device.ts";
import { chosen, pin, pinned, variantsOf } from "../engine/tuning/choice.ts";
import { gpuTest } from "./_check.ts";

/** Calls a function while one variant of a family is pinned. */
export async function withVariant<T>(
  family: string,
  variant: string,
  run: () => T | Promise<T>,
): Promise<T> {
  const before = pinned(family);
  pin(family, variant);
  try {
    return await run();
  } finally {
    pin(family, before);
  }
}

/**
 * Defines a {@linkcode gpuTest} for each variant of a family, which is pinned while the
 * test runs. The test also fails if it does not use the family's kernels.
 *
 * The family must be a literal: the test that finds forgotten families reads it from
 * the text.
 */
export function eachVariant(
  family: string,
  claim: string,
  run: (device: Device, variant: string) => void | Promise<void>,
): void {
  const variants = variantsOf(family);
  assert(variants.length > 0, `no kernel family is called ${family}`);
  for (const variant of variants) {
    gpuTest(`${claim} (${family}: ${variant})`, async (device) => {
      await withVariant(family, variant, () => run(device, variant));
      const ran = Object.entries(chosen())
        .filter(([key]) => key.startsWith(`${family}/`));
      assert(
        ran.some(([, last]) => last === variant),
        `the test did not run ${family}'s variant ${variant}: ` +
          `chosen last were ${JSON.stringify(ran)}`,
      );
    });
  }
}
