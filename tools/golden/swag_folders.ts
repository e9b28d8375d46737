// Copyright 2026 the swagpu authors. MIT license.

// Checks folders as swag_transformers leaves them, loaded in one call: the state that
// they hold, and what the model and samples of its weights compute.

import "../../auto_swag.ts";
import { scope, type Tensor } from "../../engine/mod.ts";
import * as models from "../../models/mod.ts";
import { NONE } from "../../swag/layout.ts";
import { SwagModel, WeightPosterior } from "../../swag/mod.ts";
import { Posterior } from "../../swag/posterior.ts";
import { resolveSettings } from "../../swag/settings.ts";
import { type MomentSource, readMoments } from "../../swag/moment_source.ts";
import {
  type AnyModel,
  compare,
  type Comparison,
  type Golden,
  valuesOf,
} from "./compare.ts";

/** The error of a dozen products in 32 bits. */
const LOGITS = { absolute: 5e-5, relative: 0 };

const EXACT = { absolute: 0, relative: 0 };

/** What the folder must hold. */
interface Expected {
  /** The class of the model. */
  className: string;
  collections: number;
  rank: number;
}

/** Loads a folder, and compares its counts. The caller disposes of both. */
export async function loadFolder(
  folder: string,
  { className, collections, rank }: Expected,
): Promise<{ swag: SwagModel; model: AnyModel; results: Comparison[] }> {
  const found = (models as Record<string, unknown>)[className];
  const { model, posterior } = await models.PreTrainedModel.loadParts(
    found as models.PretrainedClass<AnyModel>,
    folder,
  );
  if (!(posterior instanceof SwagModel)) {
    model.dispose();
    throw new TypeError(`Cannot check ${folder}: it was loaded without SWAG`);
  }
  const { nModels, covMatRank } = posterior;
  return {
    swag: posterior,
    model,
    results: [
      compare("loaded collections and rank", [nModels, covMatRank], [
        collections,
        rank,
      ], EXACT),
    ],
  };
}

/**
 * Compares what the model of a folder computes with the weights in it. Where the
 * library has saved zeros, because it had drawn no sample, ours has the means.
 */
export async function checkSavedState(
  model: AnyModel,
  golden: Golden,
  feeds: Record<string, Tensor>,
): Promise<Comparison> {
  const saved = valuesOf(golden, "saved_state.logits");
  const isEmpty = saved.every((x) => x === 0);
  using _ = scope();
  const logits = model.forward(feeds)["logits"] as Tensor;
  return compare(
    isEmpty ? "logits of an unsampled folder" : "saved_state.logits",
    await logits.data(),
    isEmpty ? valuesOf(golden, "sample.mean.logits") : saved,
    LOGITS,
  );
}

/** Noise that the library has drawn, instead of one's own. */
class GivenNoise extends WeightPosterior<{ scale: number; cov: boolean }> {
  readonly base: AnyModel;
  protected override readonly samplingOptions = ["scale", "cov"] as const;
  readonly #posterior: Posterior;
  readonly #noise: (run: number) => Parameters<Posterior["draw"]>[0]["noise"];

  constructor(
    model: AnyModel,
    posterior: Posterior,
    noise: (run: number) => Parameters<Posterior["draw"]>[0]["noise"],
  ) {
    super();
    this.base = model;
    this.#posterior = posterior;
    this.#noise = noise;
  }

  protected override withSamples<T>(
    { scale, cov }: { scale: number; cov: boolean },
    count = 1,
    predict: (count: number, before: (run: number) => void) => T,
  ): T {
    const blockwise = false;
    return predict(count, (run) => {
      const noise = this.#noise(run);
      this.#posterior.draw({ scale, cov, blockwise, noise });
    });
  }
}

/** Compares `getLogits` with the library's `get_logits`, with the same noise. */
export async function checkGetLogits(
  { swag, model, state, golden, feeds }: {
    swag: SwagModel;
    model: AnyModel;
    /** The moments. */
    state: MomentSource;
    golden: Golden;
    feeds: Record<string, Tensor>;
  },
): Promise<Comparison[]> {
  const expected = golden.get("get_logits.logits");
  if (!expected) return [];
  const posterior = new Posterior(model, resolveSettings(swag.settings));
  await readMoments(posterior, state);
  const cov = !swag.settings.noCovMat;
  const random = posterior.layout.entries.filter(({ row }) => row !== NONE);
  const noiseOf = (run: number) => {
    const flat = valuesOf(golden, `get_logits.${run}.noise_diag_flat`);
    let at = 0;
    const diagonal = new Map(random.map(({ name, parameter: { size } }) => {
      const own = flat.subarray(at, at + size);
      at += size;
      return [name, own] as const;
    }));
    const name = `get_logits.${run}.noise_lowrank`;
    return { diagonal, lowRank: cov ? valuesOf(golden, name) : [] };
  };
  using _ = scope();
  const logits = new GivenNoise(model, posterior, noiseOf).getLogits(
    () => model.forward(feeds) as { logits: Tensor },
    { numPredictions: expected.shape[1] ?? 0, scale: 0.5, cov },
  );
  const results = [
    compare("get_logits shape", logits.shape, expected.shape, EXACT),
    compare("get_logits", await logits.data(), expected.data, LOGITS),
  ];
  posterior.dispose();
  return results;
}
