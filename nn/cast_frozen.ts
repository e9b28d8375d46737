// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// Frozen weights in half the memory.

import { tensor } from "../engine/mod.ts";
import { Embedding } from "./embedding.ts";
import { Linear } from "./linear.ts";
import { LoraLinear, ownParameters } from "./lora/mod.ts";
import type { Module } from "./module.ts";
import { Parameter } from "./parameter.ts";
import {
  placeAnew,
  placeSize,
  type Segment,
  SEGMENT_ALIGNMENT,
} from "./segment.ts";
import { searchSegment } from "./segment_search.ts";
import { WeightCheck } from "./weight_check.ts";

/** The least number of f32 beyond 65504, the largest of f16. */
const TOO_LARGE = 65504 + 2 ** -8;

/** The mark of a block of weights that a {@linkcode WeightCheck} leaves out. */
const LEFT_OUT = 0xffffffff;

/**
 * Stores the frozen weights of a model as f16, in half the memory, or as f32
 * again. It is for weights that stay as they are: the model under an adapter, or
 * the lower layers under a new head.
 *
 * The weights are those of `Linear` and `Embedding`, which are nearly all of a
 * transformer. They are rounded to nearest, ties to even. Nothing is computed in
 * f16, and no adapter needs `shader-f16`: a weight is widened to f32 for as long
 * as its product takes, forward and backward, so outputs and gradients are bit for
 * bit those of the model with rounded weights in f32. A product costs one more
 * pass over its weight, and its weight in f32 as temporary memory. `data()`, a
 * saved model and a fingerprint give the rounded values as f32.
 *
 * Such a weight cannot be trained, and is no part of the flat vector: optimizers
 * and posteriors leave it alone. The other parameters of its segments are moved to
 * other memory, so call this before an optimizer or posterior is built.
 *
 * @param model The model, or a model with an adapter. Weights that are trained
 * stay as they are, and so do those that a module of another kind uses, too.
 * @param dtype How frozen weights are stored from now on.
 * @returns The names of the weights that were not stored so before.
 * @throws {RangeError} If a weight is not between -65504 and 65504, or none is
 * frozen. Nothing has changed then, nor in the next case.
 * @throws {TypeError} If an optimizer or posterior of the model exists, a
 * parameter beside the weights has a gradient, an adapter is merged, or the type
 * is not known.
 *
 * @example A new head on weights that take half the memory
 * ```ts
 * import { initialize, type Tensor, tensor } from "@swagpu/swagpu/engine";
 * import {
 *   castFrozen,
 *   estimateTrainingMemory,
 *   Linear,
 *   Module,
 * } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * class Model extends Module {
 *   body = new Linear(64, 64, { bias: false });
 *   head = new Linear(64, 2, { bias: false });
 *   forward(x: Tensor): Tensor {
 *     return this.head.forward(this.body.forward(x, { activation: "relu" }));
 *   }
 * }
 *
 * await initialize();
 * const model = new Model().freeze("body");
 * assertEquals(await castFrozen(model, "f16"), ["body.weight"]);
 * const { weights, gradients } = estimateTrainingMemory(model);
 * assertEquals(weights, 64 * 64 * 2 + 64 * 2 * 4);
 * assertEquals(gradients, 64 * 2 * 4); // before the cast, of the body, too
 * const y = model.forward(tensor([new Array(64).fill(1)]));
 * assertEquals(y.shape, [1, 2]);
 * model.dispose();
 * ```
 */
export async function castFrozen(
  model: Module,
  dtype: "f16" | "f32",
): Promise<string[]> {
  if (dtype !== "f16" && dtype !== "f32") {
    throw new TypeError(
      `Cannot store frozen weights as ${dtype}: expected "f16" or "f32"`,
    );
  }
  model.placeParameters();
  const frozen = frozenWeights(model);
  if (dtype === "f32") {
    const halved = [...frozen].filter(([, { halves }]) => halves);
    placeAnew(halved.map(([, weight]) => weight));
    return halved.map(([name]) => name);
  }
  if (frozen.size === 0) {
    throw new RangeError(
      "Cannot store frozen weights as f16: no weight of a Linear or Embedding " +
        "layer is frozen; freeze() the model or its parts before",
    );
  }
  const weights = new Map(
    [...frozen].filter(([, { halves }]) => !halves)
      .map(([name, weight]) => [weight, name]),
  );
  const segments = new Set(
    [...weights.keys()].flatMap(({ location }) => location?.segment ?? []),
  );
  for (const segment of segments) checkMovable(segment);
  for (const segment of segments) await checkRange(segment, weights);
  // Something may have been built while the answers were awaited.
  for (const segment of segments) checkMovable(segment);
  for (const segment of segments) leave(segment, weights);
  return [...weights.values()];
}

/**
 * The frozen weights, by name, that only layers use which know f16: they multiply
 * by the weight, or look its rows up.
 */
function frozenWeights(model: Module): Map<string, Parameter> {
  const names = new Map<Parameter, string>();
  const others = new Set<Parameter>();
  for (const [path, module] of model.namedModules()) {
    if (module instanceof LoraLinear && module.isMerged) {
      throw new TypeError(
        `Cannot change how frozen weights are stored: ${path} holds an adapter ` +
          "that is merged; unmergeAdapter() before",
      );
    }
    const takesHalves = module instanceof Embedding ||
      module instanceof Linear &&
        module.usedWeight === Linear.prototype.usedWeight;
    for (const { key, parameter } of ownParameters(module)) {
      if (!takesHalves || key !== "weight") others.add(parameter);
      else if (!parameter.requiresGrad && !names.has(parameter)) {
        names.set(parameter, path === "" ? key : `${path}.${key}`);
      }
    }
  }
  return new Map(
    [...names].filter(([weight]) => !others.has(weight))
      .map(([weight, name]) => [name, weight]),
  );
}

/** Throws if the parameters of a segment cannot be moved to other memory now. */
function checkMovable({ holders, parameters }: Segment): void {
  const [holder] = holders.values();
  if (holder) {
    throw new TypeError(
      "Cannot store frozen weights as f16: they share memory with what " +
        `${holder} works on; call castFrozen() before it is ` +
        "built, or dispose() of it",
    );
  }
  for (const parameter of parameters) {
    if (!(parameter instanceof Parameter) || !parameter.hasGradient) continue;
    throw new TypeError(
      "Cannot store frozen weights as f16: a parameter in the same memory, of " +
        `shape [${parameter.shape}], has a gradient, which would be lost; call ` +
        "castFrozen() before backward(), or set it to zero",
    );
  }
}

/** Throws if f16 does not hold a weight. */
async function checkRange(
  segment: Segment,
  weights: ReadonlyMap<Parameter, string>,
): Promise<void> {
  const { device, values, length } = segment;
  const inside = [...weights].flatMap(([{ location, size }, name]) =>
    location?.segment.values === values
      ? [{ name, start: location.offset, end: location.offset + size }]
      : []
  );
  const owners = new Uint32Array(length / SEGMENT_ALIGNMENT).fill(LEFT_OUT);
  inside.forEach(({ start, end }, i) =>
    owners.fill(
      i,
      start / SEGMENT_ALIGNMENT,
      (start + placeSize(end - start)) / SEGMENT_ALIGNMENT,
    )
  );
  using check = new WeightCheck(device);
  const table = tensor(owners, { device });
  searchSegment(check, segment, { owners: table, limit: TOO_LARGE });
  table.dispose();
  const found = WeightCheck.parse(await check.answer.data());
  if (!found) return;
  const at = found.block * SEGMENT_ALIGNMENT;
  const { name } = inside.find(({ end }) => at < end) ?? { name: "a weight" };
  throw new RangeError(
    `Cannot store ${name} as f16: it holds a number that is not between -65504 ` +
      "and 65504, which f16 does not have; keep it as f32, or look for the " +
      "step at which training diverged",
  );
}

/** Takes weights out of a segment, and the others to a new one. */
function leave(
  segment: Segment,
  weights: ReadonlyMap<Parameter, string>,
): void {
  const rest: Parameter[] = [];
  for (const parameter of segment.parameters) {
    if (!(parameter instanceof Parameter) || parameter.isDisposed) continue;
    if (weights.has(parameter)) parameter.leaveAsHalves();
    else rest.push(parameter);
  }
  placeAnew(rest);
  segment.dispose();
}
