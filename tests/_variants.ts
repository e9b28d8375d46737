// Copyright 2026 the swagpu authors. MIT license.

// Tests of kernels that come in variants run once with each of them, whatever
// this adapter would choose. `variants_test.ts` fails for a family of which no
// test does so.

import { assert } from "@std/assert";
import type { Device } from "../engine/gpu/device.ts";
import { chosen, pin, pinned, variantsOf } from "../engine/tuning/choice.ts";
import { gpuTest } from "./_check.ts";

/** Runs something with one variant of a family pinned. */
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
 * A {@linkcode gpuTest} for each variant of a family, which is pinned while the
 * test runs; fails, too, if the test never came to the family's kernels.
 *
 * The family is given as a literal: the test that finds forgotten families
 * reads it from the text.
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
