// Copyright 2026 the swagpu authors. MIT license.

import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { NotFound } from "../../host/mod.ts";
import { smoothCalibrationError } from "../../nn/metrics/mod.ts";
import { inFolder, names } from "../_folder.ts";
import {
  renderReport,
  type RunResults,
  summarizeRun,
  writeReport,
} from "../../report/mod.ts";
import { fullResults } from "./_results.ts";
import { type Element, findAll, parseXml } from "./_xml.ts";

const FEW = { resamples: 10 };

let full: Promise<string> | undefined;

/** The page of results with every part. */
function fullPage(): Promise<string> {
  return full ??= renderReport(fullResults(), FEW);
}

/** Reads a page, after checking what holds for every page. */
function parsePage(html: string): Element {
  assert(html.startsWith("<!DOCTYPE html>\n<html"));
  const page = parseXml(html.slice(html.indexOf("\n") + 1).trim());
  const all = findAll(page, () => true);
  for (const { name, attributes } of all) {
    assert(!["script", "link", "img", "iframe", "object"].includes(name));
    for (const [key, value] of Object.entries(attributes)) {
      assert(!key.startsWith("on"), `${name} has ${key}`);
      if (key === "href") assert(/^#[\w-]+$/.test(value), value);
      assert(!["src", "srcset", "data", "action"].includes(key));
    }
    if (name === "svg") assertEquals(attributes.role, "img");
  }
  assertEquals(
    new Set(html.match(/https?:[^"' <]*/g) ?? ["http://www.w3.org/2000/svg"]),
    new Set(["http://www.w3.org/2000/svg"]),
  );
  assert(!/NaN|undefined|\[object|Infinity/.test(html));
  const ids = all.flatMap(({ attributes: { id } }) => id ?? []);
  assertEquals(new Set(ids).size, ids.length);
  for (const { attributes } of all) {
    const href = attributes.href?.slice(1);
    for (const id of [href, attributes["aria-labelledby"]]) {
      if (id !== undefined) assert(ids.includes(id), id);
    }
  }
  return page;
}

function byId(page: Element, id: string): Element {
  const [found] = findAll(page, ({ attributes }) => attributes.id === id);
  assert(found, id);
  return found;
}

/** The number of charts in each figure. */
function charts(page: Element): number[] {
  return [1, 2, 3, 4, 5, 6, 7, 8, 9].map((number) =>
    findAll(byId(page, `figure-${number}`), ({ name }) => name === "svg").length
  );
}

Deno.test("a report has every figure and every table", async () => {
  const page = parsePage(await fullPage());
  // Four methods, each before and after scaling, each with a strip below.
  assertEquals(charts(page), [16, 4, 4, 2, 2, 9, 5, 2, 3]);
  const figures = findAll(page, ({ name }) => name === "figure");
  assertEquals(
    figures.map(({ text }) => /Figure (\d)/.exec(text)?.[1]),
    [..."123456789"],
  );
  for (const figure of figures) {
    assert(findAll(figure, ({ name }) => name === "figcaption").length === 1);
  }
  const tables = findAll(page, ({ name }) => name === "table");
  assertEquals(tables.length, 8);
  for (const table of tables) {
    const cells = findAll(table, ({ name }) => name === "th");
    assert(cells.every(({ attributes }) => attributes.scope !== undefined));
  }
  for (const id of ["table-1", "table-2", "table-3", "table-4"]) byId(page, id);
  assertStringIncludes(byId(page, "table-4").text, "--swag");
});

Deno.test("every chart has a text with its numbers", async () => {
  const page = parsePage(await fullPage());
  const labels = findAll(page, ({ name }) => name === "svg")
    .map(({ attributes }) => attributes["aria-label"] ?? "");
  for (const label of labels) assert(/\d/.test(label), label);
  const { methods } = summarizeRun(fullResults(), FEW);
  for (const { name, aurc = NaN } of methods) {
    const text = byId(page, "figure-3").text;
    assertStringIncludes(text, `AURC ${aurc.toFixed(3)}`);
    const [first] = labels.filter((label) =>
      label.startsWith(`Reliability diagram of ${name}.`)
    );
    assert(first);
  }
  const { methods: [last] } = fullResults().classification ?? { methods: [] };
  assert(last);
  const { error } = smoothCalibrationError(
    last.probabilities,
    fullResults().classification?.labels ?? [],
  );
  assert(
    labels.some((label) =>
      label.startsWith("Reliability diagram of last iterate.") &&
      label.includes(`smooth calibration error ${error.toFixed(3)}`)
    ),
  );
});

Deno.test("the table of scores has the scores", async () => {
  const page = parsePage(await fullPage());
  const text = byId(page, "table-1").text;
  for (const { nll, brier, ece } of summarizeRun(fullResults(), FEW).methods) {
    for (const score of [nll, brier, ece]) {
      assertStringIncludes(text, score.toFixed(3));
    }
  }
});

Deno.test("texts of a run cannot become markup", async () => {
  const hostile = [
    '<script>alert("1")</script>',
    "</style><svg onload='x'>",
    '" onmouseover="x" &amp; ]]>',
    "\u202eright to left\u0000\u0007\ud800",
  ];
  const [a = "", b = "", c = "", d = ""] = hostile;
  const base = fullResults({ rows: 40, classes: 4, names: hostile });
  const { classification, training, provenance } = base;
  assert(classification && training && provenance);
  const results: RunResults = {
    ...base,
    title: a,
    date: b,
    classification: {
      ...classification,
      texts: Array.from({ length: 40 }, (_, i) => hostile[i % 4] ?? ""),
      methods: classification.methods.map((method, i) => ({
        ...method,
        name: hostile[i] ?? "",
        outOfDistribution: { scores: [0.5, 1], name: hostile[i] ?? "" },
      })),
    },
    training: {
      ...training,
      losses: [{ name: c, steps: [1, 2], values: [1, 0.5] }],
      sweeps: [{ setting: d, at: [1, 2], nll: [1, 2] }],
    },
    regression: {
      targets: [1, 2],
      name: a,
      methods: [{ name: b, mean: [1, 2], deviation: [1, 1] }],
    },
    scores: [{ name: a, value: 1 }],
    provenance: { ...provenance, command: a, settings: { [b]: c } },
  };
  const html = await renderReport(results, FEW);
  const page = parsePage(html);
  assert(!html.includes("<script") && !html.includes("onload='"));
  const [title] = findAll(page, ({ name }) => name === "h1");
  assertEquals(title?.text, a);
  assertStringIncludes(byId(page, "table-2").text, c);
});

Deno.test("a report without rows says so", async () => {
  const html = await renderReport({
    title: "Nothing",
    classification: {
      labels: [],
      methods: [{ name: "SWAG", probabilities: [] }],
    },
    regression: { targets: [], methods: [] },
  });
  const page = parsePage(html);
  assertEquals(charts(page), new Array(9).fill(0));
  for (const number of [1, 2, 3, 4, 5, 6, 9]) {
    assertStringIncludes(
      byId(page, `figure-${number}`).text,
      "There are no rows.",
    );
  }
  parsePage(await renderReport({ title: "Only a title" }));
});

Deno.test("a report of one row has what one row can show", async () => {
  for (const label of [0, 1]) {
    const html = await renderReport({
      title: "One",
      classification: {
        labels: [label],
        methods: [{
          name: "SWAG",
          probabilities: [1, 0],
          sampleProbabilities: [1, 0, 1, 0],
        }],
      },
      regression: {
        targets: [1],
        methods: [{ name: "SWAG", mean: [1], deviation: [0.1] }],
      },
      training: { losses: [{ name: "training", steps: [1], values: [2] }] },
    });
    const shown = charts(parsePage(html));
    assertEquals(shown.map((count) => count > 0), [
      true,
      true,
      true,
      true,
      true,
      false, // No row is left to calibrate sets on.
      true,
      true,
      true,
    ]);
  }
});

Deno.test("a report of 150 classes stays readable", async () => {
  const classNames = Array.from({ length: 150 }, (_, k) => `intent ${k}`);
  const html = await renderReport(
    fullResults({ rows: 300, classes: 150, names: classNames }),
    FEW,
  );
  const page = parsePage(html);
  assert(html.length < 2e6);
  const rows = findAll(byId(page, "table-2"), ({ name }) => name === "tr");
  assertEquals(rows.length, 151);
  assert(/; \d+ are not\./.test(byId(page, "figure-5").text));
});

Deno.test("renderReport() gives the same page for the same results", async () => {
  assert(await renderReport(fullResults(), FEW) === await fullPage());
});

Deno.test("renderReport() refuses results that do not fit together", async () => {
  const method = { name: "SWAG", probabilities: [0.5, 0.5, 0.9, 0.1] };
  const refuse = (
    classification: RunResults["classification"] & object,
    message: string,
  ) =>
    assertRejects(
      () => renderReport({ title: "x", classification }),
      RangeError,
      message,
    );
  await refuse({ labels: [0, 1], methods: [] }, "has no methods");
  await refuse(
    { labels: [0, 1, 1], methods: [method] },
    "4 probabilities for 3 labels",
  );
  await refuse({ labels: [0, 2], methods: [method] }, "label 1 is 2");
  await refuse(
    { labels: [0, 1], methods: [{ name: "a", probabilities: [1, 1, 0, 1] }] },
    "row 0 of probabilities of a adds up to 2",
  );
  await refuse(
    { labels: [0, 1], methods: [method, method] },
    'two methods are named "SWAG"',
  );
  await refuse(
    { labels: [0, 1], methods: [method], texts: ["a"] },
    "texts has 1 values, expected 2",
  );
  await refuse(
    { labels: [0, 1], methods: [method], primary: "SWA" },
    'primary is "SWA"',
  );
  await refuse(
    {
      labels: [0, 1],
      methods: [{ ...method, sampleProbabilities: [1, 0, 1, 0], particles: 2 }],
    },
    "1 samples of 2 particles",
  );
  const regression = {
    targets: [1],
    methods: [{ name: "a", mean: [1], deviation: [0] }],
  };
  await assertRejects(
    () => renderReport({ title: "x", regression }),
    RangeError,
    "deviation 0 of a is 0",
  );
});

Deno.test("renderReport() refuses options that it does not know", async () => {
  const results = { title: "x" };
  await assertRejects(
    () => renderReport(results, { bin: 3 } as object),
    TypeError,
    'option "bin"',
  );
  await assertRejects(
    () => renderReport(results, { bins: 0 }),
    RangeError,
    "bins is 0",
  );
  await assertRejects(
    () => renderReport(results, { alpha: 1 }),
    RangeError,
    "alpha is 1",
  );
});

Deno.test("writeReport() writes a complete file, and leaves no other", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/report.html`;
    await Deno.writeTextFile(path, "old");
    const results = { title: "Only a title" };
    await writeReport(path, results);
    assertEquals(
      await Deno.readTextFile(path),
      await renderReport(results),
    );
    assertEquals(names(folder), ["report.html"]);
    await assertRejects(
      () => writeReport(`${folder}/none/report.html`, results),
      NotFound,
      "there is no such folder",
    );
  });
});

Deno.test("summarizeRun() gives numbers that JSON can hold", () => {
  const summary = summarizeRun(fullResults(), FEW);
  assertEquals(JSON.parse(JSON.stringify(summary)), summary);
  assertEquals(summary.methods.map(({ seeds }) => seeds), [1, 3, 1, 1]);
  assertEquals(summary.primary, "SWAG");
});
