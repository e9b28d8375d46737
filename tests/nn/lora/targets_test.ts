// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertThrows } from "@std/assert";
import {
  Linear,
  LoraConfig,
  type LoraConfigOptions,
  LoraModel,
} from "../../../nn/mod.ts";
import { targetPaths } from "../../../nn/lora/mod.ts";
import { gpuTest } from "../../_check.ts";
import { Net } from "./_net.ts";

const CASES: [claim: string, LoraConfigOptions, string[]][] = [
  ["names", { targetModules: ["query"] }, ["layer.0.query", "layer.1.query"]],
  ["a longer end of the path", { targetModules: ["0.query"] }, [
    "layer.0.query",
  ]],
  ["only whole segments", { targetModules: ["uery", "classifier"] }, [
    "classifier",
  ]],
  ["an expression for the whole path", {
    targetModules: String.raw`layer\.1\.(query|out.*)|classifier`,
  }, ["layer.1.query", "layer.1.output", "classifier"]],
  ["one block", { targetModules: ["query"], layersToTransform: 1 }, [
    "layer.1.query",
  ]],
  ["some blocks of a list", {
    targetModules: ["query", "output"],
    layersToTransform: [0],
    layersPattern: "layer",
  }, ["layer.0.query", "layer.0.output"]],
  ["exclusion", {
    targetModules: "all-linear",
    excludeModules: ["output", "classifier"],
  }, ["layer.0.query", "layer.1.query"]],
  ["all but what is trained whole", {
    targetModules: "all-linear",
    modulesToSave: ["classifier", "1"],
  }, ["layer.0.query", "layer.0.output"]],
];

for (const [claim, options, expected] of CASES) {
  gpuTest(`an adapter's layers are selected by ${claim}`, () => {
    assertEquals(targetPaths(new Net(), new LoraConfig(options)), expected);
  });
}

gpuTest('"all-linear" leaves out layers whose weight is shared', () => {
  const net = new Net();
  net.classifier = new Linear(12, 2);
  net.classifier.weight = net.table.weight;
  const config = new LoraConfig({ targetModules: "all-linear" });
  assertEquals(targetPaths(net, config).at(-1), "layer.1.output");
});

gpuTest("rank and alpha follow patterns, and rank-stabilized LoRA", () => {
  const lora = new LoraModel(
    new Net(),
    new LoraConfig({
      r: 4,
      loraAlpha: 8,
      targetModules: ["query", "output"],
      rankPattern: { "0.query": 2 },
      alphaPattern: { [String.raw`layer\.\d\.output`]: 3 },
      useRslora: true,
    }),
  );
  const found = [...lora.model.namedModules()].flatMap(([path, module]) =>
    "scaling" in module && "lora_A" in module
      ? [[path, (module.lora_A as Linear).weight.shape[0], module.scaling]]
      : []
  );
  assertEquals(found, [
    ["layer.0.query", 2, 8 / Math.sqrt(2)],
    ["layer.0.output", 4, 1.5],
    ["layer.1.query", 4, 4],
    ["layer.1.output", 4, 1.5],
  ]);
  lora.dispose();
});

const REFUSALS: [LoraConfigOptions, string][] = [
  [{}, 'layers, such as "query", "output", "classifier", or "all-linear"'],
  [{ targetModules: ["q"] }, 'no layer is selected by targetModules ["q"]'],
  [{ targetModules: ["table"] }, "Cannot adapt table: it is a Embedding"],
  [{ targetModules: "(" }, 'by targetModules "(": it is not a regular'],
  [{ targetModules: ["query"], modulesToSave: ["head"] }, '"head" of modules'],
];

for (const [options, message] of REFUSALS) {
  gpuTest(`an adapter is refused: ${message}`, () => {
    const net = new Net();
    assertThrows(
      () => new LoraModel(net, new LoraConfig(options)),
      Error,
      message,
    );
    assertEquals(net.classifier.weight.requiresGrad, true);
  });
}

gpuTest("a model has one adapter at a time", () => {
  const config = new LoraConfig({ targetModules: ["query"] });
  const lora = new LoraModel(new Net(), config);
  assertThrows(
    () => new LoraModel(lora.model, config),
    TypeError,
    "it has an adapter already",
  );
  lora.dispose();
});

const WRONG: [LoraConfigOptions, string][] = [
  [{ r: 0 }, "r 0: it must be a whole number of at least 1"],
  [{ r: 1.5 }, "r 1.5"],
  [{ loraAlpha: 0 }, "loraAlpha 0: it must be a positive number"],
  [{ loraDropout: 1 }, "loraDropout 1: it must be in [0, 1)"],
  [{ bias: "some" as "all" }, 'bias "some": expected one of none, all'],
  [{ initLoraWeights: "pissa" as "gaussian" }, 'initLoraWeights "pissa"'],
  [{ rankPattern: { query: 0 } }, 'rankPattern of \\"query\\" 0'],
  [{ lora_alpha: 1 } as LoraConfigOptions, 'did you mean "loraAlpha"?'],
];

for (const [options, message] of WRONG) {
  Deno.test(`LoraConfig refuses ${JSON.stringify(options)}`, () => {
    assertThrows(
      () => new LoraConfig(options),
      Error,
      message.replaceAll("\\", ""),
    );
  });
}
