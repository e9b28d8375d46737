// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { type Encoding, Tokenizer } from "../../../models/tokenizer/mod.ts";

const FIXTURES = new URL("../../fixtures/tokenizers", import.meta.url).pathname;

/**
 * Every letter, digit and mark of `TEXT` is a token, as a first and a later
 * part.
 */
const PIECES = [..."abcdefghijklmnoprstuvwxyzABCDEFGOPQXZ0123.,!?'-é中文한σς"]
  .flatMap((char) => [char, `##${char}`]);
const SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

function wordPiece(lowerCase: boolean): Tokenizer {
  const lines = [...SPECIAL, ...PIECES, "play", "##ing", "cafe", "ha"];
  return new Tokenizer(new Map([["vocab.txt", lines.join("\n")]]), {
    lowerCase,
  });
}

const CASED = wordPiece(false);
const UNCASED = wordPiece(true);
const ROBERTA = await Tokenizer.fromPretrained(`${FIXTURES}/roberta`);
const MODERN = await Tokenizer.fromPretrained(`${FIXTURES}/modernbert`);

/** Texts with accents, separate marks, Chinese, Hangul, pairs and controls. */
const TEXT = fc.array(
  fc.constantFrom(
    ..."abzABZ 09.,!?'-éÉ中文한\t\n\u00a0\u0301\u0000😀",
    "  ",
    "\u{20000}",
    "e\u0301",
    "playing",
    "[MASK]",
    " the",
  ),
  { maxLength: 14 },
).map((parts) => parts.join(""));

/** The part of the text that each token stands for, without special tokens. */
function parts(text: string, { offsets, sequenceIds }: Encoding): string[] {
  return offsets.filter((_, i) => sequenceIds[i] !== null)
    .map(([start, end]) => text.slice(start, end));
}

function inner(encoding: Encoding): string[] {
  return encoding.tokens.filter((_, i) => encoding.sequenceIds[i] !== null);
}

for (
  const [name, tokenizer] of Object.entries({
    CASED,
    UNCASED,
    ROBERTA,
    MODERN,
  })
) {
  Deno.test(`offsets are inside the text and never go back (${name})`, () => {
    fc.assert(
      fc.property(TEXT, (text) => {
        const { inputIds, offsets, sequenceIds, wordIds } = tokenizer.encode(
          text,
        );
        assertEquals(offsets.length, inputIds.length);
        let [start, end, word] = [0, 0, -1];
        for (const [i, offset] of offsets.entries()) {
          if (sequenceIds[i] === null) {
            assertEquals([offset, wordIds[i]], [[0, 0], null]);
            continue;
          }
          assert(offset[0] >= start && offset[1] >= end, `token ${i}`);
          assert(offset[0] <= offset[1] && offset[1] <= text.length);
          const own = wordIds[i] ?? -1;
          assert(own === word || own > word);
          if (own !== word) assert(offset[0] >= end, "words do not overlap");
          [start, end] = offset;
          word = own;
        }
      }),
    );
  });
}

Deno.test("offsets of a cased tokenizer give back its tokens", () => {
  fc.assert(
    fc.property(TEXT, (text) => {
      const encoding = CASED.encode(text);
      const tokens = inner(encoding);
      for (const [i, part] of parts(text, encoding).entries()) {
        const token = tokens[i] ?? "";
        if (token === "[UNK]") continue;
        // Control characters within a word are dropped.
        assertEquals(part.replaceAll("\u0000", ""), token.replace(/^##/, ""));
      }
    }),
  );
});

Deno.test("offsets of an uncased tokenizer give back its tokens, normalized", () => {
  const normalize = (text: string): string =>
    text.replaceAll("\u0000", "").normalize("NFD").replace(/\p{Mn}/gu, "")
      .toLowerCase();
  fc.assert(
    fc.property(TEXT, (text) => {
      const encoding = UNCASED.encode(text);
      const tokens = inner(encoding);
      for (const [i, part] of parts(text, encoding).entries()) {
        const token = tokens[i] ?? "";
        if (/^\[.*\]$/.test(token)) continue;
        assertEquals(
          normalize(part),
          token.replace(/^##/, "").normalize("NFD"),
        );
      }
    }),
  );
});

Deno.test("offsets of a byte-level tokenizer cover the text", () => {
  fc.assert(
    fc.property(TEXT, (text) => {
      const encoding = MODERN.encode(text);
      let [joined, last] = ["", 0];
      for (const [start, end] of encoding.offsets) {
        // A part of a character has the offsets of all of it, so parts may
        // repeat.
        joined += text.slice(Math.max(start, last), end);
        last = Math.max(last, end);
      }
      // A mark that combines with the previous letter has the letter's offsets.
      const marks = /[\u0300-\u036f]/g;
      assertEquals(joined.replace(marks, ""), text.replace(marks, ""));
    }),
  );
});

Deno.test("offsets of RoBERTa do not include spaces", () => {
  const text = "leading  the 100 😀<mask>";
  const encoding = ROBERTA.encode(text);
  const found = parts(text, encoding);
  assertEquals(found.join("").replace(/(😀)+/u, "😀"), "leadingthe100😀<mask>");
  assert(found.filter((part) => part === "😀").length > 1);
  assertEquals(parts("a the", MODERN.encode("a the")), ["a", " the"]);
});

Deno.test("offsets count UTF-16 units and leave out the marks that are stripped", () => {
  const text = "\u{20000} Cafe\u0301 PLAYING";
  const encoding = UNCASED.encode(text);
  assertEquals(inner(encoding), ["[UNK]", "cafe", "play", "##ing"]);
  assertEquals(parts(text, encoding), [
    "\u{20000}",
    "Cafe",
    "PLAY",
    "ING",
  ]);
  assertEquals(encoding.wordIds, [null, 0, 1, 2, 2, null]);
});

Deno.test("wordIds count the words of each text of a pair", () => {
  const encoding = CASED.encode(["playing, a", "b [MASK]"]);
  assertEquals(encoding.wordIds, [null, 0, 0, 1, 2, null, 0, 1, null]);
  assertEquals(encoding.sequenceIds, [null, 0, 0, 0, 0, null, 1, 1, null]);
});

Deno.test("encode() reads words one by one with isSplitIntoWords", () => {
  const words = ["playing", "a-b", "", "😀", "c"];
  const isSplitIntoWords = true;
  const encoding = CASED.encode(words, { isSplitIntoWords });
  assertEquals(
    encoding.tokens,
    ["[CLS]", "play", "##ing", "a", "-", "b", "[UNK]", "c", "[SEP]"],
  );
  assertEquals(encoding.wordIds, [null, 0, 0, 1, 1, 1, 3, 4, null]);
  assertEquals(encoding.offsets.slice(1, 6), [
    [0, 4],
    [4, 7],
    [0, 1],
    [1, 2],
    [2, 3],
  ]);
  const pair = CASED.encode([["a", "b"], ["c"]], { isSplitIntoWords });
  assertEquals(pair.tokens.join(" "), "[CLS] a b [SEP] c [SEP]");
  assertEquals(pair.wordIds, [null, 0, 1, null, 0, null]);
  const two = CASED.encode(["a", "b"], { isSplitIntoWords });
  assertEquals(two.tokens.join(" "), "[CLS] a b [SEP]");
  const batch = CASED.batch([["a"], ["b", "c"]], {
    isSplitIntoWords,
    pairs: [["b", "b"], ["a"]],
  });
  assertEquals(batch.shape, [2, 6]);
  assertEquals(
    CASED.batch([[]], { isSplitIntoWords }).shape,
    [1, 2],
  );
});

Deno.test("encode() says what is wrong with words", () => {
  assertThrows(
    () => CASED.encode(["a", "b", "c"]),
    TypeError,
    "Cannot encode 3 texts as one: a pair has 2, and a list of words needs " +
      "isSplitIntoWords",
  );
  assertThrows(
    () => CASED.encode([["a"], ["b"]]),
    TypeError,
    "Cannot encode 2 lists of words",
  );
  assertThrows(
    () => CASED.encode("a", { isSplitIntoWords: true }),
    TypeError,
    "Cannot encode a text as words",
  );
  assertThrows(
    () => ROBERTA.encode(["a", "b"], { isSplitIntoWords: true }),
    TypeError,
    "Cannot encode words one by one: its tokens mark words by the space " +
      "before them, pass addPrefixSpace when loading the tokenizer",
  );
});

Deno.test("RoBERTa encodes words like the text with addPrefixSpace", async () => {
  const tokenizer = await Tokenizer.fromPretrained(`${FIXTURES}/roberta`, {
    addPrefixSpace: true,
  });
  const words = ["the", "company", "was", "leading"];
  const encoding = tokenizer.encode(words, { isSplitIntoWords: true });
  assertEquals(encoding.inputIds, tokenizer.encode(words.join(" ")).inputIds);
  assertEquals(
    encoding.inputIds,
    ROBERTA.encode(` ${words.join(" ")}`).inputIds,
  );
  assertEquals(encoding.offsets[1], [0, 3]);
});

Deno.test("batch() gives the offsets of padded rows with returnOffsets", () => {
  for (const paddingSide of ["right", "left"] as const) {
    const batch = CASED.batch(["a b", "c"], {
      returnOffsets: true,
      paddingSide,
      padToMultipleOf: 3,
    });
    assertEquals(batch.shape, [2, 6]);
    const frame = [0, 0] as const;
    const text = [frame, [0, 1], frame] as const;
    const filling = [frame, frame, frame];
    const nothing = [null, null, null];
    const right = paddingSide === "right";
    assertEquals(
      batch.offsets?.[1],
      right ? [...text, ...filling] : [...filling, ...text],
    );
    const ids = [null, 0, null];
    assertEquals(
      batch.wordIds?.[1],
      right ? [...ids, ...nothing] : [...nothing, ...ids],
    );
    assertEquals(batch.sequenceIds?.[1], batch.wordIds?.[1]);
  }
  assertEquals("offsets" in CASED.batch(["a"]), false);
});
