// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Porter's stemmer (1980) with the extensions that NLTK has by default, which is
// the stemmer of ROUGE in Python.

/** Words that are not stemmed by rule. */
const IRREGULAR: ReadonlyMap<string, string> = new Map(
  Object.entries({
    sky: "sky",
    skies: "sky",
    dying: "die",
    lying: "lie",
    tying: "tie",
    news: "news",
    innings: "inning",
    inning: "inning",
    outings: "outing",
    outing: "outing",
    cannings: "canning",
    canning: "canning",
    howe: "howe",
    proceed: "proceed",
    exceed: "exceed",
    succeed: "succeed",
  }),
);

/** A suffix, and what replaces it. */
type Suffix = readonly [from: string, to: string];

const STEP_2: readonly Suffix[] = [
  ["ational", "ate"],
  ["tional", "tion"],
  ["enci", "ence"],
  ["anci", "ance"],
  ["izer", "ize"],
  ["bli", "ble"],
  ["alli", "al"],
  ["entli", "ent"],
  ["eli", "e"],
  ["ousli", "ous"],
  ["ization", "ize"],
  ["ation", "ate"],
  ["ator", "ate"],
  ["alism", "al"],
  ["iveness", "ive"],
  ["fulness", "ful"],
  ["ousness", "ous"],
  ["aliti", "al"],
  ["iviti", "ive"],
  ["biliti", "ble"],
  ["fulli", "ful"],
];

const STEP_3: readonly Suffix[] = [
  ["icate", "ic"],
  ["ative", ""],
  ["alize", "al"],
  ["iciti", "ic"],
  ["ical", "ic"],
  ["ful", ""],
  ["ness", ""],
];

const STEP_4 = [
  "al",
  "ance",
  "ence",
  "er",
  "ic",
  "able",
  "ible",
  "ant",
  "ement",
  "ment",
  "ent",
  "ion",
  "ou",
  "ism",
  "ate",
  "iti",
  "ous",
  "ive",
  "ize",
];

/** The stem of a word in lower case. */
export function porterStem(word: string): string {
  const known = IRREGULAR.get(word);
  if (known !== undefined) return known;
  if (word.length <= 2) return word;
  let stem = pastAndProgressive(plural(word));
  if (/.[^]y$/.test(stem) && isConsonant(stem, stem.length - 2)) {
    stem = `${stem.slice(0, -1)}i`;
  }
  return lastLetters(step4(replaceSuffix(step2(stem), STEP_3)));
}

/** Whether a letter is a consonant; y is one unless it follows a consonant. */
function isConsonant(word: string, at: number): boolean {
  const letter = word[at] ?? "";
  if ("aeiou".includes(letter)) return false;
  return letter !== "y" || at === 0 || !isConsonant(word, at - 1);
}

/** How often a consonant follows a vowel: m of [C](VC)ᵐ[V]. */
function measure(stem: string): number {
  let count = 0;
  for (let i = 1; i < stem.length; i++) {
    if (!isConsonant(stem, i - 1) && isConsonant(stem, i)) count++;
  }
  return count;
}

function hasVowel(stem: string): boolean {
  return [...stem].some((_, i) => !isConsonant(stem, i));
}

/** Whether a stem ends like "hop" (not in w, x or y), or is like "at". */
function isShort(stem: string): boolean {
  const end = stem.length - 1;
  if (stem.length === 2) return !isConsonant(stem, 0) && isConsonant(stem, 1);
  return stem.length > 2 && isConsonant(stem, end - 2) &&
    !isConsonant(stem, end - 1) && isConsonant(stem, end) &&
    !/[wxy]$/.test(stem);
}

/** Step 1a: plurals. */
function plural(word: string): string {
  if (word.endsWith("ies")) {
    return word.slice(0, word.length === 4 ? -1 : -2);
  }
  if (word.endsWith("sses")) return word.slice(0, -2);
  return word.endsWith("s") && !word.endsWith("ss") ? word.slice(0, -1) : word;
}

/** Step 1b: -ed and -ing. */
function pastAndProgressive(word: string): string {
  if (word.endsWith("ied")) {
    return word.slice(0, word.length === 4 ? -1 : -2);
  }
  if (word.endsWith("eed")) {
    return measure(word.slice(0, -3)) > 0 ? word.slice(0, -1) : word;
  }
  const suffix = ["ed", "ing"].find((suffix) =>
    word.endsWith(suffix) && hasVowel(word.slice(0, -suffix.length))
  );
  if (suffix === undefined) return word;
  const stem = word.slice(0, -suffix.length);
  if (/(?:at|bl|iz)$/.test(stem)) return `${stem}e`;
  const end = stem.length - 1;
  if (end > 0 && stem[end] === stem[end - 1] && isConsonant(stem, end)) {
    return /[lsz]$/.test(stem) ? stem : stem.slice(0, -1);
  }
  return measure(stem) === 1 && isShort(stem) ? `${stem}e` : stem;
}

/** Replaces the first suffix of a list that fits, if a long stem remains. */
function replaceSuffix(word: string, suffixes: readonly Suffix[]): string {
  const found = suffixes.find(([from]) => word.endsWith(from));
  if (!found) return word;
  const stem = word.slice(0, word.length - found[0].length);
  return measure(stem) > 0 ? stem + found[1] : word;
}

/** Step 2: double suffixes, such as -ization. */
function step2(word: string): string {
  if (word.endsWith("alli") && measure(word.slice(0, -4)) > 0) {
    return step2(word.slice(0, -2));
  }
  if (word.endsWith("logi")) {
    // The l counts as a letter of the stem, so "geologi" has a long one.
    return measure(word.slice(0, -3)) > 0 ? word.slice(0, -1) : word;
  }
  return replaceSuffix(word, STEP_2);
}

/** Step 4: suffixes such as -ance behind a stem with two vowels or more. */
function step4(word: string): string {
  const suffix = STEP_4.find((suffix) => word.endsWith(suffix));
  if (suffix === undefined) return word;
  const stem = word.slice(0, -suffix.length);
  const isLong = measure(stem) > 1 && (suffix !== "ion" || /[st]$/.test(stem));
  return isLong ? stem : word;
}

/** Step 5: a last e, and one l of two. */
function lastLetters(word: string): string {
  let stem = word;
  if (stem.endsWith("e")) {
    const shorter = stem.slice(0, -1);
    const m = measure(shorter);
    if (m > 1 || (m === 1 && !isShort(shorter))) stem = shorter;
  }
  return stem.endsWith("ll") && measure(stem.slice(0, -1)) > 1
    ? stem.slice(0, -1)
    : stem;
}
