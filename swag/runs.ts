// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// What a model gives, run with one sample of its weights after the other, put
// together in one tensor.

import {
  allocate,
  copyStrided,
  formatShape,
  sameShape,
} from "../engine/kernel_kit.ts";
import {
  keep,
  noGrad,
  scope,
  type Shape,
  slice,
  squeeze,
  stack,
  Tensor,
} from "../engine/mod.ts";
import {
  type Prediction,
  type RegressionPrediction,
  type SpanPrediction,
  summarizeLogits,
} from "./predict.ts";

/** What a model gives: logits, or an output that holds them. */
export type LogitsOutput = Tensor | { readonly logits: Tensor };

/** What a model gives that looks for a span: each `[batch, sequence]`. */
export interface SpanOutput {
  /** Scores of the places where it may start. */
  readonly startLogits: Tensor;
  /** Scores of the places where it may end. */
  readonly endLogits: Tensor;
}

/** Runs the model: gives logits, or an output that holds them. */
export type LogitsFunction = () => LogitsOutput;

/** What a model gave. */
export type LogitsKind = "logits" | "span";

/** All tensors of a prediction. */
export function tensorsOf(
  prediction: Prediction | RegressionPrediction | SpanPrediction,
): Tensor[] {
  return Object.values(prediction).flatMap((part) =>
    part instanceof Tensor ? [part] : tensorsOf(part)
  );
}

/** The predictions of both ends, from `[batch, samples, 2, sequence]`. */
export function spanOf(logits: Tensor): SpanPrediction {
  const [start, end] = [0, 1].map((at) =>
    squeeze(slice(logits, { axis: 2, start: at, end: at + 1 }), 2)
  ) as [Tensor, Tensor];
  const problemType = "single_label_classification";
  return {
    start: summarizeLogits(start, { problemType }),
    end: summarizeLogits(end, { problemType }),
  };
}

/** The logits of an output, those of a span as one tensor. */
function logitsOf(output: LogitsOutput | SpanOutput): [LogitsKind, Tensor] {
  const given: unknown = output;
  if (typeof given === "object" && given !== null) {
    if ("startLogits" in output) {
      return ["span", stack([output.startLogits, output.endLogits], 1)];
    }
    const logits: unknown = "logits" in output ? output.logits : output;
    if (logits instanceof Tensor) return ["logits", logits];
  }
  throw new TypeError(
    `Cannot stack what the function gives, ${
      nameOf(given)
    }: expected logits, ` +
      "or an output that holds them",
  );
}

/** What a function gave, for messages. */
function nameOf(value: unknown): string {
  if (value instanceof Promise) return "a promise";
  if (typeof value !== "object" || value === null) return `${value}`;
  return `an object of ${Object.keys(value).join(", ") || "nothing"}`;
}

/**
 * Runs models several times, the runs outside and the models inside; the results
 * of each become a new second axis.
 */
export function stackRuns(
  forwards: readonly (() => LogitsOutput | SpanOutput)[],
  runs: number,
  { before, kinds }: {
    before: (run: number) => void;
    kinds: LogitsKind[];
  },
): Tensor[] {
  return noGrad(() => {
    const stacks: Tensor[] = [];
    const shapes: Shape[] = [];
    using _ = scope();
    for (let i = 0; i < runs; i++) {
      before(i);
      forwards.forEach((forward, k) => {
        using _ = scope();
        const [kind, logits] = logitsOf(forward());
        const { shape: [batch = 1, ...rest], size } = logits;
        if (logits.shape.length < 2 || logits.dtype !== "f32") {
          throw new TypeError(
            `Cannot stack logits of shape ${formatShape(logits.shape)}: ` +
              "expected 32-bit floats [batch, ..., classes]",
          );
        }
        const first = shapes[k] ??= logits.shape;
        if (!sameShape(first, logits.shape)) {
          throw new TypeError(
            `Cannot stack logits of shapes ${formatShape(first)} and ${
              formatShape(logits.shape)
            }: every run must give the same`,
          );
        }
        kinds[k] = kind;
        const stacked = stacks[k] ??= keep(
          allocate(logits.device, [batch, runs, ...rest]),
        );
        if (size === 0) return;
        const width = size / batch;
        // Copied at once: the next sample may overwrite what logits look at.
        copyStrided(logits, stacked, [batch, width], {
          offset: 0,
          strides: [width, 1],
        }, { offset: i * width, strides: [runs * width, 1] });
      });
    }
    return stacks.map((x) => keep(x));
  });
}
