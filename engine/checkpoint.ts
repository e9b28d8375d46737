// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Checkpoints: functions that are run again on the way back instead of keeping
// what they computed. tape.ts says how their nodes are visited, and draws.ts how
// they draw the same random numbers again.

import { refusePromise } from "./asynchronous.ts";
import { Draws } from "./draws.ts";
import { keep, scope } from "./scope.ts";
import { formatShape } from "./shape.ts";
import { isRecording, noteUses, recordCheckpoint } from "./tape.ts";
import { type AnyTensor, Tensor } from "./tensor.ts";

/**
 * Runs a function without keeping the tensors that its derivative needs:
 * `backward` runs it again, and differentiates it then. This takes less memory
 * and more time. Chen, Xu, Zhang and Guestrin, "Training Deep Nets with Sublinear
 * Memory Cost", 2016; as `torch.utils.checkpoint` with `use_reentrant=False`.
 *
 * Gradients are the same as without the checkpoint, and reach the inputs and
 * whatever else the function uses, such as parameters. Random numbers are drawn
 * once: dropout drops the same elements in both runs. Checkpoints may lie in each
 * other and in captured steps. While nothing is recorded, the function is run
 * once, as it is.
 *
 * The function must do the same both times. A variable around it that is assigned
 * again in between, such as the state in a loop, must be one of the inputs. It must
 * not change tensors, and all else that it does on the host, such as counting,
 * happens twice. Tensors that it makes are freed at its end, but for those that it
 * returns. What it uses must live until `backward`, and must not be changed before.
 *
 * A last matrix product with an activation is the one case in which gradients may
 * differ in a last bit: without a checkpoint, the product that follows may compute
 * the derivative of the activation.
 *
 * @param run The function. It returns tensors, also in arrays and plain records.
 * @param inputs What it is called with.
 * @returns What the function returned.
 * @throws {TypeError} If the function is asynchronous, or returns an object other
 * than tensors, arrays and records. `backward` throws it if the function uses or
 * makes other tensors when it runs again, or draws more or less, or if what it uses
 * was changed.
 *
 * @example Two layers that keep their input alone
 * ```ts
 * import {
 *   backward,
 *   checkpoint,
 *   dropout,
 *   initialize,
 *   matmul,
 *   sum,
 *   tanh,
 *   type Tensor,
 *   tensor,
 * } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const w = tensor([[1, 2], [3, 4]], { requiresGrad: true });
 * const layers = (x: Tensor) =>
 *   tanh(matmul(dropout(tanh(matmul(x, w)), { rate: 0.1 }), w));
 * const y = checkpoint(layers, tensor([[0, 0]]));
 * backward(sum(y)); // runs the layers again
 * assertEquals(w.grad?.shape, [2, 2]);
 * ```
 */
export function checkpoint<Inputs extends readonly unknown[], Outputs>(
  run: (...inputs: Inputs) => Outputs,
  ...inputs: Inputs
): Outputs {
  const call = () => {
    const result = run(...inputs);
    refusePromise(
      result,
      "Cannot checkpoint an asynchronous function: it must be done when it " +
        "returns; await outside",
    );
    return result;
  };
  if (!isRecording()) return runOnce(call);
  const draws = new Draws();
  const { result, uses, dependent } = noteUses(() =>
    draws.note(() => runOnce(call))
  );
  const made = [...tensorsIn(result)];
  const outputs = [...new Set(made)].filter((y) => dependent.has(y));
  const places = outputs.map((y) => made.indexOf(y));
  const again = () => {
    const made = [...tensorsIn(draws.repeat(call))];
    return outputs.map((y, i) => sameAgain(y, made[places[i] ?? -1]));
  };
  const { startedAt: order } = draws;
  recordCheckpoint({ order, inputs: uses, outputs, again });
  return result;
}

/** Runs a function, and frees what it made but for its results. */
function runOnce<T>(run: () => T): T {
  using own = scope();
  const result = run();
  for (const x of tensorsIn(result)) if (x.owner === own) keep(x);
  return result;
}

/** Throws unless a second run made what the first had made. */
function sameAgain(first: AnyTensor, now: AnyTensor | undefined): AnyTensor {
  const kind = (x: AnyTensor | undefined) =>
    x ? `${x.dtype} ${formatShape(x.shape)}` : "none";
  if (now?.node && kind(now) === kind(first)) return now;
  throw new TypeError(
    "Cannot go backward through a checkpoint: where its function made a tensor " +
      `${kind(first)} with a derivative first, it made ${kind(now)}${
        now && !now.node ? " without one" : ""
      } when it ran again; it must do the same both times`,
  );
}

/** The tensors in what a function returned, in order. */
function* tensorsIn(value: unknown): Generator<AnyTensor> {
  if (typeof value !== "object" || value === null) return;
  if (value instanceof Tensor) {
    yield value;
  } else if (
    Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype
  ) {
    for (const item of Object.values(value)) yield* tensorsIn(item);
  } else {
    throw new TypeError(
      "Cannot checkpoint a function that returns an object of class " +
        `${value.constructor.name}: expected tensors, or arrays and records ` +
        "of them",
    );
  }
}
