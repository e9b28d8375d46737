// Copyright 2026 the swagpu authors. MIT license.

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { specialTokenFields } from "../../../cli/special_token_fields.ts";
import {
  summarization,
  translation,
} from "../../../cli/tasks/sequence_to_sequence.ts";
import type {
  WritingExample,
  WritingRow,
} from "../../../cli/tasks/source_target_rows.ts";
import type { WritingModel } from "../../../cli/tasks/written_texts.ts";
import { manualSeed, scope, tensor } from "../../../engine/mod.ts";
import {
  AutoConfig,
  AutoModelForSeq2SeqLM,
  ConfigReader,
  pipeline,
  type PretrainedConfig,
  type Tokenizer,
  trainTokenizer,
} from "../../../models/mod.ts";
import { corpusBleu, corpusChrf, rougeScore } from "../../../nn/metrics/mod.ts";
import { SwagModel } from "../../../swag/mod.ts";
import { gpuTest, randomValues } from "../../_check.ts";
import { inFolder } from "../../_folder.ts";
import { argumentsOf, listener, trainOn } from "./_text_task.ts";

const PAIRS = [
  ["le chat noir", "the black cat"],
  ["le chien noir", "the black dog"],
  ["le chat dort", "the cat sleeps"],
  ["le chien dort", "the dog sleeps"],
] as const;

const TEXTS = PAIRS.flat();
const BPE = await trainTokenizer(TEXTS, { type: "bpe", vocabSize: 280 });
const PIECES = await trainTokenizer(TEXTS, {
  type: "wordpiece",
  vocabSize: 40,
});

/** The fields of a small model's file, as a user writes them. */
function fileOf(type: "bart" | "marian"): Record<string, unknown> {
  return {
    model_type: type,
    max_position_embeddings: 32,
    d_model: 16,
    encoder_layers: 1,
    decoder_layers: 1,
    encoder_attention_heads: 2,
    decoder_attention_heads: 2,
    encoder_ffn_dim: 32,
    decoder_ffn_dim: 32,
    dropout: 0,
    init_std: 0.1,
  };
}

/** The configuration of a new model, completed as `finetune` does. */
function configOf(
  type: "bart" | "marian",
  tokenizer: Tokenizer,
  more: Readonly<Record<string, unknown>> = {},
): PretrainedConfig {
  const given = { ...fileOf(type), ...more };
  const fields = {
    vocab_size: tokenizer.vocabSize,
    ...specialTokenFields(tokenizer, given, "config.json"),
    ...given,
  };
  return AutoConfig.fromFields(
    new ConfigReader(fields, { source: "config.json" }),
  );
}

/** Prepares examples for a model. */
function rowsOf(
  examples: readonly WritingExample[],
  { tokenizer, config, given = [], maxLength = 32, task = translation }: {
    tokenizer: Tokenizer;
    config: PretrainedConfig;
    given?: readonly string[];
    maxLength?: number;
    task?: typeof translation;
  },
): { rows: WritingRow[]; said: string[] } {
  const { progress, said } = listener();
  const rows = task.prepare({ path: "pairs.tsv", examples }, {
    args: argumentsOf(task, "finetune", given),
    progress,
    tokenizer,
    config,
    maxLength,
    isTraining: true,
  });
  return { rows, said };
}

const EXAMPLES = PAIRS.map(([source, target], i): WritingExample => ({
  source,
  target,
  place: `row ${i + 1} of pairs.tsv`,
}));

/** Runs a task's outputs. */
async function outputsOf(
  model: WritingModel,
  rows: readonly WritingRow[],
  {
    tokenizer,
    given = [],
    isSample = false,
    task = translation,
    batchSize = 3,
  }: {
    tokenizer: Tokenizer;
    given?: readonly string[];
    isSample?: boolean;
    task?: typeof translation;
    batchSize?: number;
  },
) {
  let done = 0;
  const outputs = await task.outputs(rows, {
    args: argumentsOf(task, "finetune", given),
    progress: listener().progress,
    model,
    tokenizer,
    maxLength: 32,
    batchSize,
    isSample,
    advance: (more) => done += more,
  });
  assertEquals(done, rows.length);
  return outputs;
}

const CONTEXT = {
  args: argumentsOf(translation, "finetune", []),
  progress: listener().progress,
  config: configOf("bart", BPE),
};

Deno.test("translation reads columns, objects of languages and pairs of files", async () => {
  const files = {
    "a.tsv": PAIRS.map((pair) => pair.join("\t") + "\n").join(""),
    "b.jsonl": PAIRS.map(([fr, en]) =>
      JSON.stringify({ id: 1, translation: { fr, en } }) + "\n"
    ).join(""),
    "c.fr.txt": PAIRS.map(([fr]) => fr + "\n").join(""),
    "c.en.txt": PAIRS.map(([, en]) => en + "\r\n").join(""),
    "short.txt": "the black cat\n",
  };
  await inFolder(async (folder) => {
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${folder}/${name}`, text);
    }
    const { progress } = listener();
    const read = async (file: string, ...given: string[]) => {
      const args = argumentsOf(translation, "finetune", [
        "--data",
        `${folder}/${file}`,
        ...given,
      ]);
      return await translation.read("data", { args, progress });
    };
    const languages = ["--source-column", "fr", "--target-column", "en"];
    for (
      const data of [
        await read("a.tsv", "--columns", "source,target"),
        await read("a.tsv", "--columns", "fr,en", ...languages),
        await read("b.jsonl", ...languages),
        await read("c.fr.txt", "--target-data", `${folder}/c.en.txt`),
      ]
    ) {
      assertEquals(
        data.examples.map(({ source, target }) => [source, target]),
        PAIRS.map((pair) => [...pair]),
      );
    }
    const args = argumentsOf(translation, "finetune", [
      "--eval",
      `${folder}/c.fr.txt`,
      "--target-eval",
      `${folder}/c.en.txt`,
    ]);
    const { examples } = await translation.read("eval", { args, progress });
    assertEquals(examples.length, PAIRS.length);

    const refused: [string, string[], string][] = [
      ["a.tsv", [], 'Cannot find the column "source"'],
      ["b.jsonl", [], 'language "source"'],
      ["b.jsonl", ["--source-column", "de"], 'translations are in "fr", "en"'],
      ["c.fr.txt", [], "name the file of targets with --target-data"],
      [
        "c.fr.txt",
        ["--target-data", `${folder}/short.txt`],
        "it ends before line 2",
      ],
      [
        "c.fr.txt",
        ["--target-data", `${folder}/c.en.txt`, ...languages],
        "Cannot use --source-column with --target-data",
      ],
      [
        "a.tsv",
        ["--target-data", `${folder}/c.en.txt`],
        "as text for --target-data: it is tsv",
      ],
    ];
    for (const [file, given, message] of refused) {
      await assertRejects(() => read(file, ...given), Error, message);
    }
  });
});

Deno.test("translation remembers columns and what is put before sources", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/a.csv`;
    await Deno.writeTextFile(path, "fr,en\nle chat,the cat\n");
    const { progress } = listener();
    const args = argumentsOf(translation, "finetune", [
      ..."--data x --source-column fr --target-column en".split(" "),
      "--source-prefix",
      "translate: ",
    ]);
    const config = configOf("bart", BPE);
    const data = { path, examples: EXAMPLES };
    const fields = translation.configFields(data, { args, progress, config });
    assertEquals(fields, {
      prefix: "translate: ",
      swagpu: { task: "translation", source_column: "fr", target_column: "en" },
    });
    const trained = configOf("bart", BPE, fields);
    const again = await translation.read("data", {
      args: argumentsOf(translation, "finetune", ["--data", path]),
      progress,
      config: trained,
    });
    assertEquals(again.examples[0]?.source, "le chat");
    const { rows } = rowsOf(EXAMPLES, { tokenizer: BPE, config: trained });
    assertEquals(
      rows[0]?.inputIds,
      BPE.encode(`translate: ${PAIRS[0][0]}`).inputIds,
    );
    assertEquals(rows[0]?.labels, BPE.encode(PAIRS[0][1]).inputIds);
    // Parameters of the task that the file has take precedence.
    const task_specific_params = {
      translation: { prefix: "t5: ", num_beams: 2 },
      other: { prefix: "no" },
    };
    const given = configOf("bart", BPE, { task_specific_params });
    const { rows: before } = rowsOf(EXAMPLES, {
      tokenizer: BPE,
      config: given,
    });
    assertEquals(
      before[0]?.inputIds,
      BPE.encode(`t5: ${PAIRS[0][0]}`).inputIds,
    );
    const changed = translation.configFields(data, {
      args,
      progress,
      config: given,
    });
    assertEquals(changed.task_specific_params, {
      translation: { prefix: "translate: ", num_beams: 2 },
      other: { prefix: "no" },
    });
  });
});

Deno.test("translation says what was cut, and what is blank", () => {
  const config = configOf("bart", BPE);
  const examples = [...EXAMPLES, { source: "le", target: " ", place: "row 5" }];
  const lengths = (text: string) => BPE.encode(text).inputIds.length;
  const longest = Math.max(...PAIRS.map(([source]) => lengths(source)));
  const { rows, said } = rowsOf(examples, {
    tokenizer: BPE,
    config,
    given: ["--max-target-length", "4"],
    maxLength: longest - 1,
  });
  assertEquals(rows.map(({ labels }) => labels.length), [4, 4, 4, 4, 3]);
  assertEquals(
    rows.map(({ length }) => length),
    rows.map(({ inputIds, labels }) => inputIds.length + labels.length),
  );
  const cut = PAIRS.filter(([source]) => lengths(source) === longest).length;
  assertEquals(said, [
    `${cut} of 5 rows of pairs.tsv cut to ${longest - 1} tokens`,
    "4 of 5 targets of pairs.tsv cut to 4 tokens",
    "1 of 5 rows of pairs.tsv without a source or a target",
  ]);
  assertThrows(
    () =>
      rowsOf(examples, {
        tokenizer: BPE,
        config,
        given: ["--max-target-length", "64"],
      }),
    RangeError,
    "Cannot use --max-target-length 64: the model supports 32 positions",
  );
});

Deno.test("special tokens of new models are those of their tokenizer", () => {
  const ids = (type: string, tokenizer: Tokenizer) =>
    specialTokenFields(tokenizer, { model_type: type }, "config.json");
  assertEquals(ids("bart", BPE), {
    pad_token_id: 1,
    eos_token_id: 2,
    bos_token_id: 0,
    decoder_start_token_id: 2,
    forced_eos_token_id: 2,
  });
  assertEquals(ids("marian", BPE), {
    pad_token_id: 1,
    eos_token_id: 2,
    decoder_start_token_id: 1,
    forced_eos_token_id: 2,
  });
  assertEquals(ids("bart", PIECES), {
    pad_token_id: 0,
    eos_token_id: 3,
    bos_token_id: 2,
    decoder_start_token_id: 3,
    forced_eos_token_id: 3,
  });
  assertEquals(ids("roberta", PIECES), {
    pad_token_id: 0,
    bos_token_id: 2,
    eos_token_id: 3,
  });
  assertEquals(ids("modernbert", PIECES), {
    pad_token_id: 0,
    bos_token_id: 2,
    eos_token_id: 3,
    cls_token_id: 2,
    sep_token_id: 3,
  });
  assertEquals(ids("bert", PIECES), { pad_token_id: 0 });
  // What the file gives decides what follows from it.
  const given = { model_type: "marian", eos_token_id: 9, pad_token_id: 8 };
  assertEquals(specialTokenFields(BPE, given, "config.json"), {
    pad_token_id: 8,
    eos_token_id: 9,
    decoder_start_token_id: 8,
    forced_eos_token_id: 9,
  });
  const none = {
    padTokenId: null,
    bosTokenId: null,
    eosTokenId: null,
    clsTokenId: null,
    sepTokenId: null,
  };
  for (
    const [own, verb] of [[none, "pads"], [{ ...none, padTokenId: 0 }, "ends"]]
  ) {
    assertThrows(
      () =>
        specialTokenFields(
          own as typeof none,
          { model_type: "bart" },
          "config.json",
        ),
      TypeError,
      `Cannot start from config.json with this tokenizer: it has no token that ${verb}`,
    );
  }
});

Deno.test("translation refuses a model without a token to begin with", () => {
  const config = configOf("marian", BPE, { decoder_start_token_id: null });
  assertThrows(
    () =>
      translation.configFields({ path: "a.csv", examples: EXAMPLES }, {
        ...CONTEXT,
        config,
      }),
    TypeError,
    "its configuration has no decoder_start_token_id",
  );
});

for (
  const [type, tokenizer] of [
    ["bart", BPE],
    ["marian", BPE],
    ["marian", PIECES],
  ] as const
) {
  const name = tokenizer === BPE ? "byte-level BPE" : "word pieces";
  gpuTest(
    `translation trains a ${type} with ${name} from scratch`,
    async () => {
      manualSeed(1);
      const config = configOf(type, tokenizer);
      const model = AutoModelForSeq2SeqLM.fromConfig(config);
      const { rows } = rowsOf(EXAMPLES, { tokenizer, config });
      await trainOn(model, rows, {
        epochs: 60,
        learningRate: 1e-2,
        collate: (epoch) =>
          translation.collator({
            args: argumentsOf(translation, "finetune", []),
            progress: listener().progress,
            model,
            tokenizer,
            maxLength: 32,
            epoch,
          }),
      });
      const outputs = await outputsOf(model, rows, { tokenizer });
      const scores = translation.scores([outputs], rows, CONTEXT);
      assertEquals(outputs.texts, PAIRS.map(([, target]) => target));
      assertEquals(scores.exact_match, 1);
      assertAlmostEquals(scores.chrf ?? NaN, 100, 1e-9);
      assert((scores.nll ?? NaN) < 0.5, `${scores.nll}`);
      model.dispose();
    },
  );
}

gpuTest(
  "translation scores targets, and writes what the pipeline writes",
  async () => {
    manualSeed(2);
    const config = configOf("bart", BPE, { prefix: "fr: " });
    const model = AutoModelForSeq2SeqLM.fromConfig(config).eval();
    const { rows } = rowsOf(EXAMPLES, { tokenizer: BPE, config });
    const given = ["--num-beams", "2", "--max-new-tokens", "6"];
    const outputs = await outputsOf(model, rows, { tokenizer: BPE, given });
    let sum = 0;
    let count = 0;
    for (const [i, { inputIds, labels }] of rows.entries()) {
      using _ = scope();
      const { loss } = model.forward({
        inputIds: tensor([[...inputIds]], { dtype: "i32" }),
        labels: tensor([[...labels]], { dtype: "i32" }),
      });
      const own = Array.from(outputs.logProbabilities[i] ?? []);
      assertEquals(own.length, labels.length);
      const total = own.reduce((a, b) => a + b, 0);
      assertAlmostEquals(-total / labels.length, await loss.item(), 1e-4);
      sum += total;
      count += labels.length;
    }
    const translate = await pipeline("translation", { model, tokenizer: BPE });
    const sources = PAIRS.map(([source]) => source);
    const expected = await translate(sources, { numBeams: 2, maxNewTokens: 6 });
    assertEquals(
      outputs.texts,
      expected.map(({ translationText }) => translationText),
    );
    const targets = PAIRS.map(([, target]) => target);
    const scores = translation.scores([outputs], rows, CONTEXT);
    assertAlmostEquals(scores.nll ?? NaN, -sum / count, 1e-4);
    assertAlmostEquals(scores.perplexity ?? NaN, Math.exp(-sum / count), 1e-2);
    const texts = outputs.texts ?? [];
    assertEquals(scores.bleu, corpusBleu(texts, targets).score);
    assertEquals(scores.chrf, corpusChrf(texts, targets));
    const longer = await outputsOf(model, rows, {
      tokenizer: BPE,
      given: ["--no-generate"],
    });
    assertEquals(longer.texts, undefined);
    assertEquals(
      Object.keys(translation.scores([longer], rows, CONTEXT)),
      ["nll", "perplexity"],
    );
    const sample = await outputsOf(model, rows, {
      tokenizer: BPE,
      isSample: true,
    });
    assertEquals(sample.texts, undefined);
    model.dispose();
  },
);

Deno.test("translation averages probabilities over members, and no texts", () => {
  const { rows } = rowsOf(EXAMPLES.slice(0, 1), {
    tokenizer: BPE,
    config: CONTEXT.config,
  });
  const member = (...probabilities: number[]) => ({
    logProbabilities: [Float32Array.from(probabilities, Math.log)],
    texts: undefined,
  });
  const members = [member(0.5, 0.1), member(0.3, 0.8)];
  const { nll = NaN, ...others } = translation.scores(members, rows, CONTEXT);
  assertAlmostEquals(nll, -(Math.log(0.4) + Math.log(0.45)) / 2, 1e-6);
  assertEquals(Object.keys(others), ["perplexity"]);
});

Deno.test("summarization scores texts by ROUGE", () => {
  const { rows } = rowsOf(EXAMPLES.slice(0, 2), {
    tokenizer: BPE,
    config: CONTEXT.config,
    task: summarization,
  });
  const texts = ["the black cats", "a dog"];
  const outputs = {
    logProbabilities: rows.map(() => Float32Array.of(-1)),
    texts,
  };
  const scores = summarization.scores([outputs], rows, CONTEXT);
  const expected = (type: "rouge1" | "rouge2" | "rougeL") =>
    texts.reduce((sum, text, i) => {
      const found = rougeScore(text, rows[i]?.target ?? "", {
        useStemmer: true,
      });
      return sum + 50 * (found[type]?.fmeasure ?? NaN);
    }, 0);
  assertEquals(Object.keys(scores), [
    "nll",
    "perplexity",
    "rouge1",
    "rouge2",
    "rougeL",
    "chrf",
    "exact_match",
  ]);
  for (const type of ["rouge1", "rouge2", "rougeL"] as const) {
    assertAlmostEquals(scores[type] ?? NaN, expected(type), 1e-9);
  }
  // Cats and cat have one stem: 3 of 3 words, and 1 of 2 and of 3.
  assertAlmostEquals(scores.rouge1 ?? NaN, (100 + 40) / 2, 1e-9);
});

gpuTest(
  "translation predicts with the mean, and with samples if asked",
  async () => {
    manualSeed(3);
    const config = configOf("marian", BPE);
    const model = AutoModelForSeq2SeqLM.fromConfig(config).eval();
    const swag = SwagModel.fromBase(model, { maxNumModels: 3 });
    for (let i = 0; i < 3; i++) {
      [...model.parameters()].forEach((parameter, k) => {
        if (!parameter.requiresGrad) return;
        parameter.write(randomValues(parameter.size, 10 * k + i, -0.4, 0.4));
      });
      swag.collectModel();
    }
    const short = ["--max-new-tokens", "5", "--num-beams", "1"];
    const predicted = async (
      posterior: SwagModel | undefined,
      given: string[],
    ) => {
      const { progress, said } = listener();
      const lines = await Array.fromAsync(
        translation.predict({ model, tokenizer: BPE, swag: posterior }, {
          args: argumentsOf(translation, "predict", [...short, ...given]),
          progress,
          maxLength: 32,
        }),
      );
      return { lines: lines as Record<string, unknown>[], said };
    };
    const [source] = PAIRS[0];
    const write = async (
      options?: { scale: number; seed: number; index: number },
    ) => {
      const run = async () => {
        const translate = await pipeline("translation", {
          model,
          tokenizer: BPE,
        });
        const [one] = await translate(source, { maxNewTokens: 5, numBeams: 1 });
        return one?.translationText;
      };
      return await (options ? swag.withSample(options, run) : run());
    };
    const own = await write();
    const mean = await write({ scale: 0, seed: 0, index: 0 });
    const text = ["--text", source];
    const { lines: [plain] } = await predicted(undefined, text);
    assertEquals(plain, { text: source, translationText: own });
    const { lines: [averaged] } = await predicted(swag, text);
    assertEquals(averaged, { text: source, translationText: mean });
    const none = await predicted(swag, [...text, "--swag-samples", "0"]);
    assertEquals(none.lines[0]?.translationText, own);
    const several = await predicted(swag, [
      ...text,
      ..."--swag-samples 3 --scale 1 --seed 4".split(" "),
    ]);
    const samples: unknown[] = [];
    for (let index = 0; index < 3; index++) {
      samples.push(await write({ scale: 1, seed: 4, index }));
    }
    assertEquals(several.lines, [{
      text: source,
      translationText: mean,
      samples,
    }]);

    await inFolder(async (folder) => {
      const path = `${folder}/a.csv`;
      const rows = `id,source,target\n1,${source},x\n2,,y\n3,${
        "le ".repeat(40)
      },z\n`;
      await Deno.writeTextFile(path, rows);
      const { lines, said } = await predicted(undefined, ["--data", path]);
      assertEquals(lines[0], {
        row: 1,
        text: source,
        gold: "x",
        translationText: own,
      });
      assertEquals(lines[1]?.translationText, "");
      assertEquals(said.at(-1), `1 of 3 rows of ${path} cut to 32 tokens`);
      const drawn = ["--do-sample", "--temperature", "2", "--data", path];
      const once = await predicted(undefined, drawn);
      assertEquals(once.lines, (await predicted(undefined, drawn)).lines);
      await Deno.writeTextFile(`${folder}/b.txt`, `${source}\n\n`);
      const plain = await predicted(undefined, ["--data", `${folder}/b.txt`]);
      assertEquals(plain.lines.map((line) => line.translationText), [own, ""]);
      const refused: [string[], string][] = [
        [
          ["--text", "x", "--top-p", "0.5"],
          "Cannot use --top-p without --do-sample",
        ],
        [
          ["--text", "x", "--max-new-tokens", "99"],
          "the model supports 32 positions",
        ],
        [["--text", "x", "--num-beams", "0"], "Cannot use --num-beams 0"],
        [
          ["--text", "x", "--source-column", "a"],
          "--source-column with --text",
        ],
        [["--data", path, "--target-column", "gold"], 'the column "gold"'],
      ];
      for (const [given, message] of refused) {
        await assertRejects(() => predicted(undefined, given), Error, message);
      }
    });
    swag.dispose();
    model.dispose();
  },
);

gpuTest("summarization names the row whose scores are not finite", async () => {
  const config = configOf("bart", BPE);
  const model = AutoModelForSeq2SeqLM.fromConfig(config);
  const [first] = [...model.parameters()];
  first?.write(new Float32Array(first.size).fill(NaN));
  const { rows } = rowsOf(EXAMPLES, {
    tokenizer: BPE,
    config,
    task: summarization,
  });
  await assertRejects(
    () => outputsOf(model, rows, { tokenizer: BPE, task: summarization }),
    RangeError,
    "Cannot use the scores of row ",
  );
  model.dispose();
});
