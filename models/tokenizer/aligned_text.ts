// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.
// A text that was changed and still knows, for each of its UTF-16 units, which
// part of the original it came from. What was put in between has an empty part.

/** A text and where each of its units lies in the original. */
export class AlignedText {
  readonly text: string;
  readonly starts: readonly number[];
  readonly ends: readonly number[];

  constructor(
    text: string,
    starts: readonly number[],
    ends: readonly number[],
  ) {
    this.text = text;
    this.starts = starts;
    this.ends = ends;
  }

  /** An unchanged text that begins at `base` of the original. */
  static of(text: string, base = 0): AlignedText {
    const starts = Array.from(text, () => 0);
    const ends = Array.from(text, () => 0);
    // Both halves of a surrogate pair stand for the whole character.
    starts.length = ends.length = text.length;
    for (let i = 0; i < text.length; i++) {
      const pair = (text.codePointAt(i) ?? 0) > 0xffff;
      starts[i] = base + i;
      ends[i] = base + i + 1;
      if (!pair) continue;
      starts[i + 1] = base + i;
      ends[i] = ends[i + 1] = base + i + 2;
      i++;
    }
    return new AlignedText(text, starts, ends);
  }

  /** The units from `from` to `to`. */
  slice(from: number, to: number): AlignedText {
    if (from === 0 && to === this.text.length) return this;
    return new AlignedText(
      this.text.slice(from, to),
      this.starts.slice(from, to),
      this.ends.slice(from, to),
    );
  }
}

/** Builds an {@linkcode AlignedText} from left to right. */
export class AlignedBuilder {
  #text: string[] = [];
  #starts: number[] = [];
  #ends: number[] = [];

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

  /** Widens the last unit to `end` if it reaches to `start`. */
  widen(start: number, end: number): void {
    const last = this.#ends.length - 1;
    const begin = this.#starts[last];
    if (this.#ends[last] !== start) return;
    for (let i = last; i >= 0 && this.#starts[i] === begin; i--) {
      this.#ends[i] = end;
    }
  }

  build(): AlignedText {
    return new AlignedText(this.#text.join(""), this.#starts, this.#ends);
  }
}
