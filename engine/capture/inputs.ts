// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The inputs of a captured step: host values, tensors, bundles of tensors, and
// plain values. Shapes, types and plain values form the key by which a recording
// is found again; the numbers in tensors may differ from call to call.

import {
  type DType,
  dtypeOf,
  isTypedArray,
  type TypedArray,
} from "../dtype.ts";
import { alignBytes, type Block, type ReplicaSpace } from "../gpu/block.ts";
import type { Device } from "../gpu/device.ts";
import { type HostIntegers, integersOf } from "../gpu/host_integers.ts";
import { shared } from "../gpu/replication.ts";
import { knownIntegers } from "../integer_range.ts";
import { checkShape, formatShape, type Shape, sizeOf } from "../shape.ts";
import { allocate, type AnyTensor, Tensor } from "../tensor.ts";

/** Numbers with a shape, in the memory of the host. */
export interface HostValues {
  /** The elements, row by row. */
  readonly data: TypedArray;
  /** The lengths of the axes. */
  readonly shape: Shape;
}

/**
 * What a captured step takes where its function takes a tensor. A typed array
 * becomes a tensor with one axis.
 */
export type StepInput = AnyTensor | TypedArray | HostValues;

/** Tensors that belong together as one input, such as a packing of texts. */
export interface TensorBundle {
  /**
   * Everything about the bundle but the numbers in its tensors. Bundles of the
   * same key share recordings.
   */
  readonly bundleKey: string;
  /** The tensors. */
  readonly bundleTensors: readonly AnyTensor[];
  /** The same bundle over other tensors of the same shapes and types. */
  withTensors(tensors: readonly AnyTensor[]): TensorBundle;
}

/**
 * The argument of a captured step: host values or tensors where its function
 * takes tensors. Numbers, strings and booleans are passed on as they are, and the
 * step is recorded for each of their values separately.
 */
export type StepFeed<Inputs> = {
  readonly [Name in keyof Inputs]: Inputs[Name] extends infer Value
    ? Value extends AnyTensor ? StepInput : Value
    : never;
};

/** A tensor that an input becomes: its values, or a tensor to copy. */
export interface Source {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly values: TypedArray | AnyTensor;
}

/** The inputs of one call. */
export interface Inputs {
  /** Calls of the same key share recordings. */
  readonly key: string;
  /** Every tensor, in order. */
  readonly sources: readonly Source[];
  /** The argument of the step's function, made of these tensors. */
  build(tensors: readonly AnyTensor[]): Record<string, unknown>;
}

/**
 * Takes the argument of a captured step apart.
 *
 * @throws {TypeError} If an input is of a kind that no step can take.
 */
export function readInputs(feed: object): Inputs {
  const sources: Source[] = [];
  const names: string[] = [];
  const builders: [
    name: string,
    build: (tensors: readonly AnyTensor[]) => unknown,
  ][] = [];
  const add = (source: Source): number => {
    const replicas = replicasOf(source)?.count ?? "";
    names.push(`${source.dtype}${formatShape(source.shape)}${replicas}`);
    return sources.push(source) - 1;
  };
  for (const [name, value] of Object.entries(feed)) {
    names.push(`${name}:`);
    const source = sourceOf(name, value);
    if (source) {
      const at = add(source);
      builders.push([name, (tensors) => tensors[at]]);
    } else if (isBundle(value)) {
      names.push(value.bundleKey);
      const start = sources.length;
      for (const x of value.bundleTensors) {
        add({ shape: x.shape, dtype: x.dtype, values: x });
      }
      const end = sources.length;
      builders.push([
        name,
        (tensors) => value.withTensors(tensors.slice(start, end)),
      ]);
    } else if (value === undefined || value === null || isPlain(value)) {
      names.push(plainKey(value));
      builders.push([name, () => value]);
    } else {
      throw new TypeError(
        `Cannot give ${name} to a captured step: expected a tensor, a typed ` +
          "array, data with a shape, or a number, string or boolean",
      );
    }
  }
  return {
    key: names.join(" "),
    sources,
    build: (tensors) =>
      Object.fromEntries(
        builders.map(([name, build]) => [name, build(tensors)]),
      ),
  };
}

/** Makes a tensor from an input. */
export function placeInput(device: Device, source: Source): AnyTensor {
  const make = () => allocate(device, source.shape, source.dtype);
  const x = replicasOf(source) ? make() : shared(make);
  writeInput(device, source, x.block);
  x.block.integers = integersOfInput(source)?.observed();
  return x;
}

/** The memory of replicas, if an input differs between them. */
function replicasOf({ values }: Source): ReplicaSpace | undefined {
  return values instanceof Tensor ? values.block.replicas : undefined;
}

/** What the host knows about the integers of an input, if anything. */
export function integersOfInput({ values }: Source): HostIntegers | undefined {
  return values instanceof Tensor ? knownIntegers(values) : integersOf(values);
}

/** Writes an input at the start of a block. */
export function writeInput(
  device: Device,
  source: Source,
  block: Block,
): void {
  const { values } = source;
  block.replicas = replicasOf(source); // The block of a replay is used in turn.
  if (!(values instanceof Tensor)) {
    if (values.length > 0) device.stream.upload(block, 0, values);
    return;
  }
  const size = alignBytes(values.bytes);
  device.stream.copy(
    values.block.window(values.byteOffset, size),
    block.window(0, size),
    values.bytes,
  );
}

function sourceOf(name: string, value: unknown): Source | undefined {
  if (value instanceof Tensor) {
    return { shape: value.shape, dtype: value.dtype, values: value };
  }
  if (isTypedArray(value)) {
    return { shape: [value.length], dtype: dtypeOf(value), values: value };
  }
  if (!isHostValues(value)) return undefined;
  const { data, shape } = value;
  checkShape(`give ${name} to a captured step`, shape);
  if (data.length === sizeOf(shape)) {
    return { shape: [...shape], dtype: dtypeOf(data), values: data };
  }
  throw new TypeError(
    `Cannot give ${name} to a captured step: ${data.length} values do not fill ` +
      formatShape(shape),
  );
}

function isHostValues(value: unknown): value is HostValues {
  return typeof value === "object" && value !== null && "data" in value &&
    "shape" in value && isTypedArray(value.data) && Array.isArray(value.shape);
}

function isBundle(value: unknown): value is TensorBundle {
  return typeof value === "object" && value !== null && "withTensors" in value;
}

/** A key for each plain value, also for those that JSON cannot write. */
function plainKey(value: unknown): string {
  if (Object.is(value, -0)) return "-0";
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

function isPlain(value: unknown): boolean {
  return typeof value === "number" || typeof value === "string" ||
    typeof value === "boolean";
}
