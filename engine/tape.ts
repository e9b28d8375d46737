// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The tape: ops record on it how tensors were made, and backward() follows it
// back to the gradients.

import { refusePromise } from "./asynchronous.ts";
import { derive, tick } from "./changes.ts";
import type { DType } from "./dtype.ts";
import { formatShape, sameShape } from "./shape.ts";
import { observer } from "./gpu/observer.ts";
import { keep, scope } from "./scope.ts";
import {
  alias,
  allocate,
  type AnyTensor,
  type BackwardFunction,
  type CheckpointNode,
  type JointBackwardFunction,
  type Node,
  type Tensor,
} from "./tensor.ts";
import { addInto, fillInto } from "./launch/flat.ts";

let enabled = true;

/** What the function of a checkpoint uses and makes, when it runs first. */
interface Notes {
  /** The tensors from outside that need a gradient, once for each use. */
  readonly uses: AnyTensor[];
  /** The tensors made inside that depend on them. */
  readonly dependent: WeakSet<AnyTensor>;
}

/**
 * The notes of the checkpoint whose function is running for the first time.
 * Nothing is recorded then, so `enabled` is false.
 */
let notes: Notes | undefined;

/**
 * Records on the tape how a result was made, if one of its inputs needs a
 * gradient. Every op with a derivative ends with this call.
 *
 * @param y The result of the op.
 * @param inputs The tensors from which it was made.
 * @param backward The derivative: it gives a gradient for each input, or
 * `undefined` where there is none.
 * @returns y
 *
 * @example An op with a derivative
 * ```ts
 * import {
 *   backward,
 *   initialize,
 *   mul,
 *   noGrad,
 *   sum,
 *   type Tensor,
 *   tensor,
 * } from "@swagpu/swagpu/engine";
 * import { record } from "@swagpu/swagpu/engine/kernels";
 * import { assertEquals } from "@std/assert";
 *
 * const double = (x: Tensor) =>
 *   record(noGrad(() => mul(x, 2)), [x], (dy) => [mul(dy, 2)]);
 *
 * await initialize();
 * const x = tensor([1, 2], { requiresGrad: true });
 * backward(sum(double(x)));
 * assertEquals([...await x.grad!.data()], [2, 2]);
 * ```
 */
export function record<D extends DType>(
  y: Tensor<D>,
  inputs: readonly AnyTensor[],
  backward: BackwardFunction,
): Tensor<D> {
  recordAll([y], inputs, ([dy], into) => dy ? backward(dy, into) : []);
  return y;
}

/**
 * Records on the tape how several results of one op were made, as
 * {@linkcode record} does for one. The derivative runs once, when the gradients
 * of all results are complete.
 */
export function recordAll<T extends readonly AnyTensor[]>(
  outputs: T,
  inputs: readonly AnyTensor[],
  backward: JointBackwardFunction,
): T {
  const watching = observer();
  if (watching && (enabled || notes)) {
    for (const x of inputs) {
      if (!x.node && !notes?.dependent.has(x)) {
        watching.usesLeaf(x.halves ?? x);
      }
    }
  }
  if (notes) note(notes, inputs, outputs);
  if (enabled && inputs.some((input) => input.requiresGrad)) {
    const node = { order: tick(), inputs, outputs, backward };
    for (const y of outputs) {
      y.requiresGrad = true;
      y.node = node;
    }
  }
  return outputs;
}

/** Notes the use of tensors from outside, and what depends on them. */
function note(
  { uses, dependent }: Notes,
  inputs: readonly AnyTensor[],
  outputs: readonly AnyTensor[],
): void {
  const outside = inputs.filter((x) => x.requiresGrad);
  uses.push(...outside);
  if (outside.length === 0 && !inputs.some((x) => dependent.has(x))) return;
  for (const y of outputs) dependent.add(y);
}

/** Runs a function with other settings of the tape. */
function withTape<T>(
  settings: { enabled: boolean; notes: Notes | undefined },
  run: () => T,
): T {
  const before = { enabled, notes };
  ({ enabled, notes } = settings);
  try {
    return run();
  } finally {
    ({ enabled, notes } = before);
  }
}

/**
 * Runs the function of a checkpoint for the first time: its ops are not
 * recorded, but what they use is noted.
 */
export function noteUses<T>(run: () => T): { result: T } & Notes {
  const notes: Notes = { uses: [], dependent: new WeakSet() };
  return { ...notes, result: withTape({ enabled: false, notes }, run) };
}

/**
 * Records on the tape that a function made tensors and can make them again.
 *
 * @param node The function, when it began, and what it used and made.
 */
export function recordCheckpoint(node: CheckpointNode): void {
  for (const y of node.outputs) {
    y.requiresGrad = true;
    y.node = node;
  }
}

/**
 * Tells whether ops are recorded for {@linkcode backward}.
 *
 * @returns `false` inside of {@linkcode noGrad}, and while the function of a
 * `checkpoint` runs for the first time; `true` otherwise.
 *
 * @example Usage
 * ```ts
 * import { isRecording, noGrad } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals([isRecording(), noGrad(isRecording)], [true, false]);
 * ```
 */
export function isRecording(): boolean {
  return enabled;
}

/**
 * Runs a function whose ops are not recorded, as for evaluation. This is faster
 * and takes less memory, and the results need no gradient.
 *
 * The function must not be asynchronous: while it waited, other code would not
 * be recorded, either. Await outside, and call `noGrad` for the parts between.
 *
 * @param run The function.
 * @returns The function's result.
 * @throws {TypeError} If the function returns a promise.
 *
 * @example Usage
 * ```ts
 * import { initialize, mul, noGrad, tensor } from "@swagpu/swagpu/engine";
 * import { assert } from "@std/assert";
 *
 * await initialize();
 * const x = tensor([1, 2], { requiresGrad: true });
 * const y = noGrad(() => mul(x, 2));
 * assert(!y.requiresGrad);
 * ```
 */
export function noGrad<T>(run: () => T): T {
  return withTape({ enabled: false, notes: undefined }, () => {
    const result = run();
    refusePromise(
      result,
      "Cannot run an asynchronous function without recording: what follows " +
        "its first await would be recorded; call noGrad() between awaits",
    );
    return result;
  });
}

/**
 * How many times each tensor is an input of a node, in the backward pass in
 * progress.
 */
let uses = new WeakMap<AnyTensor, number>();

/**
 * Whether a tensor is the input of only one node in the backward pass in
 * progress. That node's derivative gives all of the tensor's gradient, so it
 * may also apply the derivative of the op that made the tensor.
 */
export function isOnlyUse(x: AnyTensor): boolean {
  return uses.get(x) === 1;
}

/**
 * Gives a tensor without history over the same memory: {@linkcode backward}
 * stops there.
 *
 * @param x A tensor.
 * @returns A tensor that needs no gradient.
 *
 * @example Usage
 * ```ts
 * import {
 *   backward,
 *   detach,
 *   initialize,
 *   mul,
 *   sum,
 *   tensor,
 * } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const x = tensor([1, 2, 3], { requiresGrad: true });
 * backward(sum(mul(x, detach(x))));
 * assertEquals([...await x.grad!.data()], [1, 2, 3]); // and not [2, 4, 6]
 * ```
 */
export function detach<D extends DType>(x: Tensor<D>): Tensor<D> {
  return alias(x);
}

/** Options of {@linkcode backward}. */
export interface BackwardOptions {
  /**
   * The gradient of the final value with respect to `y`, of `y`'s shape.
   *
   * @default {ones, and then `y` must have one element}
   */
  gradient?: Tensor;
}

/**
 * Finds the gradients of `y` with respect to every leaf that it depends on, and
 * adds them to the leaves' `grad`.
 *
 * This is reverse accumulation: nodes are visited from the latest to the
 * earliest, so that each is reached when its gradient is complete. Gradients of
 * intermediate tensors are freed as soon as they have been used.
 *
 * @param y The value to differentiate, such as a loss.
 * @param options The gradient of `y`, if `y` is not the final value.
 * @throws {TypeError} If `y` does not depend on a tensor that requires a
 * gradient; if `y` has several elements and no gradient is given, or one of
 * another shape or type; if a tensor whose elements a derivative needs was
 * overwritten after the op ran.
 *
 * @example Usage
 * ```ts
 * import { backward, initialize, mul, sum, tensor } from "@swagpu/swagpu/engine";
 * import { assertEquals } from "@std/assert";
 *
 * await initialize();
 * const x = tensor([1, 2, 3], { requiresGrad: true });
 * backward(sum(mul(x, x)));
 * assertEquals([...await x.grad!.data()], [2, 4, 6]);
 * ```
 */
export function backward(y: Tensor, options: BackwardOptions = {}): void {
  if (!y.requiresGrad) {
    throw new TypeError(
      "Cannot go backward from a tensor without history: " +
        "none of its inputs requires a gradient",
    );
  }
  const { gradient } = options;
  if (gradient ? !sameShape(gradient.shape, y.shape) : y.size !== 1) {
    throw new TypeError(
      `Cannot go backward from shape ${formatShape(y.shape)}: ` +
        (gradient
          ? `the gradient has shape ${formatShape(gradient.shape)}`
          : "give a gradient, or reduce it to one element"),
    );
  }
  if (gradient && gradient.dtype !== "f32") {
    throw new TypeError(
      `Cannot go backward with a gradient of ${gradient.dtype}: cast() it to f32`,
    );
  }
  using _ = scope();
  const startedAt = tick();
  const outer = uses;
  const run = () => {
    const seed = gradient ? alias(gradient) : allocate(y.device, y.shape);
    if (!gradient) fillInto(seed, 1);
    const gradients = new Map<AnyTensor, Tensor>();
    give(gradients, y, seed);
    const nodes = reachable([y]);
    uses = new WeakMap();
    countUses(nodes);
    follow({ gradients, startedAt }, nodes);
  };
  try {
    noGrad(run);
  } finally {
    uses = outer;
  }
}

/** A backward pass in progress. */
interface Pass {
  /** The gradients of tensors whose nodes are still to be visited. */
  readonly gradients: Map<AnyTensor, Tensor>;
  /** When it began. */
  readonly startedAt: number;
}

/** Visits nodes, the latest first, and runs their derivatives. */
function follow(pass: Pass, nodes: readonly Node[]): void {
  const { gradients, startedAt } = pass;
  for (const node of nodes) {
    const dys = node.outputs.map((x) => {
      const dy = x.node === node ? gradients.get(x) : undefined;
      gradients.delete(x);
      return dy;
    });
    if (dys.every((dy) => dy === undefined)) continue;
    if ("again" in node) {
      followAgain(pass, node, dys);
      continue;
    }
    const { order, inputs, backward } = node;
    const run: JointBackwardFunction = (dys, into) =>
      derive(
        { recordedAt: order, startedAt, gradients: [...dys, ...into] },
        () => backward(dys, into),
      );
    step(gradients, inputs, run, dys);
    for (const dy of dys) dy?.dispose();
  }
}

/**
 * Runs the function of a checkpoint again and visits its nodes, then frees what
 * it made. The nodes come in the order in which they would have come without the
 * checkpoint, and add to the same gradients, so that these are the same bits.
 */
function followAgain(
  pass: Pass,
  { order, inputs, outputs, again }: CheckpointNode,
  dys: readonly (Tensor | undefined)[],
): void {
  const { gradients, startedAt } = pass;
  using own = scope();
  const since = tick();
  // What it reads must not have changed since it ran first.
  const ys = derive(
    { recordedAt: order, startedAt, gradients: [] },
    () => withTape({ enabled: true, notes: undefined }, again),
  );
  const nodes = reachable(ys.filter((_, i) => dys[i]), since);
  const known = new Set(inputs);
  for (const x of nodes.flatMap((node) => node.inputs)) {
    const isOutside = x.requiresGrad && x.owner !== own &&
      (x.node?.order ?? 0) <= since;
    if (isOutside && !known.has(x)) refuseOther(x);
  }
  for (const x of inputs) uses.set(x, (uses.get(x) ?? 0) - 1);
  countUses(nodes);
  outputs.forEach((_, i) => {
    const [y, dy] = [ys[i], dys[i]];
    if (!y || !dy) return;
    give(gradients, y, dy);
  });
  follow(pass, nodes);
  for (const gradient of gradients.values()) {
    if (gradient.owner === own) keep(gradient);
  }
}

function refuseOther({ shape }: AnyTensor): never {
  throw new TypeError(
    "Cannot go backward through a checkpoint: when its function ran again, it " +
      `used a tensor of shape ${formatShape(shape)} that it had not used ` +
      "first; give it variables that are assigned again as inputs",
  );
}

/**
 * Finds every node that tensors depend on, the latest first.
 *
 * @param ys The tensors.
 * @param since Nodes that are not later are left out.
 */
function reachable(ys: readonly AnyTensor[], since = 0): Node[] {
  const seen = new Set<Node>();
  const stack = [...ys];
  for (let x = stack.pop(); x; x = stack.pop()) {
    if (!x.node || x.node.order <= since || seen.has(x.node)) continue;
    seen.add(x.node);
    stack.push(...x.node.inputs);
  }
  return [...seen].sort((a, b) => b.order - a.order);
}

/** Counts how many times each tensor is an input of a node. */
function countUses(nodes: readonly Node[]): void {
  for (const { inputs } of nodes) {
    for (const x of inputs) uses.set(x, (uses.get(x) ?? 0) + 1);
  }
}

/**
 * Runs the derivative of one node, hands the gradients to the inputs, and frees
 * the other tensors that it made.
 */
function step(
  gradients: Map<AnyTensor, Tensor>,
  inputs: readonly AnyTensor[],
  run: JointBackwardFunction,
  dys: readonly (Tensor | undefined)[],
): void {
  using _ = scope();
  const into = inputs.map((x) => {
    if (!x.requiresGrad) return undefined;
    if (!x.node) return x.gradientTarget();
    const before = gradients.get(x);
    return before?.block.references === 1 ? before : undefined;
  });
  const results = run(dys, into);
  const given = new Set(dys);
  inputs.forEach((x, i) => {
    const result = results[i];
    if (!result || !x.requiresGrad || result === into[i]) return;
    const own = given.has(result) ? alias(result) : result;
    given.add(result);
    if (into[i]) addInto(into[i], own);
    else give(gradients, x, keep(own));
  });
}

/** Adds a gradient to the sum of those that a tensor has received. */
function give(
  gradients: Map<AnyTensor, Tensor>,
  x: AnyTensor,
  gradient: Tensor,
): void {
  if (!x.node) return addInto(x.gradientTarget(), gradient);
  const before = gradients.get(x);
  if (!before) {
    gradients.set(x, gradient);
    return;
  }
  if (before.block.references === 1) {
    addInto(before, gradient);
  } else { // Another gradient shares the memory: the sum gets its own.
    const sum = keep(allocate(x.device, x.shape));
    addInto(sum, before, gradient);
    gradients.set(x, sum);
    before.dispose();
  }
  gradient.dispose();
}
