// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Unicode's normal forms with offsets. The algorithms of UAX #15 run character by
// character, and JavaScript's own `normalize` serves as their tables. Characters
// that the compiled tokenizers do not know are left unchanged.

import type { AlignedText, Change } from "./aligned_text.ts";
import { NO_CANONICAL_FORM, NO_COMPATIBLE_FORM } from "./unicode.ts";

/** A normal form of Unicode. */
export type Form = "NFC" | "NFD" | "NFKC" | "NFKD";

/** The only character of the last combining class, 240. */
const LAST_MARK = "\u0345";
/**
 * Matches a letter with its marks, or a run of Hangul, whose letters combine. The
 * half-width sound marks are letters whose compatible form is a mark.
 */
const CLUSTERS =
  /[\u1100-\u11ff\ua960-\ua97f\uac00-\ud7ff]+[\p{M}\uff9e\uff9f]*|[^\p{M}\uff9e\uff9f][\p{M}\uff9e\uff9f]*|[\p{M}\uff9e\uff9f]+/gu;

const starters = new Map<string, boolean>();
const apart = {
  NFD: new Map<string, readonly string[]>(),
  NFKD: new Map<string, readonly string[]>(),
};
const pairs = new Map<string, string>();

/** Whether a character's combining class is 0. */
function isStarter(char: string): boolean {
  let known = starters.get(char);
  if (known === undefined) {
    known = NO_CANONICAL_FORM.test(char) || char !== LAST_MARK &&
        (LAST_MARK + char).normalize("NFD").startsWith(LAST_MARK);
    starters.set(char, known);
  }
  return known;
}

/** The characters that a character is decomposed into. */
function partsOf(char: string, form: "NFD" | "NFKD"): readonly string[] {
  const known = apart[form].get(char) ?? [...char.normalize(form)];
  apart[form].set(char, known);
  return known;
}

/** Whether a mark keeps the next mark from combining with the letter. */
function blocks(mark: string, next: string): boolean {
  return isStarter(mark) || isStarter(next) ||
    (next + mark).normalize("NFD") === next + mark;
}

/** The character that two characters combine to, or "". */
function joined(first: string, second: string): string {
  if (NO_CANONICAL_FORM.test(first) || NO_CANONICAL_FORM.test(second)) {
    return "";
  }
  const key = first + second;
  let known = pairs.get(key);
  if (known === undefined) {
    const whole = key.normalize("NFC");
    const units = (whole.codePointAt(0) ?? 0) > 0xffff ? 2 : 1;
    known = whole.length === units && !NO_CANONICAL_FORM.test(whole)
      ? whole
      : "";
    pairs.set(key, known);
  }
  return known;
}

/** Converts a text to a normal form. */
export function unicodeForm(source: AlignedText, form: Form): AlignedText {
  const compatible = form === "NFKC" || form === "NFKD";
  const opaque = compatible ? NO_COMPATIBLE_FORM : NO_CANONICAL_FORM;
  const { text } = source;
  if (!opaque.test(text) && text.normalize(form) === text) return source;
  const composes = form === "NFC" || form === "NFKC";
  const changes: Change[] = [];
  for (const [cluster] of text.matchAll(CLUSTERS)) {
    if (!opaque.test(cluster) && cluster.normalize(form) === cluster) {
      for (const char of cluster) changes.push([char, 0]);
      continue;
    }
    const parts = decompose(cluster, compatible ? "NFKD" : "NFD", opaque);
    for (const change of composes ? compose(parts) : parts) {
      changes.push(change);
    }
  }
  return source.transform(changes);
}

/** Decomposes a cluster, and sorts its marks by their combining classes. */
function decompose(
  cluster: string,
  form: "NFD" | "NFKD",
  opaque: RegExp,
): Change[] {
  const result: Change[] = [];
  let marks: Change[] = [];
  const flush = (): void => {
    if (marks.length > 1) {
      // The sort is stable, so equal characters stay in order.
      for (
        const char of marks.map(([char]) => char).join("").normalize("NFD")
      ) {
        const index = marks.findIndex(([mark]) => mark === char);
        const [found] = marks.splice(index, 1);
        if (found !== undefined) result.push(found);
      }
    } else result.push(...marks);
    marks = [];
  };
  for (const char of cluster) {
    const parts = opaque.test(char) ? [char] : partsOf(char, form);
    let change = 0;
    for (const part of parts) {
      if (isStarter(part)) {
        flush();
        result.push([part, change]);
      } else marks.push([part, change]);
      change = 1;
    }
  }
  flush();
  return result;
}

/** Combines letters with the marks and letters behind them. */
function compose(parts: readonly Change[]): Change[] {
  const result: Change[] = [];
  let letter: Change | null = null;
  let kept: Change[] = [];
  const flush = (): void => {
    if (letter !== null) result.push(letter);
    result.push(...kept);
    kept = [];
  };
  for (const [char, change] of parts) {
    const starter = isStarter(char);
    if (letter === null) {
      if (starter) letter = [char, change];
      else result.push([char, change]);
      continue;
    }
    const before: Change | undefined = kept.at(-1);
    const free: boolean = before === undefined ||
      (!starter && !blocks(before[0], char));
    const whole: string = free ? joined(letter[0], char) : "";
    if (whole !== "") letter = [whole, letter[1] + change - 1];
    else if (starter) {
      flush();
      letter = [char, change];
    } else kept.push([char, change]);
  }
  flush();
  return result;
}
