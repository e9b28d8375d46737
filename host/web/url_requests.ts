// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// What a web server is asked for, and what its answers mean.

import { addressOf } from "./address.ts";
import { NotFound, PermissionDenied, TimedOut } from "../errors.ts";
import { Requests } from "./requests.ts";
import { nodeProcess } from "../system/runtime.ts";

/** How a server is asked. */
export interface UrlRequestOptions {
  /** Further headers of each request. */
  readonly headers: Readonly<Record<string, string>>;
  /** The milliseconds of waiting in which some bytes must arrive. */
  readonly timeout: number;
  /** Aborts all requests. */
  readonly signal: AbortSignal | undefined;
}

/** What a server says about a file. */
export interface UrlEntry {
  /** The size in bytes; `undefined` if the server does not say. */
  readonly size: number | undefined;
  /** Changes whenever the content does; `undefined` if the server does not say. */
  readonly version: string | undefined;
  /** When the content changed last; `null` if the server does not say. */
  readonly mtime: Date | null;
}

/** Bytes of a file, and what the server says about the file. */
export interface UrlBytes extends UrlEntry {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Whether these are all bytes of the file, whatever was asked for. */
  readonly isWhole: boolean;
}

/** Is told how many bytes have arrived now, and how many the file has. */
export type OnBytes = (count: number, size: number | undefined) => void;

/**
 * The ways to ask about a file. With a range, runtimes ask for content that is not
 * compressed, so that the length that is told is that of the file. Addresses that are
 * signed for reading refuse the first way, and a browser may hide what is told of the
 * file of another site in the second.
 */
const QUESTIONS = [
  { method: "HEAD", headers: { range: "bytes=0-" } },
  { method: "GET", headers: { range: "bytes=0-0" } },
  { method: "GET" },
] as const;

/** Asks what the server says about a file, without its content. */
export async function askAbout(
  path: string,
  options: UrlRequestOptions,
): Promise<UrlEntry> {
  return await again(path, options, async (requests) => {
    for (const question of QUESTIONS) {
      const isHead = question.method === "HEAD";
      const response = await request(path, question, options, requests);
      const { status } = response;
      if (isHead && [403, 405, 501].includes(status)) continue;
      if (status !== 416) refuse(path, response);
      await response.body?.cancel();
      const entry = entryOf(response);
      if (status === 416) return { ...entry, size: entry.size ?? 0 };
      const isPart = status === 206 && !isHead;
      const size = entry.size ?? (isPart ? undefined : lengthOf(response));
      // Some servers say so of every file whose content they are not asked for.
      const isEvasive = isHead && size === 0;
      if (size !== undefined && !isEvasive) return { ...entry, size };
    }
    const { bytes: _, isWhole: __, ...entry } = await fetchWhole(path, options);
    return entry;
  });
}

/** Fetches the bytes of a file from `begin` to before `end`, or all of them. */
export async function fetchRange(
  path: string,
  begin: number,
  end: number,
  options: UrlRequestOptions,
  onBytes: OnBytes = () => {},
): Promise<UrlBytes> {
  const init = { headers: { range: `bytes=${begin}-${end - 1}` } };
  return await again(path, options, async (requests) => {
    const response = await request(path, init, options, requests);
    if (response.status === 416) {
      await response.body?.cancel();
      const entry = entryOf(response);
      return { ...entry, bytes: new Uint8Array(), isWhole: entry.size === 0 };
    }
    refuse(path, response);
    if (response.status !== 206) return await readWhole(response, onBytes);
    const entry = entryOf(response);
    const range = response.headers.get("content-range");
    // Across origins, a browser may hide this header.
    const [, from = begin, to = end - 1] =
      /^bytes (\d+)-(\d+)\//.exec(range ?? "") ?? [];
    if (Number(from) !== begin || Number(to) >= end) {
      await response.body?.cancel();
      throw new Error(
        `Cannot read ${path}: the server sent ${range}, expected bytes ` +
          `${begin}-${end - 1}`,
      );
    }
    const chunks = await readBody(
      response,
      (count) => onBytes(count, entry.size),
    );
    const bytes = joined(chunks);
    const expected = Number(to) + 1 - begin;
    if (
      bytes.length === expected || range === null && bytes.length < expected
    ) {
      return { ...entry, bytes, isWhole: false };
    }
    throw new Error(
      `Cannot read ${path}: the server sent ${bytes.length} bytes from byte ` +
        `${begin} on, expected ${expected}`,
    );
  });
}

/** Fetches all bytes of a file. */
export async function fetchWhole(
  path: string,
  options: UrlRequestOptions,
  onBytes: OnBytes = () => {},
): Promise<UrlBytes> {
  return await again(path, options, async (requests) => {
    const response = await request(path, {}, options, requests);
    refuse(path, response);
    return await readWhole(response, onBytes);
  });
}

/** Fetches all bytes of a file, piece by piece as they arrive. */
export async function* streamWhole(
  path: string,
  options: UrlRequestOptions,
  onBytes: OnBytes = () => {},
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const response = await request(path, {}, options);
  refuse(path, response);
  const size = lengthOf(response);
  try {
    for await (const chunk of chunksOf(response)) {
      onBytes(chunk.length, size);
      yield chunk;
    }
  } catch (error) {
    throw explained(path, error);
  }
}

/** Makes a request, whose failure is told in words. */
async function request(
  path: string,
  init: RequestInit & { headers?: Record<string, string> },
  options: UrlRequestOptions,
  requests: Requests = new Requests(options),
): Promise<Response> {
  const headers = { ...options.headers, ...init.headers };
  const address = addressOf(path);
  try {
    return await requests.fetch(address, { ...init, headers });
  } catch (error) {
    options.signal?.throwIfAborted();
    throw explained(path, error);
  }
}

/** Runs a task again if its connection breaks. */
async function again<T>(
  path: string,
  options: UrlRequestOptions,
  task: (requests: Requests) => Promise<T>,
): Promise<T> {
  const requests = new Requests(options);
  try {
    return await requests.again(() => task(requests));
  } catch (error) {
    options.signal?.throwIfAborted();
    throw explained(path, error);
  }
}

/** An error of a request that says which file was asked for. */
function explained(path: string, error: unknown): unknown {
  const start = `Cannot read ${path}: `;
  if (!(error instanceof Error) || error.message.startsWith(start)) {
    return error;
  }
  if (error.name === "TimedOut") {
    return new TimedOut(start + error.message, { cause: error });
  }
  if (!(error instanceof TypeError)) return error;
  const { origin } = globalThis.location ?? {};
  const isForeign = !nodeProcess() && origin !== new URL(path).origin;
  const why = isForeign
    ? "; the server cannot be reached, or does not allow pages of " +
      `${origin} to read its files (CORS)`
    : "";
  // Node says only by the cause what is the matter.
  const reason = error.cause instanceof Error && error.cause.message ||
    error.message;
  return new Error(`${start}the request failed (${reason})${why}`, {
    cause: error,
  });
}

/** Throws if an answer does not bring a file. */
function refuse(path: string, response: Response): void {
  const { status, headers } = response;
  const type = headers.get("content-type") ?? "";
  const isPage = /^text\/html\b/i.test(type) &&
    !/\.html?$/i.test(new URL(addressOf(path)).pathname);
  if (response.ok && !isPage) return;
  response.body?.cancel().catch(() => {});
  const start = `Cannot read ${path}: `;
  const reason = `status ${status}`;
  if (isPage && response.ok) {
    // Servers of applications answer so where there is no file.
    throw new NotFound(
      `${start}the server answered with a page of HTML (${reason})`,
    );
  }
  if (status === 404 || status === 410) {
    throw new NotFound(`${start}there is no such file (${reason})`);
  }
  if (status === 401 || status === 403) {
    throw new PermissionDenied(
      `${start}the server does not allow it (${reason})`,
    );
  }
  throw new Error(`${start}the server answered with ${reason}`);
}

function entryOf({ headers }: Response): UrlEntry {
  const [, size] = /\/(\d+)$/.exec(headers.get("content-range") ?? "") ?? [];
  const modified = headers.get("last-modified");
  const time = Date.parse(modified ?? "");
  return {
    size: size === undefined ? undefined : Number(size),
    version: headers.get("etag")?.replace(/^W\//, "") ?? modified ?? undefined,
    mtime: Number.isNaN(time) ? null : new Date(time),
  };
}

/** The size of a whole file, if it is not compressed on the way. */
function lengthOf({ headers }: Response): number | undefined {
  const length = headers.get("content-length");
  return length === null || headers.has("content-encoding")
    ? undefined
    : Number(length);
}

async function readWhole(
  response: Response,
  onBytes: OnBytes,
): Promise<UrlBytes> {
  const size = lengthOf(response);
  const chunks = await readBody(response, (count) => onBytes(count, size));
  const bytes = joined(chunks);
  return { ...entryOf(response), bytes, size: bytes.length, isWhole: true };
}

async function readBody(
  response: Response,
  onBytes: (count: number) => void,
): Promise<Uint8Array<ArrayBuffer>[]> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  for await (const chunk of chunksOf(response)) {
    chunks.push(chunk);
    onBytes(chunk.length);
  }
  return chunks;
}

/** The pieces of a body. Not every browser can iterate over it. */
async function* chunksOf(
  { body }: Response,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const reader = body?.getReader();
  try {
    for (;;) {
      const { done, value } = await reader?.read() ?? { done: true };
      if (done || !value) return;
      yield value;
    }
  } finally {
    await reader?.cancel();
  }
}

function joined(
  chunks: readonly Uint8Array<ArrayBuffer>[],
): Uint8Array<ArrayBuffer> {
  const [only] = chunks;
  if (only && chunks.length === 1) return only;
  const size = chunks.reduce((sum, { length }) => sum + length, 0);
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
