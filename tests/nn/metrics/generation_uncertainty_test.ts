// Copyright 2026 the swagpu authors. MIT license.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertThrows,
} from "@std/assert";
import {
  ensembleTextUncertainty,
  ensembleTokenUncertainty,
  monteCarloSequenceEntropy,
  semanticEntropy,
  sequenceConfidence,
  sequenceEnsembleUncertainty,
  sumUpTokenUncertainty,
} from "../../../nn/metrics/mod.ts";

// Two members, one text of two tokens, a vocabulary of two. At the first token,
// the members say .5, .5 and .25, .75; at the second .9, .1 and .5, .5.
const P = [[0.5, 0.5, 0.9, 0.1], [0.25, 0.75, 0.5, 0.5]] as const;
const LOGITS = P.flat().map(Math.log);
const TOKENS = [1, 0];
const OPTIONS = { members: 2, lengths: [2] };

const entropy = (...p: number[]) =>
  p.reduce((sum, x) => sum - x * Math.log(x), 0);

Deno.test("token uncertainties of two members match a case by hand", () => {
  const pe = ensembleTokenUncertainty(LOGITS, TOKENS, OPTIONS);
  const total = entropy(0.375, 0.625);
  const data = (entropy(0.5, 0.5) + entropy(0.25, 0.75)) / 2;
  const cross = -0.375 * (Math.log(0.5) + Math.log(0.25)) / 2 -
    0.625 * (Math.log(0.5) + Math.log(0.75)) / 2;
  const near = (list: Float64Array, i: number, expected: number) =>
    assertAlmostEquals(list[i] ?? NaN, expected, 1e-14);
  near(pe.totalUncertainty, 0, total);
  near(pe.dataUncertainty, 0, data);
  near(pe.mutualInformation, 0, total - data);
  near(pe.epklTotalUncertainty, 0, cross);
  near(pe.epkl, 0, cross - data);
  near(pe.rmi, 0, cross - total);
  near(pe.totalUncertainty, 1, entropy(0.7, 0.3));
  // The first token has probability .5 and .75, so that the weights are .4, .6.
  const ep = ensembleTokenUncertainty(LOGITS, TOKENS, {
    ...OPTIONS,
    mode: "ep",
  });
  near(ep.totalUncertainty, 0, total);
  near(ep.totalUncertainty, 1, entropy(0.66, 0.34));
});

Deno.test("padding has no uncertainty, and changes nothing", () => {
  const uniform = [0, 0];
  const padded = [
    ...LOGITS.slice(0, 4),
    ...uniform,
    ...LOGITS.slice(4),
    ...uniform,
  ];
  const own = ensembleTokenUncertainty(LOGITS, TOKENS, OPTIONS);
  const more = ensembleTokenUncertainty(padded, [...TOKENS, -1], OPTIONS);
  for (const name of Object.keys(own) as (keyof typeof own)[]) {
    assertEquals([...more[name]], [...own[name], NaN]);
  }
  assertEquals(
    ensembleTextUncertainty(padded, [...TOKENS, -1], OPTIONS),
    ensembleTextUncertainty(LOGITS, TOKENS, OPTIONS),
  );
});

Deno.test("text uncertainties are means over tokens and hypotheses", () => {
  // A second hypothesis with one token, which both members give .8.
  const second = [Math.log(0.8), Math.log(0.2), 0, 0];
  const logits = [
    ...LOGITS.slice(0, 4),
    ...second,
    ...LOGITS.slice(4),
    ...second,
  ];
  const result = ensembleTextUncertainty(logits, [...TOKENS, 0, 0], {
    members: 2,
    lengths: [2, 1],
    hypotheses: 2,
  });
  const first = Math.sqrt(0.625 * 0.7);
  const weight = first / (first + 0.8);
  const near = (list: Float64Array, i: number, expected: number) =>
    assertAlmostEquals(list[i] ?? NaN, expected, 1e-14);
  near(result.hypothesisWeights, 0, weight);
  near(result.hypothesisWeights, 1, 1 - weight);
  const mean = weight * (entropy(0.375, 0.625) + entropy(0.7, 0.3)) / 2 +
    (1 - weight) * entropy(0.8, 0.2);
  near(result.tokenTotalUncertainty, 0, mean);
  // The vocabulary has fewer than five tokens.
  near(result.tokenEntropyTop5, 0, mean);
  // The start token counts in the length: 2 + 1 and 1 + 1.
  const logs = result.memberLogProbabilities;
  near(logs, 0, Math.log(0.5 * 0.9) / 3);
  near(logs, 1, Math.log(0.8) / 2);
  near(logs, 2, Math.log(0.75 * 0.5) / 3);
  const { sequenceRmi } = sequenceEnsembleUncertainty(logs, {
    members: 2,
    hypotheses: 2,
  });
  assertEquals(result.sequenceRmi, sequenceRmi);
});

Deno.test("token measures and log-probabilities are summed up as scores are", () => {
  const [second, third] = [[0.3, -1, 2, 0.5], [1, 1, -2, 0.1]];
  const logits = [
    ...LOGITS.slice(0, 4),
    ...second ?? [],
    ...LOGITS.slice(4),
    ...third ?? [],
  ];
  const tokens = [...TOKENS, 1, 0];
  for (const mode of ["pe", "ep"] as const) {
    const options = { members: 2, lengths: [2, 1], hypotheses: 2, mode };
    const { tokenEntropyTop5, tokenEntropyTop10, tokenEntropyTop15, ...all } =
      ensembleTextUncertainty(logits, tokens, options);
    assert(tokenEntropyTop5 && tokenEntropyTop10 && tokenEntropyTop15);
    const logProbabilities = [0, 1].flatMap((member) =>
      tokens.map((token, at) => {
        const pair = logits.slice(
          (member * 4 + at) * 2,
          (member * 4 + at) * 2 + 2,
        );
        const total = Math.log(pair.reduce((sum, x) => sum + Math.exp(x), 0));
        return (pair[token] ?? NaN) - total;
      })
    );
    const { hypotheses: _, ...rest } = options;
    const sums = sumUpTokenUncertainty(
      ensembleTokenUncertainty(logits, tokens, rest),
      logProbabilities,
      options,
    );
    for (const name of Object.keys(all) as (keyof typeof all)[]) {
      assertEquals(sums[name].length, all[name].length);
      sums[name].forEach((value, i) =>
        assertAlmostEquals(value, all[name][i] ?? NaN, 1e-12)
      );
    }
  }
});

Deno.test("the mutual information of all texts is exact", () => {
  // Two tokens of three, by members whose second token depends on the first.
  const members = [
    {
      first: [0.2, 0.3, 0.5],
      next: [[0.1, 0.1, 0.8], [1, 0, 0], [0.3, 0.3, 0.4]],
    },
    {
      first: [0.6, 0.3, 0.1],
      next: [[0.2, 0.7, 0.1], [0.4, 0.6, 0], [0.2, 0.2, 0.6]],
    },
  ];
  const texts = members.map(({ first, next }) =>
    first.flatMap((p, i) => (next[i] ?? []).map((q) => p * q))
  );
  const mixture = texts[0]?.map((p, i) => (p + (texts[1]?.[i] ?? NaN)) / 2) ??
    [];
  const plogp = (list: number[]) =>
    list.reduce((sum, p) => sum - (p > 0 ? p * Math.log(p) : 0), 0);
  const exact = plogp(mixture) -
    texts.reduce((sum, own) => sum + plogp(own) / 2, 0);
  // Texts that no member writes are no hypotheses: their weight would be 0.
  const kept = mixture.flatMap((p, i) => p > 0 ? [i] : []);
  const { sequenceMutualInformation } = sequenceEnsembleUncertainty(
    texts.flatMap((own) => kept.map((i) => Math.log(own[i] ?? NaN))),
    { members: 2, hypotheses: kept.length },
  );
  assertAlmostEquals(sequenceMutualInformation[0] ?? NaN, exact, 1e-14);
  assert(exact > 0.1);
});

Deno.test("sequence measures of two members match a case by hand", () => {
  const logs = [Math.log(0.5), Math.log(0.1), Math.log(0.3), Math.log(0.1)];
  const result = sequenceEnsembleUncertainty(logs, {
    members: 2,
    hypotheses: 2,
  });
  // The mean probabilities are .4 and .1, the weights .8 and .2.
  const near = (list: Float64Array, expected: number) =>
    assertAlmostEquals(list[0] ?? NaN, expected, 1e-14);
  near(result.sequenceTotalUncertainty, -(0.8 * 0.4 + 0.2 * 0.1));
  const [above, below] = [Math.log(0.4 / 0.5), Math.log(0.4 / 0.3)];
  near(result.sequenceRmi, 0.8 * (above + below) / 2);
  near(result.sequenceAbsoluteRmi, 0.8 * (below - above) / 2);
  const information = (0.5 * -above + 0.3 * -below) / 0.4 / 2;
  near(result.sequenceMutualInformation, 0.8 * information);
});

Deno.test("semantic entropies of three texts match a case by hand", () => {
  const logs = [0.4, 0.4, 0.1].map(Math.log);
  const own = semanticEntropy(logs, [7, 7, 2], {
    samples: 3,
    texts: ["yes", "yes", "no"],
  });
  const near = (list: Float64Array | undefined, expected: number) =>
    assertAlmostEquals(list?.[0] ?? NaN, expected, 1e-14);
  const log = Math.log;
  near(own.monteCarlo, -(2 * log(0.8) + log(0.1)) / 3);
  near(own.unique, -(2 * log(0.4) + log(0.1)) / 3);
  near(own.direct, -(2 * 0.8 * log(0.8) + 0.1 * log(0.1)));
  near(own.discrete, entropy(2 / 3, 1 / 3));
  near(own.discreteDirect, entropy(2 / 3, 1 / 3) - 2 / 3 * log(2 / 3));
  near(own.normalized, entropy(8 / 9, 1 / 9));
  const bare = semanticEntropy(logs, [7, 7, 2], { samples: 3 });
  assert(!("unique" in bare));
});

Deno.test("semantic entropy takes impossible texts, and clusters by input", () => {
  const logs = [-Infinity, 0, -1, -1];
  const own = semanticEntropy(logs, [0, 1, 0, 0], { samples: 2 });
  assertEquals([...own.normalized], [0, 0]);
  assertEquals(own.monteCarlo[0], Infinity);
  assertEquals([...own.discrete], [Math.LN2, 0]);
});

Deno.test("entropy and confidence of single texts match cases by hand", () => {
  const logs = [-2, -4, -1, -3];
  const of = (lengths?: number[]) => [
    ...monteCarloSequenceEntropy(logs, {
      samples: 2,
      ...(lengths ? { lengths } : {}),
    }),
  ];
  assertEquals(of(), [3, 2]);
  assertEquals(of([2, 4, 1, 1]), [1, 2]);
  const own = sequenceConfidence([[-1, -3], [-0.5]]);
  assertEquals([...own.negativeLogProbability], [4, 0.5]);
  assertEquals([...own.meanNegativeLogProbability], [2, 0.5]);
  assertEquals(own.perplexity[0], Math.exp(2));
  assertEquals(own.lengthNormalizedProbability[1], Math.exp(-0.5));
});

Deno.test("uncertainties of texts refuse bad input", () => {
  const tokens = (more: object, list = TOKENS) => () =>
    ensembleTokenUncertainty(LOGITS, list, { ...OPTIONS, ...more });
  const wrong: [() => unknown, string][] = [
    [tokens({ members: 3 }), "8 scores for 2 tokens and 3 members"],
    [tokens({ members: 0 }), "members is 0"],
    [tokens({ lengths: [3] }), "length 0 is 3"],
    [tokens({ lengths: [0] }), "length 0 is 0"],
    [tokens({ lengths: [1, 1, 1] }), "2 tokens for 3 lengths"],
    [tokens({ mode: "mean" }), 'mode is "mean"'],
    [tokens({}, [0, 5]), "token 1 is 5"],
    [
      () =>
        ensembleTextUncertainty(LOGITS, TOKENS, { ...OPTIONS, hypotheses: 2 }),
      "not whole groups of 2",
    ],
    [
      () =>
        sumUpTokenUncertainty(
          ensembleTokenUncertainty(LOGITS, TOKENS, OPTIONS),
          [0, 0, 0],
          OPTIONS,
        ),
      "3 log-probabilities and 2 tokens for 2 members and lengths [2]",
    ],
    [() => semanticEntropy([1], [0.5], { samples: 1 }), "cluster 0 is 0.5"],
    [() => semanticEntropy([NaN], [0], { samples: 1 }), "0 is NaN"],
    [
      () => semanticEntropy([1], [0], { samples: 1, texts: [] }),
      "0 texts and 1 clusters",
    ],
    [
      () => monteCarloSequenceEntropy([1], { samples: 1, lengths: [0] }),
      "length 0 is 0",
    ],
    [() => sequenceConfidence([[]]), "text 0 has no tokens"],
  ];
  for (const [run, message] of wrong) assertThrows(run, RangeError, message);
  assertThrows(tokens({ numSamples: 2 }), TypeError, '"numSamples"');
});
