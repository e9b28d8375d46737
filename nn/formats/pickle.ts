// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// A machine for Python's pickles that can build the tables of tensors that
// PyTorch saves, and nothing else. A pickle is a program: it may name any
// function of any Python module and have it called. Here a name is only ever
// compared with the short list of `pickle_values.ts`; reading ends at every
// other name.
//
// The file exceeds 400 lines because each of the many instructions takes two.

import { fail, isCount } from "./malformed.ts";
import {
  DTYPE,
  FUNCTIONS,
  Known,
  PickledDict,
  PickledList,
  STORAGE,
  StorageReference,
} from "./pickle_values.ts";

/** What {@linkcode unpickle} gives. */
export interface Unpickled {
  /** The value of the pickle. */
  readonly value: unknown;
  /** The offset after its last byte. */
  readonly end: number;
}

/** Thrown if the bytes end before the pickle does. */
export class PickleEnd extends SyntaxError {}

const MARK = Symbol("mark");
const MAX_VALUES = 4_000_000;
/** The most tables and lists of a pickle. A tensor takes about six. */
const MAX_CONTAINERS = 1_000_000;
const MAX_LINE = 1000;
const MAX_INTEGER_BYTES = 16;
const PROTOCOL = 5;

/** Options of {@linkcode unpickle}. */
export interface UnpickleOptions {
  /** The name of the file, for errors. */
  source: string;
  /** The offset of the pickle in the bytes. @default {0} */
  start?: number;
}

/**
 * Runs a pickle.
 *
 * @param bytes The bytes that hold it.
 * @param options Where it starts, and the name of the file.
 * @returns Its value and its end.
 * @throws {PickleEnd} If the bytes end before the pickle does.
 * @throws {SyntaxError} If the pickle is malformed, or asks for anything that
 * is not needed to build tensors.
 */
export function unpickle(
  bytes: Uint8Array,
  options: UnpickleOptions,
): Unpickled {
  const { source, start = 0 } = options;
  return new Machine(bytes, source, start).run();
}

class Machine {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #source: string;
  readonly #stack: unknown[] = [];
  readonly #memo = new Map<number, unknown>();
  #at: number;
  #values = 0;
  #containers = 0;

  constructor(bytes: Uint8Array, source: string, start: number) {
    this.#bytes = bytes;
    this.#view = new DataView(
      bytes.buffer,
      bytes.byteOffset,
      bytes.byteLength,
    );
    this.#source = source;
    this.#at = start;
  }

  fail(reason: string): never {
    fail(this.#source, reason);
  }

  refuse(name: string): never {
    this.fail(`it asks to run ${name}, but may only build tensors`);
  }

  run(): Unpickled {
    for (;;) {
      const code = this.#byte();
      if (code === 0x2e) break; // STOP
      this.#step(code);
    }
    const value = this.#pop();
    return { value, end: this.#at };
  }

  #step(code: number): void {
    switch (code) {
      case 0x80: // PROTO
        return this.#checkProtocol(this.#byte());
      case 0x95: // FRAME
        this.#take(8);
        return;
      case 0x28: // MARK
        return this.#push(MARK);
      case 0x30: // POP
        this.#stack.pop();
        return;
      case 0x31: // POP_MARK
        this.#toMark();
        return;
      case 0x32: // DUP
        return this.#push(this.#top());

      case 0x4e: // NONE
        return this.#push(null);
      case 0x88: // NEWTRUE
        return this.#push(true);
      case 0x89: // NEWFALSE
        return this.#push(false);
      case 0x49: // INT
      case 0x4c: // LONG
        return this.#push(this.#decimal());
      case 0x4a: // BININT
        return this.#push(this.#view.getInt32(this.#take(4), true));
      case 0x4b: // BININT1
        return this.#push(this.#byte());
      case 0x4d: // BININT2
        return this.#push(this.#view.getUint16(this.#take(2), true));
      case 0x8a: // LONG1
        return this.#push(this.#integer(this.#byte()));
      case 0x8b: // LONG4
        return this.#push(this.#integer(this.#length(4)));
      case 0x47: // BINFLOAT
        return this.#push(this.#view.getFloat64(this.#take(8)));

      case 0x55: // SHORT_BINSTRING
      case 0x8c: // SHORT_BINUNICODE
        return this.#push(this.#text(this.#byte()));
      case 0x54: // BINSTRING
      case 0x58: // BINUNICODE
        return this.#push(this.#text(this.#length(4)));
      case 0x8d: // BINUNICODE8
        return this.#push(this.#text(this.#length(8)));

      case 0x5d: // EMPTY_LIST
        return this.#push(new PickledList([], false));
      case 0x6c: // LIST
        return this.#push(new PickledList(this.#toMark(), false));
      case 0x61: // APPEND
        return this.#append([this.#pop()]);
      case 0x65: // APPENDS
        return this.#append(this.#toMark());
      case 0x29: // EMPTY_TUPLE
        return this.#push(new PickledList([], true));
      case 0x74: // TUPLE
        return this.#push(new PickledList(this.#toMark(), true));
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: // TUPLE3
        return this.#push(new PickledList(this.#popMany(code - 0x84), true));
      case 0x7d: // EMPTY_DICT
        return this.#push(new PickledDict());
      case 0x64: // DICT
        return this.#newDict();
      case 0x73: // SETITEM
        return this.#setItems(this.#popMany(2));
      case 0x75: // SETITEMS
        return this.#setItems(this.#toMark());

      case 0x67: // GET
        return this.#get(this.#index(this.#decimal()));
      case 0x68: // BINGET
        return this.#get(this.#byte());
      case 0x6a: // LONG_BINGET
        return this.#get(this.#view.getUint32(this.#take(4), true));
      case 0x70: // PUT
        return this.#put(this.#index(this.#decimal()));
      case 0x71: // BINPUT
        return this.#put(this.#byte());
      case 0x72: // LONG_BINPUT
        return this.#put(this.#view.getUint32(this.#take(4), true));
      case 0x94: // MEMOIZE
        return this.#put(this.#memo.size);

      case 0x63: // GLOBAL
        return this.#push(this.#known(this.#line(), this.#line()));
      case 0x93: { // STACK_GLOBAL
        const [module, name] = this.#popMany(2);
        return this.#push(this.#known(module, name));
      }
      case 0x69: // INST
        return this.refuse(`${this.#line()}.${this.#line()}`);
      case 0x52: // REDUCE
        return this.#reduce();
      case 0x62: // BUILD
        return this.#build();
      case 0x51: // BINPERSID
        return this.#push(this.#storage(this.#pop()));
      default:
        this.fail(
          `its pickle uses instruction 0x${
            code.toString(16).padStart(2, "0")
          } at byte ${this.#at - 1}, which tensors do not need`,
        );
    }
  }

  // ------------------------------------------------------------------- bytes

  #take(count: number): number {
    const at = this.#at;
    if (count > this.#bytes.length - at) {
      throw new PickleEnd(
        `Cannot read ${this.#source}: its pickle breaks off at byte ` +
          `${this.#bytes.length}`,
      );
    }
    this.#at += count;
    return at;
  }

  #byte(): number {
    return this.#view.getUint8(this.#take(1));
  }

  #length(bytes: 4 | 8): number {
    const at = this.#take(bytes);
    const length = bytes === 4
      ? this.#view.getUint32(at, true)
      : Number(this.#view.getBigUint64(at, true));
    if (!Number.isSafeInteger(length)) this.fail("its pickle has no end");
    return length;
  }

  #text(length: number): string {
    const at = this.#take(length);
    return new TextDecoder().decode(this.#bytes.subarray(at, at + length));
  }

  #line(): string {
    const start = this.#at;
    while (this.#byte() !== 0x0a) {
      if (this.#at - start > MAX_LINE) {
        this.fail(`its pickle has a line of over ${MAX_LINE} characters`);
      }
    }
    const bytes = this.#bytes.subarray(start, this.#at - 1);
    return new TextDecoder().decode(bytes);
  }

  #decimal(): number | bigint | boolean {
    const line = this.#line();
    if (line === "00" || line === "01") return line === "01";
    if (!/^-?\d{1,30}L?$/.test(line)) {
      this.fail(`its pickle has the number ${JSON.stringify(line)}`);
    }
    return plain(BigInt(line.replace("L", "")));
  }

  #integer(bytes: number): number | bigint {
    if (bytes > MAX_INTEGER_BYTES) {
      this.fail(`its pickle has a number of ${bytes} bytes`);
    }
    const at = this.#take(bytes);
    let value = 0n;
    for (let i = bytes - 1; i >= 0; i--) {
      value = value << 8n | BigInt(this.#view.getUint8(at + i));
    }
    return plain(BigInt.asIntN(8 * bytes, value));
  }

  // ------------------------------------------------------------------- stack

  #push(value: unknown): void {
    this.#count(1);
    this.#stack.push(value);
    if (typeof value !== "object" || value === null) return;
    if (++this.#containers > MAX_CONTAINERS) {
      this.fail(
        `its pickle makes more than ${MAX_CONTAINERS} tables and lists`,
      );
    }
  }

  /** Counts values, to limit the work that a pickle can cause. */
  #count(values: number): void {
    this.#values += values;
    if (this.#values > MAX_VALUES) {
      this.fail(`its pickle makes more than ${MAX_VALUES} values`);
    }
  }

  #top(): unknown {
    const value = this.#stack.at(-1);
    if (value === undefined || value === MARK) {
      this.fail("its pickle takes a value that does not exist");
    }
    return value;
  }

  #pop(): unknown {
    const value = this.#top();
    this.#stack.pop();
    return value;
  }

  #popMany(count: number): unknown[] {
    const values: unknown[] = [];
    for (let i = 0; i < count; i++) values.push(this.#pop());
    return values.reverse();
  }

  #toMark(): unknown[] {
    const at = this.#stack.lastIndexOf(MARK);
    if (at < 0) this.fail("its pickle takes values that do not exist");
    const values = this.#stack.splice(at + 1);
    this.#stack.pop();
    return values;
  }

  #index(value: unknown): number {
    if (isCount(value)) return value;
    return this.fail(
      "its pickle numbers a value by something that is not a number",
    );
  }

  #put(index: number): void {
    this.#memo.set(index, this.#top());
    if (this.#memo.size > MAX_VALUES) {
      this.fail(`its pickle numbers more than ${MAX_VALUES} values`);
    }
  }

  #get(index: number): void {
    const value = this.#memo.get(index);
    if (value === undefined) {
      this.fail(`its pickle takes value ${index} before it exists`);
    }
    this.#push(value);
  }

  // ------------------------------------------------------------------ values

  #checkProtocol(protocol: number): void {
    if (protocol <= PROTOCOL) return;
    this.fail(
      `its pickle is of protocol ${protocol}, expected ${PROTOCOL} at most`,
    );
  }

  #append(items: readonly unknown[]): void {
    const list = this.#top();
    if (!(list instanceof PickledList) || list.isTuple) {
      this.fail("its pickle adds to something that is not a list");
    }
    for (const item of items) list.items.push(item);
  }

  #newDict(): void {
    const items = this.#toMark();
    this.#push(new PickledDict());
    this.#setItems(items);
  }

  #setItems(items: readonly unknown[]): void {
    const dict = this.#top();
    if (!(dict instanceof PickledDict)) {
      this.fail(
        "its pickle sets a field of something that is not a dictionary",
      );
    }
    if (items.length % 2 !== 0) {
      this.fail("its pickle has a key without a value");
    }
    for (let i = 0; i < items.length; i += 2) {
      const key = items[i];
      if (typeof key === "object" && key !== null) {
        this.fail("its pickle has a key that is neither text nor number");
      }
      dict.entries.set(key, items[i + 1]);
    }
  }

  /** Finds a function or class, if it is one of the few that may be named. */
  #known(module: unknown, attribute: unknown): Known {
    if (typeof module !== "string" || typeof attribute !== "string") {
      return this.fail(
        "its pickle names a function by something that is not text",
      );
    }
    const name = `${module}.${attribute}`;
    if (FUNCTIONS.has(name) || STORAGE.test(name) || DTYPE.test(name)) {
      return new Known(name);
    }
    return this.refuse(printable(name));
  }

  #reduce(): void {
    const [callee, args] = this.#popMany(2);
    if (!(callee instanceof Known)) {
      return this.fail("its pickle calls something that is not a function");
    }
    const call = FUNCTIONS.get(callee.name);
    if (call === undefined) return this.refuse(callee.name);
    if (!(args instanceof PickledList)) {
      return this.fail(`its pickle calls ${callee.name} without arguments`);
    }
    // A list may be an argument many times, and each call goes through it.
    for (const item of args.items) {
      if (item instanceof PickledList) this.#count(item.items.length);
    }
    this.#push(call(args.items, (reason) => this.fail(reason)));
  }

  /** Ignores attributes: only an `OrderedDict` has any, its `_metadata`. */
  #build(): void {
    const [target, state] = this.#popMany(2);
    if (!(target instanceof PickledDict) || !(state instanceof PickledDict)) {
      this.fail("its pickle sets attributes, but may only build tensors");
    }
    this.#push(target);
  }

  #storage(id: unknown): StorageReference {
    const [kind, type, key, , length, view] = id instanceof PickledList
      ? id.items
      : [];
    const known = type instanceof Known ? STORAGE.exec(type.name)?.[1] : null;
    const name = typeof key === "number" ? String(key) : key;
    if (
      kind !== "storage" || !known || typeof name !== "string" ||
      !isCount(length)
    ) {
      return this.fail(
        "its pickle refers to a storage by something that is not a storage",
      );
    }
    const storage = { type: known, key: name, length, start: 0 };
    if (view === undefined || view === null) {
      return new StorageReference(storage);
    }
    const [, start, size] = view instanceof PickledList ? view.items : [];
    if (!isCount(start) || !isCount(size) || start + size > length) {
      return this.fail(
        "its pickle refers to a part that its storage does not have",
      );
    }
    return new StorageReference({ ...storage, length: size, start });
  }
}

/** Converts to a number if that is exact. */
function plain(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** Shortens a name for an error, without characters that control a terminal. */
function printable(name: string): string {
  return name.slice(0, 100).replace(/[^\x20-\x7e]/g, "?");
}
