// Copyright 2026 the swagpu authors. MIT license.

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import {
  AlreadyExists,
  disk,
  exists,
  IsADirectory,
  NotADirectory,
  NotFound,
} from "../../host/mod.ts";
import { inFolder, names } from "../_folder.ts";

const host = disk(".");
const bytes = (text: string) => new TextEncoder().encode(text);
const textOf = async (path: string) =>
  new TextDecoder().decode(await host.readFile(path));

Deno.test("errors have Deno's classes and numbers, whatever made them", async () => {
  assertStrictEquals(NotFound, Deno.errors.NotFound);
  assertStrictEquals(AlreadyExists, Deno.errors.AlreadyExists);
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "abc");
    const failures: readonly (readonly [
      (of: Pick<typeof host, "stat" | "mkdir">) => Promise<unknown>,
      new () => Error,
    ])[] = [
      [({ stat }) => stat(`${folder}/none`), Deno.errors.NotFound],
      [({ stat }) => stat(`${folder}/file/x`), Deno.errors.NotADirectory],
      [({ mkdir }) => mkdir(folder), Deno.errors.AlreadyExists],
    ];
    const own = { stat: host.stat.bind(host), mkdir: host.mkdir.bind(host) };
    for (const [attempt, kind] of failures) {
      const error = await assertRejects(() => attempt(own), kind);
      const expected = await assertRejects(() => attempt(Deno), kind);
      const number = (text: string) => /\(os error \d+\)/.exec(text)?.[0];
      assertEquals(number(error.message), number(expected.message));
    }
    await assertRejects(() => host.readFile(folder), IsADirectory);
    await assertRejects(() => host.readDir(`${folder}/file`), NotADirectory);
    await assertRejects(
      () => host.open(`${folder}/file`, "create"),
      AlreadyExists,
    );
    await assertRejects(
      () => Array.fromAsync(host.readChunks("no/file")),
      NotFound,
    );
  });
});

Deno.test("files are made, grow, and are read at any offset", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/file`;
    const made = await host.open(path, "create");
    assertEquals(await made.write(bytes("one ")), 4);
    assertEquals(await made.write(bytes("two")), 3);
    await made.sync();
    assertEquals((await made.stat()).size, 7);
    await made.close();
    const more = await host.open(path, "append");
    await more.write(bytes("!"));
    await more.close();
    assertEquals(await textOf(path), "one two!");

    const file = await host.open(path, "read");
    const part = new Uint8Array(3);
    assertEquals(await file.readAt(4, part), 3);
    assertEquals(new TextDecoder().decode(part), "two");
    assertEquals(await file.readAt(0, part), 3);
    assertEquals(new TextDecoder().decode(part), "one");
    assertEquals(await file.readAt(8, part), 0);
    await file.close();
    // The next file has the same number, which another close must not mean.
    const next = await host.open(path, "read");
    await file.close();
    assertEquals(await next.readAt(0, part), 3);
    await next.close();
  });
});

Deno.test("folders are made, listed, moved and removed", async () => {
  await inFolder(async (folder) => {
    await host.mkdir(`${folder}/a/b`, { recursive: true });
    await host.mkdir(`${folder}/a`, { recursive: true });
    await Deno.writeTextFile(`${folder}/a/file`, "abc");
    assertEquals(
      (await host.readDir(`${folder}/a`))
        .sort((x, y) => x.name < y.name ? -1 : 1),
      [{ name: "b", isDirectory: true }, { name: "file", isDirectory: false }],
    );
    await assertRejects(() => host.remove(`${folder}/a`), Error, "not empty");
    await host.rename(`${folder}/a`, `${folder}/c`);
    await host.remove(`${folder}/c/b`);
    await host.copyFile(`${folder}/c/file`, `${folder}/copy`);
    await host.symlink("c/file", `${folder}/link`);
    assertEquals(await textOf(`${folder}/link`), "abc");
    assert((await host.lstat(`${folder}/link`)).isSymlink);
    assert((await host.stat(`${folder}/link`)).isFile);
    assertEquals(
      await host.realPath(`${folder}/link`),
      await Deno.realPath(`${folder}/c/file`),
    );
    await host.remove(`${folder}/link`);
    await host.remove(`${folder}/c`, { recursive: true });
    assertEquals(names(folder), ["copy"]);
    await assertRejects(() => host.remove(`${folder}/none`), NotFound);
    await assertRejects(
      () => host.remove(`${folder}/none`, { recursive: true }),
      NotFound,
    );
    assertEquals(await exists(`${folder}/copy`), true);
    assertInstanceOf((await host.stat(`${folder}/copy`)).mtime, Date);
  });
});
