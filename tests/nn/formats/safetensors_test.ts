// Copyright 2026 the swagpu authors. MIT license.

// The file exceeds 400 lines because each case of the module takes a line or a
// block.

import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  parseSafetensors,
  type SafetensorsDtype,
  type SafetensorsEntry,
  type SafetensorsValues,
  serializeSafetensors,
} from "../../../nn/formats/safetensors.ts";

const FIXTURE = new URL(
  "../../fixtures/models/bert_model/model.safetensors",
  import.meta.url,
);

/**
 * A file with a header, whether valid or not, and a number of bytes of data.
 */
function file(header: unknown, dataBytes = 0): Uint8Array<ArrayBuffer> {
  const json = new TextEncoder().encode(
    typeof header === "string" ? header : JSON.stringify(header),
  );
  const bytes = new Uint8Array(8 + json.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

function f32(
  shape: unknown,
  offsets: unknown,
  dtype: unknown = "F32",
): Record<string, unknown> {
  return { dtype, shape, data_offsets: offsets };
}

function one(shape: unknown, offsets: unknown, dtype?: unknown): unknown {
  return { x: f32(shape, offsets, dtype) };
}

function roundTrip(
  dtype: SafetensorsDtype,
  data: SafetensorsValues | ArrayBuffer,
  length: number,
): number[] {
  const bytes = serializeSafetensors([["x", { shape: [length], dtype, data }]]);
  const tensor = parseSafetensors(bytes).tensor("x");
  assertEquals(tensor.dtype, dtype);
  return [...tensor.data];
}

Deno.test("parseSafetensors() reads a file that Python wrote", () => {
  const parsed = parseSafetensors(Deno.readFileSync(FIXTURE));
  assertEquals(parsed.metadata, { format: "pt" });
  assertEquals(parsed.names.length, 39);
  assertEquals(parsed.info("encoder.layer.1.output.dense.weight"), {
    dtype: "F32",
    shape: [32, 48],
    byteLength: 4 * 32 * 48,
  });
  const { data } = parsed.tensor("embeddings.LayerNorm.bias");
  assert(data instanceof Float32Array && data.length === 32);
  assert(data.some((value) => value !== 0) && data.every(Number.isFinite));
});

Deno.test("serializeSafetensors() gives back the bytes that Python wrote", () => {
  const bytes = Deno.readFileSync(FIXTURE);
  const { names, metadata, ...rest } = parseSafetensors(bytes);
  assertEquals(rest, {});
  const parsed = parseSafetensors(bytes);
  const entries = names.map((name): [string, SafetensorsEntry] => [
    name,
    parsed.tensor(name),
  ]);
  assertEquals(serializeSafetensors(entries.reverse(), { metadata }), bytes);
});

Deno.test("serializeSafetensors() lays out by element type, then name", () => {
  const tensors: [string, SafetensorsEntry][] = [
    ["a", { shape: [1], data: new Uint8Array(1) }],
    ["b", { shape: [1], data: new Float32Array(1) }],
    ["\u{1f600}", { shape: [1], data: new Float32Array(1) }],
    ["\uffee", { shape: [], data: new Float32Array(1) }],
    ["c", { shape: [1], dtype: "BF16", data: new Float32Array(1) }],
    ["d", { shape: [1], data: new BigInt64Array(1) }],
    ["1", { shape: [0, 3], data: new Float32Array(0) }],
  ];
  const bytes = serializeSafetensors(tensors);
  const names = ["d", "1", "b", "\uffee", "\u{1f600}", "c", "a"];
  assertEquals(parseSafetensors(bytes).names, names);
  const length = new DataView(bytes.buffer).getUint32(0, true);
  assertEquals(length % 8, 0);
  assertEquals(bytes.length, 8 + length + 8 + 3 * 4 + 2 + 1);
});

Deno.test("parseSafetensors() widens 16-bit floats exactly", () => {
  const values = [0, -0, 1, -2.5, 0.0999755859375, 65504, Infinity, -Infinity];
  assertEquals(roundTrip("F16", Float32Array.from(values), 8), values);
  const coarse = [0, -0, 1, -2.5, 0.10009765625, 2 ** 127, Infinity, 2 ** -133];
  assertEquals(roundTrip("BF16", Float32Array.from(coarse), 8), coarse);
  assertEquals(roundTrip("F16", new Float32Array([NaN]), 1), [NaN]);
  assertEquals(roundTrip("BF16", new Float32Array([NaN]), 1), [NaN]);
});

Deno.test("serializeSafetensors() rounds BF16 to the nearest even", () => {
  const ulp = 2 ** -7;
  const values = [1 + ulp / 2, 1 + 1.5 * ulp, 1 + 0.51 * ulp, 1 + 0.49 * ulp];
  assertEquals(
    roundTrip("BF16", Float32Array.from(values), 4),
    [1, 1 + 2 * ulp, 1 + ulp, 1],
  );
});

Deno.test("parseSafetensors() reads the 8-bit floats", () => {
  const e4m3 = new Uint8Array([0, 0x01, 0x08, 0x38, 0xb8, 0x7e, 0x7f]);
  assertEquals(
    roundTrip("F8_E4M3", e4m3.buffer, 7),
    [0, 2 ** -9, 2 ** -6, 1, -1, 448, NaN],
  );
  const e5m2 = new Uint8Array([0, 0x01, 0x3c, 0xbc, 0x7b, 0x7c, 0x7f]);
  assertEquals(
    roundTrip("F8_E5M2", e5m2.buffer, 7),
    [0, 2 ** -16, 1, -1, 57344, Infinity, NaN],
  );
});

Deno.test("parseSafetensors() converts integers to 32 bits", () => {
  const cases: [SafetensorsDtype, number[], boolean][] = [
    ["BOOL", [0, 1], false],
    ["U8", [0, 255], false],
    ["U16", [0, 65535], false],
    ["U32", [0, 2 ** 32 - 1], false],
    ["U64", [0, 2 ** 32 - 1], false],
    ["I8", [-128, 127], true],
    ["I16", [-32768, 32767], true],
    ["I32", [-(2 ** 31), 2 ** 31 - 1], true],
    ["I64", [-(2 ** 31), 2 ** 31 - 1], true],
  ];
  for (const [dtype, values, signed] of cases) {
    const data = Float64Array.from(values);
    assertEquals(roundTrip(dtype, data, 2), values, dtype);
    const bytes = serializeSafetensors([["x", { shape: [2], dtype, data }]]);
    const read = parseSafetensors(bytes).tensor("x").data;
    assertEquals(read instanceof Int32Array, signed, dtype);
  }
});

Deno.test("parseSafetensors() narrows F64 and copies unaligned data", () => {
  assertEquals(roundTrip("F64", new Float64Array([0.1, 1e300]), 2), [
    Math.fround(0.1),
    Infinity,
  ]);
  const bytes = file(
    '{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}  ',
    4,
  );
  new DataView(bytes.buffer).setFloat32(bytes.length - 4, 1.5, true);
  for (const shift of [0, 1, 2, 3]) {
    const moved = new Uint8Array(bytes.length + shift).subarray(shift);
    moved.set(bytes);
    assertEquals([...parseSafetensors(moved).tensor("x").data], [1.5]);
  }
});

Deno.test("tensor() refuses what 32 bits cannot hold", () => {
  const large = new BigInt64Array([1n, 1n << 31n]);
  const bytes = serializeSafetensors([["ids", { shape: [2], data: large }]]);
  assertThrows(
    () => parseSafetensors(bytes).tensor("ids"),
    RangeError,
    'Cannot read tensor "ids" of the safetensors data of dtype I64: element 1 ' +
      "is 2147483648, which does not fit in 32 bits",
  );
  assertThrows(
    () => parseSafetensors(file(one([1], [0, 8], "C64"), 8)).tensor("x"),
    TypeError,
    'Cannot read tensor "x" of the safetensors data: dtype C64 is not supported',
  );
  assertThrows(
    () => parseSafetensors(bytes).tensor("weight"),
    RangeError,
    'Cannot read tensor "weight" of the safetensors data: the file holds "ids"',
  );
});

Deno.test("serializeSafetensors() refuses what cannot be written", () => {
  const write = (
    name: string,
    entry: SafetensorsEntry,
  ): Uint8Array => serializeSafetensors([[name, entry]]);
  const data = new Float32Array([1, 300, 0.5]);
  assertThrows(
    () => write("x", { shape: [3], dtype: "I8", data }),
    RangeError,
    'Cannot write tensor "x" as I8: element 1 is 300, expected an integer from ' +
      "-128 to 127",
  );
  assertThrows(
    () => write("x", { shape: [3], dtype: "I64", data }),
    RangeError,
    "element 2 is 0.5",
  );
  assertThrows(
    () => write("x", { shape: [2], data }),
    TypeError,
    'Cannot write tensor "x" of shape [2]: the data has 3 elements, expected 2',
  );
  assertThrows(
    () => write("x", { shape: [-1], data }),
    RangeError,
    "the shape [-1] of dtype F32 has no possible size",
  );
  assertThrows(
    () => write("x", { shape: [3], dtype: "F8_E4M3", data }),
    TypeError,
    "dtype F8_E4M3 is not supported",
  );
  assertThrows(
    () => write("__metadata__", { shape: [3], data }),
    TypeError,
    "the name is reserved",
  );
  assertThrows(
    () => write("x", { shape: [3], data: data.buffer }),
    TypeError,
    "an ArrayBuffer needs a dtype",
  );
  assertThrows(
    () =>
      serializeSafetensors([["x", { shape: [3], data }], [
        "x",
        { shape: [3], data },
      ]]),
    TypeError,
    'Cannot write tensor "x": the name is given twice',
  );
});

Deno.test("parseSafetensors() names what is wrong with a malformed file", () => {
  const huge = new Uint8Array(16);
  new DataView(huge.buffer).setBigUint64(0, 2n ** 63n, true);
  const long = file({});
  new DataView(long.buffer).setBigUint64(0, 3n, true);
  const invalid = file('{"é":1}');
  invalid[10] = 0xff;
  const entry = '{"dtype":"F32","shape":[1],"data_offsets":[0,4]}';
  const cases: [Uint8Array, string][] = [
    [new Uint8Array(0), "it has 0 bytes, expected at least 8"],
    [new Uint8Array(7), "it has 7 bytes, expected at least 8"],
    [new Uint8Array(8), "the header length is 0"],
    [
      huge,
      "the header length is 9223372036854775808, expected at most 100000000",
    ],
    [long, "the header length is 3, but only 2 bytes follow it"],
    [file(" {}"), 'the header does not start with "{"'],
    [file("[]"), 'the header does not start with "{"'],
    [file("{"), "the header is not valid JSON"],
    [file("{}x"), "the header is not valid JSON"],
    [invalid, "the header is not valid UTF-8"],
    [file(`{"x":${entry},"x":${entry}}`, 4), 'the name "x" twice'],
    [file(`{"x":${entry},"\\u0078":${entry}}`, 4), 'the name "x" twice'],
    [
      file(
        '{"x":{"dtype":"F32","dtype":"I32","shape":[],"data_offsets":[0,4]}}',
        4,
      ),
      'the name "dtype" twice',
    ],
    [file({ __metadata__: { a: 1 } }), "__metadata__ is not a map"],
    [file({ __metadata__: null }), "__metadata__ is not a map"],
    [file({ x: 1 }), 'tensor "x" is not described by an object'],
    [file(one([1], [0, 4], "F31"), 4), 'the unknown dtype "F31"'],
    [file(one([1], [0, 4], "toString"), 4), 'the unknown dtype "toString"'],
    [file({ x: { shape: [1], data_offsets: [0, 4] } }, 4), "the unknown dtype"],
    [file(one([-1], [0, 4]), 4), "the shape [-1], expected a list"],
    [file(one([1.5], [0, 6]), 6), "the shape [1.5], expected a list"],
    [file(one(["1"], [0, 4]), 4), 'the shape ["1"], expected a list'],
    [file(one(1, [0, 4]), 4), "the shape 1, expected a list"],
    [file(one([2 ** 53], [0, 4]), 4), "expected a list of whole numbers"],
    [
      file(one([2 ** 31, 2 ** 31], [0, 4]), 4),
      "of shape [2147483648, 2147483648] and dtype F32 has no possible size",
    ],
    [file(one([1], [0, 1], "F4"), 1), "dtype F4 has no possible size"],
    [
      file(one([1], [0]), 4),
      "the data_offsets [0], expected two whole numbers",
    ],
    [file(one([1], [-4, 0]), 4), "expected two whole numbers"],
    [file(one([1], "04"), 4), "expected two whole numbers"],
    [
      file(one([1], [4, 0]), 4),
      "the data_offsets [4, 0], outside the 4 bytes of data",
    ],
    [file(one([2], [0, 8]), 4), "[0, 8], outside the 4 bytes of data"],
    [file(one([2], [0, 4]), 4), "takes 8 bytes, but its data_offsets hold 4"],
    [file(one([1], [0, 4]), 5), "take 4 bytes, but 5 follow the header"],
    [file({}, 1), "take 0 bytes, but 1 follow the header"],
    [
      file(one([1], [4, 8]), 8),
      "starts at byte 4 of the data, but the data starts at 0",
    ],
    [
      file({ x: f32([1], [0, 4]), y: f32([1], [8, 12]) }, 12),
      'tensor "y" starts at byte 8 of the data, but the tensor before it ends at 4',
    ],
    [
      file({ x: f32([2], [0, 8]), y: f32([1], [4, 8]) }, 8),
      'tensor "y" starts at byte 4 of the data, but the tensor before it ends at 8',
    ],
  ];
  for (const [bytes, reason] of cases) {
    const error = assertThrows(() => parseSafetensors(bytes), SyntaxError);
    assert(
      error.message.startsWith("Cannot read the safetensors data: ") &&
        error.message.includes(reason),
      `${error.message}\n${reason}`,
    );
  }
});

Deno.test("parseSafetensors() refuses large headers before it builds them", () => {
  const cases: [string, string][] = [
    [`{"a":{"x":${"[".repeat(3e6)}`, "nested more than 128 deep"],
    ['{"a":'.repeat(1e6), "nested more than 128 deep"],
    [
      `{"a":${"[".repeat(3e6)}`,
      "describes a tensor by a value that is not an object",
    ],
    [
      `{${'"a":0,'.repeat(5e5)}`,
      "describes a tensor by a value that is not an object",
    ],
    [
      `{"a":{"dtype":"F32","shape":[${"1,".repeat(2e6)}`,
      "holds a list of more than 1000 numbers",
    ],
  ];
  for (const [header, reason] of cases) {
    const start = performance.now();
    assertThrows(
      () => parseSafetensors(file(header)),
      SyntaxError,
      `Cannot read the safetensors data: the header ${
        reason.startsWith("nested") ? "is " : ""
      }${reason}`,
    );
    assert(performance.now() - start < 1000, reason);
  }
  // A valid file whose header is large because it has many tensors.
  const entries = Array.from(
    { length: 20_000 },
    (_, i) =>
      `"tensor [{${i}\\"":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}`,
  );
  assertEquals(
    parseSafetensors(file(`{${entries.join(",")}}`)).names.length,
    20_000,
  );
});

Deno.test("parseSafetensors() accepts empty files, scalars and empty tensors", () => {
  assertEquals(parseSafetensors(file({})).names, []);
  const { names } = parseSafetensors(
    file(
      { a: f32([0], [4, 4]), b: f32([], [0, 4]), c: f32([0, 9], [0, 0]) },
      4,
    ),
  );
  assertEquals(names, ["c", "b", "a"]);
});

Deno.test("parseSafetensors() throws nothing but SyntaxError for damaged files", () => {
  const whole = serializeSafetensors([
    ["a.weight", { shape: [2, 3], data: new Float32Array(6) }],
    ["b", { shape: [3], data: new BigInt64Array(3) }],
    ["c", { shape: [], dtype: "BF16", data: new Float32Array(1) }],
  ], { metadata: { format: "pt", 'a"b': "\\" } });
  const damage = fc.array(
    fc.record({
      at: fc.nat(whole.length - 1),
      byte: fc.oneof(
        fc.nat(255),
        fc.constantFrom(...new TextEncoder().encode('{}[]",:0-')),
      ),
    }),
    { minLength: 1, maxLength: 4 },
  );
  fc.assert(
    fc.property(damage, fc.nat(whole.length), (changes, cut) => {
      const bytes = whole.slice(0, changes.length > 1 ? whole.length : cut);
      for (const { at, byte } of changes) {
        if (at < bytes.length) bytes[at] = byte;
      }
      try {
        const parsed = parseSafetensors(bytes);
        for (const name of parsed.names) parsed.bytes(name);
      } catch (error) {
        assert(error instanceof SyntaxError, `${error}`);
      }
    }),
    { numRuns: 3000 },
  );
});

Deno.test("parseSafetensors() throws nothing but SyntaxError for any header", () => {
  const field = fc.oneof(
    fc.jsonValue(),
    fc.integer(),
    fc.constantFrom("F32", "I64", [1], [0, 4]),
  );
  const header = fc.dictionary(
    fc.string(),
    fc.oneof(
      fc.jsonValue(),
      fc.record({ dtype: field, shape: field, data_offsets: field }),
    ),
  );
  fc.assert(fc.property(header, fc.nat(16), (value, dataBytes) => {
    try {
      parseSafetensors(file(value, dataBytes));
    } catch (error) {
      assert(error instanceof SyntaxError, `${error}`);
    }
  }));
});

Deno.test("serializeSafetensors() and parseSafetensors() are inverse", () => {
  const entry = fc.record({
    shape: fc.array(fc.nat(4), { maxLength: 3 }),
    dtype: fc.constantFrom<SafetensorsDtype>(
      "F32",
      "F16",
      "BF16",
      "F64",
      "I64",
      "I8",
      "U32",
      "BOOL",
    ),
  });
  fc.assert(
    fc.property(
      fc.dictionary(fc.string({ unit: "binary" }), entry),
      (layout) => {
        const tensors = Object.entries(layout)
          .filter(([name]) => name !== "__metadata__" && name.isWellFormed())
          .map(([name, { shape, dtype }]): [string, SafetensorsEntry] => {
            const length = shape.reduce((product, size) => product * size, 1);
            return [name, {
              shape,
              dtype,
              data: Float32Array.from({ length }, (_, i) => i % 2),
            }];
          });
        const bytes = serializeSafetensors(tensors);
        const parsed = parseSafetensors(bytes);
        assertEquals(parsed.names.length, tensors.length);
        for (const [name, { shape, data }] of tensors) {
          const read = parsed.tensor(name);
          assertEquals(read.shape, shape);
          assertEquals([...read.data], [...data as Float32Array]);
        }
        const again = parsed.names.map((name): [string, SafetensorsEntry] => [
          name,
          parsed.tensor(name),
        ]);
        assertEquals(serializeSafetensors(again), bytes);
      },
    ),
  );
});
