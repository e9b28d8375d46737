// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals } from "@std/assert";

const ROOT = new URL("../../", import.meta.url);
const PAGES = [
  "README.md",
  "ARCHITECTURE.md",
  "CHANGELOG.md",
  "bench/RESULTS.md",
];

Deno.test("pages hold no marks of a merge", async () => {
  for (const page of PAGES) {
    const text = await Deno.readTextFile(new URL(page, ROOT));
    // Formatting moves them into the middle of lines.
    assertEquals(text.match(/<{7}|={7}|>{7}/g), null, page);
  }
});

Deno.test("links between the project's pages and files lead somewhere", async () => {
  let links = 0;
  const broken: string[] = [];
  for (const page of PAGES) {
    const text = await Deno.readTextFile(new URL(page, ROOT));
    for (const [, target = ""] of text.matchAll(/\]\(([^)\s#]+)[^)]*\)/g)) {
      if (/^[a-z]+:/.test(target)) continue; // Pages of others are not asked for.
      links++;
      try {
        await Deno.stat(new URL(target, new URL(page, ROOT)));
      } catch {
        broken.push(`${page}: ${target}`);
      }
    }
  }
  assert(links > 20, `found only ${links} links`);
  assertEquals(broken, []);
});
