// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The classes of characters of the compiled tokenizers. JavaScript's own
// classes differ: for `\s` and `trim`, U+FEFF is a space and U+0085 is not, and
// `\w` holds ASCII only. Three of the tables that the tokenizers were compiled
// with are older than Unicode 16. Characters that came later are listed here,
// so that they are left unchanged, as they are there. Characters that are newer
// than the tables of this JavaScript engine, such as those of Unicode 17, are
// unassigned.

/** The spaces of Rust and Oniguruma: White_Space. */
export const SPACE = String.raw`\p{White_Space}`;

/** The word characters of Rust's expressions (`\w`), for use in brackets. */
export const WORD = String.raw`\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}`;

const SPACES_BEFORE = new RegExp(`^[${SPACE}]+`, "u");
const ONE_SPACE = new RegExp(`^[${SPACE}]$`, "u");

/** Whether a character of one unit is a space. No space needs two units. */
export function isSpace(char: string): boolean {
  return ONE_SPACE.test(char);
}

/** The number of units of space at the beginning of a text. */
export function leadingSpaces(text: string): number {
  return SPACES_BEFORE.exec(text)?.[0].length ?? 0;
}

/** The number of units of space at the end of a text. */
export function trailingSpaces(text: string): number {
  let count = 0;
  while (count < text.length && isSpace(text[text.length - 1 - count] ?? "")) {
    count++;
  }
  return count;
}

/** Nonspacing marks that BertNormalizer does not know, as it has Unicode 8. */
const NEWER_ACCENTS =
  "7fd 897-89f 8ca-8e1 9fe afa-aff b55 c04 c3c d00 d3b-d3c d81 eba ece 180f " +
  "1885-1886 1abf-1ace 1df6-1dfb a82c a8c5 a8ff a9bd 10d24-10d27 " +
  "10d69-10d6d 10eab-10eac 10efc-10eff 10f46-10f50 10f82-10f85 11070 " +
  "11073-11074 110c2 111c9 111cf 1123e 11241 1133b 113bb-113c0 113ce 113d0 " +
  "113d2 113e1-113e2 11438-1143f 11442-11444 11446 1145e 1182f-11837 " +
  "11839-1183a 1193b-1193c 1193e 11943 119d4-119d7 119da-119db 119e0 " +
  "11a01-11a0a 11a33-11a38 11a3b-11a3e 11a47 11a51-11a56 11a59-11a5b " +
  "11a8a-11a96 11a98-11a99 11c30-11c36 11c38-11c3d 11c3f 11c92-11ca7 " +
  "11caa-11cb0 11cb2-11cb3 11cb5-11cb6 11d31-11d36 11d3a 11d3c-11d3d " +
  "11d3f-11d45 11d47 11d90-11d91 11d95 11d97 11ef3-11ef4 11f00-11f01 " +
  "11f36-11f3a 11f40 11f42 11f5a 13440 13447-13455 1611e-16129 1612d-1612f " +
  "16f4f 16fe4 1cf00-1cf2d 1cf30-1cf46 1e000-1e006 1e008-1e018 1e01b-1e021 " +
  "1e023-1e024 1e026-1e02a 1e08f 1e130-1e136 1e2ae 1e2ec-1e2ef 1e4ec-1e4ef " +
  "1e5ee-1e5ef 1e944-1e94a";

/** Marks that StripAccents does not know, as it has Unicode 9. */
const NEWER_MARKS =
  "7fd 897-89f 8ca-8d3 9fe afa-aff b55 c04 c3c cf3 d00 d3b-d3c d81 eba ece " +
  "1715 180f 1abf-1ace 1cf7 1df6-1dfa a82c a8ff 10d24-10d27 10d69-10d6d " +
  "10eab-10eac 10efc-10eff 10f46-10f50 10f82-10f85 11070 11073-11074 110c2 " +
  "11145-11146 111c9 111ce-111cf 11241 1133b 113b8-113c0 113c2 113c5 " +
  "113c7-113ca 113cc-113d0 113d2 113e1-113e2 1145e 1182c-1183a 11930-11935 " +
  "11937-11938 1193b-1193e 11940 11942-11943 119d1-119d7 119da-119e0 119e4 " +
  "11a01-11a0a 11a33-11a39 11a3b-11a3e 11a47 11a51-11a5b 11a8a-11a99 " +
  "11d31-11d36 11d3a 11d3c-11d3d 11d3f-11d45 11d47 11d8a-11d8e 11d90-11d91 " +
  "11d93-11d97 11ef3-11ef6 11f00-11f01 11f03 11f34-11f3a 11f3e-11f42 11f5a " +
  "13440 13447-13455 1611e-1612f 16f4f 16f7f-16f87 16fe4 16ff0-16ff1 " +
  "1cf00-1cf2d 1cf30-1cf46 1e08f 1e130-1e136 1e2ae 1e2ec-1e2ef 1e4ec-1e4ef " +
  "1e5ee-1e5ef";

/** Punctuation that pre-tokenizers do not know, as they have Unicode 8. */
const NEWER_PUNCTUATION =
  "61d 9fd a76 c77 c84 1b4e-1b4f 1b7d-1b7f 2e43-2e4f 2e52-2e5d 10d6e 10ead " +
  "10f55-10f59 10f86-10f89 113d4-113d5 113d7-113d8 1144b-1144f 1145a-1145b " +
  "1145d 11660-1166c 116b9 1183b 11944-11946 119e2 11a3f-11a46 11a9a-11a9c " +
  "11a9e-11aa2 11b00-11b09 11be1 11c41-11c45 11c70-11c71 11ef7-11ef8 " +
  "11f43-11f4f 11fff 12ff1-12ff2 16d6d-16d6f 16e97-16e9a 16fe2 1e5ff " +
  "1e95e-1e95f";

/** Characters whose canonical form or class the normal forms do not know. */
const NEWER_FORMS =
  "7fd 897-89f 8ca-8d3 9fe c3c d3b-d3c eba 1715 1abf-1ace 1df6-1dfa a82c " +
  "105c9 105e4 10d24-10d27 10d69-10d6d 10eab-10eac 10efd-10eff 10f46-10f50 " +
  "10f82-10f85 11070 1133b 11383 11385 1138e 11391 113c5 113c7-113c8 " +
  "113ce-113d0 1145e 11839-1183a 11938 1193d-1193e 11943 119e0 11a34 11a47 " +
  "11a99 11d42 11d44-11d45 11d97 11f41-11f42 16121-16128 1612f 16d68-16d6a " +
  "16ff0-16ff1 1e08f 1e130-1e136 1e2ae 1e2ec-1e2ef 1e4ec-1e4ef 1e5ee-1e5ef";

/** Characters whose compatible form the normal forms do not know. */
const NEWER_COMPATIBLE =
  "32ff a7f2-a7f4 ab69 10781-10785 10787-107b0 107b2-107ba 1ccd6-1ccf9 " +
  "1e030-1e06d 1f16c 1fbf0-1fbf9";

/** Spells a list of ranges for use in brackets: `\\u{7fd}\\u{897}-\\u{89f}`. */
function inside(ranges: string): string {
  return ranges.split(" ").map((range) =>
    range.split("-").map((code) => `\\u{${code}}`).join("-")
  ).join("");
}

/** The accents that BertNormalizer removes. */
export const ACCENT = new RegExp(
  `[[\\p{Mn}\\u{1734}\\u{1171e}]--[${inside(NEWER_ACCENTS)}]]`,
  "v",
);

/** The marks that StripAccents removes. */
export const MARK = new RegExp(
  `[[\\p{M}\\u{1cf2}\\u{1cf3}]--[${inside(NEWER_MARKS)}]]`,
  "v",
);

/** The punctuation of Unicode and of ASCII, which includes `$` and `+`. */
export const PUNCTUATION = new RegExp(
  `[[\\p{P}\\u{166d}\\u{111c9}!-\\/:-@\\[-\`\\{-~]` +
    `--[${inside(NEWER_PUNCTUATION)}]]`,
  "gv",
);

/**
 * Characters that canonical forms leave unchanged, as starters without a form.
 */
export const NO_CANONICAL_FORM = new RegExp(`[${inside(NEWER_FORMS)}]`, "u");

/** Characters that compatible forms leave unchanged. */
export const NO_COMPATIBLE_FORM = new RegExp(
  `[${inside(NEWER_FORMS)}${inside(NEWER_COMPATIBLE)}]`,
  "u",
);

/** The characters that BertNormalizer removes with `clean_text`. */
export const CONTROL = new RegExp(
  `[[\\p{Cc}\\p{Cf}\\p{Co}\\p{Cs}\\u{fffd}]` +
    `--[\\t\\n\\r\\u{890}\\u{891}\\u{8e2}\\u{110cd}\\u{13430}-\\u{1343f}]]`,
  "v",
);

/**
 * The characters that BertNormalizer puts spaces around. The block after U+2B81F
 * begins at U+2B920 here as there; in BERT's first code it begins at U+2B820.
 */
export const CHINESE = new RegExp(
  "[\\u{3400}-\\u{4dbf}\\u{4e00}-\\u{9fff}\\u{f900}-\\u{faff}" +
    "\\u{20000}-\\u{2a6df}\\u{2a700}-\\u{2b81f}\\u{2b920}-\\u{2ceaf}" +
    "\\u{2f800}-\\u{2fa1f}]",
  "u",
);
