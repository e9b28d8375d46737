// Copyright 2026 the swagpu authors. MIT license.
// Writes SentencePiece models for tests, byte by byte.

const encoder = new TextEncoder();

/** A whole number in protobuf's variable length. */
export function varint(value: number): number[] {
  const bytes: number[] = [];
  for (; value > 127; value = Math.floor(value / 128)) {
    bytes.push((value % 128) | 128);
  }
  return [...bytes, value];
}

/** A field that holds a whole number. */
export function number(field: number, value: number): number[] {
  return [...varint(field * 8), ...varint(value)];
}

/** A field that holds bytes or a text. */
export function run(
  field: number,
  value: string | ArrayLike<number>,
): number[] {
  const bytes = typeof value === "string" ? encoder.encode(value) : value;
  return [
    ...varint(field * 8 + 2),
    ...varint(bytes.length),
    ...Array.from(bytes),
  ];
}

/** A field that holds a float of 32 bits. */
export function float(field: number, value: number): number[] {
  const bytes = new Uint8Array(new Float32Array([value]).buffer);
  return [...varint(field * 8 + 5), ...bytes];
}

/** A piece: its text, its score, and its kind if it is not the normal one. */
export type TestPiece = readonly [text: string, score: number, kind?: number];

/** Fields that are added to the messages of a model. */
export interface SpmOptions {
  /** Fields of the trainer's message. */
  trainer?: number[];
  /** Fields of the normalizer's message. */
  rules?: number[];
  /** Fields of the model's message. */
  more?: number[];
}

/** The bytes of a model; `<unk>`, `<s>` and `</s>` come first. */
export function spm(
  pieces: readonly TestPiece[],
  options: SpmOptions = {},
): Uint8Array<ArrayBuffer> {
  const { trainer = [], rules = [], more = [] } = options;
  const all: TestPiece[] = [
    ["<unk>", 0, 2],
    ["<s>", 0, 3],
    ["</s>", 0, 3],
    ...pieces,
  ];
  return Uint8Array.from([
    ...all.flatMap(([text, score, kind]) =>
      run(1, [
        ...run(1, text),
        ...float(2, score),
        ...(kind === undefined ? [] : number(3, kind)),
      ])
    ),
    ...run(2, [...number(3, 1), ...trainer]),
    ...run(3, rules),
    ...more,
  ]);
}

interface Node {
  children: Map<number, Node>;
  value?: number;
}

/** The precompiled rules of a map from texts to their replacements. */
export function charsmap(rules: Readonly<Record<string, string>>): Uint8Array {
  const root: Node = { children: new Map() };
  const texts: number[] = [];
  for (const [from, to] of Object.entries(rules)) {
    let node = root;
    for (const byte of encoder.encode(from)) {
      const next = node.children.get(byte) ?? { children: new Map() };
      node.children.set(byte, next);
      node = next;
    }
    node.value = texts.length;
    texts.push(...encoder.encode(to), 0);
  }
  const units: (number | undefined)[] = [0];
  const place = (node: Node, at: number, label: number): void => {
    const labels = [...node.children.keys()];
    if (node.value !== undefined) labels.push(0);
    let offset = 1;
    while (labels.some((byte) => units[at ^ offset ^ byte] !== undefined)) {
      offset++;
    }
    const leaf = node.value === undefined ? 0 : 256;
    units[at] = label | leaf | (offset << 10);
    for (const byte of labels) units[at ^ offset ^ byte] = 0;
    if (node.value !== undefined) {
      units[at ^ offset] = (node.value | 0x80000000) >>> 0;
    }
    for (const [byte, child] of node.children) {
      place(child, at ^ offset ^ byte, byte);
    }
  };
  place(root, 0, 0);
  const trie = Uint32Array.from(
    { length: units.length },
    (_, i) => units[i] ?? 0x80000000,
  );
  return Uint8Array.from([
    ...new Uint8Array(Uint32Array.of(trie.byteLength).buffer),
    ...new Uint8Array(trie.buffer),
    ...texts,
  ]);
}
