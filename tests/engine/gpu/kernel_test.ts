// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import {
  definedKernels,
  defineKernel,
  defineKernels,
} from "../../../engine/gpu/kernel.ts";

const X = "@group(0) @binding(0) var<storage, read> x: array<f32>;\n";
const MAIN = "@compute @workgroup_size(8) fn main() {}\n";

const define = (wgsl: string, constants = {}) =>
  defineKernel({ name: "k", wgsl, constants });

Deno.test("defineKernel() reads bindings, parameters and workgroup", () => {
  const kernel = define(`
alias T = f32; // the type of scale
/* struct Params { not: u32 } /* nested */ @compute @workgroup_size(1) fn main() */
struct Params {
  count: u32, // how many: all of them
  offset: i32, scale: T
}
@binding(3) @group(0) var<uniform> p: Params;
@group(0) @binding(2) var image: texture_2d<f32>;
@group(0) @binding(1) var<storage,read_write> y : array<vec4<f32>>;
@group(0) @binding(0)
var<storage> x: array<f32>;
var<workgroup> tile: array<f32, 64>;
struct Pair { a: f32, b: f32 }
@workgroup_size(4, 2u) @compute
fn main(@builtin(global_invocation_id) id: vec3<u32>) { y[0] = vec4<f32>(); }
`);
  assertEquals(kernel.bind, ["read", "write", "texels"]);
  assertEquals(Object.entries(kernel.params), [
    ["count", "u32"],
    ["offset", "i32"],
    ["scale", "f32"],
  ]);
  assertEquals(kernel.workgroupSize, 8);
});

Deno.test("an array of vec4 stands for one parameter per number", () => {
  const { params } = define(
    "struct Params { turns: array<vec4<u32>, 2>, sign: f32 }\n" +
      "@group(0) @binding(0) var<uniform> p: Params;\n" + MAIN,
  );
  assertEquals(Object.keys(params).slice(0, 3), ["turns0", "turns1", "turns2"]);
  assertEquals(params.turns7, "u32");
  assertEquals(params.sign, "f32");
});

Deno.test("a workgroup takes its size from constants", () => {
  const wgsl = "override WIDE: u32 = 8;\nconst HIGH = 0x4u;\n" +
    "@compute @workgroup_size(WIDE, HIGH) fn main() {}";
  assertEquals(define(wgsl).workgroupSize, 32);
  assertEquals(define(wgsl, { WIDE: 2 }).workgroupSize, 8);
});

Deno.test("defineKernel() says what does not fit", () => {
  const params = (fields: string, binding = 1) =>
    `struct Params { ${fields} }\n@group(0) @binding(${binding}) ` +
    "var<uniform> p: Params;\n";
  const y = "@group(0) @binding(1) var<storage, read_write> y: array<f32>;\n";
  const many = Array.from({ length: 65 }, (_, i) => `a${i}: u32`).join(", ");
  for (
    const [wgsl, why] of [
      [X + MAIN + X, "binding 0 is declared twice, again by x"],
      [X.replace("binding(0)", "binding(1)") + MAIN, "binding 0 is missing"],
      [X.replace("group(0)", "group(1)") + MAIN, "x is in group 1"],
      [
        X.replace("storage, read", "storage, write") + MAIN,
        "x is var<storage,",
      ],
      [X.replace("@binding(0)", "") + MAIN, "x needs numbers for both"],
      [y + params("a: u32", 0) + MAIN, "must be the last of 2"],
      [X + params("a: vec2<u32>") + MAIN, "parameter a is of vec2<u32>"],
      [X + params("a: u32, a: i32") + MAIN, "parameter a is declared twice"],
      [X + params(many) + MAIN, "there are 65 parameters"],
      [
        X + params("a: u32, b: array<vec4<u32>, 2>") + MAIN,
        "parameter b must start at a multiple of four fields",
      ],
      [X + "struct Params { a: u32 }\n" + MAIN, "must be bound as a uniform"],
      [
        X + "@group(0) @binding(1) var<uniform> p: Params;\n" + MAIN,
        "needs a struct Params",
      ],
      [
        X + "@group(0) @binding(1) var<uniform> p: u32;\n" + MAIN,
        "uniform p is of u32",
      ],
      [X, "expected one entry point, @compute fn main, and found none"],
      [MAIN.replace("main", "other"), "and found other"],
      [MAIN.replace("@workgroup_size(8)", ""), "must have a @workgroup_size"],
      [MAIN.replace("8", "2 * 4"), "@workgroup_size is 2 * 4"],
      [MAIN.replace("8", "SIZE"), "@workgroup_size depends on SIZE"],
    ] as const
  ) {
    assertThrows(() => define(wgsl), SyntaxError, why);
  }
  assertThrows(
    () => define(MAIN, { TILE: 1 }),
    SyntaxError,
    "Cannot define kernel k: it has no override constant TILE",
  );
});

Deno.test("defineKernels() makes the kernel of a form once, and lists it", () => {
  let made = 0;
  const kernelOf = defineKernels<{ size: number }>({
    name: "family",
    make: ({ size }) => {
      made++;
      return { name: `family_${size}`, wgsl: MAIN.replace("8", `${size}`) };
    },
    forms: { small: { size: 4 }, large: { size: 16 } },
  });
  assertEquals(made, 0);
  assertStrictEquals(kernelOf({ size: 4 }), kernelOf({ size: 4 }));
  const variants = definedKernels().get("family") ?? {};
  assertEquals(Object.keys(variants), ["small", "large"]);
  assertStrictEquals(variants.small?.(), kernelOf({ size: 4 }));
  assertEquals([variants.large?.().workgroupSize, made], [16, 2]);
});
