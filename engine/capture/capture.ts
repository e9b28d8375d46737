// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Captured steps as users see them; step_runner.ts does the work.

import type { StepFeed } from "./inputs.ts";
import { StepRunner } from "./step_runner.ts";

/** Options of {@linkcode capture}. */
export interface CaptureOptions {
  /**
   * Whether calls are replayed at all. Otherwise every call runs the function,
   * with the same results.
   *
   * @default {true}
   */
  enabled?: boolean;
  /**
   * How many recordings to keep: one for each combination of shapes, types and
   * plain inputs. The recording not used for longest is dropped for a new one.
   * Where more combinations than these take turns, so that recordings would be
   * dropped before they are used again, the function is run for the others.
   *
   * @default {64}
   */
  maxRecordings?: number;
}

/** A function whose GPU work is recorded; see {@linkcode capture}. */
export interface CapturedStep<Inputs, Outputs> extends Disposable {
  /** Runs the step, or replays what it did for inputs of the same shapes. */
  (inputs: StepFeed<Inputs>): Outputs;
  /** Why the last call ran the function; `undefined` if it was a replay. */
  readonly reason: string | undefined;
  /** Bytes that replays take on the GPU besides what existed before the step. */
  readonly bytes: number;
  /**
   * Forgets all recordings and frees their memory. Needed after a change that
   * the step cannot notice.
   */
  clear(): void;
  /** Like `clear`; the step cannot be called afterwards. */
  dispose(): void;
}

/**
 * Makes a function that does what `step` does, but runs its code only two or
 * three times for inputs of given shapes. From then on the recorded commands are
 * replayed with the new inputs. The results are the same bit for bit, for a
 * fraction of the host's time and with less memory. It is meant for a whole
 * training step.
 *
 * `step` is a function, not asynchronous, of one record of inputs. A tensor is
 * given as a typed array, as `{ data, shape }` or as a tensor to copy. Numbers,
 * strings and booleans are given as they are, and the step is recorded for each
 * of their values separately. The function may use whatever lives longer than a
 * call, such as a model and its optimizer. It returns tensors, also in arrays and
 * plain objects, or nothing.
 *
 * The results belong to the step: they have no derivative, and they live until
 * its next call, after which they cannot be used. Read or `copy` them before.
 *
 * Replays follow the values of all tensors, random generators, and actions given
 * to `onReplay()` (see `@swagpu/swagpu/engine/kernels`), and so learning rates and
 * everything else that the optimizers and schedulers of this library change. The
 * step is recorded again after something that it uses was freed or replaced,
 * layers were switched between `train()` and `eval()`, parameters were frozen, or
 * kernel variants were pinned. If two runs differ in another way, the step
 * depends on data of the host: it is never replayed, and `reason` says why. A
 * change that no recorded run has shown goes unnoticed, such as a number that
 * changes at step 1,000: make it an input, or call `clear()`.
 *
 * @param step The function to capture.
 * @param options Whether to replay, and how many recordings to keep.
 * @returns The captured step. A call of it throws a `TypeError` if an input is of
 * a kind that it cannot take, and if the function is asynchronous, reads a tensor,
 * calls a captured step or returns something other than tensors.
 * @throws {RangeError} If `maxRecordings` is less than 1.
 *
 * @example A training step
 * ```ts
 * import { backward, capture, initialize } from "@swagpu/swagpu/engine";
 * import { Linear, mseLoss, SGD } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const model = new Linear(1, 1);
 * const optimizer = new SGD(model.parameters(), { learningRate: 0.1 });
 * using step = capture(({ x, y }) => {
 *   const loss = mseLoss(model.forward(x), y);
 *   backward(loss);
 *   optimizer.step();
 *   return { loss };
 * });
 * for (let i = 0; i < 20; i++) {
 *   const x = { data: Float32Array.of(i % 3, 1), shape: [2, 1] };
 *   const y = { data: Float32Array.of(2 * (i % 3), 2), shape: [2, 1] };
 *   step({ x, y });
 * }
 * assertEquals(step.reason, undefined); // the last call was a replay
 * assertEquals(optimizer.steps, 20);
 * ```
 */
export function capture<
  // deno-lint-ignore no-explicit-any -- tensors where nothing is said
  Taken extends object = Record<string, any>,
  Outputs = unknown,
>(
  step: (inputs: Taken) => Outputs,
  options: CaptureOptions = {},
): CapturedStep<Taken, Outputs> {
  const { enabled = true, maxRecordings = 64 } = options;
  if (!(maxRecordings >= 1)) {
    throw new RangeError(
      `Cannot keep ${maxRecordings} recordings: maxRecordings must be at least 1`,
    );
  }
  const runner = new StepRunner(
    (inputs) => step(inputs as Taken),
    enabled,
    maxRecordings,
  );
  const call = (inputs: StepFeed<Taken>) => runner.call(inputs) as Outputs;
  return withMembers(call, {
    get reason() {
      return runner.reason;
    },
    get bytes() {
      return runner.bytes;
    },
    clear: () => runner.clear(),
    dispose: () => runner.dispose(),
    [Symbol.dispose]: () => runner.dispose(),
  });
}

/** Gives a function the members of an object; getters stay getters. */
function withMembers<Call extends object, Members extends object>(
  call: Call,
  members: Members,
): Call & Members {
  const descriptors = Object.getOwnPropertyDescriptors(members);
  return Object.defineProperties(call, descriptors) as Call & Members;
}
