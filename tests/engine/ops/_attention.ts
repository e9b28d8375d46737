// Copyright 2026 the swagpu authors. MIT license.

// Compares attention() and its gradients with the reference.

import { assert, assertEquals } from "@std/assert";
import {
  attention,
  type AttentionOptions,
} from "../../../engine/ops/attention.ts";
import { tensor } from "../../../engine/ops/creation.ts";
import type { Device } from "../../../engine/gpu/device.ts";
import { flashFits } from "../../../engine/kernels/attention_blocks.ts";
import { philox4x32 } from "../../../engine/philox.ts";
import { scope } from "../../../engine/scope.ts";
import { backward } from "../../../engine/tape.ts";
import { readAll } from "../../../engine/tensor.ts";
import { pinned, variantsOf } from "../../../engine/tuning/choice.ts";
import { assertClose, randomValues, type Tolerance } from "../../_check.ts";
import {
  attention as reference,
  attentionBackward,
} from "../../reference/attention.ts";
import { withVariant } from "../../_variants.ts";

/** 32-bit exponentials and sums of up to about a hundred products. */
export const ATTENTION: Tolerance = { absolute: 2e-5, relative: 5e-5 };

export interface Case
  extends Omit<AttentionOptions, "mask" | "segments" | "dropout" | "heads"> {
  batch?: number;
  sq: number;
  sk?: number;
  heads?: number;
  depth: number;
  /** One row of mask for each batch row. */
  mask?: number[];
  /** Tokens of each text, where there are several in the one batch row. */
  lengths?: number[];
  /** Keys of each text, where they are other tokens than the queries. */
  keyLengths?: number[];
  rate?: number;
}

/**
 * The first and one-past-last token of the text of each token, as texts of
 * other lengths have them.
 */
export function segmentsOf(
  lengths: readonly number[],
  others: readonly number[] = lengths,
): number[] {
  let start = 0;
  return lengths.flatMap((length, text) => {
    const row = [start, start += others[text] ?? 0];
    return Array.from({ length }, () => row).flat();
  });
}

export const STREAM = { key: [7, 11], stream: [3, 5] } as const;

/** Compares y, dq, dk and dv with the float64 twin. */
export async function check(c: Case): Promise<void> {
  using _ = scope();
  const { lengths, keyLengths, batch = lengths ? 1 : 2 } = c;
  const { sq, sk = sq, heads = 2, depth, mask, rate } = c;
  const segments = lengths && segmentsOf(lengths, keyLengths);
  const ofKeys = lengths && keyLengths && segmentsOf(keyLengths, lengths);
  const width = heads * depth;
  const options = {
    heads,
    ...(c.causal === undefined ? {} : { causal: c.causal }),
    ...(c.window === undefined ? {} : { window: c.window }),
    ...(c.scale === undefined ? {} : { scale: c.scale }),
  };
  const host = [sq, sk, sk, sq].map((rows, i) =>
    randomValues(batch * rows * width, 31 * i + depth + sq, -1.5, 1.5)
  );
  const [q, k, v, dy] = host.map((values, i) =>
    tensor(values, {
      shape: [batch, i === 0 || i === 3 ? sq : sk, width],
      requiresGrad: i < 3,
    })
  );
  assert(q && k && v && dy);
  if (pinned("attention") === "flash64") {
    // Or another variant would run in its place, and hide its faults.
    assert(hasRoom(q.device, depth), `no room for heads of ${depth} columns`);
  }
  const y = attention(q, k, v, {
    ...options,
    ...(mask
      ? { mask: tensor(Int32Array.from(mask), { shape: [batch, sk] }) }
      : {}),
    ...(segments
      ? { segments: tensor(Int32Array.from(segments), { shape: [sq, 2] }) }
      : {}),
    ...(ofKeys
      ? { segmentsOfKeys: tensor(Int32Array.from(ofKeys), { shape: [sk, 2] }) }
      : {}),
    ...(rate === undefined ? {} : { dropout: { rate, stream: STREAM } }),
  });
  backward(y, { gradient: dy });
  assert(q.grad && k.grad && v.grad);
  const actual = await readAll([y, q.grad, k.grad, v.grad]);
  const twin = {
    batch,
    sq,
    sk,
    depth,
    ...options,
    ...(mask ? { mask } : {}),
    ...(segments ? { segments } : {}),
    ...(rate === undefined ? {} : {
      keep: (b: number, h: number, i: number, j: number) =>
        kept(rate, (b * heads + h) * sq + i, j) / (1 - rate),
    }),
  };
  const [q64, k64, v64, dy64] = host.map((x) => Float64Array.from(x));
  assert(q64 && k64 && v64 && dy64);
  const expected = [
    reference(q64, k64, v64, twin),
    ...attentionBackward(q64, k64, v64, dy64, twin),
  ];
  expected.forEach((values, i) =>
    assertClose(
      actual[i] ?? [],
      values,
      ATTENTION,
      `${JSON.stringify(c)} ${["y", "dq", "dk", "dv"][i]}`,
    )
  );
}

/** 1 where the generator keeps probability j of a row, else 0. */
export function kept(rate: number, row: number, j: number): number {
  const words = philox4x32([j >> 2, row, ...STREAM.stream], [...STREAM.key]);
  return ((words[j & 3] ?? 0) >>> 8) / 2 ** 24 >= rate ? 1 : 0;
}

/** A mask whose first tokens are padding. */
export const left = (length: number, pad: number): number[] =>
  Array.from({ length }, (_, i) => i < pad ? 0 : 1);

/** A mask whose last tokens are padding. */
export const right = (length: number, pad: number): number[] =>
  left(length, pad).reverse();

/** Runs with one variant forward, and backward where it has it. */
export function withAttention(
  variant: string,
  run: () => Promise<void>,
): Promise<void> {
  const known = variantsOf("attention_backward").includes(variant);
  const backward = known ? variant : "tiled64";
  return withVariant(
    "attention",
    variant,
    () => withVariant("attention_backward", backward, run),
  );
}

/** Whether the device has the workgroup memory that `flash64` takes. */
function hasRoom({ workgroupMemory }: Device, depth: number): boolean {
  const form = { depth, aligned: depth % 4 === 0, texels: false };
  return flashFits(form, workgroupMemory);
}

/**
 * Runs with `flash64`, and with as much workgroup memory as heads of 64 columns
 * take if that can be had: llvmpipe reports 32 KiB but gives a kernel what it
 * declares, and Deno's WebGPU does not compare the two.
 *
 * @param run It gets the most columns for which there is room, at most 64.
 */
export async function withFlash(
  device: Device,
  run: (columns: number) => Promise<void>,
): Promise<void> {
  const { workgroupMemory } = device;
  const lenient = device.name.startsWith("llvmpipe"); // Dawn has SwiftShader.
  const columns = () => [64, 32, 16].find((depth) => hasRoom(device, depth));
  try {
    if (lenient) Object.assign(device, { workgroupMemory: 48 * 1024 });
    await withAttention("flash64", () => run(columns() ?? 4));
  } finally {
    Object.assign(device, { workgroupMemory });
  }
}

/** All rules that need no texts, at once. */
export const EVERY_RULE = {
  sq: 65,
  sk: 129,
  depth: 4,
  heads: 1,
  window: 70,
  causal: true,
  rate: 0.4,
  mask: [...left(129, 40), ...right(129, 5)],
};

/** Texts that share a row, with the rules they allow. */
export const TEXTS_AND_RULES = {
  sq: 70,
  depth: 4,
  lengths: [6, 64],
  window: 8,
  causal: true,
  rate: 0.3,
};

/**
 * Checks that no kernel visits what the rules of attention exclude. What lies
 * outside the window's tiles is NaN: a kernel that so much as visited it would
 * spread it, since 0 · NaN is NaN.
 */
export async function checkVisits(): Promise<void> {
  const [length, width, window] = [512, 4, 20];
  const reach = window + 64 + 32;
  for (const rule of [{ window }, { causal: true }]) {
    using _ = scope();
    const host = [1, 2, 3, 4].map((seed) => {
      const x = randomValues(length * width, seed);
      x.fill(NaN, (128 + reach) * width);
      return x;
    });
    const [q, k, v, dy] = host.map((values, i) =>
      tensor(values, {
        shape: [1, length, width],
        requiresGrad: i < 3,
      })
    );
    assert(q && k && v && dy);
    const y = attention(q, k, v, { heads: 1, ...rule });
    backward(y, { gradient: dy });
    assert(q.grad && k.grad && v.grad);
    const [out, dq, dk, dv] = await readAll([y, q.grad, k.grad, v.grad]);
    const finite = (x: ArrayLike<number> | undefined) =>
      Array.from(x ?? [NaN]).slice(0, 128 * width).every(isFinite);
    assert(finite(out) && finite(dq), `${JSON.stringify(rule)} y, dq`);
    // Later queries see every key when causal: their NaN must come.
    assertEquals(finite(dk) && finite(dv), "window" in rule);
  }
}
