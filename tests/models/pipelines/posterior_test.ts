// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { manualSeed, readAll, scope } from "../../../engine/mod.ts";
import {
  BertForSequenceClassification,
  BertForTokenClassification,
  pipeline,
} from "../../../models/mod.ts";
import type {
  BertConfigOptions,
  WeightPosterior,
} from "../../../models/mod.ts";
import { SwagModel } from "../../../swag/mod.ts";
import { assertClose, FUNCTIONS, gpuTest } from "../../_check.ts";
import { warningsOf } from "../../_warnings.ts";
import { inFolder } from "../../_folder.ts";
import {
  collectWaves,
  probabilities,
  rowOf,
  tinyConfig,
  tinyTokenizer,
} from "./_tiny.ts";

const tokenizer = tinyTokenizer();
const TEXTS = ["I like it", "the dogs play in Paris", "who"];
const SAMPLING = { numPredictions: 5, seed: 3 };

function classifier(
  options: BertConfigOptions = {},
): BertForSequenceClassification {
  manualSeed(4);
  return new BertForSequenceClassification(
    tinyConfig({ numLabels: 3, ...options }),
  ).eval();
}

/** A posterior over the head, from weights that differ. */
function posteriorOf(
  model: BertForSequenceClassification | BertForTokenClassification,
): SwagModel {
  const swag = SwagModel.fromBase(model, { modulePrefixList: ["classifier"] });
  collectWaves(swag, model.classifier.weight);
  return swag;
}

gpuTest("a posterior's probabilities and uncertainty are SWAG's", async () => {
  const model = classifier();
  using swag = posteriorOf(model);
  const before = [...await model.classifier.weight.data()];
  const classify = await pipeline("text-classification", { model, tokenizer }, {
    posterior: swag,
    sampling: SAMPLING,
    batchSize: 2,
  });
  const results = await classify(TEXTS, { topK: null });
  for (const [i, text] of TEXTS.entries()) {
    using _ = scope();
    const prediction = swag.predict(
      () => model.forward(rowOf(tokenizer.encode(text))),
      SAMPLING,
    );
    const [p = [], std = [], entropy = [], shared = []] = await readAll([
      prediction.probabilities,
      prediction.std,
      prediction.entropy,
      prediction.mutualInformation,
    ]);
    const own = results[i] ?? [];
    assertEquals(own.length, 3);
    for (const { label, ...found } of own) {
      const id = model.config.label2id[label] ?? -1;
      assertClose(
        [
          found.score,
          found.std ?? NaN,
          found.entropy ?? NaN,
          found.mutualInformation ?? NaN,
        ],
        [p[id] ?? NaN, std[id] ?? NaN, entropy[0] ?? NaN, shared[0] ?? NaN],
        { ...FUNCTIONS, absolute: 1e-5 },
      );
      assert((found.std ?? 0) > 1e-3);
    }
  }
  assertEquals([...await model.classifier.weight.data()], before);
  const plain = await pipeline("text-classification", { model, tokenizer });
  assertEquals((await plain("I"))[0]?.std, undefined);
  model.dispose();
});

gpuTest(
  "without a number, a posterior says how many samples are enough",
  async () => {
    const model = classifier();
    using swag = posteriorOf(model);
    const asked: (number | undefined)[] = [];
    const posteriors: readonly (readonly [WeightPosterior, number])[] = [
      [counting(swag, asked), 30],
      [{ ...counting(swag, asked), defaultPredictions: undefined }, 30],
      [{ ...counting(swag, asked), defaultPredictions: 1 }, 1], // as of an ensemble
    ];
    for (const [posterior, expected] of posteriors) {
      const classify = await pipeline(
        "text-classification",
        { model, tokenizer },
        { posterior },
      );
      await classify("I like it");
      assertEquals(asked.splice(0), [expected]);
    }
    model.dispose();
  },
);

/** A posterior that notes the numbers of samples which are asked for. */
function counting(
  swag: SwagModel,
  asked: (number | undefined)[],
): WeightPosterior {
  return {
    defaultPredictions: swag.defaultPredictions,
    getLogits(forward, options) {
      asked.push(options.numPredictions);
      return swag.getLogits(forward, options);
    },
  };
}

gpuTest(
  "regression has a mean and a deviation, and independent labels have their own",
  async () => {
    const number = classifier({ numLabels: 1, problemType: "regression" });
    using first = posteriorOf(number);
    const predict = await pipeline("text-classification", {
      model: number,
      tokenizer,
    }, { posterior: first, sampling: SAMPLING });
    const [value] = await predict("I like it");
    const inputs = rowOf(tokenizer.encode("I like it"));
    const logits = first.getLogits(() => number.forward(inputs), SAMPLING);
    const samples = [...await logits.data()];
    const mean = samples.reduce((s, x) => s + x, 0) / 5;
    const spread = samples.reduce((s, x) => s + (x - mean) ** 2, 0) / 5;
    assertClose(
      [value?.score ?? NaN, value?.std ?? NaN],
      [mean, Math.sqrt(spread)],
      FUNCTIONS,
    );
    assertEquals(value?.entropy, undefined);
    number.dispose();

    const several = classifier({ problemType: "multi_label_classification" });
    using second = posteriorOf(several);
    const tag = await pipeline("text-classification", {
      model: several,
      tokenizer,
    }, { posterior: second, sampling: SAMPLING });
    const labels = await tag("I like it", { topK: null });
    const all = [
      ...await second.getLogits(() => several.forward(inputs), SAMPLING).data(),
    ];
    for (const { label, score, entropy, mutualInformation } of labels) {
      const id = several.config.label2id[label] ?? -1;
      const own = [0, 1, 2, 3, 4].map((s) =>
        1 / (1 + Math.exp(-(all[s * 3 + id] ?? NaN)))
      );
      const p = own.reduce((s, x) => s + x, 0) / 5;
      const h = (q: number) => -q * Math.log(q) - (1 - q) * Math.log(1 - q);
      const expected = own.reduce((s, x) => s + h(x), 0) / 5;
      assertClose(
        [score, entropy ?? NaN, mutualInformation ?? NaN],
        [p, h(p), h(p) - expected],
        { ...FUNCTIONS, absolute: 1e-6 },
      );
    }
    several.dispose();
  },
);

gpuTest("labels of tokens are averaged, in windows of any length", async () => {
  manualSeed(5);
  const model = new BertForTokenClassification(
    tinyConfig({ numLabels: 3 }),
  ).eval();
  using swag = posteriorOf(model);
  const tag = await pipeline("ner", { model, tokenizer }, {
    posterior: swag,
    sampling: SAMPLING,
  });
  const [short = [], long = []] = await tag(["the cat", TEXTS[1] ?? ""], {
    ignoreLabels: [],
  });
  assertEquals([short.length, long.length], [2, 6]);
  const inputs = rowOf(tokenizer.encode("the cat"));
  const logits = swag.getLogits(() => model.forward(inputs), SAMPLING);
  const values = [...await logits.data()];
  for (const { entity, index, score } of short) {
    const id = model.config.label2id[entity] ?? -1;
    const p = [0, 1, 2, 3, 4].map((s) => {
      const own = [0, 1, 2].map((k) => values[(s * 4 + index) * 3 + k] ?? NaN);
      const total = own.reduce((sum, x) => sum + Math.exp(x), 0);
      return Math.exp(own[id] ?? NaN) / total;
    });
    assertClose([score], [p.reduce((s, x) => s + x, 0) / 5], FUNCTIONS);
  }
  model.dispose();
});

gpuTest(
  "tokens, words and entities have the uncertainty of their label",
  async () => {
    manualSeed(5);
    const model = new BertForTokenClassification(
      tinyConfig({ id2label: { 0: "O", 1: "B-X", 2: "I-X" } }),
    ).eval();
    using swag = posteriorOf(model);
    const tag = await pipeline("ner", { model, tokenizer }, {
      posterior: swag,
      sampling: SAMPLING,
    });
    const text = "playing the dogs"; // play ##ing the dog ##s
    const inputs = rowOf(tokenizer.encode(text));
    const logits = swag.getLogits(() => model.forward(inputs), SAMPLING);
    const values = [...await logits.data()];
    /** The probabilities of a token by each sample. */
    const samplesAt = (token: number) =>
      [0, 1, 2, 3, 4].map((s) =>
        probabilities(
          values.slice((s * 7 + token) * 3, (s * 7 + token) * 3 + 3),
        )
      );
    const meanOf = (lists: readonly (readonly number[])[]) =>
      [0, 1, 2].map((k) =>
        lists.reduce((sum, own) => sum + (own[k] ?? NaN), 0) / lists.length
      );
    const entropy = (p: readonly number[]) =>
      -p.reduce((sum, q) => sum + q * Math.log(q), 0);
    /** What is known of the best label of these samples. */
    const measures = (samples: readonly (readonly number[])[]) => {
      const mean = meanOf(samples);
      const score = Math.max(...mean);
      const own = samples.map((p) => p[mean.indexOf(score)] ?? NaN);
      const variance = own.reduce((sum, p) => sum + (p - score) ** 2 / 5, 0);
      const inside = samples.reduce((sum, p) => sum + entropy(p) / 5, 0);
      const total = entropy(mean);
      return [score, Math.sqrt(variance), total, total - inside];
    };
    const found = (one: Partial<Record<string, string | number>>) =>
      ["score", "std", "entropy", "mutualInformation"]
        .map((name) => Number(one[name]));
    const tolerance = { absolute: 2e-6, relative: 1e-4 };
    const tokens = await tag(text, { ignoreLabels: [] });
    for (const own of tokens) {
      assertClose(found({ ...own }), measures(samplesAt(own.index)), tolerance);
    }
    for (const aggregationStrategy of ["first", "average"] as const) {
      const words = [[1, 2], [3], [4, 5]].map((word) => {
        const pieces = aggregationStrategy === "first"
          ? word.slice(0, 1)
          : word;
        const all = pieces.map(samplesAt);
        return [0, 1, 2, 3, 4].map((s) =>
          meanOf(all.map((own) => own[s] ?? []))
        );
      }).map(measures);
      const entities = await tag(text, {
        aggregationStrategy,
        ignoreLabels: [],
      });
      const ends = [7, 11, 16];
      for (const { start, end, ...own } of entities) {
        const inside = words.filter((_, i) =>
          (ends[i] ?? 0) > start && (ends[i] ?? 0) <= end
        );
        const mean = [0, 1, 2, 3].map((k) =>
          inside.reduce((sum, word) => sum + (word[k] ?? NaN), 0) /
          inside.length
        );
        assertClose(found({ ...own }), mean, tolerance);
      }
    }
    const plain = await pipeline("ner", { model, tokenizer });
    assertEquals((await plain(text, { ignoreLabels: [] }))[0]?.std, undefined);
    model.dispose();
  },
);

gpuTest(
  "a posterior beside a model is used, or a warning is printed",
  async () => {
    const model = classifier();
    using swag = posteriorOf(model);
    await inFolder(async (folder) => {
      await model.savePretrained(folder);
      await tokenizer.save(folder);
      const path = `${folder}/swag.safetensors`;
      await swag.save(path);
      const told = await warningsOf(async () => {
        using plain = await pipeline("text-classification", folder);
        await plain("I");
      });
      assertEquals(told.length, 1);
      assert(told[0]?.includes(`${path} is not used`));
      const silent = await warningsOf(async () => {
        using averaged = await pipeline("text-classification", folder, {
          posterior: (loaded) => SwagModel.load(path, loaded),
          sampling: SAMPLING,
        });
        const given = await pipeline(
          "text-classification",
          { model, tokenizer },
          {
            posterior: swag,
            sampling: SAMPLING,
          },
        );
        assertEquals(await averaged(TEXTS), await given(TEXTS));
      });
      assertEquals(silent, []);
      await assertRejects(
        () => pipeline("feature-extraction", folder, { posterior: swag }),
        TypeError,
        "Cannot use a posterior for feature-extraction: it is for text-class",
      );
    });
    await assertRejects(
      () =>
        pipeline("ner", { model, tokenizer } as never, {
          posterior: swag,
          sampling: { numPredictions: 0 },
        }),
      RangeError,
      "numPredictions 0",
    );
    // Its samples would leave this model as it is, as if it were certain.
    using other = classifier();
    await assertRejects(
      () =>
        pipeline("text-classification", { model: other, tokenizer }, {
          posterior: swag,
        }),
      TypeError,
      "Cannot use a posterior over another model",
    );
    // What a function has made is freed where it cannot be used.
    await assertRejects(
      () =>
        pipeline("text-classification", { model, tokenizer }, {
          posterior: () => {
            const made = SwagModel.fromBase(other);
            made.collectModel();
            return made;
          },
        }),
      TypeError,
      "Cannot use a posterior over another model",
    );
    model.dispose();
  },
);
