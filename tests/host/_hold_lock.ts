// Copyright 2026 the swagpu authors. MIT license.

/**
 * A program for Deno and Node that takes a lock, says so, and holds it until it is
 * killed or its standard input ends.
 *
 * @module
 */

import process from "node:process";
import { disk } from "../../host/mod.ts";

const [path = "", wait] = process.argv.slice(2);
const lock = await disk(path).lock(path, { wait: wait === "wait" });
process.stdout.write(lock ? "taken\n" : "refused\n");
if (lock) {
  for await (const _ of process.stdin);
  await lock.release();
}
