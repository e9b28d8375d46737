// Copyright 2026 the swagpu authors. MIT license.

// Folders from which models are loaded, as paths that the library reads.

import {
  type FetchProgress,
  filesDisk,
  mount,
  urlDisk,
} from "@swagpu/swagpu/host";
import type { ModelSource } from "../protocol.ts";
import { keptFolder } from "./kept_models.ts";

/** A folder of a model. */
export interface ModelFolder {
  /** Its path. */
  readonly folder: string;
  /** What it is called on the page. */
  readonly name: string;
}

/**
 * Makes a folder readable while a function runs.
 *
 * @param source The folder.
 * @param options Who is told what arrives from the network, and what reads the folder.
 * @returns What `run` returns.
 */
export async function inModelFolder<T>(
  source: Exclude<ModelSource, { from: "training" }>,
  { tell, run }: {
    tell: (text: string) => void;
    run: (folder: ModelFolder) => Promise<T>;
  },
): Promise<T> {
  if (source.from === "browser") {
    const folder = await keptFolder(source.name);
    return await run({ folder, name: source.name });
  }
  const folder = source.from === "address" ? source.address : source.name;
  const unmount = mount(
    folder,
    source.from === "folder" ? filesDisk(source.files) : urlDisk({
      ...source.files && { files: source.files },
      onProgress: (progress) => tell(arrived(progress)),
    }),
  );
  try {
    return await run({ folder, name: nameOf(source) });
  } finally {
    unmount();
  }
}

/** What a folder is called: of an address without its query, which may be secret. */
function nameOf(
  source: Extract<ModelSource, { from: "address" | "folder" }>,
): string {
  if (source.from === "folder") return source.name;
  const [path = ""] = source.address.split("?");
  return path.replace(/\/+$/, "").split("/").at(-1) ?? path;
}

/** Says how much of a file has arrived. */
function arrived({ path, loaded, total }: FetchProgress): string {
  const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);
  const name = path.split("/").at(-1);
  return `Loading ${name}: ${megabytes(loaded)}` +
    (total === undefined ? " MB" : ` of ${megabytes(total)} MB`);
}
