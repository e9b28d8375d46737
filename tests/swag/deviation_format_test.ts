// Copyright 2026 the swagpu authors. MIT license.

// Deviations in fewer bits: by how much they are off, and that all else goes on from
// them as from 32-bit floats of the same values.

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { readAll } from "../../engine/mod.ts";
import { openSafetensors } from "../../nn/formats/safetensors_file.ts";
import {
  type DeviationFormat,
  estimateMemory,
  SwagModel,
  type SwagOptions,
  type SwagState,
} from "../../swag/mod.ts";
import { NONE } from "../../swag/layout.ts";
import { Posterior } from "../../swag/posterior.ts";
import { resolveSettings } from "../../swag/settings.ts";
import { gpuTest, normalValues } from "../_check.ts";
import { inFolder } from "../_folder.ts";
import { eachVariant } from "../_variants.ts";
import { bitsOfState } from "./_states.ts";
import { Tree } from "./_tree.ts";

const FEWER = ["f16", "int8"] as const;

/** A matrix of 10,000 weights, and sizes that end within a word and a block. */
const SHAPES = { "a.weight": [100, 100], "b.bias": [3], "c.weight": [7, 13] };
const SIZE = 10_000 + 3 + 91;

/** Normal noise around weights of about 1, of very different sizes of steps. */
function iterate(n: number, step: number): Float32Array {
  return Float32Array.from(
    normalValues(SIZE, n),
    (z, i) => Math.sin(i) + step * (i < 10_000 ? 1 : 100) * z,
  );
}

function collected(
  deviations: DeviationFormat,
  { step = 0.01, count = 13, ...options }:
    & { step?: number; count?: number }
    & SwagOptions = {},
): { model: Tree; swag: SwagModel } {
  const model = new Tree(SHAPES);
  const swag = SwagModel.fromBase(model, {
    ...{ noCovMat: false, maxNumModels: 10, deviations },
    ...options,
  });
  for (let n = 0; n < count; n++) {
    model.setAll(iterate(n, step));
    swag.collectModel();
  }
  return { model, swag };
}

/** D Dᵀ of a parameter, and the norm of a list. */
function gram(rows: ArrayLike<number>, rank: number): Float64Array {
  const size = rows.length / rank;
  return Float64Array.from({ length: rank * rank }, (_, at) => {
    const [k, l] = [Math.floor(at / rank) * size, at % rank * size];
    let sum = 0;
    for (let i = 0; i < size; i++) {
      sum += (rows[k + i] ?? 0) * (rows[l + i] ?? 0);
    }
    return sum;
  });
}

function relativeError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [error, norm] = [0, 0];
  for (let i = 0; i < b.length; i++) {
    error += ((a[i] ?? NaN) - (b[i] ?? 0)) ** 2;
    norm += (b[i] ?? 0) ** 2;
  }
  return Math.sqrt(error / norm);
}

/** The largest magnitude in each block of 64 weights of a row. */
function tops(row: Float32Array): number[] {
  return Array.from(
    { length: Math.ceil(row.length / 64) },
    (_, b) => Math.max(...row.subarray(64 * b, 64 * b + 64).map(Math.abs)),
  );
}

eachVariant(
  "swag",
  "deviations in fewer bits are as close as their bits allow",
  async () => {
    // Steps of fine-tuning are far below the least normal number of f16, 6e-5.
    for (const step of [0.01, 1e-5]) {
      const exact = collected("f32", { step });
      const expected = await exact.swag.moments();
      for (const format of FEWER) {
        const { model, swag } = collected(format, { step });
        const moments = await swag.moments();
        for (const [name, { mean, variance, deviations }] of moments) {
          const own = expected.get(name);
          assertEquals([mean, variance], [own?.mean, own?.variance]);
          const rows = own?.deviations ?? new Float32Array();
          const size = mean.length;
          for (let k = 0; k < 10; k++) {
            const row = rows.subarray(k * size, (k + 1) * size);
            const bounds = tops(row);
            row.forEach((x, i) => {
              const error = Math.abs((deviations?.[k * size + i] ?? NaN) - x);
              const bound = format === "f16"
                ? Math.abs(x) * 2 ** -11
                : (bounds[i >> 6] ?? 0) / 127 / 2;
              assert(error <= bound * 1.0001 + 1e-38, `${name} ${k} ${i}`);
            });
          }
          if (size < 10_000) continue;
          // 2⁻¹¹ / √3 of f16's unit on average over its interval; the step of int8
          // is the largest of 64 normal numbers, 2.4, by 127, and 1 / √12 of it.
          const error = relativeError(deviations ?? [], rows);
          // Differences of weights near 1 that are 1e-5 have few bits themselves.
          const least = step < 1e-3 ? 3e-5 : 1.5e-4;
          const [low, high] = format === "f16" ? [least, 2.5e-4] : [5e-3, 6e-3];
          assert(error > low && error < high, `${format}: ${error}`);
          const grams = relativeError(
            gram(deviations ?? [], 10),
            gram(rows, 10),
          );
          assert(grams < (format === "f16" ? 2e-5 : 3e-4), `${grams}`);
        }
        swag.dispose();
        model.dispose();
      }
      exact.swag.dispose();
      exact.model.dispose();
    }
  },
);

/** The same state with the deviations as 32-bit floats. */
async function widened(swag: SwagModel): Promise<SwagState> {
  const state = await swag.stateDict();
  for (const [name, { deviations }] of await swag.moments()) {
    const own = state.parameters[name];
    if (!own || !deviations) continue;
    own.deviations = deviations;
    delete own.deviationScales;
  }
  return { ...state, settings: { ...state.settings, deviations: "f32" } };
}

eachVariant(
  "swag",
  "deviations in fewer bits are sampled as the values that they stand for",
  async () => {
    for (const deviations of FEWER) {
      const options = { modulePrefixList: ["a", "c"] };
      const { model, swag } = collected(deviations, options);
      const twin = new Tree(SHAPES);
      using wide = SwagModel.fromBase(twin, {
        ...swag.settings,
        deviations: "f32",
      });
      twin.setAll(iterate(12, 0.01));
      wide.loadStateDict(await widened(swag));
      for (const blockwise of [false, true]) {
        const draw = { scale: 0.5, seed: 3, index: 2, blockwise };
        for (const posterior of [swag, wide]) posterior.sampleParameters(draw);
        assertEquals(
          await readAll(model.parameters()),
          await readAll(twin.parameters()),
        );
        assertEquals(
          await swag.logProbability({ scale: 0.5, blockwise }),
          await wide.logProbability({ scale: 0.5, blockwise }),
        );
      }
      swag.dispose();
      model.dispose();
      twin.dispose();
    }
  },
);

eachVariant("swag", "given noise takes deviations in fewer bits", async () => {
  for (const deviations of FEWER) {
    const model = new Tree(SHAPES);
    const posterior = new Posterior(
      model,
      resolveSettings({ noCovMat: false, maxNumModels: 3, deviations }),
    );
    for (let n = 0; n < 5; n++) {
      model.setAll(iterate(n, 0.01));
      posterior.collect(model);
    }
    const { entries } = posterior.layout;
    const moments = await posterior.read(entries);
    const lowRank = [0.5, -1, 2];
    const diagonal = new Map(
      entries.filter(({ row }) => row !== NONE).map(({ name, parameter }) =>
        [name, new Float32Array(parameter.size)] as const
      ),
    );
    posterior.draw({
      ...{ scale: 1, cov: true, blockwise: false },
      noise: { diagonal, lowRank },
    });
    const weights = await readAll(model.parameters());
    moments.forEach(({ mean, deviations: stored }, e) => {
      const size = mean.length;
      mean.forEach((m, i) => {
        let sum = 0;
        lowRank.forEach((z, k) => {
          const at = k * size + i;
          const block = k * Math.ceil(size / 64) + Math.floor(i / 64);
          sum += z * (stored?.values[at] ?? NaN) *
            (stored?.scales?.[block] ?? NaN);
        });
        const error = (weights[e]?.[i] ?? NaN) - (m + sum / Math.SQRT2);
        assert(Math.abs(error) < 2e-6, `${deviations} ${e} ${i}: ${error}`);
      });
    });
    posterior.dispose();
    model.dispose();
  }
});

gpuTest("estimateMemory() knows deviations in fewer bits", (device) => {
  const model = new Tree(SHAPES);
  model.setAll(iterate(0, 1));
  // Blocks of 64 weights: 157, 1 and 2; the scales of a row are whole vectors.
  const blocks = 160;
  for (
    const [deviations, bytes] of [
      ["f32", 20 * blocks * 256],
      ["f16", 20 * (blocks * 128 + blocks * 4)],
      ["int8", 20 * (blocks * 64 + blocks * 4)],
    ] as const
  ) {
    const options = { noCovMat: false, deviations };
    const estimate = estimateMemory(model, options);
    assertEquals(estimate.deviations, bytes);
    const before = device.pool.statistics().inUse;
    using swag = SwagModel.fromBase(model, options);
    assertEquals(device.pool.statistics().inUse - before, estimate.reserved);
    assertEquals(swag.memoryEstimate, estimate);
  }
  model.dispose();
});

gpuTest(
  "files hold deviations in the bits in which they are kept",
  async () => {
    await inFolder(async (folder) => {
      for (const deviations of FEWER) {
        const { model, swag } = collected(deviations);
        const path = `${folder}/${deviations}.safetensors`;
        await swag.save(path);
        const twin = new Tree(SHAPES);
        using loaded = await SwagModel.load(path, twin);
        assertEquals(loaded.settings, swag.settings);
        assertEquals(
          bitsOfState(await loaded.stateDict()),
          bitsOfState(await swag.stateDict()),
        );
        using file = await openSafetensors(path);
        const name = "swag.base.c.weight_cov_mat_sqrt";
        const { dtype, shape } = file.info(name);
        assertEquals([dtype, shape], [
          deviations === "int8" ? "I8" : "F16",
          [10, 91],
        ]);
        // A posterior with other deviations takes them as they are, or rounds them.
        using wide = SwagModel.fromBase(twin, {
          ...swag.settings,
          deviations: "f32",
        });
        await wide.importState(file);
        assertEquals(await wide.moments(), await swag.moments());
        await wide.save(`${folder}/wide.safetensors`);
        using again = SwagModel.fromBase(twin, swag.settings);
        using wideFile = await openSafetensors(`${folder}/wide.safetensors`);
        await again.importState(wideFile);
        for (const [key, { deviations: rows }] of await again.moments()) {
          const own = (await swag.moments([key])).get(key)?.deviations ?? [];
          const error = relativeError(rows ?? [], own);
          assert(error < 1e-6, `${key}: ${error}`);
        }
        assertThrows(
          () => wide.loadStateDict({ ...EMPTY, settings: swag.settings }),
          TypeError,
          `deviations is ${deviations} in the state but f32 in the posterior`,
        );
        swag.dispose();
        model.dispose();
        twin.dispose();
      }
    });
  },
);

const EMPTY = { nModels: 0, covMatRank: 0, draws: 0, parameters: {} };

gpuTest("states of earlier versions have 32-bit deviations", async () => {
  const { model, swag } = collected("f32", { count: 3 });
  const state = await swag.stateDict();
  const { deviations: _, ...settings } = state.settings;
  using other = SwagModel.fromBase(model, swag.settings);
  other.loadStateDict({ ...state, settings } as SwagState);
  assertEquals(await other.moments(), await swag.moments());
  using narrow = SwagModel.fromBase(model, {
    ...swag.settings,
    deviations: "int8",
  });
  assertThrows(
    () => narrow.loadStateDict({ ...state, settings } as SwagState),
    TypeError,
    "deviations is f32 in the state but int8 in the posterior",
  );
  swag.dispose();
  model.dispose();
});

gpuTest("unknown deviations are refused", async () => {
  const model = new Tree({ weight: [2] });
  assertThrows(
    () => SwagModel.fromBase(model, { deviations: "int4" as "int8" }),
    RangeError,
    'Cannot store deviations as "int4": expected "f32", "f16", "int8"',
  );
  await inFolder(async (folder) => {
    using swag = SwagModel.fromBase(model, { noCovMat: false });
    const path = `${folder}/swag.safetensors`;
    await swag.save(path);
    const text = new TextDecoder("latin1").decode(await Deno.readFile(path));
    const changed = text.replace(
      'deviations\\":\\"f32',
      'deviations\\":\\"f33',
    );
    assert(changed !== text);
    const bytes = Uint8Array.from(changed, (c) => c.charCodeAt(0));
    await Deno.writeFile(path, bytes);
    await assertRejects(
      () => SwagModel.load(path, model),
      SyntaxError,
      'deviations is none of f32, f16, int8 in its "swag" metadata',
    );
  });
  model.dispose();
});
