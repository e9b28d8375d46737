// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// How Tercom normalizes a text before it counts edits.

import { splitWords } from "./words.ts";

type Rules = readonly (readonly [RegExp, string])[];

const WESTERN: Rules = [
  [/\n-/gu, ""],
  [/\n/gu, " "],
  [/&quot;/gu, '"'],
  [/&amp;/gu, "&"],
  [/&lt;/gu, "<"],
  [/&gt;/gu, ">"],
];

const WESTERN_PUNCTUATION: Rules = [
  [/([{-~[-` -&(-+:-@/])/gu, " $1 "],
  [/'s /gu, " 's "],
  [/'s$/gu, " 's"],
  [/([^0-9])([.,])/gu, "$1 $2 "],
  [/([.,])([^0-9])/gu, " $1 $2"],
  [/([0-9])(-)/gu, "$1 $2 "],
];

const ASIAN_PUNCTUATION =
  /([\u3001\u3002\u3008-\u3011\u3014-\u301f\uff61-\uff65\u30fb])/gu;
const FULL_WIDTH_PUNCTUATION =
  /([\uff0e\uff0c\uff1f\uff1a\uff1b\uff01\uff02\uff08\uff09])/gu;

const ASIAN: Rules = [
  // Chinese characters, strokes, radicals and compatibility forms, one by one.
  [/([\u4e00-\u9fff\u3400-\u4dbf])/gu, " $1 "],
  [/([\u31c0-\u31ef\u2e80-\u2eff])/gu, " $1 "],
  [/([\u3300-\u33ff\uf900-\ufaff\ufe30-\ufe4f])/gu, " $1 "],
  // The upper end is Tercom's in sacreBLEU, not that of the Unicode block.
  [/([\u3200-\u3f22])/gu, " $1 "],
  // A text that begins and ends with kana of one kind is set apart.
  [/(^|^[\u3040-\u309f])([\u3040-\u309f]+)(?=$|^[\u3040-\u309f])/gu, "$1 $2 "],
  [/(^|^[\u30a0-\u30ff])([\u30a0-\u30ff]+)(?=$|^[\u30a0-\u30ff])/gu, "$1 $2 "],
  [/(^|^[\u31f0-\u31ff])([\u31f0-\u31ff]+)(?=$|^[\u31f0-\u31ff])/gu, "$1 $2 "],
  [ASIAN_PUNCTUATION, " $1 "],
  [FULL_WIDTH_PUNCTUATION, " $1 "],
];

/** Normalizes a text; without options it only becomes lower case. */
export function terTokenize(
  text: string,
  options: {
    normalized?: boolean;
    noPunct?: boolean;
    asianSupport?: boolean;
    caseSensitive?: boolean;
  },
): string {
  const apply = (line: string, rules: Rules): string =>
    rules.reduce((result, [from, to]) => result.replace(from, to), line);
  let line = options.caseSensitive ? text : text.toLowerCase();
  if (options.normalized) {
    line = apply(` ${apply(line, WESTERN)} `, WESTERN_PUNCTUATION);
    if (options.asianSupport) line = apply(line, ASIAN);
    line = splitWords(line).join(" ");
  }
  if (options.noPunct) {
    line = line.replace(/[.,?:;!"()]/gu, "");
    if (options.asianSupport) {
      line = line.replace(ASIAN_PUNCTUATION, "")
        .replace(FULL_WIDTH_PUNCTUATION, "");
    }
  }
  return line;
}
