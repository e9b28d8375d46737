// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.
// Tokens that are found in a text before it is split: which there are, where no
// `tokenizer.json` lists them, and how they are found.

import { isObject } from "../files/json.ts";

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
    const said = config[key] ?? special[key];
    const usual = roles[name] ?? "";
    if (!said && !vocabulary.has(usual)) continue;
    add(said ?? usual, {
      special: true,
      // RoBERTa's mask takes the space before it.
      lstrip: name === "mask" && roles.cls === "<s>",
    });
  }
  for (const map of [config, special]) {
    const more = map.additional_special_tokens;
    for (const token of Array.isArray(more) ? more : []) {
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

/** Finds added tokens in texts. */
export class TokenFinder {
  #tokens: ReadonlyMap<string, AddedToken>;
  #pattern: RegExp | null;

  /** `tokens` by how the text spells them. */
  constructor(tokens: ReadonlyMap<string, AddedToken>) {
    this.#tokens = tokens;
    const spellings = [...tokens.keys()].filter((text) => text !== "")
      .sort((a, b) => b.length - a.length);
    this.#pattern = spellings.length === 0
      ? null
      : new RegExp(spellings.map((text) => RegExp.escape(text)).join("|"), "g");
  }

  /** Cuts a text around the tokens in it: of two at one place, the longer. */
  split(text: string): TextPart[] {
    if (this.#pattern === null) return [{ from: 0, to: text.length }];
    const parts: TextPart[] = [];
    let last = 0;
    for (const match of text.matchAll(this.#pattern)) {
      const from = match.index;
      const to = from + match[0].length;
      const token = this.#tokens.get(match[0]);
      if (token === undefined || from < last) continue;
      if (token.single_word && (endsInWord(text, from) || inWord(text, to))) {
        continue;
      }
      const before = text.slice(last, from);
      const rest = token.lstrip ? before.trimEnd().length : before.length;
      if (rest > 0) parts.push({ from: last, to: last + rest });
      parts.push({ from, to, token });
      const after = text.slice(to);
      last = token.rstrip ? text.length - after.trimStart().length : to;
    }
    if (last < text.length) parts.push({ from: last, to: text.length });
    return parts;
  }
}

const WORD_BEFORE = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}]$/u;
const WORD_AFTER = /^[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}]/u;

function endsInWord(text: string, index: number): boolean {
  return WORD_BEFORE.test(text.slice(Math.max(0, index - 2), index));
}

function inWord(text: string, index: number): boolean {
  return WORD_AFTER.test(text.slice(index, index + 2));
}
