// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

/**
 * Runs a model several times, with a different sample of its weights each time, and
 * stacks the logits in one tensor.
 *
 * @module
 */

import {
  allocate,
  copyStrided,
  formatShape,
  runAndEnd,
  sameShape,
} from "../engine/kernel_kit.ts";
import {
  keep,
  noGrad,
  scope,
  type Shape,
  stack,
  Tensor,
} from "../engine/mod.ts";
import type { Module } from "../nn/mod.ts";

/** The result of a model: logits, or an output that holds them. */
export type LogitsOutput = Tensor | { readonly logits: Tensor };

/** The result of a model that looks for a span: each tensor `[batch, sequence]`. */
export interface SpanOutput {
  /** The score of each position as the start of the span. */
  readonly startLogits: Tensor;
  /** The score of each position as the end of the span. */
  readonly endLogits: Tensor;
}

/** Runs a model and returns its logits, or an output that holds them. */
export type LogitsFunction = () => LogitsOutput;

/** The logits of several runs of a model. */
export interface StackedLogits {
  /** Whether they are those of a span. */
  readonly isSpan: boolean;
  /** `[batch, runs, ...]`; for a span `[batch, runs, 2, sequence]`. */
  readonly logits: Tensor;
}

/** Runs a model on one batch, once for each sample of its weights. */
export interface BatchRuns extends Disposable {
  /** Runs it with the weights that it has now. */
  run(): LogitsOutput | SpanOutput;
}

/** Finds the logits in the output of a model; a span's two become one tensor. */
export function logitsOf(
  output: LogitsOutput | SpanOutput,
): { isSpan: boolean; logits: Tensor } {
  const given: unknown = output;
  if (typeof given === "object" && given !== null) {
    if ("startLogits" in output) {
      const logits = stack([output.startLogits, output.endLogits], 1);
      return { isSpan: true, logits };
    }
    const logits: unknown = "logits" in output ? output.logits : output;
    if (logits instanceof Tensor) return { isSpan: false, logits };
  }
  throw new TypeError(
    `Cannot use the result of the model, ${nameOf(given)}: ` +
      "expected logits, or an output that holds them",
  );
}

/** Describes the result of a function, for messages. */
function nameOf(value: unknown): string {
  if (value instanceof Promise) return "a promise";
  if (typeof value !== "object" || value === null) return `${value}`;
  return `an object of ${Object.keys(value).join(", ") || "nothing"}`;
}

/** How {@linkcode stackRuns} runs a model. */
interface StackOptions {
  /** The number of runs. */
  readonly runs: number;
  /** Called before each run with its number. */
  readonly before: (run: number) => void;
  /**
   * Called before each function in each run, with the run's number.
   *
   * @default {nothing}
   */
  readonly beforeBatch?: ((run: number) => void) | undefined;
  /** Changes logits before they are stacked. */
  readonly adjust: (logits: Tensor) => Tensor;
  /**
   * Makes what runs the model on one batch. Then all runs of a batch come before the
   * next batch.
   *
   * @default {each run goes through all batches}
   */
  readonly batchRuns?:
    | ((forward: () => LogitsOutput | SpanOutput) => BatchRuns)
    | undefined;
}

/**
 * Calls every function once in each of several runs, and stacks the logits of each
 * function along a new second axis.
 *
 * @param forwards The functions, each of which runs the model on one batch.
 * @param options How many runs, and what is done in them.
 * @returns For each function the logits of all runs.
 */
export function stackRuns(
  forwards: readonly (() => LogitsOutput | SpanOutput)[],
  { runs, before, beforeBatch, adjust, batchRuns }: StackOptions,
): StackedLogits[] {
  return noGrad(() => {
    using _ = scope();
    const stacks = forwards.map(() => new LogitsStack(runs));
    const numbers = Array.from({ length: runs }, (_, i) => i);
    const run = (
      i: number,
      k: number,
      forward: () => LogitsOutput | SpanOutput,
    ) => {
      using _ = scope();
      beforeBatch?.(i);
      const { isSpan, logits } = logitsOf(forward());
      stacks[k]?.set(i, isSpan, adjust(logits));
    };
    if (batchRuns) {
      for (const [k, forward] of forwards.entries()) {
        using batch = batchRuns(forward);
        for (const i of numbers) {
          before(i);
          run(i, k, () => batch.run());
        }
      }
    } else {
      for (const i of numbers) {
        before(i);
        forwards.forEach((forward, k) => run(i, k, forward));
      }
    }
    return stacks.map((stack) => stack.finish());
  });
}

/** The logits of all runs on one batch. */
class LogitsStack {
  readonly #runs: number;
  #stacked: StackedLogits | undefined;
  #shape: Shape | undefined;

  constructor(runs: number) {
    this.#runs = runs;
  }

  /** Copies the logits of a run. */
  set(run: number, isSpan: boolean, logits: Tensor): void {
    const { shape: [batch = 1, ...rest], size } = logits;
    if (logits.shape.length < 2 || logits.dtype !== "f32") {
      throw new TypeError(
        `Cannot stack logits of shape ${formatShape(logits.shape)}: ` +
          "expected 32-bit floats [batch, ..., classes]",
      );
    }
    const first = this.#shape ??= logits.shape;
    if (!sameShape(first, logits.shape)) {
      throw new TypeError(
        `Cannot stack logits of shapes ${formatShape(first)} and ${
          formatShape(logits.shape)
        }: every run must give the same`,
      );
    }
    const stacked = this.#stacked ??= {
      isSpan,
      logits: keep(allocate(logits.device, [batch, this.#runs, ...rest])),
    };
    if (size === 0) return;
    const width = size / batch;
    // The next sample may overwrite the memory that the logits are a view of.
    copyStrided(logits, stacked.logits, [batch, width], {
      offset: 0,
      strides: [width, 1],
    }, { offset: run * width, strides: [this.#runs * width, 1] });
  }

  /** Gives the logits to the scope around the runs. */
  finish(): StackedLogits {
    const stacked = this.#stacked as StackedLogits;
    keep(stacked.logits);
    return stacked;
  }
}

/**
 * Calls a function while a model is in training or evaluation mode. If it returns a
 * promise, the model has its own mode again when that settles.
 */
export function inMode<T>(model: Module, training: boolean, run: () => T): T {
  const modules = [...model.namedModules().values()];
  const modes = modules.map((module) => module.training);
  model.train(training);
  return runAndEnd(run, () => {
    modules.forEach((module, i) => module.training = modes[i] ?? training);
  });
}
