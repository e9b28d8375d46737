// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  type Device,
  initialize,
  openDevice,
  setDevice,
  type Tensor,
} from "../../engine/mod.ts";
import {
  Buffer,
  Embedding,
  hasPrefix,
  type HostTensor,
  init,
  LayerNorm,
  Linear,
  matchesPath,
  Module,
  Parameter,
  segmentsOf,
} from "../../nn/mod.ts";
import { gpuTest } from "../_check.ts";

class Block extends Module {
  dense: Linear;
  LayerNorm: LayerNorm;
  constructor() {
    super();
    this.dense = new Linear(3, 3);
    this.LayerNorm = new LayerNorm(3);
  }
}

class Net extends Module {
  wordEmbeddings = new Embedding(5, 3);
  layer = [new Block(), new Block()];
  scale = new Parameter([1], init.ones());
  decoder: Linear;
  constructor() {
    super();
    this.decoder = new Linear(3, 5, { bias: false });
    this.decoder.weight = this.wordEmbeddings.weight;
  }
}

const NAMES = [
  "word_embeddings.weight",
  "layer.0.dense.weight",
  "layer.0.dense.bias",
  "layer.0.LayerNorm.weight",
  "layer.0.LayerNorm.bias",
  "layer.1.dense.weight",
  "layer.1.dense.bias",
  "layer.1.LayerNorm.weight",
  "layer.1.LayerNorm.bias",
  "scale",
];

/** A state for a module, all of whose elements are one number. */
function stateOf(module: Module, value: number): Map<string, HostTensor> {
  return new Map(
    [...module.namedParameters()].map(([name, { shape, size }]) =>
      [name, { shape, data: new Float32Array(size).fill(value) }] as const
    ),
  );
}

gpuTest(
  "namedParameters() gives attribute paths, and tied parameters once",
  () => {
    const net = new Net();
    assertEquals([...net.namedParameters().keys()], NAMES);
    assertEquals([...net.tiedNames()], [
      ["decoder.weight", "word_embeddings.weight"],
    ]);
    net.dispose();
  },
);

gpuTest(
  "parameters() places parameters in one segment at multiples of 64",
  () => {
    const net = new Net();
    const parameters = net.parameters();
    assertEquals(segmentsOf(parameters).length, 1);
    let end = 0;
    for (const { location, size } of parameters) {
      assertEquals(location?.offset, end);
      end += Math.ceil(size / 64) * 64;
    }
    net.dispose();
  },
);

gpuTest(
  "parameters() fills as many segments as the limit requires",
  async () => {
    const before: Device = await initialize();
    const small = await openDevice({ maxBindingSize: 1024 });
    setDevice(small);
    try {
      const net = new Net();
      // 1,024 bytes hold four places of 64 elements.
      assertEquals(segmentsOf(net.parameters()).map((s) => s.length), [
        256,
        256,
        128,
      ]);
      net.dispose();
      assertEquals(small.pool.statistics().inUse, 0);
    } finally {
      setDevice(before);
      await small.destroy();
    }
  },
);

gpuTest(
  "loadStateDict() overwrites parameters, also through aliases",
  async () => {
    const net = new Net();
    const state = stateOf(net, 2);
    const words = state.get("word_embeddings.weight");
    assert(words);
    state.delete("word_embeddings.weight");
    state.set("decoder.weight", words);
    await net.loadStateDict(state);
    const [first] = net.parameters();
    assertEquals(new Set(await first?.data()), new Set([2]));
    net.dispose();
  },
);

gpuTest(
  "loadStateDict() names everything that does not match, and writes nothing",
  async () => {
    const net = new Net();
    const state = stateOf(net, 2);
    state.delete("scale");
    state.set("extra", { shape: [1], data: [0] });
    state.set("layer.0.dense.bias", { shape: [4], data: [0, 0, 0, 0] });
    await assertRejects(
      () => net.loadStateDict(state),
      TypeError,
      "Cannot load the state: layer.0.dense.bias is [3] in the module but [4] in the state; " +
        "missing scale; unexpected extra",
    );
    assertEquals(await net.scale.item(), 1);
    const report = await net.loadStateDict(state, { strict: false });
    assertEquals(report, {
      missing: ["scale"],
      unexpected: ["extra"],
      mismatched: [{
        name: "layer.0.dense.bias",
        expected: "[3]",
        found: "[4]",
      }],
    });
    assertEquals(new Set(await net.wordEmbeddings.weight.data()), new Set([2]));
    net.dispose();
  },
);

gpuTest("freeze() selects by whole path segments", () => {
  const net = new Net();
  net.freeze("layer.1", "word_embeddings");
  const frozen = [...net.namedParameters()].filter(([, p]) => !p.requiresGrad);
  assertEquals(frozen.map(([n]) => n), [
    "word_embeddings.weight",
    "layer.1.dense.weight",
    "layer.1.dense.bias",
    "layer.1.LayerNorm.weight",
    "layer.1.LayerNorm.bias",
  ]);
  net.unfreeze();
  assert([...net.namedParameters().values()].every((p) => p.requiresGrad));
  assertThrows(
    () => net.freeze("lay"),
    RangeError,
    'Cannot freeze "lay": no parameter has that prefix; there are ' +
      '"word_embeddings.weight", "layer.0", "layer.1", "scale"',
  );
  net.dispose();
});

Deno.test("matchesPath() knows prefixes, stars within segments and across", () => {
  const names = [
    "encoder.layer.0.attention.query.weight",
    "encoder.layer.1.attention.query.bias",
    "encoder.layer.1.output.weight",
    "encoder.layer.11.output.bias",
    "classifier.weight",
    "bias",
  ];
  const matched = (pattern: string) =>
    names.flatMap((name, i) => matchesPath(name, pattern) ? [i] : []);
  assertEquals(matched(""), [0, 1, 2, 3, 4, 5]);
  assertEquals(matched("encoder.layer.1"), [1, 2]);
  assertEquals(matched("encoder.layer.1*"), [1, 2, 3]);
  assertEquals(matched("encoder.layer.*.attention"), [0, 1]);
  assertEquals(matched("encoder.*.attention"), []);
  assertEquals(matched("**.bias"), [1, 3, 5]);
  assertEquals(matched("**.*put.*"), [2, 3]);
  assertEquals(matched("encoder.**.weight"), [0, 2]);
  assertEquals(matched("encoder.**"), [0, 1, 2, 3]);
  assertEquals(matched("*"), [0, 1, 2, 3, 4, 5]);
  assertEquals(matched("**"), [0, 1, 2, 3, 4, 5]);
  assertEquals(matched("*.weight"), [4]);
  // A dot is only a dot, and a pattern ends with a segment.
  assertEquals(matchesPath("a_b.c", "a.b*"), false);
  assertEquals(matchesPath("ab.weights", "a*.weight"), false);
  assertEquals(matchesPath("a[0].x", "a[*].x"), true);
});

Deno.test("hasPrefix() does not take layer.1 for layer.11", () => {
  assert(hasPrefix("layer.1.bias", "layer.1"));
  assert(!hasPrefix("layer.11.bias", "layer.1"));
  assert(hasPrefix("layer", "layer"));
  assert(hasPrefix("anything", ""));
});

gpuTest("eval() reaches every module inside", () => {
  const net = new Net();
  net.eval();
  assert([...net.namedModules().values()].every((m) => !m.training));
  assertEquals([...net.namedModules().keys()], [
    "",
    "word_embeddings",
    "layer.0",
    "layer.0.dense",
    "layer.0.LayerNorm",
    "layer.1",
    "layer.1.dense",
    "layer.1.LayerNorm",
    "decoder",
  ]);
  net.dispose();
});

gpuTest("dispose() frees all memory", async (device) => {
  const before = device.pool.statistics().inUse;
  const net = new Net();
  const parameters: Tensor[] = net.parameters();
  for (const p of parameters) p.gradientTarget();
  assert(device.pool.statistics().inUse > before);
  net.dispose();
  assertEquals(device.pool.statistics().inUse, before);
  await Promise.resolve();
});

gpuTest("Buffer is saved and loaded, and is not a parameter", async () => {
  class Scale extends Module {
    weight = new Parameter([2], init.ones());
    factor = new Buffer([2], init.ones());
  }
  const scale = new Scale();
  assertEquals([...scale.namedParameters().keys()], ["weight"]);
  assertEquals([...scale.namedTensors().keys()], ["weight", "factor"]);
  await scale.loadStateDict(
    new Map([
      ["weight", { shape: [2], data: [3, 4] }],
      ["factor", { shape: [2], data: [5, 6] }],
    ]),
  );
  assertEquals([...await scale.factor.data()], [5, 6]);
  scale.dispose();
});
