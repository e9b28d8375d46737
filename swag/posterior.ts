// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * The moments of a posterior on the GPU: how they are collected, sampled, read and
 * written. A `SwagModel` checks options and keeps the model's own weights.
 *
 * @module
 */

import {
  allocate,
  type AnyTensor,
  type Binding,
  chooseVariant,
  defineVariants,
  fillInto,
  formatShape,
  grid,
  type Kernel,
  launch,
  part,
  persist,
  touch,
} from "../engine/kernel_kit.ts";
import { type Device, type Tensor, tensor } from "../engine/mod.ts";
import { type Module, SEGMENT_ALIGNMENT } from "../nn/mod.ts";
import { CollectionCheck } from "./collection_check.ts";
import type { DensityOptions } from "./density.ts";
import { blocksOf, makeStored, store } from "./deviation_format.ts";
import type { SwagForm, SwagVariant } from "./deviation_text.ts";
import { collect, sample, sampleGiven } from "./kernels.ts";
import {
  type Entry,
  type Layout,
  mapOf,
  NONE,
  type Piece,
  placeLayout,
  storedBytes,
  storedColumns,
} from "./layout.ts";
import type { RawMoments } from "./moments.ts";
import {
  diagonalStream,
  type DrawKey,
  givenDiagonal,
  type GivenNoise,
  isGiven,
  lowRankRows,
} from "./noise.ts";
import { type Range, readRanges, wordsOf } from "./read_ranges.ts";
import type { SwagSettings } from "./settings.ts";
import { sourcesOf } from "./sources.ts";

// What an invocation of a kernel owns: a block of 64 weights, read from buffers or as
// texels, or a vector of four.
defineVariants("swag", ["block", "texels", "vector"]);

/** The number of weights from which it pays to copy them to textures. */
const LEAST_TEXELS = 64 * 1024;

/** The buffers of a piece. */
export interface PieceState extends Piece {
  readonly mean: Tensor;
  readonly m2: Tensor;
  /** A ring of rows: see deviation_format.ts. */
  readonly deviations: AnyTensor;
  readonly map: Tensor<"u32">;
}

/** Which Gaussian to draw from, and with which random numbers. */
export interface Draw extends DensityOptions {
  readonly noise: DrawKey | GivenNoise;
}

/** Running moments of a model's weights, from which weights are drawn. */
export class Posterior {
  readonly model: Module;
  readonly settings: SwagSettings;
  readonly layout: Layout;
  /** The number of collections. */
  count = 0;
  /** The number of deviations held. */
  rank = 0;
  #oldest = 0;
  /** The ranges of segments that one dispatch handles, with their buffers. */
  readonly pieces: readonly PieceState[];
  readonly #check: CollectionCheck;

  constructor(model: Module, settings: SwagSettings) {
    this.model = model;
    this.settings = settings;
    this.layout = placeLayout(model, settings);
    const { pieces, rows } = this.layout;
    this.pieces = pieces.map((piece) => {
      const { device } = piece.segment;
      const buffer = (size: number) => persist(allocate(device, [size]));
      const state = {
        ...piece,
        mean: buffer(piece.length),
        m2: buffer(storedColumns(piece.columns)),
        deviations: persist(
          allocate(
            device,
            [storedBytes(piece.row, rows) / 4],
            settings.deviations === "f32" ? "f32" : "u32",
          ),
        ),
        map: persist(tensor(mapOf(piece), { device })),
      };
      fillInto(state.mean, 0);
      fillInto(state.m2, 0);
      return state;
    });
    for (const { segment } of pieces) segment.holders.set(this, "SwagModel");
    this.#check = new CollectionCheck(
      this.#device,
      this.pieces,
      ({ count, rank, oldest }) => {
        this.count = count;
        this.rank = rank;
        this.#oldest = oldest;
      },
    );
  }

  /** The row of the oldest deviation. */
  get oldest(): number {
    return this.#oldest;
  }

  /**
   * Adds the weights of a model, with two dispatches per piece: the first looks for
   * weights that are not finite. If there are any, they and all that are collected
   * later are left out, until the next value is read from the GPU: the host then
   * learns of them, and that reading throws.
   */
  collect(model: Module): void {
    const sources = sourcesOf(this.layout, model, model === this.model);
    const { rows } = this.layout;
    const full = this.rank === rows;
    const slot = full ? this.#oldest : (this.#oldest + this.rank) % rows;
    this.#check.search(sources.map(({ values }) => values));
    this.pieces.forEach((piece, i) => {
      const { mean, m2, deviations, map, row } = piece;
      const source = sources[i];
      this.#launch(piece, collect, {
        bind: [source?.values ?? mean, mean, m2, deviations, map],
        again: [mean, m2],
        last: [this.#check.answer],
        params: {
          row: rows === 0 ? 0 : slot * row.rowBytes / (row.hasScales ? 4 : 16),
          scales: row.scales / 4,
          keep: rows === 0 ? 0 : 1,
          inverse: 1 / (this.count + 1),
        },
      });
      source?.gathered?.dispose();
    });
    const { count, rank } = this;
    this.#check.note({ count, rank, oldest: this.#oldest });
    this.count++;
    if (rows === 0) return;
    if (full) this.#oldest = (this.#oldest + 1) % rows;
    else this.rank++;
  }

  /** Writes a sample to where the model reads its weights: one dispatch per piece. */
  draw({ scale, cov, blockwise, noise }: Draw): void {
    const { settings, layout, count } = this;
    const { normalize, maxNumModels, varClamp } = settings;
    // One collection has no spread, so the clamp must not give it any.
    const diagonal = count > 1 ? Math.sqrt(scale) : 0;
    const columns = normalize === "capacity" ? maxNumModels : this.rank;
    const lowRank = cov && columns > 1 && diagonal > 0
      ? Math.sqrt(scale / (columns - 1))
      : 0;
    const rank = lowRank > 0 ? this.rank : 0;
    const given = isGiven(noise) ? noise : undefined;
    const stream = isGiven(noise) ? undefined : diagonalStream(noise);
    const z = lowRankRows(noise, { rank, blockwise, layout });
    for (const piece of this.pieces) {
      const { segment: { device, values }, start, length } = piece;
      const numbers = tensor(z, { device });
      const extra = given
        ? [tensor(givenDiagonal(piece, given), { device })]
        : [];
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
          rows: layout.rows,
          row_size: piece.row.rowBytes / 16,
          scales: piece.row.scales / 4,
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

  /** Copies the model's current weights. */
  copyWeights(): Tensor[] {
    return this.pieces.map((piece) => {
      const { segment: { device }, length } = piece;
      const copy = persist(allocate(device, [length]));
      this.#eachRun(piece, (values, at, count) => {
        device.stream.copy(values, copy.window(at, count), count * 4);
      });
      return copy;
    });
  }

  /** Writes weights that {@linkcode copyWeights} copied back into the model. */
  writeWeights(copies: readonly Tensor[]): void {
    this.pieces.forEach((piece, i) => {
      this.#eachRun(piece, (values, at, count) => {
        const copy = copies[i]?.window(at, count);
        if (copy) piece.segment.device.stream.copy(copy, values, count * 4);
      });
    });
    this.#touch();
  }

  /**
   * Reads the moments of some parameters from the GPU, as they are at the time of
   * the call, with one wait.
   */
  async read(entries: readonly Entry[]): Promise<RawMoments[]> {
    const { rank, layout: { rows }, settings } = this;
    const ranges: Range[] = [];
    const moments = entries.map((entry): RawMoments => {
      const { size } = entry.parameter;
      const random = entry.row !== NONE;
      const room: RawMoments = {
        mean: new Float32Array(size),
        squares: random ? new Float32Array(size) : undefined,
        deviations: random && rows > 0
          ? makeStored(settings.deviations, rank, size)
          : undefined,
      };
      ranges.push(...this.#ranges(entry, room));
      return room;
    });
    await this.#check.during(() => readRanges(this.#device, ranges));
    return moments;
  }

  /** Overwrites the moments of one parameter. Call {@linkcode restart} before. */
  write(entry: Entry, { mean, squares, deviations }: RawMoments): void {
    const { row, parameter: { size } } = entry;
    const random = row !== NONE;
    const moments: RawMoments = {
      mean,
      squares: random ? squares : undefined,
      deviations: random && deviations
        ? store(deviations, this.settings.deviations, size)
        : undefined,
    };
    for (const [tensor, at, values] of this.#ranges(entry, moments)) {
      const { device, block, byteOffset } = tensor;
      device.stream.upload(block, byteOffset + at, wordsOf(values));
    }
  }

  /** Where the moments of a parameter are on the GPU, beside their place in arrays. */
  *#ranges(
    entry: Entry,
    { mean, squares, deviations }: RawMoments,
  ): Generator<Range> {
    const blocks = blocksOf(mean.length);
    for (const piece of this.pieces) {
      for (const { entry: own, at, column, from, count } of piece.spans) {
        if (own.index !== entry.index) continue;
        const to = from + count;
        yield [piece.mean, at * 4, mean.subarray(from, to)];
        if (squares) yield [piece.m2, column * 4, squares.subarray(from, to)];
        if (!deviations) continue;
        const { values, scales } = deviations;
        const { bytes, scales: scalesAt, rowBytes } = piece.row;
        for (let k = 0; k < this.rank; k++) {
          const row = (this.#oldest + k) % this.layout.rows * rowBytes;
          const first = k * mean.length;
          yield [
            piece.deviations,
            row + column * bytes,
            values.subarray(first + from, first + to),
          ];
          if (!scales) continue;
          const block = k * blocks + from / SEGMENT_ALIGNMENT;
          yield [
            piece.deviations,
            row + scalesAt + blocksOf(column) * 4,
            scales.subarray(block, block + blocksOf(count)),
          ];
        }
      }
    }
  }

  /**
   * Copies all moments of another posterior over a model of the same kind. If that
   * one is of replicas, they are those of the replica that this is called for.
   *
   * @throws {TypeError} If the posteriors hold other parameters or numbers of
   * deviations.
   */
  copyFrom(other: Posterior): void {
    const describe = ({ layout: { entries, rows }, settings }: Posterior) =>
      `${rows} deviations in ${settings.deviations} of ${
        entries.map(({ name, row, parameter: { shape } }) =>
          `${name} ${formatShape(shape)}${row === NONE ? " (fixed)" : ""}`
        ).join(", ")
      }`;
    const [own, given] = [describe(this), describe(other)];
    if (own !== given) {
      throw new TypeError(
        `Cannot copy moments: the posterior holds ${own}, the other ${given}`,
      );
    }
    this.restart(other.count, other.rank);
    this.#oldest = other.#oldest;
    this.pieces.forEach((piece, i) => {
      const { mean, m2, deviations } = other.pieces[i] ?? piece;
      const copies: [AnyTensor, AnyTensor][] = [
        [mean, piece.mean],
        [m2, piece.m2],
        [deviations, piece.deviations],
      ];
      for (const [from, to] of copies) {
        const { size, bytes, device } = to;
        if (size === 0) continue;
        device.stream.copy(from.window(0, size), to.window(0, size), bytes);
      }
    });
  }

  /** Sets the counts of the moments that are written next. */
  restart(count: number, rank: number): void {
    this.count = count;
    this.rank = rank;
    this.#oldest = 0;
    this.#check.restart();
  }

  /** Frees the moments. */
  dispose(): void {
    this.#check.dispose();
    for (const { segment, mean, m2, deviations, map } of this.pieces) {
      segment.holders.delete(this);
      for (const x of [mean, m2, deviations, map]) x.dispose();
    }
  }

  get #device(): Device {
    const [piece] = this.pieces;
    return (piece as PieceState).segment.device;
  }

  /** Notes that the model's weights were overwritten. */
  #touch(): void {
    for (const { parameter } of this.layout.entries) touch(parameter);
  }

  #launch(
    { segment: { device }, length, spans }: PieceState,
    kernels: (form: SwagForm) => Kernel,
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
    ) as SwagVariant;
    const per = variant === "vector" ? 1 : 16;
    const kernel = kernels({ variant, format: this.settings.deviations });
    launch(device, kernel, {
      bind: [...bind, ...variant === "texels" ? again : [], ...last],
      params: { vectors, spans: spans.length, ...params },
      groups: grid(vectors / per, kernel.workgroupSize),
    });
  }

  /** Calls a function for every range of a piece that belongs to this model only. */
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
