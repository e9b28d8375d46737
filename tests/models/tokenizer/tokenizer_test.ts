// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import fc from "fast-check";
import { truncatedLengths } from "../../../models/tokenizer/truncation.ts";
import { Tokenizer } from "../../../models/tokenizer/mod.ts";
import { inFolder } from "../../_folder.ts";

const FIXTURES = new URL("../../fixtures/tokenizers", import.meta.url).pathname;

interface Vector {
  name?: string;
  text: string;
  text_pair?: string;
  tokens?: string[];
  ids: number[];
  decoded?: string;
}

/** Tokens 5 to 14 are the letters a to j, so that texts are easy to number. */
const LETTERS = new Tokenizer(
  new Map([[
    "vocab.txt",
    "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\nc\nd\ne\nf\ng\nh\ni\nj\n",
  ]]),
);

function letters(count: number): string {
  return [..."abcdefghij".slice(0, count)].join(" ");
}

function texts(ids: readonly number[]): string {
  return LETTERS.decode(ids).replace("[CLS] ", "").replaceAll(
    / ?\[SEP\]/g,
    "|",
  );
}

function byValue(a: number, b: number): number {
  return a - b;
}

for (
  const name of ["bert_uncased", "bert_cased", "roberta", "modernbert"] as const
) {
  Deno.test(`Tokenizer reproduces the recorded vectors of ${name}`, async () => {
    const folder = `${FIXTURES}/${name}`;
    const tokenizer = await Tokenizer.fromPretrained(folder);
    const vectors: Vector[] = JSON.parse(
      await Deno.readTextFile(`${folder}/vectors.json`),
    );
    for (const { name, text, text_pair, tokens, ids, decoded } of vectors) {
      const input = text_pair === undefined ? text : [text, text_pair] as const;
      const encoding = tokenizer.encode(input);
      assertEquals(encoding.inputIds, ids, name);
      if (tokens === undefined) continue;
      const special = new Set(["[CLS]", "[SEP]", "<s>", "</s>"]);
      assertEquals(
        encoding.tokens.filter((token) => !special.has(token)),
        tokens.filter((token) => !special.has(token)),
        name,
      );
      if (decoded === undefined) continue;
      assertEquals(tokenizer.decode(ids), decoded, name);
    }
  });
}

Deno.test("fromPretrained() lower-cases as the folder says, else as the vocabulary does", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/tokenizer_config.json`;
    const first = async (options = {}): Promise<string | undefined> =>
      (await Tokenizer.fromPretrained(folder, options)).encode("Fine")
        .tokens[1];
    const vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nfine\n";
    await Deno.writeTextFile(`${folder}/vocab.txt`, vocabulary);
    assertEquals(await first(), "fine");
    await Deno.writeTextFile(path, '{"do_lower_case": false}');
    assertEquals(await first(), "[UNK]");
    assertEquals(await first({ lowerCase: true }), "fine");
    await Deno.remove(path);
    await Deno.writeTextFile(`${folder}/vocab.txt`, `${vocabulary}Fine\r\n`);
    assertEquals(await first(), "Fine");
  });
});

Deno.test("save() keeps a modelMaxLength that was set", async () => {
  const tokenizer = await Tokenizer.fromPretrained(`${FIXTURES}/bert_cased`);
  tokenizer.modelMaxLength = 7;
  await inFolder(async (folder) => {
    await tokenizer.save(folder);
    const again = await Tokenizer.fromPretrained(folder);
    assertEquals(again.modelMaxLength, 7);
    const config = JSON.parse(
      await Deno.readTextFile(`${folder}/tokenizer_config.json`),
    );
    assertEquals(config.do_lower_case, false);
  });
});

Deno.test("save() writes a folder that reads back the same", async () => {
  const tokenizer = await Tokenizer.fromPretrained(`${FIXTURES}/bert_cased`);
  await inFolder(async (folder) => {
    await tokenizer.save(folder);
    const names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
    assertEquals(names, [
      "special_tokens_map.json",
      "tokenizer.json",
      "tokenizer_config.json",
      "vocab.txt",
    ]);
    const config = JSON.parse(
      await Deno.readTextFile(`${folder}/tokenizer_config.json`),
    );
    assertEquals(config.tokenizer_class, "BertTokenizer");
    assertEquals(config.do_lower_case, false);
    const again = await Tokenizer.fromPretrained(folder);
    const text = "UNwantéd,running [MASK] 生";
    assertEquals(again.encode(text), tokenizer.encode(text));
    await inFolder(async (copy) => {
      await again.save(copy);
      for (const name of names) {
        assertEquals(
          await Deno.readFile(`${copy}/${name}`),
          await Deno.readFile(`${folder}/${name}`),
        );
      }
    });
  });
});

Deno.test("Tokenizer has its special tokens and its size", () => {
  const { padTokenId, unkTokenId, clsTokenId, sepTokenId, maskTokenId } =
    LETTERS;
  assertEquals(
    [padTokenId, unkTokenId, clsTokenId, sepTokenId, maskTokenId],
    [0, 1, 2, 3, 4],
  );
  assertEquals([LETTERS.bosTokenId, LETTERS.eosTokenId], [null, null]);
  assertEquals(LETTERS.vocabSize, 15);
  assertEquals(LETTERS.modelMaxLength, Infinity);
  assertEquals([LETTERS.tokenToId("c"), LETTERS.idToToken(7)], [7, "c"]);
  assertEquals([LETTERS.tokenToId("x"), LETTERS.idToToken(99)], [null, null]);
});

Deno.test("encode() frames texts and pairs, empty ones too", () => {
  assertEquals(LETTERS.encode("a [MASK] x").inputIds, [2, 5, 4, 1, 3]);
  assertEquals(LETTERS.encode(["a b", "c"]), {
    inputIds: [2, 5, 6, 3, 7, 3],
    tokenTypeIds: [0, 0, 0, 0, 1, 1],
    tokens: ["[CLS]", "a", "b", "[SEP]", "c", "[SEP]"],
    offsets: [[0, 0], [0, 1], [2, 3], [0, 0], [0, 1], [0, 0]],
    sequenceIds: [null, 0, 0, null, 1, null],
    wordIds: [null, 0, 1, null, 0, null],
  });
  assertEquals(LETTERS.encode("").inputIds, [2, 3]);
  assertEquals(LETTERS.encode(["a", ""]).inputIds, [2, 5, 3, 3]);
  assertEquals(LETTERS.encode(["", "a"]).tokenTypeIds, [0, 0, 1, 1]);
  const bare = LETTERS.encode(["a", "b"], { addSpecialTokens: false });
  assertEquals([bare.inputIds, bare.tokenTypeIds], [[5, 6], [0, 1]]);
});

Deno.test("encode() truncates by each strategy, including special tokens", () => {
  const cases = [
    // The first text, the second, maxLength, the strategy, the tokens kept.
    [5, 5, 10, "longest_first", "a b c| a b c d|"],
    [6, 4, 10, "longest_first", "a b c d| a b c|"],
    [4, 6, 10, "longest_first", "a b c| a b c d|"],
    [9, 2, 10, "longest_first", "a b c d e| a b|"],
    [2, 9, 10, "longest_first", "a b| a b c d e|"],
    [9, 9, 3, "longest_first", "||"],
    [5, 5, 10, "only_first", "a b| a b c d e|"],
    [5, 5, 10, "only_second", "a b c d e| a b|"],
    [5, 5, 13, "longest_first", "a b c d e| a b c d e|"],
  ] as const;
  for (const [first, second, maxLength, truncation, expected] of cases) {
    const { inputIds } = LETTERS.encode([letters(first), letters(second)], {
      maxLength,
      truncation,
    });
    assertEquals(texts(inputIds), expected, `${first} ${second} ${truncation}`);
  }
  const single = LETTERS.encode(letters(9), { maxLength: 5 });
  assertEquals(texts(single.inputIds), "a b c|");
  const left = LETTERS.encode(letters(9), {
    maxLength: 5,
    truncationSide: "left",
  });
  assertEquals(texts(left.inputIds), "g h i|");
  const none = LETTERS.encode(letters(9), { maxLength: 5, truncation: false });
  assertEquals(none.inputIds.length, 11);
  assertEquals(
    LETTERS.encode(letters(9), { maxLength: 2, truncationSide: "left" })
      .inputIds,
    [2, 3],
  );
});

Deno.test("encode() refuses impossible truncations", () => {
  assertThrows(
    () =>
      LETTERS.encode(["a", letters(9)], {
        maxLength: 10,
        truncation: "only_first",
      }),
    RangeError,
    'Cannot truncate 1 and 9 tokens to 7 with "only_first": that text is too ' +
      "short to lose 3",
  );
  assertThrows(
    () => LETTERS.encode(["a", "b"], { maxLength: 2 }),
    RangeError,
    "Cannot truncate to 2 tokens: the special tokens alone are 3",
  );
});

Deno.test("truncatedLengths() takes tokens one at a time from the longer text", () => {
  fc.assert(
    fc.property(fc.nat(20), fc.nat(20), fc.nat(30), (first, second, room) => {
      let [a, b] = [first, second];
      while (a + b > room) {
        if (a > b) a--;
        else b--;
      }
      const kept = truncatedLengths([first, second], room, "longest_first");
      // It is a convention which of two equal texts loses the odd token.
      assertEquals(kept.toSorted(byValue), [a, b].toSorted(byValue));
      // The longer text never keeps fewer tokens than the other.
      if (first !== second) {
        const [x = 0, y = 0] = kept;
        assertEquals(Math.sign(x - y) * Math.sign(first - second) >= 0, true);
      }
    }),
  );
});

Deno.test("batch() pads rows to the longest, to a length or to a multiple", () => {
  const inputs = ["a b c", "d", ["a", "b"]] as const;
  const longest = LETTERS.batch(inputs);
  assertEquals(longest.shape, [3, 5]);
  assertEquals(
    [...longest.inputIds],
    [2, 5, 6, 7, 3, 2, 8, 3, 0, 0, 2, 5, 3, 6, 3],
  );
  assertEquals(
    [...longest.attentionMask],
    [1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1],
  );
  assertEquals([...longest.tokenTypeIds.slice(10)], [0, 0, 0, 1, 1]);
  assertEquals(LETTERS.batch(inputs, { padToMultipleOf: 8 }).shape, [3, 8]);
  const fixed = LETTERS.batch(inputs, {
    padding: "max_length",
    maxLength: 4,
    paddingSide: "left",
  });
  assertEquals(fixed.shape, [3, 4]);
  assertEquals([...fixed.inputIds], [2, 5, 6, 3, 0, 2, 8, 3, 2, 3, 6, 3]);
  assertEquals(
    [...fixed.attentionMask],
    [1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1],
  );
  assertEquals(LETTERS.batch([]).shape, [0, 0]);
  assertEquals(
    LETTERS.batch(["a", "b"], { pairs: ["c", "d"] }),
    LETTERS.batch([["a", "c"], ["b", "d"]]),
  );
});

Deno.test("batch() refuses rows that do not fit together", () => {
  assertThrows(
    () => LETTERS.batch(["a", "a b"], { padding: false }),
    TypeError,
    "Cannot batch rows of 3 and 4 tokens",
  );
  assertEquals(LETTERS.batch(["a", "b"], { padding: false }).shape, [2, 3]);
  assertThrows(
    () => LETTERS.batch(["a"], { padding: "max_length" }),
    RangeError,
    "Cannot pad to Infinity tokens",
  );
  assertThrows(
    () =>
      LETTERS.batch([letters(9)], {
        padding: "max_length",
        maxLength: 4,
        truncation: false,
      }),
    RangeError,
    "Cannot pad a row of 11 tokens to 4: pass truncation",
  );
  assertThrows(
    () => LETTERS.batch(["a"], { pairs: [] }),
    TypeError,
    "Cannot pair 1 texts with 0",
  );
  assertThrows(
    () => LETTERS.batch([["a", "b"]], { pairs: ["c"] }),
    TypeError,
    "it is a pair already",
  );
});

Deno.test("batchDecode() gives the texts of a batch back", () => {
  const batch = LETTERS.batch(["a b", "c"]);
  const skipSpecialTokens = true;
  assertEquals(LETTERS.batchDecode(batch, { skipSpecialTokens }), ["a b", "c"]);
  assertEquals(
    LETTERS.batchDecode([[5, 6], [], new Int32Array([7])]),
    ["a b", "", "c"],
  );
  assertEquals(
    LETTERS.decode(batch.inputIds.subarray(4)),
    "[CLS] c [SEP] [PAD]",
  );
});

Deno.test("batch() of several texts has the same rows as each text alone", () => {
  const text = fc.array(fc.constantFrom("a", "B", "xyz", "é", "[MASK]", "!"), {
    maxLength: 8,
  }).map((words) => words.join(" "));
  fc.assert(
    fc.property(fc.array(text, { minLength: 1, maxLength: 5 }), (inputs) => {
      const { inputIds, attentionMask, shape } = LETTERS.batch(inputs);
      for (const [i, input] of inputs.entries()) {
        const start = i * shape[1];
        const row = inputIds.subarray(start, start + shape[1]);
        const mask = attentionMask.subarray(start, start + shape[1]);
        assertEquals(
          [...row].filter((_, j) => mask[j] === 1),
          [...LETTERS.encode(input).inputIds],
        );
      }
    }),
  );
});

Deno.test("RoBERTa's framing has one type, as in the original", () => {
  const tokens = ["<s>", "<pad>", "</s>", "<unk>", "a", "b"];
  const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
  const tokenizer = new Tokenizer(
    new Map([[
      "tokenizer.json",
      JSON.stringify({
        pre_tokenizer: { type: "Whitespace" },
        post_processor: {
          type: "RobertaProcessing",
          sep: ["</s>", 2],
          cls: ["<s>", 0],
        },
        model: { type: "WordPiece", unk_token: "<unk>", vocab },
      }),
    ]]),
  );
  assertEquals(tokenizer.encode(["a", "b"]).inputIds, [0, 4, 2, 2, 5, 2]);
  assertEquals(tokenizer.encode(["a", "b"]).tokenTypeIds, Array(6).fill(0));
  assertEquals(
    [tokenizer.padTokenId, tokenizer.bosTokenId, tokenizer.sepTokenId],
    [1, 0, 2],
  );
});

Deno.test("fromPretrained() says what is wrong with a folder", async () => {
  await inFolder(async (folder) => {
    const read = (): Promise<Tokenizer> => Tokenizer.fromPretrained(folder);
    await assertRejects(
      read,
      Deno.errors.NotFound,
      `Cannot read the tokenizer of ${folder}: it holds neither tokenizer.json ` +
        "nor vocab.txt, vocab.json with merges.txt, or source.spm",
    );
    await Deno.writeTextFile(`${folder}/vocab.txt`, "a\nb\n");
    await assertRejects(
      read,
      SyntaxError,
      `Cannot read ${folder}/vocab.txt: it holds no [UNK]`,
    );
    const cases = [
      ["{", "tokenizer.json: "],
      ["{}", "tokenizer.json: it holds no model"],
      [
        '{"model": {"type": "Odd", "vocab": {}}}',
        'tokenizer.json: the model type is "Odd"',
      ],
    ] as const;
    for (const [text, message] of cases) {
      await Deno.writeTextFile(`${folder}/tokenizer.json`, text);
      await assertRejects(
        read,
        SyntaxError,
        `Cannot read ${folder}/${message}`,
      );
    }
  });
});
