// Copyright 2026 the swagpu authors. MIT license.

/**
 * Serves the bundled test files and their fixtures to a browser, one page for each
 * file, and receives the results.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { bundle } from "./bundle.ts";
import type { Report } from "./page.ts";

const ROOT = new URL("../../", import.meta.url);
const SCRIPT = { "content-type": "text/javascript" };
const HTML = { "content-type": "text/html; charset=utf-8" };

function pageOf(files: readonly string[], index: number): string {
  const next = index + 1 < files.length ? `/page/${index + 1}` : null;
  const [file, target] = [`/${files[index]}.js`, next]
    .map((value) => JSON.stringify(value));
  return `<!doctype html><title>${files[index]}</title>
<script type="module">
import { runPage } from "/page.js";
await runPage(${file}, ${target});
</script>`;
}

/** A server on the loopback interface. */
export interface PageServer extends AsyncDisposable {
  /** The address of the first page. */
  readonly url: string;
}

/** Serves a page for each test file, and calls `onReport` with the pages' reports. */
export function servePages(
  files: readonly string[],
  onReport: (report: Report) => void,
): PageServer {
  const script = async (path: string) =>
    new Response((await bundle(fileURLToPath(new URL(path, ROOT)))).text, {
      headers: SCRIPT,
    });
  const answer = async (request: Request): Promise<Response> => {
    const path = new URL(request.url).pathname.slice(1);
    if (request.method === "POST") {
      onReport(await request.json());
      return new Response();
    }
    if (path === "page.js") return await script("tools/chromium/page.ts");
    const page = /^page\/(\d+)$/.exec(path);
    if (page) {
      return new Response(pageOf(files, Number(page[1])), { headers: HTML });
    }
    const file = path.replace(/\.js$/, "");
    if (files.includes(file)) return await script(file);
    try {
      const { readable } = await Deno.open(new URL(path, ROOT));
      return new Response(readable);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      return new Response(null, { status: 404 });
    }
  };
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) =>
      answer(request).catch((error) =>
        new Response(`throw new Error(${JSON.stringify(String(error))});`, {
          headers: SCRIPT,
        })
      ),
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}/page/0`,
    async [Symbol.asyncDispose]() {
      await server.shutdown();
    },
  };
}
