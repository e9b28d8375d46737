// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  disk,
  droppedFiles,
  type DroppedItem,
  exists,
  filesDisk,
  IsADirectory,
  mount,
  NotADirectory,
  NotFound,
  PermissionDenied,
  readText,
  writeTextAtomically,
} from "../../host/mod.ts";
import { openSafetensors, serializeSafetensors } from "../../nn/formats/mod.ts";

/** Calls a function with files at `dropped`. */
async function dropped(
  files: Parameters<typeof filesDisk>[0],
  body: () => Promise<void>,
): Promise<void> {
  const unmount = mount("dropped", filesDisk(files));
  try {
    await body();
  } finally {
    unmount();
  }
}

/** A file of a chosen folder. */
function chosen(path: string): File {
  const file = new File([path], path.split("/").at(-1) ?? "");
  return Object.defineProperty(file, "webkitRelativePath", { value: path });
}

Deno.test("files in memory are a folder", async () => {
  const weights = serializeSafetensors([
    ["a", { shape: [2], data: new Float32Array([1, 2]) }],
    ["b", { shape: [1], data: new Float32Array([3]) }],
  ]);
  const files = new Map<string, Blob>([
    ["config.json", new Blob(["{}"])],
    ["deep/er/model.safetensors", new Blob([weights])],
  ]);
  await dropped(files, async () => {
    const host = disk("dropped");
    assertEquals(await host.readDir("dropped"), [
      { name: "config.json", isDirectory: false },
      { name: "deep", isDirectory: true },
    ]);
    assertEquals(await host.readDir("dropped/deep/er/"), [
      { name: "model.safetensors", isDirectory: false },
    ]);
    assert((await host.stat("dropped/deep")).isDirectory);
    assertEquals((await host.stat("dropped/config.json")).size, 2);
    assertEquals(await readText("dropped/config.json"), "{}");
    using file = await openSafetensors("dropped/deep/er/model.safetensors");
    assertEquals([...(await file.tensor("b")).data], [3]);
    const chunks = await Array.fromAsync(
      host.readChunks("dropped/config.json"),
    );
    assertEquals(chunks.length, 1);
    assertEquals(await exists("dropped/vocab.txt"), false);
  });
});

Deno.test("paths of chosen files are those below the chosen folder", async () => {
  const files = [chosen("bert/config.json"), chosen("bert/base_model/a.bin")];
  await dropped(files, async () => {
    assertEquals(
      await readText("dropped/base_model/a.bin"),
      "bert/base_model/a.bin",
    );
    const { mtime } = await disk("dropped").stat("dropped/config.json");
    assertEquals(mtime?.getTime(), files[0]?.lastModified);
  });
  // Files that were chosen one by one have names alone.
  await dropped([new File(["x"], "vocab.txt")], async () => {
    assertEquals(await readText("dropped/vocab.txt"), "x");
  });
  assertThrows(
    () => filesDisk([new File([], "a.txt"), new File([], "a.txt")]),
    TypeError,
    "Cannot mount two files at the same path, a.txt",
  );
});

Deno.test("chosen files have the errors of other disks, and can only be read", async () => {
  await dropped(new Map([["a/b", new Blob(["1"])]]), async () => {
    const host = disk("dropped");
    await assertRejects(() => host.stat("dropped/c"), NotFound, "dropped/c");
    await assertRejects(() => host.readDir("dropped/c"), NotFound);
    await assertRejects(() => host.readDir("dropped/a/b"), NotADirectory);
    await assertRejects(() => host.readFile("dropped/a"), IsADirectory);
    await assertRejects(() => host.realPath("dropped/c"), NotFound);
    await assertRejects(
      () => readText("dropped/c"),
      NotFound,
      "Cannot read dropped/c: there is no such file",
    );
    await assertRejects(
      () => writeTextAtomically("dropped/a/c", ""),
      PermissionDenied,
      "chosen files can only be read",
    );
    const path = "dropped/x";
    for (
      const write of [
        () => host.mkdir(path),
        () => host.rename(path, path),
        () => host.remove(path),
        () => host.copyFile(path, path),
        () => host.symlink(path, path),
        () => host.lock(path, { wait: true }),
      ]
    ) {
      await assertRejects(write, PermissionDenied, "Cannot write dropped/x");
    }
  });
});

/** A tree of files, as a browser gives it: a hundred entries at a time. */
type Tree = { [name: string]: Tree | string };

function entryOf(name: string, content: Tree | string): object {
  if (typeof content === "string") {
    return {
      name,
      isFile: true,
      file: (done: (file: File) => void) => done(new File([content], name)),
    };
  }
  return {
    name,
    isFile: false,
    createReader() {
      const left = Object.entries(content);
      return {
        readEntries: (done: (entries: object[]) => void) =>
          done(left.splice(0, 100).map(([name, own]) => entryOf(name, own))),
      };
    },
  };
}

function item(name: string, content: Tree | string): DroppedItem {
  return { kind: "file", webkitGetAsEntry: () => entryOf(name, content) };
}

Deno.test("droppedFiles() finds the files of folders, also of large ones", async () => {
  const many = Object.fromEntries(
    Array.from({ length: 250 }, (_, i) => [`${i}.txt`, `${i}`]),
  );
  const one = await droppedFiles([
    item("bert", { "config.json": "{}", deep: many }),
    { kind: "string", webkitGetAsEntry: () => null },
  ]);
  assertEquals(one.size, 251);
  assertEquals(await one.get("deep/249.txt")?.text(), "249");
  assertEquals(await one.get("config.json")?.text(), "{}");
  const two = await droppedFiles([
    item("a", { "config.json": "{}" }),
    item("b.txt", "b"),
  ]);
  assertEquals([...two.keys()], ["a/config.json", "b.txt"]);
  await dropped(one, async () => {
    assertEquals(await readText("dropped/deep/7.txt"), "7");
  });
});

Deno.test("files that nobody could ask for are refused", () => {
  for (const path of ["", "./a", "/a", "a//b", "../a", "a/"]) {
    assertThrows(
      () => filesDisk(new Map([[path, new Blob()]])),
      TypeError,
      `Cannot name the file ${JSON.stringify(path)}: expected its path below`,
    );
  }
  assertThrows(
    () => filesDisk(new Map([["vocab.txt", "[UNK]" as unknown as Blob]])),
    TypeError,
    "Cannot mount vocab.txt: it is string, expected a File or Blob",
  );
  assertThrows(
    () => filesDisk([new Blob()] as unknown as File[]),
    TypeError,
    "Cannot name the file undefined",
  );
});
