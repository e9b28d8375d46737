// Copyright 2026 the swagpu authors. MIT license.

/**
 * Serves pages, files and bundled modules on this machine, to a browser under test.
 *
 * @module
 */

import { extname, resolve, sep } from "node:path";
import { bundle } from "./bundle.ts";

/** What a site consists of. Every path begins with a slash. */
export interface SiteOptions {
  /** Pages, by path: the text of their HTML. */
  pages?: Readonly<Record<string, string>>;
  /** Modules by path: the file of TypeScript or JavaScript, or several as one. */
  modules?: Readonly<Record<string, string | readonly string[]>>;
  /** Folders, by the path below which their files are; `index.html` stands for one. */
  folders?: Readonly<Record<string, string>>;
  /** What answers requests for anything else. @default {404} */
  answer?: (request: Request) => Response | Promise<Response>;
}

/** A site that is served until it is disposed of. */
export interface Site extends AsyncDisposable {
  /** The address of its root, such as `http://127.0.0.1:36123/`. */
  readonly url: string;
}

const TYPES: Readonly<Record<string, string>> = {
  ".css": "text/css",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".json": "application/json",
  ".map": "application/json",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
};

function answerWith(text: string, extension: string): Response {
  return new Response(text, {
    headers: { "content-type": TYPES[extension] ?? "text/plain" },
  });
}

/** The bytes that a request asks for, from the first to before the last. */
function rangeOf(request: Request, size: number): [number, number] | null {
  const range = /^bytes=(\d*)-(\d*)$/.exec(request.headers.get("range") ?? "");
  const [, first = "", last = ""] = range ?? [];
  if (first === "" && last === "") return null;
  if (first === "") return [Math.max(0, size - Number(last)), size];
  return [
    Number(first),
    last === "" ? size : Math.min(size, Number(last) + 1),
  ];
}

/**
 * Answers with a file or the part of it that is asked for.
 *
 * @returns The answer; `null` if there is no such file.
 */
export async function answerFile(
  path: string,
  request: Request,
): Promise<Response | null> {
  const info = await Deno.stat(path).catch(() => null);
  if (info?.isDirectory) {
    return path.endsWith("index.html")
      ? null
      : await answerFile(resolve(path, "index.html"), request);
  }
  if (!info?.isFile) return null;
  const range = rangeOf(request, info.size);
  const [start, end] = range ?? [0, info.size];
  const headers = new Headers({
    "accept-ranges": "bytes",
    "content-type": TYPES[extname(path)] ?? "application/octet-stream",
  });
  if (range && start >= end) {
    headers.set("content-range", `bytes */${info.size}`);
    return new Response(null, { status: 416, headers });
  }
  headers.set("content-length", String(end - start));
  if (range) {
    headers.set("content-range", `bytes ${start}-${end - 1}/${info.size}`);
  }
  const status = range ? 206 : 200;
  if (request.method === "HEAD") {
    return new Response(null, { status, headers });
  }
  const file = await Deno.open(path);
  await file.seek(start, Deno.SeekMode.Start);
  let left = end - start;
  const limit = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      controller.enqueue(chunk.subarray(0, left));
      left -= chunk.length;
      if (left <= 0) controller.terminate();
    },
  });
  return new Response(file.readable.pipeThrough(limit), { status, headers });
}

/** Finds the file of a path in one of the folders; `null` if it is in none. */
function fileOf(
  path: string,
  folders: Readonly<Record<string, string>>,
): string | null {
  for (const [prefix, folder] of Object.entries(folders)) {
    if (!path.startsWith(prefix)) continue;
    const root = resolve(folder);
    const file = resolve(root, `./${path.slice(prefix.length)}`);
    if (file === root || file.startsWith(`${root}${sep}`)) return file;
  }
  return null;
}

/**
 * Serves a site on 127.0.0.1, on a port that is free. Modules are bundled first.
 * Requests for a part of a file, by `Range`, get that part.
 *
 * @throws {Error} If a module cannot be bundled.
 *
 * @example A page with a module, and the files of a model
 * ```ts ignore
 * await using site = await serve({
 *   pages: { "/": '<!doctype html><script type="module" src="/main.js"></script>' },
 *   modules: { "/main.js": "examples/browser/main.ts" },
 *   folders: { "/models/": "tests/fixtures/models" },
 * });
 * ```
 */
export async function serve(options: SiteOptions): Promise<Site> {
  const { pages = {}, modules = {}, folders = {}, answer } = options;
  const scripts = new Map<string, string>();
  for (const [path, file] of Object.entries(modules)) {
    scripts.set(path, (await bundle(file)).text);
  }
  const respond = async (request: Request): Promise<Response> => {
    const path = decodeURIComponent(new URL(request.url).pathname);
    const page = pages[path];
    if (page !== undefined) return answerWith(page, ".html");
    const script = scripts.get(path);
    if (script !== undefined) return answerWith(script, ".js");
    const file = fileOf(path, folders);
    const found = file === null ? null : await answerFile(file, request);
    if (found) return found;
    // Browsers ask for it by themselves, and would report an error.
    if (path === "/favicon.ico") return new Response(null, { status: 204 });
    return await answer?.(request) ?? new Response(null, { status: 404 });
  };
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    respond,
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}/`,
    async [Symbol.asyncDispose]() {
      await server.shutdown();
    },
  };
}
