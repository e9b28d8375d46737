// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The kernels of attention that own blocks of rows of a head, by variant:
//   serial, wide            an invocation owns 1-8 rows, or twice as many that
//                           take the driver longer to compile; for CPUs
//   tiled32, tiled64        a workgroup owns 32 or 64 rows; for GPUs
//   resident32, resident64  the same, and keeps them in workgroup memory

import { defineKernels, type Kernel } from "../gpu/kernel.ts";
import type { AttentionForm } from "./attention.ts";
import {
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
    forward: {
      step: "forward",
      form: PLAIN,
      shape: { rows: 32, each: 4, resident: false },
    },
    queries: {
      step: "queries",
      form: PLAIN,
      shape: { rows: 32, each: 4, resident: false },
    },
    keys: {
      step: "keys",
      form: PLAIN,
      shape: { rows: 32, each: 4, resident: false },
    },
    resident64: {
      step: "forward",
      form: PLAIN,
      shape: { rows: 64, each: 8, resident: true },
    },
  },
});

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
    const kernel = serialKernel({ step, form, rows: each });
    return { kernel, rows: each, items: kernel.workgroupSize };
  }
  const plain = { depth, aligned, texels: false };
  const shape = tiledShape(work, plain);
  return {
    kernel: tiledKernel({ step, form: plain, shape }),
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
