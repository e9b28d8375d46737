// Copyright 2026 the swagpu authors. MIT license.
// The parts of a `tokenizer.json`, each tested in a small tokenizer.

import { assertEquals, assertThrows } from "@std/assert";
import { Tokenizer } from "../../../models/tokenizer/mod.ts";
import { charsmap } from "./_spm.ts";

type Fields = Record<string, unknown>;

/** A vocabulary without words, so that each word is one unknown token. */
const UNKNOWN = { type: "WordPiece", unk_token: "?", vocab: { "?": 0 } };

function build(json: Fields): Tokenizer {
  return new Tokenizer(
    new Map([["tokenizer.json", JSON.stringify({ model: UNKNOWN, ...json })]]),
  );
}

/** The part of the text that each token stands for. */
function parts(tokenizer: Tokenizer, text: string): string[] {
  return tokenizer.encode(text).offsets
    .map(([start, end]) => text.slice(start, end));
}

function words(pretokenizer: Fields, text: string): string[] {
  return parts(build({ pre_tokenizer: pretokenizer }), text);
}

Deno.test("pre-tokenizers cut where they should", () => {
  const text = "I'm 25—né en 2001, à_Paris!?";
  const cases: [Fields, string][] = [
    [{ type: "Whitespace" }, "I|'|m|25|—|né|en|2001|,|à_Paris|!?"],
    [{ type: "WhitespaceSplit" }, "I'm|25—né|en|2001,|à_Paris!?"],
    [{ type: "BertPreTokenizer" }, "I|'|m|25|—|né|en|2001|,|à|_|Paris|!|?"],
    [{ type: "Punctuation" }, "I|'|m 25|—|né en 2001|,| à|_|Paris|!|?"],
    [
      { type: "Punctuation", behavior: "contiguous" },
      "I|'|m 25|—|né en 2001|,| à|_|Paris|!?",
    ],
    [{ type: "Digits" }, "I'm |25|—né en |2001|, à_Paris!?"],
    [
      { type: "Digits", individual_digits: true },
      "I'm |2|5|—né en |2|0|0|1|, à_Paris!?",
    ],
    [{ type: "ByteLevel" }, "I|'m| 25|—|né| en| 2001|,| à|_|Paris|!?"],
    [{ type: "ByteLevel", use_regex: false }, text],
    [
      {
        type: "Sequence",
        pretokenizers: [{ type: "WhitespaceSplit" }, { type: "Digits" }],
      },
      "I'm|25|—né|en|2001|,|à_Paris!?",
    ],
  ];
  for (const [config, expected] of cases) {
    assertEquals(words(config, text).join("|"), expected);
  }
});

Deno.test("spaces are those of Unicode, not of JavaScript", () => {
  // U+0085 is a space and U+FEFF is not; in JavaScript it is the reverse.
  const text = "a \u0085b \ufeffc\u200bd";
  const cases: [Fields, string[]][] = [
    [{ type: "ByteLevel" }, [
      "a",
      " ",
      "\u0085",
      "b",
      " \ufeff",
      "c",
      "\u200b",
      "d",
    ]],
    [{ type: "WhitespaceSplit" }, ["a", "b", "\ufeffc\u200bd"]],
    [{ type: "Whitespace" }, ["a", "b", "\ufeff", "c", "\u200b", "d"]],
    [{ type: "BertPreTokenizer" }, ["a", "b", "\ufeffc\u200bd"]],
    [
      { type: "Split", pattern: { Regex: "\\s+" }, behavior: "Removed" },
      ["a", "b", "\ufeffc\u200bd"],
    ],
  ];
  for (const [config, expected] of cases) {
    assertEquals(words(config, text), expected, String(config.type));
  }
  // Joiners are part of words, also at their ends.
  assertEquals(words({ type: "Whitespace" }, "a\u200db\u200c"), [
    "a\u200db\u200c",
  ]);
});

Deno.test("expressions match as in Oniguruma", () => {
  const split = (regex: string, text: string): string =>
    words(
      { type: "Split", pattern: { Regex: regex }, behavior: "Isolated" },
      text,
    ).join("|");
  const cases: [string, string, string][] = [
    ["\\w+", "é_1 \u0301", "é_1| |\u0301"],
    // Outside of brackets, the superscript digits of Latin-1 are word characters.
    ["\\w+", "x\u00b9 y", "x\u00b9| |y"],
    ["[\\w]+", "x\u00b9 y", "x|\u00b9 |y"],
    ["\\h+", "xAf0y", "x|Af0|y"],
    ["[[:punct:]]", "a$b-c", "a|$|b|-|c"],
    ["\\p{Han}+", "a漢字b", "a|漢字|b"],
    ["[a-c&&[^b]]", "abcd", "a|b|c|d"],
    ["^b", "b\nb", "b|\n|b"],
    ["a.", "a\u2028a\n", "a\u2028|a\n"],
    ["a++a|b", "aab", "aa|b"],
    ["(?>a+)a|b", "aab", "aa|b"],
    ["(?i:'S)|\\p{Lu}", "a'sB\u0345c", "a|'s|B|\u0345c"],
    ["x{,2}y", "xxxy", "x|xxy"],
    ["(a)\\1", "aab", "aa|b"],
  ];
  for (const [regex, text, expected] of cases) {
    assertEquals(split(regex, text), expected, regex);
  }
});

Deno.test("Split treats matches by its behavior", () => {
  const cases = [
    ["Removed", false, "the|final|countdown"],
    ["Isolated", false, "the|-|final|-|-|countdown"],
    ["MergedWithPrevious", false, "the-|final-|-|countdown"],
    ["MergedWithNext", false, "the|-final|-|-countdown"],
    ["Contiguous", false, "the|-|final|--|countdown"],
    ["Removed", true, "-|-|-"],
  ] as const;
  for (const [behavior, invert, expected] of cases) {
    for (const pattern of [{ String: "-" }, { Regex: "-" }]) {
      const config = { type: "Split", pattern, behavior, invert };
      assertEquals(words(config, "the-final--countdown").join("|"), expected);
    }
  }
});

Deno.test("Metaspace marks spaces, and Unigram finds the best cut", () => {
  const vocab = [["<unk>", 0], ["▁", -2], ["▁a", -1], ["b", -1], ["▁ab", -4]];
  const model = { type: "Unigram", unk_id: 0, vocab };
  const text = "ab  a xy";
  const scheme = (prepend_scheme: string, split = true) =>
    build({
      model,
      pre_tokenizer: { type: "Metaspace", prepend_scheme, split },
      decoder: { type: "Metaspace" },
    });
  const always = scheme("always");
  assertEquals(always.encode(text).inputIds, [2, 3, 1, 2, 1, 0]);
  assertEquals(parts(always, text), ["a", "b", " ", " a", " ", "xy"]);
  assertEquals(scheme("never").encode("ab").inputIds, [0, 3]);
  assertEquals(scheme("first", false).encode("ab").inputIds, [2, 3]);
  assertEquals(always.decode([2, 3, 2]), "ab a");
});

Deno.test("BPE falls back to bytes or the unknown token, and keeps offsets", () => {
  const vocab = { "<unk>": 0, a: 1, b: 2, ab: 3, "<0xC3>": 4, "<0xA9>": 5 };
  const bpe = { type: "BPE", vocab, merges: ["a b"], unk_token: "<unk>" };
  const text = "abéxya";
  const fallback = build({ model: { ...bpe, byte_fallback: true } });
  assertEquals(fallback.encode(text).inputIds, [3, 4, 5, 0, 0, 1]);
  assertEquals(parts(fallback, text), ["ab", "é", "é", "x", "y", "a"]);
  const fused = build({ model: { ...bpe, fuse_unk: true } });
  assertEquals(fused.encode(text).inputIds, [3, 0, 1]);
  assertEquals(parts(fused, text), ["ab", "éxy", "a"]);
  const dropping = build({ model: { ...bpe, unk_token: null } });
  assertEquals(dropping.encode(text).inputIds, [3, 1]);
  assertEquals(parts(dropping, text), ["ab", "a"]);
  const whole = build({ model: { ...bpe, ignore_merges: true, merges: [] } });
  assertEquals(whole.encode("ab").inputIds, [3]);
});

Deno.test("normalizers change a text and keep its offsets", () => {
  const split = { type: "WhitespaceSplit" };
  const cases: [Fields, string, string[], string[]][] = [
    [{ type: "Lowercase" }, "ÀB İ", ["àb", "i\u0307"], ["ÀB", "İ"]],
    [
      {
        type: "Sequence",
        normalizers: [{ type: "NFD" }, { type: "StripAccents" }],
      },
      "Àb e\u0301",
      ["Ab", "e"],
      ["Àb", "e"],
    ],
    // A composed character has the offsets of its first part.
    [{ type: "NFC" }, "e\u0301 한", ["é", "한"], ["e", "한"]],
    [{ type: "NFC" }, "\u1112\u1161\u11ab x", ["한", "x"], ["\u1112", "x"]],
    [{ type: "NFC" }, "e\u0301\u0301", ["é\u0301"], ["e\u0301\u0301"]],
    [{ type: "NFKC" }, "ﬁ x①", ["fi", "x1"], ["ﬁ", "x①"]],
    [
      { type: "Strip", strip_left: true, strip_right: true },
      "  a b ",
      ["a", "b"],
      ["a", "b"],
    ],
    [{ type: "Prepend", prepend: "z" }, "a b", ["za", "b"], ["a", "b"]],
    [
      { type: "Replace", pattern: { Regex: "b+" }, content: "xy" },
      "abbc b",
      ["axyc", "xy"],
      ["abbc", "b"],
    ],
    [
      {
        type: "Precompiled",
        precompiled_charsmap: btoa(
          String.fromCharCode(
            ...charsmap({ "ﬁ": "fi", "Ⓐ": "a", "\u00ad": "" }),
          ),
        ),
      },
      "ﬁⒶ a\u00ad",
      ["fia", "a"],
      ["ﬁⒶ", "a"],
    ],
  ];
  for (const [normalizer, text, tokens, offsets] of cases) {
    const vocab = Object.fromEntries(
      ["?", ...tokens].map((one, i) => [one, i]),
    );
    const tokenizer = build({
      normalizer,
      pre_tokenizer: split,
      model: { type: "WordPiece", unk_token: "?", vocab },
    });
    assertEquals(
      tokenizer.encode(text).tokens,
      tokens,
      String(normalizer.type),
    );
    assertEquals(parts(tokenizer, text), offsets, String(normalizer.type));
  }
});

Deno.test("a capital sigma is lower-cased without regard to its position", () => {
  const vocabulary = "[UNK]\n[CLS]\n[SEP]\nοδοσ\nοδος\n中\n\u{20000}";
  const tokenizer = new Tokenizer(new Map([["vocab.txt", vocabulary]]));
  assertEquals(tokenizer.encode("ΟΔΟΣ").inputIds, [1, 3, 2]);
  // Each Chinese character is a word, also beyond 16 bits.
  assertEquals(tokenizer.encode("中\u{20000}中").inputIds, [1, 5, 6, 5, 2]);
});

Deno.test("added tokens are found by their own rules", () => {
  const added = (content: string, id: number, more: Fields = {}): Fields => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: false,
    ...more,
  });
  const tokenizer = build({
    normalizer: { type: "Lowercase" },
    pre_tokenizer: { type: "WhitespaceSplit" },
    added_tokens: [
      added("<L>", 1, { lstrip: true }),
      added("<R>", 2, { rstrip: true }),
      added("one", 3, { single_word: true }),
      added("New", 4, { normalized: true }),
      added("<L><L>", 5),
    ],
  });
  const cases = [
    ["a  <L>", [0, 1], ["a", "  <L>"]],
    ["<R>  b", [2, 0], ["<R>  ", "b"]],
    ["one bone one", [3, 0, 3], ["one", "bone", "one"]],
    ["one, phone", [3, 0, 0], ["one", ",", "phone"]],
    ["NEWnew", [4, 4], ["NEW", "new"]],
    ["<l> <L><L><L>", [0, 5, 1], ["<l>", "<L><L>", "<L>"]],
  ] as const;
  for (const [text, ids, offsets] of cases) {
    assertEquals(tokenizer.encode(text).inputIds, ids, text);
    assertEquals(parts(tokenizer, text), [...offsets], text);
  }
});

Deno.test("Tokenizer refuses parts of unknown types", () => {
  const cases: [Fields, string][] = [
    [{ normalizer: { type: "Odd" } }, "Odd"],
    [{ pre_tokenizer: { type: "Odd" } }, "Odd"],
    [
      {
        pre_tokenizer: {
          type: "Split",
          pattern: { String: "a" },
          behavior: "Odd",
        },
      },
      'Cannot split texts as "Odd": expected one of Removed',
    ],
    [
      { normalizer: { type: "Replace", pattern: {}, content: "" } },
      "Cannot read the pattern {}",
    ],
  ];
  for (const [json, message] of cases) {
    assertThrows(() => build(json), SyntaxError, message);
  }
});
