// Copyright 2026 the swagpu authors. MIT license.

/**
 * Makes a file system fail on purpose.
 *
 * @module
 */

import { type Disk, disk, mount } from "../host/mod.ts";

/**
 * Replaces some methods of the file system below a folder, until it is disposed.
 *
 * @param root The folder.
 * @param faults Gives the new methods, from the file system that it is given.
 */
export function faulty(
  root: string,
  faults: (system: Disk) => Partial<Disk>,
): Disposable {
  const system = disk(root);
  const own = faults(system);
  const broken = new Proxy(system, {
    get(target, name) {
      const key = name as keyof Disk;
      const value = own[key] ?? target[key];
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  return { [Symbol.dispose]: mount(root, broken) };
}
