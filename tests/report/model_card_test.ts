// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { parse } from "deno-std/yaml/mod.js";
import { modelCard, type RunResults, summarizeRun } from "../../report/mod.ts";
import { toYaml } from "../../report/yaml.ts";
import { fullResults } from "./_results.ts";

/** The metadata and the text of a card. */
// deno-lint-ignore no-explicit-any
function split(card: string): { head: any; body: string } {
  const [, head, body] = /^---\n([^]*?\n)---\n\n([^]*)$/.exec(card) ?? [];
  assert(head !== undefined && body !== undefined);
  return { head: parse(head), body };
}

Deno.test("modelCard() has the metadata that the hub reads", () => {
  const results = fullResults();
  const { head } = split(modelCard(results));
  assertEquals(head.license, "mit");
  assertEquals(head.library_name, "transformers");
  assertEquals(head.base_model, "google/bert_uncased_L-2_H-128_A-2");
  assertEquals(head.datasets, ["swagpu/reviews"]);
  assertEquals(head.language, ["en"]);
  const [entry] = head["model-index"];
  assertEquals(entry.name, "small-bert");
  const [result] = entry.results;
  assertEquals(result.task, {
    type: "text-classification",
    name: "Text Classification",
  });
  assertEquals(result.dataset, {
    name: "made-up reviews",
    type: "swagpu/reviews",
    split: "test",
  });
  const { methods } = summarizeRun(results);
  const swag = methods.find(({ name }) => name === "SWAG");
  const value = (type: string) =>
    result.metrics.find((m: { type: string }) => m.type === type)?.value;
  assertEquals(value("accuracy"), swag?.accuracy);
  assertEquals(value("nll"), swag?.nll);
  assertEquals(value("brier_score"), swag?.brier);
  assertEquals(value("matthews_correlation"), 0.512);
});

Deno.test("modelCard() has every section, and nothing to fill in", () => {
  const { body } = split(modelCard(fullResults()));
  const heads = [...body.matchAll(/^## (.*)$/gm)].map(([, head]) => head);
  assertEquals(heads, [
    "Use",
    "Limits",
    "Results",
    "Data",
    "Procedure",
    "Environment",
  ]);
  assert(!/undefined|NaN|More Information Needed/.test(body));
  assertStringIncludes(
    body,
    "AutoModelForSequenceClassification.from_pretrained",
  );
  assertStringIncludes(
    body,
    "AutoModelForSequenceClassification.fromPretrained",
  );
});

Deno.test("modelCard() writes little about a run of which little is known", () => {
  const { head, body } = split(modelCard({ title: "Only a title" }));
  assertEquals(head["model-index"], [{ name: "Only a title", results: [] }]);
  assertStringIncludes(body, "No rows were tested.");
  assert(!/undefined|NaN/.test(body));
});

Deno.test("modelCard() escapes texts in YAML, Markdown and code", () => {
  const hostile =
    'a: "b"\n---\n# c | d <script> `e` [f](http://g) *h* \\ \u2028 \u0000 null';
  const { provenance, ...rest } = fullResults();
  assert(provenance?.data && provenance.model);
  const results: RunResults = {
    ...rest,
    title: hostile,
    scores: [{ name: hostile, value: 1 }],
    provenance: {
      ...provenance,
      command: hostile,
      data: { ...provenance.data, name: hostile },
      model: { ...provenance.model, name: hostile, license: "yes" },
      settings: { [hostile]: hostile },
    },
  };
  const { head, body } = split(modelCard(results));
  assertEquals(head.license, "yes");
  assertEquals(head["model-index"][0].name, hostile);
  assertEquals(head["model-index"][0].results[0].dataset.name, hostile);
  const outside = body.replace(/^```[^]*?^```/gm, "");
  assert(!/<script|(?<!\\)\]\(http:|(?<!\\)[`*]h/.test(outside));
  const lines = body.split("\n");
  const bars = lines.map((line) => line.match(/(?<!\\)\|/g)?.length ?? 0);
  lines.forEach((line, i) => {
    // A bar that is not escaped would be one cell more than the line before has.
    const next = lines[i + 1]?.startsWith("|");
    if (line.startsWith("|") && next) assertEquals(bars[i], bars[i + 1], line);
  });
  assertEquals(body.match(/^```/gm)?.length, 4);
});

Deno.test("toYaml() writes what YAML reads back", () => {
  const value = {
    plain: "bert-base",
    words: [
      "yes",
      "no",
      "null",
      "~",
      "",
      " a",
      "1",
      "1e3",
      "a: b",
      "- c",
      "# d",
    ],
    letters: 'quote " back \\ line\nfeed \u0085\u2028\ufeff ü 😀',
    numbers: [0, -1.5, 1e-7, 1e21],
    flags: [true, false, null],
    empty: { list: [], map: {} },
    nested: [{ a: [{ b: 1, c: ["d"] }] }, [["e"]]],
  };
  assertEquals(parse(toYaml(value)), value);
});
