// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertNotStrictEquals } from "@std/assert";
import { type Disk, disk, mount } from "../../host/mod.ts";

Deno.test("a path belongs to the file system that is mounted nearest above it", () => {
  const system = disk("a");
  const [outer, inner, other] = [{}, {}, {}] as [Disk, Disk, Disk];
  const unmountOuter = mount("a", outer);
  const unmountInner = mount("a/b", inner);
  assertEquals(disk("a"), outer);
  assertEquals(disk("a/c"), outer);
  assertEquals(disk("a/b/c"), inner);
  assertEquals(disk("ab"), system);
  const unmountOther = mount("a/b", other);
  assertNotStrictEquals(disk("a/b"), inner);
  unmountInner(); // It was replaced, so this changes nothing.
  assertEquals(disk("a/b"), other);
  unmountOther();
  assertEquals(disk("a/b"), outer);
  unmountOuter();
  assertEquals(disk("a/b"), system);
});
