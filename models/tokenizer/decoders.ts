// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The decoders of `tokenizer.json`, which turn a list of tokens into a text.

import { bytesOf } from "./byte_level.ts";
import { matchesOf, readPattern } from "./expressions.ts";
import {
  booleanOf,
  countOf,
  listOf,
  partOf,
  prependScheme,
  textOf,
} from "./fields.ts";

/** Changes the tokens of a row, which are then joined to a text. */
export type Decoder = (tokens: readonly string[]) => readonly string[];

/** Options of {@linkcode readDecoder}. */
export interface DecoderOptions {
  /** Whether to keep spaces before punctuation, whatever the file says. */
  readonly keepSpaces: boolean;
}

/**
 * Builds the decoder that a `tokenizer.json` describes. Without one, tokens are
 * joined with spaces.
 *
 * @param key The path of the description in the file, for errors.
 * @throws {SyntaxError} If there is no decoder of that type, or a field has the
 * wrong type.
 */
export function readDecoder(
  config: unknown,
  options: DecoderOptions,
  key = "decoder",
): Decoder {
  if (config === undefined || config === null) {
    return (tokens) => [tokens.join(" ")];
  }
  const fields = partOf(config, key);
  const cleans = (): boolean =>
    booleanOf(fields, "cleanup", key, true) && !options.keepSpaces;
  switch (fields.type) {
    case "Sequence": {
      const steps = listOf(fields, "decoders", key).map((step, i) =>
        readDecoder(
          partOf(step, `${key}.decoders[${i}]`),
          options,
          `${key}.decoders[${i}]`,
        )
      );
      return (tokens) => steps.reduce((row, step) => step(row), tokens);
    }
    case "WordPiece":
      return wordPiece(textOf(fields, "prefix", key, "##"), cleans());
    case "ByteLevel":
      return (tokens) => [utf8(tokens.flatMap(bytesOf))];
    case "Metaspace":
      return metaspace(fields, key);
    case "BPEDecoder": {
      const suffix = textOf(fields, "suffix", key, "</w>");
      return (tokens) =>
        tokens.map((token, i) =>
          replaced(token, suffix, i === tokens.length - 1 ? "" : " ")
        );
    }
    case "ByteFallback":
      return byteFallback;
    case "Fuse":
      return (tokens) => [tokens.join("")];
    case "Replace": {
      const regexp = readPattern(fields.pattern, `${key}.pattern`);
      const content = textOf(fields, "content", key);
      return (tokens) =>
        tokens.map((token) => {
          let [text, last] = ["", 0];
          for (const { from, to } of matchesOf(token, regexp)) {
            text += token.slice(last, from) + content;
            last = to;
          }
          return text + token.slice(last);
        });
    }
    case "Strip":
      return strip(
        textOf(fields, "content", key),
        countOf(fields, "start", key),
        countOf(fields, "stop", key),
      );
    case "CTC":
      return ctc(
        textOf(fields, "pad_token", key, "<pad>"),
        textOf(fields, "word_delimiter_token", key, "|"),
        cleans(),
      );
    default:
      throw new SyntaxError(
        `${key} is of type ${JSON.stringify(fields.type)}: ` +
          "there is no such decoder",
      );
  }
}

/** Replaces every occurrence of a text. */
function replaced(text: string, from: string, to: string): string {
  return from === "" ? text : text.replaceAll(from, () => to);
}

function utf8(bytes: readonly number[]): string {
  // A byte order mark is part of the text.
  return new TextDecoder("utf-8", { ignoreBOM: true })
    .decode(Uint8Array.from(bytes));
}

/** Removes the spaces before English punctuation and contractions. */
export function cleanUp(text: string): string {
  return text.replaceAll(" .", ".").replaceAll(" ?", "?")
    .replaceAll(" !", "!").replaceAll(" ,", ",").replaceAll(" ' ", "'")
    .replaceAll(" n't", "n't").replaceAll(" 'm", "'m").replaceAll(" 's", "'s")
    .replaceAll(" 've", "'ve").replaceAll(" 're", "'re");
}

/** Removes those spaces from one token, as the compiled tokenizers do. */
function cleanUpToken(text: string): string {
  return text.replaceAll(" .", ".").replaceAll(" ?", "?")
    .replaceAll(" !", "!").replaceAll(" ,", ",").replaceAll(" ' ", "'")
    .replaceAll(" n't", "n't").replaceAll(" 'm", "'m")
    .replaceAll(" do not", " don't").replaceAll(" 's", "'s")
    .replaceAll(" 've", "'ve").replaceAll(" 're", "'re");
}

function wordPiece(prefix: string, cleans: boolean): Decoder {
  return (tokens) =>
    tokens.map((token, i) => {
      const text = i === 0
        ? token
        : token.startsWith(prefix)
        ? token.slice(prefix.length)
        : ` ${token}`;
      return cleans ? cleanUpToken(text) : text;
    });
}

/** Replaces the mark of SentencePiece with a space. */
function metaspace(fields: Record<string, unknown>, key: string): Decoder {
  const mark = textOf(fields, "replacement", key, "▁");
  const scheme = prependScheme(fields, key);
  return (tokens) =>
    tokens.map((token, i) =>
      replaced(token, mark, i === 0 && scheme !== "never" ? "" : " ")
    );
}

/** Joins tokens for single bytes to characters. */
function byteFallback(tokens: readonly string[]): string[] {
  const result: string[] = [];
  let bytes: number[] = [];
  const flush = (): void => {
    if (bytes.length === 0) return;
    try {
      result.push(
        new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
          .decode(Uint8Array.from(bytes)),
      );
    } catch {
      for (const _ of bytes) result.push("\ufffd");
    }
    bytes = [];
  };
  for (const token of tokens) {
    const [, digits] = /^<0x([\da-f]{2})>$/i.exec(token) ?? [];
    if (digits !== undefined) bytes.push(parseInt(digits, 16));
    else {
      flush();
      result.push(token);
    }
  }
  flush();
  return result;
}

/**
 * Removes `content` from a token: up to `start` times in front, `stop` behind.
 */
function strip(content: string, start: number, stop: number): Decoder {
  return (tokens) =>
    tokens.map((token) => {
      const chars = [...token];
      let from = 0;
      while (from < start && chars[from] === content) from++;
      let to = chars.length;
      while (
        to > chars.length - stop && to > 0 && chars[to - 1] === content
      ) to--;
      return chars.slice(from, Math.max(from, to)).join("");
    });
}

/** Drops repeated tokens, which models of speech give. */
function ctc(pad: string, delimiter: string, cleans: boolean): Decoder {
  return (tokens) =>
    tokens.filter((token, i) => token !== tokens[i - 1])
      .map((token) => {
        const text = replaced(token, pad, "");
        return cleans ? replaced(cleanUpToken(text), delimiter, " ") : text;
      })
      .filter((token) => token !== "");
}
