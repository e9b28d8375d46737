// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertMatch } from "@std/assert";
import { cli, inDataFolder, read } from "../../cli/_command.ts";

const EXAMPLE = new URL("../../../examples/predict.ts", import.meta.url);

async function deno(...args: string[]) {
  const command = new Deno.Command(Deno.execPath(), { args, stdin: "null" });
  return read(await command.output());
}

Deno.test("a bundle classifies with the permission to read the model alone", () =>
  inDataFolder(async (folder, start) => {
    const model = `${folder}/model`;
    const trained = await cli(
      "finetune",
      ...["--data", `${folder}/train.tsv`, "--output", model, "--swag"],
      ...["--quiet", ...start],
    );
    assertEquals([trained.code, trained.err], [0, ""]);
    const bundle = `${folder}/predict.js`;
    const bundled = await deno(
      ...["bundle", "--quiet", "-o", bundle, EXAMPLE.pathname],
    );
    assertEquals([bundled.code, bundled.err], [0, ""]);
    const run = (...flags: string[]) =>
      deno(
        ...["run", "--no-prompt", "--quiet", ...flags, bundle, model],
        ...["the film was good", "the film was dull"],
      );
    const { code, out, err } = await run(`--allow-read=${model}`);
    assertEquals([code, err], [0, ""]);
    const number = String.raw`\d\.\d{3}`;
    const end = `${number} ± ${number}, mutual information ${number}\n`;
    assertMatch(
      out,
      new RegExp(
        `^the film was good: pos ${end}the film was dull: neg ${end}$`,
      ),
    );
    const refused = await run();
    assertEquals([refused.code, refused.out], [1, ""]);
    assertMatch(refused.err, /Requires read access to ".*model"/);
  }));
