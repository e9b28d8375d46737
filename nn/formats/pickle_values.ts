// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.
// What pickles of tensors are made of, and all that they may call.

const MAX_AXES = 64;

/** A dictionary, an `OrderedDict` or the like. Keys are texts and numbers. */
export class PickledDict {
  #entries: Map<unknown, unknown> | undefined;

  /** The entries. A map, so that no key can mean anything else. */
  get entries(): Map<unknown, unknown> {
    // Made when it is needed: a pickle can make millions of empty ones.
    return this.#entries ??= new Map();
  }
}

/** A list, or an immutable one. */
export class PickledList {
  readonly items: unknown[];
  /** Whether it can no longer be added to. */
  readonly isTuple: boolean;

  constructor(items: unknown[], isTuple: boolean) {
    this.items = items;
    this.isTuple = isTuple;
  }
}

/** The elements that one or more tensors look at. */
export interface PickledStorage {
  /** The class, such as `FloatStorage`. */
  readonly type: string;
  /** What the file calls it. */
  readonly key: string;
  /** Elements that it has, by what the pickle says. */
  readonly length: number;
  /** Elements before its first one in what the key names. */
  readonly start: number;
}

/** A tensor as a window on a storage. */
export class PickledTensor {
  readonly storage: PickledStorage;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  /** The element type, where it is not the storage's. */
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

export class StorageReference {
  readonly storage: PickledStorage;

  constructor(storage: PickledStorage) {
    this.storage = storage;
  }
}

/** Ends the reading. */
export type Fail = (reason: string) => never;

/** Python's `f(*args)`. */
type Call = (args: readonly unknown[], fail: Fail) => unknown;

/** What may be called, and what is done instead of calling it. */
export const FUNCTIONS: ReadonlyMap<string, Call> = new Map<string, Call>([
  ["collections.OrderedDict", newDict],
  ["torch.Size", (args, fail) => {
    const [items] = args;
    if (args.length === 1 && items instanceof PickledList) {
      return new PickledList(items.items, true);
    }
    return fail("torch.Size is called with what is no list");
  }],
  ["torch._utils._rebuild_tensor", rebuildTensor],
  ["torch._utils._rebuild_tensor_v2", rebuildTensor],
  ["torch._utils._rebuild_tensor_v3", rebuildTensor],
  ["torch._utils._rebuild_parameter", rebuildParameter],
  ["torch._utils._rebuild_parameter_with_state", rebuildParameter],
]);

/** Classes that a storage can be of, and types that a tensor can be of. */
export const STORAGE = /^torch\.(?:storage\.)?([A-Z][A-Za-z0-9]{0,20}Storage)$/;
export const DTYPE =
  /^torch\.(bool|u?int(?:8|16|32|64)|bfloat16|float(?:16|32|64)|half|float|double|short|int|long)$/;

function newDict(args: readonly unknown[], fail: Fail): PickledDict {
  const dict = new PickledDict();
  const [pairs] = args;
  if (args.length === 0) return dict;
  // Python 2 hands the entries over as a list of pairs.
  if (args.length > 1 || !(pairs instanceof PickledList)) {
    return fail("its pickle makes an OrderedDict of what is no list");
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

/** Storage, offset, sizes, strides; what follows has no part in the values. */
function rebuildTensor(args: readonly unknown[], fail: Fail): PickledTensor {
  const [reference, offset, size, stride, , , type] = args;
  const shape = countsOf(size);
  const strides = countsOf(stride);
  if (
    !(reference instanceof StorageReference) || !isCount(offset) ||
    !shape || !strides || shape.length !== strides.length
  ) {
    return fail("its pickle builds a tensor of what is none");
  }
  const { storage } = reference;
  const elements = shape.reduce((product, n) => product * n, 1);
  const last = shape.reduce(
    (at, n, axis) => at + (n - 1) * (strides[axis] ?? 0),
    offset,
  );
  const dtype = type instanceof Known ? type.name : undefined;
  // Of untyped storages the length is in bytes, which the file's reader checks.
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
  return fail("its pickle makes a parameter of what is no tensor");
}

function countsOf(value: unknown): number[] | null {
  if (!(value instanceof PickledList) || value.items.length > MAX_AXES) {
    return null;
  }
  // A copy, since a pickle may add to a list after it was looked at.
  return value.items.every(isCount) ? [...value.items] : null;
}

/** Whether a value is a whole number from 0. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
