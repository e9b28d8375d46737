// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Chooses the kernel of a matrix product, where none is pinned or measured, and
// into how many parts its sum over k is split.

import type { Device } from "../gpu/device.ts";
import {
  type Block,
  BLOCKS,
  type MatmulVariant,
} from "../kernels/matmul_form.ts";
import { DIRECT_WORKGROUP } from "../kernels/matmul_direct.ts";
import { skinnyColumns } from "../kernels/matmul_skinny.ts";
import { chooseVariant } from "../tuning/choice.ts";

/** The properties of a product on which the choices depend. */
export interface MatmulSizes {
  m: number;
  n: number;
  k: number;
  transposeB: boolean;
  /** Whether rows of both operands start at multiples of four elements. */
  aligned: boolean;
  /** The number of products in the batch. */
  count: number;
}

/** The kernel family of the blocks. */
export const MATMUL_FAMILY = "matmul";
/** The kernel family of the numbers of parts along k. */
export const SPLIT_FAMILY = "matmul_split";
/** The number of parts along k of each variant. */
export const SPLITS: Readonly<Record<string, number>> = {
  whole: 1,
  split2: 2,
  split4: 4,
  split8: 8,
  split16: 16,
};

/**
 * The shape classes, by the size of the result, each with the sizes [m, n, k] of
 * the product that is measured for it.
 */
export const MATMUL_CLASSES: Readonly<
  Record<string, readonly [number, number, number]>
> = {
  rows: [4, 1024, 512],
  small: [128, 128, 256],
  medium: [512, 512, 256],
  large: [1024, 1024, 256],
};

/** Products of at most this many rows are skinny. */
const FEW_ROWS = 16;

function classOf({ m, n, count }: MatmulSizes): string {
  if (m <= FEW_ROWS) return "rows";
  const size = m * n * count;
  if (size <= 2 ** 15) return "small";
  return size <= 2 ** 19 ? "medium" : "large";
}

/** Chooses the variant to multiply with, given the number of parts along k. */
export function chooseBlock(
  device: Device,
  sizes: MatmulSizes,
  splits: number,
): MatmulVariant {
  const name = chooseVariant(
    device,
    MATMUL_FAMILY,
    classOf(sizes),
    () => device.isSoftware ? cheapest(sizes) : widest(sizes, splits),
  );
  if (!(name in BLOCKS)) return "direct16";
  const variant = name as MatmulVariant;
  const block: Block = BLOCKS[variant];
  return isWide(block) && !sizes.aligned ? "direct16" : variant;
}

/** Whether a block takes seconds to compile if it cannot read texels. */
function isWide({ kind, m, n }: Block): boolean {
  return kind === "direct" && m * n > 256;
}

/**
 * What a load costs eight lanes of llvmpipe, in multiply-adds: a texel for all of
 * them, and a word for each of them. Measured in bench/RESULTS.md.
 */
const TEXEL = 40;
const WORD = 100;

/**
 * Finds the block with which an adapter on the CPU finishes first, from the number
 * of loads and multiplications for each step along k. At least two cores run
 * workgroups.
 */
function cheapest({ m, n, count, aligned }: MatmulSizes): MatmulVariant {
  let best: MatmulVariant = "direct16";
  let least = Infinity;
  for (const [name, block] of Object.entries(BLOCKS)) {
    const variant = name as MatmulVariant;
    if (block.kind !== "direct") continue;
    if (isWide(block) && !aligned) continue;
    const blocks = Math.ceil(m / block.m) * Math.ceil(n / block.n);
    const groups = Math.ceil(blocks / DIRECT_WORKGROUP) * count;
    const lanes = Math.min(blocks, DIRECT_WORKGROUP) / DIRECT_WORKGROUP;
    const load = aligned ? TEXEL / 4 : WORD * lanes;
    const each = (block.m + block.n) * load + block.m * block.n;
    const cost = Math.ceil(groups / 2) * each;
    if (cost < least) [best, least] = [variant, cost];
  }
  return best;
}

/**
 * Tiles from the largest, each with the fewest workgroups that keep a large GPU
 * busy. Measured on an H200, in products of a BERT of base size.
 */
const TILES: readonly (readonly [variant: MatmulVariant, enough: number])[] = [
  ["tiled128", 256],
  ["tiled128x64", 384],
  ["tiled64", 128],
];

/** Finds the largest tile that still makes enough workgroups to keep a GPU busy. */
function widest(
  { m, n, count }: MatmulSizes,
  splits: number,
): MatmulVariant {
  if (m <= FEW_ROWS) return m <= 4 ? "skinny4" : "skinny16";
  const found = TILES.find(([variant, enough]) => {
    const block = BLOCKS[variant];
    const tiles = Math.ceil(m / block.m) * Math.ceil(n / block.n);
    return tiles * count * splits >= enough;
  });
  return found?.[0] ?? "tiled32";
}

/** How products are split: those of tiles, counted in 64×64, and skinny ones. */
const SPLITTING = {
  tiled: {
    /** Workgroups that are enough for a large GPU. */
    enough: 1024,
    /** The fewest terms of a sum that are worth a part. */
    part: 96,
    /** The most parts. */
    most: 8,
  },
  skinny: { enough: 256, part: 256, most: 16 },
} as const;

/**
 * Chooses into how many parts the sum over k is split: 1, unless a GPU would have
 * too few workgroups. The sizes decide it, or a pin, but never a measurement: the
 * number of parts changes the order of the sum, and so its bits.
 */
export function chooseSplits(device: Device, sizes: MatmulSizes): number {
  const usual = usualSplits(device, sizes);
  // The shape class is the split count itself, so that an exported choice means
  // the same for every shape.
  const name = chooseVariant(device, SPLIT_FAMILY, usual, () => usual);
  return SPLITS[name] ?? 1;
}

function usualSplits(device: Device, sizes: MatmulSizes): string {
  const { m, n, k, transposeB, count } = sizes;
  if (device.isSoftware || count > 1) return "whole";
  const skinny = m <= FEW_ROWS;
  const groups = skinny
    ? Math.ceil(n / skinnyColumns(transposeB))
    : Math.ceil(m / 64) * Math.ceil(n / 64);
  const { enough, part, most: limit } = SPLITTING[skinny ? "skinny" : "tiled"];
  const most = Math.min(enough / groups, k / part, limit);
  const fitting = Object.entries(SPLITS).filter(([, parts]) => parts <= most);
  return fitting.at(-1)?.[0] ?? "whole";
}
