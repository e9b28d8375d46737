// Copyright 2026 the swagpu authors. MIT license.

// An imitated hub for tests of downloads.

import { createHash } from "node:crypto";
import {
  resolveFiles,
  type ResolveOptions,
} from "../../../models/files/hub.ts";
import type { ResolvedFiles } from "../../../models/files/model_folder.ts";

/** The commit of every revision. */
export const COMMIT = "0123456789abcdef0123456789abcdef01234567";
/** The content of the weights. */
export const WEIGHTS = "not really weights".repeat(100);

/**
 * The files of the imitated hub: small ones, and one that is stored like large
 * files.
 */
export const FILES: Record<string, string> = {
  "config.json": '{"model_type": "bert"}',
  "vocab.txt": "[PAD]\n",
  "README.md": "# read me",
  "onnx/model.onnx": "another format",
  "pytorch_model.bin": "an old format",
  "model.safetensors": WEIGHTS,
};

/** An imitated hub, with the ways in which it can fail. */
export interface Hub {
  /** The content of its files. */
  files: Record<string, string | Uint8Array<ArrayBuffer>>;
  endpoint: string;
  requests: string[];
  /** The content that is sent as the weights, if `files` are left as they are. */
  weights: string;
  /** The status of every answer, if it is not `null`. */
  status: number | null;
  listing: string[];
  /** Whether small files have the hash of Git, as on the real hub. */
  git?: boolean;
  /** The file that is sent with a changed letter. */
  corrupt?: string;
  /** The part of an answer that never ends. */
  stall?: "answer" | "body" | "weights" | "drip" | null;
  /** The number of requests that are answered by "busy". */
  busy?: number;
  /** The body of the answer to the first request. */
  body?: string;
}

/** A body that begins, and then sends nothing, or a byte now and then. */
export function endless(every?: number): Response {
  let timer: ReturnType<typeof setInterval> | undefined;
  return new Response(
    new ReadableStream({
      start(controller) {
        controller.enqueue(new Uint8Array([0x7b]));
        if (every === undefined) return;
        timer = setInterval(
          () => controller.enqueue(new Uint8Array([0x20])),
          every,
        );
      },
      cancel: () => clearInterval(timer),
    }),
  );
}

/** The hash of a text in hexadecimal digits. */
export function hashOf(
  kind: "sha1" | "sha256",
  text: string | Uint8Array,
): string {
  return createHash(kind).update(text).digest("hex");
}

/** The description of a file as the hub gives it. */
function describe(hub: Hub, path: string): Record<string, unknown> {
  const text = hub.files[path] ?? "";
  const file = {
    type: "file",
    path,
    size: text.length,
    oid: hub.git
      ? hashOf("sha1", `blob ${text.length}\0${text}`)
      : hashOf("sha1", text),
  };
  if (!path.endsWith(".safetensors")) return file;
  const lfs = {
    oid: hashOf("sha256", text),
    size: text.length,
    pointerSize: 9,
  };
  return { ...file, lfs };
}

/** Answers the requests of a download. */
async function answer(request: Request, hub: Hub): Promise<Response> {
  const { pathname } = new URL(request.url);
  hub.requests.push(`${request.method} ${pathname}`);
  const token = request.headers.get("authorization");
  if (hub.busy) {
    hub.busy--;
    return new Response("", { status: 503, headers: { "retry-after": "0" } });
  }
  if (hub.stall === "answer") {
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  if (hub.stall === "body") return endless();
  if (hub.stall === "drip") return endless(10);
  if (hub.status !== null) return new Response("no", { status: hub.status });
  if (pathname.startsWith("/api/models/owner/gated/")) {
    if (token !== "Bearer hf_secret") {
      return Response.json({ error: "Access is restricted" }, { status: 401 });
    }
  } else if (!pathname.includes("owner/tiny/")) {
    return Response.json({ error: "Repository not found" }, { status: 404 });
  }
  const revision = /\/(?:revision|resolve|paths-info)\/([^/]+)/
    .exec(pathname)?.[1] ?? "";
  if (!["main", "v1", COMMIT].includes(decodeURIComponent(revision))) {
    return Response.json({ error: "Invalid rev id" }, { status: 404 });
  }
  if (pathname.includes("/revision/")) {
    if (hub.body !== undefined) return new Response(hub.body);
    return Response.json({
      _id: "1",
      id: "owner/tiny",
      sha: COMMIT,
      lastModified: "2026-01-01T00:00:00.000Z",
      siblings: hub.listing.map((rfilename) => ({ rfilename })),
    });
  }
  if (pathname.includes("/paths-info/")) {
    const { paths }: { paths: string[] } = await request.json();
    return Response.json(paths.map((path) => describe(hub, path)));
  }
  const path = pathname.split(`/resolve/${revision}/`)[1] ?? "";
  const text = path === "model.safetensors" && hub.files === FILES
    ? hub.weights
    : hub.files[path] ?? "";
  const ranged = request.headers.get("range") === "bytes=0-0";
  if (hub.stall === "weights" && !ranged) return endless();
  if (hub.corrupt === path && typeof text === "string" && !ranged) {
    return new Response(text.replace("b", "c"));
  }
  const etag = `"${hashOf("sha1", text)}"`;
  if (request.headers.get("range") !== "bytes=0-0") return new Response(text);
  return new Response(text.slice(0, 1), {
    status: 206,
    headers: { etag, "content-range": `bytes 0-0/${text.length}` },
  });
}

/** Runs a test with an imitated hub and an empty cache. */
export async function withHub(
  body: (
    hub: Hub,
    resolve: (id: string, options?: ResolveOptions) => Promise<ResolvedFiles>,
    cache: string,
  ) => Promise<void>,
): Promise<void> {
  const cacheFolder = await Deno.makeTempDir();
  const hub: Hub = {
    files: FILES,
    endpoint: "",
    requests: [],
    weights: WEIGHTS,
    status: null,
    listing: Object.keys(FILES),
  };
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => answer(request, hub),
  );
  hub.endpoint = `http://127.0.0.1:${server.addr.port}`;
  try {
    await body(hub, (id, options = {}) =>
      resolveFiles(id, {
        endpoint: `${hub.endpoint}/`,
        cacheFolder,
        offline: false,
        ...options,
      }), cacheFolder);
  } finally {
    await Deno.remove(cacheFolder, { recursive: true });
  }
}

/** Every file below a folder. */
export function tree(folder: string, prefix = ""): string[] {
  return [...Deno.readDirSync(`${folder}/${prefix}`)].flatMap((entry) =>
    entry.isDirectory
      ? tree(folder, `${prefix}${entry.name}/`)
      : [`${prefix}${entry.name}`]
  ).sort();
}
