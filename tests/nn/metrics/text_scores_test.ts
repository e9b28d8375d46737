// Copyright 2026 the swagpu authors. MIT license.

// Scores of texts: published examples, and what is refused. Values of the
// libraries are compared in tests/tools/golden_metrics_test.ts.

import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  bleuTokenize,
  charErrorRate,
  corpusBleu,
  corpusChrf,
  corpusTer,
  editDistance,
  entityScores,
  getEntities,
  perplexity,
  rougeScore,
  sentenceTer,
  squad,
  squadScores,
  squadV2,
  wordErrorRate,
} from "../../../nn/metrics/mod.ts";
import { porterStem } from "../../../nn/metrics/text/porter.ts";
import { terTokenize } from "../../../nn/metrics/text/ter_tokenizer.ts";

Deno.test("corpusBleu() and corpusChrf() give what sacreBLEU's README prints", () => {
  const references = [
    [
      "The dog bit the man.",
      "It was not unexpected.",
      "The man bit him first.",
    ],
    [
      "The dog had bit the man.",
      "No one was surprised.",
      "The man had bitten the dog.",
    ],
  ];
  const hypotheses = [
    "The dog bit the man.",
    "It wasn't surprising.",
    "The man had just bitten him.",
  ];
  const bleu = corpusBleu(hypotheses, references);
  assertEquals(bleu.score.toFixed(2), "48.53");
  assertEquals(
    bleu.precisions.map((p) => p.toFixed(1)),
    ["82.4", "50.0", "45.5", "37.5"],
  );
  assertEquals(bleu.bp.toFixed(3), "0.943");
  assertEquals([bleu.sysLen, bleu.refLen], [17, 18]);
  assertEquals(corpusChrf(hypotheses, references).toFixed(2), "59.73");
});

Deno.test("corpusBleu() counts a word at most as often as one reference does", () => {
  // Papineni et al., 2002, example 2: the precision is 2/7.
  const { counts, totals } = corpusBleu(
    ["the the the the the the the"],
    [["the cat is on the mat"], ["there is a cat on the mat"]],
  );
  assertEquals([counts[0], totals[0]], [2, 7]);
});

Deno.test("sentenceTer() counts the shift of Snover et al. as one edit", () => {
  // "A Study of Translation Edit Rate" (2006): 4 edits, of which one shift.
  const reference = "SAUDI ARABIA denied THIS WEEK information published in " +
    "the AMERICAN new york times";
  const hypothesis =
    "THIS WEEK THE SAUDIS denied information published in the new york times";
  assertAlmostEquals(sentenceTer(hypothesis, [reference]), 100 * 4 / 13);
});

Deno.test("corpusTer() of very unequal lengths stays within the beam", () => {
  const long = Array.from({ length: 300 }, (_, i) => `w${i}`).join(" ");
  assertAlmostEquals(corpusTer(["w150"], [long]), 100 * 299 / 300);
  assertAlmostEquals(corpusTer([long], ["w150"]), 29900);
  assertEquals(corpusTer([""], [""]), 0);
  assertEquals(corpusTer(["a"], [""]), 100);
});

Deno.test("terTokenize() sets punctuation and Chinese characters apart", () => {
  const text = "It's 3.14, OK? 日本。";
  assertEquals(terTokenize(text, {}), "it's 3.14, ok? 日本。");
  assertEquals(
    terTokenize(text, { normalized: true, caseSensitive: true }),
    "It 's 3.14 , OK ? 日本。",
  );
  assertEquals(
    terTokenize(text, { normalized: true, asianSupport: true }),
    "it 's 3.14 , ok ? 日 本 。",
  );
  assertEquals(
    terTokenize(text, { noPunct: true, asianSupport: true }),
    "it's 314 ok 日本",
  );
});

Deno.test("porterStem() gives the stems of Porter's paper and NLTK's extensions", () => {
  const stems: Record<string, string> = {
    caresses: "caress",
    ponies: "poni",
    ties: "tie",
    cats: "cat",
    feed: "feed",
    agreed: "agre",
    plastered: "plaster",
    motoring: "motor",
    conflated: "conflat",
    hopping: "hop",
    falling: "fall",
    hissing: "hiss",
    filing: "file",
    happy: "happi",
    enjoy: "enjoy",
    relational: "relat",
    conditional: "condit",
    digitizer: "digit",
    radically: "radic",
    vietnamization: "vietnam",
    hopefulness: "hope",
    formality: "formal",
    sensibility: "sensibl",
    geology: "geolog",
    triplicate: "triplic",
    electrical: "electr",
    goodness: "good",
    revival: "reviv",
    allowance: "allow",
    adjustment: "adjust",
    adoption: "adopt",
    effective: "effect",
    probate: "probat",
    cease: "ceas",
    controller: "control",
    generalizations: "gener",
    oscillators: "oscil",
    dying: "die",
    skies: "sky",
    spied: "spi",
    died: "die",
    as: "as",
  };
  for (const [word, stem] of Object.entries(stems)) {
    assertEquals(porterStem(word), stem, word);
  }
});

Deno.test("entityScores() gives what seqeval's README prints", () => {
  const labels = [
    ["O", "O", "O", "B-MISC", "I-MISC", "I-MISC", "O"],
    ["B-PER", "I-PER", "O"],
  ];
  const predicted = [
    ["O", "O", "B-MISC", "I-MISC", "I-MISC", "I-MISC", "O"],
    ["B-PER", "I-PER", "O"],
  ];
  const { micro, perType } = entityScores(predicted, labels);
  assertEquals(micro.fscore, 0.5);
  assertEquals([perType.MISC?.fscore, perType.PER?.fscore], [0, 1]);
});

Deno.test("getEntities() reads every scheme strictly", () => {
  const strict = (scheme: "IOE1" | "IOE2" | "IOBES" | "BILOU", tags: string) =>
    getEntities(tags.split(" "), { mode: "strict", scheme });
  assertEquals(strict("IOE1", "I-A I-A O I-B"), [["A", 0, 1], ["B", 3, 3]]);
  assertEquals(strict("IOE2", "I-A E-A E-A"), [["A", 0, 1], ["A", 2, 2]]);
  assertEquals(strict("IOBES", "B-A E-A S-B"), [["A", 0, 1], ["B", 2, 2]]);
  assertEquals(strict("BILOU", "B-A I-A O U-B"), [["B", 3, 3]]);
  assertEquals(getEntities(["B", "I", "O"]), [["_", 0, 1]]);
});

Deno.test("error rates count edits of all texts together", () => {
  assertEquals(editDistance("日本", "日本語"), 1);
  assertEquals(editDistance([], ["a", "b"]), 2);
  assertEquals(wordErrorRate(["a b", "c"], ["a x", "c d"]), 0.5);
  assertEquals(charErrorRate(["ab"], ["ab c"]), 0.5);
});

Deno.test("rougeScore() computes only what is asked for", () => {
  const scores = rougeScore("a b", "a b", { rougeTypes: ["rouge2"] });
  assertEquals(Object.keys(scores), ["rouge2"]);
});

Deno.test("squad() scores a question without prediction 0", () => {
  const references = [{ id: "q", answers: ["x"] }, { id: "r", answers: ["y"] }];
  assertEquals(squad({ q: "x" }, references), { exactMatch: 50, f1: 50 });
});

Deno.test("scores of texts refuse what they cannot score", () => {
  const refused: [() => unknown, new () => Error, string][] = [
    [() => corpusBleu(["a"], ["b", "c"]), RangeError, "list of 2 references"],
    [() => corpusBleu([], []), RangeError, "0 hypotheses"],
    [
      // @ts-expect-error The hypotheses must be a list.
      () => corpusBleu("a", ["b"]),
      TypeError,
      "expected a list of hypotheses",
    ],
    [
      () => corpusBleu(["a"], ["b"], { maxNgramOrder: 0 }),
      RangeError,
      "maxNgramOrder is 0",
    ],
    [
      // @ts-expect-error There is no such option.
      () => corpusBleu(["a"], ["b"], { lowerCase: true }),
      TypeError,
      'option "lowerCase"',
    ],
    [
      // @ts-expect-error There is no such tokenizer.
      () => bleuTokenize("a", "zh"),
      RangeError,
      '"zh"',
    ],
    [
      () => corpusBleu(["a"], ["b"], { smoothValue: 1 }),
      RangeError,
      'smoothMethod is "exp"',
    ],
    [
      () => corpusTer(["a"], ["b"], { asianSupport: true }),
      RangeError,
      "neither is set",
    ],
    [
      () => getEntities(["O"], { scheme: "IOB2" }),
      RangeError,
      'the mode is "default"',
    ],
    [() => corpusChrf(["a"], ["b"], { beta: -1 }), RangeError, "beta is -1"],
    [
      // @ts-expect-error There is no such option.
      () => corpusTer(["a"], ["b"], { normalize: true }),
      TypeError,
      'option "normalize"',
    ],
    [
      // @ts-expect-error There is no such type.
      () => rougeScore("a", "b", { rougeTypes: ["rouge0"] }),
      RangeError,
      "there is no rouge0",
    ],
    [() => squadScores("a", []), RangeError, "no true answer"],
    [
      () => squadV2({}, [{ id: "q", answers: [] }]),
      RangeError,
      "question q has none",
    ],
    [() => squad({}, []), RangeError, "no questions"],
    [() => entityScores([["O"]], [["O", "O"]]), RangeError, "sentence 0 has 1"],
    [() => entityScores([], []), RangeError, "0 predicted sentences"],
    [() => getEntities(["U-A"]), RangeError, 'tag 0 is "U-A"'],
    [() => getEntities(["person"]), RangeError, 'tag 0 is "person"'],
    [
      () => getEntities(["E-A"], { mode: "strict", scheme: "IOB2" }),
      RangeError,
      "not of the scheme IOB2",
    ],
    [() => perplexity([]), RangeError, "there are no tokens"],
    [() => perplexity([0.5]), RangeError, "log-probability 0 is 0.5"],
    [() => wordErrorRate(["a"], [""]), RangeError, "references are empty"],
    [() => wordErrorRate(["a"], []), RangeError, "1 hypotheses"],
  ];
  for (const [call, kind, part] of refused) assertThrows(call, kind, part);
});
