// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertRejects } from "@std/assert";
import { Lane } from "../../../examples/browser/worker/lane.ts";

/** A task that notes when it begins and ends. */
function noting(notes: string[], name: string): () => Promise<string> {
  return async () => {
    notes.push(`${name} begins`);
    await new Promise((done) => setTimeout(done));
    notes.push(`${name} ends`);
    return name;
  };
}

Deno.test("Lane runs one task after the other, the short ones before the long ones", async () => {
  const notes: string[] = [];
  const lane = new Lane();
  const results = await Promise.all([
    lane.run(noting(notes, "first")),
    lane.runLong(noting(notes, "long")),
    lane.run(noting(notes, "second")),
  ]);
  assertEquals(results, ["first", "long", "second"]);
  assertEquals(notes, [
    "first begins",
    "first ends",
    "second begins",
    "second ends",
    "long begins",
    "long ends",
  ]);
});

Deno.test("Lane.pass() lets short tasks pass a long one, but no other long one", async () => {
  const notes: string[] = [];
  const lane = new Lane();
  const waiting: Promise<unknown>[] = [];
  await lane.runLong(async () => {
    notes.push("long begins");
    waiting.push(
      lane.run(noting(notes, "short")),
      lane.runLong(noting(notes, "other")),
    );
    await lane.pass();
    notes.push("long ends");
  });
  await Promise.all(waiting);
  assertEquals(notes, [
    "long begins",
    "short begins",
    "short ends",
    "long ends",
    "other begins",
    "other ends",
  ]);
});

Deno.test("Lane goes on after a task that fails", async () => {
  const lane = new Lane();
  const failing = lane.run(() => Promise.reject(new Error("no")));
  const next = lane.run(() => Promise.resolve(2));
  await assertRejects(() => failing, Error, "no");
  assertEquals(await next, 2);
});
