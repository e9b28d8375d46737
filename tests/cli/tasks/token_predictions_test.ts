// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { tokenClassification as task } from "../../../cli/tasks/token_classification.ts";
import { manualSeed } from "../../../engine/mod.ts";
import { BertForTokenClassification, pipeline } from "../../../models/mod.ts";
import { SwagModel } from "../../../swag/mod.ts";
import { assertClose, FUNCTIONS, gpuTest } from "../../_check.ts";
import {
  collectWaves,
  probabilities,
  rowOf,
  tinyConfig,
  tinyTokenizer,
  valuesOf,
} from "../../models/pipelines/_tiny.ts";
import { linesOf, listener, withFile } from "./_task.ts";

const tokenizer = tinyTokenizer();
const NAMES = ["O", "B-LOC", "B-PER", "I-LOC"];
const TEXTS = ["the dogs play in Paris", "Anna lives in New York"];

function tagger(names: readonly string[] = NAMES): BertForTokenClassification {
  manualSeed(7);
  return new BertForTokenClassification(
    tinyConfig({ id2label: { ...names } }),
  ).eval();
}

/** A posterior over the head. */
function posteriorOf(model: BertForTokenClassification): SwagModel {
  const swag = SwagModel.fromBase(model, { modulePrefixList: ["classifier"] });
  collectWaves(swag, model.classifier.weight);
  return swag;
}

/** Rounds the numbers of entities as lines of output have them. */
function rounded(entities: readonly object[]): unknown {
  return JSON.parse(
    JSON.stringify(
      entities,
      (_, value) =>
        typeof value === "number" ? Number(value.toPrecision(5)) : value,
    ),
  );
}

type Entities = Record<string, number | string>[];

gpuTest(
  "token-classification finds the entities that the pipeline finds",
  async () => {
    const model = tagger();
    const loaded = { model, tokenizer, swag: undefined };
    const tag = await pipeline("ner", { model, tokenizer });
    const argv = TEXTS.flatMap((text) => ["--text", text]);
    const lines = await linesOf(task, loaded, { argv });
    const first = await tag(TEXTS, { aggregationStrategy: "first" });
    assert(first.flat().length > 0, "the model finds something");
    assertEquals(lines.map(({ text }) => text), TEXTS);
    assertEquals(
      lines.map(({ entities }) => rounded(entities as Entities)),
      first.map(rounded),
    );
    const none = await linesOf(task, loaded, {
      argv: [...argv, "--aggregation", "none"],
    });
    const tokens = await tag(TEXTS);
    assertEquals(
      none.map(({ entities }) => rounded(entities as Entities)),
      tokens.map(rounded),
    );
    // Tags without B- and I- stay with their tokens.
    const speech = tagger(["DT", "NN", "VB"]);
    const [line] = await linesOf(task, { ...loaded, model: speech }, {
      argv: ["--text", "the dog"],
    });
    assertEquals((line?.entities as Entities).map(({ word }) => word), [
      "the",
      "dog",
    ]);
    model.dispose();
    speech.dispose();
  },
);

gpuTest(
  "token-classification reads lines, columns and lists of words",
  async () => {
    const model = tagger();
    const loaded = { model, tokenizer, swag: undefined };
    const lines = await withFile(
      "a.txt",
      TEXTS.join("\r\n"),
      (path) => linesOf(task, loaded, { argv: ["--data", path] }),
    );
    assertEquals(lines.map(({ row, text }) => [row, text]), [
      [1, TEXTS[0]],
      [2, TEXTS[1]],
    ]);
    const csv = "id,words\n7,the dog\n";
    const [row] = await withFile("a.csv", csv, (path) =>
      linesOf(task, loaded, {
        argv: [
          "--data",
          path,
          "--text-column",
          "words",
          "--keep-columns",
          "id",
        ],
      }));
    assertEquals([row?.row, row?.columns, row?.text], [
      1,
      { id: "7" },
      "the dog",
    ]);

    const conll = "Anna B-PER\nlives O\n\nNew B-LOC\nYork I-LOC\n\u200d O\n";
    const told = listener();
    const words = await withFile(
      "a.conll",
      conll,
      (path) => linesOf(task, loaded, { argv: ["--data", path], told }),
    );
    assertEquals(words.map(({ tokens, gold }) => [tokens, gold]), [
      [["Anna", "lives"], ["B-PER", "O"]],
      [["New", "York", "\u200d"], ["B-LOC", "I-LOC", "O"]],
    ]);
    assertMatch(
      told.said.join("\n"),
      /1 word of .* for which the tokenizer has no token/,
    );
    const tags = words.map(({ tags }) => tags as (string | null)[]);
    assertEquals(tags[1]?.[2], null);
    for (const [i, text] of ["Anna lives", "New York"].entries()) {
      const logits = await valuesOf(
        model.forward(rowOf(tokenizer.encode(text))).logits,
      );
      const expected = [1, 2].map((token) => {
        const own = logits.slice(token * 4, token * 4 + 4);
        return NAMES[own.indexOf(Math.max(...own))];
      });
      assertEquals<unknown>(tags[i]?.slice(0, 2), expected);
    }
    model.dispose();
  },
);

gpuTest("token-classification finds nothing in nothing", async () => {
  const model = tagger();
  const loaded = { model, tokenizer, swag: undefined };
  const rows = await withFile(
    "a.jsonl",
    '{"tokens": []}',
    (path) => linesOf(task, loaded, { argv: ["--data", path] }),
  );
  assertEquals(rows, [
    { row: 1, text: "", tokens: [], tags: [], entities: [] },
  ]);
  const lines = await linesOf(task, loaded, { argv: ["--text", " "] });
  assertEquals(lines, [{ text: " ", entities: [] }]);
  model.dispose();
});

gpuTest(
  "entities of words have offsets in the words joined by spaces",
  async () => {
    // Whatever the model says, its tags are read as seqeval reads them.
    const model = tagger(["B-LOC", "I-LOC"]);
    model.classifier.weight.write(
      new Float32Array(model.classifier.weight.size),
    );
    model.classifier.bias?.write(Float32Array.of(0, 1));
    const loaded = { model, tokenizer, swag: undefined };
    const text = JSON.stringify({ tokens: ["in", "New", "York"] });
    const [line] = await withFile(
      "a.jsonl",
      text,
      (path) => linesOf(task, loaded, { argv: ["--data", path] }),
    );
    const [score = NaN] = probabilities([1, 0]);
    assertEquals(line?.tags, ["I-LOC", "I-LOC", "I-LOC"]);
    const [entity, ...others] = line?.entities as Entities;
    assertEquals(others, []);
    assertEquals(
      { ...entity, score: 0 },
      { entityGroup: "LOC", score: 0, word: "in New York", start: 0, end: 11 },
    );
    assertClose([Number(entity?.score)], [score], FUNCTIONS);
    model.dispose();
  },
);

gpuTest(
  "token-classification says how much samples of the weights disagree",
  async () => {
    const model = tagger();
    using swag = posteriorOf(model);
    const loaded = { model, tokenizer, swag };
    const samples = 5;
    const how = "--swag-samples 5 --seed 3 --scale 0.5".split(" ");
    const text = "Anna lives in Paris";
    const members: number[][] = [];
    for (let index = 0; index < samples; index++) {
      members.push(
        await swag.withSample(
          { seed: 3, index, scale: 0.5 },
          () => valuesOf(model.forward(rowOf(tokenizer.encode(text))).logits),
        ),
      );
    }
    /** The measures of a token's best tag. */
    const expectedAt = (token: number) => {
      const own = members.map((logits) =>
        probabilities(logits.slice(token * 4, token * 4 + 4))
      );
      const mean = NAMES.map((_, k) =>
        own.reduce((sum, p) => sum + (p[k] ?? NaN) / samples, 0)
      );
      const score = Math.max(...mean);
      const id = mean.indexOf(score);
      const entropy = (p: number[]) =>
        -p.reduce((sum, q) => sum + q * Math.log(q), 0);
      const variance = own.reduce(
        (sum, p) => sum + ((p[id] ?? NaN) - score) ** 2 / samples,
        0,
      );
      const inside = own.reduce((sum, p) => sum + entropy(p) / samples, 0);
      const total = entropy(mean);
      return {
        id,
        values: [score, Math.sqrt(variance), total, total - inside],
      };
    };
    const names = ["score", "std", "entropy", "mutualInformation"] as const;
    const valuesIn = (entity: Entities[number] | undefined) =>
      names.map((name) => Number(entity?.[name]));
    const tolerance = { absolute: 2e-6, relative: 1e-4 };

    const [line] = await linesOf(task, loaded, {
      argv: ["--text", text, "--aggregation", "none", ...how],
    });
    const tokens = line?.entities as Entities;
    assert(tokens.length > 0, "the model finds something");
    for (const entity of tokens) {
      const { id, values } = expectedAt(Number(entity.index));
      assertEquals(entity.entity, NAMES[id]);
      assertClose(valuesIn(entity), values, tolerance);
      assert(Number(entity.std) > 1e-4, "samples differ");
    }
    // Words of a list have the same measures, and those of entities are their means.
    const list = JSON.stringify({ tokens: text.split(" ") });
    const [words] = await withFile(
      "a.jsonl",
      list,
      (path) => linesOf(task, loaded, { argv: ["--data", path, ...how] }),
    );
    const tags = [1, 2, 3, 4].map((token) => NAMES[expectedAt(token).id]);
    assertEquals(words?.tags, tags);
    const found = words?.entities as Entities;
    assert(found.length > 0, "there are entities");
    for (const entity of found) {
      const starts = text.split(" ").map((word) => text.indexOf(word));
      const inside = starts.flatMap((at, i) =>
        at >= Number(entity.start) && at < Number(entity.end) ? [i + 1] : []
      );
      const all = inside.map((token) => expectedAt(token).values);
      const mean = names.map((_, k) =>
        all.reduce((sum, values) => sum + (values[k] ?? NaN) / all.length, 0)
      );
      assertClose(valuesIn(entity), mean, tolerance);
    }
    const [plain] = await linesOf(task, loaded, {
      argv: ["--text", text, "--swag-samples", "0"],
    });
    for (const entity of plain?.entities as Entities) {
      assertEquals(entity.std, undefined);
    }
    model.dispose();
  },
);

gpuTest(
  "token-classification cuts long texts and says so, or reads windows",
  async () => {
    const model = tagger();
    const loaded = { model, tokenizer, swag: undefined };
    const text = "Anna lives in New York . ".repeat(6).trim();
    const told = listener();
    const argv = ["--text", text, "--text", "Anna"];
    const [cut] = await linesOf(task, loaded, { argv, maxLength: 12, told });
    assertMatch(
      told.said.join("\n"),
      /1 of 2 texts cut to 12 tokens; --stride reads/,
    );
    const silent = listener();
    const [whole] = await linesOf(task, loaded, {
      argv: [...argv, "--stride", "4"],
      maxLength: 12,
      told: silent,
    });
    assertEquals(silent.said.join("\n"), "");
    const last = (line: typeof whole) =>
      Math.max(...(line?.entities as Entities).map(({ end }) => Number(end)));
    assert(last(cut) < 50 && last(whole) > 100);
    model.dispose();
  },
);

gpuTest(
  "token-classification refuses options that change nothing",
  async () => {
    const model = tagger();
    const loaded = { model, tokenizer, swag: undefined };
    const cases: [argv: string[], message: string][] = [
      [[], "give either --data or --text"],
      [["--text", "a", "--data", "b.csv"], "give either --data or --text"],
      [["--text", "a", "--format", "csv"], "Cannot use --format with --text"],
      [["--data", "-", "--field", "a"], "a text file has no columns"],
      [
        ["--text", "a", "--stride", "4", "--aggregation", "none"],
        "Cannot use --stride with --aggregation none",
      ],
    ];
    for (const [argv, message] of cases) {
      await assertRejects(
        () => linesOf(task, loaded, { argv }),
        TypeError,
        message,
      );
    }
    const ofFile: [
      name: string,
      text: string,
      argv: string[],
      message: string,
    ][] = [
      ["a.conll", "a O\n", ["--stride", "4"], "Cannot use --stride with"],
      ["a.csv", "text\na\n", ["--tags-column", "b"], "with --tokens-column"],
      ["a.csv", "word\na\n", [], 'Cannot find the column "text"'],
      [
        "a.jsonl",
        '{"tokens": "a"}',
        [],
        'its "tokens" is "a", expected a list',
      ],
      [
        "a.jsonl",
        '{"tokens": ["a"]}',
        ["--tokens-column", "tokens", "--text-column", "text"],
        "Cannot use --text-column with --tokens-column",
      ],
      ["a.xyz", "a", [], "say --format txt, conll, csv"],
    ];
    for (const [name, text, argv, message] of ofFile) {
      await withFile(name, text, (path) =>
        assertRejects(
          () => linesOf(task, loaded, { argv: ["--data", path, ...argv] }),
          Error,
          message,
        ));
    }
    model.dispose();
  },
);
