// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The values that pickles of tensors consist of, and the functions that they
// may call.

import { isCount } from "./malformed.ts";

const MAX_AXES = 64;

/**
 * A dictionary or `OrderedDict`. Its keys are strings, numbers and constants.
 */
export class PickledDict {
  #entries: Map<unknown, unknown> | undefined;

  /**
   * The entries. A map has no keys with a special meaning, as an object does.
   */
  get entries(): Map<unknown, unknown> {
    // Created at first use, because a pickle can make millions of empty ones.
    return this.#entries ??= new Map();
  }
}

/** A list or tuple. */
export class PickledList {
  readonly items: unknown[];
  /** Whether it is a tuple, to which nothing can be added. */
  readonly isTuple: boolean;

  constructor(items: unknown[], isTuple: boolean) {
    this.items = items;
    this.isTuple = isTuple;
  }
}

/** The memory that one or more tensors are views into. */
export interface PickledStorage {
  /** The class, such as `FloatStorage`. */
  readonly type: string;
  /** Its name in the file. */
  readonly key: string;
  /** The number of its elements, as the pickle states it. */
  readonly length: number;
  /** The number of elements of the named storage before its first one. */
  readonly start: number;
}

/** A tensor: a view into a storage. */
export class PickledTensor {
  readonly storage: PickledStorage;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  /** The element type, if it is not that of the storage. */
  readonly dtype: string | undefined;

  constructor(
    storage: PickledStorage,
    window: {
      offset: number;
      shape: readonly number[];
      strides: readonly number[];
      dtype?: string | undefined;
    },
  ) {
    this.storage = storage;
    this.offset = window.offset;
    this.shape = window.shape;
    this.strides = window.strides;
    this.dtype = window.dtype;
  }
}

/** A function or class that a pickle may name. */
export class Known {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

/** A storage that a pickle refers to. */
export class StorageReference {
  readonly storage: PickledStorage;

  constructor(storage: PickledStorage) {
    this.storage = storage;
  }
}

/** Throws an error with the reason. */
export type Fail = (reason: string) => never;

/** Does what Python does for `f(*args)`. */
type Call = (args: readonly unknown[], fail: Fail) => unknown;

/** The functions that may be called, with what is done instead. */
export const FUNCTIONS: ReadonlyMap<string, Call> = new Map<string, Call>([
  ["collections.OrderedDict", newDict],
  ["torch.Size", (args, fail) => {
    const [items] = args;
    if (args.length === 1 && items instanceof PickledList) {
      return new PickledList(items.items, true);
    }
    return fail("torch.Size is called with something that is not a list");
  }],
  ["torch._utils._rebuild_tensor", rebuildTensor],
  ["torch._utils._rebuild_tensor_v2", rebuildTensor],
  ["torch._utils._rebuild_tensor_v3", rebuildTensor],
  ["torch._utils._rebuild_parameter", rebuildParameter],
  ["torch._utils._rebuild_parameter_with_state", rebuildParameter],
]);

/** Matches the classes of storages. */
export const STORAGE = /^torch\.(?:storage\.)?([A-Z][A-Za-z0-9]{0,20}Storage)$/;

/** Matches the element types of tensors. */
export const DTYPE =
  /^torch\.(bool|u?int(?:8|16|32|64)|bfloat16|float(?:16|32|64)|half|float|double|short|int|long)$/;

function newDict(args: readonly unknown[], fail: Fail): PickledDict {
  const dict = new PickledDict();
  const [pairs] = args;
  if (args.length === 0) return dict;
  // Python 2 passes the entries as a list of pairs.
  if (args.length > 1 || !(pairs instanceof PickledList)) {
    return fail(
      "its pickle makes an OrderedDict of something that is not a list",
    );
  }
  for (const pair of pairs.items) {
    const [key, value] = pair instanceof PickledList ? pair.items : [];
    if (typeof key !== "string") {
      return fail("its pickle makes an OrderedDict without names");
    }
    dict.entries.set(key, value);
  }
  return dict;
}

/**
 * Takes storage, offset, shape and strides. The other arguments do not matter.
 */
function rebuildTensor(args: readonly unknown[], fail: Fail): PickledTensor {
  const [reference, offset, size, stride, , , type] = args;
  const shape = countsOf(size);
  const strides = countsOf(stride);
  if (
    !(reference instanceof StorageReference) || !isCount(offset) ||
    !shape || !strides || shape.length !== strides.length
  ) {
    return fail("its pickle builds a tensor of something that is not a tensor");
  }
  const { storage } = reference;
  const elements = shape.reduce((product, n) => product * n, 1);
  const last = shape.reduce(
    (at, n, axis) => at + (n - 1) * (strides[axis] ?? 0),
    offset,
  );
  const dtype = type instanceof Known ? type.name : undefined;
  // The length of an untyped storage is in bytes. The reader of the file checks
  // it.
  const inside = elements === 0 || storage.type === "UntypedStorage" ||
    last < storage.length;
  if (!Number.isSafeInteger(elements) || !inside) {
    return fail(
      `a tensor of shape [${shape.join(", ")}] does not lie in its storage ` +
        `of ${storage.length} elements`,
    );
  }
  return new PickledTensor(storage, {
    offset,
    shape,
    strides,
    dtype: dtype?.slice("torch.".length),
  });
}

function rebuildParameter(
  [data]: readonly unknown[],
  fail: Fail,
): PickledTensor {
  if (data instanceof PickledTensor) return data;
  return fail("its pickle makes a parameter of something that is not a tensor");
}

function countsOf(value: unknown): number[] | null {
  if (!(value instanceof PickledList) || value.items.length > MAX_AXES) {
    return null;
  }
  // A copy, because a pickle may add to the list later.
  return value.items.every(isCount) ? [...value.items] : null;
}
