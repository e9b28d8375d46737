// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { makeKernel } from "../../../engine/gpu/kernel.ts";
import {
  type ReplicatedForm,
  replicatedKernel,
} from "../../../engine/gpu/replicated_text.ts";
import { definedKernels, type Kernel } from "../../../engine/kernel_kit.ts";
import "../../../models/mod.ts";
import "../../../swag/mod.ts";
import { gpuTest } from "../../_check.ts";

/** The forms that a kernel may be asked for. */
function formsOf({ bind, params }: Kernel): ReplicatedForm[] {
  const words = "key0" in params ? [["key0", 0], ["key1", 1]] as const : [];
  const written = bind.flatMap((access, i) => access === "write" ? [i] : []);
  const form = (merged: number[]) => ({ merged, words, width: 2 });
  return written.length > 1 ? [form([]), form(written.slice(-2))] : [form([])];
}

gpuTest(
  "the text of every kernel for replicas is valid",
  async ({ gpu }) => {
    const refused: string[] = [];
    const without = new Set<string>();
    for (const [name, variants] of definedKernels()) {
      for (const [variant, make] of Object.entries(variants)) {
        const kernel = make();
        for (const form of formsOf(kernel)) {
          const replicated = replicatedKernel(kernel, form)?.kernel;
          if (!replicated) {
            if (form.merged.length === 0) without.add(name);
            continue;
          }
          gpu.pushErrorScope("validation");
          gpu.createShaderModule({ code: replicated.wgsl });
          const error = await gpu.popErrorScope();
          if (error) refused.push(`${name} ${variant}: ${error.message}`);
        }
      }
    }
    assertEquals(refused, []);
    assertEquals([...without], [], "kernels that run one replica at a time");
  },
);

const P = `
struct Params { count: u32, key0: u32 }
@group(0) @binding(2) var<uniform> p: Params;`;
const READ = `@group(0) @binding(0) var<storage, read> x: array<f32>;`;
const WRITE =
  `@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;`;

/** The text for replicas of a kernel of x and y. */
function rewritten(body: string, form: Partial<ReplicatedForm> = {}) {
  const wgsl = `${READ}${WRITE}${P}${body}`;
  const all = { merged: [], words: [], width: 0, ...form };
  return replicatedKernel(makeKernel({ name: "text", wgsl }), all)?.kernel.wgsl;
}

const main = (body: string) =>
  `@compute @workgroup_size(8)
fn main(@builtin(global_invocation_id) id: vec3<u32>) { ${body} }`;

Deno.test("an access begins at the elements of the replica", () => {
  const text = rewritten(main("y[id.x] = vec4<f32>(x[u32(x[id.x])]);"));
  assertStringIncludes(
    text ?? "",
    "y[replica * p.replica_step1 + (id.x)] = " +
      "vec4<f32>(x[replica * p.replica_step0 + (u32(x[replica * p.replica_step0 + (id.x)]))]);",
  );
});

Deno.test("a local of a buffer's name is left alone, where it hides the buffer", () => {
  const text = rewritten(`
fn first(x: vec4<f32>) -> f32 { return x[0]; }
${
    main(`
  for (var x = vec4<f32>(); x[0] < 1.0; x[0] += 1.0) { y[0] = x; }
  if (id.x == 0u) { let x = vec4<f32>(x[1]); y[1] = vec4<f32>(x[2]); }
  y[2] = vec4<f32>(x[3]);`)
  }`);
  for (
    const part of [
      "{ return x[0]; }",
      "x[0] < 1.0; x[0] += 1.0",
      "let x = vec4<f32>(x[replica * p.replica_step0 + (1)]);",
      "vec4<f32>(x[2]);",
      "vec4<f32>(x[replica * p.replica_step0 + (3)]);",
      "fn first(replica: u32, x: vec4<f32>)",
    ]
  ) assertStringIncludes(text ?? "", part);
});

Deno.test("a parameter that differs is read from the table of the replicas", () => {
  const text = rewritten(main("y[0] = vec4<f32>(f32(p.key0 + p.count));"), {
    words: [["key0", 1]],
    width: 2,
  });
  assertStringIncludes(
    text ?? "",
    "f32(replica_words[(p.replica_first + replica) * 2u + 1u] + p.count)",
  );
});

Deno.test("vectors of a merged buffer are read and written by functions", () => {
  const wgsl = `
@group(0) @binding(0) var<storage, read_write> x: array<f32>;
${WRITE}${P}${main("y[id.x] = y[id.x + 1u] * x[id.x];")}`;
  const form = { merged: [0, 1], words: [], width: 0 };
  const kernel = replicatedKernel(makeKernel({ name: "text", wgsl }), form);
  assertStringIncludes(
    kernel?.kernel.wgsl ?? "",
    "y_replica_store(replica, id.x,  y_replica_load(replica, id.x + 1u) * " +
      "replica_merged[p.replica_from0 + replica * p.replica_step0 + (id.x)]);",
  );
  assertEquals(kernel?.kernel.bind, ["write"]);
  assertEquals(kernel?.units, [4, 4]);
});

Deno.test("a kernel that does more than index its buffers has no such form", () => {
  const bodies = {
    length: main("y[0] = vec4<f32>(f32(arrayLength(&x)));"),
    pointer: main("let q = &x; y[0] = vec4<f32>((*q)[0]);"),
    depth: main("y[0] = vec4<f32>(x[0]);").replace("(8)", "(4, 1, 2)"),
  };
  for (const [name, body] of Object.entries(bodies)) {
    assertEquals(rewritten(body), undefined, name);
  }
});

Deno.test("a vector of a merged buffer that is changed in place has no such form", () => {
  const form = { merged: [1], words: [], width: 0 };
  assertEquals(rewritten(main("y[0] += vec4<f32>(x[0]);"), form), undefined);
  assertEquals(rewritten(main("y[0].x = x[0];"), form), undefined);
});
