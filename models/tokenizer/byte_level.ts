// Copyright 2026 the swagpu authors. MIT license.

// Byte-level BPE: the alphabet in which vocabularies spell bytes, and the
// translation of the files of RoBERTa, BART and GPT-2 (`vocab.json` and
// `merges.txt`) to an equal `tokenizer.json`.

import {
  type AddedToken,
  collectAddedTokens,
  type TokenFiles,
  tokenText,
  valueOf,
} from "./added_tokens.ts";
import type { SpecialTokenName } from "./codec.ts";
import { GREATEST_ID } from "./fields.ts";

/** The printable character that stands for each byte. */
const ALPHABET: readonly string[] = (() => {
  const printable = (byte: number): boolean =>
    (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);
  let others = 0;
  return Array.from(
    { length: 256 },
    (_, byte) => String.fromCharCode(printable(byte) ? byte : 256 + others++),
  );
})();

/** RoBERTa's special tokens, by their roles. */
export const ROBERTA: Readonly<Record<SpecialTokenName, string>> = {
  bos: "<s>",
  eos: "</s>",
  unk: "<unk>",
  sep: "</s>",
  pad: "<pad>",
  cls: "<s>",
  mask: "<mask>",
};

const encoder = new TextEncoder();

const BYTES = new Map(ALPHABET.map((char, byte) => [char, byte]));

/** The printable characters that stand for the bytes from 0 to 255. */
export function bytesAlphabet(): readonly string[] {
  return ALPHABET;
}

/** Spells the bytes of a text in the alphabet of vocabularies. */
export function byteCharacters(text: string): string {
  let result = "";
  for (const byte of encoder.encode(text)) result += ALPHABET[byte] ?? "";
  return result;
}

/**
 * The bytes of a token: those that its characters spell or, if a character is
 * not in the alphabet, those of the token's text.
 */
export function bytesOf(token: string): number[] {
  const bytes: number[] = [];
  for (const char of token) {
    const byte = BYTES.get(char);
    if (byte === undefined) return [...encoder.encode(token)];
    bytes.push(byte);
  }
  return bytes;
}

/** The token for a single byte, which covers what no other token does. */
export function byteToken(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`;
}

/**
 * Reads the ids of a `vocab.json` by their tokens.
 *
 * @throws {SyntaxError} If a value is not an id, or two tokens have the same id.
 */
export function parseIds(
  fields: Record<string, unknown>,
  source: string,
): Map<string, number> {
  const tokens = new Map<number, string>();
  for (const [token, id] of Object.entries(fields)) {
    if (
      typeof id !== "number" || !Number.isSafeInteger(id) || id < 0 ||
      id > GREATEST_ID
    ) {
      throw new SyntaxError(
        `Cannot read ${source}: ${JSON.stringify(token)} has the id ` +
          `${JSON.stringify(id)}, expected a whole number from 0 to ` +
          GREATEST_ID,
      );
    }
    const other = tokens.get(id);
    if (other !== undefined) {
      throw new SyntaxError(
        `Cannot read ${source}: ${JSON.stringify(other)} and ` +
          `${JSON.stringify(token)} have the same id ${id}`,
      );
    }
    tokens.set(id, token);
  }
  return new Map(Array.from(tokens, ([id, token]) => [token, id]));
}

/**
 * Checks that there is a token for each id from 0.
 *
 * @throws {SyntaxError} If an id has no token.
 */
export function checkNoGaps(ids: Iterable<number>, source: string): void {
  const all = new Set(ids);
  for (let id = 0; id < all.size; id++) {
    if (all.has(id)) continue;
    throw new SyntaxError(
      `Cannot read ${source}: no token has the id ${id}, and others have ` +
        "greater ones",
    );
  }
}

/**
 * Reads the pairs of a `merges.txt`, in the order in which they are joined.
 *
 * @throws {SyntaxError} If a line is not a pair, or joins tokens that the
 * vocabulary lacks.
 */
export function parseMerges(
  text: string,
  vocabulary: ReadonlyMap<string, number>,
  source: string,
): [string, string][] {
  const lines = text.split("\n").map((line) => line.replace(/\r$/, ""));
  if (lines.at(-1) === "") lines.pop();
  const merges: [string, string][] = [];
  for (const [i, line] of lines.entries()) {
    if (line.startsWith("#version")) continue;
    const [left, right, ...more] = line.split(" ");
    if (!left || !right || more.length > 0) {
      throw new SyntaxError(
        `Cannot read ${source}: line ${i + 1} is ${JSON.stringify(line)}, ` +
          "expected two tokens with a space between",
      );
    }
    for (const token of [left, right, left + right]) {
      if (vocabulary.has(token)) continue;
      throw new SyntaxError(
        `Cannot read ${source}: line ${i + 1} joins ${JSON.stringify(left)} ` +
          `and ${JSON.stringify(right)}, but the vocabulary lacks ` +
          JSON.stringify(token),
      );
    }
    merges.push([left, right]);
  }
  return merges;
}

/** What the `tokenizer.json` of a byte-level tokenizer is built from. */
export interface ByteLevelParts extends TokenFiles {
  readonly vocabulary: ReadonlyMap<string, number>;
  readonly merges: readonly [string, string][];
  readonly addPrefixSpace: boolean;
  /** The name of the folder in errors. */
  readonly source: string;
}

/** Builds the fields of the `tokenizer.json` of a byte-level tokenizer. */
export function byteLevelJson(parts: ByteLevelParts): Record<string, unknown> {
  const { vocabulary, merges, config, addPrefixSpace, source } = parts;
  if (isWordSuffixed(vocabulary)) {
    throw new SyntaxError(
      `Cannot read ${source}/vocab.json: its tokens mark the end of a word, ` +
        "expected byte-level tokens; a tokenizer.json can say so",
    );
  }
  const roles = byteLevelRoles(vocabulary, config);
  const added = collectAddedTokens(vocabulary, { ...parts, roles });
  checkNoGaps(
    [...vocabulary.values(), ...added.map(({ id }) => id)],
    `${source}/vocab.json`,
  );
  const named = (role: string): string =>
    tokenText(valueOf(parts, `${role}_token`)) ?? roles[role] ?? "";
  const unknown = named("unk");
  const trim = config.trim_offsets !== false;
  const bytes = {
    type: "ByteLevel",
    add_prefix_space: addPrefixSpace,
    trim_offsets: trim,
    use_regex: true,
  };
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: added,
    normalizer: null,
    pre_tokenizer: bytes,
    post_processor: roles.cls === undefined
      ? { ...bytes, trim_offsets: false }
      : {
        type: "RobertaProcessing",
        sep: withId(named("sep"), vocabulary, added),
        cls: withId(named("cls"), vocabulary, added),
        trim_offsets: trim,
        add_prefix_space: addPrefixSpace,
      },
    decoder: bytes,
    model: {
      type: "BPE",
      dropout: null,
      unk_token: vocabulary.has(unknown) ? unknown : null,
      continuing_subword_prefix: "",
      end_of_word_suffix: "",
      fuse_unk: false,
      vocab: Object.fromEntries(vocabulary),
      merges,
    },
  };
}

/** Whether tokens mark the end of a word, as older BPE vocabularies do. */
function isWordSuffixed(vocabulary: ReadonlyMap<string, number>): boolean {
  let suffixed = false;
  for (const token of vocabulary.keys()) {
    if (token.startsWith("Ġ")) return false;
    suffixed ||= token.endsWith("</w>") || token.endsWith("@@");
  }
  return suffixed;
}

/**
 * The usual special tokens: RoBERTa's, else GPT-2's, which do not frame texts.
 */
export function byteLevelRoles(
  vocabulary: ReadonlyMap<string, number>,
  config: Record<string, unknown>,
): Readonly<Record<string, string>> {
  const likeGpt = /^GPT2/.test(String(config.tokenizer_class ?? "")) ||
    !vocabulary.has("<s>") || !vocabulary.has("</s>");
  if (likeGpt) {
    return { bos: "<|endoftext|>", eos: "<|endoftext|>", unk: "<|endoftext|>" };
  }
  return ROBERTA;
}

/** A token and its id. */
function withId(
  token: string,
  vocabulary: ReadonlyMap<string, number>,
  added: readonly AddedToken[],
): [string, number] {
  const id = vocabulary.get(token) ??
    added.find(({ content }) => content === token)?.id;
  return [token, id ?? 0];
}
