// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals } from "@std/assert";

const ROOT = new URL("../../", import.meta.url);

async function importsOf(name: string): Promise<Record<string, string>> {
  return JSON.parse(await Deno.readTextFile(new URL(name, ROOT))).imports;
}

/** The packages that the modules of the command line import. */
async function packages(): Promise<string[]> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", "cli.ts"],
    cwd: ROOT.pathname,
  }).output();
  const { modules } = JSON.parse(new TextDecoder().decode(stdout)) as {
    modules: { dependencies?: { specifier: string }[] }[];
  };
  const specifiers = modules.flatMap(({ dependencies }) =>
    (dependencies ?? []).map(({ specifier }) => specifier)
  );
  const bare = specifiers.filter((name) => !/^(\.|node:|\w+:\/\/)/.test(name));
  return [...new Set(bare.map((name) => name.replace(/(\/[^/]*)\/.*/, "$1")))];
}

Deno.test("install.json names the packages of the command line, as deno.json does", async () => {
  const own = await importsOf("tools/install.json");
  const all = await importsOf("deno.json");
  for (const [name, where] of Object.entries(own)) {
    assertEquals(where, all[name]);
  }
  const needed = (await packages())
    .map((name) =>
      Object.keys(own)
        .find((own) => name === own || name.startsWith(`${own}/`)) ?? name
    );
  assertEquals([...new Set(needed)].sort(), Object.keys(own).sort());
});
