// Copyright 2026 the swagpu authors. MIT license.

/**
 * Finds a model's files: in a local folder, below an address of the web, in the cache
 * that is shared with Python's `huggingface_hub`, or on the Hugging Face hub.
 *
 * @module
 */

import { homeFolder, isMounted } from "../../host/inside.ts";
import { disk, environment, NotFound } from "../../host/mod.ts";
import {
  awaitedFiles,
  downloadSnapshot,
  snapshotInCache,
} from "./hub_cache.ts";
import { hubError, isUnreachable, unreachableReason } from "./hub_errors.ts";
import {
  checkFileName,
  type Choice,
  chooseFiles,
  inFolder,
  type ResolvedFiles,
  stat,
  USUAL_FILES,
} from "./model_folder.ts";

/** Options of {@linkcode resolveFiles}. */
export interface ResolveOptions {
  /**
   * The branch, tag or commit of a hub repository.
   *
   * @default "main"
   */
  revision?: string;
  /**
   * The folder of downloads, with the layout of Python's `huggingface_hub`.
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
   * The files that are required.
   *
   * @default ["config.json"]
   */
  files?: readonly string[];
  /**
   * The files that are taken if they exist.
   *
   * @default the configuration, tokenizer and weight files that models are
   * loaded from
   */
  optionalFiles?: readonly string[];
  /**
   * Whether only the cache is searched.
   *
   * @default whether `HF_HUB_OFFLINE` is set
   */
  offline?: boolean;
  /**
   * How long to wait for the hub, in milliseconds. A request ends if fewer than
   * 1,024 bytes arrive in that time of waiting. A download that ends this way is
   * tried twice more; after that, the cache is used.
   *
   * @default `HF_HUB_DOWNLOAD_TIMEOUT` seconds, else 10,000
   */
  timeout?: number;
  /** Aborts the search, which then throws the signal's reason. */
  signal?: AbortSignal;
}

const HUB = "https://huggingface.co";
const TIMEOUT_SECONDS = 10;
const HUB_ID = /^[A-Za-z0-9_][\w.-]*(\/[A-Za-z0-9_][\w.-]*)?$/;

/**
 * Finds a model's files. A folder on disk is used as it is, and so is an address such
 * as `https://example.com/model`, whose files are fetched when they are read. Anything
 * else is the id of a repository of the hub, whose files are downloaded unless the
 * cache holds them. If the hub cannot be reached, the files in the cache are used.
 *
 * @param idOrFolder A folder, an address, or the id of a repository. A query, such as
 * that of a signed address, is kept for each file; its slashes are written `%2F`.
 * @param options The names of the files, and how to download them.
 * @returns The folder and the names of the files.
 * @throws {NotFound} If there is no such folder, repository,
 * revision or file.
 * @throws {PermissionDenied} If the repository needs a token.
 * @throws {TypeError} If a name points out of the folder.
 *
 * @example The files of a folder
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
  const asked = [...files, ...optionalFiles ?? []];
  for (const name of asked) checkFileName(name);
  const choose = (listing: readonly string[]): Choice =>
    chooseFiles(listing, files, optionalFiles);
  options.signal?.throwIfAborted();
  // Only the operating system takes several slashes for one.
  const folder = idOrFolder.replace(/\/+$/, "");
  if (disk(idOrFolder).listsFolders === false) {
    const wanted = optionalFiles === undefined ? USUAL_FILES : [];
    return await inFolder(folder, choose, [...asked, ...wanted]);
  }
  if (folder !== idOrFolder && isMounted(folder)) {
    return await resolveFiles(folder, options);
  }
  const there = idOrFolder === "" ? undefined : await stat(idOrFolder);
  if (there?.isDirectory) return await inFolder(idOrFolder, choose, asked);
  if (isMounted(idOrFolder)) {
    throw new NotFound(
      `Cannot find ${idOrFolder}: there is no such folder in the file system that ` +
        "is mounted here",
    );
  }
  if (!HUB_ID.test(idOrFolder) || idOrFolder.includes("..")) {
    throw new NotFound(
      `Cannot find ${idOrFolder}: it is ${
        there
          ? "a file, expected the folder that holds it"
          : "neither a folder nor the id of a hub repository"
      }`,
    );
  }
  return await fromHub(idOrFolder, choose, { ...options, asked });
}

async function fromHub(
  id: string,
  choose: (listing: readonly string[]) => Choice,
  options: ResolveOptions & { asked: readonly string[] },
): Promise<ResolvedFiles> {
  const {
    revision = "main",
    cacheFolder = defaultCache(),
    endpoint = environment("HF_ENDPOINT") ?? HUB,
    token = environment("HF_TOKEN"),
    offline = /^(1|true|yes|on)$/i.test(environment("HF_HUB_OFFLINE") ?? ""),
    timeout = defaultTimeout(),
    signal,
    asked,
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
      throw new NotFound(
        `Cannot download ${where}: it lacks ${required.join(", ")}`,
      );
    });
  } catch (error) {
    signal?.throwIfAborted();
    // A mistyped folder also ends up here, so the error says that it is missing.
    const lead = await stat(id)
      ? `${id} is a file here, expected a folder, and `
      : id.includes("/")
      ? ""
      : `there is no folder ${id} here, and `;
    if (!isUnreachable(error)) throw hubError(where, error, lead);
    const folder = await snapshotInCache(repository);
    if (folder !== null) {
      const found = await inFolder(folder, choose, asked);
      const awaited = await awaitedFiles(repository, folder);
      const lacking = choose(awaited).files.filter((name) =>
        !found.files.includes(name)
      );
      if (lacking.length === 0) return found;
      throw new NotFound(
        `Cannot load ${where}: its download to ${folder} was cut off before ` +
          `${lacking.join(", ")}, and ${repository.endpoint} cannot be reached`,
        { cause: error },
      );
    }
    throw new Error(
      `Cannot download ${where}: ${lead}${repository.endpoint} cannot be ` +
        `reached (${
          unreachableReason(error)
        }) and ${cacheFolder} does not hold it`,
      { cause: error },
    );
  }
}

function defaultTimeout(): number {
  const seconds = Number(environment("HF_HUB_DOWNLOAD_TIMEOUT") ?? NaN);
  return 1000 * (seconds > 0 ? seconds : TIMEOUT_SECONDS);
}

function defaultCache(): string {
  const cache = environment("HF_HUB_CACHE") ??
    environment("HUGGINGFACE_HUB_CACHE");
  if (cache !== undefined) return cache;
  const home = environment("HF_HOME");
  if (home !== undefined) return `${home}/hub`;
  const cached = environment("XDG_CACHE_HOME") ?? `${homeFolder()}/.cache`;
  return `${cached}/huggingface/hub`;
}
