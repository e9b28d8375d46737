// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The normalizers of `tokenizer.json`, which keep track of the offsets of what
// they change. Each character is changed by itself, as the compiled tokenizers of
// transformers do: a final sigma, for example, is lower-cased like any other.

import { AlignedBuilder, AlignedText, type Change } from "./aligned_text.ts";
import { byteCharacters } from "./byte_level.ts";
import { decodeChunkMap } from "./charsmap.ts";
import { matchesOf, readPattern } from "./expressions.ts";
import { booleanOf, listOf, partOf, textOf } from "./fields.ts";
import {
  ACCENT,
  CHINESE,
  CONTROL,
  isSpace,
  leadingSpaces,
  MARK,
  trailingSpaces,
} from "./unicode.ts";
import { unicodeForm } from "./unicode_forms.ts";

/** Changes a text and keeps the offsets of its parts. */
export type Normalizer = (text: AlignedText) => AlignedText;

/**
 * Builds the normalizer that a `tokenizer.json` describes.
 *
 * @param key The path of the description in the file, for errors.
 * @throws {SyntaxError} If there is no normalizer of that type, or a field has
 * the wrong type.
 */
export function readNormalizer(
  config: unknown,
  key = "normalizer",
): Normalizer {
  if (config === undefined || config === null) return (text) => text;
  const fields = partOf(config, key);
  switch (fields.type) {
    case "Sequence": {
      const steps = listOf(fields, "normalizers", key)
        .map((step, i) => readNormalizer(step, `${key}.normalizers[${i}]`));
      return (text) => steps.reduce((value, step) => step(value), text);
    }
    case "BertNormalizer":
      return bert(fields, key);
    case "Lowercase":
      return eachCharacter((char) => char.toLowerCase());
    case "StripAccents":
      return eachCharacter((char) => MARK.test(char) ? "" : char);
    case "NFC":
    case "NFD":
    case "NFKC":
    case "NFKD": {
      const form = fields.type;
      return (text) => unicodeForm(text, form);
    }
    case "Nmt":
      return eachCharacter((char) =>
        NMT_DROPPED.test(char) ? "" : NMT_SPACE.test(char) ? " " : char
      );
    case "Strip":
      return strip(
        booleanOf(fields, "strip_left", key, true),
        booleanOf(fields, "strip_right", key, true),
      );
    case "Prepend": {
      const prefix = textOf(fields, "prepend", key);
      return (text) => text.prepend(prefix);
    }
    case "Replace":
      return replace(
        readPattern(fields.pattern, `${key}.pattern`),
        textOf(fields, "content", key),
      );
    case "Precompiled":
      return precompiled(textOf(fields, "precompiled_charsmap", key, ""), key);
    case "ByteLevel":
      return toByteLevel;
    default:
      throw new SyntaxError(
        `${key} is of type ${JSON.stringify(fields.type)}: ` +
          "there is no such normalizer",
      );
  }
}

// deno-lint-ignore no-control-regex
const NMT_DROPPED = /^[\u0001-\u0008\u000b\u000e-\u001f\u007f\u008f\u009f]$/;
const NMT_SPACE =
  /^[\t\n\f\r\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]$/;

/** Spells a text by its bytes. Each byte has the offsets of its character. */
export function toByteLevel(source: AlignedText): AlignedText {
  if (/^[!-~]*$/.test(source.text)) return source;
  return eachCharacter(byteCharacters)(source);
}

/** Changes each character of a text by itself. */
function eachCharacter(change: (char: string) => string): Normalizer {
  const known = new Map<string, string>();
  return (source) => {
    const builder = new AlignedBuilder(source.origin);
    let i = 0;
    for (const char of source.text) {
      const start = source.starts[i] ?? 0;
      i += char.length;
      let text = known.get(char);
      if (text === undefined) known.set(char, text = change(char));
      if (text !== "") builder.add(text, start, source.ends[i - 1] ?? 0);
    }
    return builder.build();
  };
}

/**
 * Marks that are kept while accents are removed, and musical symbols that are
 * composed of such marks. Normal forms may change their order.
 */
const OTHER_MARK = new RegExp(
  `[[\\p{M}--${ACCENT.source}]\\u{1d15e}-\\u{1d164}\\u{1d1bb}-\\u{1d1c0}]`,
  "v",
);

function bert(fields: Record<string, unknown>, key: string): Normalizer {
  const clean = booleanOf(fields, "clean_text", key, true);
  const chinese = booleanOf(fields, "handle_chinese_chars", key, true);
  const lower = booleanOf(fields, "lowercase", key, true);
  const strips = booleanOf(fields, "strip_accents", key, lower);
  const cleaned = (char: string): string => {
    if (clean && CONTROL.test(char)) return "";
    if (clean && isSpace(char)) return " ";
    return chinese && CHINESE.test(char) ? ` ${char} ` : char;
  };
  const stripped = (text: string): string =>
    strips ? [...text].filter((char) => !ACCENT.test(char)).join("") : text;
  const lowered = (text: string): string => lower ? text.toLowerCase() : text;
  const first = eachCharacter(cleaned);
  const last = eachCharacter((char) => lowered(stripped(char)));
  const atOnce = eachCharacter((char) => {
    // The form of a single character does not depend on its neighbors.
    let text = cleaned(char);
    if (strips && /[^\0-\x7f]/.test(text)) {
      text = stripped(unicodeForm(AlignedText.of(text), "NFD").text);
    }
    return Array.from(text, lowered).join("");
  });
  return (source) =>
    strips && OTHER_MARK.test(source.text)
      ? last(unicodeForm(first(source), "NFD"))
      : atOnce(source);
}

function strip(left: boolean, right: boolean): Normalizer {
  return (source) => {
    const { text } = source;
    const from = left ? leadingSpaces(text) : 0;
    const to = right
      ? Math.max(text.length - trailingSpaces(text), from)
      : text.length;
    return source.crop(from, to);
  };
}

/**
 * Replaces matches; the new text has the offsets of each match's last
 * character.
 */
function replace(regexp: RegExp, content: string): Normalizer {
  return (source) => {
    const builder = new AlignedBuilder(source.origin);
    let last = 0;
    for (const { from, to } of matchesOf(source.text, regexp)) {
      builder.copy(source, last, from);
      const start = to === 0 ? source.origin : source.starts[to - 1];
      const end = to === 0 ? source.origin : source.ends[to - 1];
      builder.add(content, start ?? 0, end ?? 0);
      last = to;
    }
    builder.copy(source, last, source.text.length);
    return builder.build();
  };
}

function precompiled(encoded: string, key: string): Normalizer {
  let binary: string;
  try {
    binary = atob(encoded);
  } catch (cause) {
    throw new SyntaxError(
      `${key}.precompiled_charsmap is not base64`,
      { cause },
    );
  }
  const chunkMap = decodeChunkMap(
    Uint8Array.from(binary, (char) => char.charCodeAt(0)),
  );
  const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });
  const encoder = new TextEncoder();
  return (source) => {
    const changes: Change[] = [];
    for (const { segment } of graphemes.segment(source.text)) {
      const whole = encoder.encode(segment).length < 6
        ? chunkMap(segment)
        : null;
      if (whole !== null) {
        substitute(changes, segment, whole);
        continue;
      }
      for (const char of segment) {
        const other = chunkMap(char);
        if (other === null) changes.push([char, 0]);
        else substitute(changes, char, other);
      }
    }
    return source.transform(changes);
  };
}

/** Adds the changes that replace a part of the text. */
function substitute(changes: Change[], part: string, text: string): void {
  const chars = [...text];
  const more = chars.length - [...part].length;
  for (const [i, char] of chars.entries()) {
    changes.push([char, i >= chars.length - more ? 1 : 0]);
  }
  const last = changes.at(-1);
  if (more < 0 && last !== undefined) {
    changes[changes.length - 1] = [last[0], last[1] + more];
  }
}
