// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertRejects } from "@std/assert";
import {
  commandLine,
  readRunFacts,
  type RunFacts,
  withoutFolders,
  writeRunFacts,
} from "../../cli/run_facts.ts";
import { inFolder, names } from "../_folder.ts";

const FACTS: RunFacts = {
  command: "swagpu finetune --data train.csv --swag",
  task: "text-classification",
  base: "google-bert/bert-base-uncased",
  settings: {
    learningRate: 2e-5,
    optimizer: "adamw",
    swag: true,
    prefix: null,
  },
  data: {
    train: { path: "train.csv", rows: 900 },
    validation: { path: "dev.csv", rows: 100 },
  },
  seed: 7,
  adapter: "llvmpipe",
  runtime: "Deno 2.9.6",
  versions: { swagpu: "0.1.0" },
  seconds: 12.5,
  peakMemory: 1e9,
  snapshots: [10, 20],
};

Deno.test("run.json holds the facts of a run", async () => {
  await inFolder(async (folder) => {
    assertEquals(await readRunFacts(folder), undefined);
    await writeRunFacts(folder, FACTS);
    assertEquals(names(folder), ["run.json"]);
    assertEquals(await readRunFacts(folder), FACTS);

    const { base: _, peakMemory: __, ...few } = {
      ...FACTS,
      data: { train: FACTS.data.train },
    };
    await writeRunFacts(folder, {
      ...few,
      base: undefined,
      peakMemory: undefined,
    });
    assertEquals(await readRunFacts(folder), few);
  });
});

Deno.test("run.json holds no folders of the machine, whatever it is given", async () => {
  await inFolder(async (folder) => {
    await writeRunFacts(folder, {
      ...FACTS,
      command:
        "swagpu finetune --data '/home/me/my data/a.csv' --init=~/c.json",
      base: "/home/me/models/small-bert",
      settings: { init: "../here/config.json", tokenizer: "C:\\me\\tokens" },
      data: {
        train: { path: "/home/me/my data/a.csv", rows: 2 },
        validation: { path: "data/dev.csv", rows: 1 },
      },
    });
    const text = await Deno.readTextFile(`${folder}/run.json`);
    assertEquals(/\/home|\bme\b|~|here/.test(text), false, text);
    const facts = await readRunFacts(folder);
    assertEquals(
      facts?.command,
      "swagpu finetune --data 'a.csv' --init=c.json",
    );
    assertEquals(facts?.base, "small-bert");
    assertEquals(facts?.settings, { init: "config.json", tokenizer: "tokens" });
    assertEquals(facts?.data, {
      train: { path: "a.csv", rows: 2 },
      validation: { path: "dev.csv", rows: 1 },
    });
  });
});

Deno.test("a command line is one that a shell reads, without folders", () => {
  assertEquals(
    commandLine("swagpu finetune", [
      "--data",
      "/home/me/my data/it's.csv",
      "--model",
      "google-bert/bert-base-uncased",
      "--output=/tmp/model",
      "--learning-rate",
      "2e-5",
    ]),
    "swagpu finetune --data 'it'\\''s.csv' --model google-bert/bert-base-uncased" +
      " --output=model --learning-rate 2e-5",
  );
  const kept = ["a and/or b", "1/2", "owner/name", "", "-", "/", "text"];
  for (const text of kept) assertEquals(withoutFolders(text), text);
  assertEquals(withoutFolders("/home/me/my data/a.csv"), "a.csv");
  assertEquals(withoutFolders('--x "/a/b c" -y ~me/d'), '--x "b c" -y d');
});

Deno.test("a malformed run.json is refused with the field that is wrong", async () => {
  await inFolder(async (folder) => {
    const wrong: [unknown, string][] = [
      [[], "it is not an object"],
      [{ ...FACTS, command: 1 }, 'its "command" is not a text'],
      [{ ...FACTS, seed: "1" }, 'its "seed" is not a number'],
      [{ ...FACTS, data: {} }, 'its "train" is not an object'],
      [{ ...FACTS, settings: { a: [] } }, '"settings" hold more'],
      [{ ...FACTS, versions: { a: 1 } }, 'its "a" is not a text'],
      [{ ...FACTS, snapshots: ["1"] }, '"snapshots" are not numbers'],
      [{ ...FACTS, peakMemory: "1" }, 'its "peakMemory" is not a number'],
    ];
    for (const [value, message] of wrong) {
      await Deno.writeTextFile(`${folder}/run.json`, JSON.stringify(value));
      await assertRejects(() => readRunFacts(folder), SyntaxError, message);
    }
    await Deno.writeTextFile(`${folder}/run.json`, "{");
    await assertRejects(
      () => readRunFacts(folder),
      SyntaxError,
      "run.json: it is not JSON; remove the file",
    );
  });
});
