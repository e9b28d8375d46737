// Copyright 2026 the swagpu authors. MIT license.

// Compares with states and samples of the original library, swag_transformers. The
// versions are in the fixture's case.json.

import { assert, assertEquals } from "@std/assert";
import { readAll } from "../../engine/mod.ts";
import {
  parseSafetensors,
  type SafetensorsFile,
} from "../../nn/formats/safetensors.ts";
import { NONE } from "../../swag/layout.ts";
import { SwagModel } from "../../swag/mod.ts";
import { Posterior } from "../../swag/posterior.ts";
import { resolveSettings } from "../../swag/settings.ts";
import { readMoments } from "../../swag/moment_source.ts";
import { assertClose, gpuTest, type Tolerance } from "../_check.ts";
import { Tree } from "./_tree.ts";

const FIXTURE = new URL("../fixtures/swag/bert_seq_cls/", import.meta.url);

/** The original loses digits of its moments: it sums squares in 32 bits. */
const MOMENTS: Tolerance = { absolute: 5e-6, relative: 0 };

/** The error of a dozen products in 32 bits; both sides use the same noise. */
const SAMPLE: Tolerance = { absolute: 1e-5, relative: 0 };

interface Variant {
  kwargs: { no_cov_mat: boolean; module_prefix_list?: string[] };
  cov_mat_rank_after_each_collection: number[];
  n_models: number;
  samples: {
    tag: string;
    scale: number;
    cov: boolean;
    block: boolean;
    noise: string;
  }[];
}

interface Case {
  collections: number;
  max_num_models: number;
  parameter_order: string[];
  variants: Record<string, Variant>;
}

async function file(name: string): Promise<SafetensorsFile> {
  return parseSafetensors(
    await Deno.readFile(new URL(`${name}.safetensors`, FIXTURE)),
  );
}

async function setUp(name: string) {
  const golden: Case = JSON.parse(
    await Deno.readTextFile(new URL("case.json", FIXTURE)),
  );
  const trajectory = await file("trajectory");
  const variant = golden.variants[name];
  assert(variant);
  const shapes = Object.fromEntries(
    golden.parameter_order.map((p) => [p, trajectory.info(p).shape.slice(1)]),
  );
  const model = new Tree(shapes);
  const { no_cov_mat: noCovMat, module_prefix_list } = variant.kwargs;
  const options = {
    noCovMat,
    maxNumModels: golden.max_num_models,
    normalize: "capacity" as const,
    modulePrefixList: module_prefix_list,
  };
  return { golden, trajectory, variant, model, options };
}

for (const name of ["full", "prefix", "diag"]) {
  gpuTest(`collectModel() matches the original library: ${name}`, async () => {
    const { golden, trajectory, variant, model, options } = await setUp(name);
    const swag = SwagModel.fromBase(model, options);
    const rows = new Map(
      golden.parameter_order.map((p) => [p, trajectory.tensor(p).data]),
    );
    const snapshots = name === "diag"
      ? undefined
      : await file(`${name}/snapshots`);
    const compare = async (state: SafetensorsFile, prefix: string) => {
      for (const [p, moments] of await swag.moments()) {
        const key = `${prefix}swag.base.${p}`;
        if (state.has(`${key}_mean`)) {
          assertClose(
            moments.mean,
            state.tensor(`${key}_mean`).data,
            MOMENTS,
            p,
          );
        }
        if (!state.has(`${key}_cov_mat_sqrt`)) continue;
        assertClose(
          moments.deviations ?? [],
          state.tensor(`${key}_cov_mat_sqrt`).data,
          MOMENTS,
          `${key} deviations`,
        );
      }
    };
    for (let t = 0; t < golden.collections; t++) {
      model.set(Object.fromEntries(
        [...rows].map(([p, all]) => {
          const size = all.length / golden.collections;
          return [p, all.subarray(t * size, (t + 1) * size)];
        }),
      ));
      swag.collectModel();
      assertEquals(
        swag.covMatRank,
        variant.cov_mat_rank_after_each_collection[t],
      );
      const prefix = `after${`${t + 1}`.padStart(2, "0")}.`;
      if (snapshots?.names.some((n) => n.startsWith(prefix))) {
        await compare(snapshots, prefix);
      }
    }
    assertEquals(swag.nModels, variant.n_models);
    await compare(await file(`${name}/state`), "");
    const variances = await file(`${name}/variance`);
    const moments = await swag.moments();
    assertEquals(
      [...variances.names].sort(),
      swag.enabledParameters.map((p) => `variance.${p}`).sort(),
    );
    for (const p of swag.enabledParameters) {
      assertClose(
        moments.get(p)?.variance ?? [],
        variances.tensor(`variance.${p}`).data,
        MOMENTS,
        `variance of ${p}`,
      );
    }
    swag.dispose();
    model.dispose();
  });

  gpuTest(`a sample matches the original library: ${name}`, async () => {
    const { golden, variant, model, options } = await setUp(name);
    // A SwagModel draws its noise itself; its posterior also takes given noise.
    const posterior = new Posterior(model, resolveSettings(options));
    const state = await file(`${name}/state`);
    await readMoments(posterior, state);
    assertEquals(posterior.count, variant.n_models);
    const numbers = await file(`${name}/samples`);
    const random = posterior.layout.entries.filter(({ row }) => row !== NONE)
      .map(({ name }) => name);
    for (const { tag, scale, cov, block, noise } of variant.samples) {
      const read = (key: string) => numbers.tensor(key).data;
      const byName = (kind: string) =>
        new Map(random.map((p) => [p, read(`${noise}.${kind}.${p}`)]));
      posterior.draw({
        // In blocks the original multiplies deviations by the scale, not by its root.
        scale: block ? scale ** 2 : scale,
        cov,
        blockwise: block,
        noise: {
          diagonal: byName("diag"),
          lowRank: !cov
            ? []
            : block
            ? byName("lowrank")
            : read(`${noise}.lowrank`),
        },
      });
      const weights = await readAll(model.parameters());
      golden.parameter_order.forEach((p, i) => {
        const stored = `${tag}.param.${p}`;
        const expected = numbers.has(stored)
          ? read(stored)
          : state.tensor(`swag.base.${p}_mean`).data;
        const exact = !numbers.has(stored);
        assertClose(
          weights[i] ?? [],
          expected,
          exact ? { absolute: 0, relative: 0 } : SAMPLE,
          `${tag} ${p}`,
        );
      });
    }
    posterior.dispose();
    model.dispose();
  });
}
