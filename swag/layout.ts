// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Where a posterior keeps what belongs to each weight. A model's parameters lie
// in segments; a segment is cut into pieces so that the deviations of one piece,
// all rows of it, fit one binding: one dispatch handles a piece, and a segment
// is one piece unless it is huge. Means cover the whole piece. Variances and
// deviations are compact: they cover only blocks (64 elements) of parameters
// that are random, so that a posterior over a part of a model costs that part.

import {
  type Module,
  type Parameter,
  placeSize,
  type Segment,
  SEGMENT_ALIGNMENT,
  segmentsOf,
} from "../nn/mod.ts";
import {
  resolveSettings,
  selectNames,
  type SwagOptions,
  type SwagSettings,
} from "./settings.ts";

/** Bytes of a block of 64 floats, which is also the binding alignment. */
const BLOCK_BYTES = SEGMENT_ALIGNMENT * 4;

/** Marks what a piece does not have. */
export const NONE = 0xffffffff;

/** Numbers per span at the head of a piece's map. */
export const SPAN_FIELDS = 4;

/** One parameter of a posterior. */
export interface Entry {
  readonly name: string;
  readonly parameter: Parameter;
  /** Its number in attribute order. */
  readonly index: number;
  /** Its first block in the model's one logical vector. */
  readonly start: number;
  /** Its number among the random parameters, {@linkcode NONE} if it is none. */
  readonly row: number;
}

/** The part of a parameter that lies in a piece, in elements. */
export interface Span {
  readonly entry: Entry;
  /** The first element of the parameter. */
  readonly from: number;
  /** Where it lies in the piece. */
  readonly at: number;
  /** Where it lies in the compact buffers, if it is random. */
  readonly column: number;
  readonly count: number;
}

/** A stretch of a segment that one dispatch handles. */
export interface Piece {
  readonly segment: Segment;
  /** The first element of the segment. */
  readonly start: number;
  /** Elements, padding included. */
  readonly length: number;
  /** Elements of the compact buffers. */
  readonly columns: number;
  readonly spans: readonly Span[];
}

/** What a posterior covers, and how it is laid out. */
export interface Layout {
  readonly entries: readonly Entry[];
  readonly pieces: readonly Piece[];
  /** Rows of deviations: 0 without covariances. */
  readonly rows: number;
  /** The number of random parameters. */
  readonly randoms: number;
}

/**
 * Plans the posterior of a model; nothing is allocated for it.
 *
 * @throws {RangeError} If one block's deviations exceed the largest binding.
 */
export function planLayout(model: Module, settings: SwagSettings): Layout {
  const selected = selectNames(model, settings.modulePrefixList);
  const entries: Entry[] = [];
  let start = 0;
  let randoms = 0;
  for (const [name, parameter] of model.namedParameters()) {
    const row = selected.has(name) ? randoms++ : NONE;
    entries.push({ name, parameter, index: entries.length, start, row });
    start += placeSize(parameter.size) / SEGMENT_ALIGNMENT;
  }
  if (start === 0) {
    throw new TypeError(
      "Cannot build a posterior: the model has no parameters",
    );
  }
  const rows = settings.noCovMat ? 0 : settings.maxNumModels;
  const segments = segmentsOf(entries.map(({ parameter }) => parameter));
  const pieces = segments.flatMap((segment) =>
    cut(segment, entries.filter((e) => isIn(e, segment)), rows)
  );
  return { entries, pieces, rows, randoms };
}

function isIn({ parameter }: Entry, segment: Segment): boolean {
  return parameter.location?.segment === segment && parameter.size > 0;
}

function offsetOf({ parameter }: Entry): number {
  return parameter.location?.offset ?? 0;
}

/** Walks a segment's parameters and closes a piece where a binding is full. */
function cut(
  segment: Segment,
  entries: readonly Entry[],
  rows: number,
): Piece[] {
  const { maxBindingSize } = segment.device;
  const maxLength = Math.floor(maxBindingSize / BLOCK_BYTES) *
    SEGMENT_ALIGNMENT;
  const maxColumns =
    Math.floor(maxLength / Math.max(rows, 1) / SEGMENT_ALIGNMENT) *
    SEGMENT_ALIGNMENT;
  if (maxColumns === 0) {
    throw new RangeError(
      `Cannot keep ${rows} deviations: those of ${SEGMENT_ALIGNMENT} weights take ` +
        `${rows * BLOCK_BYTES} bytes, more than the device's largest binding ` +
        `of ${maxBindingSize}`,
    );
  }
  const pieces: Piece[] = [];
  let spans: Span[] = [];
  let first = 0;
  let length = 0;
  let columns = 0;
  const close = () => {
    if (spans.length > 0) {
      pieces.push({ segment, start: first, length, columns, spans });
    }
    spans = [];
    length = columns = 0;
  };
  for (const entry of [...entries].sort((a, b) => offsetOf(a) - offsetOf(b))) {
    const { size } = entry.parameter;
    const random = entry.row !== NONE;
    for (let from = 0; from < size;) {
      const place = offsetOf(entry) + from;
      if (place - first >= maxLength || (random && columns >= maxColumns)) {
        close();
      }
      if (spans.length === 0) first = place;
      const room = Math.min(
        first + maxLength - place,
        random ? maxColumns - columns : Infinity,
      );
      const taken = Math.min(placeSize(size - from), room);
      const count = Math.min(taken, size - from);
      spans.push({ entry, from, at: place - first, column: columns, count });
      length = place - first + taken;
      if (random) columns += taken;
      from += taken;
    }
  }
  close();
  return pieces;
}

/**
 * What the kernels look up: four numbers a span (what to add to a block's
 * number for its logical and its compact one, modulo 2³², the element where the
 * parameter ends, its number among the random ones), then each block's span.
 */
export function mapOf({ length, spans }: Piece): Uint32Array<ArrayBuffer> {
  const head = spans.length * SPAN_FIELDS;
  const map = new Uint32Array(head + length / SEGMENT_ALIGNMENT).fill(NONE);
  spans.forEach(({ entry, from, at, column, count }, i) => {
    const block = at / SEGMENT_ALIGNMENT;
    map[i * SPAN_FIELDS] = entry.start + from / SEGMENT_ALIGNMENT - block;
    map[i * SPAN_FIELDS + 1] = column / SEGMENT_ALIGNMENT - block;
    map[i * SPAN_FIELDS + 2] = at + count;
    map[i * SPAN_FIELDS + 3] = entry.row;
    map.fill(
      i,
      head + block,
      head + block + placeSize(count) / SEGMENT_ALIGNMENT,
    );
  });
  return map;
}

/** Bytes that a posterior takes on the GPU. */
export interface MemoryEstimate {
  /** The means of all weights. */
  mean: number;
  /** The second moments of the random weights. */
  secondMoment: number;
  /** The deviations of the random weights. */
  deviations: number;
  /** Tables that say where each weight belongs. */
  tables: number;
  /** All of the above: what is allocated at once. */
  total: number;
  /** The copy of the weights that is kept while the model holds a sample. */
  keptWeights: number;
}

/** Adds up the buffers of a layout. */
export function measure({ pieces, rows }: Layout): MemoryEstimate {
  const estimate = {
    mean: 0,
    secondMoment: 0,
    deviations: 0,
    tables: 0,
    keptWeights: 0,
  };
  for (const { length, columns, spans } of pieces) {
    estimate.mean += length * 4;
    estimate.keptWeights += length * 4;
    estimate.secondMoment += storedColumns(columns) * 4;
    estimate.deviations += storedColumns(columns * rows) * 4;
    const words = spans.length * SPAN_FIELDS + length / SEGMENT_ALIGNMENT;
    estimate.tables += Math.ceil(words / SEGMENT_ALIGNMENT) * BLOCK_BYTES;
  }
  estimate.tables += BLOCK_BYTES; // Whether weights were finite.
  const { mean, secondMoment, deviations, tables } = estimate;
  return { ...estimate, total: mean + secondMoment + deviations + tables };
}

/** A binding cannot be empty: what is absent takes one block. */
export function storedColumns(columns: number): number {
  return Math.max(columns, SEGMENT_ALIGNMENT);
}

/**
 * Tells how much GPU memory a posterior will take, before taking it: with P
 * weights of which R are random, and K deviations, `4 (P + R + R K)` bytes and
 * small tables. The pool rounds buffers up by at most an eighth.
 *
 * @throws {RangeError} If an option is out of range, a prefix selects nothing,
 * or the deviations exceed what the device can bind.
 *
 * @example Usage
 * ```ts
 * import { initialize } from "@swagpu/swagpu/engine";
 * import { Linear } from "@swagpu/swagpu/nn";
 * import { estimateMemory } from "@swagpu/swagpu/swag";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const model = new Linear(64, 64, { bias: false });
 * const bytes = estimateMemory(model, { noCovMat: false, maxNumModels: 20 });
 * assertEquals(bytes.deviations, 20 * 64 * 64 * 4);
 * ```
 */
export function estimateMemory(
  model: Module,
  options: SwagOptions = {},
): MemoryEstimate {
  return measure(planLayout(model, resolveSettings(options)));
}
