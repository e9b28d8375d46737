// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals } from "@std/assert";
import { forPackage, importsOf } from "../../../tools/build/declarations.ts";

const TEXT = `import type { A } from "./a.ts";
export * from "../b/mod.ts";
import "../effect.ts";
export declare const c: import("./c.ts").C;
export declare const text = "./d.ts";
`;

Deno.test("forPackage() imports JavaScript, which stands beside the declarations", () => {
  assertEquals(
    forPackage(TEXT, false),
    `import type { A } from "./a.js";
export * from "../b/mod.js";
import "../effect.js";
export declare const c: import("./c.js").C;
export declare const text = "./d.ts";
`,
  );
});

Deno.test("forPackage() names the libraries that the types of a door need", () => {
  assertEquals(
    forPackage("export {};\n", true),
    `/// <reference lib="dom" />
/// <reference lib="es2025.float16" />
/// <reference lib="esnext.disposable" />
export {};
`,
  );
});

Deno.test("importsOf() finds the files that a declaration imports", () => {
  assertEquals(
    importsOf("nn/x.ts", TEXT),
    ["nn/a.ts", "b/mod.ts", "effect.ts", "nn/c.ts"],
  );
});
