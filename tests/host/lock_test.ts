// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals } from "@std/assert";
import * as esbuild from "esbuild";
import { fileURLToPath } from "node:url";
import { disk } from "../../host/mod.ts";
import { inFolder, names } from "../_folder.ts";

const PROGRAM = fileURLToPath(new URL("_hold_lock.ts", import.meta.url));

/** Starts a program that takes a lock. */
function holder(command: string, args: readonly string[]) {
  const child = new Deno.Command(command, {
    args: [...args],
    ...{ stdin: "piped", stdout: "piped", stderr: "inherit" },
  }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  return {
    /** What it says about the lock. */
    says: async () => (await lines.read()).value?.trim(),
    /** Lets it release the lock and end. */
    async ends() {
      await child.stdin.close();
      await lines.cancel();
      await child.status;
    },
    async [Symbol.asyncDispose]() {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended.
      }
      await child.stdin.close().catch(() => {});
      await lines.cancel().catch(() => {});
      await child.status;
    },
  };
}

Deno.test("a lock is held by one, and whoever waits gets it next", async () => {
  const host = disk(".");
  await inFolder(async (folder) => {
    const path = `${folder}/lock`;
    const take = (wait: boolean) => host.lock(path, { wait });
    const first = await take(false);
    assertEquals(first?.isEnforced, true);
    assertEquals(await take(false), undefined);
    const order: string[] = [];
    const waiting = take(true).then((lock) => {
      order.push("taken");
      return lock;
    });
    await new Promise((resolve) => setTimeout(resolve, 100));
    order.push("released");
    await first?.release();
    await (await waiting)?.release();
    assertEquals(order, ["released", "taken"]);
    assertEquals(names(folder), []);
  });
});

Deno.test("processes of Deno and of Node keep each other of their kind out, also when killed", async () => {
  await inFolder(async (folder) => {
    const forNode = `${folder}/hold_lock.mjs`;
    await esbuild.build({
      entryPoints: [PROGRAM],
      outfile: forNode,
      ...{ bundle: true, format: "esm", platform: "node", logLevel: "silent" },
    });
    await esbuild.stop();
    const kinds: readonly (readonly [string, readonly string[]])[] = [
      [Deno.execPath(), ["run", "-A", "--quiet", PROGRAM]],
      ["node", [forNode]],
    ];
    for (const [command, args] of kinds) {
      const path = `${folder}/lock`;
      const start = (wait: "wait" | "" = "") =>
        holder(command, [...args, path, wait]);
      {
        await using first = start();
        assertEquals(await first.says(), "taken");
        await using second = start();
        assertEquals(await second.says(), "refused");
        await using third = start("wait");
        const said = third.says();
        await first.ends();
        assertEquals(await said, "taken");
      } // The third is killed, and leaves its file.
      assertEquals(names(folder), ["hold_lock.mjs", "lock"]);
      await using next = start();
      assertEquals(await next.says(), "taken");
      await next.ends();
      assertEquals(names(folder), ["hold_lock.mjs"]);
    }
    // Node waits for Deno.
    const [[deno, withDeno] = ["", []], [node, withNode] = ["", []]] = kinds;
    await using held = holder(deno, [...withDeno, `${folder}/lock`]);
    assertEquals(await held.says(), "taken");
    await using refused = holder(node, [...withNode, `${folder}/lock`]);
    assertEquals(await refused.says(), "refused");
  });
});
