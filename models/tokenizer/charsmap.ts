// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// SentencePiece's precompiled normalization: a double-array trie over UTF-8 bytes
// (Darts-clone: 32-bit units, little-endian, behind their length in bytes), whose
// values are offsets in a list of texts, each of which ends in a zero byte. The
// longest entry that a text begins with is replaced.

/** Replaces the text at an index; `length` is the number of units replaced. */
export type Charsmap = (
  text: string,
  index: number,
) => { readonly text: string; readonly length: number };

/** Replaces a whole text; `null` if it does not begin with an entry. */
export type ChunkMap = (chunk: string) => string | null;

/** The parts of a precompiled normalization. */
interface Rules {
  readonly trie: Uint32Array;
  /** The text at an offset of the list. */
  replacement(offset: number): string;
}

/** @throws {SyntaxError} If the length contradicts itself. */
function readRules(bytes: Uint8Array): Rules {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = bytes.length >= 4 ? view.getUint32(0, true) : 0;
  if (bytes.length > 0 && (size === 0 || size % 4 || size + 4 > bytes.length)) {
    throw new SyntaxError(
      `Cannot read the normalization rules: a trie of ${size} bytes does not ` +
        `fit into ${bytes.length}`,
    );
  }
  const trie = new Uint32Array(size / 4);
  for (let i = 0; i < trie.length; i++) {
    trie[i] = view.getUint32(4 + 4 * i, true);
  }
  const texts = bytes.subarray(4 + size);
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  return {
    trie,
    replacement(offset) {
      const end = texts.indexOf(0, offset);
      return decoder.decode(texts.subarray(offset, end < 0 ? undefined : end));
    },
  };
}

/**
 * Reads a precompiled normalization as SentencePiece does: the longest entry that
 * a text begins with is replaced. An empty normalization changes nothing.
 *
 * @throws {SyntaxError} If its length contradicts itself.
 */
export function decodeCharsmap(bytes: Uint8Array): Charsmap {
  const { trie, replacement } = readRules(bytes);
  const encoder = new TextEncoder();
  const utf8 = new Map<string, Uint8Array>();
  const bytesOf = (char: string): Uint8Array => {
    let result = utf8.get(char);
    if (result === undefined) utf8.set(char, result = encoder.encode(char));
    return result;
  };
  return (text, index) => {
    const first = charAt(text, index);
    let found = -1;
    let length = first.length;
    let node = offsetOf(trie[0] ?? 0);
    walk: for (let i = index; i < text.length && trie.length > 0;) {
      const char = charAt(text, i);
      i += char.length;
      let unit = 0;
      for (const byte of bytesOf(char)) {
        node ^= byte;
        unit = trie[node] ?? 0;
        if ((unit & 0x800000ff) !== byte) break walk;
        node ^= offsetOf(unit);
      }
      if ((unit >>> 8) & 1) {
        found = (trie[node] ?? 0) & 0x7fffffff;
        length = i - index;
      }
    }
    if (found >= 0) return { text: replacement(found), length };
    const lone = first.length === 1 && /[\ud800-\udfff]/.test(first);
    return { text: lone ? "\ufffd" : first, length };
  };
}

/**
 * Reads a precompiled normalization as Hugging Face's tokenizers do: the shortest
 * entry that a chunk begins with replaces the whole chunk.
 *
 * @throws {SyntaxError} If its length contradicts itself.
 */
export function decodeChunkMap(bytes: Uint8Array): ChunkMap {
  const { trie, replacement } = readRules(bytes);
  const encoder = new TextEncoder();
  return (chunk) => {
    let node = offsetOf(trie[0] ?? 0);
    for (const byte of trie.length > 0 ? encoder.encode(chunk) : []) {
      if (byte === 0) return null;
      node ^= byte;
      const unit = trie[node] ?? 0;
      if ((unit & 0x800000ff) !== byte) return null;
      node ^= offsetOf(unit);
      if ((unit >>> 8) & 1) return replacement((trie[node] ?? 0) & 0x7fffffff);
    }
    return null;
  };
}

function charAt(text: string, index: number): string {
  const code = text.codePointAt(index) ?? 0;
  return code > 0xffff ? text.slice(index, index + 2) : text.charAt(index);
}

function offsetOf(unit: number): number {
  return (unit >>> 10) << ((unit & 0x200) >>> 6);
}
