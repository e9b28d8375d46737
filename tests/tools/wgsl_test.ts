// Copyright 2026 the swagpu authors. MIT license.

import {
  assert,
  assertEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { definedKernels } from "../../engine/kernel_kit.ts";
import { findKernel, listKernels, textOf } from "../../tools/wgsl.ts";
import { layerNormForward } from "../../engine/kernels/layer_norm.ts";
import { adamw } from "../../nn/optim_kernels.ts";

Deno.test("findKernel() gives a kernel or a variant of a family", () => {
  assertEquals(findKernel("adamw"), adamw);
  assertEquals(
    findKernel("layer_norm", "held"),
    layerNormForward({
      variant: "workgroup",
      vectors: true,
      lanes: 64,
      held: 3,
    }),
  );
  assertEquals(findKernel("matmul", "tiled64").workgroupSize, 128);
  assertEquals(findKernel("layer_norm"), findKernel("layer_norm", "serial"));
});

Deno.test("textOf() gives the text for one model, or for several at once", () => {
  assertEquals(textOf(adamw, false), adamw.wgsl.trim());
  const several = textOf(adamw, true);
  assertStringIncludes(several, "replica_step");
  assert(!adamw.wgsl.includes("replica"));
});

Deno.test("findKernel() refuses what is not there", () => {
  assertThrows(() => findKernel("matmull"), RangeError, "Cannot print matmull");
  assertThrows(
    () => findKernel("cumsum", "tiled"),
    RangeError,
    "Cannot print cumsum tiled: expected serial, workgroup",
  );
});

Deno.test("listKernels() has a line for each kernel that the code defines", async () => {
  const lines = listKernels().split("\n");
  assert(lines.includes("adamw"));
  assert(lines.some((line) => /^gelu_backward +buffers texels$/.test(line)));
  assert(lines.some((line) => /^cumsum +serial workgroup$/.test(line)));
  const definition = // Not those of examples, whose lines begin with a star.
    /^(?!\s*\*).*\b(?:defineKernels?|rowKernels)(?:<[^()]*>)?\(\{\s*name: "(\w+)"/gm;
  for await (const path of sources()) {
    const text = await Deno.readTextFile(path);
    for (const [, name = ""] of text.matchAll(definition)) {
      assert(definedKernels().has(name), `${name} of ${path} is not listed`);
    }
  }
});

/** The files of the library that hold WGSL. */
async function* sources(): AsyncGenerator<string> {
  const root = new URL("../../", import.meta.url);
  const folders = ["engine", "nn", "swag", "models"].map((folder) =>
    new URL(`${folder}/`, root)
  );
  for (const folder of folders) {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      if (isDirectory) folders.push(new URL(`${name}/`, folder));
      else if (name.endsWith(".ts")) yield new URL(name, folder).pathname;
    }
  }
}
