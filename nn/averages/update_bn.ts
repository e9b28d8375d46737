// Copyright 2026 the swagpu authors. MIT license.
// This module is browser compatible.

// The statistics of batch norms for weights that were averaged or sampled.

import { noGrad, scope } from "../../engine/mod.ts";
import { AveragedModel } from "./averaged_model.ts";
import { BatchNorm1d } from "../batch_norm1d.ts";
import type { Module } from "../module.ts";
import { checkOptions } from "../options.ts";

/** A model that may have a `forward`. */
export type RunnableModule = Module & { forward?(input: never): unknown };

/** Options of {@linkcode updateBn}. */
export interface UpdateBnOptions<Batch> {
  /**
   * Runs the model on a batch.
   *
   * @default {model.forward(batch), or of the first element of a list}
   */
  forward?: ((batch: Batch) => unknown) | undefined;
}

/**
 * Computes the running statistics of all {@linkcode BatchNorm1d} layers from the
 * start, in one pass over data, as `torch.optim.swa_utils.update_bn` does. Weights that
 * were averaged, or drawn from a posterior, have never seen data, so the
 * statistics of the training do not fit them.
 *
 * The statistics begin at mean 0 and variance 1, and become the mean over the
 * batches, each of which weighs the same whatever its size. The model is in
 * training mode meanwhile, so dropout is active, as in PyTorch. Momenta and the
 * modes of all modules are then what they were. A model without batch norms is
 * not run at all.
 *
 * @param batches The data: what the model's `forward` takes, or lists whose
 * first element is that.
 * @param model The model, or the average of one, whose statistics are computed
 * and kept then.
 * @param options How to run the model.
 *
 * @example Usage
 * ```ts
 * import { initialize, tensor, type Tensor } from "@swagpu/swagpu/engine";
 * import { BatchNorm1d, Module, updateBn } from "@swagpu/swagpu/nn";
 * import { assertEquals } from "@std/assert";
 *
 * class Net extends Module {
 *   norm = new BatchNorm1d(1);
 *   forward = (x: Tensor) => this.norm.forward(x);
 * }
 *
 * await initialize();
 * const net = new Net().eval();
 * await updateBn([tensor([[1], [3]]), tensor([[5], [7]])], net);
 * assertEquals(await net.norm.runningMean?.item(), 4);
 * assertEquals(await net.norm.runningVar?.item(), 2);
 * assertEquals(net.training, false);
 * ```
 */
export async function updateBn<Batch>(
  batches: Iterable<Batch> | AsyncIterable<Batch>,
  model: RunnableModule | AveragedModel<RunnableModule>,
  options: UpdateBnOptions<Batch> = {},
): Promise<void> {
  if (model instanceof AveragedModel) {
    return await model.withAverage((inner) =>
      updateBn(batches, inner, options)
    );
  }
  checkOptions(options, {
    action: "update batch norms",
    known: ["forward"],
  });
  const modules = [...model.namedModules().values()];
  const norms = modules.filter((module) => module instanceof BatchNorm1d);
  if (norms.length === 0) return;
  const run = options.forward ?? ((batch: Batch) => {
    const input: unknown = Array.isArray(batch) ? batch[0] : batch;
    if (!model.forward) {
      throw new TypeError(
        `Cannot run ${model.constructor.name}: it has no forward; give one ` +
          "in the options",
      );
    }
    return model.forward(input as never);
  });
  const momenta = norms.map(({ momentum }) => momentum);
  const modes = modules.map(({ training }) => training);
  for (const norm of norms) {
    norm.resetRunningStats();
    norm.momentum = null;
  }
  model.train();
  try {
    for await (const batch of batches) {
      using _ = scope();
      await noGrad(() => run(batch));
    }
  } finally {
    norms.forEach((norm, i) => norm.momentum = momenta[i] ?? null);
    modules.forEach((module, i) => module.training = modes[i] ?? false);
  }
}
