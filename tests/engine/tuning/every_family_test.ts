// Copyright 2026 the swagpu authors. MIT license.

// Every kernel family has a test that runs with each of its variants: none may be
// forgotten.

import { assertEquals } from "@std/assert";
import { familyNames } from "../../../engine/mod.ts";
import "../../../models/mod.ts"; // defines the families of generation
import "../../../swag/mod.ts";

/** A helper that loops, or the loop itself. */
const LOOP = /\b(?:eachVariant\(|of variantsOf\()\s*"(\w+)"/g;

Deno.test("every kernel family has a test that loops over its variants", async () => {
  const covered = new Set<string>();
  for await (const text of testFiles(new URL("../../", import.meta.url))) {
    for (const [, family = ""] of text.matchAll(LOOP)) {
      covered.add(family);
    }
  }
  assertEquals(familyNames().filter((family) => !covered.has(family)), []);
});

async function* testFiles(folder: URL): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory && name !== "fixtures") {
      yield* testFiles(new URL(`${name}/`, folder));
    } else if (name.endsWith("_test.ts")) {
      yield await Deno.readTextFile(new URL(name, folder));
    }
  }
}
