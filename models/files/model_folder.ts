// Copyright 2026 the swagpu authors. MIT license.

// The files of a model in a folder: which of them are taken, and that they are in it.

import {
  disk,
  type DiskEntry,
  diskError,
  NotADirectory,
  NotFound,
  PermissionDenied,
} from "../../host/mod.ts";
import { exists, finishSave } from "../../nn/formats/mod.ts";
import { WEIGHT_KINDS } from "./weights.ts";

/** The files of a model. */
export interface ResolvedFiles {
  /** The folder that holds them. */
  readonly folder: string;
  /** The names of the files that exist. */
  readonly files: readonly string[];
  /** The names of the optional files that do not exist. */
  readonly missing: readonly string[];
}

/** The files of configurations and tokenizers. */
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

/** The files that a model is loaded from, as far as their names are always the same. */
export const USUAL_FILES: readonly string[] = [
  ...SMALL_FILES,
  ...WEIGHT_KINDS.map(({ name }) => name),
];

/**
 * Refuses a file name that may lead out of its folder, because it is absolute or
 * holds `..`, also by the rules of Windows.
 *
 * @param name The path of a file within a folder.
 * @throws {TypeError} If the name may lead out of the folder.
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
 * Finds the path of a file in a model's folder, and checks that it does not lead
 * out of the folder by a symbolic link. The hub's cache consists of links from a
 * snapshot to the blobs of the same repository, so these are allowed.
 *
 * @param folder The path of the folder.
 * @param name The path of the file within the folder.
 * @returns The path of the file.
 * @throws {TypeError} If the path leads out of the folder, or to a folder.
 * @throws {NotFound} If there is no such file.
 */
export async function pathInFolder(
  folder: string,
  name: string,
): Promise<string> {
  checkFileName(name);
  const path = `${folder}/${name}`;
  const base = await realPath(folder);
  const target = await realPath(path);
  // Snapshots may have folders inside, such as those of modules.
  const blobs = base.replace(
    /^(.*)[\\/]snapshots[\\/][^\\/]+(?:[\\/][^\\/]+)?$/,
    "$1/blobs",
  );
  const inside = [base, blobs].some((root) =>
    target.startsWith(root) && /^[\\/]/.test(target.slice(root.length))
  );
  if (inside && (await disk(path).stat(path)).isFile) return path;
  if (inside) throw new TypeError(`Cannot read ${path}: it is not a file`);
  throw new TypeError(
    `Cannot read ${path}: it is a link that leads out of the folder`,
  );
}

/** The path without links, or an error that names the file. */
async function realPath(path: string): Promise<string> {
  try {
    return await disk(path).realPath(path);
  } catch (error) {
    throw diskError(`Cannot read ${path}`, error);
  }
}

/** The files of a listing that are taken, and those that it lacks. */
export interface Choice {
  files: string[];
  missing: string[];
  required: string[];
}

/** Takes from a listing what a model needs. */
export function chooseFiles(
  listing: readonly string[],
  required: readonly string[],
  optional: readonly string[] | undefined,
): Choice {
  const there = new Set(listing);
  // Of several kinds of weights, only the first is taken.
  const kind = WEIGHT_KINDS.find(({ name }) => there.has(name));
  const weights = listing.filter((name) =>
    name === kind?.name || kind?.part?.test(name)
  );
  const names = new Set([
    ...required,
    ...optional ?? SMALL_FILES,
    ...optional === undefined ? weights : [],
  ]);
  const lacking = [...names].filter((name) => !there.has(name));
  return {
    files: [...names].filter((name) => there.has(name)),
    missing: lacking.filter((name) => !required.includes(name)),
    required: lacking.filter((name) => required.includes(name)),
  };
}

/** The properties of a file or folder; `undefined` if there is none. */
export async function stat(path: string): Promise<DiskEntry | undefined> {
  try {
    return await disk(path).stat(path);
  } catch (error) {
    if (error instanceof NotFound || error instanceof NotADirectory) {
      return undefined; // A path below a file does not exist either.
    }
    throw error;
  }
}

/**
 * Finds files in a folder. Where folders cannot be listed, those of `asked` count.
 *
 * @throws {NotFound} If it lacks one that is required.
 */
export async function inFolder(
  folder: string,
  choose: (listing: readonly string[]) => Choice,
  asked: readonly string[],
): Promise<ResolvedFiles> {
  await finishSave(folder);
  const listing = await list(folder, asked);
  const { files, missing, required } = choose(listing);
  if (required.length > 0) {
    // Why a server does not give a file is said by its answer.
    const [first = ""] = required;
    const host = disk(folder);
    const cause = host.listsFolders === false
      ? await host.stat(`${folder}/${first}`).then(() => null, (error) => error)
      : undefined;
    throw new NotFound(
      `Cannot load a model from ${folder}: it lacks ${required.join(", ")}` +
        (cause instanceof Error ? ` (${cause.message})` : ""),
      { cause },
    );
  }
  for (const name of files) await pathInFolder(folder, name);
  return { folder, files, missing };
}

/**
 * Lists the files directly in a folder, and those of `asked` in folders below it.
 * Other files below it are not listed, because there may be very many. Where folders
 * cannot be listed, all of `asked` that exist are.
 */
async function list(
  folder: string,
  asked: readonly string[],
): Promise<string[]> {
  const names: string[] = [];
  if (disk(folder).listsFolders === false) {
    const own = [...new Set(asked)];
    const there = await Promise.all(
      own.map((name) => isReadable(`${folder}/${name}`)),
    );
    return own.filter((_, i) => there[i]).sort();
  }
  for (const { name, isDirectory } of await disk(folder).readDir(folder)) {
    if (!isDirectory) names.push(name);
  }
  for (const name of asked) {
    if (name.includes("/") && await exists(`${folder}/${name}`)) {
      names.push(name);
    }
  }
  return names.sort();
}

/**
 * Whether a file exists that may be read: some servers forbid what does not exist, so
 * that nobody learns what they have.
 */
async function isReadable(path: string): Promise<boolean> {
  try {
    return (await disk(path).stat(path)).isFile;
  } catch (error) {
    if (error instanceof NotFound || error instanceof PermissionDenied) {
      return false;
    }
    throw error;
  }
}
