// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertRejects } from "@std/assert";
import { checkDocs } from "../../tools/check_docs.ts";
import { inFolder } from "../_folder.ts";

/** Checks some of the files that are given as text; the faults have no folder. */
async function faultsOf(
  files: Record<string, string>,
  doors: string[] = Object.keys(files),
): Promise<string[]> {
  return await inFolder(async (folder) => {
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${folder}/${name}`, text);
    }
    const faults = await checkDocs(doors.map((name) => `${folder}/${name}`));
    return faults.map((fault) => fault.replace(/^.*\//, ""));
  });
}

const EXAMPLE = `
 * @example Usage
 * \`\`\`ts
 * sum(1, 2);
 * \`\`\`
 */`;

Deno.test("checkDocs() finds nothing to say about complete documentation", async () => {
  const text = `
/** A constant. */
export const LIMIT = 1;

/** Where to begin. */
export interface Start {
  /** The first. */
  first: number;
}

/**
 * Adds numbers.
 *
 * @param first The first number.
 * @param more The other numbers.
 * @returns The sum.
 *${EXAMPLE}
export function sum(first = 0, ...more: number[]): number {
  return more.reduce((a, b) => a + b, first);
}

/**
 * Waits.
 *
 * @param seconds How long.
 *${EXAMPLE}
export async function wait(seconds: number): Promise<void> {}

/**
 * Counts.
 *${EXAMPLE}
export class Counter {
  /** @param options Where to begin. */
  constructor({ first = 0 }: Partial<Start> = {}) {}
}

/**
 * Made by the library alone.
 *${EXAMPLE}
export class Handle {
  private constructor(id: number) {}
}

function internal(x: number): number {
  return x;
}`;
  assertEquals(await faultsOf({ "a.ts": text }), []);
});

Deno.test("checkDocs() reports an export without a description", async () => {
  const text = `/** Described. */
export type A = number;
export type B = number;
export const c = 1;
export interface D {}
`;
  assertEquals(await faultsOf({ "a.ts": text }), [
    "a.ts:3: B has no description",
    "a.ts:4: c has no description",
    "a.ts:5: D has no description",
  ]);
});

Deno.test("checkDocs() reports a function without parameters, result or example", async () => {
  const text = `/** Adds. */
export function sum(a: number, { b }: { b: number }): number {
  return a + b;
}

/**
 * Adds.
 *
 * @param a
 * @returns The sum.
 *
 * @example Without code
 * sum(1, 2)
 */
export const plus = (a: number): number => a;
`;
  assertEquals(await faultsOf({ "a.ts": text }), [
    "a.ts:2: sum has no @example with code",
    "a.ts:2: sum has no @param a",
    "a.ts:2: sum has no @param for its options",
    "a.ts:2: sum has no @returns",
    "a.ts:15: plus has no @example with code",
    "a.ts:15: plus has no @param a",
  ]);
});

Deno.test("checkDocs() asks for the documentation of the first overload alone", async () => {
  const text = `/**
 * Gives what it gets.
 *
 * @param x Anything.
 * @returns The same.
 *${EXAMPLE}
export function same(x: number): number;
export function same(x: string): string;
export function same(x: unknown): unknown {
  return x;
}
`;
  assertEquals(await faultsOf({ "a.ts": text }), []);
});

Deno.test("checkDocs() reports a class without an example or parameters", async () => {
  const text = `/** Counts. */
export class Counter {
  constructor(start: number, step?: number) {}
}
`;
  assertEquals(await faultsOf({ "a.ts": text }), [
    "a.ts:2: Counter has no @example with code",
    "a.ts:3: new Counter() has no @param start",
    "a.ts:3: new Counter() has no @param step",
  ]);
});

Deno.test("checkDocs() goes through doors, and reports a name once", async () => {
  const files = {
    "a.ts": `export const a = 1;\n`,
    "b.ts": `export const b = 1;\n`,
    "all.ts": `/** All of b. */\nexport * as all from "./b.ts";\n`,
    "door.ts": `export { a as one } from "./a.ts";\n`,
    "mod.ts": `export * from "./door.ts";\nexport * from "./all.ts";\n`,
  };
  assertEquals(await faultsOf(files, ["mod.ts", "door.ts"]), [
    "a.ts:1: one has no description",
    "b.ts:1: b has no description",
  ]);
});

Deno.test("checkDocs() says which module cannot be read", async () => {
  await assertRejects(
    () => checkDocs(["nowhere.ts"]),
    Error,
    "Cannot read the documentation of nowhere.ts: ",
  );
});
