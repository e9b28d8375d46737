// Copyright 2026 the swagpu authors. MIT license.

import {
  assert,
  assertEquals,
  AssertionError,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { parseArgs } from "@std/cli/parse-args";

Deno.test("assert() narrows and throws AssertionError when false", () => {
  const value: string | undefined = ["text"].find(Boolean);
  assert(value);
  assertStrictEquals(value.length, 4);
  const error = assertThrows(
    () => assertEquals([1], [2]),
    AssertionError,
    "Values are not equal",
  );
  assertEquals(error.name, "AssertionError");
});

Deno.test("assertRejects() returns the reason when the class matches", async () => {
  const error = await assertRejects(
    () => Promise.reject(new RangeError("far")),
    RangeError,
    "far",
  );
  assertEquals(error.message, "far");
});

Deno.test("parseArgs() types and parses when names are declared", () => {
  const args = parseArgs(["train", "--seed", "3", "--quiet", "--file=a"], {
    boolean: ["quiet", "help"],
    string: ["seed", "out", "rate"],
    collect: ["file"],
    default: { rate: "0.5" },
  });
  const quiet: boolean = args.quiet;
  const seed: string | undefined = args.seed;
  const rate: string = args.rate;
  assertEquals({ quiet, seed, rate }, { quiet: true, seed: "3", rate: "0.5" });
  assertEquals(args.help, false);
  assertEquals(args.file, ["a"]);
  assertEquals(args._, ["train"]);
});
