// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// What replicated_text.ts changes within the text of a kernel: accesses of buffers,
// parameters that differ between replicas, and the parameters of functions. The
// text is read as a list of tokens, and locals that hide a buffer are noticed.

import type { Access } from "./kernel_text.ts";

/** A variable bound as a storage buffer. */
export interface Variable {
  readonly name: string;
  readonly access: Access;
  /** The type of an element. */
  readonly type: string;
  readonly isMerged: boolean;
  /** Where the elements of a replica begin, as WGSL. */
  readonly start: string;
}

/** A piece of a text: a word, a number or a sign, and the space before it. */
interface Token {
  readonly before: string;
  text: string;
}

/** What {@linkcode replicateNames} looks for. */
interface Sought {
  readonly buffers: readonly Variable[];
  /** The name of the variable that holds the parameters. */
  readonly params: string | undefined;
  readonly words: readonly (readonly [name: string, at: number])[];
  readonly width: number;
}

/**
 * Rewrites every access of a buffer and every parameter that differs between
 * replicas, and hands the replica to every function.
 *
 * @returns `undefined` if a buffer is used in another way.
 */
export function replicateNames(
  text: string,
  { buffers, params, words, width }: Sought,
): string | undefined {
  const tokens: Token[] = [
    ...text.matchAll(/(\s*)(\d[\w.]*|[A-Za-z_]\w*|[^\s\w]|$)/g),
  ].map(([, before = "", text = ""]) => ({ before, text }));
  const at = (i: number) => tokens[i]?.text;
  const byName = new Map(buffers.map((buffer) => [buffer.name, buffer]));
  const functions = new Set(
    [...text.matchAll(/\bfn\s+(\w+)/g)].map(([, name = ""]) => name),
  );
  functions.delete("main");
  const hidden = new Shadows();
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i] as Token;
    const name = token.text;
    hidden.pass(tokens, i);
    const isMember = at(i - 1) === "." || at(i + 1) === ":";
    if (isMember || hidden.has(name)) continue;
    if (name === params && at(i + 1) === ".") {
      const word = words.find(([word]) => word === at(i + 2));
      if (!word) continue;
      token.text = `replica_words[(${params}.replica_first + replica) * ` +
        `${width}u + ${word[1]}u]`;
      for (const part of tokens.slice(i + 1, i + 3)) part.text = "";
      continue;
    }
    if (functions.has(name) && at(i + 1) === "(") {
      const isDeclared = at(i - 1) === "fn";
      (tokens[i + 1] as Token).text =
        (isDeclared ? "(replica: u32" : "(replica") +
        (at(i + 2) === ")" ? "" : ", ");
      continue;
    }
    const buffer = byName.get(name);
    if (!buffer || hidden.isDeclared(tokens, i)) continue;
    if (buffer.access === "texels") {
      const isLoad = at(i - 2) === "textureLoad" &&
        tokens.slice(0, i).findLast(({ text }) => text.endsWith("_texel"))
            ?.text === `${name}_replica_texel`;
      if (isLoad) continue;
      return undefined;
    }
    const end = at(i + 1) === "[" ? closing(tokens, i + 1) : undefined;
    if (end === undefined) return undefined;
    const [open, close] = [tokens[i + 1], tokens[end]] as [Token, Token];
    if (!buffer.isMerged || buffer.type === "f32") {
      if (buffer.isMerged) token.text = "replica_merged";
      open.text = `[${buffer.start} + (`;
      close.text = ")]";
      continue;
    }
    if (at(i - 1) === "&" || at(end + 1) === ".") return undefined;
    const isStore = at(end + 1) === "=" && at(end + 2) !== "=";
    const isChange = !isStore && at(end + 2) === "=" &&
      /[-+*/%&|^]/.test(at(end + 1) ?? "");
    if (isChange) return undefined;
    token.text = `${name}_replica_${isStore ? "store" : "load"}`;
    open.text = "(replica, ";
    if (!isStore) {
      close.text = ")";
      continue;
    }
    close.text = ",";
    (tokens[end + 1] as Token).text = "";
    const stop = tokens.findIndex(({ text }, k) => k > end && text === ";");
    if (stop < 0) return undefined;
    (tokens[stop] as Token).text = ");";
  }
  return tokens.map(({ before, text }) => before + text).join("");
}

/** The index of the bracket that closes the one at an index. */
function closing(tokens: readonly Token[], start: number): number | undefined {
  let depth = 0;
  for (let i = start; i < tokens.length; i++) {
    // Those inside are rewritten later.
    const text = tokens[i]?.text;
    if (text === "[") depth++;
    else if (text === "]" && --depth === 0) return i;
  }
  return undefined;
}

/** The local names that hide variables of the module, by scope. */
class Shadows {
  readonly #scopes: { kind: string; names: Set<string> }[] = [];
  /** A name whose declaration ends at the next semicolon. */
  #pending: string | undefined;

  /** Takes the next token into account. */
  pass(tokens: readonly Token[], i: number): void {
    const text = tokens[i]?.text ?? "";
    const top = this.#scopes.at(-1);
    if (text === "fn" || text === "for") this.#open(text);
    else if (text === "{") this.#open("{");
    else if (text === "}") {
      this.#scopes.pop();
      if (this.#scopes.at(-1)?.kind !== "{") this.#scopes.pop();
    } else if (text.endsWith(";")) {
      if (this.#pending !== undefined) top?.names.add(this.#pending);
      this.#pending = undefined;
    } else if (this.isDeclared(tokens, i)) this.#pending = text;
    else if (top?.kind === "fn" && tokens[i + 1]?.text === ":") {
      top.names.add(text);
    }
  }

  /** Whether a declaration introduces the token as the name of a local. */
  isDeclared(tokens: readonly Token[], i: number): boolean {
    return ["let", "var", "const"].includes(tokens[i - 1]?.text ?? "");
  }

  /** Whether a local of this name hides a variable of the module now. */
  has(name: string): boolean {
    return this.#scopes.some(({ names }) => names.has(name));
  }

  #open(kind: string): void {
    this.#scopes.push({ kind, names: new Set() });
  }
}
