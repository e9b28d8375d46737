// Copyright 2026 the swagpu authors. MIT license.

// A worker of a browser whose files are written by synchronous access alone, as in
// older versions of Safari. It tells what it has written.

import {
  appendText,
  disk,
  mount,
  originFolder,
  readText,
  writeTextAtomically,
} from "../../host/mod.ts";

/** The part of a worker's globals that is used. */
interface WorkerGlobals {
  readonly FileSystemFileHandle: { prototype: { createWritable?: unknown } };
  postMessage(text: string): void;
}

const globals = globalThis as unknown as WorkerGlobals;
delete globals.FileSystemFileHandle.prototype.createWritable;

async function write(): Promise<string> {
  mount("kept", await originFolder("worker"));
  const host = disk("kept");
  await host.mkdir("kept/x", { recursive: true });
  await writeTextAtomically("kept/x/a", "a long text");
  await writeTextAtomically("kept/x/a", "short");
  await appendText("kept/x/a", ", longer");
  await host.copyFile("kept/x/a", "kept/x/b");
  await host.rename("kept/x", "kept/y");
  return await readText("kept/y/a") + "; " + await readText("kept/y/b");
}

globals.postMessage(await write().catch((error) => `${error}`));
