// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The expressions of `tokenizer.json` are written in Oniguruma's syntax (with
// Ruby's extensions) and are translated to JavaScript's. Where both spell
// something alike but mean something else, the meaning is spelled out: classes
// such as `\w`, the ends of lines, possessive and atomic groups.

import {
  BARE_WORD,
  ESCAPED,
  literal,
  NAMED,
  unicodeProperty,
} from "./character_classes.ts";

/** The code points of control characters by the letter of their escape. */
const CONTROLS: Readonly<Record<string, number>> = {
  a: 7,
  e: 27,
  f: 12,
  n: 10,
  r: 13,
  t: 9,
  v: 11,
};

/**
 * Translates an expression from Oniguruma's syntax to JavaScript's, for the flag
 * `v`.
 *
 * @throws {SyntaxError} If it is malformed, or JavaScript cannot express it.
 */
export function translateExpression(expression: string): string {
  return new Translation(expression).whole();
}

/** A parser that writes JavaScript's syntax while it reads Oniguruma's. */
class Translation {
  #text: readonly string[];
  #at = 0;
  #groups = 0;
  #atoms = 0;
  #refers: boolean;
  /** Whether `.` also matches a line break, as after `(?m)`. */
  #dotsAll = false;
  /** Whether spaces and comments are ignored, as after `(?x)`. */
  #extended = false;
  /** Whether case is ignored at this point of the expression. */
  #ignoresCase = false;
  /** Whether case is ignored anywhere in the expression. */
  #switchesCase: boolean;

  constructor(expression: string) {
    this.#text = [...expression];
    this.#refers = /\\[1-9k]/.test(expression);
    this.#switchesCase = /\(\?[mx]*i/.test(expression);
  }

  whole(): string {
    const result = this.#alternatives();
    if (this.#at < this.#text.length) {
      throw new SyntaxError(`")" at ${this.#at} closes nothing`);
    }
    return result;
  }

  #peek(text: string): boolean {
    const chars = [...text];
    return chars.every((char, i) => this.#text[this.#at + i] === char);
  }

  #take(text: string): boolean {
    if (!this.#peek(text)) return false;
    this.#at += [...text].length;
    return true;
  }

  #next(): string {
    const char = this.#text[this.#at++];
    if (char === undefined) throw new SyntaxError("it ends too early");
    return char;
  }

  #until(end: string): string {
    let result = "";
    while (!this.#take(end)) result += this.#next();
    return result;
  }

  /** Reads alternatives up to the end of the group. */
  #alternatives(): string {
    const [dots, extended] = [this.#dotsAll, this.#extended];
    const cases = this.#ignoresCase;
    let result = "";
    let close = "";
    while (this.#at < this.#text.length && !this.#peek(")")) {
      if (this.#take("|")) {
        result += "|";
        continue;
      }
      const flags = this.#inlineFlags();
      if (flags !== null) {
        result += `(?${flags}:`;
        close += ")";
        continue;
      }
      if (this.#extended && this.#skipsComment()) continue;
      const atom = this.#atom();
      // V8 keeps ignoring the case of classes behind a group that ignores case.
      result += this.#quantified(
        this.#switchesCase && !this.#ignoresCase && atom.startsWith("[")
          ? `(?-i:${atom})`
          : atom,
      );
    }
    [this.#dotsAll, this.#extended] = [dots, extended];
    this.#ignoresCase = cases;
    return result + close;
  }

  #skipsComment(): boolean {
    const char = this.#text[this.#at] ?? "";
    if (/\s/.test(char)) this.#at++;
    else if (char === "#") {
      while (this.#at < this.#text.length && this.#next() !== "\n");
    } else return false;
    return true;
  }

  /** Reads flags like `(?i)`, which hold until the end of the group. */
  #inlineFlags(): string | null {
    const rest = this.#text.slice(this.#at, this.#at + 12).join("");
    const found = /^\(\?([imx]*)(?:-([imx]*))?\)/.exec(rest);
    if (found === null) return null;
    this.#at += found[0].length;
    return this.#setFlags(found[1] ?? "", found[2] ?? "");
  }

  /** Sets flags, and returns those that JavaScript's expression needs. */
  #setFlags(on: string, off: string): string {
    if (on.includes("m")) this.#dotsAll = true;
    if (off.includes("m")) this.#dotsAll = false;
    if (on.includes("x")) this.#extended = true;
    if (off.includes("x")) this.#extended = false;
    if (on.includes("i")) this.#ignoresCase = true;
    if (off.includes("i")) this.#ignoresCase = false;
    return on.includes("i") ? "i" : off.includes("i") ? "-i" : "";
  }

  #atom(): string {
    const char = this.#next();
    switch (char) {
      case "(":
        return this.#group();
      case "[":
        return this.#class();
      case ".":
        return this.#dotsAll ? String.raw`\p{Any}` : String.raw`[^\n]`;
      case "^":
        return String.raw`(?:^|(?<=\n)(?!$))`;
      case "$":
        return String.raw`(?=\n|$)`;
      case "\\":
        return this.#escape();
      default:
        return literal(char);
    }
  }

  #group(): string {
    const inside = (open: string): string => {
      const result = `${open}${this.#alternatives()})`;
      if (!this.#take(")")) throw new SyntaxError("a group is not closed");
      return result;
    };
    if (this.#take("?#")) {
      this.#until(")");
      return "";
    }
    for (const open of ["?:", "?=", "?!", "?<=", "?<!"]) {
      if (this.#take(open)) return inside(`(${open}`);
    }
    if (this.#take("?>")) return this.#atomic(inside("(?:"));
    if (this.#take("?<")) return inside(`(?<${this.#until(">")}>`);
    if (this.#take("?")) {
      const flags = this.#until(":");
      const found = /^([imx]*)(?:-([imx]*))?$/.exec(flags);
      if (found === null) {
        throw new SyntaxError(`there is no group "(?${flags}:"`);
      }
      const before = [this.#dotsAll, this.#extended] as const;
      const cases = this.#ignoresCase;
      const kept = this.#setFlags(found[1] ?? "", found[2] ?? "");
      const result = inside(`(?${kept}:`);
      [this.#dotsAll, this.#extended] = before;
      this.#ignoresCase = cases;
      return result;
    }
    return inside(this.#refers ? `(?<group${++this.#groups}>` : "(?:");
  }

  /** Makes a part atomic: once it has matched, no other match is tried. */
  #atomic(part: string): string {
    const name = `atom${++this.#atoms}`;
    return String.raw`(?:(?=(?<${name}>${part}))\k<${name}>)`;
  }

  #quantified(atom: string): string {
    let result = atom;
    for (;;) {
      const rest = this.#text.slice(this.#at, this.#at + 24).join("");
      const found = /^(?:[*+?]|\{\d+(?:,\d*)?\}|\{,\d+\})/.exec(rest)?.[0];
      if (found === undefined) return result;
      this.#at += found.length;
      const count = found.startsWith("{,") ? `{0${found.slice(1)}` : found;
      // A second quantifier needs a group around the first.
      const inner = result === atom ? result : `(?:${result})`;
      if (this.#take("?")) result = `${inner}${count}?`;
      else if (!found.startsWith("{") && this.#take("+")) {
        result = this.#atomic(`${inner}${count}`);
      } else result = `${inner}${count}`;
    }
  }

  #escape(): string {
    const char = this.#text[this.#at] ?? "";
    const name = char.toLowerCase() === "w"
      ? BARE_WORD
      : ESCAPED[char.toLowerCase()];
    if (name !== undefined) {
      this.#at++;
      return char === char.toLowerCase() ? `[${name}]` : `[^${name}]`;
    }
    switch (char) {
      case "p":
      case "P":
        return this.#property();
      case "A":
        this.#at++;
        return "^";
      case "z":
        this.#at++;
        return "$";
      case "Z":
        this.#at++;
        return String.raw`(?=\n?$)`;
      case "b":
        this.#at++;
        return `(?:(?<=[${BARE_WORD}])(?![${BARE_WORD}])|(?<![${BARE_WORD}])(?=[${BARE_WORD}]))`;
      case "B":
        this.#at++;
        return `(?:(?<=[${BARE_WORD}])(?=[${BARE_WORD}])|(?<![${BARE_WORD}])(?![${BARE_WORD}]))`;
      case "R":
        this.#at++;
        return String.raw`(?:\r\n|[\n\v\f\r\x85\u2028\u2029])`;
      case "k":
        this.#at++;
        if (!this.#take("<")) break;
        return this.#reference(this.#until(">"));
    }
    if (/[1-9]/.test(char)) {
      this.#at++;
      return this.#reference(char);
    }
    if (/[GKXyYgNOM]/.test(char)) {
      throw new SyntaxError(`JavaScript has nothing for "\\${char}"`);
    }
    return literal(this.#character());
  }

  #reference(name: string): string {
    return String.raw`\k<${/^\d+$/.test(name) ? `group${name}` : name}>`;
  }

  /** Reads the character that an escape stands for. */
  #character(): string {
    const char = this.#next();
    const control = CONTROLS[char];
    if (control !== undefined) return String.fromCodePoint(control);
    const digits = (pattern: RegExp): string => {
      const rest = this.#text.slice(this.#at, this.#at + 8).join("");
      const found = pattern.exec(rest)?.[0] ?? "";
      this.#at += found.length;
      return found;
    };
    if (char === "x" && this.#take("{")) {
      return String.fromCodePoint(parseInt(this.#until("}"), 16));
    }
    if (char === "x") {
      return String.fromCodePoint(
        parseInt(digits(/^[\da-f]{1,2}/i) || "0", 16),
      );
    }
    if (char === "u") {
      const code = digits(/^[\da-f]{4}/i);
      if (code === "") throw new SyntaxError("\\u needs four digits");
      return String.fromCodePoint(parseInt(code, 16));
    }
    if (char === "0") {
      return String.fromCodePoint(parseInt(digits(/^[0-7]{1,2}/) || "0", 8));
    }
    return char;
  }

  /** Reads `\p{…}`, `\P{…}` or `\p{^…}`. */
  #property(): string {
    let negated = this.#next() === "P";
    if (!this.#take("{")) throw new SyntaxError("\\p needs a name in braces");
    if (this.#take("^")) negated = !negated;
    const name = this.#until("}");
    const known = NAMED[name.toLowerCase().replace(/[ _-]/g, "")];
    return `[${negated ? "^" : ""}${known ?? unicodeProperty(name)}]`;
  }

  /** Reads a class behind its opening bracket. */
  #class(): string {
    const negated = this.#take("^");
    const parts: string[] = [];
    let part = "";
    let first = true;
    while (first || !this.#take("]")) {
      if (this.#take("&&")) {
        parts.push(part);
        part = "";
        first = false;
        continue;
      }
      part += this.#member();
      first = false;
    }
    parts.push(part);
    const inside = parts.length === 1
      ? part
      : parts.map((one) => `[${one}]`).join("&&");
    return `[${negated ? "^" : ""}${inside}]`;
  }

  /** Reads a member of a class: a class, a character or a range. */
  #member(): string {
    const rest = this.#text.slice(this.#at, this.#at + 16).join("");
    const posix = /^\[:(\^?)([a-z]+):\]/.exec(rest);
    if (posix !== null) {
      // In brackets, `[:punct:]` includes symbols.
      const name = posix[2] === "punct"
        ? String.raw`\p{P}\p{S}`
        : NAMED[posix[2] ?? ""];
      if (name === undefined) throw new SyntaxError(`no class is ${posix[0]}`);
      this.#at += posix[0].length;
      return posix[1] === "^" ? `[^${name}]` : `[${name}]`;
    }
    const char = this.#next();
    if (char === "[") return this.#class();
    let low = char;
    if (char === "\\") {
      const kind = this.#text[this.#at] ?? "";
      const name = ESCAPED[kind.toLowerCase()];
      if (name !== undefined) {
        this.#at++;
        return kind === kind.toLowerCase() ? `[${name}]` : `[^${name}]`;
      }
      if (kind === "p" || kind === "P") return this.#property();
      if (kind === "R" || kind === "X") {
        throw new SyntaxError(
          `JavaScript has nothing for "\\${kind}" in a class`,
        );
      }
      low = this.#take("b") ? "\b" : this.#character();
    }
    const ranges = this.#peek("-") && this.#text[this.#at + 1] !== "]" &&
      this.#text[this.#at + 1] !== "[" &&
      this.#text[this.#at + 1] !== undefined && !this.#peek("-&&");
    if (!ranges) return literal(low);
    this.#at++;
    if (this.#peek("\\")) {
      const kind = this.#text[this.#at + 1] ?? "";
      // A class cannot end a range, so the dash stands for itself.
      if (/[swdhpP]/i.test(kind)) return literal(low) + literal("-");
      this.#at++;
      return `${literal(low)}-${literal(this.#character())}`;
    }
    return `${literal(low)}-${literal(this.#next())}`;
  }
}
