// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { maskedLanguageModel as task } from "../../../cli/tasks/masked_language_model.ts";
import {
  AutoConfig,
  BertConfig,
  ConfigReader,
  groupTexts,
  trainTokenizer,
} from "../../../models/mod.ts";
import { argumentsOf, listener, withFiles } from "./_task.ts";
import { prepared, SMALL, TEXTS, TOKENIZER } from "./_masked.ts";

Deno.test("fill-mask reads lines, paragraphs, columns and gzip data", async () => {
  const text = "the dog\nbarks\n\nthe cat\n";
  const zipped = new Uint8Array(
    await new Response(
      new Blob([text]).stream().pipeThrough(new CompressionStream("gzip")),
    ).arrayBuffer(),
  );
  await withFiles({
    "a.txt": text,
    "b.txt.gz": zipped,
    "c.csv": "id,body\n1,the dog\n2,the cat\n",
    "d.jsonl": '{"text": "the dog"}\n',
  }, async (_, folder) => {
    const read = async (...given: string[]) => {
      const args = argumentsOf(task, "finetune", given);
      const { progress } = listener();
      const { examples } = await task.read("data", { args, progress });
      return examples.flatMap((one) =>
        "text" in one ? [[one.text, one.place]] : []
      );
    };
    const at = (name: string) => ["--data", `${folder}/${name}`];
    const lines = await read(...at("a.txt"));
    assertEquals(lines.map(([text]) => text), ["the dog", "barks", "the cat"]);
    assertEquals(lines[2]?.[1], `row 3 of ${folder}/a.txt (line 4)`);
    const paragraphs = await read(
      ...at("b.txt.gz"),
      "--sample-by",
      "paragraph",
    );
    assertEquals(paragraphs.map(([text]) => text), [
      "the dog\nbarks",
      "the cat",
    ]);
    const cells = await read(...at("c.csv"), "--text-column", "body");
    assertEquals(cells.map(([text]) => text), ["the dog", "the cat"]);
    assertEquals((await read(...at("d.jsonl")))[0]?.[0], "the dog");
    const plain = await read(...at("c.csv"), "--format", "txt");
    assertEquals(plain[1]?.[0], "1,the dog");
  });
});

Deno.test("fill-mask remembers the column of texts", async () => {
  await withFiles({ "a.csv": "id,body\n1,the dog\n" }, async (given) => {
    const named = argumentsOf(task, "finetune", [
      ...given,
      "--text-column",
      "body",
    ]);
    const { progress } = listener();
    const data = await task.read("data", { args: named, progress });
    const fields = task.configFields(data, {
      args: named,
      progress,
      config: new BertConfig(SMALL),
    });
    assertEquals(fields, { swagpu: { text_column: "body" } });
    const args = argumentsOf(task, "finetune", given);
    await assertRejects(
      () => task.read("data", { args, progress }),
      RangeError,
      'Cannot find the column "text"',
    );
    const config = AutoConfig.fromFields(
      new ConfigReader({ model_type: "bert", ...fields }, { source: "a file" }),
    );
    const again = await task.read("data", { args, progress, config });
    assertEquals(again, data);
  });
});

Deno.test("fill-mask cuts texts into blocks", async () => {
  await withFiles(
    { "a.txt": [...TEXTS, "", "  "].join("\n") },
    async (data) => {
      const { rows } = await prepared([...data, "--block-size", "10"]);
      const expected = groupTexts(TEXTS.map((text) => TOKENIZER.encode(text)), {
        blockSize: 10,
      });
      assert(expected.length > 3);
      assertEquals(
        rows.map((row) => row.kind === "text" && Array.from(row.inputIds)),
        expected.map(({ inputIds }) => Array.from(inputIds)),
      );
      assertEquals(rows.map(({ length }) => length), expected.map(() => 10));
      assertEquals(rows[1]?.place, `block 2 of ${data[1]}`);
      // Without the option a block has as many tokens as a row may have.
      const { rows: whole } = await prepared(data, { maxLength: 16 });
      assertEquals(whole[0]?.length, 16);
    },
  );
});

Deno.test("fill-mask can keep texts apart", async () => {
  const file = '{"text": "the dog barks in the barn"}\n{"text": " "}\n' +
    '{"text": "a cat"}\n';
  await withFiles({ "a.jsonl": file }, async (data) => {
    const { rows, said } = await prepared([...data, "--line-by-line"], {
      maxLength: 6,
    });
    assertEquals(rows.map(({ length }) => length), [6, 4]);
    assertEquals(rows.map((row) => row.kind === "text" && row.number), [0, 2]);
    assertEquals(said, [
      `Left out 1 of 3 texts of ${data[1]} without tokens`,
      `1 of 3 rows of ${data[1]} cut to 6 tokens`,
    ]);
  });
});

Deno.test("fill-mask refuses what it cannot use", async () => {
  const files = {
    "a.txt": "the dog\n",
    "b.csv": "text,x,y\nthe dog,the cat,a cat\n",
    "c.jsonl": '{"sentence_good": "the dog", "sentence_bad": " "}\n',
    "d.txt": " \n",
  };
  await withFiles(files, async (_, folder) => {
    const refused = async (
      file: string,
      given: string[],
      message: string,
      options: Parameters<typeof prepared>[1] = {},
    ) => {
      const data = ["--data", `${folder}/${file}`];
      await assertRejects(
        () => prepared([...data, ...given], options),
        Error,
        message,
      );
    };
    await refused(
      "a.txt",
      ["--text-column", "x"],
      "Cannot use --text-column with",
    );
    await refused("a.txt", ["--pairs", "x,y"], "Cannot use --pairs with");
    await refused("a.txt", [], "have 4 tokens, and a block has 32; lower");
    await refused(
      "a.txt",
      ["--block-size", "64"],
      "Cannot use --block-size 64: a row has at most 32 tokens",
    );
    await refused("a.txt", ["--block-size", "2"], "--block-size 2: expected");
    await refused(
      "a.txt",
      ["--block-size", "8", "--line-by-line"],
      "Cannot use --block-size with --line-by-line",
    );
    for (const share of ["0", "1.5"]) {
      await refused(
        "a.txt",
        ["--mlm-probability", share],
        `Cannot use --mlm-probability ${share}: expected a number above 0 up to 1`,
      );
    }
    const specialTokens = ["<s>", "<pad>", "</s>", "<unk>"];
    await refused(
      "a.txt",
      ["--line-by-line"],
      "tokenizer has no mask token; na",
      {
        tokenizer: await trainTokenizer(TEXTS, { type: "bpe", specialTokens }),
      },
    );
    await refused(
      "b.csv",
      ["--sample-by", "line"],
      "Cannot use --sample-by with",
    );
    await refused(
      "b.csv",
      ["--pairs", "x"],
      "Cannot use --pairs x: expected two",
    );
    await refused(
      "b.csv",
      ["--pairs", "x,z"],
      'Cannot find the column "z"',
    );
    await refused(
      "b.csv",
      ["--pairs", "x,y", "--text-column", "text"],
      "Cannot use --pairs with --text-column",
    );
    await refused("b.csv", ["--pairs", "x,y"], "pairs of sentences are for", {
      isTraining: true,
    });
    for (const name of ["--line-by-line", "--whole-word-mask"]) {
      await refused(
        "b.csv",
        ["--pairs", "x,y", name],
        `Cannot use ${name} with ${folder}/b.csv: its rows are pairs`,
      );
    }
    await refused("c.jsonl", [], "row 1 of " + `${folder}/c.jsonl (line 1)`);
    await refused("d.txt", [], "it has no rows");
    await refused("missing.txt", [], "missing.txt");
  });
});

Deno.test("fill-mask can learn from texts and be measured on pairs", async () => {
  const files = {
    "a.txt": "the dog barks\n\nthe cat\n",
    "b.csv": "id,x,y\n1,the dog,the cat\n",
    "c.jsonl": '{"sentence_good": "the dog", "sentence_bad": "the cat"}\n',
    "d.csv": "body\nthe dog\n",
  };
  await withFiles(files, async (_, folder) => {
    const read = async (
      option: "data" | "eval",
      data: string,
      measured: string,
      ...given: string[]
    ) => {
      const args = argumentsOf(task, "finetune", [
        "--data",
        `${folder}/${data}`,
        "--eval",
        `${folder}/${measured}`,
        ...given,
      ]);
      const { progress } = listener();
      const { examples } = await task.read(option, { args, progress });
      return examples.map((one) => "text" in one ? one.text : one.good);
    };
    const pairs = ["--pairs", "x,y", "--sample-by", "paragraph"];
    assertEquals(await read("data", "a.txt", "b.csv", ...pairs), [
      "the dog barks",
      "the cat",
    ]);
    assertEquals(await read("eval", "a.txt", "b.csv", ...pairs), ["the dog"]);
    const column = ["--text-column", "body"];
    assertEquals(await read("data", "d.csv", "c.jsonl", ...column), [
      "the dog",
    ]);
    assertEquals(await read("eval", "d.csv", "c.jsonl", ...column), [
      "the dog",
    ]);
    assertEquals((await read("eval", "d.csv", "a.txt", ...column)).length, 2);
  });
});
