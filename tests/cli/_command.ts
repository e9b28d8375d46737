// Copyright 2026 the swagpu authors. MIT license.

import { inFolder } from "../_folder.ts";

const CLI = new URL("../../cli.ts", import.meta.url).pathname;

/** The result of a run. */
export interface Outcome {
  code: number;
  out: string;
  err: string;
}

/** The arguments with which Deno runs the command line. */
export function runArguments(args: readonly string[]): string[] {
  return ["run", "-A", "--no-check", "--quiet", CLI, ...args];
}

/** Prepares a process that runs the command line. */
export function command(
  args: readonly string[],
  stdin: "null" | "piped" = "null",
  env: Record<string, string> = {},
): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: runArguments(args),
    env,
    stdin,
    stdout: "piped",
    stderr: "piped",
  });
}

/** Runs the command line and waits for its end. */
export async function cli(...args: string[]): Promise<Outcome> {
  return read(await command(args).output());
}

/** Decodes what a run wrote. */
export function read({ code, stdout, stderr }: Deno.CommandOutput): Outcome {
  const decoder = new TextDecoder();
  // Mesa prints a warning on machines without a desktop.
  const err = decoder.decode(stderr).split("\n")
    .filter((line) => !line.includes("XDG_RUNTIME_DIR")).join("\n");
  return { code, out: decoder.decode(stdout), err };
}

/** Makes texts in each of which one word decides the class. */
export function examples(count: number): { text: string; label: string }[] {
  const words = { neg: ["bad", "dull"], pos: ["good", "fine"] };
  return Array.from({ length: count }, (_, i) => {
    const label = i % 2 === 0 ? "neg" : "pos";
    return { text: `the film was ${words[label][i % 3 % 2]}`, label };
  });
}

/**
 * Calls a function with a folder that holds data in all formats, a configuration and
 * a tokenizer, and with the options that start training from them.
 */
export async function inDataFolder(
  body: (folder: string, start: string[]) => Promise<void>,
): Promise<void> {
  const rows = examples(24);
  const separated = (by: string) =>
    [["text", "label"], ...rows.map(({ text, label }) => [text, label])]
      .map((row) => row.join(by) + "\n").join("");
  const lines = (list: readonly object[]) =>
    list.map((row) => JSON.stringify(row) + "\n").join("");
  const config = {
    model_type: "bert",
    hidden_size: 16,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    intermediate_size: 16,
    max_position_embeddings: 16,
    initializer_range: 0.2,
    hidden_dropout_prob: 0,
    attention_probs_dropout_prob: 0,
  };
  const vocabulary = [
    ..."[PAD] [UNK] [CLS] [SEP] [MASK]".split(" "),
    ..."the film was bad dull good fine".split(" "),
  ];
  const files: Record<string, string> = {
    "train.tsv": separated("\t"),
    "train.csv": separated(","),
    "train.jsonl": lines(rows),
    "ints.jsonl": lines(
      rows.map(({ text, label }) => ({ text, label: label === "pos" ? 5 : 1 })),
    ),
    "other.jsonl": lines([{ text: "the film", label: "meh" }]),
    "scores.csv": "text,label\n" +
      rows.map(({ text }, i) => `${text},${i / 7}\n`).join(""),
    "unlabeled.csv": "text,label\ngood,pos\nfine,\nbad,neg\n,pos\n",
    "ragged.csv": "text,label\ngood,pos\nfine\n",
    "bare.tsv": "good\tpos\nbad\tneg\n",
    "pairs.csv": "premise,hypothesis,gold_label,id\r\n" +
      rows.map(({ text, label }, i) => `${text},a film,${label},${i}\r\n`)
        .join(""),
    "config.json": JSON.stringify(config),
    "tokenizer/vocab.txt": vocabulary.join("\n") + "\n",
  };
  await inFolder(async (folder) => {
    await Deno.mkdir(`${folder}/tokenizer`);
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${folder}/${name}`, text);
    }
    await body(folder, [
      "--init",
      `${folder}/config.json`,
      "--tokenizer",
      `${folder}/tokenizer`,
      ..."--batch-size 8 --learning-rate 0.01 --epochs 6".split(" "),
    ]);
  });
}
