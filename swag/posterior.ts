// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The moments of a posterior on the GPU, and the dispatches over them.

import {
  allocate,
  type AnyTensor,
  type Binding,
  chooseVariant,
  defineVariants,
  fillInto,
  grid,
  type Kernel,
  launch,
  part,
  persist,
  type Rider,
  specialize,
  touch,
} from "../engine/kernel_kit.ts";
import { type Device, type Tensor, tensor } from "../engine/mod.ts";
import { type Module, SEGMENT_ALIGNMENT, WeightCheck } from "../nn/mod.ts";
import type { DensityOptions } from "./density.ts";
import { collect, sample, sampleGiven } from "./kernels.ts";
import {
  type Entry,
  type Layout,
  mapOf,
  NONE,
  type Piece,
  planLayout,
  type Span,
  SPAN_FIELDS,
  storedColumns,
} from "./layout.ts";
import type { RawMoments } from "./moments.ts";
import { diagonalStream, type DrawKey, lowRankNoise } from "./noise.ts";
import type { SwagSettings } from "./settings.ts";
import { sourcesOf } from "./sources.ts";

/**
 * What an invocation owns: a block of 64 weights, read from buffers or as
 * texels, or a vector of four.
 */
defineVariants("swag", ["block", "texels", "vector"]);

/** Weights from which copies to textures are worth their while. */
const LEAST_TEXELS = 64 * 1024;

/** The buffers of a piece. */
interface PieceState extends Piece {
  readonly mean: Tensor;
  readonly m2: Tensor;
  /** `[rows, columns]`, a ring of rows. */
  readonly deviations: Tensor;
  readonly map: Tensor<"u32">;
}

/** Numbers to sample with, instead of drawing them. */
export interface GivenNoise {
  /** For each random parameter's name one number a weight. */
  readonly diagonal: ReadonlyMap<string, ArrayLike<number>>;
  /** One number a deviation, oldest first: for all, or by parameter's name. */
  readonly lowRank: ArrayLike<number> | ReadonlyMap<string, ArrayLike<number>>;
}

/** How to sample. */
export interface Draw extends DensityOptions {
  readonly noise: DrawKey | GivenNoise;
}

/** A stretch of a buffer, from an element on, and where to read it to. */
type Range = [Tensor, number, Float32Array<ArrayBuffer>];

/** The counts before a collection of which it is not known yet that it was good. */
interface Unchecked {
  readonly turn: number;
  readonly count: number;
  readonly rank: number;
  readonly oldest: number;
}

/** Running moments of a model's weights, and the weights drawn from them. */
export class Posterior {
  readonly model: Module;
  readonly settings: SwagSettings;
  readonly layout: Layout;
  /** Collections so far. */
  count = 0;
  /** Deviations held. */
  rank = 0;
  /** The row of the oldest deviation. */
  #oldest = 0;
  readonly #pieces: readonly PieceState[];
  /** Where weights that were not finite were found, if any. */
  readonly #unusable: WeightCheck;
  readonly #check: Rider;
  #unchecked: Unchecked[] = [];
  /** Collections so far, also those that were left out. */
  #turn = 0;
  /** The last of them when one was found that was not finite. */
  #reported = 0;

  constructor(model: Module, settings: SwagSettings) {
    this.model = model;
    this.settings = settings;
    this.layout = planLayout(model, settings);
    const { pieces, rows } = this.layout;
    this.#pieces = pieces.map((piece) => {
      const { device } = piece.segment;
      const buffer = (size: number) => persist(allocate(device, [size]));
      const state = {
        ...piece,
        mean: buffer(piece.length),
        m2: buffer(storedColumns(piece.columns)),
        deviations: buffer(storedColumns(piece.columns * rows)),
        map: persist(tensor(mapOf(piece), { device })),
      };
      fillInto(state.mean, 0);
      fillInto(state.m2, 0);
      return state;
    });
    this.#unusable = new WeightCheck(this.#device);
    const { block, byteOffset, bytes } = this.#unusable.answer;
    this.#check = {
      range: { block, offset: byteOffset, bytes },
      board: () => {
        const turn = this.#turn;
        return (answer) => this.#learn(turn, new Uint32Array(answer));
      },
    };
  }

  /**
   * Adds the weights of a model: two dispatches a piece, of which the first looks
   * for what is not finite. The next reading of anything brings the answer along
   * and throws; until then such weights, and all after them, are left out.
   */
  collect(model: Module): void {
    const sources = sourcesOf(this.layout, model, model === this.model);
    const { rows } = this.layout;
    const full = this.rank === rows;
    const slot = full ? this.#oldest : (this.#oldest + this.rank) % rows;
    const turn = ++this.#turn;
    let base = 0;
    this.#pieces.forEach(({ length, map, spans }, i) => {
      const values = sources[i]?.values;
      if (!values) return;
      const search = { vectors: length / 4, at: SPAN_FIELDS * spans.length };
      this.#unusable.look({ ...search, values, owners: map, base, turn });
      base += length / SEGMENT_ALIGNMENT;
    });
    this.#pieces.forEach((piece, i) => {
      const { mean, m2, deviations, map, columns } = piece;
      const source = sources[i];
      this.#launch(piece, collect, {
        bind: [source?.values ?? mean, mean, m2, deviations, map],
        again: [mean, m2],
        last: [this.#unusable.answer],
        params: {
          row: rows === 0 ? 0 : slot * columns / 4,
          keep: rows === 0 ? 0 : 1,
          inverse: 1 / (this.count + 1),
        },
      });
      source?.gathered?.dispose();
    });
    const { count, rank } = this;
    this.#unchecked.push({ turn, count, rank, oldest: this.#oldest });
    this.#device.stream.bring(this.#check);
    this.count++;
    if (rows === 0) return;
    if (full) this.#oldest = (this.#oldest + 1) % rows;
    else this.rank++;
  }

  /** Writes a draw where the model reads its weights: one dispatch a piece. */
  draw({ scale, cov, blockwise, noise }: Draw): void {
    const { settings, layout: { entries, rows, randoms }, count } = this;
    const { normalize, maxNumModels, varClamp } = settings;
    // One collection has no spread: the clamp must not invent one.
    const diagonal = count > 1 ? Math.sqrt(scale) : 0;
    const columns = normalize === "capacity" ? maxNumModels : this.rank;
    const lowRank = cov && columns > 1 && diagonal > 0
      ? Math.sqrt(scale / (columns - 1))
      : 0;
    const rank = lowRank > 0 ? this.rank : 0;
    const given = "diagonal" in noise ? noise : undefined;
    const keyed = "diagonal" in noise ? undefined : noise;
    const z = new Float32Array(Math.max(1, rank * (blockwise ? randoms : 1)));
    const place = (values: ArrayLike<number>, at: number) => {
      for (let k = 0; k < rank; k++) z[at + k] = values[k] ?? 0;
    };
    if (rank > 0 && !blockwise) {
      place(
        keyed ? lowRankNoise(keyed, rank) : shared(given?.lowRank),
        0,
      );
    } else if (rank > 0) {
      for (const { name, index, row } of entries) {
        if (row === NONE) continue;
        place(
          keyed ? lowRankNoise(keyed, rank, index) : own(given?.lowRank, name),
          row * rank,
        );
      }
    }
    const stream = keyed && diagonalStream(keyed);
    for (const piece of this.#pieces) {
      const { segment: { device, values }, start, length } = piece;
      const numbers = tensor(z, { device });
      const extra = given ? [givenDiagonal(piece, given)] : [];
      this.#launch(piece, given ? sampleGiven : sample, {
        bind: [
          part(values, { start, count: length }, 1),
          piece.mean,
          piece.m2,
          piece.deviations,
          piece.map,
          numbers,
          ...extra,
        ],
        params: {
          rank,
          oldest: this.#oldest,
          rows,
          columns: piece.columns / 4,
          stride: blockwise ? rank : 0,
          key0: stream?.key[0] ?? 0,
          key1: stream?.key[1] ?? 0,
          stream0: stream?.stream[0] ?? 0,
          stream1: stream?.stream[1] ?? 0,
          inverse: 1 / count,
          clamp: varClamp,
          diagonal,
          low_rank: lowRank,
        },
      });
      numbers.dispose();
      for (const x of extra) x.dispose();
    }
    this.#touch();
  }

  /** Copies the model's weights as they are. */
  copyWeights(): Tensor[] {
    return this.#pieces.map((piece) => {
      const { segment: { device }, length } = piece;
      const copy = persist(allocate(device, [length]));
      this.#eachRun(piece, (values, at, count) => {
        device.stream.copy(values, copy.window(at, count), count * 4);
      });
      return copy;
    });
  }

  /** Writes copied weights back. */
  writeWeights(copies: readonly Tensor[]): void {
    this.#pieces.forEach((piece, i) => {
      this.#eachRun(piece, (values, at, count) => {
        const copy = copies[i]?.window(at, count);
        if (copy) piece.segment.device.stream.copy(copy, values, count * 4);
      });
    });
    this.#touch();
  }

  /** Reads the moments of some parameters with one wait. */
  async read(entries: readonly Entry[]): Promise<RawMoments[]> {
    const { rank, layout: { rows } } = this;
    const ranges: Range[] = [];
    const moments = entries.map((entry): RawMoments => {
      const { size } = entry.parameter;
      const mean = new Float32Array(size);
      const random = entry.row !== NONE;
      const squares = random ? new Float32Array(size) : undefined;
      const deviations = random && rows > 0
        ? new Float32Array(rank * size)
        : undefined;
      for (const { piece, span } of this.#spans(entry)) {
        const { at, column, from, count } = span;
        ranges.push([piece.mean, at, mean.subarray(from, from + count)]);
        if (squares) {
          ranges.push([piece.m2, column, squares.subarray(from, from + count)]);
        }
        if (!deviations) continue;
        for (let k = 0; k < rank; k++) {
          const row = (this.#oldest + k) % rows * piece.columns;
          const to = k * size + from;
          ranges.push([
            piece.deviations,
            row + column,
            deviations.subarray(to, to + count),
          ]);
        }
      }
      return { mean, squares, deviations };
    });
    const device = this.#pieces[0]?.segment.device;
    const buffers = await device?.stream.read(
      ranges.map(([{ block, byteOffset }, at, { byteLength }]) => ({
        block,
        offset: byteOffset + at * 4,
        bytes: byteLength,
      })),
    );
    ranges.forEach(([, , target], i) => {
      target.set(new Float32Array(buffers?.[i] ?? new ArrayBuffer(0)));
    });
    return moments;
  }

  /** Overwrites the moments of one parameter; `restart` comes first. */
  write(entry: Entry, moments: RawMoments): void {
    const { mean, squares, deviations } = moments;
    const { row, parameter: { size } } = entry;
    for (const { piece, span } of this.#spans(entry)) {
      const { at, column, from, count } = span;
      const { stream } = piece.segment.device;
      const put = (to: Tensor, at: number, values: Float32Array<ArrayBuffer>) =>
        stream.upload(to.block, to.byteOffset + at * 4, values);
      put(piece.mean, at, mean.subarray(from, from + count));
      if (row === NONE) continue;
      if (squares) put(piece.m2, column, squares.subarray(from, from + count));
      for (let k = 0; deviations && k < this.rank; k++) {
        const start = k * size + from;
        put(
          piece.deviations,
          k * piece.columns + column,
          deviations.subarray(start, start + count),
        );
      }
    }
  }

  /** Sets the counts that moments written next belong to. */
  restart(count: number, rank: number): void {
    this.count = count;
    this.rank = rank;
    this.#oldest = 0;
    this.#forgetCollections();
  }

  /** Frees the moments. */
  dispose(): void {
    this.#device.stream.leave(this.#check);
    this.#unchecked = [];
    this.#reported = this.#turn;
    this.#unusable[Symbol.dispose]();
    for (const { mean, m2, deviations, map } of this.#pieces) {
      for (const x of [mean, m2, deviations, map]) x.dispose();
    }
  }

  get #device(): Device {
    const [piece] = this.#pieces;
    return (piece as PieceState).segment.device;
  }

  /** Learns whether the weights of all collections up to one were finite. */
  #learn(turn: number, answer: Uint32Array): void {
    const found = WeightCheck.parse(answer);
    if (!found) {
      this.#unchecked = this.#unchecked.filter((before) => before.turn > turn);
      return;
    }
    const at = this.#unchecked.findIndex((before) =>
      before.turn === found.turn
    );
    const before = this.#unchecked[at];
    if (found.turn <= this.#reported || !before) return; // Said already.
    const left = this.#unchecked.length - at;
    this.count = before.count;
    this.rank = before.rank;
    this.#oldest = before.oldest;
    this.#forgetCollections();
    throw new RangeError(
      `Cannot collect the weights: after ${before.count} collections ` +
        `${this.#nameOf(found.block)} was not finite; ` +
        (left === 1
          ? "that collection was left out"
          : `that collection and ${left - 1} after it were left out`),
    );
  }

  /** Takes the moments for good as they are. */
  #forgetCollections(): void {
    this.#unchecked = [];
    this.#reported = this.#turn;
    this.#unusable.reset();
  }

  /** The name of the parameter that a block of all pieces belongs to. */
  #nameOf(block: number): string {
    let at = block * SEGMENT_ALIGNMENT;
    for (const { length, spans } of this.#pieces) {
      if (at < length) {
        const span = spans.findLast((span) => span.at <= at);
        return span?.entry.name ?? "";
      }
      at -= length;
    }
    return "";
  }

  /** Notes that the model's weights were overwritten. */
  #touch(): void {
    for (const { parameter } of this.layout.entries) touch(parameter);
  }

  #launch(
    { segment: { device }, length, spans }: PieceState,
    kernels: Readonly<Record<"buffers" | "texels", Kernel>>,
    { bind, again = [], last = [], params }: {
      bind: (AnyTensor | Binding)[];
      /** What is bound once more, to read as texels. */
      again?: Tensor[];
      last?: AnyTensor[];
      params: Record<string, number>;
    },
  ): void {
    const vectors = length / 4;
    const variant = chooseVariant(
      device,
      "swag",
      "all",
      () =>
        !device.isSoftware
          ? "vector"
          : length >= LEAST_TEXELS
          ? "texels"
          : "block",
    );
    const texels = variant === "texels";
    const per = variant === "vector" ? 1 : 16;
    const kernel = kernels[texels ? "texels" : "buffers"];
    launch(device, specialize(kernel, { PER: per }), {
      bind: [...bind, ...texels ? again : [], ...last],
      params: { vectors, spans: spans.length, ...params },
      groups: grid(vectors / per, kernel.workgroupSize),
    });
  }

  *#spans(entry: Entry): Generator<{ piece: PieceState; span: Span }> {
    for (const piece of this.#pieces) {
      for (const span of piece.spans) {
        if (span.entry.index === entry.index) yield { piece, span };
      }
    }
  }

  /** Calls back for every stretch of a piece that is this model's alone. */
  #eachRun(
    { segment: { values }, start, spans }: PieceState,
    run: (values: Binding, at: number, count: number) => void,
  ): void {
    let from = 0;
    let to = 0;
    const flush = () => {
      if (to > from) {
        run(values.window(start + from, to - from), from, to - from);
      }
    };
    for (const { at, count } of spans) {
      if (at !== to) {
        flush();
        from = at;
      }
      to = at + Math.ceil(count / 64) * 64;
    }
    flush();
  }
}

/** Given numbers in the layout of a piece. */
function givenDiagonal(
  { segment: { device }, spans, length }: PieceState,
  { diagonal }: GivenNoise,
): Tensor {
  const values = new Float32Array(length);
  for (const { entry, from, at, count } of spans) {
    const numbers = diagonal.get(entry.name);
    for (let i = 0; i < count; i++) values[at + i] = numbers?.[from + i] ?? 0;
  }
  return tensor(values, { device });
}

function shared(noise: GivenNoise["lowRank"] = []): ArrayLike<number> {
  return noise instanceof Map ? [] : noise as ArrayLike<number>;
}

function own(
  noise: GivenNoise["lowRank"] = [],
  name: string,
): ArrayLike<number> {
  return noise instanceof Map ? noise.get(name) ?? [] : noise as number[];
}
