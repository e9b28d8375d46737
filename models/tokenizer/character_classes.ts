// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Oniguruma's classes of characters, as JavaScript spells them within brackets.

const SPACE = String.raw`\p{White_Space}`;
const WORD = String.raw`\p{Alphabetic}\p{M}\p{Nd}\p{Pc}`;
/**
 * The meaning of `\w` outside of brackets, and so of `\b`. It includes the
 * fractions and the superscript digits of Latin-1.
 */
export const BARE_WORD = WORD + String.raw`\xb2\xb3\xb9\xbc-\xbe`;
const HEX = "0-9A-Fa-f";

/** Classes by the letter of their escape. A capital letter negates the class. */
export const ESCAPED: Readonly<Record<string, string>> = {
  s: SPACE,
  w: WORD,
  d: String.raw`\p{Nd}`,
  h: HEX,
};

/** Classes by their names, as in `[[:alpha:]]` and `\p{Alpha}`. */
export const NAMED: Readonly<Record<string, string>> = {
  alnum: String.raw`\p{Alphabetic}\p{Nd}`,
  alpha: String.raw`\p{Alphabetic}`,
  any: String.raw`\p{Any}`,
  ascii: String.raw`\0-\x7f`,
  blank: String.raw`\p{Zs}\t`,
  cntrl: String.raw`\p{Cc}`,
  digit: String.raw`\p{Nd}`,
  graph: String.raw`[\p{Any}--[\p{White_Space}\p{Cc}\p{Cn}\p{Cs}]]`,
  lower: String.raw`\p{Lowercase}`,
  print: String.raw`[\p{Any}--[\p{White_Space}\p{Cc}\p{Cn}\p{Cs}]]\p{Zs}`,
  punct: String.raw`\p{P}`,
  space: SPACE,
  upper: String.raw`\p{Uppercase}`,
  word: WORD,
  xdigit: HEX,
};

/** Spells a character that stands for itself, in and outside of classes. */
export function literal(char: string): string {
  return /^[\p{L}\p{N}]$/u.test(char)
    ? char
    : `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`;
}

/** Spells a Unicode property: a category, a script or a binary property. */
export function unicodeProperty(name: string): string {
  const words = name.split(/[ _-]/).filter((word) => word !== "");
  const spelled = words.map((word) =>
    word.slice(0, 1).toUpperCase() + word.slice(1).toLowerCase()
  ).join("_");
  for (
    const candidate of [
      name,
      `Script=${name}`,
      spelled,
      `Script=${spelled}`,
    ]
  ) {
    try {
      new RegExp(`\\p{${candidate}}`, "v");
      return `\\p{${candidate}}`;
    } catch {
      continue;
    }
  }
  throw new SyntaxError(`JavaScript has no property "${name}"`);
}
