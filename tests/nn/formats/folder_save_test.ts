// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { inFolder } from "../../_folder.ts";
import {
  finishSave,
  FolderSave,
  STAGING,
} from "../../../nn/formats/folder_save.ts";

const MODULE =
  new URL("../../../nn/formats/folder_save.ts", import.meta.url).href;

type Files = Record<string, string>;

async function write(folder: string, files: Files): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    const path = `${folder}/${name}`;
    await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    await Deno.writeTextFile(path, text);
  }
}

/** All files of a folder by path, including those of a save in progress. */
function read(folder: string, prefix = ""): Files {
  const files: Files = {};
  const entries = [...Deno.readDirSync(folder + prefix)]
    .sort((a, b) => a.name < b.name ? -1 : 1);
  for (const { name, isDirectory } of entries) {
    const path = `${prefix}/${name}`;
    if (isDirectory) Object.assign(files, read(folder, path));
    else files[path.slice(1)] = Deno.readTextFileSync(folder + path);
  }
  return files;
}

async function save(
  folder: string,
  files: Files,
  remove: string[] = [],
): Promise<void> {
  await using save = await FolderSave.begin(folder);
  await write(save.staging, files);
  await save.commit({ remove, last: ["model.safetensors"] });
}

const OLD: Files = {
  "config.json": "old config",
  "model.safetensors": "old weights",
  "swag.safetensors": "old posterior",
  "vocab.txt": "the same",
};
const NEW: Files = {
  "config.json": "new config",
  "deep/er/file": "new file",
  "model.safetensors": "new weights",
  "vocab.txt": "the same",
};
const OTHERS: Files = { "README.md": "of the user", "notes/a": "also" };

Deno.test("FolderSave replaces files, removes old files and keeps the rest", async () => {
  await inFolder(async (root) => {
    const folder = `${root}/made/on/demand`;
    await save(folder, OLD);
    assertEquals(read(folder), OLD);
    await write(folder, OTHERS);
    await save(folder, NEW, ["swag.safetensors", "absent", "config.json"]);
    assertEquals(read(folder), { ...OTHERS, ...NEW });
    assertEquals([...Deno.readDirSync(folder)].length, 6);
  });
});

Deno.test("FolderSave moves nothing that another save left", async () => {
  await inFolder(async (folder) => {
    await write(folder, OLD);
    await write(`${folder}/${STAGING}`, { "swag.safetensors": "of another" });
    await write(`${folder}/${STAGING}/new`, { "vocab.txt": "of another" });
    await save(folder, { "config.json": "new" });
    assertEquals(read(folder), { ...OLD, "config.json": "new" });
  });
});

Deno.test("FolderSave leaves a folder as it was when it is not committed", async () => {
  await inFolder(async (folder) => {
    await write(folder, OLD);
    await assertRejects(
      async () => {
        await using save = await FolderSave.begin(folder);
        await write(save.staging, NEW);
        throw new Error("the disk is full");
      },
      Error,
      "the disk is full",
    );
    assertEquals(read(folder), OLD);
    assert(![...Deno.readDirSync(folder)].some(({ name }) => name === STAGING));
  });
});

Deno.test("FolderSave puts everything back when the first move fails", async () => {
  await inFolder(async (folder) => {
    await write(folder, { "config.json/x": "in the way" });
    await assertRejects(
      () => save(folder, NEW),
      TypeError,
      `Cannot write ${folder}/config.json: it is a folder`,
    );
    assertEquals(read(folder), { "config.json/x": "in the way" });
    await finishSave(folder);
    assertEquals(read(folder), { "config.json/x": "in the way" });
  });
});

Deno.test("FolderSave moves nothing if a folder is in the way of a file", async () => {
  await inFolder(async (folder) => {
    const old = { "config.json": "old", "model.safetensors/x": "in the way" };
    await write(folder, old);
    await assertRejects(
      () => save(folder, NEW),
      TypeError,
      `Cannot write ${folder}/model.safetensors: it is a folder`,
    );
    assertEquals(read(folder), old);
    assert(![...Deno.readDirSync(folder)].some(({ name }) => name === STAGING));
  });
});

Deno.test("FolderSave refuses a folder that is a file", async () => {
  await inFolder(async (folder) => {
    await write(folder, { file: "" });
    await assertRejects(
      () => FolderSave.begin(`${folder}/file`),
      TypeError,
      `Cannot write to ${folder}/file: it is a file, expected a folder`,
    );
    await assertRejects(
      () => FolderSave.begin(`${folder}/file/below`),
      Error,
      `Cannot write to ${folder}/file/below: Not a directory`,
    );
  });
});

Deno.test("several saves at once leave the files of one of them", async () => {
  await inFolder(async (folder) => {
    const saves = [0, 1, 2, 3, 4].map((i) => ({
      "config.json": `config ${i}`,
      "model.safetensors": `weights ${i}`,
    }));
    await Promise.all(saves.map((files) => save(folder, files)));
    const found = JSON.stringify(read(folder));
    assert(saves.some((files) => JSON.stringify(files) === found), found);
  });
});

Deno.test("finishSave() follows no path out of the folder", async () => {
  await inFolder(async (root) => {
    const folder = `${root}/model`;
    for (const name of ["../secret", "/etc/passwd", "a/../../secret", ""]) {
      for (const key of ["move", "remove"]) {
        const journal = { move: [], remove: [], [key]: [name] };
        await write(root, {
          secret: "outside",
          [`model/${STAGING}/journal.json`]: JSON.stringify(journal),
        });
        await assertRejects(
          () => finishSave(folder),
          SyntaxError,
          `Cannot read ${folder}/${STAGING}/journal.json: it does not list`,
        );
      }
    }
    assertEquals(Deno.readTextFileSync(`${root}/secret`), "outside");
  });
});

Deno.test("finishSave() overwrites nothing that was written after the save", async () => {
  await inFolder(async (folder) => {
    await write(folder, {
      ...OLD,
      [`${STAGING}/new/config.json`]: "new config",
      [`${STAGING}/journal.json`]: JSON.stringify({
        move: ["config.json"],
        remove: ["swag.safetensors", "vocab.txt"],
      }),
    });
    const later = new Date(Date.now() + 10_000);
    await Deno.utime(`${folder}/config.json`, later, later);
    await assertRejects(
      () => finishSave(folder),
      Error,
      `${folder}/config.json was written after it; remove ${folder}/${STAGING}`,
    );
    await Deno.utime(`${folder}/config.json`, 0, 0);
    await Deno.utime(`${folder}/vocab.txt`, 0, 0);
    await Deno.utime(`${folder}/swag.safetensors`, later, later);
    await finishSave(folder);
    const { "vocab.txt": _, ...kept } = OLD;
    assertEquals(read(folder), { ...kept, "config.json": "new config" });
  });
});

/** Saves in a process that is killed before its n-th file operation. */
const CHILD = `
import { FolderSave } from ${JSON.stringify(MODULE)};
const [folder, files, count] = Deno.args;
let left = Number(count);
const strike = () => { if (--left === 0) Deno.kill(Deno.pid, "SIGKILL"); };
const write = Deno.writeTextFile;
for (const name of ["rename", "remove", "mkdir"]) {
  const original = Deno[name];
  Deno[name] = (...args) => { strike(); return original(...args); };
}
const save = await FolderSave.begin(folder);
for (const [name, text] of Object.entries(JSON.parse(files))) {
  const path = save.staging + "/" + name;
  await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
  strike();
  await write(path, text);
}
await save.commit({ remove: ["swag.safetensors"], last: ["model.safetensors"] });
await save[Symbol.asyncDispose]();
console.log(left);
`;

Deno.test("a save that is killed at any moment leaves the old files or the new", async () => {
  await inFolder(async (root) => {
    const script = `${root}/child.js`;
    await Deno.writeTextFile(script, CHILD);
    const run = async (folder: string, count: number) => {
      const { stdout, success } = await new Deno.Command(Deno.execPath(), {
        args: [
          ...["run", "-A", "--no-check", "--no-config", script],
          ...[folder, JSON.stringify(NEW), String(count)],
        ],
        stderr: "null",
      }).output();
      return success ? Number(new TextDecoder().decode(stdout)) : null;
    };
    await write(`${root}/whole`, { ...OLD, ...OTHERS });
    const operations = 10_000 - (await run(`${root}/whole`, 10_000) ?? 0);
    assert(operations > 15, String(operations));
    const before = { ...OTHERS, ...OLD };
    const after = { ...OTHERS, ...NEW };
    const outcomes = new Set<string>();
    for (let count = 1; count <= operations; count++) {
      const folder = `${root}/${count}`;
      await write(folder, before);
      assertEquals(await run(folder, count), null);
      await finishSave(folder);
      const found = read(folder);
      const own = Object.fromEntries(
        Object.entries(found).filter(([name]) => !name.startsWith(STAGING)),
      );
      const isNew = "deep/er/file" in own;
      assertEquals(own, isNew ? after : before, `operation ${count}`);
      outcomes.add(isNew ? "new" : "old");
      // The files that it left do not get into the next save.
      await save(folder, { "config.json": "third" });
      assertEquals(
        read(folder),
        { ...isNew ? after : before, "config.json": "third" },
        `operation ${count}`,
      );
    }
    assertEquals([...outcomes], ["old", "new"]);
  });
});
