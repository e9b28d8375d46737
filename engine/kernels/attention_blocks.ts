// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The kernels of attention that own blocks of rows of a head, by variant:
//   serial, wide            an invocation owns 1-8 rows, or twice as many that
//                           take the driver longer to compile; for CPUs
//   tiled32, tiled64        a workgroup owns 32 or 64 rows; for GPUs
//   resident32, resident64  the same, and keeps them in workgroup memory

import type { Kernel } from "../gpu/kernel.ts";
import type { AttentionForm } from "./attention.ts";
import {
  ATTENTION_SERIAL_WORKGROUP,
  rowsEach,
  serialForward,
  serialKeys,
  serialQueries,
} from "./attention_serial.ts";
import {
  tiledBytes,
  tiledForward,
  tiledKeys,
  tiledQueries,
  type TiledShape,
} from "./attention_tiled.ts";

/** The variants forward; backward has all but the last. */
export const ATTENTION_VARIANTS: readonly string[] = [
  "serial",
  "wide",
  "tiled32",
  "resident32",
  "tiled64",
  "resident64",
];

/** What a kernel makes: y, dq, or dk and dv. */
export type AttentionStep = "forward" | "queries" | "keys";

/** A kernel whose items are blocks of rows. */
export interface BlockKernel {
  kernel: Kernel;
  /** Rows of an item. */
  rows: number;
  /** Items of a workgroup. */
  items: number;
}

/** What {@linkcode blockKernel} decides by. */
export interface BlockWork {
  form: AttentionForm;
  step: AttentionStep;
  variant: string;
  /** Rows of a head: queries, or keys for dk and dv. */
  rows: number;
  /** Bytes of workgroup memory that the device grants. */
  memory: number;
}

const SERIAL = {
  forward: serialForward,
  queries: serialQueries,
  keys: serialKeys,
} as const;

const TILED = {
  forward: tiledForward,
  queries: tiledQueries,
  keys: tiledKeys,
} as const;

const made = new Map<string, Kernel>();

function once(key: string, make: () => Kernel): Kernel {
  let kernel = made.get(key);
  if (!kernel) made.set(key, kernel = make());
  return kernel;
}

/** Whether a variant is one for adapters on the CPU. */
export function isSerial(variant: string): boolean {
  return variant === "serial" || variant === "wide";
}

/** The kernel of a step, and how many rows an item of it owns. */
export function blockKernel(work: BlockWork): BlockKernel {
  const { form, step, variant, rows } = work;
  const { depth, aligned } = form;
  if (isSerial(variant)) {
    const each = rowsEach({
      form,
      rows,
      wide: variant === "wide",
      backward: step !== "forward",
    });
    return {
      kernel: once(
        `serial ${step} ${each} ${depth} ${form.texels}`,
        () => SERIAL[step](form, each),
      ),
      rows: each,
      items: ATTENTION_SERIAL_WORKGROUP,
    };
  }
  const plain = { depth, aligned, texels: false };
  const shape = tiledShape(work, plain);
  return {
    kernel: once(
      `${JSON.stringify(shape)} ${step} ${depth}`,
      () => TILED[step](plain, shape),
    ),
    rows: shape.rows,
    items: 1,
  };
}

/** What of a variant a device has the workgroup memory for. */
function tiledShape(
  { step, variant, memory }: BlockWork,
  form: AttentionForm,
): TiledShape {
  const forward = step === "forward";
  const rows = variant.endsWith("64") ? 64 : 32;
  const shape = (rows: 32 | 64, resident: boolean): TiledShape => ({
    rows,
    // Backward has twice the scores and sums to hold in registers.
    each: rows === 64 && forward ? 8 : 4,
    resident,
  });
  const fits = (shape: TiledShape) =>
    tiledBytes(form, shape, forward ? 1 : 2) <= memory;
  const resident = shape(rows, true);
  if (variant.startsWith("resident") && fits(resident)) return resident;
  const tiled = shape(rows, false);
  return fits(tiled) ? tiled : shape(32, false);
}
