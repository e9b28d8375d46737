// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.
// The decoders of `tokenizer.json`: how a list of tokens becomes a text.

import { bytesOf } from "./byte_level.ts";
import { matchesOf, readPattern } from "./expressions.ts";
import { booleanOf, countOf, listOf, partOf, textOf } from "./fields.ts";

/** Changes the tokens of a row; a text is all of them joined. */
export type Decoder = (tokens: readonly string[]) => readonly string[];

/** What to do besides what the file says. */
export interface DecoderOptions {
  /** Whether to leave spaces before punctuation where the file says otherwise. */
  readonly keepSpaces: boolean;
}

/**
 * Builds the decoder that a `tokenizer.json` describes. Without one, tokens are
 * joined with spaces.
 *
 * @param key Where the description stands, for errors.
 * @throws {SyntaxError} If there is none of that type, or a field is of another
 * kind than it should.
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

function replaced(text: string, from: string, to: string): string {
  return from === "" ? text : text.replaceAll(from, () => to);
}

function utf8(bytes: readonly number[]): string {
  // A byte order mark is text like any other here.
  return new TextDecoder("utf-8", { ignoreBOM: true })
    .decode(Uint8Array.from(bytes));
}

/** Takes out the spaces before English punctuation and contractions. */
export function cleanUp(text: string): string {
  return text.replaceAll(" .", ".").replaceAll(" ?", "?")
    .replaceAll(" !", "!").replaceAll(" ,", ",").replaceAll(" ' ", "'")
    .replaceAll(" n't", "n't").replaceAll(" 'm", "'m").replaceAll(" 's", "'s")
    .replaceAll(" 've", "'ve").replaceAll(" 're", "'re");
}

/** The same as the compiled tokenizers do it, to one token. */
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

function metaspace(fields: Record<string, unknown>, key: string): Decoder {
  const mark = textOf(fields, "replacement", key, "▁");
  const older = booleanOf(fields, "add_prefix_space", key, true);
  const scheme = textOf(
    fields,
    "prepend_scheme",
    key,
    older ? "always" : "never",
  );
  return (tokens) =>
    tokens.map((token, i) =>
      replaced(token, mark, i === 0 && scheme !== "never" ? "" : " ")
    );
}

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

/** Takes up to `start` characters off the one end of a token, `stop` off the other. */
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

function ctc(pad: string, delimiter: string, cleans: boolean): Decoder {
  return (tokens) =>
    tokens.filter((token, i) => token !== tokens[i - 1])
      .map((token) => {
        const text = replaced(token, pad, "");
        return cleans ? replaced(cleanUpToken(text), delimiter, " ") : text;
      })
      .filter((token) => token !== "");
}
