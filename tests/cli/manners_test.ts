// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { Arguments, type Command, helpOf } from "../../cli/arguments.ts";
import { commandOf, COMMANDS, PROGRAM } from "../../cli/commands.ts";
import { compare } from "../../cli/compare.ts";
import { evaluate } from "../../cli/evaluate.ts";
import { finetune } from "../../cli/finetune.ts";
import { listOf, nearest } from "../../data/names.ts";
import { predict } from "../../cli/predict.ts";
import { tokenize } from "../../cli/tokenize.ts";
import { trainTokenizerCommand } from "../../cli/train_tokenizer.ts";
import { cli, read, runArguments } from "./_command.ts";

Deno.test("the command line lists its commands and their options", async () => {
  const [all, none, wrong, version, short, help] = await Promise.all([
    cli("--help"),
    cli(),
    cli("train"),
    cli("--version"),
    cli("-v"),
    cli("predict", "-h"),
  ]);
  assertEquals(all.code, 0);
  assertMatch(all.out, /^Fine-tunes transformers on WebGPU/);
  for (const { name } of COMMANDS) {
    assertMatch(all.out, new RegExp(`\n  ${name} +[A-Z].*\\.\n`));
  }
  assert(all.out.split("\n").every((line) => line.length <= 80), all.out);
  assertEquals(none.code, 1);
  assertEquals([wrong.code, wrong.out], [1, ""]);
  assertMatch(
    wrong.err,
    /^error: Cannot run "train": .*; did you mean finetune\?\n$/,
  );
  assertEquals([version.code, short.out], [0, version.out]);
  assertEquals([help.code, help.out], [0, helpOf(predict, "swagpu")]);
  assertMatch(version.out, /^swagpu \d+\.\d+\.\d+ \(Deno \d+\..*\)\n$/);
});

Deno.test({
  name: "what cannot be written to standard output is an error",
  ignore: Deno.build.os !== "linux", // Others have no /dev/full.
  async fn() {
    for (const args of [["--version"], ["help"], ["completions", "bash"]]) {
      const command = [Deno.execPath(), ...runArguments(args)];
      const { code, err } = read(
        await new Deno.Command("sh", {
          args: ["-c", 'exec "$@" > /dev/full', "sh", ...command],
        }).output(),
      );
      assertEquals(
        [code, err],
        [
          1,
          "error: Cannot write standard output: No space left on device\n",
        ],
      );
    }
  },
});

Deno.test("help fits 80 columns, and shows a configuration", () => {
  for (const command of ALL_COMMANDS) {
    const help = helpOf(command, "swagpu");
    assert(help.split("\n").every((line) => line.length <= 80), help);
  }
  const help = helpOf(finetune, "swagpu");
  assertMatch(help, /--swag-modules PREFIX …/);
  const config = /^ {2}\{[^}]*\}/m.exec(help)?.[0] ?? "";
  assertEquals(JSON.parse(config).model_type, "bert");
  assertMatch(help, /1e-3/);
});

Deno.test("finetune's help of one task leaves out the options of others", () => {
  const names = (command: Command) =>
    Object.values(command.options).flat().map(({ name }) => name);
  const own = names(finetune.forTask?.("ner") ?? finetune);
  assert(own.includes("tags-column") && own.includes("epochs"));
  assert(!own.includes("doc-stride"));
  assert(names(finetune).includes("doc-stride"));
});

/** The commands, and those that they consist of. */
const ALL_COMMANDS = COMMANDS.flatMap((
  command,
) => [command, ...Object.values(command.parts ?? {})]);

Deno.test("a command may consist of others, each with options of its own", async () => {
  const nameOf = (...words: string[]) => commandOf(words).command?.name;
  assertEquals(nameOf("swag", "fit", "--quiet"), "swag fit");
  assertEquals(commandOf(["swag", "fit", "--quiet"]).rest, ["--quiet"]);
  assertEquals(nameOf("swag"), "swag");
  assertEquals(nameOf("swag", "constructor"), "swag");
  assertEquals(nameOf("fit"), undefined);
  const { command } = commandOf(["swag"]);
  assert(command);
  const help = helpOf(command, PROGRAM);
  assertMatch(help, /^ {2}fit {7}Makes a posterior of the checkpoints/m);
  assertMatch(help, /^ {2}evaluate {2}Measures a posterior on labeled texts/m);
  const refused = (...args: string[]) =>
    assertThrows(() => new Arguments(command, args), RangeError).message;
  assertEquals(
    refused("evalute"),
    "Cannot run swag evalute: expected fit, sample, evaluate; did you mean " +
      "evaluate?",
  );
  const [own, part] = await Promise.all([
    cli("help", "swag", "sample"),
    cli("swag", "sample", "--help"),
  ]);
  assertEquals([own.code, own.out], [0, part.out]);
  assertMatch(part.out, /^Usage: swagpu swag sample --model DIR/m);
});

/** The words of a line of shell, in which only double quotes are special. */
function words(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|\S+/g)].map(([all, text]) => text ?? all);
}

Deno.test("every command's help has examples, whose options exist", () => {
  for (const command of ALL_COMMANDS) {
    const { notes = "" } = command;
    const [, block = ""] = /^Examples:\n((?: {2}.*\n?)+)/m.exec(notes) ?? [];
    const lines = block.replaceAll(/\\\n */g, "").split("\n")
      .map((line) => line.replace(/^.*\| /, "").replace(/ > .*$/, "").trim())
      .filter((line) => line !== "");
    assert(lines.length >= 2, `${command.name} has ${lines.length} examples`);
    for (const line of lines) {
      const [program, ...args] = words(line);
      assertEquals(program, PROGRAM);
      const { command: called, rest } = commandOf(args);
      assert(called, line);
      new Arguments(called, rest); // Throws if an option does not exist.
    }
    assert(lines.some((line) => line.startsWith(`${PROGRAM} ${command.name}`)));
  }
});

Deno.test("a command takes one of its words without a dash", () => {
  const command = COMMANDS.find(({ name }) => name === "completions");
  assert(command);
  const parse = (...args: string[]) => new Arguments(command, args);
  assertEquals(parse("zsh").operand, "zsh");
  assertEquals(parse().operand, undefined);
  assertThrows(() => parse("bsh"), RangeError, "did you mean bash?");
  assertThrows(() => parse("bash", "zsh"), TypeError, "another word was given");
  assertEquals(new Arguments(predict, []).operand, undefined);
});

Deno.test("a mistyped option gets an error that names the right one", () => {
  const refused = (command: Command, ...args: string[]) =>
    assertThrows(() => new Arguments(command, args), TypeError).message;
  const meant: [Command, string, string][] = [
    [finetune, "--lr", "--learning-rate"],
    [finetune, "--learning_rate", "--learning-rate"],
    [finetune, "--learnign-rate", "--learning-rate"],
    [finetune, "--bs", "--batch-size"],
    [finetune, "--epoch", "--epochs"],
    [finetune, "--num_train_epochs", "--epochs"],
    [finetune, "--out", "--output"],
    [finetune, "--output_dir", "--output"],
    [finetune, "--train-file", "--data"],
    [finetune, "--test", "--eval"],
    [finetune, "--max-seq-length", "--max-length"],
    [evaluate, "--test", "--data"],
    [evaluate, "--model-name-or-path", "--model"],
    [evaluate, "--samples", "--swag-samples"],
    [evaluate, "--output", "--predictions"],
    [compare, "--n-resamples", "--resamples"],
    [predict, "--txt", "--text"],
    [predict, "-m", "--model"],
    [tokenize, "--model", "--tokenizer"],
    [trainTokenizerCommand, "--vocab_size", "--vocab-size"],
    [trainTokenizerCommand, "--special_tokens", "--special-token"],
    [trainTokenizerCommand, "--do-lower-case", "--lowercase"],
  ];
  for (const [command, wrong, right] of meant) {
    assertEquals(
      refused(command, wrong, "1"),
      `Cannot run ${command.name} with ${wrong}: it is not an option, ` +
        `did you mean ${right}?`,
    );
  }
  assertMatch(refused(predict, "--zzz"), /with --zzz: .*see predict --help$/);
  assertMatch(refused(predict, "a.csv"), /with a\.csv: .*--data a\.csv$/);
  assertMatch(refused(finetune, "--swag=false"), /takes no value/);
  assertMatch(refused(finetune, "--data"), /without a value/);
  assertMatch(refused(finetune, "--data", "--swag"), /without a value/);
  assertEquals(new Arguments(finetune, ["--data", "-"]).text("data"), "-");
  const runs = new Arguments(compare, ["a", "--json", "-", "--seed", "1", "b"]);
  assertEquals(runs.operands, ["a", "-", "b"]);
  assertEquals([runs.flag("json"), runs.integer("seed")], [true, 1]);
  assertMatch(refused(compare, "a", ""), /empty RUN/);
  for (const value of ["-1", "-.5", "-1e-3"]) {
    const rate = new Arguments(finetune, ["--learning-rate", value]);
    assertThrows(
      () => rate.number("learning-rate", { min: 0, above: true }),
      RangeError,
      `Cannot use --learning-rate ${value}: expected a number above 0`,
    );
  }
  const seed = new Arguments(finetune, ["--seed", "-7", "--swag"]);
  assertEquals([seed.integer("seed"), seed.flag("swag")], [-7, true]);
  const schedule = new Arguments(finetune, ["--schedule", "cosin"]);
  assertThrows(
    () => schedule.choice("schedule", ["linear", "cosine"]),
    RangeError,
    "did you mean cosine?",
  );
});

Deno.test("nearest() finds names that are close, and no others", () => {
  const known = ["data", "eval", "epochs", "batch-size"];
  assertEquals(nearest("dtaa", known), "data");
  assertEquals(nearest("batch", known), "batch-size");
  assertEquals(nearest("epohcs", known), "epochs");
  assertEquals(nearest("momentum", known), undefined);
});

Deno.test("listOf() cuts lists after ten names", () => {
  const names = Array.from({ length: 150 }, (_, i) => `c${i}`);
  assertEquals(listOf(["a", "b"]), '"a", "b"');
  assertEquals(listOf(names.slice(0, 11)).split(",").length, 11);
  assertEquals(
    listOf(names),
    '"c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8", "c9" and 140 more',
  );
});
