// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertThrows } from "@std/assert";
import project from "../../../deno.json" with { type: "json" };
import { makeManifest } from "../../../tools/build/manifest.ts";

Deno.test("package.json has the doors, version and dependencies of deno.json", () => {
  const manifest = makeManifest(["hyparquet", "vega"]);
  assertEquals(manifest.name, project.name);
  assertEquals(manifest.version, project.version);
  assertEquals(
    Object.keys(manifest.exports),
    [...Object.keys(project.exports), "./package.json"],
  );
  assertEquals(manifest.exports["./engine/kernels"], {
    types: "./engine/kernel_kit.d.ts",
    default: "./engine/kernel_kit.js",
  });
  assertEquals(manifest.dependencies, {
    hyparquet: project.imports.hyparquet.replace("npm:hyparquet@", ""),
    vega: project.imports.vega.replace("npm:vega@", ""),
  });
  assertEquals(manifest.bin, { swagpu: "swagpu.js" });
});

Deno.test("package.json makes webgpu optional", () => {
  const manifest = makeManifest(["webgpu"]);
  assertEquals(manifest.dependencies, {});
  assertEquals(manifest.peerDependencies, {
    webgpu: project.imports.webgpu.replace("npm:webgpu@", ""),
  });
  assertEquals(manifest.peerDependenciesMeta, { webgpu: { optional: true } });
});

Deno.test("makeManifest() refuses a package without a version", () => {
  assertThrows(
    () => makeManifest(["left-pad"]),
    RangeError,
    "Cannot find the version of left-pad: deno.json imports no npm:left-pad",
  );
});
