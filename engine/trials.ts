// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// How `tune` measures the families of attention and of kernels over rows: it runs
// the op with its derivative, at sizes of a small transformer on a GPU, and at
// sizes that take a few milliseconds on an adapter that is a CPU.
//
// The families are declared beside their kernels. Their trials are in a file at the
// engine's top because they run whole ops, which import those files; tuner.ts loads
// it, so that a program that does not tune has only the ops that it uses.

import type { Device } from "./gpu/device.ts";
import { flashFits, isSerial } from "./kernels/attention_blocks.ts";
import { attention } from "./ops/attention.ts";
import { cachedAttention } from "./ops/cached_attention.ts";
import { full } from "./ops/creation.ts";
import { crossEntropy } from "./ops/cross_entropy.ts";
import { cumsum } from "./ops/cumsum.ts";
import { layerNorm } from "./ops/normalization.ts";
import { sum } from "./ops/reduce.ts";
import { bothWays, operand } from "./ops/rehearsals.ts";
import { softmax } from "./ops/softmax.ts";
import { backward } from "./tape.ts";
import type { Tensor } from "./tensor.ts";
import { defineTrial } from "./tuning/choice.ts";

/** The share of the rows that a CPU gets, which is so much slower, or more. */
const CPU_SHARE = 1 / 32;

function rowsOn(device: Device, rows: number): number {
  return device.isSoftware ? Math.max(1, Math.round(rows * CPU_SHARE)) : rows;
}

/** The trial of an op on `[rows, columns]`, forward and backward. */
function overRows(op: (x: Tensor) => Tensor) {
  return (device: Device, [rows = 1, columns = 1]: readonly number[]) => {
    return bothWays(op, operand(device, [rowsOn(device, rows), columns]));
  };
}

defineTrial("layer_norm", {
  classes: { all: [4096, 768] },
  run: overRows((x) => layerNorm(x)),
});

defineTrial("softmax", {
  classes: { all: [4096, 768] },
  run: overRows((x) => softmax(x)),
});

defineTrial("reduce", {
  classes: { all: [4096, 1024] },
  run: overRows((x) => sum(x, { axis: -1 })),
});

defineTrial("cumsum", {
  classes: { all: [4096, 512] },
  run: overRows((x) => cumsum(x, { axis: -1 })),
});

defineTrial("cross_entropy", {
  classes: { narrow: [16384, 8], wide: [2048, 8192] },
  run: (device, [rows = 1, classes = 1]) => {
    const n = rowsOn(device, rows);
    const logits = operand(device, [n, classes]);
    const target = full([n], 1, { device, dtype: "i32" });
    return () => backward(crossEntropy(logits, target));
  },
});

/**
 * The sizes of each class: batch, tokens, heads, and columns of a head. As in
 * training, there are so many workgroups that they keep all of a large GPU busy.
 * With fewer, a variant that takes much workgroup memory seems fast, though few of
 * its workgroups can run at once.
 */
const ATTENTION_CLASSES = {
  "64_short": [32, 128, 12, 64],
  "64_long": [8, 512, 12, 64],
  "128_short": [32, 128, 12, 128],
  "128_long": [8, 512, 12, 128],
};

/** The heads on an adapter that is a CPU. */
const CPU_HEADS = 4;

for (const family of ["attention", "attention_backward"]) {
  defineTrial(family, {
    classes: ATTENTION_CLASSES,
    // Tiles need barriers, which are slow on a CPU; they and wide blocks take
    // seconds to compile there.
    suits: (device, variant, [_batch, _length, _heads, depth = 1]) => {
      if (device.isSoftware) return variant === "serial";
      const form = { depth, aligned: true, texels: false };
      return variant === "flash64"
        ? flashFits(form, device.workgroupMemory)
        : !isSerial(variant);
    },
    run: (device, [batch = 1, length = 1, count = 1, depth = 1]) => {
      const heads = device.isSoftware ? CPU_HEADS : count;
      const shape = [rowsOn(device, batch), length, heads * depth];
      const [q, k, v, dy] = [0, 1, 2, 3].map(() => operand(device, shape));
      return () => {
        if (!q || !k || !v || !dy) return;
        const y = attention(q, k, v, { heads });
        if (family !== "attention") backward(y, { gradient: dy });
      };
    },
  });
}

defineTrial("cached_attention", {
  classes: { short: [256, 128], long: [32, 2048] },
  run: (device, [rows = 1, length = 1]) => {
    const n = rowsOn(device, rows);
    const width = 4 * 64;
    const q = operand(device, [n, 1, width]);
    const keys = operand(device, [n, length, width]);
    const values = operand(device, [n, length, width]);
    return () => void cachedAttention(q, [keys, values], { heads: 4, length });
  },
});
