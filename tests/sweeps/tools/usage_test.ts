// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertMatch } from "@std/assert";
import { inFolder } from "../../_folder.ts";

const ROOT = new URL("../../../", import.meta.url).pathname;

/** Runs a program as its task does. */
async function run(
  program: string,
  args: readonly string[],
): Promise<{ code: number; out: string; err: string }> {
  const config = program.startsWith("bench/peers/")
    ? ["--config", "bench/peers/deno.json"]
    : [];
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--quiet", ...config, program, ...args],
    cwd: ROOT,
  }).output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: decode(stdout), err: decode(stderr) };
}

const PROGRAMS: Record<string, string> = {
  "quickstart": "examples/quickstart.ts",
  "page": "tools/page.ts",
  "bench": "bench/report.ts",
  "bench:peers": "bench/peers/main.ts",
  "bench:gpu": "bench/peers/gpu.ts",
  "bench:scaling": "bench/scaling.ts",
  "golden": "tools/golden.ts",
  "fuzz": "tools/fuzz.ts",
  "test": "tools/test.ts",
  "test:dawn": "tools/dawn.ts",
  "test:browser": "tools/browser.ts",
  "runtimes": "tools/runtimes.ts",
  "setup": "tools/setup.ts",
  "wgsl": "tools/wgsl.ts",
};

for (const [task, program] of Object.entries(PROGRAMS)) {
  Deno.test(`deno task ${task} --help prints its usage and does nothing`, async () => {
    const { code, out } = await run(program, ["--help"]);
    assertEquals(code, 0);
    assertMatch(out, new RegExp(`^(Usage:| {6}) deno task ${task}( |$)`, "m"));
  });
}

Deno.test("programs of the tasks refuse bad arguments in one line", async () => {
  const cases: [string, string[], RegExp][] = [
    [
      "tools/golden.ts",
      ["no-folder"],
      /^error: Cannot compare no-folder: there is no such folder\n$/,
    ],
    [
      "tools/golden.ts",
      ["tools"],
      /^error: .* case\.json, .*, or JSON files with cases of metrics\n$/,
    ],
    ["tools/golden.ts", ["--all", "."], /^error: Cannot use --all\n/],
    ["examples/quickstart.ts", ["--sed", "3"], /^error: Cannot use --sed: /],
    [
      "examples/quickstart.ts",
      ["--seeds", "0"],
      /^error: Cannot run 0 seeds: /,
    ],
    ["examples/quickstart.ts", ["--seed", "x"], /^error: .*seed x: /],
    ["bench/report.ts", ["--jsn"], /^error: Cannot use --jsn\n/],
    ["bench/scaling.ts", ["--chek"], /^error: Cannot use --chek\n/],
    ["tools/browser.ts", ["--nope"], /^error: Cannot use --nope\n/],
    ["tools/page.ts", ["--prot", "1"], /^error: Cannot use --prot: /],
    ["tools/page.ts", ["--port", "x"], /^error: .*port x: expected 0 to 65535/],
    ["tools/runtimes.ts", ["--nope"], /^error: Cannot use --nope\n/],
  ];
  for (const [program, args, message] of cases) {
    const { code, out, err } = await run(program, args);
    assertEquals([code, out], [2, ""]);
    assertMatch(err, message);
  }
});

Deno.test("golden prints a line for each folder, and all comparisons if asked", async () => {
  const folder = "tests/fixtures/models/bert_model";
  const short = await run("tools/golden.ts", [folder]);
  assertEquals(short.code, 0);
  assertMatch(
    short.out,
    /^adapter: .*\nok {3}tests.*bert_model: \d+ comparisons, at most .* off \(.*\)\n\d+ passed, 0 failed\n$/,
  );
  const long = await run("tools/golden.ts", ["--verbose", folder]);
  const [, passed] = /(\d+) passed/.exec(short.out) ?? [];
  assertEquals(long.out.match(/^ {2}ok /gm)?.length, Number(passed));
});

Deno.test("golden checks metrics in folders that it has never seen", async () => {
  const cases = JSON.parse(
    await Deno.readTextFile(`${ROOT}tests/fixtures/metrics/text.json`),
  ).slice(0, 3);
  await inFolder(async (folder) => {
    const save = (path: string, value: unknown) =>
      Deno.writeTextFile(`${folder}/${path}`, JSON.stringify(value));
    await Deno.mkdir(`${folder}/metrics`);
    await save("metrics/new.json", cases);
    await save("metrics/notes.json", [1, 2]);
    // No adapter is needed, so none is looked for.
    assertEquals(await run("tools/golden.ts", [folder]), {
      code: 0,
      out:
        `ok   ${folder}/metrics/new.json: 3 comparisons, at most 0.0e+0 off ` +
        `(${cases[0].id})\n3 passed, 0 failed\n`,
      err: "",
    });
    await Deno.mkdir(`${folder}/metrics/brand_new`);
    await save("metrics/more.json", [{ ...cases[0], function: "bleu2" }]);
    const { code, out } = await run("tools/golden.ts", [folder]);
    assertEquals(code, 1);
    assertMatch(out, /there is no metric for bleu2/);
    assertMatch(out, /FAIL .*brand_new.*\n.*\n.*brand_new\.ts/);
    assertMatch(out, /\n3 passed, 2 failed\n$/);
  });
});
