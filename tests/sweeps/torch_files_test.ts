// Copyright 2026 the swagpu authors. MIT license.

// Files for PyTorch, read by PyTorch itself, and the reverse. Where it is not
// installed (Debian's python3-torch will do), these tests are left out.

import { assertEquals } from "@std/assert";
import { openPyTorch, writePyTorch } from "../../nn/formats/mod.ts";
import { inFolder } from "../_folder.ts";

/** Runs a Python program; `undefined` if there is no such Python. */
async function python(
  program: string,
  script: string,
  ...args: string[]
): Promise<{ code: number; out: string; err: string } | undefined> {
  try {
    const { code, stdout, stderr } = await new Deno.Command(program, {
      args: ["-c", script, ...args],
    }).output();
    const decoder = new TextDecoder();
    return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** A Python that has PyTorch. */
async function findTorch(): Promise<string | undefined> {
  const script = "import importlib.util as u, sys; " +
    "sys.exit(u.find_spec('torch') is None)";
  for (const program of ["python3", "/usr/bin/python3"]) {
    if ((await python(program, script))?.code === 0) return program;
  }
  return undefined;
}

const torch = await findTorch();
const ignore = torch === undefined;

Deno.test({
  name: "torch.load reads what writePyTorch has written",
  ignore,
  fn: () =>
    inFolder(async (folder) => {
      const path = `${folder}/model.bin`;
      await writePyTorch(path, [
        ["swag.n_models", { shape: [1], dtype: "I64", data: [7] }],
        ["w", { shape: [2, 3], dtype: "F32", data: [1, 2, 3, 4, 5, -0.5] }],
        ["none", { shape: [0], dtype: "F32", data: [] }],
      ], { root: "model" });
      const script = [
        "import sys, torch",
        "d = torch.load(sys.argv[1])",
        "assert list(d) == ['swag.n_models', 'w', 'none'], list(d)",
        "assert d['swag.n_models'].dtype == torch.int64",
        "assert d['w'].is_contiguous() and d['w'].dtype == torch.float32",
        "m = torch.nn.Linear(3, 2, bias=False)",
        "m.load_state_dict({'weight': d['w']})",
        "print(d['swag.n_models'].tolist(), d['w'].tolist(), tuple(d['none'].shape))",
      ].join("\n");
      const result = await python(torch ?? "", script, path);
      assertEquals(result?.code, 0, result?.err);
      assertEquals(
        result?.out.trim(),
        "[7] [[1.0, 2.0, 3.0], [4.0, 5.0, -0.5]] (0,)",
      );
    }),
});

Deno.test({
  name: "openPyTorch reads what torch.save has written, views included",
  ignore,
  fn: () =>
    inFolder(async (folder) => {
      const path = `${folder}/saved.bin`;
      const script = [
        "import sys, torch, collections",
        "x = torch.arange(12, dtype=torch.float32).reshape(4, 3)",
        "d = collections.OrderedDict(rows=x[1:], turned=x.t(), n=torch.tensor([5]))",
        "torch.save(d, sys.argv[1])",
      ].join("\n");
      const result = await python(torch ?? "", script, path);
      assertEquals(result?.code, 0, result?.err);
      using file = await openPyTorch(path);
      const read = async (name: string) => [...(await file.tensor(name)).data];
      assertEquals(await read("rows"), [3, 4, 5, 6, 7, 8, 9, 10, 11]);
      assertEquals(await read("turned"), [
        ...[0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11],
      ]);
      assertEquals((await read("n")).map(Number), [5]);
    }),
});
