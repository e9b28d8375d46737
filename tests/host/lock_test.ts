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
    const second = await waiting;
    // It is another's now.
    await first?.release();
    assertEquals(names(folder), ["lock"]);
    assertEquals(await take(false), undefined);
    await second?.release();
    assertEquals(order, ["released", "taken"]);
    assertEquals(names(folder), []);
  });
});

/** Bundles the program for Node. */
async function bundle(folder: string): Promise<string> {
  const file = `${folder}/hold_lock.mjs`;
  await esbuild.build({
    entryPoints: [PROGRAM],
    outfile: file,
    ...{ bundle: true, format: "esm", platform: "node", logLevel: "silent" },
  });
  await esbuild.stop();
  return file;
}

Deno.test("processes of Deno and of Node keep each other of their kind out, also when killed", async () => {
  await inFolder(async (folder) => {
    const forNode = await bundle(folder);
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

Deno.test("Node takes a lock from an owner that has ended, and from no other", async () => {
  await inFolder(async (folder) => {
    const program = await bundle(folder);
    const path = `${folder}/lock`;
    /** What Node says of a lock that somebody has made some time ago. */
    const says = async (owner: string, seconds = 0) => {
      await Deno.writeTextFile(path, owner);
      const then = new Date(Date.now() - 1000 * seconds);
      await Deno.utime(path, then, then);
      await using tried = holder("node", [program, path]);
      return await tried.says();
    };
    /** The line that a process of Node writes, in its parts. */
    const line = async () => {
      await Deno.remove(path).catch(() => {});
      await using tried = holder("node", [program, path]);
      assertEquals(await tried.says(), "taken");
      const text = await Deno.readTextFile(path);
      await tried.ends();
      const [number = "", machine = "", start = ""] = text.trim().split(" ");
      return { number, machine, start };
    };
    const { number, machine, start } = await line();
    const own = `${Deno.pid} ${machine}`;
    const old = 200;
    // It has ended.
    assertEquals(await says(`${number} ${machine} ${start}\n`), "taken");
    // Another process has its number now, as in a container that was started again.
    if (Deno.build.os === "linux") {
      assertEquals(await says(`${own} 1\n`), "taken");
      assertEquals(await says(`${number} ${machine} 1\n`), "taken");
      // However long it has been stopped, it is alive.
      // Deno reads such files with all permissions alone.
      const { stdout } = await new Deno.Command("cat", {
        args: [`/proc/${Deno.pid}/stat`],
      }).output();
      const stat = new TextDecoder().decode(stdout);
      const began = stat.slice(stat.lastIndexOf(")")).split(" ")[20];
      assertEquals(await says(`${own} ${began}\n`, old), "refused");
    }
    // Where the start is not known, the owner must have touched the file.
    assertEquals(await says(`${own} -\n`), "refused");
    assertEquals(await says(`${own} -\n`, old), "taken");
    // Another machine's numbers say nothing.
    assertEquals(await says(`${number} other 1\n`), "refused");
    assertEquals(await says(`${number} other 1\n`, old), "taken");
    // Whoever has just made the file has not written yet.
    assertEquals(await says(""), "refused");
    assertEquals(await says("", old), "taken");
    // Deno's own line is a number.
    assertEquals(await says(String(Deno.pid), old), "refused");
    assertEquals(await says(number), "taken");
  });
});
