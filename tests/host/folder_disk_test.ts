// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  AlreadyExists,
  appendText,
  type Disk,
  disk,
  folderDisk,
  IsADirectory,
  mount,
  NotADirectory,
  NotFound,
  originFolder,
  PermissionDenied,
  readText,
  writeAtomically,
  writeTextAtomically,
} from "../../host/mod.ts";
import {
  finishSave,
  FolderSave,
  recoverFolders,
  writeFolderAtomically,
} from "../../nn/formats/mod.ts";
import { type Abilities, BrowserFiles, inBrowser } from "./_browser_files.ts";

/** What browsers can do: all, only in workers, and in folders of the user. */
const BROWSERS: Partial<Abilities>[] = [
  { writes: "swap", moves: true },
  { writes: "sync", moves: true },
  { writes: "swap", moves: false },
];

/** Calls a function with a folder of a browser at `kept`. */
async function kept(
  files: BrowserFiles,
  body: (host: Disk) => Promise<void>,
): Promise<void> {
  await inBrowser(files, async () => {
    const unmount = mount("kept", await originFolder("a/b"));
    try {
      await body(disk("kept"));
    } finally {
      unmount();
    }
  });
}

for (const abilities of BROWSERS) {
  const how = JSON.stringify(abilities);

  Deno.test(`a folder of a browser is read and written: ${how}`, async () => {
    const files = new BrowserFiles();
    Object.assign(files.abilities, abilities);
    await kept(files, async (host) => {
      await host.mkdir("kept/x/y", { recursive: true });
      await host.mkdir("kept/x/y", { recursive: true });
      await writeTextAtomically("kept/x/y/a.txt", "one");
      await writeTextAtomically("kept/x/y/a.txt", "two");
      await appendText("kept/log", "1\n");
      await appendText("kept/log", "2\n");
      await host.copyFile("kept/log", "kept/x/log");
      assertEquals(files.root.texts(), {
        "a/b/x/y/a.txt": "two",
        "a/b/x/log": "1\n2\n",
        "a/b/log": "1\n2\n",
      });
      assertEquals(await readText("kept/x/y/a.txt"), "two");
      assertEquals(await host.readDir("kept/x"), [
        { name: "y", isDirectory: true },
        { name: "log", isDirectory: false },
      ]);
      const { size, isFile, mtime } = await host.stat("kept/log");
      assertEquals([size, isFile, mtime instanceof Date], [4, true, true]);
      assert((await host.stat("kept")).isDirectory);
      assert((await host.lstat("kept/x")).isDirectory);
      assertEquals(await host.realPath("kept/x//./y/a.txt"), "kept/x/y/a.txt");
      const chunks = await Array.fromAsync(host.readChunks("kept/log"));
      assertEquals(new TextDecoder().decode(chunks[0]), "1\n2\n");

      await host.rename("kept/x/y/a.txt", "kept/log");
      await host.rename("kept/x", "kept/z");
      await host.rename("kept/z", "kept/z");
      assertEquals(files.root.texts(), {
        "a/b/log": "two",
        "a/b/z/log": "1\n2\n",
      });
      assert((await host.stat("kept/z/y")).isDirectory);
      await host.remove("kept/z/y");
      await host.remove("kept/z", { recursive: true });
      assertEquals((await host.readDir("kept")).map(({ name }) => name), [
        "log",
      ]);
    });
  });

  Deno.test(`a page that is closed at any moment leaves a saved folder whole: ${how}`, async () => {
    const write = (text: string) => async (folder: string) => {
      await disk(folder).mkdir(`${folder}/deep`);
      await writeTextAtomically(`${folder}/a.json`, text);
      await writeTextAtomically(`${folder}/deep/b.json`, text);
    };
    const seen = new Set<string>();
    for (let changes = 0;; changes++) {
      const files = new BrowserFiles();
      Object.assign(files.abilities, abilities);
      await kept(files, async () => {
        await writeFolderAtomically("kept/run/checkpoint-1", write("old"));
      });
      let isCut = false;
      files.changesLeft = changes;
      await kept(files, async () => {
        try {
          await writeFolderAtomically("kept/run/checkpoint-1", write("new"));
        } catch {
          isCut = true;
        }
      });
      files.changesLeft = Infinity;
      await kept(files, async () => {
        await recoverFolders("kept/run", /^checkpoint-\d+$/);
        const texts = files.root.texts();
        const found = texts["a/b/run/checkpoint-1/a.json"] ?? "none";
        assertEquals(texts, {
          "a/b/run/checkpoint-1/a.json": found,
          "a/b/run/checkpoint-1/deep/b.json": found,
        }, `after ${changes} changes`);
        seen.add(found);
      });
      if (!isCut) break;
    }
    assertEquals([...seen], ["old", "new"]);
  });

  Deno.test(`a page that is closed at any moment saves all files or none: ${how}`, async () => {
    const save = async (text: string) => {
      await using save = await FolderSave.begin("kept/model");
      for (const name of ["config.json", "weights"]) {
        await writeTextAtomically(`${save.staging}/${name}`, text);
      }
      await save.commit({ last: ["weights"] });
    };
    const seen = new Set<string>();
    for (let changes = 0;; changes++) {
      const files = new BrowserFiles();
      Object.assign(files.abilities, abilities);
      await kept(files, () => save("old"));
      let isCut = false;
      files.changesLeft = changes;
      await kept(files, async () => {
        try {
          await save("new!");
        } catch {
          isCut = true;
        }
      });
      files.changesLeft = Infinity;
      await kept(files, async () => {
        await finishSave("kept/model");
        const text = await readText("kept/model/weights");
        assertEquals(
          await readText("kept/model/config.json"),
          text,
          `after ${changes} changes`,
        );
        seen.add(text);
        await save("last");
        assertEquals(files.root.texts(), {
          "a/b/model/config.json": "last",
          "a/b/model/weights": "last",
        });
      });
      if (!isCut) break;
    }
    assertEquals([...seen], ["old", "new!"]);
  });
}

Deno.test("saves of one folder wait for each other", async () => {
  const files = new BrowserFiles();
  await kept(files, async () => {
    const save = async (text: string) => {
      await using save = await FolderSave.begin("kept/model");
      for (const name of ["a", "b"]) {
        await writeTextAtomically(`${save.staging}/${name}`, text);
      }
      await save.commit();
    };
    await Promise.all(["1", "2", "3", "4"].map(save));
    const texts = Object.values(files.root.texts());
    assertEquals(texts.length, 2);
    assertEquals(texts[0], texts[1]);
  });
});

Deno.test("a lock that another page holds is not taken", async () => {
  const files = new BrowserFiles();
  await kept(files, async (host) => {
    // The same folder, mounted deeper.
    const unmount = mount("deep", await originFolder("a/b/c"));
    await host.mkdir("kept/c", { recursive: true });
    const held = await host.lock("kept/c/lock", { wait: false });
    assert(held?.isEnforced);
    const other = disk("deep");
    assertEquals(await other.lock("deep/lock", { wait: false }), undefined);
    const waiting = other.lock("deep/lock", { wait: true });
    await held.release();
    await (await waiting)?.release();
    assertEquals(await host.readDir("kept/c"), []);
    await assertRejects(
      () => host.lock("kept/no/lock", { wait: false }),
      NotFound,
    );
    const again = await host.lock("kept/c/lock", { wait: false });
    await again?.release();
    unmount();
  });
});

Deno.test("a folder of a browser has the errors of other disks", async () => {
  const files = new BrowserFiles();
  await kept(files, async (host) => {
    await host.mkdir("kept/folder");
    await writeTextAtomically("kept/file", "text");
    const cases: [() => Promise<unknown>, typeof NotFound, string][] = [
      [() => host.stat("kept/none"), NotFound, "kept/none"],
      [() => host.stat("kept/none/x"), NotFound, "kept/none/x"],
      [() => host.stat("kept/file/x"), NotADirectory, "expected a folder"],
      [() => host.readDir("kept/file"), NotADirectory, "kept/file"],
      [() => host.readFile("kept/folder"), IsADirectory, "expected a file"],
      [() => host.open("kept/none", "read"), NotFound, "kept/none"],
      [() => host.open("kept/file", "create"), AlreadyExists, "kept/file"],
      [() => host.open("kept/none/x", "append"), NotFound, "kept/none/x"],
      [() => host.mkdir("kept/folder"), AlreadyExists, "kept/folder"],
      [() => host.mkdir("kept/none/x"), NotFound, "kept/none/x"],
      [() => host.remove("kept/none"), NotFound, "kept/none"],
      [() => host.rename("kept/none", "kept/x"), NotFound, "kept/none"],
      [() => host.rename("kept/folder", "kept/file"), AlreadyExists, "file"],
      [() => host.rename("kept/file", "kept/folder"), AlreadyExists, "folder"],
      [() => host.rename("kept/folder", "kept/folder/x"), TypeError, "inside"],
      [() => host.realPath("kept/none"), NotFound, "kept/none"],
      [() => host.symlink("a", "kept/x"), TypeError, "a browser has none"],
      [() => host.stat("kept/../x"), TypeError, "must not lead upwards"],
      [() => host.remove("kept"), TypeError, "it is the folder itself"],
      [() => host.mkdir("kept/a\\b"), TypeError, "allows no such name"],
    ];
    for (const [call, kind, message] of cases) {
      await assertRejects(call, kind, message);
    }
    await writeTextAtomically("kept/folder/x", "");
    await assertRejects(() => host.remove("kept/folder"), Error, "not empty");
    await assertRejects(
      () => readText("kept/none"),
      NotFound,
      "Cannot read kept/none: there is no such file",
    );
    const file = await host.open("kept/file", "read");
    await writeTextAtomically("kept/file", "other");
    const bytes = new Uint8Array(4);
    assertEquals(await file.readAt(0, bytes), 4); // The old content, as on disks.
    await assertRejects(() => file.write(bytes), PermissionDenied);
    await appendText("kept/file", "more");
    const changed = await host.open("kept/file", "read");
    await appendText("kept/file", "more");
    await assertRejects(() => changed.readAt(0, bytes), Error, "has changed");
  });
});

Deno.test("a browser that has no space left keeps what was saved, and says so", async () => {
  for (const writes of ["swap", "sync"] as const) {
    const files = new BrowserFiles();
    files.abilities.writes = writes;
    await kept(files, async () => {
      await writeTextAtomically("kept/a.bin", "old");
      files.abilities.space = 6;
      await assertRejects(
        () =>
          writeAtomically("kept/a.bin", [new Uint8Array(4), new Uint8Array(4)]),
        Error,
        "Cannot write kept/a.bin: The browser gives this site no more space, after " +
          "4 bytes",
      );
      assertEquals(files.root.texts(), { "a/b/a.bin": "old" });
    });
  }
});

Deno.test("a file that cannot be copied for want of space leaves no other", async () => {
  const files = new BrowserFiles();
  await kept(files, async (host) => {
    await writeTextAtomically("kept/a", "twelve bytes");
    files.abilities.space = 6;
    await assertRejects(
      () => host.copyFile("kept/a", "kept/b"),
      Error,
      "no more space",
    );
    assertEquals(files.root.texts(), { "a/b/a": "twelve bytes" });
  });
});

Deno.test("a file that cannot be replaced for want of space is as it was", async () => {
  for (const writes of ["swap", "sync"] as const) {
    // None for the record of the move, and none for the content.
    for (const space of [6, 150]) {
      const files = new BrowserFiles();
      Object.assign(files.abilities, { writes, moves: false });
      await kept(files, async (host) => {
        const text = "new ".repeat(60);
        await writeTextAtomically("kept/a", "old");
        await writeAtomically("kept/b", [new TextEncoder().encode(text)]);
        files.abilities.space = space;
        await assertRejects(
          () => host.rename("kept/b", "kept/a"),
          Error,
          "The browser gives this site no more space (QuotaExceededError): kept/a",
        );
        assertEquals(files.root.texts(), { "a/b/a": "old", "a/b/b": text });
      });
    }
  }
});

Deno.test("a folder that cannot be moved for want of space stays where it is", async () => {
  const files = new BrowserFiles();
  files.abilities.moves = false;
  await kept(files, async (host) => {
    await host.mkdir("kept/x");
    for (const name of ["a", "b"]) {
      await writeTextAtomically(`kept/x/${name}`, "12345678");
    }
    // Enough for the record and one of the files.
    files.abilities.space = 30 + 8;
    const before = files.root.texts();
    await assertRejects(
      () => host.rename("kept/x", "kept/y"),
      Error,
      "no more space",
    );
    files.abilities.space = Infinity;
    await kept(files, async (host) => {
      assertEquals((await host.readDir("kept")).length, 1);
    });
    const after = files.root.texts();
    assertEquals(Object.values(after), Object.values(before));
  });
});

Deno.test("a record of a move that is damaged, or leads out, is removed", async () => {
  const records = [
    "",
    '{"from":["x"',
    "null",
    '{"from":["x"],"to":[]}',
    '{"from":["x"],"to":["..","y"]}',
    '{"from":["x/y"],"to":["y"]}',
    '{"from":["gone"],"to":["y"]}',
  ];
  for (const record of records) {
    const files = new BrowserFiles();
    await kept(files, async (host) => {
      await host.mkdir("kept/x");
      await writeTextAtomically("kept/x/a", "1");
      await writeTextAtomically("kept/.swagpu-move-1.json", record);
    });
    await kept(files, async (host) => {
      assertEquals((await host.readDir("kept")).map(({ name }) => name), ["x"]);
    });
    assertEquals(files.root.texts(), { "a/b/x/a": "1" }, record);
  }
});

Deno.test("a path that is not below a folder is not in it", async () => {
  await kept(new BrowserFiles(), async (host) => {
    await assertRejects(
      () => writeFolderAtomically("kept", () => Promise.resolve()),
      Error,
    );
    await assertRejects(
      () => host.stat("keptother"),
      TypeError,
      "Cannot open keptother: it is not below kept, where the folder is mounted",
    );
  });
});

Deno.test("a picked folder is one too, and a browser that only reads says so", async () => {
  const files = new BrowserFiles();
  await inBrowser(files, async () => {
    const unmount = mount("picked", folderDisk(files.root));
    await writeTextAtomically("picked/a", "1");
    files.abilities.writes = "not";
    await assertRejects(
      () => writeTextAtomically("picked/a", "2"),
      PermissionDenied,
      "this browser writes files in workers alone",
    );
    assertEquals(files.root.texts(), { a: "1" });
    unmount();
  });
});

Deno.test("originFolder() says what it needs", async () => {
  await assertRejects(
    () => originFolder("kept"),
    TypeError,
    "Cannot open the folder kept of the browser: there is none here",
  );
});
