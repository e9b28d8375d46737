// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals } from "@std/assert";
import { predict } from "../../cli/predict.ts";
import { inFolder } from "../_folder.ts";
import { withServer } from "../host/_server.ts";
import { tree } from "../models/files/_hub.ts";
import { printed, trained, write } from "./tasks/_classification.ts";

Deno.test("predict takes a model with its posterior, and texts, from a web server", () =>
  inFolder(async (folder) => {
    const text = "text,label\ngood film,pos\nbad film,neg\n";
    const data = await write(folder, "train.csv", text);
    const { model, swag } = await trained(`${folder}/m`, data, { steps: 4 });
    const files: Record<string, Uint8Array> = {};
    for (const name of await tree(folder)) {
      files[`/${name}`] = await Deno.readFile(`${folder}/${name}`);
    }
    const run = (root: string) =>
      printed(
        predict,
        ...["--model", `${root}/m`, "--data", `${root}/train.csv`],
      );
    const expected = await run(folder);
    await withServer(files, async ({ root }) => {
      assertEquals(await run(root), expected);
    });
    assertEquals(expected.includes("mutualInformation"), true);
    swag.dispose();
    model.dispose();
  }));
