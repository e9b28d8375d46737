// Copyright 2026 the swagpu authors. MIT license.
// The pre-tokenizers of `tokenizer.json`: they cut a text into words, within
// which a model then looks for tokens. Almost all are one rule, namely what to
// do with the matches of an expression.

import type { AlignedText } from "./aligned_text.ts";
import { AlignedBuilder } from "./aligned_text.ts";
import { toByteLevel } from "./byte_level.ts";
import { isObject } from "../files/json.ts";
import { readPattern } from "./normalizers.ts";

/** Cuts a text into words; `first` says whether it begins the input. */
export type PreTokenizer = (
  text: AlignedText,
  first: boolean,
) => AlignedText[];

const PUNCTUATION = /[\p{P}!-/:-@[-`{-~]/gu;
const WHITESPACE = /\s+/gu;
const WORDS =
  /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\u200c\u200d]+|[^\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\u200c\u200d\s]+/gu;
const BYTE_LEVEL_WORDS =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;
const BEHAVIORS = [
  "Removed",
  "Isolated",
  "MergedWithPrevious",
  "MergedWithNext",
  "Contiguous",
] as const;

type Behavior = typeof BEHAVIORS[number];

/**
 * Builds the pre-tokenizer that a `tokenizer.json` describes.
 *
 * @throws {SyntaxError} If there is none of that type.
 */
export function readPreTokenizer(config: unknown): PreTokenizer {
  const fields: Record<string, unknown> = isObject(config) ? config : {};
  const { pattern, behavior, invert } = fields;
  switch (fields.type) {
    case undefined:
      return (text) => [text];
    case "Sequence": {
      const steps = Array.isArray(fields.pretokenizers)
        ? fields.pretokenizers.map(readPreTokenizer)
        : [];
      return (text, first) =>
        steps.reduce(
          (parts, step) =>
            parts.flatMap((part, i) => step(part, first && i === 0)),
          [text],
        );
    }
    case "BertPreTokenizer":
      return (text) =>
        split(text, WHITESPACE, "Removed")
          .flatMap((part) => split(part, PUNCTUATION, "Isolated"));
    case "Whitespace":
      return (text) => split(text, WORDS, "Removed", true);
    case "WhitespaceSplit":
      return (text) => split(text, WHITESPACE, "Removed");
    case "Punctuation":
      return (text) => split(text, PUNCTUATION, behaviorOf(behavior));
    case "Digits": {
      const kind = fields.individual_digits ? "Isolated" : "Contiguous";
      return (text) => split(text, /\p{N}/gu, kind);
    }
    case "Split": {
      const regexp = readPattern(pattern);
      const kind = behaviorOf(behavior);
      return (text) => split(text, regexp, kind, invert === true);
    }
    case "Metaspace":
      return metaspace(fields);
    case "ByteLevel":
      return byteLevel(fields);
    default:
      throw new SyntaxError(
        `Cannot split texts by ${JSON.stringify(fields.type)}: ` +
          "there is no such pre-tokenizer",
      );
  }
}

function behaviorOf(value: unknown): Behavior {
  const name = String(value ?? "Isolated").toLowerCase().replaceAll("_", "");
  const found = BEHAVIORS.find((one) => one.toLowerCase() === name);
  if (found !== undefined) return found;
  throw new SyntaxError(
    `Cannot split texts as ${JSON.stringify(value)}: ` +
      `expected one of ${BEHAVIORS.join(", ")}`,
  );
}

/** Cuts where an expression matches, or with `invert` where it does not. */
function split(
  text: AlignedText,
  regexp: RegExp,
  behavior: Behavior,
  invert = false,
): AlignedText[] {
  const parts: { from: number; to: number; match: boolean }[] = [];
  let last = 0;
  for (const match of text.text.matchAll(regexp)) {
    const to = match.index + match[0].length;
    if (match.index > last) {
      parts.push({ from: last, to: match.index, match: invert });
    }
    if (to > match.index) {
      parts.push({ from: match.index, to, match: !invert });
    }
    last = to;
  }
  if (last < text.text.length) {
    parts.push({ from: last, to: text.text.length, match: invert });
  }
  return merge(parts, behavior)
    .map(({ from, to }) => text.slice(from, to));
}

interface Part {
  from: number;
  to: number;
  match: boolean;
}

function merge(parts: readonly Part[], behavior: Behavior): readonly Part[] {
  switch (behavior) {
    case "Removed":
      return parts.filter(({ match }) => !match);
    case "Isolated":
      return parts;
    default: {
      const result: Part[] = [];
      for (const [i, part] of parts.entries()) {
        const before = parts[i - 1];
        const joins = before !== undefined &&
          (behavior === "Contiguous"
            ? before.match === part.match
            : behavior === "MergedWithPrevious"
            ? part.match && !before.match
            : before.match && !part.match);
        const last = result.at(-1);
        if (joins && last !== undefined) last.to = part.to;
        else result.push({ ...part });
      }
      return result;
    }
  }
}

function metaspace(fields: Record<string, unknown>): PreTokenizer {
  const mark = String(fields.replacement ?? "▁");
  const scheme = fields.prepend_scheme ??
    (fields.add_prefix_space === false ? "never" : "always");
  const marks = new RegExp(RegExp.escape(mark), "gu");
  return (source, first) => {
    const builder = new AlignedBuilder();
    const text = source.text.replaceAll(" ", mark);
    const begins = scheme === "always" || (scheme === "first" && first);
    const start = source.starts[0] ?? 0;
    if (begins && !text.startsWith(mark)) builder.add(mark, start, start);
    for (let i = 0; i < source.text.length; i++) {
      if (source.text[i] === " ") {
        builder.add(mark, source.starts[i] ?? 0, source.ends[i] ?? 0);
      } else {
        builder.copy(source, i, i + 1);
      }
    }
    const marked = builder.build();
    return fields.split === false
      ? [marked]
      : split(marked, marks, "MergedWithNext");
  };
}

function byteLevel(fields: Record<string, unknown>): PreTokenizer {
  const prefix = fields.add_prefix_space === true;
  const cuts = fields.use_regex !== false;
  return (source) => {
    let text = source;
    if (prefix && !text.text.startsWith(" ")) {
      const builder = new AlignedBuilder();
      const start = text.starts[0] ?? 0;
      builder.add(" ", start, start);
      builder.copy(text, 0, text.text.length);
      text = builder.build();
    }
    const words = cuts ? split(text, BYTE_LEVEL_WORDS, "Isolated") : [text];
    return words.map(toByteLevel);
  };
}
