// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// A changed text that knows, for each of its UTF-16 units, which part of the
// original it came from. New characters get offsets by the rules of the compiled
// tokenizers: an inserted character shares the offsets of the one before it.

/** A character and how it was made, see {@linkcode AlignedText.transform}. */
export type Change = readonly [char: string, change: number];

/** A text with the offsets in the original of each of its units. */
export class AlignedText {
  readonly text: string;
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  /** The offset where the part of the original begins that became this text. */
  readonly origin: number;

  constructor(
    text: string,
    starts: readonly number[],
    ends: readonly number[],
    origin = 0,
  ) {
    this.text = text;
    this.starts = starts;
    this.ends = ends;
    this.origin = origin;
  }

  /** Wraps an unchanged text that begins at the offset `base` of the original. */
  static of(text: string, base = 0): AlignedText {
    const starts = new Array<number>(text.length);
    const ends = new Array<number>(text.length);
    for (let i = 0; i < text.length; i++) {
      starts[i] = base + i;
      ends[i] = base + i + 1;
      // Both halves of a surrogate pair have the offsets of the whole character.
      if ((text.codePointAt(i) ?? 0) <= 0xffff) continue;
      starts[i + 1] = base + i;
      ends[i] = ends[i + 1] = base + i + 2;
      i++;
    }
    return new AlignedText(text, starts, ends, base);
  }

  /** Takes the units from `from` to `to` as a text with its own origin. */
  slice(from: number, to: number): AlignedText {
    const begin = this.starts[from] ?? this.origin;
    if (from === 0 && to === this.text.length && begin === this.origin) {
      return this;
    }
    return new AlignedText(
      this.text.slice(from, to),
      this.starts.slice(from, to),
      this.ends.slice(from, to),
      begin,
    );
  }

  /** Takes the units from `from` to `to`, with the origin of the whole text. */
  crop(from: number, to: number): AlignedText {
    const { text, starts, ends } = this.slice(from, to);
    return new AlignedText(text, starts, ends, this.origin);
  }

  /**
   * Builds a text from a list of characters, each with a change. A change of 0
   * means that it replaces the next character of this text; 1 means that it is
   * inserted, and shares the offsets of the character before it; -n means that
   * it replaces the next character, after which n characters are dropped. Before
   * the first, `dropped` characters are dropped.
   */
  transform(changes: readonly Change[], dropped = 0): AlignedText {
    const builder = new AlignedBuilder(this.origin);
    let at = 0;
    const skip = (count: number): void => {
      for (let i = 0; i < count && at < this.text.length; i++) {
        at += unitsAt(this.text, at);
      }
    };
    skip(dropped);
    for (const [char, change] of changes) {
      if (change > 0) {
        const before = at - 1;
        if (before < 0) builder.add(char, this.origin, this.origin);
        else {
          const start = this.starts[before] ?? this.origin;
          builder.add(char, start, this.ends[before] ?? start);
        }
        continue;
      }
      const start = this.starts[at] ?? this.origin;
      builder.add(char, start, this.ends[at] ?? start);
      skip(1 - change);
    }
    return builder.build();
  }

  /** Puts a text before this one, with the offsets of the first character. */
  prepend(prefix: string): AlignedText {
    if (this.text === "" || prefix === "") return this;
    const builder = new AlignedBuilder(this.origin);
    const start = this.starts[0] ?? this.origin;
    builder.add(prefix, start, this.ends[0] ?? start);
    builder.copy(this, 0, this.text.length);
    return builder.build();
  }
}

/** The number of units of the character at an index. */
function unitsAt(text: string, index: number): number {
  return (text.codePointAt(index) ?? 0) > 0xffff ? 2 : 1;
}

/** Builds an {@linkcode AlignedText} from left to right. */
export class AlignedBuilder {
  #text: string[] = [];
  #starts: number[] = [];
  #ends: number[] = [];
  #origin: number;

  /** `origin` is the offset where the part of the original begins. */
  constructor(origin = 0) {
    this.#origin = origin;
  }

  /** Adds a text that stands for the original from `start` to `end`. */
  add(text: string, start: number, end: number): void {
    this.#text.push(text);
    for (let i = 0; i < text.length; i++) {
      this.#starts.push(start);
      this.#ends.push(end);
    }
  }

  /** Adds units of another text with their offsets. */
  copy(source: AlignedText, from: number, to: number): void {
    this.#text.push(source.text.slice(from, to));
    for (let i = from; i < to; i++) {
      this.#starts.push(source.starts[i] ?? 0);
      this.#ends.push(source.ends[i] ?? 0);
    }
  }

  build(): AlignedText {
    return new AlignedText(
      this.#text.join(""),
      this.#starts,
      this.#ends,
      this.#origin,
    );
  }
}
