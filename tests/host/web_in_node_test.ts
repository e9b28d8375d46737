// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertMatch } from "@std/assert";
import * as esbuild from "esbuild";
import { fileURLToPath } from "node:url";
import { inFolder } from "../_folder.ts";
import { withServer } from "./_server.ts";

const PROGRAM = fileURLToPath(new URL("./_read_web.ts", import.meta.url));

Deno.test("Node reads files of the web in parts, or whole, and names what fails", async () => {
  await inFolder(async (folder) => {
    const program = `${folder}/read_web.mjs`;
    await esbuild.build({
      entryPoints: [PROGRAM],
      outfile: program,
      target: "node20",
      ...{ bundle: true, format: "esm", platform: "node", logLevel: "silent" },
    });
    await esbuild.stop();
    const run = async (...paths: string[]) => {
      const { stdout, stderr, code } = await new Deno.Command("node", {
        args: [program, ...paths],
      }).output();
      assertEquals(code, 0, new TextDecoder().decode(stderr));
      return new TextDecoder().decode(stdout).trim().split("\n");
    };
    const bytes = Uint8Array.from({ length: 5_000_000 }, (_, i) => i % 251);
    const sum = bytes.reduce((a, b) => a + b, 0);
    const gone = await withServer({}, ({ root }) => Promise.resolve(root));
    await withServer({ "/a.bin": bytes }, async (server) => {
      const path = `${server.root}/a.bin`;
      const [own, absent, away = ""] = await run(path, `${path}x`, gone);
      assertEquals(own, `${bytes.length} ${sum}`);
      assertEquals(
        absent,
        `NotFound: Cannot read ${path}x: there is no such file (status 404)`,
      );
      assertMatch(
        away,
        /^Error: Cannot read .*: the request failed \(.*refused/i,
      );
      const gets = server.requests.filter((text) => /^GET/.test(text));
      assertEquals(gets, [
        "GET /a.bin bytes=0-65535",
        "GET /a.bin bytes=65536-4999999",
      ]);
      server.ranges = false;
      assertEquals(await run(path), [own]);
    });
  });
});
