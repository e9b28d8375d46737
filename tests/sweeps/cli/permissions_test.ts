// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertMatch } from "@std/assert";
import { COMMANDS } from "../../../cli/commands.ts";
import { inDataFolder, type Outcome, read } from "../../cli/_command.ts";

const CLI = new URL("../../../cli.ts", import.meta.url).pathname;

/** What a command may read and write, as names below the folder of the data. */
interface Permissions {
  readonly read?: readonly string[];
  readonly write?: readonly string[];
}

/** Runs the command line with some permissions; nobody is asked for others. */
async function restricted(
  folder: string,
  { read: reads = [], write: writes = [] }: Permissions,
  args: readonly string[],
): Promise<Outcome> {
  const list = (flag: string, names: readonly string[]) =>
    names.length === 0
      ? []
      : [`--allow-${flag}=${names.map((name) => `${folder}/${name}`).join()}`];
  return read(
    await new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--no-prompt", "--no-check", "--quiet"],
        ...[...list("read", reads), ...list("write", writes), CLI],
        ...args.map((arg) => arg.replace(/^@/, `${folder}/`)),
      ],
      stdin: "null",
    }).output(),
  );
}

/** Commands in an order in which each finds what it needs, with no more than that. */
const RUNS: readonly (readonly [string, Permissions])[] = [
  ["finetune --data @train.tsv --output @model --swag --quiet START", {
    read: ["train.tsv", "config.json", "tokenizer", "model"],
    write: ["model"],
  }],
  [
    "finetune --data @train.tsv --output @run --swag --particles 2 --quiet START",
    {
      read: ["train.tsv", "config.json", "tokenizer", "run"],
      write: ["run"],
    },
  ],
  ["particle --run @run --index all --quiet", {
    read: ["train.tsv", "config.json", "tokenizer", "run"],
    write: ["run"],
  }],
  ["merge @run --quiet", { read: ["run"], write: ["run"] }],
  ["evaluate --model @model --data @train.csv --quiet", {
    read: ["model", "train.csv"],
  }],
  [
    "evaluate --model @model --data @train.csv --quiet --predictions @scores.jsonl",
    {
      read: ["."],
      write: ["."],
    },
  ],
  ["predict --model @model --text good --quiet", { read: ["model"] }],
  ["compare @model @run --data @train.csv --quiet", {
    read: ["model", "run", "train.csv"],
  }],
  ["report --model @model --data @train.csv --quiet", {
    read: ["model", "train.csv"],
    write: ["model"],
  }],
  ["swag evaluate --model @run --data @train.csv --quiet", {
    read: ["run", "train.csv"],
  }],
  ["swag sample --model @model --output @third --quiet", {
    read: ["model", "third"],
    write: ["third"],
  }],
  [
    "train-tokenizer --data @train.csv --type wordpiece --output @words --quiet",
    {
      read: ["train.csv", "words"],
      write: ["words"],
    },
  ],
  ["tokenize --tokenizer @model --text good", { read: ["model"] }],
  ["info --model @model", { read: ["model"] }],
  ["completions bash", {}],
];

Deno.test("commands need the permissions to read and write their files, and no other", () =>
  inDataFolder(async (folder, start) => {
    const used = new Set(RUNS.map(([line]) => line.split(" ")[0]));
    assertEquals(
      COMMANDS.map(({ name }) => name).filter((name) => !used.has(name)),
      [],
    );
    for (const [line, permissions] of RUNS) {
      const args = line.split(" ")
        .flatMap((word) => word === "START" ? start : [word]);
      // Without one of the permissions, one line says which is missing.
      for (const kind of ["read", "write"] as const) {
        if (!permissions[kind]) continue;
        const fewer = { ...permissions, [kind]: [] };
        const { code, err } = await restricted(folder, fewer, args);
        assertEquals(code, line.startsWith("particle") ? 75 : 1, line);
        assertMatch(err, /^error: .*\n$/, line);
        assertMatch(
          err,
          new RegExp(`equires ${kind} access to .* --allow-${kind} flag`),
          line,
        );
      }
      const { code, err } = await restricted(folder, permissions, args);
      assertEquals([line, code, err], [line, 0, ""]);
    }
  }));
