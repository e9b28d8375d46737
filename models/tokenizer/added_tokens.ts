// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.
// Tokens that are found in a text before it is split: which there are, where no
// `tokenizer.json` lists them, and how they are found.

import { isObject } from "../files/json.ts";
import { leadingSpaces, trailingSpaces, WORD } from "./unicode.ts";

/** An added token, as `tokenizer.json` lists it. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly single_word: boolean;
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  readonly normalized: boolean;
  readonly special: boolean;
}

/** The fields of the files that name special and added tokens. */
export interface TokenFiles {
  /** Those of `tokenizer_config.json`. */
  readonly config: Record<string, unknown>;
  /** Those of `special_tokens_map.json`. */
  readonly special: Record<string, unknown>;
  /** Those of `added_tokens.json`. */
  readonly added: Record<string, unknown>;
}

const ROLES = ["bos", "eos", "unk", "sep", "pad", "cls", "mask"] as const;

/** The text of a special token, spelled as such or as an object. */
export function tokenText(value: unknown): string | null {
  if (typeof value === "string") return value;
  return isObject(value) && typeof value.content === "string"
    ? value.content
    : null;
}

/** Special tokens that have no role: a list of them, or names for them. */
export function moreTokens(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  return isObject(value) ? Object.values(value) : [];
}

/**
 * What the files say about a key that may stand in two of them. Where
 * `tokenizer_config.json` lists the added tokens, it goes first; older folders
 * leave that to `special_tokens_map.json`.
 */
export function saidOf(
  { config, special }: Pick<TokenFiles, "config" | "special">,
  key: string,
): unknown {
  return isObject(config.added_tokens_decoder)
    ? config[key] ?? special[key]
    : special[key] ?? config[key];
}

/**
 * The added tokens of a folder without `tokenizer.json`: those of the roles,
 * by their usual names unless a file has others, and those that the files add.
 * What the vocabulary lacks gets the next free id.
 */
export function collectAddedTokens(
  vocabulary: ReadonlyMap<string, number>,
  files: TokenFiles & { readonly roles: Readonly<Record<string, string>> },
): AddedToken[] {
  const { config, special, added, roles } = files;
  const found = new Map<string, Omit<AddedToken, "id"> & { id?: number }>();
  const add = (value: unknown, usual: Partial<AddedToken>): void => {
    const content = tokenText(value);
    if (content === null || content === "") return;
    const fields = isObject(value) ? value : {};
    const flag = (name: keyof AddedToken, otherwise: boolean): boolean =>
      typeof fields[name] === "boolean" ? fields[name] : otherwise;
    const before = found.get(content);
    const isSpecial = before?.special || flag("special", false) ||
      usual.special === true;
    found.set(content, {
      content,
      single_word: flag("single_word", before?.single_word ?? false),
      lstrip: flag("lstrip", before?.lstrip ?? usual.lstrip ?? false),
      rstrip: flag("rstrip", before?.rstrip ?? false),
      normalized: flag("normalized", before?.normalized ?? !isSpecial),
      special: isSpecial,
      ...(before?.id !== undefined && { id: before.id }),
      ...(usual.id !== undefined && { id: usual.id }),
    });
  };
  for (const name of ROLES) {
    const key = `${name}_token`;
    const said = saidOf(files, key);
    const usual = roles[name] ?? "";
    // A role that a file says is empty has no token.
    if (said === null || (!said && !vocabulary.has(usual))) continue;
    add(said ?? usual, {
      special: true,
      // RoBERTa's mask takes the space before it.
      lstrip: name === "mask" && roles.cls === "<s>",
    });
  }
  for (const map of [config, special]) {
    const lists = [map.additional_special_tokens, map.extra_special_tokens];
    for (const token of lists.flatMap(moreTokens)) {
      add(token, { special: true });
    }
  }
  for (const [content, id] of Object.entries(added)) {
    if (typeof id === "number") add(content, { id });
  }
  const decoder = config.added_tokens_decoder;
  for (const [id, token] of Object.entries(isObject(decoder) ? decoder : {})) {
    add(token, { id: Number(id) });
  }
  const taken = [
    ...vocabulary.values(),
    ...Array.from(found.values(), ({ id = -1 }) => id),
  ];
  let next = taken.reduce((a, b) => Math.max(a, b), -1) + 1;
  return Array.from(
    found.values(),
    (token) => ({
      ...token,
      id: vocabulary.get(token.content) ?? token.id ?? next++,
    }),
  ).sort((a, b) => a.id - b.id);
}

/** A part of a text, and the token that it is, if any. */
export interface TextPart {
  readonly from: number;
  readonly to: number;
  readonly token?: AddedToken;
}

/** Characters of an added token: texts are searched by one expression for all. */
const LONGEST_TOKEN = 10_000;

/** Finds added tokens in texts. */
export class TokenFinder {
  #tokens: ReadonlyMap<string, AddedToken>;
  #pattern: RegExp | null;

  /**
   * Takes tokens by how the text spells them.
   *
   * @throws {SyntaxError} If one is too long to be looked for.
   */
  constructor(tokens: ReadonlyMap<string, AddedToken>) {
    this.#tokens = tokens;
    const spellings = [...tokens.keys()].filter((text) => text !== "")
      .sort((a, b) => b.length - a.length);
    const [longest = ""] = spellings;
    if (longest.length > LONGEST_TOKEN) {
      throw new SyntaxError(
        `the added token that begins with ${
          JSON.stringify(longest.slice(0, 20))
        } has ${longest.length} characters, expected ${LONGEST_TOKEN} at most`,
      );
    }
    this.#pattern = spellings.length === 0 ? null : new RegExp(
      spellings.map((text) => RegExp.escape(text)).join("|"),
      "gu",
    );
  }

  /**
   * Cuts a text around the tokens in it: of two at one place, the longer. A
   * token that strips the spaces beside it stands for them too.
   */
  split(text: string): TextPart[] {
    if (this.#pattern === null) return [{ from: 0, to: text.length }];
    const parts: TextPart[] = [];
    let last = 0;
    for (const match of text.matchAll(this.#pattern)) {
      let from = match.index;
      let to = from + match[0].length;
      const token = this.#tokens.get(match[0]);
      if (token === undefined) continue;
      if (token.single_word && (endsInWord(text, from) || inWord(text, to))) {
        continue;
      }
      if (token.lstrip) {
        from = Math.max(from - trailingSpaces(text.slice(0, from)), last);
      }
      if (token.rstrip) to += leadingSpaces(text.slice(to));
      if (from > last) parts.push({ from: last, to: from });
      parts.push({ from, to, token });
      last = to;
    }
    if (last !== text.length) parts.push({ from: last, to: text.length });
    return parts;
  }
}

const WORD_CHARACTER = new RegExp(`^[${WORD}]$`, "u");

function endsInWord(text: string, index: number): boolean {
  const pair = index > 1 && (text.codePointAt(index - 2) ?? 0) > 0xffff;
  return index > 0 &&
    WORD_CHARACTER.test(text.slice(index - (pair ? 2 : 1), index));
}

function inWord(text: string, index: number): boolean {
  const char = text.codePointAt(index);
  return char !== undefined && WORD_CHARACTER.test(String.fromCodePoint(char));
}
