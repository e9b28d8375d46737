// Copyright 2026 the swagpu authors. MIT license.
// The normalisers of `tokenizer.json`, each with the places that its output
// came from. A character is changed alone, as the compiled tokenizers of
// transformers do: a final sigma, say, is lower-cased like any other.

import { SplitPreTokenizer } from "@huggingface/tokenizers";
import { AlignedBuilder, type AlignedText } from "./aligned_text.ts";
import { decodeCharsmap } from "./charsmap.ts";
import { isObject } from "../files/json.ts";

/** Changes a text and keeps track of where its parts came from. */
export type Normalizer = (text: AlignedText) => AlignedText;

/** What a character becomes. */
interface Change {
  readonly text: string;
  /** Whether spaces go around it. */
  readonly apart: boolean;
  /** Whether what is dropped belonged to the character before. */
  readonly mark: boolean;
}

const CONTROL = /^[\p{Cc}\p{Cf}\p{Co}\p{Cs}]$/u;
const CHINESE =
  /^[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b820}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]$/u;
/** Characters that may change together: Hangul, and letters with marks. */
const CLUSTER =
  /[\u1100-\u11ff\ua960-\ua97f\uac00-\ud7ff]+\p{M}*|\P{M}\p{M}*|\p{M}+/gu;
const NO_CHANGE: Record<string, unknown> = {};

/**
 * Builds the normaliser that a `tokenizer.json` describes.
 *
 * @throws {SyntaxError} If there is none of that type.
 */
export function readNormalizer(config: unknown): Normalizer {
  const fields = isObject(config) ? config : NO_CHANGE;
  switch (fields.type) {
    case undefined:
      return (text) => text;
    case "Sequence": {
      const steps = list(fields.normalizers).map(readNormalizer);
      return (text) => steps.reduce((value, step) => step(value), text);
    }
    case "BertNormalizer":
      return eachCharacter(bertChange(fields));
    case "Lowercase":
      return eachCharacter((char) => plain(char.toLowerCase()));
    case "StripAccents":
      return eachCharacter((char) =>
        /^\p{M}$/u.test(char) ? DROPPED_MARK : plain(char)
      );
    case "NFC":
    case "NFD":
    case "NFKC":
    case "NFKD": {
      const form = fields.type;
      return (text) => unicodeForm(text, form);
    }
    case "Strip":
      return strip(fields.strip_left === true, fields.strip_right === true);
    case "Prepend":
      return prepend(String(fields.prepend ?? ""));
    case "Replace":
      return replace(fields.pattern, String(fields.content ?? ""));
    case "Precompiled":
      return precompiled(fields.precompiled_charsmap);
    default:
      throw new SyntaxError(
        `Cannot normalise texts by ${JSON.stringify(fields.type)}: ` +
          "there is no such normaliser",
      );
  }
}

/** A text with each character changed alone. */
function eachCharacter(change: (char: string) => Change): Normalizer {
  const known = new Map<string, Change>();
  const changed = (char: string): Change => {
    let result = known.get(char);
    if (result === undefined) known.set(char, result = change(char));
    return result;
  };
  return (source) => {
    const builder = new AlignedBuilder();
    let i = 0;
    for (const char of source.text) {
      const start = source.starts[i] ?? 0;
      i += char.length;
      const end = source.ends[i - 1] ?? 0;
      const { text, apart, mark } = changed(char);
      if (mark) builder.widen(start, end);
      if (apart) builder.add(" ", start, start);
      if (text !== "") builder.add(text, start, end);
      if (apart) builder.add(" ", end, end);
    }
    return builder.build();
  };
}

const DROPPED: Change = { text: "", apart: false, mark: false };
const DROPPED_MARK: Change = { text: "", apart: false, mark: true };

function plain(text: string): Change {
  return { text, apart: false, mark: false };
}

function bertChange(fields: Record<string, unknown>): (char: string) => Change {
  const clean = fields.clean_text !== false;
  const chinese = fields.handle_chinese_chars !== false;
  const lower = fields.lowercase !== false;
  const strip = fields.strip_accents ?? lower;
  return (char) => {
    let text = char;
    if (clean) {
      if (text === "\t" || text === "\n" || text === "\r") text = " ";
      if (text === "\0" || text === "\ufffd" || CONTROL.test(text)) {
        return DROPPED;
      }
      if (/^\s$/u.test(text)) text = " ";
    }
    const apart = chinese && CHINESE.test(text);
    if (strip) text = text.normalize("NFD").replace(/\p{Mn}/gu, "");
    if (text === "") return DROPPED_MARK;
    if (lower) text = Array.from(text, (char) => char.toLowerCase()).join("");
    return { text, apart, mark: false };
  };
}

function unicodeForm(
  source: AlignedText,
  form: "NFC" | "NFD" | "NFKC" | "NFKD",
): AlignedText {
  const whole = source.text.normalize(form);
  if (whole === source.text) return source;
  const builder = new AlignedBuilder();
  let i = 0;
  for (const [cluster] of source.text.matchAll(CLUSTER)) {
    const changed = cluster.normalize(form);
    const next = i + cluster.length;
    // Marks at the end that stay as they are keep their own places.
    const kept = changed === cluster
      ? cluster.length
      : sameEnd(changed, cluster);
    const middle = next - kept;
    if (middle > i) {
      builder.add(
        changed.slice(0, changed.length - kept),
        source.starts[i] ?? 0,
        source.ends[middle - 1] ?? 0,
      );
    }
    builder.copy(source, middle, next);
    i = next;
  }
  const result = builder.build();
  if (result.text === whole) return result;
  // Characters changed across clusters: the text stands for itself as a whole.
  const one = new AlignedBuilder();
  one.add(whole, source.starts[0] ?? 0, source.ends.at(-1) ?? 0);
  return one.build();
}

/** How many units two texts share at their ends, but not all of either. */
function sameEnd(a: string, b: string): number {
  const [ours, theirs] = [Array.from(a), Array.from(b)];
  let length = 0;
  while (ours.length > 1 && theirs.length > 1 && ours.at(-1) === theirs.pop()) {
    length += ours.pop()?.length ?? 0;
  }
  return length;
}

function strip(left: boolean, right: boolean): Normalizer {
  return (source) => {
    const { text } = source;
    const from = left ? text.length - text.trimStart().length : 0;
    const to = right ? Math.max(text.trimEnd().length, from) : text.length;
    return source.slice(from, to);
  };
}

function prepend(prefix: string): Normalizer {
  return (source) => {
    if (source.text === "") return source;
    const builder = new AlignedBuilder();
    const start = source.starts[0] ?? 0;
    builder.add(prefix, start, start);
    builder.copy(source, 0, source.text.length);
    return builder.build();
  };
}

function replace(pattern: unknown, content: string): Normalizer {
  const regexp = readPattern(pattern);
  return (source) => {
    const builder = new AlignedBuilder();
    let last = 0;
    for (const match of source.text.matchAll(regexp)) {
      const next = match.index + match[0].length;
      builder.copy(source, last, match.index);
      builder.add(
        content,
        source.starts[match.index] ?? source.ends.at(-1) ?? 0,
        source.ends[next - 1] ?? 0,
      );
      last = next;
    }
    if (last === 0) return source;
    builder.copy(source, last, source.text.length);
    return builder.build();
  };
}

function precompiled(value: unknown): Normalizer {
  const binary = atob(typeof value === "string" ? value : "");
  const charsmap = decodeCharsmap(
    Uint8Array.from(binary, (char) => char.charCodeAt(0)),
  );
  return (source) => {
    const builder = new AlignedBuilder();
    for (let i = 0; i < source.text.length;) {
      const { text, length } = charsmap(source.text, i);
      const end = source.ends[i + length - 1] ?? 0;
      if (text !== "") builder.add(text, source.starts[i] ?? 0, end);
      i += length;
    }
    return builder.build();
  };
}

/**
 * The regular expression of a pattern as `tokenizer.json` writes it.
 *
 * @throws {SyntaxError} If it holds neither a text nor an expression.
 */
export function readPattern(pattern: unknown): RegExp {
  if (isObject(pattern)) {
    if (typeof pattern.String === "string") {
      return new RegExp(RegExp.escape(pattern.String), "gu");
    }
    if (typeof pattern.Regex === "string") {
      const { pattern: regexp } = new SplitPreTokenizer({
        type: "Split",
        pattern: { Regex: pattern.Regex },
        behavior: "Isolated",
        invert: false,
      });
      if (regexp !== null) return regexp;
    }
  }
  throw new SyntaxError(
    `Cannot read the pattern ${JSON.stringify(pattern)}: ` +
      "it must hold a String or a Regex",
  );
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
