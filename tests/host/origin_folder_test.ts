// Copyright 2026 the swagpu authors. MIT license.

// The origin private file system, in a browser that has one (`deno task test:browser`),
// else as the specification says.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { manualSeed, tensor } from "../../engine/mod.ts";
import {
  AlreadyExists,
  appendText,
  disk,
  IsADirectory,
  mount,
  NotADirectory,
  NotFound,
  originFolder,
  readText,
  writeTextAtomically,
} from "../../host/mod.ts";
import { BertForSequenceClassification } from "../../models/mod.ts";
import {
  FolderSave,
  recoverFolders,
  removeFolderAtomically,
  writeFolderAtomically,
} from "../../nn/formats/mod.ts";
import { SwagModel } from "../../swag/mod.ts";
import { gpuTest } from "../_check.ts";
import { collectAround } from "../_tiny_models.ts";
import { tinyConfig } from "../models/pipelines/_tiny.ts";
import { BrowserFiles, inBrowser } from "./_browser_files.ts";

const imitated = new BrowserFiles();

/** Calls a function with the browser's folder at `kept`, as on a visit to a page. */
async function visit(body: () => Promise<void>): Promise<void> {
  const run = async () => {
    const unmount = mount("kept", await originFolder("tests/kept"));
    try {
      await body();
    } finally {
      unmount();
    }
  };
  const isReal = "storage" in navigator;
  await (isReal ? run() : inBrowser(imitated, run));
}

/** The same, with a folder that is empty before and after. */
async function fresh(body: () => Promise<void>): Promise<void> {
  const empty = () =>
    visit(async () => {
      for (const { name } of await disk("kept").readDir("kept")) {
        await disk("kept").remove(`kept/${name}`, { recursive: true });
      }
    });
  await empty();
  try {
    await visit(body);
  } finally {
    await empty();
  }
}

Deno.test("files of the browser are written, replaced, moved and removed", async () => {
  await fresh(async () => {
    const host = disk("kept");
    await host.mkdir("kept/x/y", { recursive: true });
    await writeTextAtomically("kept/x/y/a.txt", "one");
    await writeTextAtomically("kept/x/y/a.txt", "two");
    await appendText("kept/log", "1\n");
    await appendText("kept/log", "2\n");
    await host.copyFile("kept/log", "kept/x/log");
    assertEquals(await readText("kept/x/y/a.txt"), "two");
    assertEquals(await readText("kept/x/log"), "1\n2\n");
    const { size, isFile, mtime } = await host.stat("kept/log");
    assertEquals([size, isFile], [4, true]);
    assert(Math.abs(Date.now() - (mtime?.getTime() ?? 0)) < 60_000);

    await host.rename("kept/x/y/a.txt", "kept/log");
    assertEquals(await readText("kept/log"), "two");
    await host.rename("kept/x", "kept/z");
    assertEquals(await readText("kept/z/log"), "1\n2\n");
    await assertRejects(() => host.stat("kept/x"), NotFound);
    const names = (await host.readDir("kept")).map(({ name }) => name);
    assertEquals(names.sort(), ["log", "z"]);
    const file = await host.open("kept/log", "read");
    const bytes = new Uint8Array(2);
    assertEquals(await file.readAt(1, bytes), 2);
    assertEquals(new TextDecoder().decode(bytes), "wo");
    await assertRejects(() => host.remove("kept/z"), Error, "not empty");
  });
});

Deno.test("files of the browser have the errors of other disks", async () => {
  await fresh(async () => {
    const host = disk("kept");
    await host.mkdir("kept/folder");
    await writeTextAtomically("kept/file", "text");
    const cases: [() => Promise<unknown>, typeof NotFound][] = [
      [() => host.stat("kept/none"), NotFound],
      [() => host.stat("kept/file/x"), NotADirectory],
      [() => host.readDir("kept/file"), NotADirectory],
      [() => host.readFile("kept/folder"), IsADirectory],
      [() => host.open("kept/file", "create"), AlreadyExists],
      [() => host.mkdir("kept/folder"), AlreadyExists],
      [() => host.remove("kept/none"), NotFound],
      [() => host.rename("kept/folder", "kept/file"), AlreadyExists],
      [() => host.rename("kept/file", "kept/folder"), AlreadyExists],
    ];
    for (const [call, kind] of cases) await assertRejects(call, kind);
    await assertRejects(
      () => host.mkdir("kept/a\\b"),
      TypeError,
      "allows no such name",
    );
  });
});

Deno.test("folders of the browser are replaced as a whole, and saves wait for each other", async () => {
  await fresh(async () => {
    for (const text of ["old", "new"]) {
      await writeFolderAtomically("kept/run/checkpoint-1", async (folder) => {
        await disk(folder).mkdir(`${folder}/deep`);
        await writeTextAtomically(`${folder}/deep/a.json`, text);
      });
    }
    await recoverFolders("kept/run", /^checkpoint-\d+$/);
    assertEquals(await readText("kept/run/checkpoint-1/deep/a.json"), "new");
    await removeFolderAtomically("kept/run/checkpoint-1");
    assertEquals(await disk("kept").readDir("kept/run"), []);

    const save = async (text: string) => {
      await using save = await FolderSave.begin("kept/model");
      for (const name of ["a", "b"]) {
        await writeTextAtomically(`${save.staging}/${name}`, text);
      }
      await save.commit({ last: ["b"] });
    };
    await Promise.all(["1", "2", "3"].map(save));
    const entries = await disk("kept").readDir("kept/model");
    assertEquals(entries.map(({ name }) => name).sort(), ["a", "b"]);
    assertEquals(
      await readText("kept/model/a"),
      await readText("kept/model/b"),
    );
  });
});

Deno.test("a page that was closed while it moved a folder leaves a record, which the next completes", async () => {
  await fresh(async () => {
    // Half of the files have been moved.
    for (const path of ["from/a", "from/deep/b", "to/c"]) {
      const folder = `kept/${path.replace(/\/\w+$/, "")}`;
      await disk("kept").mkdir(folder, { recursive: true });
      await writeTextAtomically(`kept/${path}`, path);
    }
    const record = { from: ["from"], to: ["to"] };
    await writeTextAtomically(
      "kept/.swagpu-move-1.json",
      JSON.stringify(record),
    );
    await visit(async () => {
      const names = (await disk("kept").readDir("kept"))
        .map(({ name }) => name);
      assertEquals(names, ["to"]);
      assertEquals(await readText("kept/to/a"), "from/a");
      assertEquals(await readText("kept/to/deep/b"), "from/deep/b");
      assertEquals(await readText("kept/to/c"), "to/c");
    });
  });
});

gpuTest(
  "a model and its posterior in fewer bits are kept for the next visit",
  async () => {
    manualSeed(3);
    const model = new BertForSequenceClassification(tinyConfig()).eval();
    const swag = SwagModel.fromBase(model, {
      noCovMat: false,
      maxNumModels: 3,
    });
    await collectAround(swag);
    const inputIds = tensor([[2, 7, 9, 3]], { dtype: "i32" });
    const logitsOf = async (model: BertForSequenceClassification) => [
      ...await model.forward({ inputIds }).logits.data(),
    ];
    const expected = await logitsOf(model);
    await fresh(async () => {
      for (const dtype of ["float32", "int8"] as const) {
        await visit(() =>
          model.savePretrained("kept/mine", {
            dtype,
            alongside: {
              "swag.safetensors": (path) => swag.save(path, { dtype }),
            },
          })
        );
        await visit(async () => {
          const again = await BertForSequenceClassification.fromPretrained(
            "kept/mine",
          );
          const found = await logitsOf(again);
          const most = dtype === "int8" ? 0.05 : 0;
          found.forEach((x, i) =>
            assert(Math.abs(x - (expected[i] ?? 0)) <= most, `${found}`)
          );
          const path = "kept/mine/swag.safetensors";
          const posterior = await SwagModel.load(path, again);
          assertEquals([posterior.nModels, posterior.covMatRank], [4, 3]);
          posterior.dispose();
          again.dispose();
        });
      }
    });
    swag.dispose();
    model.dispose();
  },
);
