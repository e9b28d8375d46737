// Copyright 2026 the swagpu authors. MIT license.

// The file exceeds 400 lines because each way to be malformed takes a line or a
// block.

import { assert, assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import {
  openPyTorch,
  type PyTorchBytes,
  PyTorchReader,
} from "../../../nn/formats/pytorch_file.ts";
import {
  parseSafetensors,
  type SafetensorsInfo,
} from "../../../nn/formats/safetensors.ts";

const FIXTURES = new URL("../../fixtures/", import.meta.url).pathname;
const FOLDER = `${FIXTURES}checkpoints/`;

interface Expected {
  dtype: string;
  shape: number[];
  values: number[];
}

const EXPECTED: Record<string, Expected> = JSON.parse(
  Deno.readTextFileSync(`${FOLDER}expected.json`),
);

/** A file in memory that counts the bytes that are read. */
class Memory implements PyTorchBytes {
  readonly path = "model.bin";
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The number of bytes of the largest read, and of all reads. */
  largest = 0;
  total = 0;

  constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.bytes = bytes;
  }

  get size(): number {
    return this.bytes.length;
  }

  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    assert(
      offset >= 0 && length >= 0 && offset + length <= this.size,
      `a read of ${length} bytes at ${offset} of ${this.size}`,
    );
    this.largest = Math.max(this.largest, length);
    this.total += length;
    return Promise.resolve(this.bytes.slice(offset, offset + length));
  }

  [Symbol.dispose](): void {}
}

async function readAll(file: PyTorchReader): Promise<Record<string, Expected>> {
  const all = new Map<string, Expected>();
  for (const name of file.names) {
    const { dtype, shape, data } = await file.tensor(name);
    all.set(name, { dtype, shape: [...shape], values: [...data] });
  }
  return Object.fromEntries(all);
}

Deno.test("openPyTorch() reads a file that PyTorch wrote", async () => {
  using file = await openPyTorch(`${FOLDER}torch_1_13.bin`);
  const swag = `${FIXTURES}swag/bert_seq_cls/prefix/state.safetensors`;
  const state = parseSafetensors(Deno.readFileSync(swag));
  assertEquals(file.names.length, 120);
  let compared = 0;
  for (const name of state.names.filter((name) => file.has(name))) {
    const { shape, data } = await file.tensor(name);
    assertEquals(shape, state.info(name).shape, name);
    assertEquals([...data], [...state.tensor(name).data], name);
    compared++;
  }
  assertEquals(compared, state.names.length);
  assertEquals(file.info("swag.n_models"), {
    dtype: "I64",
    shape: [1],
    byteLength: 8,
  });
});

for (
  const name of [
    "zip.bin",
    "zip64.bin",
    "zip_protocol_4_big_endian.bin",
    "legacy.bin",
  ]
) {
  Deno.test(`openPyTorch() reads all types and views of ${name}`, async () => {
    using file = await openPyTorch(`${FOLDER}${name}`);
    const { untyped, part, ...rest } = await readAll(file);
    assertEquals(rest, EXPECTED);
    if (name.startsWith("zip_")) {
      assertEquals(untyped, { dtype: "U16", shape: [2], values: [2, 65535] });
    }
    if (name === "legacy.bin") {
      assertEquals(part, { dtype: "F32", shape: [2], values: [3, 4] });
    }
    assertEquals(Object.getPrototypeOf({}), Object.prototype);
    for (const [name, { dtype, shape, values }] of Object.entries(EXPECTED)) {
      const info: SafetensorsInfo = file.info(name);
      const width = Number(/\d+/.exec(dtype)?.[0] ?? 8) / 8;
      const byteLength = values.length * width;
      assertEquals<unknown>(info, { dtype, shape, byteLength });
    }
    await assertRejects(
      () => file.tensor("absent"),
      RangeError,
      `Cannot read tensor "absent" of ${FOLDER}${name}: the file holds no tensor`,
    );
  });
}

const text = new TextEncoder();

/** The bytes of a pickle, from strings of characters and single bytes. */
function pickle(...parts: (string | number)[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(
    parts.flatMap((part) =>
      typeof part === "string" ? [...text.encode(part)] : [part]
    ),
  );
}

/** The instruction that pushes a short string. */
function str(value: string): string {
  return `U${String.fromCharCode(value.length)}${value}`;
}

interface ZipOptions {
  method?: number;
  flags?: number;
  /** Added to the size of a record that the directory states. */
  lie?: number;
}

/** An archive of uncompressed records. */
function zip(
  records: Record<string, Uint8Array | string>,
  { method = 0, flags = 0, lie = 0 }: ZipOptions = {},
): Uint8Array<ArrayBuffer> {
  const out: number[] = [];
  const directory: number[] = [];
  const word = (n: number, bytes: number) =>
    Array.from({ length: bytes }, (_, i) => Math.floor(n / 256 ** i) & 255);
  for (const [name, content] of Object.entries(records)) {
    const data = typeof content === "string" ? text.encode(content) : content;
    const own = [...text.encode(name)];
    const size = word(data.length + lie, 4);
    const fixed = [
      ...word(flags, 2),
      ...word(method, 2),
      ...word(0, 8),
      ...size,
      ...size,
      ...word(own.length, 2),
      ...word(0, 2),
    ];
    directory.push(
      ...[...text.encode("PK"), 1, 2, 20, 0, 20, 0, ...fixed],
      ...word(0, 10),
      ...word(out.length, 4),
      ...own,
    );
    out.push(...text.encode("PK"), 3, 4, 20, 0, ...fixed, ...own, ...data);
  }
  const start = out.length;
  const count = word(Object.keys(records).length, 2);
  out.push(...directory, ...text.encode("PK"), 5, 6, 0, 0, 0, 0);
  out.push(...count, ...count, ...word(directory.length, 4));
  out.push(...word(start, 4), 0, 0);
  return Uint8Array.from(out);
}

/** A file whose table is made by these instructions, with one storage. */
function file(
  table: Uint8Array,
  storage: Uint8Array | string = new Uint8Array(16),
): Uint8Array<ArrayBuffer> {
  return zip({ "archive/data.pkl": table, "archive/data/0": storage });
}

async function rejects(
  bytes: Uint8Array<ArrayBuffer>,
  reason: string,
): Promise<void> {
  const error = await assertRejects(
    () => PyTorchReader.open(new Memory(bytes)),
    SyntaxError,
  );
  assert(error.message.includes(reason), `${error.message} != ${reason}`);
  assert(error.message.startsWith("Cannot read model.bin: "), error.message);
}

const STORAGE = `(${str("storage")}ctorch\nFloatStorage\n${str("0")}` +
  `${str("cpu")}K\x04tQ`;

/** A tensor in the storage: offset, shape and strides of one byte each. */
function tensor(
  offset: number,
  shape: readonly number[],
  strides: readonly number[] = [1],
): string {
  const tuple = (values: readonly number[]) =>
    `(${values.map((n) => `K${String.fromCharCode(n)}`).join("")}t`;
  return `ctorch._utils\n_rebuild_tensor_v2\n(${STORAGE}` +
    `K${String.fromCharCode(offset)}${tuple(shape)}${tuple(strides)}` +
    `\x89ccollections\nOrderedDict\n)RtR`;
}

/** A table of one entry. */
function table(value: string, name = "a"): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(
    `\x80\x02}${str(name)}${value}s.`,
    (c) => c.charCodeAt(0),
  );
}

Deno.test("PyTorchReader.open() reads a table that was made by hand", async () => {
  const storage = new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer);
  const bytes = file(table(tensor(1, [2])), storage);
  using reader = await PyTorchReader.open(new Memory(bytes));
  assertEquals(await readAll(reader), {
    a: { dtype: "F32", shape: [2], values: [2, 3] },
  });
});

Deno.test("PyTorchReader.open() runs nothing that a pickle names", async () => {
  const call = (name: string) =>
    `it asks to run ${name}, but may only build tensors`;
  const shell = `(${str("rm -rf x")}tR`;
  const stack = (module: string, name: string) =>
    `\x8c${String.fromCharCode(module.length)}${module}` +
    `\x8c${String.fromCharCode(name.length)}${name}\x93`;
  const hostile: [string, string][] = [
    [`cos\nsystem\n${shell}`, "os.system"],
    [`cposix\nsystem\n${shell}`, "posix.system"],
    [`cbuiltins\neval\n${shell}`, "builtins.eval"],
    [`c__builtin__\nexec\n${shell}`, "__builtin__.exec"],
    [`cbuiltins\ngetattr\n(cos\nsystem\n`, "builtins.getattr"],
    [`csubprocess\nPopen\n${shell}`, "subprocess.Popen"],
    [`ctorch\nload\n${shell}`, "torch.load"],
    [`ctorch.hub\nload\n${shell}`, "torch.hub.load"],
    [`ctorch._utils\n_rebuild_device_tensor_from_numpy\n`, "torch._utils._re"],
    [stack("os", "system") + shell, "os.system"],
    [stack("builtins", "eval") + shell, "builtins.eval"],
    // A dotted name could reach the attributes of an allowed function.
    [
      stack("torch._utils", "_rebuild_tensor_v2.__globals__"),
      "torch._utils._rebuild_tensor_v2.__globals__",
    ],
    [stack("collections", "OrderedDict.__class__"), "collections.Ordered"],
    [stack("collections.OrderedDict", "x"), "collections.OrderedDict.x"],
    [`ctorch\nFloatStorage.__init__\n`, "torch.FloatStorage.__init__"],
    [`ctorch\nFloatStorage\n)R`, "torch.FloatStorage"],
    [`ctorch\nfloat32\n)R`, "torch.float32"],
    [`(ios\nsystem\n`, "os.system"],
    ["cconstructor\nconstructor\n", "constructor.constructor"],
    ["c__proto__\ntoString\n", "__proto__.toString"],
  ];
  for (const [instructions, name] of hostile) {
    const reason = call(name).slice(0, `it asks to run ${name}`.length);
    await rejects(file(table(instructions)), reason);
    await rejects(table(instructions), reason);
  }
});

Deno.test("PyTorchReader.open() refuses instructions that tensors do not need", async () => {
  const cases: [string, string][] = [
    [")\x81", "uses instruction 0x81"], // NEWOBJ
    [")}\x92", "uses instruction 0x92"], // NEWOBJ_EX
    ["o", "uses instruction 0x6f"], // OBJ
    ["\x82\x01", "uses instruction 0x82"], // EXT1
    ["P0\n", "uses instruction 0x50"], // PERSID
    ["\x8f", "uses instruction 0x8f"], // EMPTY_SET
    ["S'a'\n", "uses instruction 0x53"], // STRING
    ["\xff", "uses instruction 0xff"],
    ["\x80\x09", "protocol 9, expected 5 at most"],
    ["0000000", "takes a value that does not exist"],
    ["(t2222t", "takes values that do not exist"],
    ["(R", "takes a value that does not exist"],
    ["h\x07", "takes value 7 before it exists"],
    ["gx\n", 'has the number "x"'],
    ["K\x01K\x02R", "calls something that is not a function"],
    ["ccollections\nOrderedDict\nK\x01R", "without arguments"],
    [
      "ccollections\nOrderedDict\n(K\x01tR",
      "OrderedDict of something that is not a list",
    ],
    ["ccollections\nOrderedDict\n((K\x01ttR", "OrderedDict without names"],
    ["(K\x01tK\x02a", "adds to something that is not a list"],
    ["]K\x01K\x02s", "sets a field of something that is not a dictionary"],
    ["}(K\x01u", "a key without a value"],
    ["}]K\x02s", "neither text nor number"],
    [`${tensor(0, [1])}}b`, "sets attributes"],
    ["}K\x01b", "sets attributes"],
    [`(${str("module")}tQ`, "refers to a storage by something that is not"],
    ["NQ", "refers to a storage by something that is not"],
    ["\x8a\xff" + "x".repeat(255), "a number of 255 bytes"],
    ["\x8b\xff\xff\xff\x7f", "a number of 2147483647 bytes"],
    ["X\xff\xff\xff\xff", "breaks off"],
    ["\x8d" + "\xff".repeat(8), "has no end"],
    ["\x8d\0\0\0\0\0\0\x01\0", "breaks off"],
    ["c" + "x".repeat(2000), "a line of over 1000 characters"],
    ["(" + "t".repeat(2), "takes values that do not exist"],
    ["\x93", "takes a value that does not exist"],
    ["}}\x93", "names a function by something that is not text"],
  ];
  for (const [instructions, reason] of cases) {
    const bytes = Uint8Array.from(
      `\x80\x02}${str("a")}${instructions}s.`,
      (c) => c.charCodeAt(0),
    );
    if (
      reason.startsWith("takes a value that does not") || instructions === "o"
    ) {
      const start = Uint8Array.from(
        `\x80\x02${instructions}.`,
        (c) => c.charCodeAt(0),
      );
      await rejects(file(start), reason);
    } else {
      await rejects(file(bytes), reason);
    }
  }
});

Deno.test("PyTorchReader.open() refuses tables that hold anything but tensors", async () => {
  await rejects(file(pickle(0x80, 2, "].")), "not hold a table of tensors");
  await rejects(file(pickle(0x80, 2, "N.")), "not hold a table of tensors");
  for (const value of ["K\x01", "}", "N", STORAGE, "ctorch\nFloatStorage\n"]) {
    await rejects(file(table(value)), 'its entry "a" is not a tensor');
  }
  const number = Uint8Array.from(
    `\x80\x02}K\x01${tensor(0, [1])}s.`,
    (c) => c.charCodeAt(0),
  );
  await rejects(file(number), 'its entry "1" is not a tensor with a name');
  const name = "x".repeat(1001);
  const long = `\x80\x02}X\xe9\x03\0\0${name}${tensor(0, [1])}s.`;
  await rejects(
    file(Uint8Array.from(long, (c) => c.charCodeAt(0))),
    "a name of 1001 characters",
  );
  // A dictionary that holds itself, and a list that holds itself, as a shape.
  const cycle = `\x80\x02}q\x00${str("a")}h\x00s.`;
  await rejects(
    file(Uint8Array.from(cycle, (c) => c.charCodeAt(0))),
    'its entry "a" is not a tensor',
  );
  const own = `ctorch._utils\n_rebuild_tensor_v2\n(${STORAGE}K\x00` +
    "]q\x01h\x01ah\x01\x89NtR";
  await rejects(
    file(table(own)),
    "builds a tensor of something that is not a tensor",
  );
});

Deno.test("PyTorchReader.open() refuses shapes that do not fit their storage", async () => {
  const cases: [string, string][] = [
    [tensor(0, [5]), "shape [5] does not lie in its storage of 4 elements"],
    [tensor(4, [1]), "shape [1] does not lie in its storage"],
    [tensor(0, [2, 2], [3, 2]), "shape [2, 2] does not lie in its storage"],
    [
      tensor(0, [2, 2], [1]),
      "builds a tensor of something that is not a tensor",
    ],
    // Strides of 0 make any number of elements of one.
    [
      tensor(0, Array(9).fill(255), Array(9).fill(0)),
      "does not lie in its storage",
    ],
    [tensor(0, Array(3).fill(255), Array(3).fill(0)), "repeats its elements"],
    [
      tensor(0, [2]).replace("K\x02t", "J\xfe\xff\xff\xfft"),
      "builds a tensor of something that is not a tensor",
    ],
    [
      tensor(0, [2]).replace("FloatStorage", "ComplexFloatStorage"),
      "elements of type ComplexFloatStorage, expected one of DoubleStorage",
    ],
    [
      tensor(0, [2]).replace(`${str("0")}`, str("1")),
      'tensor "a" uses a storage that the file does not hold',
    ],
    [
      tensor(0, [2]).replace(`${str("0")}`, str("../0")),
      'tensor "a" uses a storage that the file does not hold',
    ],
  ];
  for (const [value, reason] of cases) {
    await rejects(file(table(value)), reason);
  }
  await rejects(
    file(table(tensor(2, [2])), new Uint8Array(12)),
    'tensor "a" of shape [2] and dtype F32 needs 16 bytes, but its storage ' +
      "holds 12",
  );
});

Deno.test("PyTorchReader.open() limits the work that a small pickle can cause", async () => {
  // Each step doubles the nested structure, but nothing ever walks through it.
  const laughs = `\x80\x02}${str("a")}]${"2\x86".repeat(100)}`;
  await rejects(
    file(Uint8Array.from(laughs + "s.", (c) => c.charCodeAt(0))),
    'its entry "a" is not a tensor',
  );
  const deep = `\x80\x02}${str("a")}${"]".repeat(20_000)}` +
    `${"a".repeat(19_999)}s.`;
  await rejects(
    file(Uint8Array.from(deep, (c) => c.charCodeAt(0))),
    'its entry "a" is not a tensor',
  );
  const many = new Uint8Array(4_100_000).fill("N".charCodeAt(0));
  many.set([0x80, 2]);
  await rejects(many, "makes more than 4000000 values");
  // A table, a list and a tuple take one byte in the file but a hundred in
  // memory.
  for (const empty of "}])") {
    many.fill(empty.charCodeAt(0), 2);
    await rejects(
      many.slice(0, 1_100_000),
      "makes more than 1000000 tables and lists",
    );
  }
  // One list of a thousand pairs, made into a table again and again.
  const pairs = `](${`${str("a")}N\x86`.repeat(1000)}eq\x00\x85`;
  const again = `ccollections\nOrderedDict\n${pairs}R` +
    "ccollections\nOrderedDict\nh\x00\x85R0".repeat(5000);
  await rejects(
    Uint8Array.from(`\x80\x02${again}.`, (c) => c.charCodeAt(0)),
    "makes more than 4000000 values",
  );
});

Deno.test("PyTorchReader compares records with their checksums", async () => {
  const bytes = await Deno.readFile(`${FOLDER}zip.bin`);
  const whole = await readAll(await PyTorchReader.open(new Memory(bytes)));
  let refused = 0;
  for (const [name, expected] of Object.entries(whole)) {
    if (expected.values.length === 0) continue;
    using reader = await PyTorchReader.open(new Memory(bytes));
    // The first byte that belongs to this tensor alone.
    const memory = new Memory(bytes.slice());
    using other = await PyTorchReader.open(memory);
    const { read } = memory;
    memory.read = async (offset, length) => {
      const own = await read.call(memory, offset, length);
      if (length !== 30) own[length - 1] = (own[length - 1] ?? 0) ^ 1;
      return own;
    };
    const clean = await reader.tensor(name);
    try {
      const { data } = await other.tensor(name);
      // A view of a part of its record is not checked.
      assert(data.length < 12 || String(data) !== String(clean.data), name);
    } catch (error) {
      assert(error instanceof SyntaxError);
      assert(/the file is damaged$/.test(error.message), error.message);
      assert(
        /^Cannot read model.bin: record "archive\/data\/\d+" has the CRC-32 /
          .test(error.message),
        error.message,
      );
      refused++;
    }
  }
  assert(refused > 10, String(refused));
  // The table of tensors is checked when the file is opened.
  const at = bytes.findIndex((_, i) =>
    new TextDecoder().decode(bytes.subarray(i, i + 6)) === "_utils"
  );
  const damaged = bytes.slice();
  damaged[at] = 0x5e;
  await rejects(damaged, 'record "archive/data.pkl" has the CRC-32 ');
});

Deno.test("PyTorchReader.open() says what is wrong with an archive", async () => {
  const good = table(tensor(0, [4]));
  const storage = new Uint8Array(16);
  const cases: [Uint8Array<ArrayBuffer>, string][] = [
    [zip({ "a/x": "" }), "does not hold one data.pkl"],
    [zip({ "a/data.pkl": good, "b/data.pkl": good }), "not hold one data.pkl"],
    [zip({ "a/data.pkl": good }), "uses a storage that the file does not hold"],
    [zip({ "../data.pkl": good }), 'named "../data.pkl", which leads out'],
    [zip({ "a/../../data.pkl": good }), "which leads out of it"],
    [zip({ "/data.pkl": good }), "which leads out of it"],
    [zip({ "a\\data.pkl": good }), "which leads out of it"],
    [zip({ "c:data.pkl": good }), "which leads out of it"],
    [zip({ "a/data.pkl": good }, { method: 8 }), "is compressed"],
    [zip({ "a/data.pkl": good }, { flags: 1 }), "is encrypted"],
    [zip({ "a/data.pkl": good }, { lie: 2 ** 31 }), "expected at most"],
    [zip({ "a/data.pkl": good }, { lie: 2 ** 20 }), "but the file has"],
    [
      zip({ "a/data.pkl": good, "a/data/0": storage, "a/byteorder": "middle" }),
      'its byte order is "middle"',
    ],
    [text.encode("PK\x03\x04 and no more"), "has no directory"],
    [new Uint8Array(0), "neither a zip archive nor a pickle"],
    [text.encode("<html>"), "neither a zip archive nor a pickle"],
    [pickle(0x80, 2, "N."), "breaks off"],
    [pickle(0x80, 2, "N.N.N.N.N."), "not one of PyTorch's files"],
  ];
  for (const [bytes, reason] of cases) await rejects(bytes, reason);
  const twice = zip({ "a/data.pkl": good, "b/data.pkl": good });
  const at = new TextDecoder("latin1").decode(twice).lastIndexOf("b/data.pkl");
  twice[at] = "a".charCodeAt(0);
  await rejects(twice, 'the record "a/data.pkl" twice');
});

Deno.test("PyTorchReader.open() says where a cut or altered file breaks", async () => {
  for (const name of ["legacy.bin", "zip.bin", "zip64.bin"]) {
    const whole = await Deno.readFile(`${FOLDER}${name}`);
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), async (length) => {
        const cut = new Memory(whole.slice(0, length));
        await assertRejects(() => PyTorchReader.open(cut), SyntaxError);
      }),
      { numRuns: 60, seed: 1 },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.nat(whole.length - 1),
        fc.nat(255),
        async (at, byte) => {
          const bytes = whole.slice();
          bytes[at] = byte;
          try {
            await readAll(await PyTorchReader.open(new Memory(bytes)));
          } catch (error) {
            const told = error instanceof SyntaxError ||
              error instanceof RangeError;
            assert(told, String(error));
          }
        },
      ),
      { numRuns: 150, seed: 2 },
    );
  }
});

Deno.test("PyTorchReader reads one tensor at a time, and nothing twice", async () => {
  for (const name of ["torch_1_13.bin", "legacy.bin"]) {
    const memory = new Memory(await Deno.readFile(`${FOLDER}${name}`));
    const file = await PyTorchReader.open(memory);
    const zipped = name !== "legacy.bin";
    // The table and the directory, or the first 64 KiB of the old format.
    assert(memory.total < (zipped ? 0.6 : 2.5) * memory.size);
    for (const tensor of file.names) {
      memory.total = memory.largest = 0;
      const { byteLength, shape } = file.info(tensor);
      await file.tensor(tensor);
      // A record's own header is 30 bytes; views may span more than they hold.
      const limit = tensor.startsWith("view.") ? 48 : byteLength;
      assert(memory.total <= limit + 30, `${tensor} [${shape}]`);
    }
  }
});
