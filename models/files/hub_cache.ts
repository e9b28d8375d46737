// Copyright 2026 the swagpu authors. MIT license.

// Downloads files into the cache of Python's huggingface_hub, whose layout is
// models--owner--name/{refs/<revision>, blobs/<hash>, snapshots/<commit>/<file>}.
// The hub package's own cache function writes to the console and requests each
// file twice, so only the package's requests are used here.

import { needModule, Requests } from "../../host/inside.ts";
import { AlreadyExists, disk, NotFound, readText } from "../../host/mod.ts";
import {
  diskError,
  exists,
  writeAtomically,
  writeTextAtomically,
} from "../../nn/formats/mod.ts";
import { statusOf } from "./hub_errors.ts";

/** A repository of the hub, and the cache that holds it. */
export interface Repository {
  id: string;
  revision: string;
  cache: string;
  endpoint: string;
  token: string | undefined;
  /** The milliseconds of waiting for the hub after which a request ends. */
  timeout: number;
  signal: AbortSignal | undefined;
}

/** The files of a listing that are taken, and the optional ones that it lacks. */
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
const HASH = /^[0-9a-f]{40}(?:[0-9a-f]{24})?$/;
const SHA1_DIGITS = 40;
/** The milliseconds without a byte after which a download has been abandoned. */
const DEAD_AFTER = 3_600_000;

function storage({ cache, id }: Repository): string {
  return `${cache}/models--${id.replace("/", "--")}`;
}

/** Finds the folder of a snapshot in the cache; `null` if there is none. */
export async function snapshotInCache(
  repository: Repository,
): Promise<string | null> {
  const { revision } = repository;
  const root = storage(repository);
  try {
    const commit = COMMIT.test(revision)
      ? revision
      : (await readText(`${root}/refs/${revision}`)).trim();
    const folder = `${root}/snapshots/${commit}`;
    return COMMIT.test(commit) && (await disk(folder).stat(folder)).isDirectory
      ? folder
      : null;
  } catch (error) {
    if (error instanceof NotFound) return null;
    throw error;
  }
}

/** Downloads the files that `select` takes of a listing into the cache. */
export async function downloadSnapshot(
  repository: Repository,
  select: (listing: readonly string[]) => Selection,
): Promise<Selection & { folder: string }> {
  const hub = await import("@huggingface/hub");
  const { id, revision, endpoint, token } = repository;
  const requests = new Requests(repository);
  const request = {
    hubUrl: endpoint,
    fetch: requests.fetch,
    ...(token !== undefined && { accessToken: token }),
  };
  const { sha, filePaths: listing } = await understood<
    { sha: string; filePaths: unknown }
  >(
    repository,
    requests,
    () =>
      hub.modelInfo({
        ...request,
        name: id,
        revision,
        additionalFields: ["sha", "filePaths"],
      }),
  );
  if (!COMMIT.test(sha) || !isListing(listing)) {
    throw misunderstood(
      repository,
      COMMIT.test(sha)
        ? "it does not list the repository's files"
        : `it names the commit ${JSON.stringify(sha) ?? "nowhere"}`,
    );
  }
  const { files, missing } = select(listing);
  const root = storage(repository);
  const folder = `${root}/snapshots/${sha}`;
  const absent = await filter(
    files,
    async (name) => !(await exists(`${folder}/${name}`)),
  );
  if (absent.length > 0) {
    await downloadFiles({ hub, repository, requests, request }, sha, absent);
  }
  if (revision !== sha) await refer(root, revision, sha);
  return { folder, files, missing };
}

/** The hub's package, with what each of its requests needs. */
interface Client {
  readonly hub: typeof import("@huggingface/hub");
  readonly repository: Repository;
  readonly requests: Requests;
  readonly request: {
    readonly hubUrl: string;
    readonly fetch: typeof fetch;
    readonly accessToken?: string;
  };
}

/**
 * Downloads files of a commit. Until all of them are there, a mark in the cache
 * says which are to come.
 */
async function downloadFiles(
  client: Client,
  sha: string,
  names: readonly string[],
): Promise<void> {
  const { hub, repository, requests, request } = client;
  const { id } = repository;
  const root = storage(repository);
  const remote: RemoteFile[] = await understood(
    repository,
    requests,
    () =>
      hub.pathsInfo({
        ...request,
        repo: id,
        revision: sha,
        paths: [...names],
      }),
  );
  if (!Array.isArray(remote)) {
    throw misunderstood(repository, "it does not describe the files");
  }
  const incomplete = incompleteMark(root, sha);
  try {
    await disk(`${root}/blobs`).mkdir(`${root}/blobs`, { recursive: true });
    await writeTextAtomically(incomplete, names.join("\n"));
  } catch (error) {
    throw diskError(`Cannot download ${id} to ${root}`, error);
  }
  for (const name of names) {
    const file = remote.find((file) => file?.path === name);
    const hash = file?.lfs?.oid ?? file?.oid ?? "";
    if (file === undefined || !HASH.test(hash)) {
      throw misunderstood(repository, `it does not describe ${name}`);
    }
    const blob = `${root}/blobs/${hash}`;
    if (!await exists(blob)) {
      await removeCutOff(`${root}/blobs`, hash);
      await downloadBlob(client, sha, file, blob);
    }
    await link(blob, `${root}/snapshots/${sha}`, name);
  }
  await disk(incomplete).remove(incomplete).catch(() => {});
}

/** Downloads the content of a file. */
async function downloadBlob(
  { hub, repository, requests, request }: Client,
  sha: string,
  file: RemoteFile,
  blob: string,
): Promise<void> {
  const { id } = repository;
  await requests.again(async () => {
    const content = await understood<Blob | null>(
      repository,
      requests,
      () =>
        hub.downloadFile({
          ...request,
          repo: id,
          revision: sha,
          path: file.path,
        }),
    );
    if (content === null) {
      throw new NotFound(
        `Cannot download ${file.path} of ${id}: the hub lists it, but lacks it`,
      );
    }
    await writeAtomically(
      blob,
      verified(content.stream(), file, repository),
      { size: file.lfs?.size ?? file.size },
    );
  });
}

/**
 * The files that an interrupted download of a commit should have fetched. If a
 * snapshot lacks some of them, it is not the whole model.
 */
export async function awaitedFiles(
  repository: Repository,
  folder: string,
): Promise<string[]> {
  const sha = folder.split("/").at(-1) ?? "";
  try {
    const mark = incompleteMark(storage(repository), sha);
    return (await readText(mark)).split("\n");
  } catch (error) {
    if (error instanceof NotFound) return [];
    throw error;
  }
}

/** Removes what a killed download left of a file. */
async function removeCutOff(folder: string, hash: string): Promise<void> {
  for (const { name } of await disk(folder).readDir(folder)) {
    if (!name.startsWith(`${hash}.`) || !name.endsWith(".tmp")) continue;
    const path = `${folder}/${name}`;
    const info = await disk(path).stat(path).catch(() => null);
    // A download that still runs has written to the file more recently.
    const idle = Date.now() - (info?.mtime?.getTime() ?? Date.now());
    if (idle > DEAD_AFTER) await disk(path).remove(path).catch(() => {});
  }
}

function incompleteMark(root: string, sha: string): string {
  return `${root}/.swagpu-incomplete-${sha}`;
}

/** Stores which commit a revision is, if the cache can be written. */
async function refer(
  root: string,
  revision: string,
  sha: string,
): Promise<void> {
  const reference = `${root}/refs/${revision}`;
  try {
    if ((await readText(reference)).trim() === sha) return;
  } catch {
    // Written below.
  }
  try {
    await disk(parent(reference)).mkdir(parent(reference), { recursive: true });
    await writeTextAtomically(reference, sha);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    // deno-lint-ignore no-console -- the files were downloaded, so this is not an error
    console.warn(
      `Cannot remember that ${revision} is ${sha}, for use without the hub: ` +
        reason,
    );
  }
}

function isListing(value: unknown): value is string[] {
  return Array.isArray(value) &&
    value.every((name) => typeof name === "string");
}

/**
 * Asks the hub, and names the repository in errors, as the hub package does
 * not.
 */
async function understood<T>(
  repository: Repository,
  requests: Requests,
  ask: () => Promise<T>,
): Promise<T> {
  requests.failure = undefined;
  try {
    return await ask();
  } catch (error) {
    repository.signal?.throwIfAborted();
    if (requests.failure !== undefined) throw requests.failure;
    if (statusOf(error) !== null) throw error;
    const reason = error instanceof SyntaxError
      ? "it is not JSON"
      : error instanceof Error &&
          /^[A-Z].* [a-z]+ information$/.test(error.message)
      ? error.message
      : "it has another form";
    throw misunderstood(repository, reason, error);
  }
}

function misunderstood(
  { id, revision, endpoint }: Repository,
  reason: string,
  cause?: unknown,
): SyntaxError {
  return new SyntaxError(
    `Cannot download ${id} at ${revision}: ${endpoint} gave an answer that is ` +
      `not a hub's: ${reason}`,
    { cause },
  );
}

/** Passes chunks on, and throws at the end if their size or checksum is wrong. */
async function* verified(
  chunks: ReadableStream<Uint8Array>,
  file: RemoteFile,
  { id }: Repository,
): AsyncGenerator<Uint8Array> {
  const { createHash } = needModule("node:crypto");
  const expected = file.lfs?.size ?? file.size;
  // The hash of a large file is that of its bytes; of others, that of Git's blob.
  const hash = file.lfs?.oid ?? file.oid ?? "";
  const kind = hash.length === SHA1_DIGITS ? "sha1" : "sha256";
  const bytes = createHash(kind);
  const blob = createHash(kind).update(`blob ${expected}\0`);
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.byteLength;
    bytes.update(chunk);
    blob.update(chunk);
    yield chunk;
  }
  if (size !== expected) {
    throw new Error(
      `Cannot download ${file.path} of ${id}: ${size} bytes came, expected ${expected}`,
    );
  }
  // Mirrors without Git may hash the bytes of every file.
  const hashes = [bytes, ...file.lfs ? [] : [blob]];
  if (!hashes.some((known) => known.digest("hex") === hash)) {
    throw new Error(
      `Cannot download ${file.path} of ${id}: what came has another checksum`,
    );
  }
}

/**
 * Links a snapshot's file to its blob; the link is relative, as the cache may
 * move.
 */
async function link(
  blob: string,
  folder: string,
  name: string,
): Promise<void> {
  const path = `${folder}/${name}`;
  await disk(parent(path)).mkdir(parent(path), { recursive: true });
  const up = "../".repeat(name.split("/").length + 1);
  try {
    await disk(path).symlink(`${up}blobs/${blob.split("/").at(-1)}`, path);
  } catch (error) {
    if (error instanceof AlreadyExists) return;
    // Windows does not let ordinary users make links.
    await disk(blob).copyFile(blob, path);
  }
}

function parent(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

async function filter<T>(
  items: readonly T[],
  keep: (item: T) => Promise<boolean>,
): Promise<T[]> {
  const result: T[] = [];
  for (const item of items) if (await keep(item)) result.push(item);
  return result;
}
