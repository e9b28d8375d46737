// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertRejects } from "@std/assert";
import { openPyTorch, writePyTorch } from "../../../nn/formats/mod.ts";
import { inFolder, names } from "../../_folder.ts";

const TENSORS = [
  ["swag.n_models", { shape: [1], dtype: "I64", data: [2 ** 20 + 1] }],
  ["w.ä", { shape: [2, 3], dtype: "F32", data: [1, 2, 3, -0.5, 1e-30, 6] }],
  ["none", { shape: [0], dtype: "F32", data: [] }],
  ["scalar", { shape: [], dtype: "F32", data: () => [7] }],
] as const;

Deno.test("tensors come back as they were written", () =>
  inFolder(async (folder) => {
    const path = `${folder}/model.bin`;
    await writePyTorch(path, TENSORS, { root: "model" });
    using file = await openPyTorch(path);
    assertEquals([...file.names], TENSORS.map(([name]) => name));
    for (const [name, { shape, dtype, data }] of TENSORS) {
      const found = await file.tensor(name);
      assertEquals([found.shape, found.dtype], [[...shape], dtype]);
      const values = typeof data === "function" ? data() : data;
      const expected = dtype === "F32" ? Float32Array.from(values) : values;
      assertEquals([...found.data].map(Number), [...expected]);
    }
  }));

Deno.test("an independent reader of zip finds aligned records and checksums", () =>
  inFolder(async (folder) => {
    const path = `${folder}/model.bin`;
    await writePyTorch(path, TENSORS);
    const script = [
      "import sys, zipfile",
      "z = zipfile.ZipFile(sys.argv[1])",
      "assert z.testzip() is None",
      "for i in z.infolist():",
      "    f = open(sys.argv[1], 'rb'); f.seek(i.header_offset + 26)",
      "    n = int.from_bytes(f.read(2), 'little')",
      "    e = int.from_bytes(f.read(2), 'little')",
      "    assert (i.header_offset + 30 + n + e) % 64 == 0, i",
      "    assert i.compress_type == 0",
      "print(' '.join(z.namelist()))",
    ].join("\n");
    const python = new Deno.Command("python3", { args: ["-c", script, path] });
    let output: Deno.CommandOutput;
    try {
      output = await python.output();
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return; // There is no Python.
      throw error;
    }
    const decoder = new TextDecoder();
    assertEquals(output.code, 0, decoder.decode(output.stderr));
    assertEquals(
      decoder.decode(output.stdout).trim(),
      "archive/data.pkl archive/data/0 archive/data/1 archive/data/2 " +
        "archive/data/3 archive/version",
    );
  }));

Deno.test("too few elements are refused, and no file is left", () =>
  inFolder(async (folder) => {
    await assertRejects(
      () =>
        writePyTorch(`${folder}/a.bin`, [
          ["w", { shape: [3], dtype: "F32", data: [1, 2] }],
        ]),
      TypeError,
      "Cannot write w of shape [3]: it has 2 elements",
    );
    assertEquals(names(folder), []);
  }));
