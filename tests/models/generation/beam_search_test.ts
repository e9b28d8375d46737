// Copyright 2026 the swagpu authors. MIT license.

// Compares beam search on the GPU with its twin on the host, and the twin with
// results by hand and with exhaustive search.

import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { Generator, tensor } from "../../../engine/mod.ts";
import { bestContinuations } from "../../../models/generation/candidates.ts";
import {
  generate,
  GenerationConfig,
  type GenerationOptions,
} from "../../../models/generation/mod.ts";
import { pin, variantsOf } from "../../../engine/tuning/choice.ts";
import { assertClose, gpuTest, randomValues } from "../../_check.ts";
import { beamSearch } from "../../reference/generation.ts";
import { logitsProcessors } from "../../reference/logits_processors.ts";
import { TinyDecoder } from "../_tiny_decoder.ts";
import {
  advanceBeams,
  type BeamRules,
  type Beams,
  beamsUnfinished,
  draw,
  highest,
  startBeams,
} from "../../reference/beam_search.ts";

const END = 0;
const PROMPT = [3];

/** Probabilities of the next token by the last: `[vocabulary, vocabulary]`. */
type Chain = readonly (readonly number[])[];

function rules(changes: Partial<BeamRules> = {}): BeamRules {
  return {
    numBeams: 2,
    lengthPenalty: 1,
    earlyStopping: false,
    maxLength: 4,
    eosTokenIds: [END],
    ...changes,
  };
}

function scoresOf(chain: Chain, { open }: Beams): Float32Array {
  return Float32Array.from(
    open.flatMap(({ tokens }) =>
      (chain[tokens[tokens.length - 1] ?? 0] ?? []).map(Math.log)
    ),
  );
}

function search(chain: Chain, given: BeamRules): Beams {
  let beams = startBeams(PROMPT, given);
  do {
    beams = advanceBeams(beams, scoresOf(chain, beams), given);
  } while (beamsUnfinished([beams], given));
  return beams;
}

function endedTokens(beams: Beams): (readonly number[])[] {
  return beams.ended.filter(({ ended }) => ended).map(({ tokens }) => tokens);
}

// Ending at once is likely, but repeating the token 1 scores higher.
const PATIENCE: Chain = [
  [1, 0, 0, 0],
  [0.05, 0.94, 0.007, 0.003],
  [0.9, 0.05, 0.03, 0.02],
  [0.5, 0.4, 0.08, 0.02],
];

Deno.test("advanceBeams() keeps the best ended row, and continues the others", () => {
  const first = startBeams(PROMPT, rules());
  const beams = advanceBeams(first, scoresOf(PATIENCE, first), rules());
  assertEquals(beams.open.map(({ tokens }) => tokens), [[3, 1], [3, 2]]);
  assertEquals(beams.open.map(({ origin }) => origin), [0, 0]);
  assertEquals(endedTokens(beams), [[3, END]]);
  assertAlmostEquals(beams.ended[0]?.score ?? 0, Math.log(0.5), 1e-6);
});

Deno.test("advanceBeams() says which row each one continues", () => {
  const first = startBeams(PROMPT, rules());
  let beams = advanceBeams(first, scoresOf(PATIENCE, first), rules());
  beams = advanceBeams(beams, scoresOf(PATIENCE, beams), rules());
  // 0.4 · 0.94, then 0.08 · 0.9 which ends, 0.4 · 0.05 too, then 0.08 · 0.05.
  assertEquals(beams.open.map(({ tokens }) => tokens), [[3, 1, 1], [3, 2, 1]]);
  assertEquals(beams.open.map(({ origin }) => origin), [0, 1]);
});

Deno.test("earlyStopping true stops once all beams have ended", () => {
  const beams = search(PATIENCE, rules({ earlyStopping: true }));
  assertEquals(endedTokens(beams), [[3, END], [3, 2, END]]);
  assertAlmostEquals(beams.ended[1]?.score ?? 0, Math.log(0.072) / 2, 1e-6);
});

Deno.test("earlyStopping false goes on while an open row is better", () => {
  const beams = search(PATIENCE, rules());
  assertEquals(endedTokens(beams), [[3, 1, 1, 1], [3, END]]);
  const best = Math.log(0.4 * 0.94 * 0.94) / 3;
  assertAlmostEquals(beams.ended[0]?.score ?? 0, best, 1e-6);
});

Deno.test('earlyStopping "never" goes on while a longer row could be better', () => {
  const chain: Chain = [
    [1, 0, 0, 0],
    [0.01, 0.97, 0.01, 0.01],
    [0.25, 0.25, 0.25, 0.25],
    [0.3, 0.25, 0.24, 0.21],
  ];
  const one = rules({ numBeams: 1 });
  // log 0.25 is below log 0.3, and a third of it above.
  assertEquals(endedTokens(search(chain, one)), [[3, END]]);
  const never = search(chain, { ...one, earlyStopping: "never" });
  assertEquals(endedTokens(never), [[3, 1, 1, 1]]);
  const best = Math.log(0.25 * 0.97 * 0.97) / 3;
  assertAlmostEquals(never.ended[0]?.score ?? 0, best, 1e-6);
});

Deno.test("a row ends only if it is among the best numBeams", () => {
  const chain: Chain = [
    [1, 0, 0, 0],
    [0.25, 0.25, 0.25, 0.25],
    [0.25, 0.25, 0.25, 0.25],
    [0.2, 0.4, 0.3, 0.1],
  ];
  const first = startBeams(PROMPT, rules());
  const beams = advanceBeams(first, scoresOf(chain, first), rules());
  assertEquals(endedTokens(beams), []);
  assertEquals(beams.open.map(({ tokens }) => tokens), [[3, 1], [3, 2]]);
});

Deno.test("all rows end at maxLength without end tokens", () => {
  const given = rules({ eosTokenIds: [] });
  const beams = search(PATIENCE, given);
  assertEquals(beams.exhausted, true);
  assertEquals(beams.ended.map(({ tokens }) => tokens.length), [4, 4]);
});

Deno.test("any of several tokens ends a row", () => {
  const beams = search(PATIENCE, rules({ eosTokenIds: [END, 1] }));
  assertEquals(endedTokens(beams), [[3, END], [3, 1]]);
});

/** All possible rows with their final scores, the best first. */
function exhaustive(
  chain: Chain,
  { maxLength, lengthPenalty }: BeamRules,
): { tokens: number[]; score: number }[] {
  const rows: { tokens: number[]; score: number }[] = [];
  const visit = (tokens: number[], score: number) => {
    const last = tokens[tokens.length - 1] ?? 0;
    if (
      tokens.length > 1 && (last === END || tokens.length === maxLength)
    ) {
      rows.push({
        tokens,
        score: score / (tokens.length - PROMPT.length) ** lengthPenalty,
      });
      return;
    }
    for (const [token, p] of (chain[last] ?? []).entries()) {
      visit([...tokens, token], score + Math.log(p));
    }
  };
  visit(PROMPT, 0);
  return rows.sort((a, b) => b.score - a.score);
}

const UNEVEN: Chain = [
  [1, 0, 0, 0],
  [0.11, 0.43, 0.29, 0.17],
  [0.37, 0.08, 0.19, 0.36],
  [0.23, 0.31, 0.13, 0.33],
];

for (const lengthPenalty of [-1, 0, 0.7, 1, 2.5]) {
  Deno.test(`enough beams find what exhaustive search finds with lengthPenalty ${lengthPenalty}`, () => {
    // At most 3³ rows are open.
    const given = rules({
      numBeams: 27,
      lengthPenalty,
      earlyStopping: "never",
      maxLength: 5,
    });
    const expected = exhaustive(UNEVEN, given);
    const { ended } = search(UNEVEN, given);
    for (let i = 0; i < 5; i++) {
      assertEquals(ended[i]?.tokens, expected[i]?.tokens);
      assertAlmostEquals(ended[i]?.score ?? 0, expected[i]?.score ?? 1, 1e-6);
    }
  });
}

Deno.test("beamsUnfinished() waits for every prompt of a batch", () => {
  const given = rules({ earlyStopping: true });
  const done = search(PATIENCE, given);
  assertEquals(beamsUnfinished([done], given), false);
  assertEquals(beamsUnfinished([done, startBeams(PROMPT, given)], given), true);
});

Deno.test("advanceBeams() throws if the vocabulary is too small", () => {
  const given = rules({ eosTokenIds: [0, 1] });
  assertThrows(
    () => advanceBeams(startBeams([0], given), new Float32Array(4), given),
    RangeError,
    "Cannot follow 2 beams: they need 6 continuations, and 2 tokens give 4",
  );
});

Deno.test("highest() gives indices in order of value, and of equal values by index", () => {
  assertEquals(highest([1, 5, 3, 5, -Infinity], 3), [1, 3, 2]);
  assertEquals(highest([-Infinity, -Infinity, -Infinity], 2), [0, 1]);
});

Deno.test("draw() gives each index by its probability", () => {
  const scores = [0.1, 0.2, 0.3, 0.4].map(Math.log);
  const counts = [0, 0, 0, 0];
  for (let i = 0; i < 1000; i++) {
    const [place = 0] = draw(scores, 1, () => (i + 0.5) / 1000);
    counts[place] = (counts[place] ?? 0) + 1;
  }
  assertEquals(counts, [100, 200, 300, 400]);
});

Deno.test("draw() never gives an index twice, nor one of probability 0", () => {
  const scores = [0, -Infinity, 1, -Infinity, 2];
  for (const u of [0, 0.3, 0.6, 0.999999]) {
    assertEquals(draw(scores, 3, () => u).sort(), [0, 2, 4]);
  }
  assertEquals(draw(scores, 4, () => 0), [0, 2, 4, 1]);
});

// ------------------------------------------------------------- on the GPU

const VOCABULARY = 23;

/** Compares the rows of all beams with those of the twin, which has no cache. */
async function checkBeams(
  seed: number,
  options: GenerationOptions,
): Promise<void> {
  const fields = { eosTokenId: [1, 2], padTokenId: 0, ...options };
  const model = new TinyDecoder(VOCABULARY, seed);
  const prompts = [0, 1, 2].map((row) =>
    Array.from(randomValues(3, seed + row, 3, VOCABULARY), Math.floor)
  );
  const masks = [[1, 1, 1], [0, 1, 1], [1, 1, 1]];
  const config = new GenerationConfig(fields);
  const beams = config.numBeams;
  const limits = {
    promptLength: 3,
    maxLength: config.maxLength,
    eosTokenIds: [1, 2],
  };
  const every = masks.flatMap((mask) => new Array<number[]>(beams).fill(mask));
  const twin = await beamSearch(
    prompts,
    (rows) => model.scores(rows, every),
    {
      ...limits,
      config,
      processors: logitsProcessors(config, limits),
      generator: new Generator(0),
    },
  );
  const actual = await generate(model, {
    inputIds: prompts,
    attentionMask: masks,
    ...fields,
  });
  const label = JSON.stringify({ seed, ...options });
  assertEquals(actual.sequences, twin.sequences, label);
  // The scores are sums of a dozen log-probabilities in 32 bits.
  const close = { absolute: 1e-4, relative: 1e-5 };
  assertClose(actual.sequencesScores ?? [], twin.sequencesScores, close, label);
}

for (const variant of variantsOf("generation")) {
  gpuTest(
    `generate() with beams agrees with the twin (${variant})`,
    async () => {
      pin("generation", variant);
      try {
        for (const earlyStopping of [true, false, "never"] as const) {
          for (const [seed, lengthPenalty] of [[11, 1], [12, 2], [13, -0.5]]) {
            await checkBeams(seed ?? 0, {
              earlyStopping,
              lengthPenalty: lengthPenalty ?? 1,
              numBeams: 4,
              numReturnSequences: 4,
              maxLength: 15,
            });
          }
        }
        await checkBeams(14, {
          numBeams: 3,
          maxLength: 12,
          noRepeatNgramSize: 2,
          repetitionPenalty: 1.2,
          minLength: 7,
          forcedEosTokenId: 1,
          badWordsIds: [[5], [4, 6]],
        });
      } finally {
        pin("generation", undefined);
      }
    },
  );
}

for (const variant of variantsOf("generation")) {
  gpuTest(
    `bestContinuations() sorts what is best in groups of rows (${variant})`,
    async () => {
      pin("generation", variant);
      try {
        for (const [size = 1, count = 1] of [[5, 7], [9001, 40], [8192, 1]]) {
          // Scores are eighths, so that many are equal.
          const values = randomValues(6 * size, size, -9, 9)
            .map((x) => Math.round(x * 8) / 8);
          const scores = tensor(values, { shape: [6, size] });
          const best = await bestContinuations(scores, { group: 2, count })
            .data();
          const places = [0, 1, 2].flatMap((group) =>
            highest(
              values.subarray(group * 2 * size, group * 2 * size + 2 * size),
              count,
            )
          );
          assertEquals([...best].filter((_, i) => i % 2 === 1), places);
        }
      } finally {
        pin("generation", undefined);
      }
    },
  );
}
