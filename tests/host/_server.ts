// Copyright 2026 the swagpu authors. MIT license.

// A web server with files, and the ways in which servers differ and fail.

/** A server under test. */
export interface Server {
  /** The address of its root, without a slash. */
  readonly root: string;
  /** The files by their paths, which begin with a slash. */
  readonly files: Map<string, Uint8Array<ArrayBuffer>>;
  /** The requests so far: method, path with its query, and range. */
  readonly requests: string[];
  /** The validator of every file; `null` sends none. */
  etag: string | null;
  /** Whether parts of files are sent. */
  ranges: boolean;
  /** Further headers of each file. */
  headers: Record<string, string>;
  /** Whether the question without content is answered: else its status. */
  head: number;
  /** Answers in place of a file, if it returns an answer. */
  instead: (request: Request) => Response | undefined;
}

/** Calls a function with a server, and then stops the server. */
export async function withServer<T>(
  files: Readonly<Record<string, string | Uint8Array>>,
  body: (server: Server) => Promise<T>,
): Promise<T> {
  const encoder = new TextEncoder();
  const requests: string[] = [];
  const http = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) => answer(server, request),
  );
  const server: Server = {
    root: `http://127.0.0.1:${http.addr.port}`,
    files: new Map(
      Object.entries(files).map(([path, content]) => [
        path,
        typeof content === "string"
          ? encoder.encode(content)
          : new Uint8Array(content),
      ]),
    ),
    requests,
    etag: '"1"',
    ranges: true,
    headers: {},
    head: 200,
    instead: () => undefined,
  };
  try {
    return await body(server);
  } finally {
    await http.shutdown();
  }
}

function answer(server: Server, request: Request): Response {
  const { pathname, search } = new URL(request.url);
  const range = request.headers.get("range");
  server.requests.push(
    `${request.method} ${pathname}${search}${range ? ` ${range}` : ""}`,
  );
  const own = server.instead(request);
  if (own) return own;
  const bytes = server.files.get(decodeURIComponent(pathname));
  if (!bytes) return new Response("no", { status: 404 });
  const headers = new Headers(server.headers);
  if (server.etag !== null) headers.set("etag", server.etag);
  if (request.method === "HEAD") {
    if (server.head !== 200) return new Response(null, { status: server.head });
    headers.set("content-length", `${bytes.length}`);
    return new Response(null, { headers });
  }
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(range ?? "") ?? [];
  if (!server.ranges || from === undefined) {
    return new Response(bytes, { headers });
  }
  const begin = Number(from);
  const end = Math.min(Number(to) + 1, bytes.length);
  if (begin >= bytes.length) {
    headers.set("content-range", `bytes */${bytes.length}`);
    return new Response(null, { status: 416, headers });
  }
  headers.set("content-range", `bytes ${begin}-${end - 1}/${bytes.length}`);
  return new Response(bytes.slice(begin, end), { status: 206, headers });
}
