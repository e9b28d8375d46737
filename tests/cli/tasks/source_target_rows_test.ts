// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { translation } from "../../../cli/tasks/sequence_to_sequence.ts";
import { inFolder } from "../../_folder.ts";
import { argumentsOf, listener } from "./_task.ts";
import { BPE, configOf, EXAMPLES, PAIRS, rowsOf } from "./_writing.ts";

Deno.test("translation reads columns, objects of languages and pairs of files", async () => {
  const files = {
    "a.tsv": PAIRS.map((pair) => pair.join("\t") + "\n").join(""),
    "b.jsonl": PAIRS.map(([fr, en]) =>
      JSON.stringify({ id: 1, translation: { fr, en } }) + "\n"
    ).join(""),
    "c.fr.txt": PAIRS.map(([fr]) => fr + "\n").join(""),
    "c.en.txt": PAIRS.map(([, en]) => en + "\r\n").join(""),
    "short.txt": "the black cat\n",
  };
  await inFolder(async (folder) => {
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${folder}/${name}`, text);
    }
    const { progress } = listener();
    const read = async (file: string, ...given: string[]) => {
      const args = argumentsOf(translation, "finetune", [
        "--data",
        `${folder}/${file}`,
        ...given,
      ]);
      return await translation.read("data", { args, progress });
    };
    const languages = ["--source-column", "fr", "--target-column", "en"];
    for (
      const data of [
        await read("a.tsv", "--columns", "source,target"),
        await read("a.tsv", "--columns", "fr,en", ...languages),
        await read("b.jsonl", ...languages),
        await read("c.fr.txt", "--target-data", `${folder}/c.en.txt`),
      ]
    ) {
      assertEquals(
        data.examples.map(({ source, target }) => [source, target]),
        PAIRS.map((pair) => [...pair]),
      );
    }
    const args = argumentsOf(translation, "finetune", [
      "--eval",
      `${folder}/c.fr.txt`,
      "--target-eval",
      `${folder}/c.en.txt`,
    ]);
    const { examples } = await translation.read("eval", { args, progress });
    assertEquals(examples.length, PAIRS.length);

    const mixed = await read(
      "c.fr.txt",
      ..."--target-data c.en.txt --eval b.jsonl".split(" ").map((word) =>
        word.startsWith("--") ? word : `${folder}/${word}`
      ),
      ...languages,
    );
    assertEquals(mixed.examples.length, PAIRS.length);

    const refused: [string, string[], string][] = [
      ["a.tsv", [], 'Cannot find the column "source"'],
      ["b.jsonl", [], 'language "source"'],
      ["b.jsonl", ["--source-column", "de"], 'translations are in "fr", "en"'],
      ["c.fr.txt", [], "name the file of targets with --target-data"],
      [
        "c.fr.txt",
        ["--target-data", `${folder}/short.txt`],
        "it ends before line 2",
      ],
      [
        "c.fr.txt",
        ["--target-data", `${folder}/c.en.txt`, ...languages],
        "Cannot use --source-column with --target-data",
      ],
      ["a.tsv", ["--target-eval", "x.txt"], "--target-eval without --eval"],
      [
        "a.tsv",
        ["--target-data", `${folder}/c.en.txt`],
        "as text for --target-data: it is tsv",
      ],
    ];
    for (const [file, given, message] of refused) {
      await assertRejects(() => read(file, ...given), Error, message);
    }
  });
});

Deno.test("translation remembers columns and what is put before sources", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/a.csv`;
    await Deno.writeTextFile(path, "fr,en\nle chat,the cat\n");
    const { progress } = listener();
    const args = argumentsOf(translation, "finetune", [
      ..."--data x --source-column fr --target-column en".split(" "),
      "--source-prefix",
      "translate: ",
    ]);
    const config = configOf("bart", BPE);
    const data = { path, examples: EXAMPLES };
    const fields = translation.configFields(data, { args, progress, config });
    assertEquals(fields, {
      prefix: "translate: ",
      swagpu: { source_column: "fr", target_column: "en" },
    });
    const trained = configOf("bart", BPE, fields);
    const again = await translation.read("data", {
      args: argumentsOf(translation, "finetune", ["--data", path]),
      progress,
      config: trained,
    });
    assertEquals(again.examples[0]?.source, "le chat");
    const { rows } = rowsOf(EXAMPLES, { tokenizer: BPE, config: trained });
    assertEquals(
      rows[0]?.inputIds,
      BPE.encode(`translate: ${PAIRS[0][0]}`).inputIds,
    );
    assertEquals(rows[0]?.labels, BPE.encode(PAIRS[0][1]).inputIds);
    // Parameters of the task that the file has take precedence.
    const task_specific_params = {
      translation: { prefix: "t5: ", num_beams: 2 },
      other: { prefix: "no" },
    };
    const given = configOf("bart", BPE, { task_specific_params });
    const { rows: before } = rowsOf(EXAMPLES, {
      tokenizer: BPE,
      config: given,
    });
    assertEquals(
      before[0]?.inputIds,
      BPE.encode(`t5: ${PAIRS[0][0]}`).inputIds,
    );
    const changed = translation.configFields(data, {
      args,
      progress,
      config: given,
    });
    assertEquals(changed.task_specific_params, {
      translation: { prefix: "translate: ", num_beams: 2 },
      other: { prefix: "no" },
    });
  });
});

Deno.test("translation says what was cut, and what is blank", () => {
  const config = configOf("bart", BPE);
  const examples = [...EXAMPLES, { source: "le", target: " ", place: "row 5" }];
  const lengths = (text: string) => BPE.encode(text).inputIds.length;
  const longest = Math.max(...PAIRS.map(([source]) => lengths(source)));
  const { rows, said } = rowsOf(examples, {
    tokenizer: BPE,
    config,
    given: ["--max-target-length", "4"],
    maxLength: longest - 1,
  });
  assertEquals(rows.map(({ labels }) => labels.length), [4, 4, 4, 4, 3]);
  assertEquals(
    rows.map(({ length }) => length),
    rows.map(({ inputIds, labels }) => inputIds.length + labels.length),
  );
  const cut = PAIRS.filter(([source]) => lengths(source) === longest).length;
  assertEquals(said, [
    `${cut} of 5 rows of pairs.tsv cut to ${longest - 1} tokens`,
    "4 of 5 targets of pairs.tsv cut to 4 tokens",
    "1 of 5 rows of pairs.tsv without a source or a target",
  ]);
  assertThrows(
    () =>
      rowsOf(examples, {
        tokenizer: BPE,
        config,
        given: ["--max-target-length", "64"],
      }),
    RangeError,
    "Cannot use --max-target-length 64: the model supports 32 positions",
  );
});

Deno.test("translation checks the options of measuring before it trains", () => {
  const config = configOf("bart", BPE);
  const refused: [string[], string][] = [
    [["--num-beams", "2", "--no-generate"], "--num-beams with --no-generate"],
    [["--max-new-tokens", "33"], "the model supports 32 positions"],
    [["--num-beams", "0"], "Cannot use --num-beams 0"],
  ];
  for (const [given, message] of refused) {
    assertThrows(
      () => rowsOf(EXAMPLES, { tokenizer: BPE, config, given }),
      Error,
      message,
    );
  }
});
