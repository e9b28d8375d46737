// Copyright 2026 the swagpu authors. MIT license.

/**
 * Tells pages of the files of a folder, as `page/served_disk.ts` asks.
 *
 * @module
 */

import { type Served, SERVED_PATH } from "./page/served_disk.ts";

/** Says what a path leads to. */
async function look(path: string): Promise<Served> {
  const info = await Deno.stat(path).catch(() => null);
  if (!info) return { kind: "nothing" };
  if (info.isFile) return { kind: "file", size: info.size };
  const entries = (await Array.fromAsync(Deno.readDir(path)))
    .map(({ name, isDirectory }) => ({ name, isDirectory }));
  return { kind: "folder", entries };
}

/**
 * Makes a function that answers what a `ServedDisk` asks of a folder. The files in it
 * must be served, too.
 */
export function answerFor(
  root: string,
): (request: Request) => Promise<Response> {
  return async (request) => {
    const { pathname, searchParams } = new URL(request.url);
    const path = searchParams.get("path");
    return pathname === SERVED_PATH && path !== null
      ? Response.json(await look(`${root}${path}`))
      : new Response(null, { status: 404 });
  };
}
