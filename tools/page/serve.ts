// Copyright 2026 the swagpu authors. MIT license.

/**
 * Serves the page on this machine.
 *
 * @module
 */

import { answerFile } from "../browser/server.ts";
import { modelFiles } from "./model_files.ts";

/** What is served. */
export interface ServeOptions {
  /** The content of each file of the page. */
  readonly files: ReadonlyMap<string, string>;
  /** The folder of a model, which is served as `model`. @default {none} */
  readonly model?: string | undefined;
  /** The port; 0 for any that is free. */
  readonly port: number;
}

/** A server that runs. */
export interface PageServer extends AsyncDisposable {
  /** The address of the page. */
  readonly url: string;
}

const TYPES: Readonly<Record<string, string>> = {
  css: "text/css; charset=utf-8",
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  svg: "image/svg+xml",
};

/**
 * Serves the page on 127.0.0.1, which only this machine reaches.
 *
 * @param options What to serve, and at which port.
 * @returns The server.
 * @throws {Error} If the port is in use, or the folder holds no model.
 */
export async function servePage(
  { files, model, port }: ServeOptions,
): Promise<PageServer> {
  const names = new Set(model === undefined ? [] : await modelFiles(model));
  const answer = async (request: Request): Promise<Response> => {
    const path = decodeURIComponent(new URL(request.url).pathname).slice(1);
    const name = path === "" ? "index.html" : path;
    const text = files.get(name);
    if (text !== undefined) {
      const type = TYPES[name.replace(/^.*\./, "")] ?? "text/plain";
      return new Response(text, {
        headers: { "content-type": type, "cache-control": "no-cache" },
      });
    }
    const own = name.replace(/^model\//, "");
    if (own === name || !names.has(own)) {
      return new Response(null, { status: 404 });
    }
    return await answerFile(`${model}/${own}`, request) ??
      new Response(null, { status: 404 });
  };
  try {
    const server = Deno.serve(
      { hostname: "127.0.0.1", port, onListen() {} },
      answer,
    );
    return {
      url: `http://127.0.0.1:${server.addr.port}/`,
      [Symbol.asyncDispose]: () => server.shutdown(),
    };
  } catch (error) {
    if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    throw new Error(
      `Cannot serve at the port ${port}: it is in use, give another by --port`,
      { cause: error },
    );
  }
}
