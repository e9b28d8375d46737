// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Added tokens are found in a text before it is split. This file collects them
// from the files of a folder without `tokenizer.json`, and finds them in texts.

import { isObject } from "../files/json.ts";
import { leadingSpaces, trailingSpaces, WORD } from "./unicode.ts";

/** An added token, with the fields that `tokenizer.json` lists. */
export interface AddedToken {
  /** The id. */
  readonly id: number;
  /** The text. */
  readonly content: string;
  /** Whether the token is found only as a whole word. */
  readonly single_word: boolean;
  /** Whether the token includes the spaces before it. */
  readonly lstrip: boolean;
  /** Whether the token includes the spaces behind it. */
  readonly rstrip: boolean;
  /** Whether the token is found after a text is normalized, not before. */
  readonly normalized: boolean;
  /** Whether decoding can leave the token out. */
  readonly special: boolean;
}

/** The files that name special and added tokens, as their JSON fields. */
export interface TokenFiles {
  /** The fields of `tokenizer_config.json`. */
  readonly config: Record<string, unknown>;
  /** The fields of `special_tokens_map.json`. */
  readonly special: Record<string, unknown>;
  /** The fields of `added_tokens.json`. */
  readonly added: Record<string, unknown>;
}

const ROLES = ["bos", "eos", "unk", "sep", "pad", "cls", "mask"] as const;

/** The text of a special token, which a file gives as a string or an object. */
export function tokenText(value: unknown): string | null {
  if (typeof value === "string") return value;
  return isObject(value) && typeof value.content === "string"
    ? value.content
    : null;
}

/** Reads special tokens without a role: a list, or an object of names. */
export function moreTokens(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  return isObject(value) ? Object.values(value) : [];
}

/**
 * The value of a key that two files may have. `tokenizer_config.json` takes
 * precedence if it lists the added tokens; in older folders,
 * `special_tokens_map.json` does.
 */
export function valueOf(
  { config, special }: Pick<TokenFiles, "config" | "special">,
  key: string,
): unknown {
  return isObject(config.added_tokens_decoder)
    ? config[key] ?? special[key]
    : special[key] ?? config[key];
}

/**
 * Collects the added tokens of a folder without `tokenizer.json`: the tokens with
 * a role, under their usual names unless a file names others, and the tokens that
 * the files add. A token that the vocabulary lacks gets the next free id.
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
    const value = valueOf(files, key);
    const usual = roles[name] ?? "";
    // If a file has null for a role, the role has no token.
    if (value === null || (!value && !vocabulary.has(usual))) continue;
    add(value ?? usual, {
      special: true,
      // RoBERTa's mask includes the space before it.
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

/** A part of a text. It may be an added token. */
export interface TextPart {
  readonly from: number;
  readonly to: number;
  readonly token?: AddedToken;
}

/**
 * A node in the tree of spellings: its children, and the token that ends here.
 */
interface SpellingNode {
  readonly next: Map<number, SpellingNode>;
  token?: AddedToken;
}

/**
 * Finds added tokens in texts. The spellings form a tree over their UTF-16 units,
 * because a file may hold tens of thousands of tokens, or very long ones.
 */
export class TokenFinder {
  readonly #root: SpellingNode = { next: new Map() };

  /** The keys of `tokens` are their spellings in texts. */
  constructor(tokens: ReadonlyMap<string, AddedToken>) {
    for (const [text, token] of tokens) {
      if (text === "") continue;
      let node = this.#root;
      for (let i = 0; i < text.length; i++) {
        const unit = text.charCodeAt(i);
        let next = node.next.get(unit);
        if (!next) node.next.set(unit, next = { next: new Map() });
        node = next;
      }
      node.token = token;
    }
  }

  /**
   * Cuts a text around the tokens in it. Where two begin at the same offset, the
   * longer one is found. A token that strips spaces includes them.
   */
  split(text: string): TextPart[] {
    if (this.#root.next.size === 0) return [{ from: 0, to: text.length }];
    const parts: TextPart[] = [];
    let last = 0;
    for (let at = 0; at < text.length;) {
      const found = this.#longest(text, at);
      if (!found) {
        at++;
        continue;
      }
      const { token, end } = found;
      let [from, to] = [at, end];
      at = end;
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

  /** The longest token that begins at `start`. */
  #longest(
    text: string,
    start: number,
  ): { token: AddedToken; end: number } | undefined {
    let found: { token: AddedToken; end: number } | undefined;
    let node: SpellingNode | undefined = this.#root;
    for (let at = start; at < text.length; at++) {
      node = node.next.get(text.charCodeAt(at));
      if (!node) break;
      if (node.token) found = { token: node.token, end: at + 1 };
    }
    return found;
  }
}

const WORD_CHARACTER = new RegExp(`^[${WORD}]$`, "u");

/** Whether a word character stands before an index. */
function endsInWord(text: string, index: number): boolean {
  const pair = index > 1 && (text.codePointAt(index - 2) ?? 0) > 0xffff;
  return index > 0 &&
    WORD_CHARACTER.test(text.slice(index - (pair ? 2 : 1), index));
}

/** Whether a word character stands at an index. */
function inWord(text: string, index: number): boolean {
  const char = text.codePointAt(index);
  return char !== undefined && WORD_CHARACTER.test(String.fromCodePoint(char));
}
