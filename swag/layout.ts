// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * How a posterior lays out its moments. A model's parameters lie in segments. A
 * segment is cut into pieces, such that all deviations of one piece fit one binding:
 * then one dispatch handles a piece. A segment is one piece unless it is huge. Means
 * cover the whole piece. Variances and deviations are compact: they cover only the
 * blocks (64 elements) of random parameters, so that the memory of a posterior over
 * a part of a model depends on the size of that part.
 *
 * @module
 */

import type { Device } from "../engine/mod.ts";
import {
  flatten,
  type Module,
  type Parameter,
  placeSize,
  planSegments,
  type Segment,
  SEGMENT_ALIGNMENT,
  type SegmentPlan,
} from "../nn/mod.ts";
import {
  type DeviationFormat,
  planRow,
  type RowPlan,
} from "./deviation_format.ts";
import {
  resolveSettings,
  type SwagOptions,
  type SwagSettings,
} from "./settings.ts";
import { selectNames } from "./selection.ts";

/** The bytes of a block of 64 floats; bindings are aligned to as many. */
const BLOCK_BYTES = SEGMENT_ALIGNMENT * 4;

/** Stands for an index that does not exist. */
export const NONE = 0xffffffff;

/** How many numbers at the head of a piece's map describe each span. */
export const SPAN_FIELDS = 4;

/** One parameter of a posterior. */
export interface Entry {
  readonly name: string;
  readonly parameter: Parameter;
  /** Its index among all parameters, in attribute order. */
  readonly index: number;
  /** Its first block in the model's logical vector of all weights. */
  readonly start: number;
  /** Its index among the random parameters; {@linkcode NONE} if it is not random. */
  readonly row: number;
}

/** The part of a parameter that lies in a piece. All numbers count elements. */
export interface Span {
  readonly entry: Entry;
  /** Its first element in the parameter. */
  readonly from: number;
  /** Its first element in the piece. */
  readonly at: number;
  /** Its first element in the compact buffers, if it is random. */
  readonly column: number;
  readonly count: number;
}

/** A range of a segment, which may not exist yet, that one dispatch handles. */
interface PlannedPiece {
  readonly device: Device;
  /** Its first element in the segment. */
  readonly start: number;
  /** The number of elements, with padding. */
  readonly length: number;
  /** The number of elements in the compact buffers. */
  readonly columns: number;
  /** What a row of deviations holds. */
  readonly row: RowPlan;
  readonly spans: readonly Span[];
}

/** A range of a segment that one dispatch handles. */
export interface Piece extends PlannedPiece {
  readonly segment: Segment;
}

/** The parameters of a posterior, and the pieces that hold them. */
export interface Layout<P extends PlannedPiece = Piece> {
  readonly entries: readonly Entry[];
  /** The parameters, by name, that are stored as f16: they have no moments. */
  readonly fixed: ReadonlyMap<string, Parameter>;
  readonly pieces: readonly P[];
  /** The most deviations that are kept: 0 without covariances. */
  readonly rows: number;
  /** The number of random parameters. */
  readonly randoms: number;
}

/**
 * Lays out the posterior of a model, whose parameters get their places.
 *
 * @throws {RangeError} If the deviations of one block exceed the largest binding.
 * No parameter gets a place in this case.
 */
export function placeLayout(model: Module, settings: SwagSettings): Layout {
  const { pieces, ...layout } = planLayout(model, settings);
  flatten(layout.entries.map(({ parameter }) => parameter));
  return {
    ...layout,
    pieces: pieces.flatMap((piece) => {
      const segment = piece.spans[0]?.entry.parameter.location?.segment;
      return segment ? [{ ...piece, segment }] : [];
    }),
  };
}

/**
 * Plans the posterior of a model, without allocating anything: parameters keep
 * their places, and those that have none get none.
 *
 * @throws {RangeError} If the deviations of one block exceed the largest binding.
 */
function planLayout(
  model: Module,
  settings: SwagSettings,
): Layout<PlannedPiece> {
  const selected = selectNames(model, settings.modulePrefixList);
  const entries: Entry[] = [];
  const fixed = new Map<string, Parameter>();
  let start = 0;
  let randoms = 0;
  for (const [name, parameter] of model.namedParameters()) {
    const isSelected = selected.has(name);
    const index = entries.length + fixed.size;
    if (!parameter.halves) {
      const row = isSelected ? randoms++ : NONE;
      entries.push({ name, parameter, index, start, row });
    } else if (isSelected && settings.modulePrefixList) {
      throw new TypeError(
        `Cannot build a posterior over ${name}: it is frozen and stored as f16; ` +
          'leave it out of modulePrefixList, or castFrozen(model, "f32")',
      );
    } else {
      fixed.set(name, parameter);
    }
    start += placeSize(parameter.size) / SEGMENT_ALIGNMENT;
  }
  if (entries.every(({ parameter }) => parameter.size === 0)) {
    throw new TypeError(
      "Cannot build a posterior: the model has no parameters" +
        (fixed.size > 0 ? " but frozen ones that are stored as f16" : ""),
    );
  }
  const rows = settings.noCovMat ? 0 : settings.maxNumModels;
  const plans = planSegments(entries.map(({ parameter }) => parameter));
  const pieces = plans.flatMap((plan) =>
    cut(
      plan,
      entries.filter(({ parameter }) =>
        plan.offsets.has(parameter) && parameter.size > 0
      ),
      { rows, format: settings.deviations },
    )
  );
  return { entries, fixed, pieces, rows, randoms };
}

/** Cuts a segment into pieces: a new piece begins where a binding is full. */
function cut(
  { device, offsets }: SegmentPlan,
  entries: readonly Entry[],
  { rows, format }: { rows: number; format: DeviationFormat },
): PlannedPiece[] {
  const { maxBindingSize } = device;
  const offsetOf = ({ parameter }: Entry) => offsets.get(parameter) ?? 0;
  const maxLength = Math.floor(maxBindingSize / BLOCK_BYTES) *
    SEGMENT_ALIGNMENT;
  // Variances bind the compact elements too, as 32-bit floats.
  const bytesOf = (columns: number) =>
    Math.max(4 * columns, rows * planRow(format, columns).rowBytes);
  const least = bytesOf(SEGMENT_ALIGNMENT);
  let maxColumns = Math.floor(
    maxBindingSize /
      Math.max(bytesOf(4 * SEGMENT_ALIGNMENT) / 4, BLOCK_BYTES),
  ) *
    SEGMENT_ALIGNMENT;
  while (maxColumns > 0 && bytesOf(maxColumns) > maxBindingSize) {
    maxColumns -= SEGMENT_ALIGNMENT;
  }
  if (maxColumns === 0) {
    throw new RangeError(
      `Cannot keep ${rows} deviations: for ${SEGMENT_ALIGNMENT} weights they take ` +
        `${least} bytes, more than the device's largest binding ` +
        `of ${maxBindingSize}`,
    );
  }
  const pieces: PlannedPiece[] = [];
  let spans: Span[] = [];
  let first = 0;
  let length = 0;
  let columns = 0;
  const close = () => {
    if (spans.length > 0) {
      const row = planRow(format, columns);
      pieces.push({ device, start: first, length, columns, row, spans });
    }
    spans = [];
    length = columns = 0;
  };
  for (const entry of [...entries].sort((a, b) => offsetOf(a) - offsetOf(b))) {
    const { size } = entry.parameter;
    const random = entry.row !== NONE;
    for (let from = 0; from < size;) {
      const offset = offsetOf(entry) + from;
      if (offset - first >= maxLength || (random && columns >= maxColumns)) {
        close();
      }
      if (spans.length === 0) first = offset;
      const room = Math.min(
        first + maxLength - offset,
        random ? maxColumns - columns : Infinity,
      );
      const taken = Math.min(placeSize(size - from), room);
      const count = Math.min(taken, size - from);
      spans.push({ entry, from, at: offset - first, column: columns, count });
      length = offset - first + taken;
      if (random) columns += taken;
      from += taken;
    }
  }
  close();
  return pieces;
}

/**
 * The table in which the kernels look up where a block belongs. It begins with four
 * numbers for each span: two differences, modulo 2³², that turn the number of a block
 * in the piece into its number in the logical vector and in the compact buffers; the
 * element where the parameter ends; and the parameter's index among the random ones.
 * Then follows for each block the index of its span.
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

/** How many bytes a posterior takes on the GPU. */
export interface MemoryEstimate {
  /** The number of random weights; all else counts bytes. */
  random: number;
  /** The means of all weights. */
  mean: number;
  /** The second moments of the random weights. */
  secondMoment: number;
  /** The deviations of the random weights. */
  deviations: number;
  /** Small tables, such as those that say where each weight belongs. */
  tables: number;
  /** The sum of all of the above, which is allocated at once. */
  total: number;
  /** The copy of the model's weights that exists while it holds a sample. */
  keptWeights: number;
  /** The blocks that the pool takes for `total`, which are rounded up. */
  reserved: number;
  /** The blocks that the pool takes for `keptWeights`. */
  reservedKept: number;
}

/** Adds up the buffers of a layout. */
export function measure(
  { pieces, rows }: Pick<Layout<PlannedPiece>, "pieces" | "rows">,
): MemoryEstimate {
  const estimate = {
    random: 0,
    mean: 0,
    secondMoment: 0,
    deviations: 0,
    tables: 0,
    keptWeights: 0,
    reserved: 0,
    reservedKept: 0,
  };
  for (const { device, length, columns, row, spans } of pieces) {
    const take = (bytes: number) => {
      estimate.reserved += device.pool.sizeOf(bytes);
      return bytes;
    };
    for (const { entry, count } of spans) {
      if (entry.row !== NONE) estimate.random += count;
    }
    estimate.mean += take(length * 4);
    estimate.keptWeights += length * 4;
    estimate.reservedKept += device.pool.sizeOf(length * 4);
    estimate.secondMoment += take(storedColumns(columns) * 4);
    estimate.deviations += take(storedBytes(row, rows));
    const words = spans.length * SPAN_FIELDS + length / SEGMENT_ALIGNMENT;
    const blocks = Math.ceil(words / SEGMENT_ALIGNMENT);
    estimate.tables += take(blocks * BLOCK_BYTES);
  }
  estimate.tables += BLOCK_BYTES; // Records which weights are not finite.
  estimate.reserved += BLOCK_BYTES;
  const { mean, secondMoment, deviations, tables } = estimate;
  return { ...estimate, total: mean + secondMoment + deviations + tables };
}

/** The elements of a buffer, which has at least one block: no binding can be empty. */
export function storedColumns(columns: number): number {
  return Math.max(columns, SEGMENT_ALIGNMENT);
}

/** The bytes of a buffer of so many rows of deviations, which is not empty either. */
export function storedBytes({ rowBytes }: RowPlan, rows: number): number {
  return Math.max(rowBytes * rows, BLOCK_BYTES);
}

/**
 * Estimates how much GPU memory a posterior would take, without allocating it. With
 * P weights, of which R are random, and K deviations it takes `4 (P + R + R K)` bytes
 * and small tables. Deviations as f16 take `2.07 R K` bytes instead, and as int8
 * `1.07 R K`. The pool rounds the size of buffers up by at most an eighth,
 * which `reserved` and `reservedKept` count. Parameters without a place get none.
 *
 * @param model The model that the posterior would be over.
 * @param options The options that the posterior would have.
 * @returns The bytes, in parts and in total.
 * @throws {RangeError} If an option is out of range, a prefix selects nothing, or
 * the deviations exceed what the device can bind.
 * @throws {TypeError} If the model has no parameters.
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
