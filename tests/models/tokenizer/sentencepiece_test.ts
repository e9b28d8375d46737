// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { SentencePieceModel } from "../../../models/tokenizer/mod.ts";
import {
  charsmap,
  float,
  number,
  run,
  spm,
  type SpmOptions,
  type TestPiece,
} from "./_spm.ts";

const PIECES: TestPiece[] = [
  ["▁", -1.5],
  ["▁a", -2],
  ["b", -2],
  ["ab", -1],
  ["▁ab", -5],
  ["c", -3],
  ["▁c", -2.5],
];

function model(
  pieces: readonly TestPiece[] = PIECES,
  options: SpmOptions = {},
): SentencePieceModel {
  return new SentencePieceModel(spm(pieces, options));
}

function texts(from: SentencePieceModel, text: string): string[] {
  return from.encode(text).map(({ text }) => text);
}

Deno.test("encode() takes the cut with the greatest sum", () => {
  const spm = model();
  // The sums are -5 for ▁ab, -4 for ▁a b and -2.5 for ▁ ab.
  assertEquals(texts(spm, "ab"), ["▁", "ab"]);
  // The sum is -5 for ▁a c; only the piece ▁a begins with ▁a.
  assertEquals(texts(spm, "ac"), ["▁a", "c"]);
  // The sums are -3.5 for ▁c ab and -5.5 for ▁ c ab.
  assertEquals(texts(spm, "cab"), ["▁c", "ab"]);
  assertEquals(spm.encode("ab").map(({ id }) => id), [3, 6]);
  assertEquals([spm.size, spm.idToPiece(6), spm.pieceToId("ab")], [
    10,
    "ab",
    6,
  ]);
  assertEquals([spm.idToPiece(99), spm.pieceToId("zz")], [null, 0]);
});

Deno.test("encode() takes the longer first piece where two cuts tie", () => {
  const tie: TestPiece[] = [["▁", -2], ["a", -1], ["▁a", -3], ["▁b", -4]];
  assertEquals(texts(model(tie), "a"), ["▁a"]);
});

Deno.test("encode() finds the best of all cuts", () => {
  const scores = new Map(PIECES.map(([text, score]) => [text, score]));
  const best = (text: string): number => {
    const sums = [0, ...Array.from(text, () => -Infinity)];
    for (let end = 1; end <= text.length; end++) {
      for (let start = 0; start < end; start++) {
        const score = scores.get(text.slice(start, end)) ??
          (end - start === 1 ? -15 : -Infinity);
        sums[end] = Math.max(sums[end] ?? 0, (sums[start] ?? 0) + score);
      }
    }
    return sums[text.length] ?? 0;
  };
  const spm = model();
  const word = fc.string({
    unit: fc.constantFrom("a", "b", "c"),
    maxLength: 9,
  });
  fc.assert(
    fc.property(fc.array(word, { maxLength: 4 }), (words) => {
      const kept = words.filter((word) => word !== "");
      const pieces = texts(spm, words.join(" "));
      const sum = pieces.map((piece) => scores.get(piece) ?? -15 * piece.length)
        .reduce((a, b) => a + b, 0);
      const marked = kept.map((word) => `▁${word}`).join("");
      assertEquals(pieces.join(""), marked);
      assertEquals(sum, marked === "" ? 0 : best(marked));
    }),
  );
});

Deno.test("encode() joins unknown characters and gives the offsets of pieces", () => {
  const text = "  ab \u{20000}xy  c ";
  const pieces = model().encode(text);
  assertEquals(
    pieces.map(({ text, id }) => [text, id]),
    [["▁", 3], ["ab", 6], ["▁", 3], ["\u{20000}xy", 0], ["▁c", 9]],
  );
  assertEquals(
    pieces.map(({ start, end }) => text.slice(start, end)),
    ["", "ab", "", "\u{20000}xy", "c"],
  );
  assertEquals(model().encode("  "), []);
  assertEquals(model().encode(""), []);
});

Deno.test("encode() follows the rules of the model", () => {
  const rules = (fields: number[]): SentencePieceModel =>
    model(PIECES, { rules: fields });
  assertEquals(texts(rules(number(3, 0)), "ab ab"), ["ab", "▁", "ab"]);
  assertEquals(texts(rules(number(4, 0)), "ab  c "), [
    "▁",
    "ab",
    "▁",
    "▁c",
    "▁",
  ]);
  const behind = model([["ab▁", -1], ["a", -2], ["b", -2]], {
    trainer: number(24, 1),
  });
  assertEquals(texts(behind, "ab ab"), ["ab▁", "ab▁"]);
});

Deno.test("encode() normalizes by the precompiled rules, the longest first", () => {
  const map = charsmap({
    "\t": " ",
    "Ⓐ": "a",
    "Ⓐb": "c",
    "ﬁ": "ab",
    "\u00ad": "",
    "\u{1d41a}": "a",
  });
  const spm = model(PIECES, { rules: run(2, map) });
  const text = "Ⓐb\tﬁ\u00ad \u{1d41a}";
  const pieces = spm.encode(text);
  assertEquals(pieces.map(({ text }) => text), ["▁c", "▁", "ab", "▁a"]);
  assertEquals(
    pieces.map(({ start, end }) => text.slice(start, end)),
    ["Ⓐb", "", "ﬁ", "\u{1d41a}"],
  );
  assertEquals(texts(spm, "\ud800"), ["▁", "\ufffd"]);
});

Deno.test("encode() always takes pieces that the user defined", () => {
  const spm = model([["▁", -1], ["abc", -1], ["<x>", 0, 4], ["ab", 0, 5]], {
    rules: run(2, charsmap({ "<": "a", x: "b" })),
  });
  assertEquals(texts(spm, "<x>abc"), ["▁", "<x>", "abc"]);
});

Deno.test("encode() and decode() spell unknown characters by their bytes", () => {
  const bytes = Array.from({ length: 256 }, (_, byte): TestPiece => [
    `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`,
    0,
    6,
  ]);
  const spm = model([["▁", -1], ["a", -2], ...bytes], {
    trainer: number(35, 1),
  });
  const pieces = texts(spm, "aé😀");
  assertEquals(pieces.slice(1, 4), ["a", "<0xC3>", "<0xA9>"]);
  assertEquals(spm.encode("aé")[2], {
    text: "<0xC3>",
    id: 5 + 0xc3,
    start: 1,
    end: 2,
  });
  assertEquals(spm.decode(pieces), "aé😀");
});

Deno.test("decode() joins pieces and keeps unknown ones", () => {
  const spm = model();
  assertEquals(spm.decode(["▁", "ab", "▁c", "c"]), "ab cc");
  assertEquals(spm.decode(["▁c", "zz", "▁z", "</s>"]), "czz▁z");
  assertEquals(spm.decode(["▁c", "<unk>", "c"]), "c \u2047 c");
  assertEquals(spm.decode([]), "");
  const surface = model(PIECES, { trainer: run(44, "?") });
  assertEquals(surface.decode(["<unk>"]), "?");
  const back = model(PIECES, { more: run(5, run(2, charsmap({ c: "C" }))) });
  assertEquals(back.decode(["▁c", "b"]), "Cb");
});

Deno.test("SentencePieceModel says what is wrong with a file", () => {
  const good = spm(PIECES);
  const cases: [Uint8Array, string][] = [
    [new Uint8Array(), "Cannot read x: it holds no pieces"],
    [good.subarray(0, 20), "Cannot read x: it ends after 20 bytes, expected"],
    [
      Uint8Array.from([...good, ...number(1, 7)]),
      "Cannot read x: field 1 is a varint, expected a run of bytes",
    ],
    [
      Uint8Array.from([...good, 0x0b]),
      "begins field 1 of wire type 3, which does not exist",
    ],
    [
      Uint8Array.from([...good, ...Array(10).fill(255)]),
      "Cannot read x: a number at byte",
    ],
    [
      spm(PIECES, { trainer: number(3, 2) }),
      "Cannot read x: the model type is BPE, expected unigram",
    ],
    [
      spm([["a", -1], ["a", -2]]),
      'Cannot read x: it holds the piece "a" twice',
    ],
    [
      Uint8Array.from(run(1, [...run(1, "a"), ...float(2, -1)])),
      "Cannot read x: it has no piece for unknown text",
    ],
    [
      spm(PIECES, { rules: run(2, [9, 0, 0, 0, 1, 2]) }),
      "a trie of 9 bytes does not fit into 6",
    ],
  ];
  for (const [bytes, message] of cases) {
    assertThrows(
      () => new SentencePieceModel(bytes, "x"),
      SyntaxError,
      message,
    );
  }
});
