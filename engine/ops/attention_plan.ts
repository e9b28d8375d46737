// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// What the kernels of an attention call need, worked out from its arguments.

import type { Device } from "../gpu/device.ts";
import type { Param } from "../gpu/observer.ts";
import {
  type AttentionForm,
  type AttentionRule,
  mostRows,
} from "../kernels/attention.ts";
import { type AttentionStep, flashFits } from "../kernels/attention_blocks.ts";
import { rowsEach, serialTurns } from "../kernels/attention_serial.ts";
import { streamParams } from "../generator.ts";
import type { RandomStream } from "../random_stream.ts";
import type { IntegerTensor, Tensor } from "../tensor.ts";
import { type AttentionOptions, checkAttention } from "./attention_options.ts";

/** As many workgroups of 64 rows keep a GPU busy; with fewer, smaller ones do. */
const ENOUGH = 512;

const NO_STREAM: RandomStream = { key: [0, 0], stream: [0, 0] };

/** What the kernels of one call need: sizes, constants and parameters. */
export interface AttentionPlan {
  device: Device;
  form: AttentionForm;
  batch: number;
  sq: number;
  sk: number;
  heads: number;
  width: number;
  constants: Record<string, number>;
  params: Record<string, Param>;
  /** The mask or the segments of queries, bound where queries own the rows. */
  mask: IntegerTensor | undefined;
  /** Integers of the mask that belong to one batch row. */
  maskSize: number;
  /** The mask or the segments of keys, bound where keys own the rows. */
  keysMask: IntegerTensor | undefined;
  /** The class of shapes that a measured choice of variant is looked up by. */
  shapeClass: string;
  /** The variant of a step where none is pinned or measured. */
  fallback: (step: AttentionStep) => string;
}

/** Checks the arguments of a call, and works out what its kernels need. */
export function planFor(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  options: AttentionOptions,
): AttentionPlan {
  const { heads, mask, segments, causal = false, window, dropout } = options;
  const { segmentsOfKeys = segments } = options;
  const { batch, sq, sk, width, depth } = checkAttention(q, k, v, options);
  const rate = dropout?.rate ?? 0;
  const offset = causal ? sk - sq : 0;
  const form: AttentionForm = {
    depth,
    aligned: depth % 4 === 0,
    texels: depth % 4 === 0 && q.device.isSoftware,
  };
  if (!segments) {
    checkTurns(q.device, form, { sq, sk, offset, causal, window }, rate > 0);
  }
  const { scale = 1 / Math.sqrt(depth) } = options;
  return {
    device: q.device,
    form,
    batch,
    sq,
    sk,
    heads,
    width,
    mask: segments ?? mask,
    maskSize: segments ? Math.max(sq, sk) * 2 : sk,
    keysMask: segmentsOfKeys ?? mask,
    shapeClass: `${depth <= 64 ? 64 : 128}_${
      Math.max(sq, sk) <= 256 ? "short" : "long"
    }`,
    fallback: (step) =>
      usualVariant(q.device, { form, step, batch, heads, sq, sk }),
    constants: {
      MASK: segments ? 2 : mask ? 1 : 0,
      CAUSAL: causal ? 1 : 0,
      WINDOW: window === undefined ? 0 : 1,
      DROPOUT: rate > 0 ? 1 : 0,
    },
    params: {
      sq,
      sk,
      heads,
      offset,
      // Beyond every distance, so that sums with indices stay in range.
      window: Math.min(window ?? 0, 2 ** 29),
      scale,
      scale2: scale * Math.LOG2E,
      threshold: Math.ceil(rate * 2 ** 24),
      keep: 1 / (1 - rate),
      ...streamParams(dropout?.stream ?? NO_STREAM),
    },
  };
}

/** What {@linkcode usualVariant} chooses by. */
export interface AttentionWork
  extends Pick<AttentionPlan, "form" | "batch" | "heads" | "sq" | "sk"> {
  step: AttentionStep;
}

/** The variant that is fast for most sizes: measured on an H200. */
export function usualVariant(
  device: Pick<Device, "isSoftware" | "workgroupMemory">,
  { form, step, batch, heads, sq, sk }: AttentionWork,
): string {
  if (device.isSoftware) return "serial";
  const groups = batch * heads * Math.ceil(Math.min(sq, sk) / 64);
  if (groups < ENOUGH) return "tiled32";
  return step === "forward" && flashFits(form, device.workgroupMemory)
    ? "flash64"
    : "tiled64";
}

/** Throws where a software driver would end a kernel's loops too early. */
function checkTurns(
  device: Device,
  form: AttentionForm,
  rule: AttentionRule,
  dropout: boolean,
): void {
  // An invocation owns no more rows than these, of queries or of keys.
  const rows = isFinite(device.maxTurns)
    ? rowsEach({ form, rows: Infinity, wide: true, backward: false })
    : 1;
  const keysOrQueries = Math.max(
    mostRows(rule, rows, "queries"),
    mostRows(rule, rows, "keys"),
  );
  if (
    keysOrQueries * serialTurns(rows, dropout) + 4 * rows <= device.maxTurns
  ) return;
  throw new RangeError(
    `Cannot attend over ${Math.max(rule.sq, rule.sk)} tokens${
      dropout ? " with dropout" : ""
    }: the software adapter's loops end too early, expected a window or a GPU`,
  );
}
