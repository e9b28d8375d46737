// Copyright 2026 the swagpu authors. MIT license.

// What the save of a folder asks and does about its files.

import { type Disk, type DiskEntry, isNotFound } from "../../host/mod.ts";

/** The size up to which a new file is compared with the old one. */
const COMPARED_BYTES = 2 ** 26;

/** The properties of a file or folder; `undefined` if it does not exist. */
export async function lstat(
  host: Disk,
  path: string,
  how: "lstat" | "stat" = "lstat",
): Promise<DiskEntry | undefined> {
  try {
    return await host[how](path);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** The paths of all files below a folder, relative to it. */
export async function listFiles(
  host: Disk,
  folder: string,
  prefix = "",
): Promise<string[]> {
  const names: string[] = [];
  for (const { name, isDirectory } of await host.readDir(folder + prefix)) {
    const path = `${prefix}/${name}`;
    if (isDirectory) names.push(...await listFiles(host, folder, path));
    else names.push(path.slice(1));
  }
  return names.sort();
}

/** Whether `to` is a file, not a link, with the content of `from`. */
export async function isSame(
  host: Disk,
  from: string,
  to: string,
): Promise<boolean> {
  const [own, there] = [await host.lstat(from), await lstat(host, to)];
  if (!there?.isFile || own.size !== there.size) return false;
  if (own.size > COMPARED_BYTES) return false;
  const [a, b] = [await host.readFile(from), await host.readFile(to)];
  return a.every((byte, i) => byte === b[i]);
}

/** Creates the folders above a file, without following links. */
export async function makeParent(
  host: Disk,
  folder: string,
  name: string,
): Promise<void> {
  let path = folder;
  for (const part of name.split("/").slice(0, -1)) {
    path += `/${part}`;
    const there = await lstat(host, path);
    if (!there) await host.mkdir(path);
    else if (!there.isDirectory) {
      throw new TypeError(`Cannot write ${folder}/${name}: ${path} is a file`);
    }
  }
}
