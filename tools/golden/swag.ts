// Copyright 2026 the swagpu authors. MIT license.

// Checks posteriors with those of swag_transformers: the moments after collections,
// weights sampled with given noise, and what the model computes with them.

import { readAll, scope, type Tensor } from "../../engine/mod.ts";
import * as models from "../../models/mod.ts";
import { exists, openPyTorch } from "../../nn/formats/mod.ts";
import { NONE } from "../../swag/layout.ts";
import { SwagModel, type SwagOptions } from "../../swag/mod.ts";
import { Posterior } from "../../swag/posterior.ts";
import { resolveSettings } from "../../swag/settings.ts";
import { type MomentSource, readMoments } from "../../swag/moment_source.ts";
import { inputsOf } from "./check.ts";
import {
  type AnyModel,
  compare,
  type Comparison,
  type Golden,
  hostTensors,
  readGolden,
  valuesOf,
} from "./compare.ts";
import { checkGetLogits, checkSavedState, loadFolder } from "./swag_folders.ts";
import { below } from "./tensor_cases.ts";

/** The original loses digits of its moments: it sums squares in 32 bits. */
const MOMENTS = { absolute: 5e-6, relative: 0 };

/** The error of a dozen products in 32 bits; both sides use the same noise. */
const WEIGHTS = { absolute: 1e-5, relative: 0 };

const LOGITS = { absolute: 5e-5, relative: 0 };

/** A sample that the original library has drawn. */
interface SampleCase {
  tag: string;
  scale: number;
  cov: boolean;
  block: boolean;
  /** What the names of its noise begin with; `null` for none. */
  noise: string | null;
}

/** The options of a posterior, under the library's names. */
interface Kwargs {
  no_cov_mat: boolean;
  max_num_models: number;
  module_prefix_list?: string[] | null;
}

/** The parts of swag/<model>/case.json that the checks need. */
interface SwagCase {
  base_class: string;
  collections: number;
  parameter_order: string[];
  variants: Record<string, {
    kwargs: Kwargs;
    cov_mat_rank_after_each_collection: number[];
    n_models: number;
    samples: SampleCase[];
  }>;
}

/** The parts of swag_files/<case>/case.json that the checks need. */
interface FilesCase {
  base_class: string;
  kwargs: Kwargs;
  collections: number;
  rank: number;
  parameter_order: string[];
  samples: SampleCase[];
}

/** The options of our posterior that are the library's. */
function optionsOf(kwargs: Kwargs): SwagOptions {
  const { module_prefix_list: prefixes } = kwargs;
  return {
    noCovMat: kwargs.no_cov_mat,
    maxNumModels: kwargs.max_num_models,
    normalize: "capacity",
    ...prefixes ? { modulePrefixList: prefixes } : {},
  };
}

/** Builds a model of a class with a configuration. */
function modelOf(name: string, fields: Record<string, unknown>): AnyModel {
  const config = models.AutoConfig.fromFields(fields);
  const found = (models as Record<string, unknown>)[name];
  if (typeof found !== "function") {
    throw new RangeError(`Cannot check ${name}: there is no such class`);
  }
  const Model = found as unknown as new (config: unknown) => AnyModel;
  return new Model(config).eval();
}

/** Whether a folder holds posteriors of the original library. */
export async function isSwagCase(folder: string): Promise<boolean> {
  const text = await Deno.readTextFile(`${folder}/case.json`)
    .catch(() => "{}");
  const spec = JSON.parse(text);
  return typeof spec.swag_class === "string";
}

/** Runs every check of a folder. */
export async function checkSwag(folder: string): Promise<Comparison[]> {
  const spec = JSON.parse(await Deno.readTextFile(`${folder}/case.json`));
  return "variants" in spec
    ? await checkVariants(folder, spec)
    : await checkFiles(folder, spec);
}

/** Puts the weights of a collection into a model. */
function setWeights(model: AnyModel, trajectory: Golden, t: number): void {
  const tensors = model.namedParameters();
  for (const [name, { shape, data }] of trajectory) {
    const parameter = tensors.get(name);
    if (!parameter) throw new RangeError(`the model has no ${name}`);
    const size = data.length / (shape[0] ?? 1);
    parameter.write(Float32Array.from(data).subarray(t * size, (t + 1) * size));
  }
}

async function checkVariants(
  folder: string,
  spec: SwagCase,
): Promise<Comparison[]> {
  const fields = JSON.parse(
    await Deno.readTextFile(`${folder}/base_config.json`),
  );
  const trajectory = await readGolden(`${folder}/trajectory.safetensors`);
  const inputs = await readGolden(`${folder}/input.safetensors`);
  const results: Comparison[] = [];
  for (const [name, variant] of Object.entries(spec.variants)) {
    const file = (kind: string) =>
      readGolden(`${folder}/${name}/${kind}.safetensors`);
    if (!await exists(`${folder}/${name}/state.safetensors`)) continue;
    using model = modelOf(spec.base_class, fields);
    const base = await readGolden(`${folder}/base.safetensors`);
    // Tied names may be missing or occur twice.
    await model.loadStateDict(hostTensors(base), { strict: false });
    const state = await file("state");
    const samples = await file("samples");
    const variances = await file("variance");
    const snapshots = await exists(
        `${folder}/${name}/snapshots.safetensors`,
      )
      ? await file("snapshots")
      : new Map();
    using swag = SwagModel.fromBase(model, optionsOf(variant.kwargs));
    const ranks: number[] = [];
    for (let t = 0; t < spec.collections; t++) {
      setWeights(model, trajectory, t);
      swag.collectModel();
      ranks.push(swag.covMatRank);
      const after = below(snapshots, `after${`${t + 1}`.padStart(2, "0")}.`);
      results.push(...await checkMoments(`${name} ${t + 1}`, swag, after));
    }
    results.push(
      compare(
        `${name} rank`,
        [...ranks, swag.nModels],
        [...variant.cov_mat_rank_after_each_collection, variant.n_models],
        { absolute: 0, relative: 0 },
      ),
      ...await checkMoments(name, swag, state),
    );
    const moments = await swag.moments();
    for (const [key, { data }] of below(variances, "variance.")) {
      const own = moments.get(key)?.variance ?? [];
      results.push(compare(`${name} variance.${key}`, own, data, MOMENTS));
    }
    if (await exists(`${folder}/${name}/saved`)) {
      const loaded = await loadFolder(`${folder}/${name}/saved`, {
        className: spec.base_class,
        collections: variant.n_models,
        rank: ranks.at(-1) ?? 0,
      });
      results.push(
        ...loaded.results,
        ...await checkMoments(`${name} loaded`, loaded.swag, state),
      );
      loaded.swag.dispose();
      loaded.model.dispose();
    }
    results.push(
      ...await checkGetLogits({
        swag,
        model,
        state: sourceOf(state),
        golden: samples,
        feeds: feedsOf(inputs),
      }),
      ...await checkSamples(name, variant.samples, {
        model,
        kwargs: variant.kwargs,
        state: sourceOf(state),
        golden: samples,
        feeds: feedsOf(inputs),
        order: spec.parameter_order,
      }),
    );
  }
  return results;
}

/** The inputs of a model, from a file that holds nothing else. */
function feedsOf(inputs: Golden): Record<string, Tensor> {
  return inputsOf(new Map([...inputs].map(([key, x]) => [`input.${key}`, x])));
}

function sourceOf(golden: Golden): MomentSource {
  const found = (name: string) => {
    const tensor = golden.get(name);
    if (!tensor) throw new RangeError(`there is no ${name}`);
    return tensor;
  };
  return { names: golden.keys(), info: found, tensor: found };
}

/** Compares means and deviations with a state of the library. */
async function checkMoments(
  label: string,
  swag: SwagModel,
  state: Golden,
): Promise<Comparison[]> {
  if (state.size === 0) return [];
  const results: Comparison[] = [];
  for (const [name, moments] of await swag.moments()) {
    const key = `swag.base.${name}`;
    const mean = state.get(`${key}_mean`);
    if (mean) {
      results.push(
        compare(`${label} ${name} mean`, moments.mean, mean.data, MOMENTS),
      );
    }
    const rows = state.get(`${key}_cov_mat_sqrt`);
    if (!rows) continue;
    results.push(compare(
      `${label} ${name} deviations`,
      moments.deviations ?? [],
      rows.data,
      MOMENTS,
    ));
  }
  return results;
}

/** What samples are drawn from and compared with. */
interface SampleContext {
  model: AnyModel;
  kwargs: Kwargs;
  /** The moments as the library has saved them. */
  state: MomentSource;
  /** Noise, weights and logits. */
  golden: Golden;
  /** The inputs of the model. */
  feeds: Record<string, Tensor>;
  order: readonly string[];
}

/** Draws each sample with the library's noise. */
async function checkSamples(
  label: string,
  samples: readonly SampleCase[],
  { model, kwargs, state, golden, feeds, order }: SampleContext,
): Promise<Comparison[]> {
  // A SwagModel draws its noise itself; its posterior also takes given noise.
  const posterior = new Posterior(model, resolveSettings(optionsOf(kwargs)));
  await readMoments(posterior, state);
  const random = posterior.layout.entries.filter(({ row }) => row !== NONE)
    .map(({ name }) => name);
  const results: Comparison[] = [];
  for (const { tag, scale, cov, block, noise } of samples) {
    const byName = (kind: string) =>
      new Map(
        random.map((p) => [p, valuesOf(golden, `${noise}.${kind}.${p}`)]),
      );
    const sizes = new Map(
      posterior.layout.entries.map(({ name, parameter }) => [
        name,
        parameter.size,
      ]),
    );
    posterior.draw({
      // In blocks the original multiplies deviations by the scale, not by its root.
      scale: block ? scale ** 2 : scale,
      cov: cov && !kwargs.no_cov_mat,
      blockwise: block,
      noise: noise === null
        ? {
          diagonal: new Map(
            random.map((p) => [p, new Float32Array(sizes.get(p) ?? 0)]),
          ),
          lowRank: [],
        }
        : {
          diagonal: byName("diag"),
          lowRank: !cov || kwargs.no_cov_mat
            ? []
            : block
            ? byName("lowrank")
            : valuesOf(golden, `${noise}.lowrank`),
        },
    });
    const weights = model.namedParameters();
    for (const p of order) {
      const expected = golden.get(`${tag}.param.${p}`);
      if (!expected) continue;
      const own = await weights.get(p)?.data() ?? [];
      results.push(
        compare(`${label} ${tag} ${p}`, own, expected.data, WEIGHTS),
      );
    }
    const logits = golden.get(`${tag}.logits`) ??
      golden.get(`sample.${tag}.logits`);
    if (!logits) continue;
    using _ = scope();
    const [own = new Float32Array()] = await readAll([
      model.forward(feeds)["logits"] as Tensor,
    ]);
    results.push(compare(`${label} ${tag} logits`, own, logits.data, LOGITS));
  }
  posterior.dispose();
  return results;
}

/** Checks a folder as the library's `save_pretrained` leaves it. */
async function checkFiles(
  folder: string,
  spec: FilesCase,
): Promise<Comparison[]> {
  const saved = `${folder}/saved`;
  const { internal_model_config: fields } = JSON.parse(
    await Deno.readTextFile(`${saved}/config.json`),
  );
  const golden = await readGolden(`${folder}/golden.safetensors`);
  using model = modelOf(spec.base_class, fields);
  const trajectory = below(golden, "trajectory.");
  setWeights(model, trajectory, spec.collections - 1);
  const feeds = inputsOf(golden);
  const results: Comparison[] = [];
  {
    using _ = scope();
    const logits = model.forward(feeds)["logits"] as Tensor;
    results.push(compare(
      "base logits",
      await logits.data(),
      golden.get("base.logits")?.data ?? [],
      LOGITS,
    ));
  }
  using file = await openPyTorch(`${saved}/model.bin`);
  using swag = SwagModel.fromBase(model, optionsOf(spec.kwargs));
  await swag.importState(file);
  results.push(compare(
    "collections and rank",
    [swag.nModels, swag.covMatRank],
    [spec.collections, spec.rank],
    { absolute: 0, relative: 0 },
  ));
  for (const [name, moments] of await swag.moments()) {
    const mean = golden.get(`mean.${name}`);
    if (mean) {
      results.push(
        compare(`mean.${name}`, moments.mean, mean.data, MOMENTS),
      );
    }
    const variance = golden.get(`variance.${name}`);
    if (!variance) continue;
    const own = moments.variance ?? [];
    results.push(compare(`variance.${name}`, own, variance.data, MOMENTS));
  }
  using again = await openPyTorch(`${saved}/model.bin`);
  results.push(
    ...await checkSamples("sample", spec.samples, {
      ...{ model, golden, feeds },
      kwargs: spec.kwargs,
      state: again,
      order: spec.parameter_order,
    }),
    ...await checkLoaded(saved, { spec, golden, feeds }),
  );
  return results;
}

/** Checks the same folder as one call loads it. */
async function checkLoaded(
  saved: string,
  { spec, golden, feeds }: {
    spec: FilesCase;
    golden: Golden;
    feeds: Record<string, Tensor>;
  },
): Promise<Comparison[]> {
  const { swag, model, results } = await loadFolder(saved, {
    className: spec.base_class,
    collections: spec.collections,
    rank: spec.rank,
  });
  using state = await openPyTorch(`${saved}/model.bin`);
  try {
    return [
      ...results,
      await checkSavedState(model, golden, feeds),
      ...await checkGetLogits({ swag, model, state, golden, feeds }),
    ];
  } finally {
    swag.dispose();
    model.dispose();
  }
}
