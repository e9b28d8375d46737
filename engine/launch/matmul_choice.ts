// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Which block a product takes where none is pinned or measured, and into how
// many parts it is split along k.

import type { Device } from "../gpu/device.ts";
import {
  type Block,
  BLOCKS,
  type MatmulVariant,
} from "../kernels/matmul_form.ts";
import { DIRECT_WORKGROUP } from "../kernels/matmul_direct.ts";
import { skinnyColumns } from "../kernels/matmul_skinny.ts";
import { tileBytes } from "../kernels/matmul_tiled.ts";
import { chooseVariant } from "../tuning/choice.ts";

/** The sizes of a product that choices depend on. */
export interface MatmulSizes {
  m: number;
  n: number;
  k: number;
  transposeB: boolean;
  /** Whether rows of both operands start at multiples of four elements. */
  aligned: boolean;
  /** Products in all. */
  count: number;
}

/** The family of the blocks. */
export const MATMUL_FAMILY = "matmul";
/** The family of the numbers of parts along k. */
export const SPLIT_FAMILY = "matmul_split";
/** Parts along k, by the name of the variant. */
export const SPLITS: Readonly<Record<string, number>> = {
  whole: 1,
  split2: 2,
  split4: 4,
  split8: 8,
  split16: 16,
};

/**
 * Shape classes by the size of the result, and a product [m, n, k] that stands
 * for each.
 */
export const MATMUL_CLASSES: Readonly<
  Record<string, readonly [number, number, number]>
> = {
  rows: [4, 1024, 512],
  small: [128, 128, 256],
  medium: [512, 512, 256],
  large: [1024, 1024, 256],
};

/** Rows up to which a product is skinny. */
const FEW_ROWS = 16;

function classOf({ m, n, count }: MatmulSizes): string {
  if (m <= FEW_ROWS) return "rows";
  const size = m * n * count;
  if (size <= 2 ** 15) return "small";
  return size <= 2 ** 19 ? "medium" : "large";
}

/** The variant to multiply with, given the parts along k. */
export function chooseBlock(
  device: Device,
  sizes: MatmulSizes,
  splits: number,
): MatmulVariant {
  const name = chooseVariant(
    device,
    MATMUL_FAMILY,
    classOf(sizes),
    () =>
      device.isSoftware
        ? cheapest(sizes)
        : widest(sizes, splits, (block) => fits(device, block)),
  );
  if (!(name in BLOCKS)) return "direct16";
  const variant = name as MatmulVariant;
  const block: Block = BLOCKS[variant];
  if (isWide(block) && !sizes.aligned) return "direct16";
  return fits(device, block) ? variant : "tiled64";
}

/** Whether a block takes seconds to compile where texels cannot be read. */
function isWide({ kind, m, n }: Block): boolean {
  return kind === "direct" && m * n > 256;
}

/** Whether the device has the workgroup memory that a block needs. */
function fits({ gpu }: Device, block: Block): boolean {
  return block.kind !== "tiled" ||
    tileBytes(block) <= gpu.limits.maxComputeWorkgroupStorageSize;
}

/** What eight lanes of llvmpipe take, in multiply-adds: see bench/RESULTS.md. */
const TEXEL = 40;
const WORD = 100; // of each lane

/**
 * The block with which an adapter on the CPU is done first, by what it loads and
 * multiplies for each step along k; workgroups run on two cores at least.
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

/** The largest tile of which there are still enough to keep a GPU busy. */
function widest(
  { m, n, count }: MatmulSizes,
  splits: number,
  fits: (block: Block) => boolean,
): MatmulVariant {
  if (m <= FEW_ROWS) return m <= 4 ? "skinny4" : "skinny16";
  const tiles = (size: number) =>
    Math.ceil(m / size) * Math.ceil(n / size) * count * splits;
  if (tiles(128) >= 160) {
    return fits(BLOCKS.tiled128deep) ? "tiled128deep" : "tiled128";
  }
  return tiles(64) >= 64 ? "tiled64" : "tiled32";
}

/** Workgroups that a large GPU wants, of tiles of 64 and of skinny ones. */
const ENOUGH_TILES = 512;
const ENOUGH_SKINNY = 256;
/** Terms of a sum that make a part. */
const PART = 256;

/**
 * Into how many parts a product is split along k: 1 unless a GPU would have too
 * few workgroups. Decided from the sizes alone or pinned, never measured: it
 * changes the order of the sum, for many shapes of one class.
 */
export function chooseSplits(device: Device, sizes: MatmulSizes): number {
  const usual = usualSplits(device, sizes);
  // A class of its own for each number: a choice that is exported and applied
  // again then says the same of every shape.
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
  const wanted = (skinny ? ENOUGH_SKINNY : ENOUGH_TILES) / groups;
  const most = Math.min(wanted, k / PART);
  const fitting = Object.entries(SPLITS).filter(([, parts]) => parts <= most);
  return fitting.at(-1)?.[0] ?? "whole";
}
