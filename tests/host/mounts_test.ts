// Copyright 2026 the swagpu authors. MIT license.

import {
  assertEquals,
  assertNotStrictEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
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

Deno.test("what is no file system is not mounted, a forgotten await first of all", () => {
  const system = disk("b");
  for (
    const [given, text] of [
      [
        Promise.resolve({}),
        "Cannot mount a promise at b: expected a file system",
      ],
      [undefined, "Cannot mount undefined at b"],
      [() => null, "Cannot mount null at b"],
    ] as const
  ) {
    assertThrows(() => mount("b", given as unknown as Disk), TypeError, text);
    assertStrictEquals(disk("b"), system);
  }
});
