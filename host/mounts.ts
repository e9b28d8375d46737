// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Which file system a path belongs to.

import { isAddress } from "./web/address.ts";
import type { Disk, DiskAt } from "./disk.ts";
import { systemDisk } from "./system/system_disk.ts";
import { webDisk } from "./web/url_disk.ts";

const mounts = new Map<string, Disk>();

/**
 * Lets a path and all paths below it belong to a file system of your own. Models and
 * posteriors are then loaded from there, and saved there, as from any folder.
 *
 * @param root The path, such as `"picked"` or `"https://example.com/model"`. A file
 * system that was mounted at the same path is replaced.
 * @param disk The file system, or what makes it for this path: {@linkcode
 * originFolder}, {@linkcode folderDisk}, {@linkcode filesDisk} or {@linkcode urlDisk}.
 * It is given whole paths, which begin with `root`.
 * @returns Takes the file system away again.
 * @throws {RangeError} If the path is empty or ends with a slash.
 * @throws {TypeError} If it is no file system, such as a promise of one.
 *
 * @example Usage
 * ```ts
 * import { type Disk, disk, mount } from "@swagpu/swagpu/host";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * const mine = {} as Disk;
 * const unmount = mount("mine", mine);
 * assertEquals(disk("mine/model/config.json"), mine);
 * unmount();
 * assertThrows(() => mount("mine/", mine), RangeError);
 * ```
 */
export function mount(root: string, disk: Disk | DiskAt): () => void {
  if (root === "" || root.endsWith("/")) {
    throw new RangeError(
      `Cannot mount a file system at ${
        JSON.stringify(root)
      }: expected a path ` +
        "that does not end with a slash",
    );
  }
  const mounted = typeof disk === "function" ? disk(root) : disk;
  const given: unknown = mounted;
  if (
    typeof given !== "object" || given === null || given instanceof Promise
  ) {
    throw new TypeError(
      `Cannot mount ${
        given instanceof Promise ? "a promise" : given
      } at ${root}: expected a file system; await the promise of ` +
        "originFolder() before",
    );
  }
  mounts.set(root, mounted);
  return () => {
    if (mounts.get(root) === mounted) mounts.delete(root);
  };
}

/**
 * The file system that a path belongs to: the one that is mounted there; else for an
 * address, which begins with `http://` or `https://`, the web, whose files can only be
 * read; else that of the operating system.
 *
 * @param path The path of a file or folder.
 * @returns The file system.
 * @throws {TypeError} If the runtime is a browser and nothing is mounted there.
 *
 * @example Usage
 * ```ts
 * import { disk } from "@swagpu/swagpu/host";
 * import { assert } from "@std/assert";
 *
 * assert((await disk(".").stat(".")).isDirectory);
 * ```
 */
export function disk(path: string): Disk {
  const found = mounts.get(rootOf(path)) ??
    (isAddress(path) ? webDisk() : systemDisk());
  if (found) return found;
  throw new TypeError(
    `Cannot open ${path}: a browser has no file system of its own, and nothing is ` +
      "mounted at this path; use an address that begins with https://, or mount a " +
      "folder there, such as mount(name, await originFolder(name))",
  );
}

/** The longest of the paths at which something is mounted that a path is below. */
function rootOf(path: string): string {
  let longest = "";
  for (const root of mounts.keys()) {
    const isBelow = path === root || path.startsWith(`${root}/`);
    if (isBelow && root.length > longest.length) longest = root;
  }
  return longest;
}

/** Whether a path belongs to a file system that was mounted. */
export function isMounted(path: string): boolean {
  return mounts.has(rootOf(path));
}

/**
 * Whether a file or folder exists and is accessible.
 *
 * @param path The path.
 * @returns Whether it does.
 *
 * @example Usage
 * ```ts
 * import { exists } from "@swagpu/swagpu/host";
 * import { assertFalse } from "@std/assert";
 *
 * assertFalse(await exists("no/such/file"));
 * ```
 */
export async function exists(path: string): Promise<boolean> {
  try {
    await disk(path).stat(path);
    return true;
  } catch {
    return false;
  }
}

/**
 * The folder that a file lies in.
 *
 * @param path The path of the file, with slashes or backslashes.
 * @returns The path of the folder, `.` for a bare file name. The query of an address
 * stays at its end.
 *
 * @example Usage
 * ```ts
 * import { folderOf } from "@swagpu/swagpu/host";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(folderOf("model/config.json"), "model");
 * assertEquals(folderOf("config.json"), ".");
 * assertEquals(folderOf("https://a.org/m/x.bin?key=1"), "https://a.org/m?key=1");
 * ```
 */
export function folderOf(path: string): string {
  const query = isAddress(path) ? path.indexOf("?") : -1;
  if (query >= 0 && !path.includes("/", query)) {
    return folderOf(path.slice(0, query)) + path.slice(query);
  }
  const at = Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\"));
  return at < 0 ? "." : path.slice(0, at) || "/";
}
