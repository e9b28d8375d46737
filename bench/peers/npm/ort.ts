// Copyright 2026 the swagpu authors. MIT license.

// onnxruntime-web with its WebGPU execution provider: forward passes only.
// Inputs and outputs stay on the GPU. A bundled copy is told by
// --ort-wasm=FILE where the WebAssembly file lies.

import * as ort from "onnxruntime-web/webgpu";
import type { AttentionSizes } from "../data.ts";
import {
  encoderBatch,
  type EncoderSizes,
  encoderWeights,
  probe,
  random,
  swapMiddle,
} from "../data.ts";
import type { Parameters } from "../protocol.ts";
import { type Kinds, type Prepared, serve, watch } from "../worker.ts";
import {
  type Attribute,
  type Graph,
  type GraphConstant,
  type GraphNode,
  type GraphValue,
  writeModel,
} from "./onnx.ts";

const NO_TRAINING = "cannot train";

/** What the package takes for a buffer. */
type OrtBuffer = globalThis.Parameters<typeof ort.Tensor.fromGpuBuffer>[0];

let gpu: GPUDevice | undefined;

function sizes<T>(parameters: Parameters): T {
  return parameters as unknown as T;
}

const value = (name: string, ...shape: number[]): GraphValue => ({
  name,
  shape,
});

/** What goes into a session: by name, values and their shape. */
type Inputs = Record<
  string,
  { data: Float32Array<ArrayBuffer> | BigInt64Array; shape: number[] }
>;

function upload({ data, shape }: Inputs[string]): ort.Tensor {
  if (data instanceof BigInt64Array) {
    return new ort.Tensor("int64", data, shape);
  }
  if (!gpu) throw new Error("has no device yet");
  const buffer = gpu.createBuffer({
    size: Math.ceil(data.byteLength / 16) * 16,
    usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC |
      GPUBufferUsage.COPY_DST,
  });
  gpu.queue.writeBuffer(buffer, 0, data);
  return ort.Tensor.fromGpuBuffer(
    buffer as unknown as OrtBuffer,
    { dataType: "float32", dims: shape },
  );
}

async function operation(
  graph: Graph,
  inputs: Inputs,
  extra: {
    note?: string;
    order?: (values: Float32Array) => Float32Array;
  } = {},
): Promise<Prepared> {
  const { note, order = (values) => values } = extra;
  const session = await ort.InferenceSession.create(writeModel(graph), {
    executionProviders: ["webgpu"],
    preferredOutputLocation: "gpu-buffer",
  });
  // The device exists once there is a session.
  const device = await (ort.env.webgpu as unknown as {
    device: Promise<GPUDevice>;
  }).device;
  if (!gpu) watch(device);
  gpu = device;
  const feeds = Object.fromEntries(
    Object.entries(inputs).map(([name, input]) => [name, upload(input)]),
  );
  const [output] = graph.outputs;
  return {
    async run() {
      const results = await session.run(feeds);
      for (const result of Object.values(results)) result.dispose();
    },
    wait: () => device.queue.onSubmittedWorkDone(),
    async outputs() {
      const results = await session.run(feeds);
      const y = results[output!.name]!;
      const values = probe(order(await y.getData() as Float32Array));
      y.dispose();
      return values;
    },
    ...(note === undefined ? {} : { note }),
    async dispose() {
      for (const feed of Object.values(feeds)) feed.dispose();
      await session.release();
    },
  };
}

/** A graph that is written down as code. */
class Writer {
  readonly nodes: GraphNode[] = [];
  readonly constants: GraphConstant[] = [];

  op(
    operation: string,
    inputs: string[],
    attributes: Record<string, Attribute> = {},
  ): string {
    const output = `t${this.nodes.length}`;
    this.nodes.push({ operation, inputs, output, attributes });
    return output;
  }

  float(x: number): string {
    return this.#constant([], new Float32Array([x]));
  }

  integers(...values: number[]): string {
    return this.#constant(
      [values.length],
      BigInt64Array.from(values, (x) => BigInt(x)),
    );
  }

  #constant(shape: number[], data: Float32Array | BigInt64Array): string {
    const name = `c${this.constants.length}`;
    this.constants.push({ name, shape, data });
    return name;
  }
}

/** The encoder's graph, from `ids` to `y`. */
function encoderGraph(shape: EncoderSizes): Graph {
  const { layers, hidden, heads, length, batch, vocabulary } = shape;
  const size = hidden / heads;
  const graph = new Writer();
  for (const [name, weight] of Object.entries(encoderWeights(shape))) {
    graph.constants.push({ name, ...weight });
  }
  const norm = (x: string, name: string) =>
    graph.op("LayerNormalization", [x, `${name}g`, `${name}b`], {
      axis: -1,
      epsilon: { float: 1e-5 },
    });
  const apart = graph.integers(batch, length, heads, size);
  const together = graph.integers(batch, length, hidden);
  const scale = graph.float(1 / Math.sqrt(size));
  const half = graph.float(0.5);
  const one = graph.float(1);
  const root = graph.float(Math.SQRT1_2);
  const rows = graph.op("Gather", ["tok", "ids"], { axis: 0 });
  let x = norm(graph.op("Add", [rows, "pos"]), "ln");
  for (let layer = 0; layer < layers; layer++) {
    const linear = (input: string, suffix: string) =>
      graph.op("Add", [
        graph.op("MatMul", [input, `l${layer}_w${suffix}`]),
        `l${layer}_b${suffix}`,
      ]);
    const project = (suffix: string, perm: number[]) =>
      graph.op(
        "Transpose",
        [graph.op("Reshape", [linear(x, suffix), apart])],
        { perm },
      );
    const q = project("q", [0, 2, 1, 3]);
    const k = project("k", [0, 2, 3, 1]);
    const v = project("v", [0, 2, 1, 3]);
    const scores = graph.op("Mul", [graph.op("MatMul", [q, k]), scale]);
    const seen = graph.op("MatMul", [
      graph.op("Softmax", [scores], { axis: -1 }),
      v,
    ]);
    const joined = graph.op("Reshape", [
      graph.op("Transpose", [seen], { perm: [0, 2, 1, 3] }),
      together,
    ]);
    x = norm(graph.op("Add", [x, linear(joined, "o")]), `l${layer}_n1`);
    const inner = linear(x, "1");
    const bell = graph.op("Erf", [graph.op("Mul", [inner, root])]);
    const gelu = graph.op("Mul", [
      graph.op("Mul", [inner, half]),
      graph.op("Add", [bell, one]),
    ]);
    x = norm(graph.op("Add", [x, linear(gelu, "2")]), `l${layer}_n2`);
  }
  graph.nodes.push({
    operation: "Add",
    inputs: [graph.op("MatMul", [x, "wh"]), "bh"],
    output: "y",
  });
  return {
    nodes: graph.nodes,
    constants: graph.constants,
    inputs: [{ name: "ids", shape: [batch, length], integers: true }],
    outputs: [value("y", batch, length, vocabulary)],
  };
}

function attentionInputs(
  { batch, heads, length, size }: AttentionSizes,
  headsFirst: boolean,
): Inputs {
  const shape = headsFirst
    ? [batch, heads, length, size]
    : [batch, length, heads * size];
  return Object.fromEntries(["q", "k", "v"].map((name, i) => {
    const values = random(batch * heads * length * size, i + 1);
    const data = headsFirst
      ? swapMiddle(values, [batch, length, heads, size])
      : values;
    return [name, { data, shape }];
  }));
}

const kinds: Kinds = {
  matmul(parameters) {
    const { m, k, n } = sizes<{ m: number; k: number; n: number }>(parameters);
    if (parameters.transposeA || parameters.transposeB) {
      throw new Error("is asked for products of plain layout only");
    }
    return operation({
      nodes: [{ operation: "MatMul", inputs: ["a", "b"], output: "c" }],
      inputs: [value("a", m, k), value("b", k, n)],
      outputs: [value("c", m, n)],
    }, {
      a: { data: random(m * k, 1), shape: [m, k] },
      b: { data: random(k * n, 2), shape: [k, n] },
    });
  },
  attention(parameters) {
    const given = sizes<AttentionSizes>(parameters);
    const { batch, heads, length, size } = given;
    const graph = new Writer();
    const keys = graph.op("Transpose", ["k"], { perm: [0, 1, 3, 2] });
    const scores = graph.op("Mul", [
      graph.op("MatMul", ["q", keys]),
      graph.float(1 / Math.sqrt(size)),
    ]);
    const weights = graph.op("Softmax", [scores], { axis: -1 });
    graph.nodes.push({
      operation: "MatMul",
      inputs: [weights, "v"],
      output: "o",
    });
    const shape = [batch, heads, length, size];
    return operation(
      {
        nodes: graph.nodes,
        constants: graph.constants,
        inputs: ["q", "k", "v"].map((name) => value(name, ...shape)),
        outputs: [value("o", ...shape)],
      },
      attentionInputs(given, true),
      {
        note: "MatMul, Softmax, MatMul",
        order: (values) => swapMiddle(values, [batch, heads, length, size]),
      },
    );
  },
  fusedAttention(parameters) {
    const given = sizes<AttentionSizes>(parameters);
    const { batch, heads, length, size } = given;
    const shape = [batch, length, heads * size];
    return operation(
      {
        nodes: [{
          operation: "MultiHeadAttention",
          domain: "com.microsoft",
          inputs: ["q", "k", "v"],
          output: "o",
          attributes: { num_heads: heads },
        }],
        inputs: ["q", "k", "v"].map((name) => value(name, ...shape)),
        outputs: [value("o", ...shape)],
      },
      attentionInputs(given, false),
      { note: "com.microsoft MultiHeadAttention" },
    );
  },
  layerNorm(parameters) {
    const { rows, columns } = sizes<{ rows: number; columns: number }>(
      parameters,
    );
    return operation({
      nodes: [{
        operation: "LayerNormalization",
        inputs: ["x", "g", "b"],
        output: "y",
        attributes: { axis: -1, epsilon: { float: 1e-5 } },
      }],
      constants: [
        {
          name: "g",
          shape: [columns],
          data: new Float32Array(columns).fill(1),
        },
        { name: "b", shape: [columns], data: new Float32Array(columns) },
      ],
      inputs: [value("x", rows, columns)],
      outputs: [value("y", rows, columns)],
    }, { x: { data: random(rows * columns, 4), shape: [rows, columns] } });
  },
  add(parameters) {
    const { length } = sizes<{ length: number }>(parameters);
    return operation({
      nodes: [{ operation: "Add", inputs: ["a", "b"], output: "c" }],
      inputs: [value("a", length), value("b", length)],
      outputs: [value("c", length)],
    }, {
      a: { data: random(length, 5), shape: [length] },
      b: { data: random(length, 6), shape: [length] },
    });
  },
  chain(parameters) {
    const { links, length } = sizes<{ links: number; length: number }>(
      parameters,
    );
    return operation({
      nodes: Array.from({ length: links }, (_, i): GraphNode => ({
        operation: "Add",
        inputs: [i === 0 ? "a" : `x${i}`, "b"],
        output: i === links - 1 ? "c" : `x${i + 1}`,
      })),
      inputs: [value("a", length), value("b", length)],
      outputs: [value("c", length)],
    }, {
      a: { data: random(length, 7), shape: [length] },
      b: { data: random(length, 8), shape: [length] },
    }, { note: `one graph of ${links} nodes` });
  },
  encoderForward(parameters) {
    const shape = sizes<EncoderSizes>(parameters);
    const ids = encoderBatch(shape).ids;
    return operation(encoderGraph(shape), {
      ids: {
        data: BigInt64Array.from(Array.from(ids, BigInt)),
        shape: [shape.batch, shape.length],
      },
    });
  },
  mlpStep: NO_TRAINING,
  encoderStep: NO_TRAINING,
  bertStep: NO_TRAINING,
};

await serve(async () => {
  ort.env.logLevel = "error";
  ort.env.wasm.numThreads = 1;
  const file = Deno.args.find((option) => option.startsWith("--ort-wasm="))
    ?.slice("--ort-wasm=".length);
  if (file) ort.env.wasm.wasmBinary = (await Deno.readFile(file)).buffer;
  const info = (await navigator.gpu.requestAdapter())?.info;
  return {
    hello: {
      versions: { "onnxruntime-web": ort.env.versions.web ?? "unknown" },
      adapter: info?.description ?? "unknown",
    },
    kinds,
  };
});
