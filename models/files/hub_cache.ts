// Copyright 2026 the swagpu authors. MIT license.
// Downloads into the cache of Python's huggingface_hub:
// models--owner--name/{refs/<revision>, blobs/<hash>, snapshots/<commit>/<file>}.
// The hub package's own cache function writes to the console and asks for each
// file twice, so that only its requests are used here.

import { writeAtomically, writeTextAtomically } from "../../nn/disk.ts";

/** A repository of the hub, and where it is kept. */
export interface Repository {
  id: string;
  revision: string;
  cache: string;
  endpoint: string;
  token: string | undefined;
}

/** The files to take of a listing. */
export interface Selection {
  files: readonly string[];
  missing: readonly string[];
}

interface RemoteFile {
  path: string;
  size: number;
  oid?: string | undefined;
  lfs?: { oid: string; size: number } | undefined;
}

const COMMIT = /^[0-9a-f]{40}$/;
const HASH = /^[0-9a-f]{40,64}$/;

function storage({ cache, id }: Repository): string {
  return `${cache}/models--${id.replace("/", "--")}`;
}

/** The folder of the snapshot that the cache knows, or `null`. */
export async function snapshotInCache(
  repository: Repository,
): Promise<string | null> {
  const { revision } = repository;
  const root = storage(repository);
  try {
    const commit = COMMIT.test(revision)
      ? revision
      : (await Deno.readTextFile(`${root}/refs/${revision}`)).trim();
    const folder = `${root}/snapshots/${commit}`;
    return COMMIT.test(commit) && (await Deno.stat(folder)).isDirectory
      ? folder
      : null;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/** Brings the files that `select` takes of a listing into the cache. */
export async function downloadSnapshot(
  repository: Repository,
  select: (listing: readonly string[]) => Selection,
): Promise<Selection & { folder: string }> {
  const hub = await import("@huggingface/hub");
  const { id, revision, endpoint, token } = repository;
  const request = {
    hubUrl: endpoint,
    ...(token !== undefined && { accessToken: token }),
  };
  const { sha, filePaths: listing } = await hub.modelInfo({
    ...request,
    name: id,
    revision,
    additionalFields: ["sha", "filePaths"],
  });
  if (!COMMIT.test(sha)) {
    throw new SyntaxError(
      `Cannot download ${id}: the hub names the commit ${JSON.stringify(sha)}`,
    );
  }
  const { files, missing } = select(listing);
  const root = storage(repository);
  const folder = `${root}/snapshots/${sha}`;
  const absent = await filter(
    files,
    async (name) => !(await exists(`${folder}/${name}`)),
  );
  const remote: RemoteFile[] = absent.length === 0 ? [] : await hub.pathsInfo({
    ...request,
    repo: id,
    revision: sha,
    paths: absent,
  });
  for (const name of absent) {
    const file = remote.find(({ path }) => path === name);
    const hash = file?.lfs?.oid ?? file?.oid ?? "";
    if (file === undefined || !HASH.test(hash)) {
      throw new SyntaxError(
        `Cannot download ${name} of ${id}: the hub does not describe it`,
      );
    }
    const blob = `${root}/blobs/${hash}`;
    if (!await exists(blob)) {
      await Deno.mkdir(`${root}/blobs`, { recursive: true });
      const content = await hub.downloadFile({
        ...request,
        repo: id,
        revision: sha,
        path: name,
      });
      if (content === null) {
        throw new Deno.errors.NotFound(
          `Cannot download ${name} of ${id}: the hub lists it, but lacks it`,
        );
      }
      await writeAtomically(blob, verified(content.stream(), file, id));
    }
    await link(blob, folder, name);
  }
  if (revision !== sha) {
    const reference = `${root}/refs/${revision}`;
    await Deno.mkdir(parent(reference), { recursive: true });
    await writeTextAtomically(reference, sha);
  }
  return { folder, files, missing };
}

/** Passes chunks on, and throws at the end if they are not the file's. */
async function* verified(
  chunks: ReadableStream<Uint8Array>,
  file: RemoteFile,
  id: string,
): AsyncGenerator<Uint8Array> {
  // Imported here, as a browser has no such module, and keeps no cache either.
  const { createHash } = await import("node:crypto");
  const digest = createHash("sha256");
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.byteLength;
    digest.update(chunk);
    yield chunk;
  }
  const expected = file.lfs?.size ?? file.size;
  if (size !== expected) {
    throw new Error(
      `Cannot download ${file.path} of ${id}: ${size} bytes came, expected ${expected}`,
    );
  }
  if (file.lfs !== undefined && digest.digest("hex") !== file.lfs.oid) {
    throw new Error(
      `Cannot download ${file.path} of ${id}: what came has another checksum`,
    );
  }
}

/** Lets a snapshot's file point to its blob, relative as the cache may move. */
async function link(
  blob: string,
  folder: string,
  name: string,
): Promise<void> {
  const path = `${folder}/${name}`;
  await Deno.mkdir(parent(path), { recursive: true });
  const up = "../".repeat(name.split("/").length + 1);
  try {
    await Deno.symlink(`${up}blobs/${blob.split("/").at(-1)}`, path);
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return;
    // Windows forbids links to ordinary users.
    await Deno.copyFile(blob, path);
  }
}

function parent(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch {
    return false;
  }
}

async function filter<T>(
  items: readonly T[],
  keep: (item: T) => Promise<boolean>,
): Promise<T[]> {
  const result: T[] = [];
  for (const item of items) if (await keep(item)) result.push(item);
  return result;
}

function statusOf(error: unknown): number | null {
  return error instanceof Error && "statusCode" in error &&
      typeof error.statusCode === "number"
    ? error.statusCode
    : null;
}

/** Whether an error means that the hub does not answer now. */
export function isUnreachable(error: unknown): boolean {
  const status = statusOf(error);
  if (status !== null) return status >= 500 || status === 429;
  // What fetch throws where there is no connection.
  return error instanceof TypeError &&
    /fetch failed|sending request|network|connect/i.test(error.message);
}

/** Says what the hub's refusal of a repository means. */
export function hubError(where: string, error: unknown): unknown {
  const status = statusOf(error);
  // A stream that the hub package aborts throws its reason as a text.
  if (typeof error === "string") {
    return new Error(`Cannot download ${where}: ${error}`);
  }
  if (status === null) return error;
  if (status === 401 || status === 403) {
    return new Deno.errors.PermissionDenied(
      `Cannot download ${where}: it does not exist, or is private or gated ` +
        `(status ${status}): pass a token that has access`,
      { cause: error },
    );
  }
  const reason = error instanceof Error ? error.message : String(error);
  return status === 404
    ? new Deno.errors.NotFound(
      `Cannot download ${where}: there is no such repository or revision`,
      { cause: error },
    )
    : new Error(`Cannot download ${where}: ${reason}`, { cause: error });
}
