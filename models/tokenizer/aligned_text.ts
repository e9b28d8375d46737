// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.
// A text that was changed and still knows, for each of its UTF-16 units, which
// part of the original it came from. The rules by which new characters get
// their places are those of the compiled tokenizers: what is put in shares the
// place of the character before it.

/** A character and how it came about, see {@linkcode AlignedText.transform}. */
export type Change = readonly [char: string, change: number];

/** A text and where each of its units lies in the original. */
export class AlignedText {
  readonly text: string;
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  /** Where the part of the original that this text came from begins. */
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

  /** An unchanged text that begins at `base` of the original. */
  static of(text: string, base = 0): AlignedText {
    const starts = new Array<number>(text.length);
    const ends = new Array<number>(text.length);
    for (let i = 0; i < text.length; i++) {
      starts[i] = base + i;
      ends[i] = base + i + 1;
      // Both halves of a surrogate pair stand for the whole character.
      if ((text.codePointAt(i) ?? 0) <= 0xffff) continue;
      starts[i + 1] = base + i;
      ends[i] = ends[i + 1] = base + i + 2;
      i++;
    }
    return new AlignedText(text, starts, ends, base);
  }

  /** The units from `from` to `to`, as a text of its own. */
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

  /** The same, as a part of which the rest was taken away. */
  crop(from: number, to: number): AlignedText {
    const { text, starts, ends } = this.slice(from, to);
    return new AlignedText(text, starts, ends, this.origin);
  }

  /**
   * The text that a list of characters makes up. A change of 0 is a character
   * in place of the next one here, 1 is one that is put in and shares the place
   * of the one before, and -n one in place of the next, behind which n are
   * dropped. `dropped` are gone before the first.
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

  /** Puts a text before this one: it shares the place of the first character. */
  prepend(prefix: string): AlignedText {
    if (this.text === "" || prefix === "") return this;
    const builder = new AlignedBuilder(this.origin);
    const start = this.starts[0] ?? this.origin;
    builder.add(prefix, start, this.ends[0] ?? start);
    builder.copy(this, 0, this.text.length);
    return builder.build();
  }
}

/** How many units the character at an index has. */
function unitsAt(text: string, index: number): number {
  return (text.codePointAt(index) ?? 0) > 0xffff ? 2 : 1;
}

/** Builds an {@linkcode AlignedText} from left to right. */
export class AlignedBuilder {
  #text: string[] = [];
  #starts: number[] = [];
  #ends: number[] = [];
  #origin: number;

  /** `origin` is where the original part begins. */
  constructor(origin = 0) {
    this.#origin = origin;
  }

  /** Adds a text that stands for `start` to `end` of the original. */
  add(text: string, start: number, end: number): void {
    this.#text.push(text);
    for (let i = 0; i < text.length; i++) {
      this.#starts.push(start);
      this.#ends.push(end);
    }
  }

  /** Adds units with the places that they have in another text. */
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
