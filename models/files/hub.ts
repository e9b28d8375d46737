// Copyright 2026 the swagpu authors. MIT license.

/**
 * Finding a model's files: in a local folder, in the cache that Python's
 * `huggingface_hub` shares, or on the Hugging Face hub.
 *
 * @module
 */

import {
  awaitedFiles,
  downloadSnapshot,
  hubError,
  isUnreachable,
  snapshotInCache,
} from "./hub_cache.ts";
import { WEIGHT_KINDS } from "./weights.ts";
import { exists, finishSave } from "../../nn/formats/mod.ts";

/** Options of {@linkcode resolveFiles}. */
export interface ResolveOptions {
  /**
   * The branch, tag or commit of a hub repository.
   *
   * @default "main"
   */
  revision?: string;
  /**
   * The folder that downloads are kept in, laid out as by Python's
   * `huggingface_hub`.
   *
   * @default `HF_HUB_CACHE`, else `HF_HOME/hub`, else `~/.cache/huggingface/hub`
   */
  cacheFolder?: string;
  /**
   * The address of the hub.
   *
   * @default `HF_ENDPOINT`, else "https://huggingface.co"
   */
  endpoint?: string;
  /**
   * The access token for private and gated repositories.
   *
   * @default `HF_TOKEN`, if set
   */
  token?: string;
  /**
   * The files that must be there.
   *
   * @default ["config.json"]
   */
  files?: readonly string[];
  /**
   * Files that may be missing, taken where they are there.
   *
   * @default the configuration, tokenizer and weight files that models are
   * loaded from
   */
  optionalFiles?: readonly string[];
  /**
   * Whether to look in the cache only.
   *
   * @default whether `HF_HUB_OFFLINE` is set
   */
  offline?: boolean;
  /**
   * How long to wait for the hub, in milliseconds: a request ends where fewer
   * than 1,024 bytes come in as long a wait. A download that breaks off this
   * way is begun again twice; after that the cache has to do.
   *
   * @default `HF_HUB_DOWNLOAD_TIMEOUT` seconds, else 10,000
   */
  timeout?: number;
  /** Ends the search, which then throws the signal's reason. */
  signal?: AbortSignal;
}

/** Where a model's files are. */
export interface ResolvedFiles {
  /** The folder that holds them. */
  readonly folder: string;
  /** The names of the files found. */
  readonly files: readonly string[];
  /** The names of the optional files that are not there. */
  readonly missing: readonly string[];
}

const HUB = "https://huggingface.co";
const TIMEOUT_SECONDS = 10;
const HUB_ID = /^[A-Za-z0-9_][\w.-]*(\/[A-Za-z0-9_][\w.-]*)?$/;
const SMALL_FILES = [
  "config.json",
  "generation_config.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "added_tokens.json",
  "vocab.txt",
  "vocab.json",
  "merges.txt",
  "source.spm",
  "target.spm",
  "target_vocab.json",
];
/**
 * Finds a model's files. A folder on disk is used as it is; anything else is
 * the id of a repository of the hub, whose files are downloaded unless the
 * cache holds them. Where the hub cannot be reached, the cache has to do.
 *
 * @throws {Deno.errors.NotFound} If there is no such folder, repository,
 * revision or file.
 * @throws {Deno.errors.PermissionDenied} If the repository needs a token.
 * @throws {TypeError} If a name points out of the folder.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { resolveFiles } from "@swagpu/swagpu/models";
 *
 * const folder = await Deno.makeTempDir();
 * await Deno.writeTextFile(`${folder}/config.json`, "{}");
 * const found = await resolveFiles(folder);
 * assertEquals(found.folder, folder);
 * assertEquals(found.files, ["config.json"]);
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function resolveFiles(
  idOrFolder: string,
  options: ResolveOptions = {},
): Promise<ResolvedFiles> {
  const { files = ["config.json"], optionalFiles } = options;
  const wanted = [...files, ...optionalFiles ?? []];
  for (const name of wanted) checkFileName(name);
  const choose = (listing: readonly string[]): Choice =>
    chooseFiles(listing, files, optionalFiles);
  const there = idOrFolder === "" ? undefined : await stat(idOrFolder);
  if (there?.isDirectory) return await inFolder(idOrFolder, choose, wanted);
  if (!HUB_ID.test(idOrFolder) || idOrFolder.includes("..")) {
    throw new Deno.errors.NotFound(
      `Cannot find ${idOrFolder}: it is ${
        there
          ? "a file, expected the folder that holds it"
          : "neither a folder nor the id of a hub repository"
      }`,
    );
  }
  return await fromHub(idOrFolder, choose, { ...options, wanted });
}

/**
 * Refuses a file name that may lead out of its folder: absolute, with `..`, or
 * either of them by the rules of Windows.
 *
 * @throws {TypeError} If it does.
 */
export function checkFileName(name: string): void {
  const parts = name.split("/");
  const odd = parts.some((part) =>
    part === "" || part === "." || part === ".."
  );
  if (!odd && !/[\\:]/.test(name) && !name.includes("\0")) return;
  throw new TypeError(
    `Cannot use the file name ${JSON.stringify(name)}: it must be a path ` +
      "inside the model's folder",
  );
}

/**
 * The path of a file in a model's folder, checked not to lead out of it, not
 * even by a symbolic link. A link from a snapshot of the hub's cache into the
 * same repository's blobs is how that cache is laid out, and allowed.
 *
 * @throws {TypeError} If it leads out.
 */
export async function pathInFolder(
  folder: string,
  name: string,
): Promise<string> {
  checkFileName(name);
  const path = `${folder}/${name}`;
  const base = await Deno.realPath(folder);
  const target = await Deno.realPath(path);
  const blobs = base.replace(/[\\/]snapshots[\\/][^\\/]+$/, "/blobs");
  const inside = [base, blobs].some((root) =>
    target.startsWith(root) && /^[\\/]/.test(target.slice(root.length))
  );
  if (inside && (await Deno.stat(path)).isFile) return path;
  if (inside) throw new TypeError(`Cannot read ${path}: it is not a file`);
  throw new TypeError(
    `Cannot read ${path}: it is a link that leads out of the folder`,
  );
}

interface Choice {
  files: string[];
  missing: string[];
  required: string[];
}

function chooseFiles(
  listing: readonly string[],
  required: readonly string[],
  optional: readonly string[] | undefined,
): Choice {
  const there = new Set(listing);
  // Only one kind of weights is taken.
  const kind = WEIGHT_KINDS.find(({ name }) => there.has(name));
  const weights = listing.filter((name) =>
    name === kind?.name || kind?.part?.test(name)
  );
  const wanted = new Set([
    ...required,
    ...optional ?? SMALL_FILES,
    ...optional === undefined ? weights : [],
  ]);
  const lacking = [...wanted].filter((name) => !there.has(name));
  return {
    files: [...wanted].filter((name) => there.has(name)),
    missing: lacking.filter((name) => !required.includes(name)),
    required: lacking.filter((name) => required.includes(name)),
  };
}

async function stat(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.stat(path);
  } catch (error) {
    const { NotADirectory, NotFound } = Deno.errors;
    if (error instanceof NotFound || error instanceof NotADirectory) {
      return undefined; // There is nothing below a file, either.
    }
    throw error;
  }
}

async function inFolder(
  folder: string,
  choose: (listing: readonly string[]) => Choice,
  wanted: readonly string[],
): Promise<ResolvedFiles> {
  await finishSave(folder);
  const listing = await list(folder, wanted);
  const { files, missing, required } = choose(listing);
  if (required.length > 0) {
    throw new Deno.errors.NotFound(
      `Cannot load a model from ${folder}: it lacks ${required.join(", ")}`,
    );
  }
  for (const name of files) await pathInFolder(folder, name);
  return { folder, files, missing };
}

/**
 * The files that lie in a folder itself, and those of `wanted` that lie deeper:
 * a folder may hold anything below.
 */
async function list(
  folder: string,
  wanted: readonly string[],
): Promise<string[]> {
  const names: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (!isDirectory) names.push(name);
  }
  for (const name of wanted) {
    if (name.includes("/") && await exists(`${folder}/${name}`)) {
      names.push(name);
    }
  }
  return names.sort();
}

async function fromHub(
  id: string,
  choose: (listing: readonly string[]) => Choice,
  options: ResolveOptions & { wanted: readonly string[] },
): Promise<ResolvedFiles> {
  const {
    revision = "main",
    cacheFolder = defaultCache(),
    endpoint = environment("HF_ENDPOINT") ?? HUB,
    token = environment("HF_TOKEN"),
    offline = /^(1|true|yes|on)$/i.test(environment("HF_HUB_OFFLINE") ?? ""),
    timeout = defaultTimeout(),
    signal,
    wanted,
  } = options;
  checkFileName(revision);
  if (!(timeout > 0 && timeout < 2 ** 31)) {
    throw new RangeError(
      `Cannot wait ${timeout} ms for the hub: the time-out must be positive ` +
        "and at most 2147483647",
    );
  }
  const repository = {
    id,
    revision,
    cache: cacheFolder,
    endpoint: endpoint.replace(/\/+$/, ""),
    token,
    timeout,
    signal,
  };
  const where = `${id} at ${revision}`;
  try {
    if (offline) throw new TypeError("the network is switched off");
    return await downloadSnapshot(repository, (listing) => {
      listing.forEach(checkFileName);
      const { files, missing, required } = choose(listing);
      if (required.length === 0) return { files, missing };
      throw new Deno.errors.NotFound(
        `Cannot download ${where}: it lacks ${required.join(", ")}`,
      );
    });
  } catch (error) {
    signal?.throwIfAborted();
    // Somebody who mistypes a folder's name did not think of the hub.
    const lead = await stat(id)
      ? `${id} is a file here, expected a folder, and `
      : id.includes("/")
      ? ""
      : `there is no folder ${id} here, and `;
    if (!isUnreachable(error)) throw hubError(where, error, lead);
    const folder = await snapshotInCache(repository);
    if (folder !== null) {
      const found = await inFolder(folder, choose, wanted);
      const awaited = await awaitedFiles(repository, folder);
      const lacking = choose(awaited).files.filter((name) =>
        !found.files.includes(name)
      );
      if (lacking.length === 0) return found;
      throw new Deno.errors.NotFound(
        `Cannot load ${where}: its download to ${folder} was cut off before ` +
          `${lacking.join(", ")}, and ${repository.endpoint} cannot be reached`,
        { cause: error },
      );
    }
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(
      `Cannot download ${where}: ${lead}${repository.endpoint} cannot be ` +
        `reached (${reason}) and ${cacheFolder} does not hold it`,
      { cause: error },
    );
  }
}

function defaultTimeout(): number {
  const seconds = Number(environment("HF_HUB_DOWNLOAD_TIMEOUT") ?? NaN);
  return 1000 * (seconds > 0 ? seconds : TIMEOUT_SECONDS);
}

function environment(name: string): string | undefined {
  try {
    return Deno.env.get(name) || undefined;
  } catch {
    // Without the permission to look, a variable counts as not set.
    return undefined;
  }
}

function defaultCache(): string {
  const cache = environment("HF_HUB_CACHE") ??
    environment("HUGGINGFACE_HUB_CACHE");
  if (cache !== undefined) return cache;
  const home = environment("HF_HOME");
  if (home !== undefined) return `${home}/hub`;
  const user = environment("HOME") ?? environment("USERPROFILE") ?? ".";
  return `${environment("XDG_CACHE_HOME") ?? `${user}/.cache`}/huggingface/hub`;
}
