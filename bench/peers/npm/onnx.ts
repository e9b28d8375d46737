// Copyright 2026 the swagpu authors. MIT license.

// Writes ONNX files: as much of protobuf as the graphs of ort.ts need.

type Bytes = number[];

/** An attribute: an integer, integers, or a float. */
export type Attribute = number | number[] | { float: number };

/** An operation between named values. */
export interface GraphNode {
  operation: string;
  inputs: string[];
  output: string;
  attributes?: Record<string, Attribute>;
  /** Where the operation is defined, if not by ONNX itself. */
  domain?: string;
}

/** An input or output. */
export interface GraphValue {
  name: string;
  shape: number[];
  integers?: boolean;
}

/** A constant. */
export interface GraphConstant {
  name: string;
  shape: number[];
  data: Float32Array | BigInt64Array;
}

/** A graph to be written. */
export interface Graph {
  nodes: GraphNode[];
  inputs: GraphValue[];
  outputs: GraphValue[];
  constants?: GraphConstant[];
}

const FLOAT = 1;
const INT64 = 7;
const encoder = new TextEncoder();

function varint(value: number): Bytes {
  const bytes: Bytes = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest ? low | 0x80 : low);
  } while (rest);
  return bytes;
}

const integer = (field: number, value: number): Bytes => [
  ...varint(field << 3),
  ...varint(value),
];

const float = (field: number, value: number): Bytes => [
  ...varint((field << 3) | 5),
  ...new Uint8Array(new Float32Array([value]).buffer),
];

/** A field of bytes; not spread into a call, as constants are large. */
function bytes(field: number, content: Bytes | Uint8Array): Bytes {
  const result = [...varint((field << 3) | 2), ...varint(content.length)];
  for (const byte of content) result.push(byte);
  return result;
}

const text = (field: number, value: string): Bytes =>
  bytes(field, encoder.encode(value));

function attribute(name: string, value: Attribute): Bytes {
  const start = text(1, name);
  if (typeof value === "number") {
    return [...start, ...integer(3, value), ...integer(20, 2)];
  }
  if (Array.isArray(value)) {
    const items = value.flatMap((x) => integer(8, x));
    return [...start, ...items, ...integer(20, 7)];
  }
  return [...start, ...float(2, value.float), ...integer(20, 1)];
}

function node(given: GraphNode): Bytes {
  const { operation, inputs, output, attributes = {}, domain } = given;
  return [
    ...inputs.flatMap((name) => text(1, name)),
    ...text(2, output),
    ...text(4, operation),
    ...Object.entries(attributes)
      .flatMap(([name, value]) => bytes(5, attribute(name, value))),
    ...(domain ? text(7, domain) : []),
  ];
}

function value({ name, shape, integers = false }: GraphValue): Bytes {
  const dimensions = shape.flatMap((size) => bytes(1, integer(1, size)));
  const tensor = [
    ...integer(1, integers ? INT64 : FLOAT),
    ...bytes(2, dimensions),
  ];
  return [...text(1, name), ...bytes(2, bytes(1, tensor))];
}

function constant({ name, shape, data }: GraphConstant): Bytes {
  const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const result = [
    ...shape.flatMap((size) => integer(1, size)),
    ...integer(2, data instanceof Float32Array ? FLOAT : INT64),
    ...text(8, name),
  ];
  for (const byte of bytes(9, raw)) result.push(byte);
  return result;
}

/** The file of a graph. */
export function writeModel(graph: Graph): Uint8Array {
  const { nodes, inputs, outputs, constants = [] } = graph;
  const body: Bytes = [];
  const append = (field: number, content: Bytes) => {
    for (const byte of bytes(field, content)) body.push(byte);
  };
  for (const given of nodes) append(1, node(given));
  for (const byte of text(2, "graph")) body.push(byte);
  for (const given of constants) append(5, constant(given));
  for (const given of inputs) append(11, value(given));
  for (const given of outputs) append(12, value(given));
  const operatorSet = (domain: string, version: number) =>
    bytes(8, [...text(1, domain), ...integer(2, version)]);
  const file = integer(1, 8);
  for (const byte of bytes(7, body)) file.push(byte);
  file.push(...operatorSet("", 17), ...operatorSet("com.microsoft", 1));
  return new Uint8Array(file);
}
