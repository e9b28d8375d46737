// Copyright 2026 the swagpu authors. MIT license.

// The work whose time the scaling figures show, and how that time should grow.

import { attention, backward, normal, scope } from "../engine/mod.ts";
import { copyInto } from "../engine/kernel_kit.ts";
import { Module, Parameter } from "../nn/mod.ts";
import { SwagModel } from "../swag/mod.ts";
import { type StepSizes, type TimedStep, trainingStep } from "./training.ts";

/** The work at one size. `run` only records commands. */
export interface Work {
  /** The size on the x axis. */
  x: number;
  run: () => void;
  dispose: () => void;
}

/** One curve, along which one size grows and all others are constant. */
export interface Series {
  name: string;
  sizes: readonly number[];
  make: (size: number) => Work;
  /** The expected slope, or its least and greatest value. */
  expected: number | readonly [number, number];
  /** Whether a part of the time does not depend on the size. */
  constant: boolean;
}

/** The curves of one figure. */
export interface Panel {
  title: string;
  /** The sizes that are constant. */
  note: string;
  x: string;
  y: string;
  series: readonly Series[];
}

type Grown = Partial<Pick<StepSizes, "batch" | "length" | "layers" | "hidden">>;

/** The step of a BERT, which is small unless options say otherwise. */
function smallStep(
  { batch = 4, length = 64, layers = 1, hidden = 64 }: Grown,
): TimedStep {
  const heads = hidden / 32;
  const vocabulary = 128;
  return trainingStep({ hidden, layers, heads, vocabulary, batch, length });
}

/** A step in which one size is on the x axis. */
function stepBy(name: keyof Grown, others: Grown) {
  return (x: number): Work => ({
    x,
    ...smallStep({ ...others, [name]: x }),
  });
}

/** A module of one parameter. */
class Holder extends Module {
  flat: Parameter;

  constructor(length: number) {
    super();
    this.flat = new Parameter([length]);
    copyInto(this.flat, normal([length]));
  }
}

const WEIGHTS = 512 * 1024;

/** A posterior that holds as many deviations as it can. */
function posterior(rank: number) {
  const model = new Holder(WEIGHTS);
  const swag = SwagModel.fromBase(model, {
    noCovMat: false,
    maxNumModels: rank,
  });
  for (let i = 0; i < rank; i++) swag.collectModel(model);
  const dispose = () => {
    swag.dispose();
    model.dispose();
  };
  return { model, swag, dispose };
}

const HEADS = 2;
const DEPTH = 32;

/** Attention forward and backward over one text. */
function attend(length: number, window?: number): Work {
  const shape = [1, length, HEADS * DEPTH];
  const [q, k, v, dy] = [1, 2, 3, 4].map(() => normal(shape));
  if (!q || !k || !v || !dy) throw new Error("unreachable");
  for (const x of [q, k, v]) x.requiresGrad = true;
  const options = { heads: HEADS, ...(window ? { window } : {}) };
  return {
    x: length,
    run() {
      using _ = scope();
      backward(attention(q, k, v, options), { gradient: dy });
    },
    dispose: () => [q, k, v, dy].forEach((x) => x.dispose()),
  };
}

/** How many tokens to either side ModernBERT's local layers attend to. */
const WINDOW = 64;

/** Every figure. */
export const PANELS: readonly Panel[] = [
  {
    title: "Batch",
    note: "BERT, 1 layer of 64, texts of 64 tokens",
    x: "texts in a batch",
    y: "training step, ms",
    series: [{
      name: "training step",
      sizes: [2, 4, 8, 16, 32],
      make: stepBy("batch", {}),
      expected: 1,
      constant: true,
    }],
  },
  {
    title: "Sequence",
    note: "BERT, 1 layer of 64, full attention, 1 text",
    x: "tokens of a text",
    y: "training step, ms",
    series: [{
      name: "training step",
      sizes: [64, 128, 256, 512, 1024],
      make: stepBy("length", { batch: 1 }),
      expected: [1, 2],
      constant: true,
    }],
  },
  {
    title: "Layers",
    note: "BERT of width 64, 8 texts of 64 tokens",
    x: "layers",
    y: "training step, ms",
    series: [{
      name: "training step",
      sizes: [1, 2, 4, 8],
      make: stepBy("layers", { batch: 8 }),
      expected: 1,
      constant: true,
    }],
  },
  {
    title: "Parameters",
    note: "BERT, 1 layer of 96 to 384, 4 texts of 64 tokens",
    x: "parameters",
    y: "training step, ms",
    series: [{
      name: "training step",
      sizes: [96, 128, 192, 256, 384],
      make(hidden) {
        const step = smallStep({ hidden });
        return { x: step.parameters, ...step };
      },
      expected: 1,
      constant: true,
    }],
  },
  {
    title: "SWAG rank",
    note: "512 Ki weights, scale 0.5",
    x: "deviations held",
    y: "one call, ms",
    series: [
      {
        name: "sample",
        sizes: [4, 8, 16, 32, 64],
        make(rank) {
          const { swag, dispose } = posterior(rank);
          let seed = 0;
          const run = () =>
            swag.sampleParameters({ scale: 0.5, cov: true, seed: seed++ });
          return { x: rank, run, dispose };
        },
        expected: 1,
        constant: true,
      },
      {
        name: "collect",
        sizes: [4, 8, 16, 32, 64],
        make(rank) {
          const { model, swag, dispose } = posterior(rank);
          return { x: rank, run: () => swag.collectModel(model), dispose };
        },
        expected: 0,
        constant: false,
      },
    ],
  },
  {
    title: "Attention",
    note: `${HEADS} heads of ${DEPTH}; local: ${WINDOW} to either side`,
    x: "tokens of a text",
    y: "forward and backward, ms",
    series: [
      {
        name: "local",
        sizes: [512, 1024, 2048, 4096],
        make: (length) => attend(length, WINDOW),
        expected: 1,
        constant: true,
      },
      {
        name: "full",
        sizes: [256, 512, 1024, 2048],
        make: (length) => attend(length),
        expected: 2,
        constant: true,
      },
    ],
  },
];
