// Copyright 2026 the swagpu authors. MIT license.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertMatch,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { Progress, progressLine } from "../cli/progress.ts";
import { columnOf, readTable } from "../cli/table.ts";

const CLI = new URL("../cli.ts", import.meta.url).pathname;

interface Outcome {
  code: number;
  out: string;
  err: string;
}

function command(args: readonly string[]): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", CLI, ...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}

async function cli(...args: string[]): Promise<Outcome> {
  return read(await command(args).output());
}

function read({ code, stdout, stderr }: Deno.CommandOutput): Outcome {
  const decoder = new TextDecoder();
  // Mesa complains on machines without a desktop.
  const err = decoder.decode(stderr).split("\n")
    .filter((line) => !line.includes("XDG_RUNTIME_DIR")).join("\n");
  return { code, out: decoder.decode(stdout), err };
}

/** Texts whose class is told by one word. */
function examples(count: number): { text: string; label: string }[] {
  const words = { neg: ["bad", "dull"], pos: ["good", "fine"] };
  return Array.from({ length: count }, (_, i) => {
    const label = i % 2 === 0 ? "neg" : "pos";
    return { text: `the film was ${words[label][i % 3 % 2]}`, label };
  });
}

/** A folder with data in all formats, a configuration and a tokenizer. */
async function inFolder(
  body: (folder: string, start: string[]) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
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
    "config.json": JSON.stringify(config),
    "tokenizer/vocab.txt": vocabulary.join("\n") + "\n",
  };
  await Deno.mkdir(`${folder}/tokenizer`);
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(`${folder}/${name}`, text);
  }
  const start = [
    "--init",
    `${folder}/config.json`,
    "--tokenizer",
    `${folder}/tokenizer`,
    ..."--batch-size 8 --learning-rate 0.01 --epochs 6".split(" "),
  ];
  try {
    await body(folder, start);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function names(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
}

const SAVED = [
  "config.json",
  "model.safetensors",
  "special_tokens_map.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "vocab.txt",
];

Deno.test("finetune, evaluate and predict lead from a file to answers", async () => {
  await inFolder(async (folder, start) => {
    const output = `${folder}/model`;
    const trained = await cli(
      "finetune",
      ...["--data", `${folder}/train.tsv`, "--eval", `${folder}/train.csv`],
      ...["--output", output, "--swag", "--max-num-models", "3"],
      ...["--max-length", "6", ...start],
    );
    assertEquals([trained.code, trained.err], [0, ""]);
    assertMatch(trained.out, /after 18 steps, .*, 3 collections, rank 3\n/);
    assertMatch(trained.out, /last iterate .*\nSWA .*\nSWAG /);
    const written = names(output);
    assert(SAVED.every((name) => written.includes(name)), written.join());
    assertEquals(written.length, SAVED.length + 1);
    const config = JSON.parse(await Deno.readTextFile(`${output}/config.json`));
    assertEquals(config.id2label, { 0: "neg", 1: "pos" });
    assertEquals(config.problem_type, "single_label_classification");

    // What was saved, cut as in training, gives the scores of the end again.
    const scores = await cli(
      "evaluate",
      ...["--model", output, "--data", `${folder}/train.csv`],
    );
    assert(trained.out.endsWith(scores.out), `${trained.out}\n${scores.out}`);

    const evaluated = await cli(
      "evaluate",
      ...["--model", output, "--data", `${folder}/train.jsonl`, "--json"],
      ...["--swag-samples", "4", "--temperature-fit", `${folder}/train.csv`],
    );
    assertEquals([evaluated.code, evaluated.err], [0, ""]);
    const { rows, results } = JSON.parse(evaluated.out);
    assertEquals(rows, 24);
    assertEquals(
      results.map(({ method }: { method: string }) => method),
      ["last iterate", "SWA", "SWAG"],
    );
    assertEquals(results[0].scores.accuracy, 1);
    assertEquals(
      Object.keys(results[0].scores).join(" "),
      "accuracy nll ece brier f1 mcc temperature scaled_nll scaled_ece",
    );

    const predicted = await cli(
      "predict",
      ...["--model", output, "--swag-samples", "4"],
      ...["--text", "the film was good", "--text", "the film was bad"],
    );
    assertEquals([predicted.code, predicted.err], [0, ""]);
    const lines = predicted.out.trim().split("\n")
      .map((line) => JSON.parse(line));
    assertEquals(lines.map(({ label }) => label), ["pos", "neg"]);
    for (const { probabilities: { neg, pos }, ...line } of lines) {
      assertAlmostEquals(neg + pos, 1, 1e-6);
      assert(line.mutual_information >= 0);
      assert(line.entropy >= line.mutual_information);
    }

    // The same folder once more is refused, and nothing in it changes.
    const before = await Deno.readFile(`${output}/model.safetensors`);
    const again = await cli(
      "finetune",
      ...["--data", `${folder}/train.tsv`, "--output", output, ...start],
    );
    assertEquals(again.code, 1);
    assertMatch(again.err, /^error: Cannot write to .*--overwrite\n$/);
    assertEquals(await Deno.readFile(`${output}/model.safetensors`), before);

    // On from the saved model, without a posterior: the old one must go.
    const more = await cli(
      "finetune",
      ...["--data", `${folder}/train.tsv`, "--output", output, "--overwrite"],
      ...["--model", output, "--epochs", "1"],
    );
    assertEquals([more.code, more.err], [0, ""]);
    assertEquals(names(output).includes("swag.safetensors"), false);
  });
});

Deno.test("finetune names classes by whole numbers, and learns regression", async () => {
  await inFolder(async (folder, start) => {
    const data = ["--data", `${folder}/ints.jsonl`];
    const classes = await cli(
      "finetune",
      ...[...data, "--output", `${folder}/classes`, ...start],
    );
    assertEquals([classes.code, classes.err], [0, ""]);
    const config = JSON.parse(
      await Deno.readTextFile(`${folder}/classes/config.json`),
    );
    assertEquals(config.id2label, { 0: "1", 1: "5" });

    const regression = await cli(
      "finetune",
      ...[...data, "--output", `${folder}/numbers`, ...start],
      ...["--problem-type", "regression", "--pair-column", "text"],
    );
    assertEquals([regression.code, regression.err], [0, ""]);
    const evaluated = await cli(
      "evaluate",
      ...[...data, "--model", `${folder}/numbers`, "--pair-column", "text"],
    );
    assertEquals([evaluated.code, evaluated.err], [0, ""]);
    assertMatch(evaluated.out, /MSE\s+Pearson\s+Spearman\n/);
  });
});

Deno.test("finetune refuses what cannot work before it writes anything", async () => {
  await inFolder(async (folder, start) => {
    const output = ["--output", `${folder}/model`];
    const data = ["--data", `${folder}/train.csv`];
    const cases: [string[], RegExp][] = [
      [["--data", `${folder}/no.csv`], /no\.csv: there is no such file/],
      [[...data, "--text-column", "body"], /column "body" .*"text", "label"/],
      [[...data, "--label-column", "y"], /column "y" .*"text", "label"/],
      [
        [...data, "--eval", `${folder}/other.jsonl`],
        /label "meh" .*"neg", "pos"/,
      ],
      [[...data, "--problem-type", "regression"], /"neg" in row 1 .*numbers/],
      [[...data, "--model", folder], /either --model or --init/],
      [
        [...data, "--epochs", "many"],
        /--epochs many: expected a number from 1/,
      ],
      [[...data, "--epoch", "3"], /with --epoch: it is not an option/],
      [[...data, "--max-length", "99"], /the model knows 16 places/],
      [[...data, "--var-clamp", "0"], /without --swag/],
      [[...data, "--swag", "--swag-start", "5"], /from 1 collections/],
      [
        [...data, "--swag", "--swag-modules", "bert.decoder"],
        /"bert\.encoder"/,
      ],
    ];
    const outcomes = await Promise.all(
      cases.map(([args]) => cli("finetune", ...output, ...start, ...args)),
    );
    outcomes.forEach(({ code, out, err }, i) => {
      assertMatch(err, cases[i]?.[1] ?? /./);
      assertMatch(err, /^error: [^\n]*\n$/);
      assertEquals([code, out], [1, ""]);
    });
    assert(!names(folder).includes("model"));
  });
});

Deno.test("finetune saves and exits with 130 when it is interrupted", async () => {
  await inFolder(async (folder, start) => {
    const output = `${folder}/model`;
    const child = command([
      "finetune",
      ...["--data", `${folder}/train.csv`, "--output", output, "--swag"],
      ...[...start, "--epochs", "100000", "--swag-start", "1"],
    ]).spawn();
    // The folder is made when all is well and training begins.
    for (let i = 0; i < 300 && !names(folder).includes("model"); i++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    // Compiling the first step's kernels may take seconds on a busy machine.
    await new Promise((resolve) => setTimeout(resolve, 5000));
    child.kill("SIGINT");
    await new Promise((resolve) => setTimeout(resolve, 50));
    child.kill("SIGINT");
    const { code, out, err } = read(await child.output());
    assertEquals([code, err], [130, ""]);
    assertMatch(out, /^Saved .*model after \d+ steps/);
    assertEquals(
      names(output),
      [...SAVED, "swag.safetensors"].sort(),
    );
    const loaded = await cli(
      "predict",
      ...["--model", output, "--text", "the film", "--swag-samples", "2"],
    );
    assertEquals([loaded.code, loaded.err], [0, ""]);
  });
});

Deno.test("the command line lists its commands and their options", async () => {
  const [all, help, none, wrong] = await Promise.all([
    cli("--help"),
    cli("finetune", "--help"),
    cli(),
    cli("train"),
  ]);
  assertEquals(all.code, 0);
  for (const name of ["finetune", "evaluate", "predict"]) {
    assertMatch(all.out, new RegExp(`\n  ${name} `));
  }
  assertEquals(help.code, 0);
  assertMatch(help.out, /--swag-modules PREFIX …/);
  assert(help.out.split("\n").every((line) => line.length <= 80));
  assertEquals(none.code, 1);
  assertEquals(wrong.code, 1);
  assertMatch(wrong.err, /^error: Cannot run "train": .*finetune.*\n$/);
});

Deno.test("readTable() reads what each format allows and refuses the rest", async () => {
  const folder = await Deno.makeTempDir();
  const write = async (name: string, text: string) => {
    await Deno.writeTextFile(`${folder}/${name}`, text);
    return `${folder}/${name}`;
  };
  try {
    const csv = await readTable(
      await write("a.csv", '\ufefftext,label\r\n"a, ""b""\nc",1\r\n'),
    );
    assertEquals(csv.columns, ["text", "label"]);
    assertEquals(columnOf(csv, "text"), ['a, "b"\nc']);
    const tsv = await readTable(
      await write("a.tsv", 'text\tn\n"a\t1\n\nb"\t2\n'),
    );
    assertEquals(columnOf(tsv, "text"), ['"a', 'b"']);
    const lines = await write(
      "a.jsonl",
      '{"text": "a"}\n\n{"text": 2, "n": null}\n',
    );
    const jsonl = await readTable(lines);
    assertEquals(columnOf(jsonl, "text"), ["a", "2"]);
    assertThrows(() => columnOf(jsonl, "n"), TypeError, "row 1 of");
    const cases: [string, string, string][] = [
      ["b.csv", "text,label\na\n", "Invalid Record Length"],
      ["c.csv", "text,text\na,b\n", 'the column "text" is there twice'],
      ["d.csv", 'text,label\n"a,b\n', "Quote"],
      ["e.csv", "text,label\n", "it has no rows"],
      ["f.jsonl", '{"text": "a"}\n[1]\n', "line 2 is not a JSON object"],
      ["g.jsonl", '{"text": "a"\n', "line 1 is not a JSON object"],
      ["h.txt", "text\na\n", "say --format"],
    ];
    for (const [name, text, message] of cases) {
      const path = await write(name, text);
      await assertRejects(() => readTable(path), Error, message);
    }
    await Deno.writeFile(`${folder}/i.csv`, new Uint8Array([0x61, 0xff, 0x0a]));
    await assertRejects(
      () => readTable(`${folder}/i.csv`),
      SyntaxError,
      "not UTF-8",
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("Progress writes one line to a terminal, and nothing elsewhere", () => {
  const written: string[] = [];
  const terminal = (isTerminal: boolean) => ({
    isTerminal: () => isTerminal,
    writeSync(bytes: Uint8Array) {
      written.push(new TextDecoder().decode(bytes));
      return bytes.length;
    },
  });
  const length = { epochs: 4, steps: 80, samples: 4000 };
  const report = {
    epoch: 1,
    step: 20,
    loss: 0.51239,
    losses: new Float32Array(),
    learningRate: 5e-5,
  };
  assertEquals(
    progressLine(report, length, 50),
    "epoch 2/4  step 20/80  loss 0.5124  learning rate 5.00e-5  " +
      "20 samples/s  2:30 left",
  );
  assertMatch(
    progressLine(report, length, 5000),
    / 0\.2 samples\/s {2}4:10:00 left$/,
  );
  const silent = new Progress(length, terminal(false));
  silent.show(report);
  silent.say("done");
  assertEquals(written, []);
  const watched = new Progress(length, terminal(true));
  watched.show(report);
  watched.clear();
  assertEquals(written.length, 2);
  assertMatch(written.join(""), /^\r[^\n]*epoch 2\/4[^\n]*\r[^\n]*$/);
});
