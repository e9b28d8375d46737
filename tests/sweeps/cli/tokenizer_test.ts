// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { Arguments, type Command } from "../../../cli/arguments.ts";
import { tokenize } from "../../../cli/tokenize.ts";
import { trainTokenizerCommand } from "../../../cli/train_tokenizer.ts";
import { Tokenizer, trainTokenizer } from "../../../models/mod.ts";
import { inFolder, names } from "../../_folder.ts";
import {
  cli,
  command,
  examples,
  inDataFolder,
  read,
} from "../../cli/_command.ts";

const HARBOR = new URL(
  "../../fixtures/tokenizers/training/harbor.txt",
  import.meta.url,
).pathname;
const TEXT = await Deno.readTextFile(HARBOR);
const LINES = TEXT.split(/(?<=\n)/);

/** Checks that two tokenizers have the same tokens and ids. */
function assertSame(found: Tokenizer, expected: Tokenizer): void {
  const tokens = (tokenizer: Tokenizer) =>
    Array.from(
      { length: tokenizer.vocabSize },
      (_, id) => tokenizer.idToToken(id),
    );
  assertEquals(tokens(found), tokens(expected));
  assertEquals(found.encode(TEXT), expected.encode(TEXT));
}

/** Gives a command its standard input, and waits for its end. */
async function withInput(
  args: readonly string[],
  bytes: Uint8Array<ArrayBuffer>,
): Promise<ReturnType<typeof read>> {
  const child = command(args, "piped").spawn();
  const writer = child.stdin.getWriter();
  await writer.write(bytes);
  await writer.close();
  return read(await child.output());
}

/** Runs a command in this process, and gives the error that it must end with. */
async function refused(
  command: Command,
  args: readonly string[],
): Promise<Error> {
  const error = await assertRejects(
    async () => await command.run(new Arguments(command, args)),
    Error,
  );
  assert(!error.message.includes("\n"), error.message);
  return error;
}

async function gzip(text: string): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([text]).stream()
    .pipeThrough(new CompressionStream("gzip"));
  return await new Response(stream).bytes();
}

Deno.test("train-tokenizer makes what the library makes of a file's lines", async () => {
  await inFolder(async (folder) => {
    const base = ["train-tokenizer", "--data", HARBOR, "--output"];
    const [wordpiece, bpe] = await Promise.all([
      cli(
        ...base,
        `${folder}/wordpiece`,
        ..."--type wordpiece --vocab-size 200 --lowercase false".split(" "),
        ..."--strip-accents true --model-max-length 64".split(" "),
      ),
      cli(
        ...base,
        `${folder}/bpe`,
        ..."--type bpe --min-frequency 3 --add-prefix-space --quiet".split(" "),
        ..."--special-token <x> --special-token <y>".split(" "),
      ),
    ]);
    assertEquals([wordpiece.code, bpe.code], [0, 0], wordpiece.err + bpe.err);
    assertMatch(wordpiece.out, /^Saved .*: 200 tokens from 26 texts\n$/);
    assertEquals(bpe.err, "");
    assertEquals(names(`${folder}/bpe`), [
      "special_tokens_map.json",
      "tokenizer.json",
      "tokenizer_config.json",
    ]);
    const loaded = await Tokenizer.fromPretrained(`${folder}/wordpiece`);
    assertEquals(loaded.modelMaxLength, 64);
    assertSame(
      loaded,
      await trainTokenizer(LINES, {
        type: "wordpiece",
        vocabSize: 200,
        lowercase: false,
        stripAccents: true,
      }),
    );
    assertSame(
      await Tokenizer.fromPretrained(`${folder}/bpe`),
      await trainTokenizer(LINES, {
        type: "bpe",
        minFrequency: 3,
        addPrefixSpace: true,
        specialTokens: [
          "<s>",
          "<pad>",
          "</s>",
          "<unk>",
          "<mask>",
          "<x>",
          "<y>",
        ],
      }),
    );
  });
});

Deno.test("train-tokenizer reads tables, packed files and standard input", async () => {
  await inDataFolder(async (folder) => {
    await Deno.writeFile(`${folder}/packed.txt.gz`, await gzip(TEXT));
    const train = ["train-tokenizer", "--type", "bpe", "--output"];
    const [tables, pairs, packed, piped] = await Promise.all([
      cli(
        ...train,
        `${folder}/tables`,
        "--data",
        `${folder}/train.csv`,
        "--data",
        `${folder}/train.jsonl`,
      ),
      cli(
        ...train,
        `${folder}/pairs`,
        ..."--text-column premise --pair-column hypothesis --data".split(" "),
        `${folder}/pairs.csv`,
      ),
      cli(...train, `${folder}/packed`, "--data", `${folder}/packed.txt.gz`),
      withInput(
        [...train, `${folder}/piped`, "--data", "-"],
        await gzip(TEXT),
      ),
    ]);
    for (const { code, err } of [tables, pairs, packed, piped]) {
      assertEquals(code, 0, err);
    }
    const same = async (name: string, texts: string[]) =>
      assertSame(
        await Tokenizer.fromPretrained(`${folder}/${name}`),
        await trainTokenizer(texts, { type: "bpe" }),
      );
    const texts = examples(24).map(({ text }) => text);
    await same("tables", [...texts, ...texts]);
    await same("pairs", [...texts, ...texts.map(() => "a film")]);
    await same("packed", LINES);
    await same("piped", LINES);
  });
});

Deno.test("train-tokenizer refuses in one line, and leaves nothing behind", async () => {
  await inFolder(async (folder) => {
    const output = `${folder}/tokenizer`;
    await Deno.writeTextFile(`${folder}/empty.txt`, "\n \n");
    await Deno.writeFile(
      `${folder}/bad.txt`,
      new Uint8Array([97, 10, 98, 10, 255, 10]),
    );
    await Deno.mkdir(`${folder}/full`);
    await Deno.writeTextFile(`${folder}/full/vocab.txt`, "[UNK]\n");
    const cases: [RegExp, string][] = [
      [/without --data/, "--type bpe"],
      [/without --type/, `--data ${HARBOR}`],
      [/--output without a value/, `--data ${HARBOR} --type bpe --output=`],
      [/did you mean wordpiece\?/, `--data ${HARBOR} --type wordpeice`],
      [
        /--vocab-size is 100, expected at least 261/,
        `--data ${HARBOR} --type bpe --vocab-size 100`,
      ],
      [
        /--strip-accents with --type bpe/,
        `--data ${HARBOR} --type bpe --strip-accents true`,
      ],
      [
        /empty\.txt has no words/,
        `--data ${folder}/empty.txt --type wordpiece`,
      ],
      [
        /bad\.txt: it is not UTF-8 .* line 3/,
        `--data ${folder}/bad.txt --type bpe`,
      ],
      [/no such file/, `--data ${folder}/none.txt --type bpe`],
      [/format of .*none\.doc/, `--data ${folder}/none.doc --type bpe`],
      [
        /--text-column with .*harbor\.txt/,
        `--data ${HARBOR} --type bpe --text-column text`,
      ],
      [/standard input twice/, "--data - --data - --type bpe"],
      [
        /full: it holds a vocab\.txt/,
        `--data ${HARBOR} --type bpe --output ${folder}/full`,
      ],
    ];
    for (const [message, options] of cases) {
      const error = await refused(trainTokenizerCommand, [
        "--output",
        output,
        ...options.split(" "),
      ]);
      assertMatch(error.message, message);
    }
    assertEquals(names(folder), ["bad.txt", "empty.txt", "full"]);
    const one = await cli(
      ..."train-tokenizer --type bpe --data".split(" "),
      `${folder}/none.txt`,
      "--output",
      output,
    );
    assertEquals([one.code, one.out], [1, ""]);
    assertMatch(one.err, /^error: [^\n]+no such file\n$/);
    const replaced = await cli(
      ..."train-tokenizer --type bpe --overwrite --output".split(" "),
      `${folder}/full`,
      "--data",
      HARBOR,
    );
    assertEquals(replaced.code, 0);
    assert(!names(`${folder}/full`).includes("vocab.txt"));
  });
});

Deno.test("Ctrl-C ends train-tokenizer while it waits for input", async () => {
  await inFolder(async (folder) => {
    const child = command([
      ..."train-tokenizer --type bpe --data - --output".split(" "),
      `${folder}/tokenizer`,
    ], "piped").spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(TEXT));
    // The folder is there when signals are handled.
    while (!names(folder).includes("tokenizer")) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
    child.kill("SIGINT");
    const { code, out, err } = read(await child.output());
    await writer.close().catch(() => {});
    assertEquals([code, out], [130, ""]);
    assertMatch(err, /nothing is saved\n$/);
    assertEquals(names(folder), []);
  });
});

Deno.test("tokenize prints tokens, ids and offsets", async () => {
  await inDataFolder(async (folder) => {
    const tokenizer = ["tokenize", "--tokenizer", `${folder}/tokenizer`];
    await Deno.writeTextFile(`${folder}/lines.txt`, "the film\r\n\nwas good");
    const [texts, pair, file, table, cut] = await Promise.all([
      cli(...tokenizer, "--text", "The film", "--text", "was x"),
      cli(...tokenizer, "--text", "the film", "--pair", "was good"),
      cli(...tokenizer, "--data", `${folder}/lines.txt`),
      cli(
        ...tokenizer,
        ..."--no-special-tokens --text-column premise --data".split(" "),
        `${folder}/pairs.csv`,
      ),
      cli(
        ...tokenizer,
        ..."--quiet --max-length 3 --data".split(" "),
        `${folder}/lines.txt`,
      ),
    ]);
    const lines = ({ code, out, err }: ReturnType<typeof read>) => {
      assertEquals(code, 0, err);
      return out.trimEnd().split("\n").map((line) => JSON.parse(line));
    };
    assertEquals(lines(texts), [
      {
        text: "The film",
        tokens: ["[CLS]", "the", "film", "[SEP]"],
        ids: [2, 5, 6, 3],
        offsets: [[0, 0], [0, 3], [4, 8], [0, 0]],
      },
      {
        text: "was x",
        tokens: ["[CLS]", "was", "[UNK]", "[SEP]"],
        ids: [2, 7, 1, 3],
        offsets: [[0, 0], [0, 3], [4, 5], [0, 0]],
      },
    ]);
    assertEquals(lines(pair), [{
      text: "the film",
      pair: "was good",
      tokens: ["[CLS]", "the", "film", "[SEP]", "was", "good", "[SEP]"],
      ids: [2, 5, 6, 3, 7, 10, 3],
      offsets: [[0, 0], [0, 3], [4, 8], [0, 0], [0, 3], [4, 8], [0, 0]],
      sequence_ids: [null, 0, 0, null, 1, 1, null],
    }]);
    assertEquals(lines(file).map(({ row, text, ids }) => [row, text, ids]), [
      [1, "the film", [2, 5, 6, 3]],
      [2, "", [2, 3]],
      [3, "was good", [2, 7, 10, 3]],
    ]);
    assertEquals(file.err, "3 texts, 10 tokens, at most 4 in a text\n");
    assertEquals(lines(table).length, 24);
    assertEquals(lines(table)[0].tokens, ["the", "film", "was", "bad"]);
    assertEquals(lines(cut).map(({ ids }) => ids), [
      [2, 5, 3],
      [2, 3],
      [2, 7, 3],
    ]);
    assertEquals(cut.err, "");
  });
});

Deno.test("tokenize refuses options that do not fit together", async () => {
  await inDataFolder(async (folder) => {
    const cases: [RegExp, string][] = [
      [/without --tokenizer/, "--text a"],
      [/give either --data or --text/, `--tokenizer ${folder}/tokenizer`],
      [
        /--columns with --text/,
        `--tokenizer ${folder}/tokenizer --text a --columns a`,
      ],
      [
        /--pair with --data/,
        `--tokenizer ${folder}/tokenizer --data a.txt --pair b`,
      ],
      [
        /pair 1 --text with 2/,
        `--tokenizer ${folder}/tokenizer --text a --pair b --pair c`,
      ],
      [/none/, `--tokenizer ${folder}/none --text a`],
    ];
    for (const [message, options] of cases) {
      const error = await refused(tokenize, options.split(" "));
      assertMatch(error.message, message);
    }
  });
});

Deno.test("tokenize ends quietly when nobody reads its output", async () => {
  await inDataFolder(async (folder) => {
    await Deno.writeTextFile(
      `${folder}/many.txt`,
      "the film was good\n".repeat(20_000),
    );
    const child = command([
      ..."tokenize --quiet --tokenizer".split(" "),
      `${folder}/tokenizer`,
      "--data",
      `${folder}/many.txt`,
    ]).spawn();
    const reader = child.stdout.getReader();
    await reader.read();
    await reader.cancel();
    const err = await new Response(child.stderr).text();
    assertEquals((await child.status).code, 0);
    assert(!err.includes("error"), err);
  });
});
