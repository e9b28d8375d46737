// Copyright 2026 the swagpu authors. MIT license.
// The settings in the files beside a vocabulary are followed, or refused by name.

import { assertEquals, assertThrows } from "@std/assert";
import { Tokenizer } from "../../../models/tokenizer/mod.ts";

type Fields = Record<string, unknown>;

function build(files: Record<string, unknown>, options = {}): Tokenizer {
  const entries = Object.entries(files).map(([name, content]): [
    string,
    string,
  ] => [name, typeof content === "string" ? content : JSON.stringify(content)]);
  return new Tokenizer(new Map(entries), { source: "folder", ...options });
}

const VOCABULARY = [
  "[PAD]",
  "[UNK]",
  "[CLS]",
  "[SEP]",
  "[MASK]",
  "a",
  "b",
  "für",
  "fur",
  "Für",
  "中",
];

/** BERT's tokenizer without added tokens. */
function bertJson(normalizer: Fields = {}, more: Fields = {}): Fields {
  return {
    added_tokens: [],
    normalizer: {
      type: "BertNormalizer",
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
      ...normalizer,
    },
    pre_tokenizer: { type: "BertPreTokenizer" },
    post_processor: null,
    decoder: { type: "WordPiece", prefix: "##", cleanup: true },
    model: {
      type: "WordPiece",
      unk_token: "[UNK]",
      vocab: Object.fromEntries(VOCABULARY.map((one, id) => [one, id])),
    },
    ...more,
  };
}

function tokens(tokenizer: Tokenizer, text: string): string {
  return tokenizer.encode(text, { addSpecialTokens: false }).tokens.join(" ");
}

Deno.test("tokenizer_config.json replaces options of BERT's normalizer", () => {
  const cases: [Fields, string, string][] = [
    [{}, "Für", "fur"],
    [{ strip_accents: false }, "Für", "für"],
    [{ do_lower_case: false }, "Für", "Für"],
    [{ do_lower_case: false, strip_accents: true }, "für", "fur"],
    [{ tokenize_chinese_chars: false }, "中中", "[UNK]"],
    [{ tokenizer_class: "BertTokenizer", strip_accents: false }, "Für", "für"],
    // A class without this option keeps the file's value.
    [
      { tokenizer_class: "PreTrainedTokenizerFast", strip_accents: false },
      "Für",
      "fur",
    ],
  ];
  for (const [config, text, expected] of cases) {
    const tokenizer = build({
      "tokenizer.json": bertJson(),
      "tokenizer_config.json": config,
    });
    assertEquals(tokens(tokenizer, text), expected, JSON.stringify(config));
  }
  // A null in the configuration is a null in the normalizer.
  const unset = build({
    "tokenizer.json": bertJson({ strip_accents: false }),
    "tokenizer_config.json": { strip_accents: null },
  });
  assertEquals(tokens(unset, "Für"), "fur");
});

Deno.test("special tokens that only companion files name are added", () => {
  for (
    const files of [
      { "tokenizer_config.json": { additional_special_tokens: ["[E1]"] } },
      { "special_tokens_map.json": { additional_special_tokens: ["[E1]"] } },
      { "tokenizer_config.json": { extra_special_tokens: { e: "[E1]" } } },
      { "tokenizer_config.json": { extra_special_tokens: ["[E1]"] } },
      {
        "tokenizer_config.json": {
          added_tokens_decoder: {
            "11": { content: "[E1]", special: true, normalized: false },
          },
        },
      },
    ]
  ) {
    const tokenizer = build({ "tokenizer.json": bertJson(), ...files });
    assertEquals(tokens(tokenizer, "a [E1]b"), "a [E1] b");
    assertEquals(tokenizer.tokenToId("[E1]"), 11);
    assertEquals(tokenizer.allSpecialIds.has(11), true);
    assertEquals(
      tokenizer.decode([5, 11, 6], { skipSpecialTokens: true }),
      "a b",
    );
  }
  const added = build({
    "tokenizer.json": bertJson(),
    "added_tokens.json": { "new": 11 },
  });
  assertEquals(tokens(added, "a newb"), "a new b");
  assertEquals(added.allSpecialIds.has(11), false);
});

Deno.test("tokens with a role are found in a text", () => {
  const tokenizer = build({
    "tokenizer.json": bertJson(),
    "tokenizer_config.json": { mask_token: "[MASK]", pad_token: "[PAD]" },
  });
  assertEquals(tokens(tokenizer, "a [MASK] b"), "a [MASK] b");
  assertEquals([...tokenizer.allSpecialIds].sort(), [0, 4]);
  const split = build({
    "tokenizer.json": bertJson(),
    "tokenizer_config.json": {
      mask_token: "[MASK]",
      split_special_tokens: true,
    },
  });
  assertEquals(tokens(split, "[MASK]"), "[UNK] [UNK] [UNK]");
});

Deno.test("vocab.txt gets the special tokens that companion files name", () => {
  const vocabulary = "<s>\n</s>\n<unk>\n<pad>\n<mask>\nhello\n";
  const roles = {
    cls_token: "<s>",
    sep_token: { content: "</s>", lstrip: false },
    unk_token: "<unk>",
    pad_token: "<pad>",
    mask_token: "<mask>",
  };
  for (const name of ["tokenizer_config.json", "special_tokens_map.json"]) {
    const tokenizer = build({ "vocab.txt": vocabulary, [name]: roles });
    assertEquals(
      tokenizer.encode("hello x").tokens,
      ["<s>", "hello", "<unk>", "</s>"],
    );
    assertEquals(tokenizer.encode(["hello", "<mask>"]).inputIds, [
      0,
      5,
      1,
      4,
      1,
    ]);
    assertEquals(tokenizer.padTokenId, 3);
  }
  assertThrows(
    () => build({ "vocab.txt": vocabulary }),
    SyntaxError,
    "Cannot read folder/vocab.txt: it holds no [UNK]",
  );
});

Deno.test("special_tokens_map.json takes precedence over an older tokenizer_config.json", () => {
  const files = {
    "tokenizer.json": bertJson(),
    "special_tokens_map.json": { pad_token: "b" },
  };
  const older = { ...files, "tokenizer_config.json": { pad_token: "a" } };
  assertEquals(build(older).padTokenId, 6);
  const newer = { pad_token: "a", added_tokens_decoder: {} };
  assertEquals(
    build({ ...files, "tokenizer_config.json": newer }).padTokenId,
    5,
  );
});

Deno.test("Unigram falls back to bytes", () => {
  const bytes = ["<0x0A>", "<0xE4>", "<0xB8>", "<0xAD>"];
  const model = {
    type: "Unigram",
    unk_id: 0,
    byte_fallback: true,
    vocab: [["<unk>", 0], ["a", -1], ["▁a", -1], ["b", -1]]
      .concat(bytes.map((byte) => [byte, -5])),
  };
  const plain = build({ "tokenizer.json": { model } });
  assertEquals(tokens(plain, "a\na"), "a <0x0A> a");
  const marked = build({
    "tokenizer.json": { model, pre_tokenizer: { type: "Metaspace" } },
  });
  assertEquals(tokens(marked, "a中b"), "▁a <0xE4> <0xB8> <0xAD> b");
  // If one byte has no token, the whole text is unknown.
  assertEquals(tokens(plain, "a한"), "a <unk>");
});

Deno.test("decode() cleans up for BERT only, unless a file says otherwise", () => {
  const letters = [..."a,b."].map((one, id) => [one, id]);
  const words = (config?: Fields): Fields => ({
    "tokenizer.json": {
      model: {
        type: "WordLevel",
        unk_token: "a",
        vocab: Object.fromEntries(letters),
      },
    },
    ...(config && { "tokenizer_config.json": config }),
  });
  assertEquals(build(words()).decode([0, 1, 2, 3]), "a , b .");
  assertEquals(
    build(words({ clean_up_tokenization_spaces: true })).decode([0, 1, 2, 3]),
    "a, b.",
  );
  assertEquals(
    build(words({ tokenizer_class: "BertTokenizer" })).decode([0, 1]),
    "a,",
  );
  assertEquals(
    build(words({ tokenizer_class: "BertTokenizer" }))
      .decode([0, 1], { cleanUpSpaces: false }),
    "a ,",
  );
  // RoBERTa's files alone do not say.
  const roberta = ["<s>", "<pad>", "</s>", "<unk>", "a", "b", "Ġ,", "Ġb", "Ġ."];
  const byteLevel = build({
    "vocab.json": Object.fromEntries(
      [...roberta, "Ġ", ",", "."].map((one, id) => [one, id]),
    ),
    "merges.txt": "Ġ ,\nĠ b\nĠ .\n",
  });
  const { inputIds } = byteLevel.encode("a , b .");
  assertEquals(
    byteLevel.decode(inputIds, { skipSpecialTokens: true }),
    "a , b .",
  );
});

Deno.test("tokenizer.json's padding and truncation apply where no other file has a value", () => {
  const json = bertJson({}, {
    padding: {
      strategy: "BatchLongest",
      direction: "Left",
      pad_id: 0,
      pad_type_id: 3,
      pad_token: "[PAD]",
    },
    truncation: { direction: "Left", max_length: 2, strategy: "LongestFirst" },
  });
  const tokenizer = build({ "tokenizer.json": json });
  const { inputIds, tokenTypeIds } = tokenizer.batch(["a", "a b"]);
  assertEquals([...inputIds], [0, 5, 5, 6]);
  assertEquals([...tokenTypeIds], [3, 0, 0, 0]);
  assertEquals(tokenizer.encode("a b", { maxLength: 1 }).inputIds, [6]);
  const right = build({
    "tokenizer.json": json,
    "tokenizer_config.json": {
      padding_side: "right",
      truncation_side: "right",
    },
  });
  assertEquals([...right.batch(["a", "a b"]).inputIds], [5, 0, 5, 6]);
  assertThrows(
    () =>
      build({
        "tokenizer.json": json,
        "tokenizer_config.json": { padding_side: "up" },
      }),
    SyntaxError,
    'folder/tokenizer_config.json: padding_side is "up"',
  );
});

Deno.test("token types are all 0 if model_input_names does not list them", () => {
  const tokenizer = build({
    "tokenizer.json": bertJson(),
    "tokenizer_config.json": {
      model_input_names: ["input_ids", "attention_mask"],
    },
  });
  assertEquals(tokenizer.encode(["a", "b"]).tokenTypeIds, [0, 0]);
});

Deno.test("files may hold numbers that only Python writes", () => {
  const tokenizer = build({
    "tokenizer.json": bertJson(),
    "tokenizer_config.json":
      '{"model_max_length": Infinity, "x": [NaN, -Infinity], "y": "NaN"}',
  });
  assertEquals(tokenizer.modelMaxLength, Infinity);
});

Deno.test("tokenizer classes with other rules are refused without a tokenizer.json", () => {
  assertThrows(
    () =>
      build({
        "vocab.txt": "[UNK]\n[CLS]\n[SEP]",
        "tokenizer_config.json": { tokenizer_class: "BertJapaneseTokenizer" },
      }),
    SyntaxError,
    'tokenizer_class is "BertJapaneseTokenizer"',
  );
});

Deno.test("errors of a file are thrown on loading, and name the file and the key", () => {
  const model = { type: "WordLevel", unk_token: "a", vocab: { a: 0 } };
  const deep = (open: string, close: string) =>
    `{"model":{"type":"WordLevel","vocab":{"a":0}},"normalizer":${
      open.repeat(20000)
    }null${close.repeat(20000)}}`;
  const cases: [unknown, string][] = [
    [{ model: { ...model, vocab: { a: 1e9 } } }, '"a" has the id 1000000000'],
    [
      { model: { ...model, vocab: { a: 2 ** 32 } } },
      '"a" has the id 4294967296',
    ],
    [{ model: { ...model, vocab: 5 } }, "model.vocab is 5"],
    [
      { model, added_tokens: [{ id: 1e9, content: "x" }] },
      "added_tokens[0].id is 1000000000",
    ],
    [{ model, added_tokens: {} }, "added_tokens is not a list"],
    [{ model, added_tokens: [null] }, "added_tokens[0] is null"],
    [
      { model, post_processor: { type: "TemplateProcessing" } },
      "post_processor.single is missing",
    ],
    [
      { model, decoder: { type: "Sequence", decoders: [{ type: "Odd" }] } },
      'decoder.decoders[0] is of type "Odd"',
    ],
    [
      { model, pre_tokenizer: { type: "Split", pattern: { Regex: "(" } } },
      'pre_tokenizer.pattern is the expression "("',
    ],
    [
      { model: { type: "BPE", vocab: { a: 0 }, merges: [], dropout: 0.1 } },
      "model.dropout is 0.1",
    ],
    [
      deep('{"type":"Sequence","normalizers":[', "]}"),
      "it is nested more than 1000 deep",
    ],
  ];
  for (const [content, message] of cases) {
    const start = performance.now();
    assertThrows(
      () => build({ "tokenizer.json": content }),
      SyntaxError,
      `Cannot read folder/tokenizer.json: ${message}`,
    );
    assertEquals(performance.now() - start < 2000, true, message);
  }
  for (
    const [name, content, message] of [
      ["added_tokens.json", { "[X]": 1e9 }, '"[X]" has the id 1000000000'],
      [
        "tokenizer_config.json",
        { added_tokens_decoder: { "4294967296": "[X]" } },
        'added_tokens_decoder["4294967296"] is 4294967296',
      ],
    ] as const
  ) {
    assertThrows(
      () => build({ "vocab.txt": "[UNK]\n[CLS]\n[SEP]", [name]: content }),
      SyntaxError,
      `Cannot read folder/${name}: ${message}`,
    );
  }
});

Deno.test("encode() says what is wrong with an input", () => {
  const tokenizer = build({ "tokenizer.json": bertJson() });
  const encode = (input: unknown) => () => tokenizer.encode(input as string);
  assertThrows(encode(5), TypeError, "Cannot encode 5: expected a text");
  assertThrows(encode(null), TypeError, "Cannot encode null: expected a text");
  assertThrows(
    encode(["a", 5]),
    TypeError,
    "Cannot encode a list with 5: expected texts",
  );
  assertThrows(
    encode([["a", "b"]]),
    TypeError,
    "a pair of texts is [text, textPair], or in pipelines { text, textPair }",
  );
  assertThrows(
    encode(["a", "b", "a"]),
    TypeError,
    "a list of words needs isSplitIntoWords",
  );
});
