// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Reads messages in protobuf's wire format. A message has numbered fields, each
// a varint, four or eight bytes, or a run of bytes behind its length. Reading a
// field as another kind than it was written is an error.

const KINDS: Readonly<Record<number, string>> = {
  0: "a varint",
  1: "eight bytes",
  2: "a run of bytes",
  5: "four bytes",
};
const VARINT = 0;
const EIGHT_BYTES = 1;
const RUN = 2;
const FOUR_BYTES = 5;

// A byte order mark is part of the text.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

interface Value {
  readonly kind: number;
  readonly number: number;
  readonly bytes: Uint8Array;
}

/** The fields of a message by their numbers. */
export class Fields {
  #values: ReadonlyMap<number, readonly Value[]>;
  #source: string;

  constructor(values: ReadonlyMap<number, readonly Value[]>, source: string) {
    this.#values = values;
    this.#source = source;
  }

  /** Reads a whole number. If a field occurs several times, the last counts. */
  number(field: number): number | undefined {
    return this.#last(field, VARINT)?.number;
  }

  /** Reads a float of 32 bits. */
  float(field: number): number | undefined {
    return this.#last(field, FOUR_BYTES)?.number;
  }

  /** Reads a run of bytes. */
  bytes(field: number): Uint8Array | undefined {
    return this.#last(field, RUN)?.bytes;
  }

  /** Reads a run of bytes as UTF-8. */
  text(field: number): string | undefined {
    const bytes = this.bytes(field);
    return bytes && decoder.decode(bytes);
  }

  /** Reads a message within this one. An absent message has no fields. */
  message(field: number): Fields {
    return readMessage(this.bytes(field) ?? new Uint8Array(), this.#source);
  }

  /** Reads a list of messages. */
  messages(field: number): Fields[] {
    return this.#all(field, RUN)
      .map(({ bytes }) => readMessage(bytes, this.#source));
  }

  #last(field: number, kind: number): Value | undefined {
    return this.#all(field, kind).at(-1);
  }

  #all(field: number, kind: number): readonly Value[] {
    const values = this.#values.get(field) ?? [];
    const odd = values.find((value) => value.kind !== kind);
    if (odd === undefined) return values;
    throw new SyntaxError(
      `Cannot read ${this.#source}: field ${field} is ${KINDS[odd.kind]}, ` +
        `expected ${KINDS[kind]}`,
    );
  }
}

/**
 * Reads the fields of a message.
 *
 * @throws {SyntaxError} If it ends too early or holds an unknown kind of value.
 */
export function readMessage(bytes: Uint8Array, source: string): Fields {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values = new Map<number, Value[]>();
  let at = 0;
  const take = (count: number): Uint8Array => {
    if (at + count > bytes.length) {
      throw new SyntaxError(
        `Cannot read ${source}: it ends after ${bytes.length} bytes, ` +
          `expected ${at + count}`,
      );
    }
    at += count;
    return bytes.subarray(at - count, at);
  };
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const [byte = 0] = take(1);
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new SyntaxError(
      `Cannot read ${source}: a number at byte ${at - 10} does not end`,
    );
  };
  while (at < bytes.length) {
    const tag = varint();
    const kind = tag % 8;
    const field = Math.floor(tag / 8);
    const begin = at;
    let number = 0;
    let content = new Uint8Array() as Uint8Array;
    if (kind === VARINT) number = varint();
    else if (kind === RUN) content = take(varint());
    else if (kind === FOUR_BYTES) {
      take(4);
      number = view.getFloat32(begin, true);
    } else if (kind === EIGHT_BYTES) take(8);
    if (KINDS[kind] === undefined || field === 0) {
      throw new SyntaxError(
        `Cannot read ${source}: byte ${begin - 1} begins field ${field} of ` +
          `wire type ${kind}, which does not exist`,
      );
    }
    const list = values.get(field);
    const value = { kind, number, bytes: content };
    if (list === undefined) values.set(field, [value]);
    else list.push(value);
  }
  return new Fields(values, source);
}
