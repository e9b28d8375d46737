// Copyright 2026 the swagpu authors. MIT license.

// The cases that are timed. Each says how much it computes and moves, so that its time
// can be turned into a share of the adapter's limit.

import {
  add,
  attention,
  backward,
  crossEntropy,
  type Device,
  dropout,
  embedding,
  gelu,
  layerNorm,
  matmul,
  normal,
  ones,
  softmax,
  sum,
  type Tensor,
  tensor,
} from "../engine/mod.ts";
import { copyInto } from "../engine/kernel_kit.ts";
import { AdamW, clipGradNorm, Module, Parameter } from "../nn/mod.ts";
import { SwagModel } from "../swag/mod.ts";
import { copyBytes, copyRun, fmaFlops, fmaRun } from "./limits.ts";
import { type StepSizes, trainingStep } from "./training.ts";

/** A number, or one that depends on the adapter. */
export type Amount = number | ((device: Device) => number);

/** A case to time. */
export interface Case {
  name: string;
  /** The floating-point operations of one run; a multiply-add counts as two. */
  flops?: Amount;
  /** The bytes that one run must read and write at least. */
  bytes?: Amount;
  /** Makes the tensors of a run. `run` only records commands. */
  setup(device: Device): { run: () => void; dispose?: () => void };
}

const MEBI = 2 ** 20;

/** The name of a case that measures the adapter itself. */
export const FMA_LIMIT = "limit: multiply-adds from registers";
/** See {@linkcode FMA_LIMIT}. */
export const COPY_LIMIT = "limit: copy";

/** The name of the whole training step; host costs are measured on it too. */
export const TRAINING_STEP = "training step, BERT 2x128, batch 8, length 64";

function matmulCase(m: number, k: number, n: number): Case {
  return {
    name: `matmul [${m}, ${k}] · [${k}, ${n}]`,
    flops: 2 * m * k * n,
    setup() {
      const a = normal([m, k]);
      const b = normal([k, n]);
      return { run: () => matmul(a, b) };
    },
  };
}

function layerNormCase(rows: number, columns: number): Case {
  return {
    name: `layer norm [${rows}, ${columns}]`,
    bytes: 2 * 4 * rows * columns,
    setup() {
      const x = normal([rows, columns]);
      const weight = ones([columns]);
      const bias = ones([columns]);
      return { run: () => layerNorm(x, { weight, bias }) };
    },
  };
}

/**
 * The backward pass of an op: it reads two tensors and writes dx, which is then added
 * to the gradient of x.
 */
function backwardCase(
  name: string,
  { bytes, shape, op }: {
    bytes: number;
    shape: number[];
    op: (x: Tensor) => Tensor;
  },
): Case {
  return {
    name,
    bytes,
    setup() {
      const x = normal(shape);
      x.requiresGrad = true;
      const gradient = normal(shape);
      const y = op(x);
      return { run: () => backward(y, { gradient }) };
    },
  };
}

/** The sizes of {@linkcode TRAINING_STEP}. */
export const TRAINING_SIZES: StepSizes = {
  hidden: 128,
  layers: 2,
  heads: 2,
  vocabulary: 1000,
  batch: 8,
  length: 64,
};

/** A flat vector of a model with 16 Mi parameters, for the updates. */
function flat(length: number): Parameter {
  const parameter = new Parameter([length]);
  copyInto(parameter, normal([length]));
  copyInto(parameter.gradientTarget(), normal([length]));
  return parameter;
}

function free(parameter: Parameter): void {
  parameter.location?.segment.dispose();
  parameter.dispose();
}

const UPDATED = 4 * MEBI;
const RANK = 20;

/** Every case, the limits first. */
export const CASES: readonly Case[] = [
  {
    name: FMA_LIMIT,
    flops: fmaFlops,
    setup: fmaRun,
  },
  {
    name: COPY_LIMIT,
    bytes: copyBytes,
    setup: (device) => copyRun(device),
  },
  matmulCase(256, 256, 256),
  matmulCase(512, 512, 512),
  matmulCase(1024, 1024, 1024),
  matmulCase(512, 768, 3072),
  {
    name: "attention forward B4 H12 S128 D64",
    flops: 4 * 4 * 12 * 128 * 128 * 64,
    setup() {
      const [q, k, v] = [1, 2, 3].map(() => normal([4, 128, 768]));
      if (!q || !k || !v) throw new Error("unreachable");
      return { run: () => attention(q, k, v, { heads: 12 }) };
    },
  },
  {
    name: "attention forward and backward B4 H12 S128 D64",
    flops: 14 * 4 * 12 * 128 * 128 * 64,
    setup() {
      const [q, k, v, dy] = [1, 2, 3, 4].map(() => normal([4, 128, 768]));
      if (!q || !k || !v || !dy) throw new Error("unreachable");
      for (const x of [q, k, v]) x.requiresGrad = true;
      return {
        run: () =>
          backward(attention(q, k, v, { heads: 12 }), { gradient: dy }),
      };
    },
  },
  layerNormCase(512, 768),
  layerNormCase(4096, 768),
  backwardCase("layer norm backward [4096, 768]", {
    bytes: 6 * 4 * 4096 * 768,
    shape: [4096, 768],
    op(x) {
      const weight = ones([768], { requiresGrad: true });
      const bias = ones([768], { requiresGrad: true });
      return layerNorm(x, { weight, bias });
    },
  }),
  {
    name: "softmax [4096, 1024]",
    bytes: 2 * 4 * 4096 * 1024,
    setup() {
      const x = normal([4096, 1024]);
      return { run: () => softmax(x) };
    },
  },
  backwardCase("softmax backward [4096, 1024]", {
    bytes: 6 * 4 * 4096 * 1024,
    shape: [4096, 1024],
    op: (x) => softmax(x),
  }),
  {
    name: "cross-entropy forward and backward [512, 50265]",
    // Reads logits twice, and writes dz, which is added to the gradient of the logits.
    bytes: 6 * 4 * 512 * 50265,
    setup() {
      const logits = normal([512, 50265]);
      logits.requiresGrad = true;
      const target = tensor(
        Int32Array.from({ length: 512 }, (_, i) => (i * 97) % 50265),
      );
      return { run: () => backward(crossEntropy(logits, target)) };
    },
  },
  {
    name: "GELU 4 Mi",
    bytes: 2 * 4 * 4 * MEBI,
    setup() {
      const x = normal([4 * MEBI]);
      return { run: () => gelu(x) };
    },
  },
  backwardCase("GELU backward 4 Mi", {
    bytes: 6 * 4 * 4 * MEBI,
    shape: [4 * MEBI],
    op: (x) => gelu(x),
  }),
  {
    name: "dropout 4 Mi",
    bytes: 2 * 4 * 4 * MEBI,
    setup() {
      const x = normal([4 * MEBI]);
      return { run: () => dropout(x, { rate: 0.1 }) };
    },
  },
  {
    name: "embedding backward, 4096 tokens of 768, 30522 words",
    bytes: 3 * 4 * 4096 * 768, // dy in, the words' gradients in and out
    setup() {
      const table = new Parameter([30522, 768]);
      const ids = tensor(
        Int32Array.from({ length: 4096 }, (_, i) => (i * i * 7) % 30522),
      );
      const gradient = normal([4096, 768]);
      const y = embedding(ids, table);
      return {
        run: () => backward(y, { gradient }),
        dispose: () => free(table),
      };
    },
  },
  {
    name: "sum over columns [4096, 768]",
    bytes: 4 * 4096 * 768,
    setup() {
      const x = normal([4096, 768]);
      return { run: () => sum(x, { axis: 0 }) };
    },
  },
  {
    name: "add 16 Mi",
    bytes: 3 * 4 * 16 * MEBI,
    setup() {
      const a = ones([16 * MEBI]);
      const b = ones([16 * MEBI]);
      return { run: () => add(a, b) };
    },
  },
  {
    name: "AdamW step, 4 Mi parameters",
    bytes: 8 * 4 * UPDATED, // value, gradient, m and v, each read and written
    setup() {
      const parameter = flat(UPDATED);
      const optimizer = new AdamW([parameter], { learningRate: 1e-3 });
      return {
        run() {
          parameter.gradientTarget(); // There is a gradient, as after backward.
          optimizer.step();
        },
        dispose() {
          optimizer.dispose();
          free(parameter);
        },
      };
    },
  },
  {
    name: "gradient norm, 4 Mi parameters",
    bytes: 3 * 4 * UPDATED, // read, and scaled by the factor of the run before
    setup() {
      const parameter = flat(UPDATED);
      const optimizer = new AdamW([parameter], { learningRate: 1e-3 });
      return {
        run: () => clipGradNorm(optimizer, 1),
        dispose() {
          optimizer.dispose();
          free(parameter);
        },
      };
    },
  },
  {
    name: "SWAG collect, 4 Mi parameters",
    bytes: 6 * 4 * UPDATED, // value read, deviation written, mean and M2 both
    setup() {
      const parameter = flat(UPDATED);
      const model = new Holder(parameter);
      const swag = SwagModel.fromBase(model, {
        noCovMat: false,
        maxNumModels: RANK,
      });
      return {
        run: () => swag.collectModel(model),
        dispose() {
          swag.dispose();
          model.dispose();
        },
      };
    },
  },
  {
    name: `SWAG sample, 4 Mi parameters, rank ${RANK}`,
    bytes: (RANK + 3) * 4 * UPDATED, // deviations, mean, M2 in; value out
    setup() {
      const parameter = flat(UPDATED);
      const model = new Holder(parameter);
      const swag = SwagModel.fromBase(model, {
        noCovMat: false,
        maxNumModels: RANK,
      });
      for (let i = 0; i < RANK; i++) swag.collectModel(model);
      let seed = 0;
      return {
        run: () =>
          swag.sampleParameters({ scale: 0.5, cov: true, seed: seed++ }),
        dispose() {
          swag.dispose();
          model.dispose();
        },
      };
    },
  },
  {
    name: TRAINING_STEP,
    // 6 · weights · tokens for the dense layers, plus attention's scores.
    flops: 6 * 2 * (4 * 128 * 128 + 2 * 128 * 512) * 512 +
      14 * 2 * 8 * 64 * 64 * 128,
    setup: () => trainingStep(TRAINING_SIZES),
  },
];

/** A module of one parameter. */
class Holder extends Module {
  flat: Parameter;
  constructor(parameter: Parameter) {
    super();
    this.flat = parameter;
  }
}
