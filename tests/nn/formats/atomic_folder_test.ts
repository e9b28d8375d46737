// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { inFolder, names } from "../../_folder.ts";
import {
  folderNames,
  folderSizes,
  recoverFolders,
  removeFolderAtomically,
  requireWritable,
  writeFolderAtomically,
} from "../../../nn/formats/atomic_folder.ts";
import { appendText, readText } from "../../../host/mod.ts";

const MODULE =
  new URL("../../../nn/formats/atomic_folder.ts", import.meta.url).href;
const PATTERN = /^checkpoint-\d+$/;

function write(path: string, text: string): Promise<Map<string, number>> {
  return writeFolderAtomically(path, async (folder) => {
    await Deno.mkdir(`${folder}/deep`);
    await Deno.writeTextFile(`${folder}/a`, text);
    await Deno.writeTextFile(`${folder}/deep/b`, text);
  });
}

Deno.test("writeFolderAtomically() makes and replaces a folder", async () => {
  await inFolder(async (root) => {
    const path = `${root}/runs/checkpoint-1`;
    const sizes = await write(path, "old");
    assertEquals([...sizes], [["a", 3], ["deep/b", 3]]);
    await Deno.writeTextFile(`${path}/more`, "of the old one");
    await write(path, "newer");
    assertEquals(names(path), ["a", "deep"]);
    assertEquals(await readText(`${path}/deep/b`), "newer");
    assertEquals(names(`${root}/runs`), ["checkpoint-1"]);
    assertEquals(await folderSizes(path), new Map([["a", 5], ["deep/b", 5]]));
  });
});

Deno.test("writeFolderAtomically() changes nothing if writing fails", async () => {
  await inFolder(async (root) => {
    const path = `${root}/checkpoint-1`;
    await write(path, "old");
    await assertRejects(
      () =>
        writeFolderAtomically(path, async (folder) => {
          await Deno.writeTextFile(`${folder}/a`, "new");
          throw new Error("the disk is full");
        }),
      Error,
      "the disk is full",
    );
    assertEquals(await readText(`${path}/a`), "old");
    assertEquals(names(root), ["checkpoint-1"]);
    await Deno.writeTextFile(`${root}/file`, "");
    await assertRejects(
      () => write(`${root}/file`, ""),
      TypeError,
      `Cannot write to ${root}/file: it is a file, expected a folder`,
    );
  });
});

Deno.test("folders are listed and removed", async () => {
  await inFolder(async (root) => {
    await write(`${root}/b`, "");
    await write(`${root}/a`, "");
    await Deno.writeTextFile(`${root}/file`, "");
    assertEquals(await folderNames(root), ["a", "b"]);
    assertEquals(await folderNames(`${root}/absent`), []);
    await removeFolderAtomically(`${root}/a`);
    await removeFolderAtomically(`${root}/a`);
    assertEquals(names(root), ["b", "file"]);
    await assertRejects(
      () => folderNames(`${root}/file`),
      Error,
      `${root}/file`,
    );
  });
});

Deno.test("recoverFolders() leaves other folders alone", async () => {
  await inFolder(async (root) => {
    const kept = [
      ".checkpoint-x.partial",
      ".git",
      ".notes.old",
      "checkpoint-3",
      "checkpoint-3.old",
    ];
    const broken = [
      ".checkpoint-3.old",
      ".checkpoint-4.partial",
      ".checkpoint-5.removed",
    ];
    for (const name of [...kept, ...broken]) {
      await Deno.mkdir(`${root}/${name}`);
    }
    await recoverFolders(root, PATTERN);
    assertEquals(names(root), kept);
    await recoverFolders(`${root}/absent`, PATTERN);
  });
});

Deno.test("requireWritable() tries the folder", async () => {
  await inFolder(async (root) => {
    await requireWritable(`${root}/new/folder`);
    assertEquals(names(`${root}/new/folder`), []);
    await Deno.writeTextFile(`${root}/file`, "");
    for (const path of [`${root}/file`, `${root}/file/below`]) {
      await assertRejects(
        () => requireWritable(path),
        Error,
        `Cannot write to ${path}`,
      );
    }
  });
});

Deno.test("appendText() adds to a file, and errors name it", async () => {
  await inFolder(async (root) => {
    await appendText(`${root}/log`, "ä\n");
    await appendText(`${root}/log`, "b\n");
    assertEquals(await readText(`${root}/log`), "ä\nb\n");
    for (
      const call of [
        () => appendText(`${root}/absent/log`, ""),
        () => readText(`${root}/absent/log`),
      ]
    ) await assertRejects(call, Error, `${root}/absent/log`);
  });
});

/** Replaces one folder and removes another; killed before its n-th operation. */
const CHILD = `
import {
  removeFolderAtomically,
  writeFolderAtomically,
} from ${JSON.stringify(MODULE)};
const [root, count] = Deno.args;
let left = Number(count);
const strike = () => { if (--left === 0) Deno.kill(Deno.pid, "SIGKILL"); };
for (const name of ["rename", "remove", "mkdir", "writeTextFile"]) {
  const original = Deno[name];
  Deno[name] = (...args) => { strike(); return original(...args); };
}
const write = (path) => writeFolderAtomically(path, async (folder) => {
  await Deno.writeTextFile(folder + "/a", "new");
  await Deno.writeTextFile(folder + "/b", "new");
});
await write(root + "/checkpoint-2"); // It replaces another one.
await write(root + "/checkpoint-3");
await removeFolderAtomically(root + "/checkpoint-1");
console.log(left);
`;

Deno.test("a process that is killed at any moment leaves whole folders", async () => {
  await inFolder(async (root) => {
    const script = `${root}/child.js`;
    await Deno.writeTextFile(script, CHILD);
    const prepare = async (folder: string) => {
      for (const name of ["checkpoint-1", "checkpoint-2"]) {
        await Deno.mkdir(`${folder}/${name}`, { recursive: true });
        for (const file of ["a", "b"]) {
          await Deno.writeTextFile(`${folder}/${name}/${file}`, "old");
        }
      }
    };
    const run = async (folder: string, count: number) => {
      const { stdout, success } = await new Deno.Command(Deno.execPath(), {
        args: [
          "run",
          "-A",
          "--no-check",
          "--no-config",
          script,
          folder,
          `${count}`,
        ],
        stderr: "null",
      }).output();
      return success ? Number(new TextDecoder().decode(stdout)) : null;
    };
    await prepare(`${root}/whole`);
    const operations = 1000 - (await run(`${root}/whole`, 1000) ?? 0);
    assert(operations > 10, `${operations}`);
    const outcomes = new Set<string>();
    for (let count = 1; count <= operations; count++) {
      const folder = `${root}/${count}`;
      await prepare(folder);
      assertEquals(await run(folder, count), null);
      await recoverFolders(folder, PATTERN);
      const found = names(folder).map((name) => {
        const [a, b] = ["a", "b"].map((file) =>
          Deno.readTextFileSync(`${folder}/${name}/${file}`)
        );
        assertEquals(a, b, `operation ${count}`);
        return `${name} ${a}`;
      });
      outcomes.add(found.join(", "));
    }
    assertEquals([...outcomes], [
      "checkpoint-1 old, checkpoint-2 old",
      "checkpoint-1 old, checkpoint-2 new",
      "checkpoint-1 old, checkpoint-2 new, checkpoint-3 new",
      "checkpoint-2 new, checkpoint-3 new",
    ]);
  });
});
