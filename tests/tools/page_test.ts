// Copyright 2026 the swagpu authors. MIT license.

import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { buildPage } from "../../tools/page/build.ts";
import { modelFiles } from "../../tools/page/model_files.ts";
import { servePage } from "../../tools/page/serve.ts";
import { writePage } from "../../tools/page/write.ts";
import { LIGHT } from "../../report/mod.ts";
import { inFolder, names } from "../_folder.ts";

Deno.test("buildPage() makes files that load nothing from elsewhere", async () => {
  const files = await buildPage({ model: ["config.json", "a&b.json"] });
  assertEquals([...files.keys()].sort(), [
    "icon.svg",
    "index.html",
    "page.css",
    "page.js",
    "worker.js",
  ]);
  const page = files.get("index.html") ?? "";
  assertStringIncludes(
    page,
    'data-files="[&quot;config.json&quot;,&quot;a&amp;b.json&quot;]"',
  );
  for (const [, address = ""] of page.matchAll(/(?:href|src)="([^"]*)"/g)) {
    assert(address.startsWith("#") || files.has(address), address);
  }
  const style = files.get("page.css") ?? "";
  assertStringIncludes(style, `--first:${LIGHT.first}`);
  assert(!/url\(|@import/.test(style));
  for (const name of ["page.js", "worker.js"]) {
    assert(!/^import\b|[;}]import\b(?!\()/.test(files.get(name) ?? ""), name);
  }
});

Deno.test("writePage() writes a page with its model, and again, but not among other files", async () => {
  const files = new Map([["index.html", "<p>"]]);
  await inFolder(async (folder) => {
    const [model, output] = [`${folder}/model`, `${folder}/page`];
    await Deno.mkdir(model);
    await Deno.writeTextFile(`${model}/config.json`, "{}");
    for (let i = 0; i < 2; i++) {
      await writePage(output, { files, model });
      assertEquals(names(output), ["index.html", "model"]);
      assertEquals(names(`${output}/model`), ["config.json"]);
    }
    // The hub's cache has links to files; a link to nothing is none.
    const snapshot = `${folder}/snapshot`;
    await Deno.mkdir(snapshot);
    await Deno.symlink(`${model}/config.json`, `${snapshot}/config.json`);
    await Deno.symlink(`${model}/none`, `${snapshot}/model.safetensors`);
    await Deno.symlink(model, `${snapshot}/folder`);
    assertEquals(await modelFiles(snapshot), ["config.json"]);
    await writePage(`${folder}/linked`, { files, model: snapshot });
    assertEquals(
      await Deno.readTextFile(`${folder}/linked/model/config.json`),
      "{}",
    );
    await Deno.writeTextFile(`${output}/thesis.txt`, "");
    await assertRejects(
      () => writePage(output, { files }),
      Error,
      "it holds thesis.txt, which is not part of the page",
    );
    await assertRejects(
      () => modelFiles(`${folder}/none`),
      Error,
      "it is no folder",
    );
    await assertRejects(
      () => modelFiles(output),
      Error,
      "it has no config.json",
    );
  });
});

Deno.test("servePage() serves the page and the files of the model, parts of them too, and nothing else", async () => {
  await inFolder(async (model) => {
    await Deno.writeTextFile(`${model}/config.json`, "0123456789");
    await Deno.mkdir(`${model}/secret`);
    await Deno.writeTextFile(`${model}/secret/key`, "");
    const files = new Map([["index.html", "<p>"]]);
    await using server = await servePage({ files, model, port: 0 });
    const get = async (path: string, headers: HeadersInit = {}) => {
      const response = await fetch(server.url + path, { headers });
      return [
        response.status,
        response.headers.get("content-type"),
        await response.text(),
      ];
    };
    assertEquals(await get(""), [200, "text/html; charset=utf-8", "<p>"]);
    const [status, type, text] = await get("model/config.json", {
      range: "bytes=2-4",
    });
    assertEquals([status, type, text], [206, "application/json", "234"]);
    for (
      const path of ["no.html", "model/secret/key", "model/%2e%2e/a", "model/"]
    ) {
      assertEquals((await get(path))[0], 404, path);
    }
    const { port } = new URL(server.url);
    const error = await assertRejects(
      () => servePage({ files, port: Number(port) }),
      Error,
    );
    assertMatch(error.message, /^Cannot serve at the port \d+: it is in use/);
  });
});
