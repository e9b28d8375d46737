// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The edit distance of the translation edit rate, near the diagonal only, with
// the alignment of the two texts.

/** How one text becomes another. */
export interface Edits {
  /** The number of insertions, deletions and replacements. */
  count: number;
  /** The last word that was aligned up to each word of the reference. */
  alignment: number[];
  /** Whether each word is deleted or replaced. */
  wordErrors: boolean[];
  /** Whether each word of the reference is inserted or replaced. */
  referenceErrors: boolean[];
}

const BEAM_WIDTH = 25;
const [UNKNOWN, SAME, REPLACE, DELETE, INSERT] = [0, 1, 2, 3, 4];

/**
 * The least number of edits among those that stay within a beam around the
 * diagonal. Among equally many, replacing is preferred to deleting, and deleting
 * to inserting.
 */
export function beamEdits(
  words: readonly string[],
  reference: readonly string[],
): Edits {
  const width = reference.length + 1;
  const costs = new Float64Array((words.length + 1) * width).fill(Infinity);
  const operations = new Uint8Array(costs.length).fill(UNKNOWN);
  for (let j = 0; j < width; j++) [costs[j], operations[j]] = [j, INSERT];
  const ratio = words.length > 0 ? reference.length / words.length : 1;
  const beam = BEAM_WIDTH < ratio / 2
    ? Math.ceil(ratio / 2 + BEAM_WIDTH)
    : BEAM_WIDTH;
  for (let i = 1; i <= words.length; i++) {
    const diagonal = Math.floor(i * ratio);
    const last = i === words.length ? width : Math.min(width, diagonal + beam);
    for (let j = Math.max(0, diagonal - beam); j < last; j++) {
      const at = i * width + j;
      const isSame = j > 0 && words[i - 1] === reference[j - 1];
      let best = Infinity;
      const offer = (cost: number, operation: number): void => {
        if (!(cost < best)) return;
        best = cost;
        [costs[at], operations[at]] = [cost, operation];
      };
      if (j > 0) {
        offer(
          (costs[at - width - 1] ?? Infinity) + (isSame ? 0 : 1),
          isSame ? SAME : REPLACE,
        );
      }
      offer((costs[at - width] ?? Infinity) + 1, DELETE);
      if (j > 0) offer((costs[at - 1] ?? Infinity) + 1, INSERT);
    }
  }
  return {
    count: costs.at(-1) ?? 0,
    ...aligned(operations, words.length, width),
  };
}

/** Follows the operations back from the end. */
function aligned(
  operations: Uint8Array,
  length: number,
  width: number,
): Omit<Edits, "count"> {
  const path: number[] = [];
  for (let i = length, j = width - 1; i > 0 || j > 0;) {
    const operation = operations[i * width + j] ?? UNKNOWN;
    if (operation === UNKNOWN) {
      throw new Error("Cannot align texts: the beam has lost its way");
    }
    path.push(operation);
    if (operation !== INSERT) i--;
    if (operation !== DELETE) j--;
  }
  const alignment: number[] = [];
  const wordErrors: boolean[] = [];
  const referenceErrors: boolean[] = [];
  for (const operation of path.reverse()) {
    if (operation !== INSERT) wordErrors.push(operation !== SAME);
    if (operation === DELETE) continue;
    referenceErrors.push(operation !== SAME);
    alignment.push(wordErrors.length - 1);
  }
  return { alignment, wordErrors, referenceErrors };
}
