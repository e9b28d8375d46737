// Copyright 2026 the swagpu authors. MIT license.

import {
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { serve } from "../../tools/browser/server.ts";
import { inFolder } from "../_folder.ts";

/** Asks for a path; gives the status, the type and the text. */
async function ask(
  url: string,
  init: RequestInit = {},
): Promise<[number, string | null, string]> {
  const response = await fetch(url, init);
  const type = response.headers.get("content-type");
  return [response.status, type, await response.text()];
}

Deno.test("serve() answers with pages and files, and says what they are", async () => {
  await inFolder(async (folder) => {
    await Deno.mkdir(`${folder}/sub`);
    await Deno.writeTextFile(`${folder}/sub/index.html`, "<p>index");
    await Deno.writeTextFile(`${folder}/a b.json`, "{}");
    await Deno.writeTextFile(`${folder}/weights.bin`, "0123456789");
    await using site = await serve({
      pages: { "/": "<p>page" },
      folders: { "/files/": folder },
    });
    assertMatch(site.url, /^http:\/\/127\.0\.0\.1:\d+\/$/);
    const html = "text/html; charset=utf-8";
    const cases: [string, [number, string | null, string]][] = [
      ["", [200, html, "<p>page"]],
      ["files/sub/", [200, html, "<p>index"]],
      ["files/a%20b.json", [200, "application/json", "{}"]],
      ["files/weights.bin", [200, "application/octet-stream", "0123456789"]],
      ["files/none", [404, null, ""]],
      ["files/", [404, null, ""]],
      ["favicon.ico", [204, null, ""]],
    ];
    for (const [path, answer] of cases) {
      assertEquals(await ask(`${site.url}${path}`), answer, path);
    }
  });
});

Deno.test("serve() answers with parts of files", async () => {
  await inFolder(async (folder) => {
    const text = Array.from({ length: 50_000 }, (_, i) => i % 10).join("");
    await Deno.writeTextFile(`${folder}/digits.txt`, text);
    await using site = await serve({ folders: { "/": folder } });
    const part = async (range: string) => {
      const response = await fetch(`${site.url}digits.txt`, {
        headers: { range },
      });
      const place = response.headers.get("content-range");
      return [response.status, place, await response.text()];
    };
    assertEquals(await part("bytes=0-4"), [206, "bytes 0-4/50000", "01234"]);
    assertEquals(await part("bytes=49998-"), [
      206,
      "bytes 49998-49999/50000",
      "89",
    ]);
    assertEquals(await part("bytes=-3"), [
      206,
      "bytes 49997-49999/50000",
      "789",
    ]);
    assertEquals(await part("bytes=3-49995"), [
      206,
      "bytes 3-49995/50000",
      text.slice(3, 49_996),
    ]);
    assertEquals(await part("bytes=50000-"), [416, "bytes */50000", ""]);
    const head = await fetch(`${site.url}digits.txt`, { method: "HEAD" });
    assertEquals(head.headers.get("content-length"), "50000");
    assertEquals(head.headers.get("accept-ranges"), "bytes");
    assertEquals(await head.text(), "");
  });
});

Deno.test("serve() keeps to its folders", async () => {
  await inFolder(async (folder) => {
    await Deno.mkdir(`${folder}/site`);
    await Deno.writeTextFile(`${folder}/secret.txt`, "secret");
    await Deno.writeTextFile(`${folder}/site-2.txt`, "secret");
    await using site = await serve({ folders: { "/": `${folder}/site` } });
    for (
      const path of [
        "..%2fsecret.txt",
        "%2e%2e%2fsecret.txt",
        "..%2fsite-2.txt",
        `%2f..${encodeURIComponent(folder)}%2fsecret.txt`,
      ]
    ) {
      assertEquals(await ask(`${site.url}${path}`), [404, null, ""], path);
    }
  });
});

Deno.test("serve() bundles modules, and refuses those that it cannot bundle", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/main.ts`;
    await Deno.writeTextFile(
      `${folder}/part.ts`,
      "export const x: number = 3;",
    );
    await Deno.writeTextFile(
      path,
      `import { x } from "./part.ts"; console.log(x satisfies number);`,
    );
    {
      await using site = await serve({ modules: { "/main.js": path } });
      const [status, type, text] = await ask(`${site.url}main.js`);
      assertEquals([status, type], [200, "text/javascript"]);
      assertStringIncludes(text, "console.log(x)");
    }
    await Deno.writeTextFile(path, `import "./none.ts";`);
    await assertRejects(
      () => serve({ modules: { "/main.js": path } }),
      Error,
      'Could not resolve "./none.ts"',
    );
  });
});

Deno.test("serve() asks its function for the rest", async () => {
  await using site = await serve({
    pages: { "/": "<p>page" },
    answer: async (request) => new Response(`${await request.text()}!`),
  });
  const post = { method: "POST", body: "posted" };
  const plain = "text/plain;charset=UTF-8";
  assertEquals(await ask(`${site.url}rest`, post), [200, plain, "posted!"]);
});
