// Copyright 2026 the swagpu authors. MIT license.

// Names in charts, the curve of reliability diagrams, and rows of predicted numbers.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { smoothReliability } from "../../nn/metrics/mod.ts";
import { brief, briefNames, labelMargin } from "../../report/figures/figure.ts";
import { modelCard, renderReport } from "../../report/mod.ts";
import { fullResults } from "./_results.ts";
import { type Element, findAll, parseXml } from "./_xml.ts";

async function pageOf(
  ...given: Parameters<typeof renderReport>
): Promise<Element> {
  const html = await renderReport(...given);
  return parseXml(html.slice(html.indexOf("\n") + 1).trim());
}

function byId(page: Element, id: string): Element {
  const [found] = findAll(page, ({ attributes }) => attributes.id === id);
  assert(found, id);
  return found;
}

Deno.test("names that begin alike are shortened where they are alike", () => {
  const names = ["transfer to a friend", "transfer to a foe", "loan"];
  assertEquals(briefNames(names, 12), ["transf…riend", "transf…a foe", "loan"]);
  assertEquals(briefNames(names.slice(1), 12), ["transfer to…", "loan"]);
  assertEquals(brief("👩‍👩‍👧‍👦".repeat(5), 3), "👩‍👩‍👧‍👦👩‍👩‍👧‍👦…");
  // The same name twice is the same short name twice.
  assertEquals(briefNames(["aaaa", "aaaa"], 3), ["aa…", "aa…"]);
  for (const length of [2, 3, 15, 16]) {
    for (const name of briefNames(names, length)) {
      assert([...name].length <= length, name);
    }
  }
});

Deno.test("the margin of names grows with their letters, and with wide ones more", () => {
  assert(labelMargin(["card"]) < labelMargin(["card", "payment"]));
  assert(labelMargin(["支付错误"]) > labelMargin(["cards"]));
  assertEquals(labelMargin([]), labelMargin(["a"]));
});

Deno.test("labels of long names lie inside of their charts", async () => {
  const names = Array.from(
    { length: 9 },
    (_, k) => `Überweisung nicht da, ${k}`,
  );
  const page = await pageOf(
    fullResults({ rows: 60, classes: 9, names }),
    { resamples: 0 },
  );
  const [matrix] = findAll(
    byId(page, "figure-9"),
    ({ name }) => name === "svg",
  );
  assert(matrix);
  const left = /translate\((\d+),/.exec(
    findAll(matrix, ({ attributes }) => attributes.transform !== undefined)[0]
      ?.attributes.transform ?? "",
  )?.[1];
  const labels = findAll(matrix, ({ name }) => name === "text")
    .map(({ text }) => text).filter((text) => text.startsWith("Überw"));
  // Beside the rows and below the columns, and no two of them alike.
  assertEquals(new Set(labels).size, 18);
  // A letter of 11 pixels is at most 6.8 wide on average.
  const widest = Math.max(...labels.map((text) => [...text].length));
  assert(Number(left) >= 6.8 * widest, `${left} for ${widest} letters`);
});

Deno.test("reliability diagrams have the smooth curve with its interval", async () => {
  const results = fullResults({ rows: 80 });
  const { classification } = results;
  assert(classification);
  const [method] = classification.methods;
  assert(method);
  const only = {
    title: "One method",
    classification: { labels: classification.labels, methods: [method] },
  };
  const curve = smoothReliability(
    method.probabilities,
    classification.labels,
    { resamples: 12 },
  );
  const shown = [curve.error, curve.errorLower, curve.errorUpper]
    .map((value) => value.toFixed(3));
  const text = `${shown[0]} [${shown[1]}, ${shown[2]}]`;
  const drawn = byId(await pageOf(only, { resamples: 12 }), "figure-1");
  assertStringIncludes(drawn.text, `smECE ${text}`);
  assertStringIncludes(drawn.text, "from 12 draws of the rows");
  const bare = byId(await pageOf(only, { resamples: 0 }), "figure-1");
  assertStringIncludes(bare.text, `smECE ${shown[0]}`);
  assert(!bare.text.includes("draws of the rows"));
  const paths = (figure: Element) =>
    findAll(figure, ({ name }) => name === "path").length;
  // A band and a line, before and after temperature scaling.
  assert(paths(drawn) >= paths(bare) + 4);
});

Deno.test("table 3 lists the rows of predicted numbers", async () => {
  const targets = [1, 2, 3, 4];
  const page = await pageOf({
    title: "Numbers",
    regression: {
      targets,
      texts: ["a", "b", "c <i>", "d"],
      note: "The deviation is a guess.",
      methods: [
        { name: "SWAG", mean: [1, 2, 9, 4], deviation: [1, 2, 3, 4] },
      ],
    },
  }, { listed: 2 });
  assertStringIncludes(
    byId(page, "figure-8").text,
    "The deviation is a guess.",
  );
  const rows = (id: string) =>
    findAll(byId(page, id), ({ name }) => name === "tr").slice(1)
      .map((row) => findAll(row, ({ name }) => name === "td")[0]?.text);
  assertEquals(rows("table-3-uncertain"), ["d", "c <i>"]);
  assertEquals(rows("table-3-wrong")[0], "c <i>");
  const [lead] = findAll(page, ({ name }) => name === "p");
  assertStringIncludes(
    lead?.text ?? "",
    "SWAG has a root mean squared error of 3",
  );
});

Deno.test("a card tells where weights come from, and what their posterior is", () => {
  const { provenance, ...rest } = fullResults();
  const card = (model: object) =>
    modelCard(
      {
        ...rest,
        provenance: { ...provenance, model: { name: "m", ...model } },
      },
      { resamples: 0 },
    );
  assert(!/trained from random|fine-tuned from/.test(card({})));
  assertStringIncludes(card({ base: null }), "trained from random ones");
  assertStringIncludes(card({ base: "a/b" }), "base_model: a/b");
  assert(!card({ base: null }).includes("base_model"));
  const text = card({ name: "my $model", posterior: "swag.safetensors" });
  assertStringIncludes(text, "swag.safetensors: the scores in the metadata");
  assertStringIncludes(text, "swagpu predict --model 'my $model' --text");
});
