// Copyright 2026 the swagpu authors. MIT license.

// By how much weights may differ from those of PyTorch after steps of AdamW.

import { assertEquals } from "@std/assert";
import { compareSteps } from "../../tools/golden/adamw_steps.ts";

/** Compares weights that are off by so much, with these gradients. */
function accepts(name: string, off: number[], gradient: number[]): boolean {
  return compareSteps(name, {
    actual: off.map((x) => 0.5 + x),
    expected: off.map(() => 0.5),
    gradient,
    rounding: 1e-6,
    way: 3e-3,
    most: 2.5e-3,
    mostAbove: 0.08,
  }).ok;
}

Deno.test("one weight in two hundred may be off, and none by much", () => {
  const gradient = Array.from({ length: 400 }, () => 1e-9);
  gradient[0] = 1;
  const off = (count: number, by: number) =>
    gradient.map((_, i) => i < count ? by : 0);
  assertEquals(accepts("adamw.layer.0.q", off(2, 1e-3), gradient), true);
  assertEquals(accepts("adamw.layer.0.q", off(3, 1e-3), gradient), false);
  assertEquals(accepts("adamw.layer.0.q", off(400, 9e-6), gradient), true);
  assertEquals(accepts("adamw.layer.0.q", off(1, 2.6e-3), gradient), false);
  assertEquals(accepts("adamw.layer.0.q", [NaN], [1]), false);
});

Deno.test("XLNet's weights of distances may be off as far as chance moves them", () => {
  const name = "adamw.transformer.layer.0.rel_attn.r";
  const gradient = [1, 1e-2, 1e-4, 1e-6, 1e-9];
  const within = [9e-6, 1.025e-5, 3.5e-5, 2.4e-3, 2.4e-3];
  assertEquals(accepts(name, within, gradient), true);
  const beyond = [1.1e-5, 1.1e-5, 4.5e-5, 2.6e-3, 2.6e-3];
  for (const [i] of gradient.entries()) {
    const off = gradient.map((_, k) => k === i ? beyond[k] ?? NaN : 0);
    assertEquals(accepts(name, off, gradient), false, `${i}`);
  }
  assertEquals(accepts(name, [NaN, 0, 0, 0, 0], gradient), false);
});
