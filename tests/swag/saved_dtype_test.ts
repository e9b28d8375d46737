// Copyright 2026 the swagpu authors. MIT license.

// Posteriors that are saved in fewer bits.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { AutoSwagModelForSequenceClassification } from "../../auto_swag.ts";
import { manualSeed, tensor } from "../../engine/mod.ts";
import { BertForSequenceClassification } from "../../models/mod.ts";
import { openSafetensors, type SavedDtype } from "../../nn/formats/mod.ts";
import { SwagModel, type SwagOptions } from "../../swag/mod.ts";
import { free } from "../_auto_swag.ts";
import { gpuTest } from "../_check.ts";
import { inFolder } from "../_folder.ts";
import { collectAround } from "../_tiny_models.ts";
import { tinyConfig } from "../models/pipelines/_tiny.ts";

/** A posterior over a BERT whose matrices are most of it. */
async function tinyPosterior(
  deviations: NonNullable<SwagOptions["deviations"]>,
): Promise<SwagModel & { base: BertForSequenceClassification }> {
  manualSeed(2);
  const model = new BertForSequenceClassification(
    tinyConfig({ hiddenSize: 32, intermediateSize: 64 }),
  ).eval();
  const swag = SwagModel.fromBase(model, {
    noCovMat: false,
    maxNumModels: 3,
    deviations,
  });
  await collectAround(swag, { size: 0.02 });
  return swag as SwagModel & { base: BertForSequenceClassification };
}

/** The mean probabilities of thirty samples for some rows. */
async function probabilitiesOf(
  swag: SwagModel & {
    base: { forward: BertForSequenceClassification["forward"] };
  },
): Promise<number[]> {
  const inputIds = tensor(
    Array.from({ length: 8 }, (_, i) => [2, 5 + i, 9, 20 - i, 3]),
    { dtype: "i32" },
  );
  const { probabilities } = swag.predict(
    () => swag.base.forward({ inputIds }),
    { numPredictions: 30, seed: 5 },
  );
  return [...await probabilities.data()];
}

/** The largest of the magnitudes. */
function top(values: ArrayLike<number>): number {
  return Array.from(values).reduce((a, x) => Math.max(a, Math.abs(x)), 0);
}

/** The largest of the differences, as a share of the largest number of a row. */
function errorOf(
  found: Float32Array,
  expected: Float32Array,
  columns: number,
): number {
  let error = 0;
  for (let at = 0; at < expected.length; at += columns) {
    const row = expected.subarray(at, at + columns);
    const scale = top(row);
    row.forEach((x, i) => {
      const difference = Math.abs((found[at + i] ?? 0) - x);
      if (difference > 0) error = Math.max(error, difference / scale);
    });
  }
  return error;
}

const CASES: [SavedDtype, SwagOptions["deviations"], number, number][] = [
  // The share of the bytes, and the most that a probability changes.
  ["float32", "f32", 1.2, 0],
  ["float16", "f32", 0.62, 1e-3],
  ["float16", "int8", 0.45, 1e-3],
  ["int8", "f32", 0.42, 1e-2],
  ["int8", "f16", 0.42, 1e-2],
];

for (const [dtype, deviations = "f32", share, change] of CASES) {
  gpuTest(
    `a posterior with deviations as ${deviations} saved as ${dtype} predicts as before`,
    async () => {
      const swag = await tinyPosterior(deviations);
      const expected = await probabilitiesOf(swag);
      const before = await swag.moments();
      await inFolder(async (folder) => {
        await swag.base.savePretrained(folder, {
          dtype,
          alongside: {
            "swag.safetensors": (path) => swag.save(path, { dtype }),
          },
        });
        const { size } = await Deno.stat(`${folder}/swag.safetensors`);
        const numbers = 5 * 4 * [...swag.base.namedParameters().values()]
          .reduce((sum, { size }) => sum + size, 0);
        assert(size < share * numbers, `${size} bytes, ${size / numbers}`);

        // The weights are recognized, although they have been rounded.
        const again = await AutoSwagModelForSequenceClassification
          .fromPretrained(
            folder,
          );
        assertEquals(again.settings, swag.settings);
        assertEquals([again.nModels, again.covMatRank], [4, 3]);
        const step = { float32: 0, float16: 1 / 2048, int8: 1 / 253 }[dtype];
        for (const [name, { mean, variance }] of await again.moments()) {
          const own = before.get(name);
          const shape = swag.base.namedParameters().get(name)?.shape ?? [];
          const columns = shape.slice(1).reduce((a, b) => a * b, 1);
          assert(own);
          assert(errorOf(mean, own.mean, columns) <= step, name);
          if (variance && own.variance) {
            const most = dtype === "float32" ? 0 : 1 / 2000;
            assert(errorOf(variance, own.variance, columns) <= most, name);
          }
        }
        const found = await probabilitiesOf(
          again as typeof again & { base: BertForSequenceClassification },
        );
        const worst = top(found.map((p, i) => p - (expected[i] ?? 0)));
        assert(worst <= change, `${worst}`);
        free(again);
      });
      free(swag);
    },
  );
}

gpuTest(
  "a posterior saved in fewer bits belongs to weights saved so",
  async () => {
    const swag = await tinyPosterior("f32");
    await inFolder(async (folder) => {
      await swag.base.savePretrained(folder, {
        dtype: "int8",
        alongside: { "swag.safetensors": (path) => swag.save(path) },
      });
      await assertRejects(
        () => AutoSwagModelForSequenceClassification.fromPretrained(folder),
        TypeError,
        "the posterior belongs to other weights",
      );
      const path = `${folder}/alone.safetensors`;
      await swag.save(path, { dtype: "int8" });
      using file = await openSafetensors(path);
      // importState() of any posterior widens it too.
      const other = SwagModel.fromBase(swag.base, {
        noCovMat: false,
        maxNumModels: 3,
      });
      await other.importState(file);
      const name = "classifier.weight";
      const [own, before] = [
        (await other.moments()).get(name)?.mean,
        (await swag.moments()).get(name)?.mean,
      ];
      assert(own && before);
      assert(errorOf(own, before, own.length / 2) < 0.01);
      other.dispose();
      await assertRejects(
        () => swag.save(path, { dtype: "bfloat16" as "int8" }),
        RangeError,
        'Cannot save weights as "bfloat16"',
      );
      await assertRejects(
        () => swag.save(path, { type: "int8" } as object),
        TypeError,
        'Cannot save a posterior with option "type": did you mean "dtype"?',
      );
      await assertRejects(
        () => SwagModel.load(path, swag.base, { sameWeight: true } as object),
        TypeError,
        'Cannot load a posterior with option "sameWeight": did you mean',
      );
    });
    free(swag);
  },
);

gpuTest(
  "a posterior in fewer bits has no moments that are not finite",
  async () => {
    const swag = await tinyPosterior("f32");
    const state = await swag.stateDict();
    const { "classifier.weight": own } = state.parameters;
    assert(own);
    own.mean[1] = NaN;
    swag.loadStateDict(state);
    await inFolder(async (folder) => {
      for (const dtype of ["float16", "int8"] as const) {
        await assertRejects(
          () => swag.save(`${folder}/a`, { dtype, allowNonFinite: true }),
          RangeError,
          "is NaN",
        );
      }
    });
    free(swag);
  },
);
