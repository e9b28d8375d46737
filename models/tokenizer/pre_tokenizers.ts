// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The pre-tokenizers of `tokenizer.json`, which cut a text into words before a
// model cuts the words into tokens. Almost all of them follow one rule: what to
// do with the matches of an expression.

import { AlignedBuilder, type AlignedText } from "./aligned_text.ts";
import { matchesOf, readPattern } from "./expressions.ts";
import {
  booleanOf,
  countOf,
  listOf,
  partOf,
  prependScheme,
  textOf,
} from "./fields.ts";
import { toByteLevel } from "./normalizers.ts";
import { PUNCTUATION, SPACE, WORD } from "./unicode.ts";

/** Cuts a text into words. */
export type PreTokenizer = (text: AlignedText) => AlignedText[];

const SPACES = new RegExp(`[${SPACE}]`, "gu");
const WORDS = new RegExp(`[${WORD}]+|[^${WORD}${SPACE}]+`, "gu");
const BYTE_LEVEL_WORDS = new RegExp(
  String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+` +
    String.raw`| ?[^${SPACE}\p{L}\p{N}]+` +
    String.raw`|[${SPACE}]+(?![^${SPACE}])|[${SPACE}]+`,
  "gu",
);
const BEHAVIORS = [
  "Removed",
  "Isolated",
  "MergedWithPrevious",
  "MergedWithNext",
  "Contiguous",
] as const;

type Behavior = typeof BEHAVIORS[number];

/** Cuts a text into words as the pre-tokenizer `ByteLevel` does. */
export function byteLevelWords(text: string): readonly string[] {
  return text.match(BYTE_LEVEL_WORDS) ?? [];
}

/**
 * Builds the pre-tokenizer that a `tokenizer.json` describes.
 *
 * @param key The path of the description in the file, for errors.
 * @throws {SyntaxError} If there is no pre-tokenizer of that type, or a field has
 * the wrong type.
 */
export function readPreTokenizer(
  config: unknown,
  key = "pre_tokenizer",
): PreTokenizer {
  if (config === undefined || config === null) return (text) => [text];
  const fields = partOf(config, key);
  switch (fields.type) {
    case "Sequence": {
      const steps = listOf(fields, "pretokenizers", key).map((step, i) =>
        readPreTokenizer(step, `${key}.pretokenizers[${i}]`)
      );
      return (text) =>
        steps.reduce((parts, step) => parts.flatMap(step), [text]);
    }
    case "BertPreTokenizer":
      return (text) =>
        split(text, SPACES, "Removed")
          .flatMap((part) => split(part, PUNCTUATION, "Isolated"));
    case "Whitespace":
      return (text) => split(text, WORDS, "Removed", true);
    case "WhitespaceSplit":
      return (text) => split(text, SPACES, "Removed");
    case "Punctuation": {
      const kind = behaviorOf(fields, key, "Isolated");
      return (text) => split(text, PUNCTUATION, kind);
    }
    case "Digits": {
      const kind = booleanOf(fields, "individual_digits", key, false)
        ? "Isolated"
        : "Contiguous";
      return (text) => split(text, /\p{N}/gu, kind);
    }
    case "Split": {
      const regexp = readPattern(fields.pattern, `${key}.pattern`);
      const kind = behaviorOf(fields, key);
      const invert = booleanOf(fields, "invert", key, false);
      return (text) => split(text, regexp, kind, invert);
    }
    case "CharDelimiterSplit": {
      const delimiter = RegExp.escape(textOf(fields, "delimiter", key));
      return (text) => split(text, new RegExp(delimiter, "gu"), "Removed");
    }
    case "FixedLength":
      return fixedLength(countOf(fields, "length", key, 5, 1));
    case "Metaspace":
      return metaspace(fields, key);
    case "ByteLevel":
      return byteLevel(fields, key);
    default:
      throw new SyntaxError(
        `${key} is of type ${JSON.stringify(fields.type)}: ` +
          "there is no such pre-tokenizer",
      );
  }
}

function behaviorOf(
  fields: Record<string, unknown>,
  key: string,
  otherwise?: Behavior,
): Behavior {
  const value = textOf(fields, "behavior", key, otherwise);
  const name = value.toLowerCase().replaceAll("_", "");
  const found = BEHAVIORS.find((one) => one.toLowerCase() === name);
  if (found !== undefined) return found;
  throw new SyntaxError(
    `${key}.behavior: Cannot split texts as ${JSON.stringify(value)}: ` +
      `expected one of ${BEHAVIORS.join(", ")}`,
  );
}

/** A part of a text: a match, or what lies between matches. */
interface Part {
  from: number;
  to: number;
  match: boolean;
}

/** Cuts a text at the matches of an expression, or with `invert` between them. */
function split(
  text: AlignedText,
  regexp: RegExp,
  behavior: Behavior,
  invert = false,
): AlignedText[] {
  const parts: Part[] = [];
  let last = 0;
  for (const { from, to } of matchesOf(text.text, regexp)) {
    if (from > last) parts.push({ from: last, to: from, match: invert });
    parts.push({ from, to, match: !invert });
    last = to;
  }
  if (last < text.text.length) {
    parts.push({ from: last, to: text.text.length, match: invert });
  }
  return merge(parts, behavior)
    .filter(({ from, to }) => to > from)
    .map(({ from, to }) => text.slice(from, to));
}

function merge(parts: readonly Part[], behavior: Behavior): readonly Part[] {
  switch (behavior) {
    case "Removed":
      return parts.filter(({ match }) => !match);
    case "Isolated":
      return parts;
    case "Contiguous":
      return joined(parts, (part, before) => part.match === before);
    case "MergedWithPrevious":
      return joined(parts, (part, before) => part.match && !before);
    case "MergedWithNext":
      return joined(parts.toReversed(), (part, before) => part.match && !before)
        .toReversed();
  }
}

/** Joins parts to the previous ones where `joins` returns true. */
function joined(
  parts: readonly Part[],
  joins: (part: Part, before: boolean) => boolean,
): Part[] {
  const result: Part[] = [];
  let before = false;
  for (const part of parts) {
    const last = result.at(-1);
    if (last !== undefined && joins(part, before)) {
      last.from = Math.min(last.from, part.from);
      last.to = Math.max(last.to, part.to);
    } else result.push({ ...part });
    before = part.match;
  }
  return result;
}

function fixedLength(length: number): PreTokenizer {
  return (text) => {
    const parts: AlignedText[] = [];
    let [from, to, count] = [0, 0, 0];
    for (const char of text.text) {
      to += char.length;
      if (++count % length > 0 && to < text.text.length) continue;
      parts.push(text.slice(from, to));
      from = to;
    }
    return parts;
  };
}

function metaspace(fields: Record<string, unknown>, key: string): PreTokenizer {
  const mark = textOf(fields, "replacement", key, "▁");
  const scheme = prependScheme(fields, key);
  if (!["always", "first", "never"].includes(scheme)) {
    throw new SyntaxError(
      `${key}.prepend_scheme is ${JSON.stringify(scheme)}, ` +
        "expected one of always, first, never",
    );
  }
  const splits = booleanOf(fields, "split", key, true);
  const marks = new RegExp(RegExp.escape(mark), "gu");
  return (source) => {
    const builder = new AlignedBuilder(source.origin);
    for (let i = 0; i < source.text.length; i++) {
      if (source.text[i] === " ") {
        builder.add(mark, source.starts[i] ?? 0, source.ends[i] ?? 0);
      } else builder.copy(source, i, i + 1);
    }
    const text = builder.build();
    const begins = scheme === "always" ||
      (scheme === "first" && source.origin === 0);
    const marked = begins && !text.text.startsWith(mark)
      ? text.prepend(mark)
      : text;
    return splits ? split(marked, marks, "MergedWithNext") : [marked];
  };
}

function byteLevel(fields: Record<string, unknown>, key: string): PreTokenizer {
  const prefix = booleanOf(fields, "add_prefix_space", key, false);
  const cuts = booleanOf(fields, "use_regex", key, true);
  return (source) => {
    const text = prefix && !source.text.startsWith(" ")
      ? source.prepend(" ")
      : source;
    const words = cuts ? split(text, BYTE_LEVEL_WORDS, "Isolated") : [text];
    return words.map(toByteLevel);
  };
}
