// Copyright 2026 the swagpu authors. MIT license.

// f16 in storage. JavaScript's Float16Array says what the values must be.

import { assertEquals } from "@std/assert";
import { halve, packHalves, widenInto } from "../../../engine/kernel_kit.ts";
import { tensor, zeros } from "../../../engine/mod.ts";
import { randomValues } from "../../_check.ts";
import { eachVariant } from "../../_variants.ts";

/** All finite numbers of f16, and the numbers of f32 between them and the next. */
function everyHalf(): { exact: Float32Array; between: Float32Array } {
  const exact: number[] = [];
  const between: number[] = [];
  const half = new Float16Array(2);
  const bits = new Uint16Array(half.buffer);
  for (let sign = 0; sign <= 0x8000; sign += 0x8000) {
    for (let i = 0; i < 0x7c00; i++) {
      bits[0] = sign + i;
      bits[1] = sign + Math.min(i + 1, 0x7bff);
      const [low = 0, high = 0] = half;
      exact.push(low);
      // A tie, and what is nearest to it in f32, on both sides.
      const tie = (low + high) / 2;
      const step = Math.abs(tie) * 2 ** -23;
      between.push(tie, tie - step, tie + step, low + (high - low) / 3);
    }
  }
  return { exact: new Float32Array(exact), between: new Float32Array(between) };
}

/** The bits of numbers, which tell 0 from -0. */
function bitsOf(values: Float32Array<ArrayBuffer>): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length);
}

/** Rounds in JavaScript. */
function rounded(values: Float32Array): Float32Array<ArrayBuffer> {
  return new Float32Array(Float16Array.from(values));
}

eachVariant(
  "elementwise",
  "numbers are rounded to f16 to nearest, ties to even, and come back exactly",
  async () => {
    const { exact, between } = everyHalf();
    assertEquals(bitsOf(rounded(exact)), bitsOf(Float32Array.from(exact)));
    const tiny = [1e-45, -1e-40, 2 ** -126, 2 ** -25, -(2 ** -25), 3e-8, 0, -0];
    const others = randomValues(1000, 5, -60000, 60000);
    for (const values of [exact, between, Float32Array.from(tiny), others]) {
      const x = tensor(values);
      const halves = halve(x);
      assertEquals(halves.bytes, Math.ceil(values.length / 8) * 16);
      assertEquals(
        await halves.data(),
        packHalves(values),
        "the host packs as the GPU does",
      );
      const wide = zeros([values.length]);
      widenInto(wide, halves);
      assertEquals(bitsOf(await wide.data()), bitsOf(rounded(values)));
    }
  },
);

eachVariant(
  "elementwise",
  "any number of elements is halved and widened, also beyond a binding",
  async (device) => {
    const limit = device.maxBindingSize;
    const values = randomValues(70_003, 8);
    try {
      for (const size of [1, 3, 8, 9, 511, 4099, 70_003]) {
        // Two rows of 64 times 8 elements, and two of those that are widened.
        for (const most of [limit, 4096]) {
          Object.assign(device, { maxBindingSize: most });
          const own = values.slice(0, size);
          const wide = zeros([size]);
          widenInto(wide, halve(tensor(own)));
          assertEquals(await wide.data(), rounded(own), `${size} of ${most}`);
        }
      }
    } finally {
      Object.assign(device, { maxBindingSize: limit });
    }
  },
);
