// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals } from "@std/assert";
import { declareTexels } from "../../../engine/gpu/texels.ts";
import {
  defineKernel,
  grid,
  type Kernel,
  launch,
} from "../../../engine/kernel_kit.ts";
import { initialize, scope, tensor, zeros } from "../../../engine/mod.ts";

const device = await initialize();

/** Computes y = a - b with both operands read as texels. */
const difference: Kernel = defineKernel({
  name: "difference",
  wgsl: /* wgsl */ `
${declareTexels(0, "a")}
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;
${declareTexels(2, "b")}
struct Params { vectors: u32 }
@group(0) @binding(3) var<uniform> p: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x < p.vectors) { y[id.x] = a_texel(id.x) - b_texel(id.x); }
}
`,
});

for (const count of [1, 63, 8192, 8193, 40_000]) {
  Deno.test(`texels give ${count} elements as they are in the buffer`, async () => {
    using _ = scope();
    const a = tensor(Float32Array.from({ length: count }, (_, i) => 3 * i));
    const b = tensor(Float32Array.from({ length: count }, (_, i) => i));
    const y = zeros([count]);
    const vectors = Math.ceil(count / 4);
    const run = () =>
      launch(device, difference, {
        bind: [a, y, b],
        params: { vectors },
        groups: grid(vectors, 64),
      });
    run();
    const first = [...await y.data()];
    assertEquals(first, Array.from({ length: count }, (_, i) => 2 * i));
    // A dispatch reads what the dispatch before it has written.
    launch(device, difference, {
      bind: [y, b, a],
      params: { vectors },
      groups: grid(vectors, 64),
    });
    run();
    assertEquals([...await y.data()], first.map((value) => 2 * value));
  });
}

Deno.test("texels show a window of a tensor", async () => {
  using _ = scope();
  const x = tensor(Float32Array.from({ length: 1000 }, (_, i) => i));
  const zero = zeros([100]);
  const y = zeros([100]);
  launch(device, difference, {
    bind: [x.window(128, 100), y, zero],
    params: { vectors: 25 },
    groups: [1],
  });
  assertEquals(
    [...await y.data()],
    Array.from({ length: 100 }, (_, i) => 128 + i),
  );
});

Deno.test("mirrors are made once", async () => {
  using _ = scope();
  const a = tensor([1, 2, 3, 4]);
  const b = tensor([1, 1, 1, 1]);
  const y = zeros([4]);
  const run = () =>
    launch(device, difference, {
      bind: [a, y, b],
      params: { vectors: 1 },
      groups: [1],
    });
  run();
  const { bindGroups } = device.stream.statistics();
  for (let i = 0; i < 10; i++) run();
  assertEquals(device.stream.statistics().bindGroups, bindGroups);
  assertEquals([...await y.data()], [0, 1, 2, 3]);
});
