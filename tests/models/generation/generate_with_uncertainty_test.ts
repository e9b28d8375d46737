// Copyright 2026 the swagpu authors. MIT license.

// Uncertainty of generated texts: against all texts of a small vocabulary, against the
// metrics on the host, and of models whose weights have a posterior.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertRejects,
} from "@std/assert";
import { Generator, manualSeed, readAll, tensor } from "../../../engine/mod.ts";
import {
  type AnswerUncertainty,
  AutoModelForCausalLM,
  AutoModelForSeq2SeqLM,
  generateWithSamples,
  generateWithUncertainty,
  type PretrainedConfig,
  type PreTrainedModel,
  type ScoringModel,
} from "../../../models/mod.ts";
import {
  ensembleTextUncertainty,
  ensembleTokenUncertainty,
  minimumBayesRisk,
  semanticEntropy,
  sentenceChrf,
  sequenceEnsembleUncertainty,
} from "../../../nn/metrics/mod.ts";
import {
  MCDropout,
  MultiSwag,
  SwagModel,
  TemperatureScaled,
} from "../../../swag/mod.ts";
import { assertClose, FUNCTIONS, gpuTest } from "../../_check.ts";
import { collectAround, tinyConfigOf } from "../../_tiny_models.ts";
import { END, type Table, TableModel, tablePosterior } from "./_table_model.ts";

/** Tokens as letters; special ones are left out. */
function letters(special: readonly number[]) {
  return {
    batchDecode: (rows: readonly (readonly number[])[]) =>
      rows.map((row) =>
        row.filter((token) => !special.includes(token))
          .map((token) => String.fromCharCode(96 + token)).join("")
      ),
  };
}

const TABLES: readonly Table[] = [
  [[0.3, 0.4, 0.3], [0.2, 0.5, 0.3], [0.5, 0.25, 0.25]],
  [[0.5, 0.2, 0.3], [0.6, 0.1, 0.3], [0.1, 0.3, 0.6]],
];

/** All texts of up to three tokens after a prompt. */
function allTexts(): number[][] {
  const done: number[][] = [];
  let open: number[][] = [[]];
  for (let t = 0; t < 3; t++) {
    const next = open.flatMap((row) =>
      [0, 1, 2].map((token) => [...row, token])
    );
    done.push(...next.filter((row) => row.at(-1) === END));
    open = next.filter((row) => row.at(-1) !== END);
  }
  return [...done, ...open];
}

/** The probability of a text by a table. */
function probabilityOf(table: Table, first: number, text: readonly number[]) {
  let [p, last] = [1, first];
  for (const token of text) {
    p *= table[last]?.[token] ?? NaN;
    last = token;
  }
  return p;
}

const plogp = (list: readonly number[]) =>
  list.reduce((sum, p) => sum - (p > 0 ? p * Math.log(p) : 0), 0);

gpuTest(
  "with all texts of a small vocabulary, measures are exact",
  async () => {
    const model = new TableModel(TABLES);
    // Enough draws of each sample to write every text there is.
    const [answer] = await generateWithUncertainty(model, {
      posterior: tablePosterior(model),
      tokenizer: letters([END, 3]),
      sampling: { numPredictions: 2 },
      inputIds: [[1]],
      maxNewTokens: 3,
      doSample: true,
      topK: 0,
      numReturnSequences: 250,
      generator: new Generator(3),
      equivalent: (a, b) => a.length === b.length,
    });
    assert(answer);
    const texts = allTexts();
    const sorted = (rows: readonly (readonly number[])[]) =>
      rows.map((row) => row.join()).sort();
    assertEquals(
      sorted(answer.candidates.map(({ tokens }) => tokens)),
      sorted(texts),
    );
    const members = TABLES.map((table) =>
      texts.map((text) => probabilityOf(table, 1, text))
    );
    const mean = texts.map((_, i) =>
      members.reduce((sum, own) => sum + (own[i] ?? NaN) / 2, 0)
    );
    assertAlmostEquals(mean.reduce((a, b) => a + b), 1, 1e-12);
    assertAlmostEquals(
      answer.sequenceMutualInformation,
      plogp(mean) - members.reduce((sum, own) => sum + plogp(own) / 2, 0),
      1e-5,
    );
    for (const { tokens, logProbability } of answer.candidates) {
      const own = texts.findIndex((text) => text.join() === tokens.join());
      assertAlmostEquals(Math.exp(logProbability), mean[own] ?? NaN, 1e-6);
    }
    // Texts of as many letters mean the same: none, one, two or three.
    const byLength = [0, 1, 2, 3].map((length) =>
      texts.reduce(
        (sum, text, i) =>
          sum + (text.filter((token) => token !== END).length === length
            ? mean[i] ?? NaN
            : 0),
        0,
      )
    );
    assertAlmostEquals(answer.semanticEntropy.discrete, plogp(byLength), 0.05);
    assertEquals(
      new Set(answer.candidates.map(({ cluster }) => cluster)).size,
      4,
    );
    // How often answers were written is how probable they are.
    assertEquals(
      answer.candidates.reduce((sum, { count }) => sum + count, 0),
      500,
    );
  },
);

for (const mode of ["pe", "ep"] as const) {
  gpuTest(
    `measures are those of the metrics on the host, in mode ${mode}`,
    async () => {
      const model = new TableModel(TABLES);
      const utility = (a: string, b: string) =>
        [...a].filter((letter, i) => letter === b[i]).length - a.length / 9;
      const all = await generateWithUncertainty(model, {
        posterior: tablePosterior(model),
        tokenizer: letters([END, 3]),
        sampling: { numPredictions: 2 },
        inputIds: [[3, 1], [1, 2]],
        attentionMask: [[0, 1], [1, 1]],
        maxNewTokens: 4,
        doSample: true,
        topK: 0,
        numReturnSequences: 6,
        generator: new Generator(5),
        equivalent: (a, b) => Promise.resolve(a[0] === b[0]),
        utility,
        mode,
      });
      assertEquals(all.length, 2);
      all.forEach((answer, prompt) => checkByHost(answer, prompt + 1, mode));
    },
  );
}

/** Compares with the metrics on the host, from the scores of the tables. */
function checkByHost(
  answer: AnswerUncertainty,
  first: number,
  mode: "pe" | "ep",
) {
  const { candidates } = answer;
  const width = Math.max(...candidates.map(({ tokens }) => tokens.length));
  const tokens = candidates.flatMap((own) => [
    ...own.tokens,
    ...Array<number>(width - own.tokens.length).fill(0),
  ]);
  const lengths = candidates.map((own) => own.tokens.length);
  const logits = TABLES.flatMap((table) =>
    tokens.flatMap((_, at) => {
      const last = at % width === 0 ? first : tokens[at - 1] ?? 0;
      return (table[last] ?? []).map(Math.log);
    })
  );
  const options = { members: 2, lengths, mode };
  const own = ensembleTokenUncertainty(logits, tokens, options);
  for (const name of Object.keys(own) as (keyof typeof own)[]) {
    candidates.forEach(({ uncertainty }, i) =>
      assertClose(
        uncertainty[name],
        [...own[name].subarray(i * width, i * width + (lengths[i] ?? 0))],
        FUNCTIONS,
      )
    );
  }
  const sums = ensembleTextUncertainty(logits, tokens, {
    ...options,
    hypotheses: candidates.length,
  });
  for (
    const name of [
      ...["tokenMutualInformation", "tokenTotalUncertainty"] as const,
      ...["tokenDataUncertainty", "tokenRmi", "tokenEpkl"] as const,
      ...["sequenceTotalUncertainty", "sequenceRmi"] as const,
      "sequenceAbsoluteRmi" as const,
    ]
  ) {
    assertAlmostEquals(answer[name], sums[name][0] ?? NaN, 1e-5, name);
  }
  const logs = TABLES.map((table) =>
    candidates.map(({ tokens }) =>
      Math.log(probabilityOf(table, first, tokens))
    )
  );
  assertAlmostEquals(
    answer.sequenceMutualInformation,
    sequenceEnsembleUncertainty(logs.flat(), {
      members: 2,
      hypotheses: candidates.length,
    }).sequenceMutualInformation[0] ?? NaN,
    1e-5,
  );
  // The choice, among all answers as often as they were written.
  const utility = (a: string, b: string) =>
    [...a].filter((letter, i) => letter === b[i]).length - a.length / 9;
  const written = candidates.flatMap(({ text, count }) =>
    Array<string>(count).fill(text)
  );
  assertEquals(written.length, 12);
  const { choice, expectedUtilities } = minimumBayesRisk(written, utility);
  assertEquals(answer.text, choice);
  assertAlmostEquals(
    candidates[0]?.expectedUtility ?? NaN,
    Math.max(...expectedUtilities),
    1e-12,
  );
  // The entropy over meanings, which are first letters here.
  const meanings = [...new Set(written.map((text) => text[0]))];
  const means = candidates.flatMap((_, i) =>
    Array<number>(candidates[i]?.count ?? 0).fill(
      Math.log(
        (Math.exp(logs[0]?.[i] ?? NaN) + Math.exp(logs[1]?.[i] ?? NaN)) / 2,
      ),
    )
  );
  const entropies = semanticEntropy(
    means,
    written.map((text) => meanings.indexOf(text[0])),
    { samples: written.length, texts: written },
  );
  for (
    const name of Object.keys(
      answer.semanticEntropy,
    ) as (keyof typeof answer.semanticEntropy)[]
  ) {
    assertAlmostEquals(
      answer.semanticEntropy[name],
      entropies[name]?.[0] ?? NaN,
      1e-4,
      name,
    );
  }
}

type Model = PreTrainedModel<PretrainedConfig> & ScoringModel;

/** A tiny model that generates, and a wide posterior over its weights. */
async function posteriorOver(modelType: string, isDecoder: boolean) {
  manualSeed(3);
  const config = tinyConfigOf(modelType, { is_decoder: isDecoder });
  const model =
    (isDecoder
      ? AutoModelForCausalLM.fromConfig(config)
      : AutoModelForSeq2SeqLM.fromConfig(config)) as unknown as Model;
  model.eval();
  const posterior = SwagModel.fromBase(model, { noCovMat: false });
  await collectAround(posterior, { size: 0.5 });
  return { model, posterior, own: await readAll(model.parameters()) };
}

for (
  const [modelType, isDecoder] of [
    ["bart", false],
    ["marian", false],
    ["bert", true],
    ["roberta", true],
    ["bart", true],
    ["marian", true],
  ] as const
) {
  const kind = `${modelType} as ${isDecoder ? "a decoder" : "a pair"}`;
  gpuTest(`samples of the weights write and score texts: ${kind}`, async () => {
    const { model, posterior, own } = await posteriorOver(modelType, isDecoder);
    const { padTokenId, eosTokenId } = model.config;
    const padding = padTokenId ?? 0;
    const sampling = { numPredictions: 5, seed: 7, scale: 0.5 };
    const prompts = isDecoder
      ? [[padding, 4, 5], [7, 8, 9]]
      : [[4, 5, padding], [7, 8, 9]];
    const options = {
      inputIds: prompts,
      attentionMask: prompts.map((row) =>
        row.map((token) => token === padding ? 0 : 1)
      ),
      maxNewTokens: 5,
      numBeams: 2,
    };
    const special = [padding, ...[eosTokenId ?? []].flat()];
    const answers = await generateWithUncertainty(model, {
      ...options,
      posterior,
      sampling,
      tokenizer: letters(special),
    });
    assertEquals(await readAll(model.parameters()), own);
    // Each sample's answer by another way, and what all samples say of all answers.
    const written = [];
    for (let index = 0; index < 5; index++) {
      const { sequences } = await generateWithSamples(model, {
        ...options,
        posterior,
        sampling: { seed: 7, scale: 0.5, index },
      });
      written.push(sequences);
    }
    for (const [prompt, answer] of answers.entries()) {
      const rows = written.map((sequences) => sequences[prompt] ?? []);
      const start = isDecoder ? 3 : 1;
      const candidates = answer.candidates.map(({ tokens }) => tokens.join());
      for (const row of rows) {
        const at = candidates.findIndex((tokens) =>
          `${row.slice(start).join()},`.startsWith(`${tokens},`)
        );
        assert(at >= 0, `${row} in ${candidates}`);
      }
      assertEquals(new Set(candidates).size, candidates.length);
      const source = prompts[prompt]?.filter((token) => token !== padding) ??
        [];
      for (const { tokens, logProbability, uncertainty } of answer.candidates) {
        const ids = (list: readonly number[]) =>
          tensor(Int32Array.from(list), { shape: [1, list.length] });
        const begin = isDecoder ? source : (rows[0] ?? []).slice(0, 1);
        const decoderIds = [...begin, ...tokens].slice(0, -1);
        const decoder = ids(decoderIds);
        const logits = posterior.getLogits(
          () =>
            (model as unknown as {
              forward(inputs: object): { logits: ReturnType<typeof tensor> };
            }).forward(
              isDecoder
                ? {
                  inputIds: decoder,
                  positionIds: ids([...decoderIds.keys()]),
                }
                : { inputIds: ids(source), decoderInputIds: decoder },
            ) as never,
          sampling,
        );
        const [, members = 0, length = 0, vocabulary = 0] = logits.shape;
        const values = await logits.data();
        const places = Array.from(
          { length: members },
          (_, m) =>
            tokens.map((_, t) =>
              values.subarray(
                (m * length + begin.length - 1 + t) * vocabulary,
                (m * length + begin.length + t) * vocabulary,
              )
            ),
        );
        const twin = ensembleTokenUncertainty(
          places.flat().flatMap((row) => [...row]),
          tokens,
          { members, lengths: [tokens.length] },
        );
        assertClose(
          uncertainty.mutualInformation,
          [...twin.mutualInformation],
          {
            absolute: 2e-5,
            relative: 1e-3,
          },
        );
        const probabilities = places.map((rows) =>
          rows.reduce((product, row, t) => {
            const total = row.reduce((sum, x) => sum + Math.exp(x), 0);
            return product * Math.exp(row[tokens[t] ?? 0] ?? NaN) / total;
          }, 1)
        );
        const mean = probabilities.reduce((sum, p) => sum + p / members, 0);
        assertAlmostEquals(logProbability, Math.log(mean), 1e-3);
      }
      assert(answer.tokenMutualInformation > 0);
    }
    // Some prompt has answers that differ, so that there is something to choose.
    assert(answers.some(({ candidates }) => candidates.length > 1));
    for (const { text, candidates } of answers) {
      assertEquals(text, candidates[0]?.text);
      const texts = candidates.flatMap((one) =>
        Array<string>(one.count).fill(one.text)
      );
      const best = minimumBayesRisk(
        texts,
        (a, b) => a === b ? 100 : sentenceChrf(a, [b]),
      );
      assertAlmostEquals(
        candidates[0]?.expectedUtility ?? NaN,
        Math.max(...best.expectedUtilities),
        1e-9,
      );
    }
    posterior.dispose();
    model.dispose();
  });
}

gpuTest("any posterior will do: particles, and dropout", async () => {
  const { model, posterior, own } = await posteriorOver("marian", false);
  const second = SwagModel.fromBase(model, { noCovMat: false });
  await collectAround(second, { size: 0.8 });
  using multi = new MultiSwag(model, [posterior, second]);
  const options = {
    inputIds: [[4, 5, 6]],
    tokenizer: letters([0, 19]),
    maxNewTokens: 4,
    numBeams: 1,
  };
  const [answer] = await generateWithUncertainty(model, {
    ...options,
    posterior: multi,
    sampling: { numPredictions: 3 },
  });
  // Three of each particle.
  const counts = answer?.candidates.map(({ count }) => count) ?? [];
  assertEquals(counts.reduce((a, b) => a + b), 6);
  const again = await generateWithUncertainty(model, {
    ...options,
    posterior: multi,
    sampling: { numPredictions: 3, seed: 0 },
  });
  assertEquals(again[0], answer);
  const [dropped] = await generateWithUncertainty(model, {
    ...options,
    posterior: new MCDropout(model),
  });
  assertEquals(
    dropped?.candidates.reduce((sum, { count }) => sum + count, 0),
    10,
  );
  assertEquals(await readAll(model.parameters()), own);
  assertEquals(model.training, false);
  model.dispose();
});

gpuTest("uncertain generation refuses what it cannot do", async () => {
  const { model, posterior } = await posteriorOver("bart", false);
  const options = {
    posterior,
    tokenizer: letters([]),
    inputIds: [[4, 5]],
    maxNewTokens: 2,
  };
  const refuse = async (
    more: object,
    type: typeof TypeError | typeof RangeError,
    text: string,
  ) => {
    await assertRejects(
      () => generateWithUncertainty(model, { ...options, ...more }),
      type,
      text,
    );
  };
  await refuse(
    { posterior: undefined },
    TypeError,
    "Cannot generate with samples of undefined: expected a SwagModel",
  );
  await refuse(
    { tokenizer: undefined },
    TypeError,
    "Cannot compare answers as texts by undefined",
  );
  await refuse(
    { streamer: () => {} },
    TypeError,
    "Cannot stream answers of several samples",
  );
  await refuse(
    { sampling: { numPredictions: 0 } },
    RangeError,
    "Cannot compute with 0 samples",
  );
  await refuse(
    { mode: "mean" },
    RangeError,
    'Cannot mix samples by mode "mean": expected "pe" or "ep"',
  );
  await refuse(
    { equivalence: () => true },
    TypeError,
    "equivalence",
  );
  await refuse(
    { utility: () => NaN },
    RangeError,
    "the utility of candidate 0 is not a number",
  );
  for (const name of ["equivalent", "utility"]) {
    await refuse(
      { [name]: "same" },
      TypeError,
      `Cannot compare answers by ${name} same: expected a function`,
    );
  }
  // Its samples would leave this model as it is, as if it were certain.
  const other = await posteriorOver("bart", false);
  await refuse(
    { posterior: other.posterior },
    TypeError,
    "Cannot use a posterior over another model, a BartForConditionalGeneration",
  );
  other.posterior.dispose();
  other.model.dispose();
  await refuse(
    { posterior: new TemperatureScaled(model, 2) },
    TypeError,
    "Cannot generate with a posterior at temperature 2: it would not count",
  );
  const last = new TableModel(TABLES);
  await assertRejects(
    () =>
      generateWithUncertainty(last, {
        ...options,
        posterior: tablePosterior(last),
        sampling: { numPredictions: 2 },
        inputIds: [[1, 2], [1, 1]],
        attentionMask: [[1, 1], [0, 0]],
      }),
    TypeError,
    "Cannot generate from inputIds: row 1 holds nothing but padding",
  );
  const all = last.forward.bind(last);
  last.forward = (inputs) => {
    const { logits } = all(inputs);
    return inputs.cache ? { logits } : { logits: tensor([[[1, 2, 3, 4]]]) };
  };
  await assertRejects(
    () =>
      generateWithUncertainty(last, {
        ...options,
        posterior: tablePosterior(last),
        sampling: { numPredictions: 2 },
        inputIds: [[1, 2]],
      }),
    TypeError,
    "without a cache the model must score all positions",
  );
  posterior.dispose();
  model.dispose();
});
