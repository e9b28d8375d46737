// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals } from "@std/assert";
import plugin from "../../tools/layers.ts";

function lint(file: string, source: string): string[] {
  return Deno.lint.runPlugin(plugin, file, source).map((d) => d.message);
}

Deno.test("layers accepts imports from the same layer and from lower ones", () => {
  assertEquals(lint("engine/ops/a.ts", 'import "../stream.ts";'), []);
  assertEquals(lint("nn/linear.ts", 'import "../engine/mod.ts";'), []);
  assertEquals(lint("swag/swag.ts", 'import "../nn/mod.ts";'), []);
  assertEquals(lint("models/files/a.ts", 'import "../../nn/mod.ts";'), []);
  assertEquals(lint("models/a.ts", 'import "@swagpu/swagpu/engine";'), []);
});

Deno.test("layers reports imports from higher layers", () => {
  assertEquals(lint("engine/a.ts", 'import "../nn/mod.ts";'), [
    "engine must not import nn",
  ]);
  assertEquals(lint("nn/a.ts", 'export * from "../swag/mod.ts";'), [
    "nn must not import swag",
  ]);
  assertEquals(lint("engine/ops/a.ts", 'await import("../../nn/mod.ts");'), [
    "engine must not import nn",
  ]);
  assertEquals(lint("nn/a.ts", 'import "@swagpu/swagpu/models";'), [
    "nn must not import models",
  ]);
});

Deno.test("layers reports models and swag when one imports the other", () => {
  const type = 'import type { A } from "../models/mod.ts";';
  assertEquals(lint("swag/a.ts", type), ["swag must not import models"]);
  assertEquals(lint("models/a.ts", 'export { a } from "../swag/mod.ts";'), [
    "models must not import swag",
  ]);
});

Deno.test("layers reports files outside the layers when a layer imports them", () => {
  assertEquals(lint("swag/a.ts", 'import "../cli.ts";'), [
    "swag must not import cli.ts",
  ]);
  assertEquals(lint("nn/a.ts", 'import "@swagpu/swagpu";'), [
    "nn must not import mod.ts",
  ]);
  assertEquals(lint("engine/a.ts", 'import "../tests/reference/a.ts";'), [
    "engine must not import tests",
  ]);
});

Deno.test("layers lets data import packages and formats, and nothing else", () => {
  assertEquals(lint("data/parquet.ts", 'import "hyparquet";'), []);
  assertEquals(lint("data/a.ts", 'import "../host/mod.ts";'), []);
  assertEquals(lint("data/a.ts", 'import "../nn/formats/mod.ts";'), []);
  assertEquals(lint("data/a.ts", 'import "./rows.ts";'), []);
  const end = ": of other rooms it needs host and nn/formats/ alone";
  for (const path of ["../nn/mod.ts", "../engine/mod.ts", "../models/mod.ts"]) {
    assertEquals(lint("data/a.ts", `import "${path}";`), [
      `data must not import ${path}${end}`,
    ]);
  }
  for (const room of ["nn", "models", "swag"]) {
    assertEquals(lint(`${room}/a.ts`, 'import "../data/mod.ts";'), [
      `${room} must not import data`,
    ]);
  }
  assertEquals(lint("cli/a.ts", 'import "../data/mod.ts";'), []);
  assertEquals(lint("cli/a.ts", 'import "../data/rows.ts";').length, 1);
});

Deno.test("layers lets only models import packages", () => {
  const source = 'import "@huggingface/tokenizers";';
  assertEquals(lint("models/tokenizer/tokenizer.ts", source), []);
  assertEquals(lint("nn/a.ts", source), [
    "nn must not import @huggingface/tokenizers: it has no dependency",
  ]);
});

Deno.test("layers leaves tests, tools and the command line alone", () => {
  const source = 'import "../swag/mod.ts"; import "../models/mod.ts";';
  for (const file of ["tests/a_test.ts", "tools/a.ts", "bench/a.ts"]) {
    assertEquals(lint(file, source), []);
  }
  assertEquals(lint("cli.ts", 'import "./swag/mod.ts";'), []);
});

Deno.test("layers reads absolute file names as the linter gives them", () => {
  const file = new URL("../../engine/a.ts", import.meta.url).pathname;
  assertEquals(lint(file, 'import "../nn/mod.ts";'), [
    "engine must not import nn",
  ]);
});

Deno.test("layers keeps formats and metrics apart from the rest of nn", () => {
  assertEquals(lint("nn/formats/a.ts", 'import "./zip.ts";'), []);
  assertEquals(lint("nn/formats/a.ts", 'import "../../engine/mod.ts";'), []);
  assertEquals(lint("nn/formats/a.ts", 'import "../linear.ts";'), [
    "nn/formats/ must not import ../linear.ts: it needs nothing else of nn",
  ]);
  assertEquals(lint("nn/metrics/a.ts", 'import "../formats/mod.ts";'), [
    "nn/metrics/ must not import ../formats/mod.ts: it needs nothing else of nn",
  ]);
});

Deno.test("layers lets the report import packages and metrics, and no layer the report", () => {
  assertEquals(lint("report/a.ts", 'import "vega";'), []);
  assertEquals(lint("report/figures/a.ts", 'import "../chart.ts";'), []);
  assertEquals(lint("report/a.ts", 'import "../nn/metrics/mod.ts";'), []);
  assertEquals(lint("report/a.ts", 'import "../nn/mod.ts";'), [
    "report must not import ../nn/mod.ts: it needs only host and nn/metrics/mod.ts",
  ]);
  assertEquals(lint("report/a.ts", 'import "@swagpu/swagpu/engine";'), [
    "report must not import @swagpu/swagpu/engine: it needs only host and nn/metrics/mod.ts",
  ]);
  assertEquals(lint("swag/a.ts", 'import "../report/mod.ts";'), [
    "swag must not import report",
  ]);
  assertEquals(lint("cli/a.ts", 'import "../report/mod.ts";'), []);
});

Deno.test("doors reports an import that goes past a room's door", () => {
  assertEquals(lint("nn/a.ts", 'import "../engine/gpu/pool.ts";'), [
    "nn/a.ts must not import engine/gpu/pool.ts: it is inside engine/, whose " +
    "doors are engine/mod.ts, engine/kernel_kit.ts",
  ]);
  assertEquals(lint("nn/a.ts", 'export * from "./formats/zip.ts";'), [
    "nn/a.ts must not import nn/formats/zip.ts: it is inside nn/formats/, " +
    "whose doors are nn/formats/mod.ts",
  ]);
  assertEquals(
    lint("bench/a.ts", 'import type { A } from "../swag/noise.ts";'),
    [
      "bench/a.ts must not import swag/noise.ts: it is inside swag/, whose doors " +
      "are swag/mod.ts",
    ],
  );
});

Deno.test("doors reports an import past the door of a room of models", () => {
  assertEquals(lint("models/a.ts", 'import "./generation/search.ts";'), [
    "models/a.ts must not import models/generation/search.ts: it is inside " +
    "models/generation/, whose doors are models/generation/mod.ts",
  ]);
  assertEquals(lint("models/a.ts", 'import "./collators/padding.ts";'), [
    "models/a.ts must not import models/collators/padding.ts: it is inside " +
    "models/collators/, whose doors are models/collators/mod.ts",
  ]);
  assertEquals(
    lint("models/pipelines/a.ts", 'import "../tokenizer/tokenizer.ts";'),
    [
      "models/pipelines/a.ts must not import models/tokenizer/tokenizer.ts: it " +
      "is inside models/tokenizer/, whose doors are models/tokenizer/mod.ts, " +
      "models/tokenizer/file_names.ts",
    ],
  );
  assertEquals(lint("cli/a.ts", 'import "../models/pipelines/mod.ts";'), [
    "cli/a.ts must not import models/pipelines/mod.ts: it is inside models/, " +
    "whose doors are models/mod.ts",
  ]);
});

Deno.test("doors accepts doors, a room's own files, and tests of what is inside", () => {
  assertEquals(lint("nn/a.ts", 'import "../engine/kernel_kit.ts";'), []);
  assertEquals(lint("swag/a.ts", 'import "../nn/formats/mod.ts";'), []);
  assertEquals(lint("nn/formats/a.ts", 'import "./zip.ts";'), []);
  assertEquals(lint("tests/a_test.ts", 'import "../engine/gpu/pool.ts";'), []);
});

Deno.test("circles reports an import that leads back to its own file", () => {
  assertEquals(lint("engine/shape.ts", 'import "./scope.ts";'), []);
  assertEquals(
    lint("engine/shape.ts", 'import type { T } from "./tensor.ts";'),
    [
      "imports go round in a circle: engine/shape.ts -> engine/tensor.ts -> " +
      "engine/shape.ts",
    ],
  );
  assertEquals(lint("engine/shape.ts", 'export * from "./shape.ts";'), [
    "imports go round in a circle: engine/shape.ts -> engine/shape.ts",
  ]);
});

Deno.test("runtime reports what not every runtime has, outside of host", () => {
  const end = ": not every runtime has it, so host offers what is needed of it";
  const planted: readonly (readonly [string, string, string])[] = [
    ["engine/a.ts", 'Deno.env.get("A");', "Deno"],
    ["nn/a.ts", "const { Deno: host } = globalThis;", "Deno"],
    ["models/a.ts", "globalThis.Deno?.cwd();", "Deno"],
    ["swag/a.ts", "process.exit(1);", "process"],
    ["models/files/a.ts", 'await import("node:crypto");', "node:crypto"],
    [
      "report/a.ts",
      'import { rm } from "node:fs/promises";',
      "node:fs/promises",
    ],
    [
      "engine/gpu/a.ts",
      "await navigator.gpu?.requestAdapter();",
      "navigator.gpu",
    ],
    ["engine/a.ts", "globalThis.navigator?.gpu;", "navigator.gpu"],
  ];
  for (const [file, source, name] of planted) {
    const room = file.split("/")[0];
    assertEquals(lint(file, source), [`${room} must not use ${name}${end}`]);
  }
  assertEquals(lint("host/a.ts", 'Deno.env.get("A");'), []);
  assertEquals(lint("cli/a.ts", 'import "node:path";'), []);
  const names =
    'x[Symbol.for("Deno.customInspect")]; x.process(1); ({ process: 2 });';
  assertEquals(lint("engine/a.ts", names), []);
});
