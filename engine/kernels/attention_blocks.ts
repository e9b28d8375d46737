// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Chooses among the kernels of attention that own blocks of rows of a head.
// Variants:
//   serial, wide      an invocation owns 1 to 8 rows, or with `wide` up to twice
//                     as many, which takes the driver longer to compile; for
//                     adapters on the CPU
//   tiled32, tiled64  a workgroup owns 32 or 64 rows; for GPUs
//   flash64           a workgroup owns 64 rows, and has more workgroup memory to
//                     multiply in; forward on large GPUs

import { defineKernels, type Kernel } from "../gpu/kernel.ts";
import type { AttentionForm } from "./attention_text.ts";
import { FLASH_ROWS, flashBytes, flashForward } from "./attention_flash.ts";
import {
  rowsEach,
  serialForward,
  serialKeys,
  serialQueries,
} from "./attention_serial.ts";
import { tiledForward, tiledKeys, tiledQueries } from "./attention_tiled.ts";
import { tiledBytes, type TiledShape } from "./attention_tiles.ts";

/** The variants of the kernels of dq, dk and dv. */
export const BACKWARD_VARIANTS: readonly string[] = [
  "serial",
  "wide",
  "tiled32",
  "tiled64",
];

/** The variants of the forward kernel. */
export const ATTENTION_VARIANTS: readonly string[] = [
  ...BACKWARD_VARIANTS,
  "flash64",
];

/** What a kernel computes: y, dq, or dk and dv. */
export type AttentionStep = "forward" | "queries" | "keys";

/** A kernel whose work items are blocks of rows. */
export interface BlockKernel {
  kernel: Kernel;
  /** The rows of an item. */
  rows: number;
  /** The items that a workgroup handles. */
  items: number;
}

/** What {@linkcode blockKernel} chooses by. */
export interface BlockWork {
  form: AttentionForm;
  step: AttentionStep;
  variant: string;
  /** The number of rows of a head: queries, or keys for dk and dv. */
  rows: number;
  /** The bytes of workgroup memory that the device allows. */
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

/** What selects the text of a kernel for adapters on the CPU. */
interface SerialForm {
  step: AttentionStep;
  form: AttentionForm;
  /** Rows of an invocation. */
  rows: number;
}

const PLAIN: AttentionForm = { depth: 64, aligned: true, texels: false };
const TEXELS: AttentionForm = { depth: 64, aligned: true, texels: true };

const serialKernel = defineKernels<SerialForm>({
  name: "attention_serial",
  make: ({ step, form, rows }) => SERIAL[step](form, rows),
  key: ({ step, form: { depth, aligned, texels }, rows }) =>
    `${step} ${rows} ${depth} ${aligned} ${texels}`,
  forms: {
    forward: { step: "forward", form: TEXELS, rows: 4 },
    queries: { step: "queries", form: TEXELS, rows: 4 },
    keys: { step: "keys", form: TEXELS, rows: 4 },
    buffers: { step: "forward", form: PLAIN, rows: 8 },
  },
});

/** What selects the text of a kernel for GPUs. */
interface TiledForm {
  step: AttentionStep;
  form: AttentionForm;
  shape: TiledShape;
}

const tiledKernel = defineKernels<TiledForm>({
  name: "attention_tiled",
  make: ({ step, form, shape }) => TILED[step](form, shape),
  forms: {
    forward: { step: "forward", form: PLAIN, shape: { rows: 32, each: 4 } },
    queries: { step: "queries", form: PLAIN, shape: { rows: 32, each: 4 } },
    keys: { step: "keys", form: PLAIN, shape: { rows: 32, each: 4 } },
    forward64: { step: "forward", form: PLAIN, shape: { rows: 64, each: 8 } },
  },
});

const flashKernel = defineKernels<AttentionForm>({
  name: "attention_flash",
  make: flashForward,
  forms: {
    aligned: PLAIN,
    ragged: { depth: 63, aligned: false, texels: false },
  },
});

/** Whether a variant is meant for adapters on the CPU. */
export function isSerial(variant: string): boolean {
  return variant === "serial" || variant === "wide";
}

/** The kernel of a step, and how its work is cut into items. */
export function blockKernel(work: BlockWork): BlockKernel {
  const { form, step, variant, rows, memory } = work;
  const { depth, aligned } = form;
  if (isSerial(variant)) {
    const each = rowsEach({
      form,
      rows,
      wide: variant === "wide",
      backward: step !== "forward",
    });
    const kernel = serialKernel({ step, form, rows: each });
    return { kernel, rows: each, items: kernel.workgroupSize };
  }
  const plain = { depth, aligned, texels: false };
  if (variant === "flash64" && step === "forward" && flashFits(plain, memory)) {
    return { kernel: flashKernel(plain), rows: FLASH_ROWS, items: 1 };
  }
  const shape = tiledShape(work);
  return {
    kernel: tiledKernel({ step, form: plain, shape }),
    rows: shape.rows,
    items: 1,
  };
}

/**
 * Whether `flash64` fits the bytes of workgroup memory that a device allows.
 * Where it does not, `tiled64` runs in its place.
 */
export function flashFits(form: AttentionForm, memory: number): boolean {
  return flashBytes(form) <= memory;
}

/**
 * The shape of a variant, or a smaller one where workgroup memory is too small.
 */
function tiledShape({ step, variant, memory }: BlockWork): TiledShape {
  const forward = step === "forward";
  // Backward has twice the scores and sums to hold in registers.
  const wide: TiledShape = { rows: 64, each: forward ? 8 : 4 };
  return variant !== "tiled32" && tiledBytes(wide, forward) <= memory
    ? wide
    : { rows: 32, each: 4 };
}
