// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// State dictionaries in files: any nesting of plain objects, arrays, numbers,
// strings and typed arrays, which comes back bit for bit. Typed arrays are the
// tensors of a safetensors file, named by their path, and the rest is JSON in
// its metadata.

import {
  openSafetensors,
  type SafetensorsDtype,
  type SafetensorsSource,
  writeSafetensors,
} from "../formats/mod.ts";

/** The key of the metadata that holds the JSON. */
const STATE = "state";

/** Typed arrays that the JSON refers to. */
const ARRAYS = {
  Float32Array,
  Float64Array,
  Int8Array,
  Int16Array,
  Int32Array,
  Uint8Array,
  Uint8ClampedArray,
  Uint16Array,
  Uint32Array,
} as const;

type ArrayName = keyof typeof ARRAYS;
type AnyArray = InstanceType<(typeof ARRAYS)[ArrayName]>;

/** The element types that Python should see; others are bytes there. */
const DTYPES: Partial<Record<ArrayName, SafetensorsDtype>> = {
  Float32Array: "F32",
  Int32Array: "I32",
  Uint32Array: "U32",
};

/** A typed array in the JSON: the name of its tensor. */
interface ArrayMark {
  $array: string;
  type: ArrayName;
}

/** A number that JSON cannot write. */
interface NumberMark {
  $number: string;
}

/**
 * Writes a state to a file.
 *
 * @throws {TypeError} If the state holds something else than plain values.
 */
export async function writeState(path: string, state: unknown): Promise<void> {
  const tensors: [string, SafetensorsSource][] = [];
  const json = JSON.stringify(pack(state, "", tensors));
  // Hugging Face's layout puts names in order.
  tensors.sort(([a], [b]) => a < b ? -1 : 1);
  await writeSafetensors(path, tensors, {
    metadata: { format: "pt", [STATE]: json },
  });
}

/**
 * Reads a state that {@linkcode writeState} has written.
 *
 * @throws {SyntaxError} If the file is not such a state.
 */
export async function readState(path: string): Promise<unknown> {
  using file = await openSafetensors(path);
  const arrays = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const name of file.names) arrays.set(name, await file.bytes(name));
  try {
    return unpack(JSON.parse(file.metadata[STATE] ?? ""), arrays);
  } catch (cause) {
    throw new SyntaxError(`Cannot read ${path}: it holds no saved state`, {
      cause,
    });
  }
}

function arrayName(value: unknown): ArrayName | undefined {
  if (!ArrayBuffer.isView(value)) return undefined;
  const { name } = value.constructor;
  return name in ARRAYS ? name as ArrayName : undefined;
}

function pack(
  value: unknown,
  path: string,
  tensors: [string, SafetensorsSource][],
): unknown {
  if (typeof value === "number") {
    const isPlain = Number.isFinite(value) && !Object.is(value, -0);
    const text = Object.is(value, -0) ? "-0" : String(value);
    return isPlain ? value : { $number: text } satisfies NumberMark;
  }
  if (["string", "boolean", "undefined"].includes(typeof value)) return value;
  if (value === null) return null;
  const type = arrayName(value);
  if (type !== undefined) {
    const { buffer, byteOffset, byteLength, length } = value as AnyArray;
    const dtype = DTYPES[type] ?? "U8";
    const shape = [dtype === "U8" ? byteLength : length];
    const data = buffer.slice(byteOffset, byteOffset + byteLength);
    tensors.push([path, { shape, dtype, data: data as ArrayBuffer }]);
    return { $array: path, type } satisfies ArrayMark;
  }
  const below = (key: string | number) =>
    path === "" ? `${key}` : `${path}.${key}`;
  if (Array.isArray(value)) {
    return value.map((item, i) => pack(item, below(i), tensors));
  }
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    throw new TypeError(
      `Cannot save a state: ${path || "it"} is of the class ` +
        `${(value as object).constructor.name}, expected plain objects, ` +
        "arrays, numbers, strings and typed arrays",
    );
  }
  return Object.fromEntries(
    Object.entries(value as object).map(
      ([key, item]) => [key, pack(item, below(key), tensors)],
    ),
  );
}

function unpack(
  value: unknown,
  arrays: ReadonlyMap<string, Uint8Array<ArrayBuffer>>,
): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => unpack(item, arrays));
  if ("$number" in value) return Number(value.$number);
  if ("$array" in value) {
    const { $array, type } = value as ArrayMark;
    const bytes = arrays.get($array);
    if (!bytes) throw new TypeError(`There is no tensor "${$array}"`);
    const own = new Uint8Array(bytes); // A copy begins at the start of its buffer.
    return new ARRAYS[type](own.buffer);
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, unpack(item, arrays)]),
  );
}
