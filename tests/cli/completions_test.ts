// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Command, Option } from "../../cli/arguments.ts";
import { COMMANDS, PROGRAM } from "../../cli/commands.ts";
import { completionScript, SHELLS } from "../../cli/completion_scripts.ts";
import { inFolder } from "../_folder.ts";
import { cli } from "./_command.ts";

const scriptOf = (shell: (typeof SHELLS)[number]) =>
  completionScript(shell, { program: PROGRAM, commands: COMMANDS });

/** Runs a script of bash, and gives the lines that it prints. */
async function bash(
  text: string,
  ...args: string[]
): Promise<{ code: number; lines: string[]; err: string }> {
  const { code, stdout, stderr } = await new Deno.Command("bash", {
    args: ["--norc", ...args, "-c", text],
  }).output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  const lines = decode(stdout).split("\n").filter((line) => line !== "");
  return { code, lines, err: decode(stderr) };
}

/** The completions that bash offers for the last of some words. */
async function completed(
  folder: string,
  ...words: string[]
): Promise<string[]> {
  const quoted = [PROGRAM, ...words].map((word) => `'${word}'`).join(" ");
  const { code, lines, err } = await bash(`
    ${scriptOf("bash")}
    cd '${folder}'
    COMP_WORDS=(${quoted})
    COMP_CWORD=${words.length}
    _${PROGRAM}
    printf '%s\\n' "\${COMPREPLY[@]}"
  `);
  assertEquals([code, err], [0, ""]);
  return lines;
}

/** The options of a command, and those of the commands that it consists of. */
function allOptions(
  { options, parts = {} }: Pick<Command, "options" | "parts">,
): Option[] {
  const own = Object.values(options).flat();
  return [...own, ...Object.values(parts).flatMap(allOptions)];
}

/** The lines of a script about a command. */
function sectionOf(shell: string, script: string, name: string): string {
  if (shell === "fish") {
    return script.split("\n")
      .filter((line) => line.includes(`__fish_seen_subcommand_from ${name}'`))
      .join("\n");
  }
  const section = new RegExp(`^ *${name}\\)\\n[^]*?^ *;;$`, "m").exec(script);
  return section?.[0] ?? "";
}

Deno.test("every option of every command occurs in every script", () => {
  for (const shell of SHELLS) {
    const script = scriptOf(shell);
    for (const { name, options, operands = [], parts = {} } of COMMANDS) {
      const section = sectionOf(shell, script, name);
      for (const option of allOptions({ options, parts })) {
        const dashes = shell === "fish" ? "-l " : "--";
        assertMatch(
          section,
          new RegExp(`(^|[^\\w-])${dashes}${option.name}([^\\w-]|$)`, "m"),
          `${shell}: ${name} --${option.name}`,
        );
      }
      for (const word of [...operands, ...Object.keys(parts)]) {
        assert(section.includes(word), word);
      }
    }
  }
});

Deno.test("the command prints the scripts, which bash accepts", async () => {
  for (const shell of SHELLS) {
    const { code, out, err } = await cli("completions", shell);
    assertEquals([code, out, err], [0, scriptOf(shell), ""]);
  }
  const { code, err } = await bash(scriptOf("bash"), "-n");
  assertEquals([code, err], [0, ""]);
  const [none, other] = await Promise.all([
    cli("completions"),
    cli("completions", "tcsh"),
  ]);
  assertEquals([none.code, none.out], [1, ""]);
  assertMatch(none.err, /^error: Cannot .*name bash, zsh, fish\n$/);
  assertEquals([other.code, other.out], [1, ""]);
  assertMatch(other.err, /^error: Cannot run completions tcsh: expected /);
});

Deno.test("bash completes commands, options and their values", async () => {
  await inFolder(async (folder) => {
    await Deno.mkdir(`${folder}/my model`);
    await Deno.writeTextFile(`${folder}/my data.csv`, "");
    const names = COMMANDS.map(({ name }) => name);
    assertEquals(
      await completed(folder, ""),
      [...names, "--help", "--version"],
    );
    assertEquals(await completed(folder, "tr"), ["train-tokenizer"]);
    for (const command of COMMANDS) {
      const names = allOptions(command).map(({ name }) => `--${name}`);
      assertEquals(
        (await completed(folder, command.name, "--")).sort(),
        [...new Set(names)].sort(),
      );
    }
    assertEquals(await completed(folder, "swag", "e"), ["evaluate"]);
    assertEquals(await completed(folder, "swag", "sample", "--ind"), [
      "--index",
    ]);
    const after = (...words: string[]) =>
      completed(folder, "finetune", ...words);
    assertEquals(await after("--learn"), ["--learning-rate"]);
    assertEquals(await after("--schedule", "co"), [
      "constant",
      "cosine",
      "cosine_with_restarts",
    ]);
    assertEquals(await after("--schedule", "=", "co"), [
      "constant",
      "cosine",
      "cosine_with_restarts",
    ]);
    assertEquals(await after("--optimizer", "=", "m"), [
      "madgrad",
      "mirror_madgrad",
    ]);
    assertEquals(await after("--swag", "--no-cov"), ["--no-cov-mat"]);
    assertEquals(await after("--epochs", ""), []);
    assertEquals((await after("--data", "my")).sort(), [
      "my data.csv",
      "my model",
    ]);
    assertEquals(await after("--model", "my"), ["my model"]);
    assertEquals(await completed(folder, "info", "--task", "seq"), [
      "seq2seq-lm",
      "sequence-classification",
    ]);
    assertEquals(
      await completed(folder, "completions", ""),
      [...SHELLS, "--help"],
    );
  });
});

Deno.test("texts with special characters stay one word of a script", () => {
  const commands = [{
    name: "run",
    summary: "It's [odd]: \\ and more",
    usage: "",
    options: { All: [{ name: "x", value: "FILE", help: "It's [a:b] \\ $x." }] },
    run: () => Promise.resolve(0),
  }];
  const script = (shell: (typeof SHELLS)[number]) =>
    completionScript(shell, { program: "a-b", commands });
  assert(
    script("zsh").includes("'--x=[It'\\''s \\[a\\:b\\] \\\\ $x.]:FILE:_files'"),
  );
  assert(script("fish").includes("-l x -r -F -d 'It\\'s [a:b] \\\\ $x.'"));
  assert(script("bash").includes("complete -F _a_b a-b"));
});
