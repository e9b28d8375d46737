// Copyright 2026 the swagpu authors. MIT license.

// What the tests of all architectures do with Hugging Face's small models.

import { assert, assertEquals } from "@std/assert";
import type {
  PretrainedClass,
  PretrainedConfig,
  PreTrainedModel,
} from "../../../models/mod.ts";
import { checkCase } from "../../../tools/golden/check.ts";
import { gpuTest } from "../../_check.ts";
import { inFolder } from "../../_folder.ts";

/** Where the models and their results lie. */
export const FIXTURES: string =
  new URL("../../fixtures/models/", import.meta.url).pathname;

/** The class of each model, by the name of its folder. */
export type Cases = Readonly<
  Record<string, PretrainedClass<PreTrainedModel<PretrainedConfig>>>
>;

/** Which results of a model are compared. */
export interface AgreementOptions {
  /** More comparisons than this there must be. @default {80} */
  least?: number;
  /** Whether texts that the model generates are compared, too. @default {true} */
  generates?: boolean;
}

/** A test for each model that compares it with what Hugging Face computes. */
export function testAgreement(
  names: readonly string[],
  { least = 80, generates = true }: AgreementOptions = {},
): void {
  for (const name of names) {
    gpuTest(
      `${name} agrees with Hugging Face in outputs, gradients and AdamW steps`,
      async () => {
        const results = (await checkCase(`${FIXTURES}${name}`))
          .filter((result) =>
            generates || !result.name.startsWith("generate.")
          );
        assert(results.length > least, `only ${results.length} comparisons`);
        assertEquals(results.filter(({ ok }) => !ok), []);
      },
    );
  }
}

/** Saves a model as the files that it was read from, byte for byte. */
export async function assertSavesWhatItRead(
  name: string,
  model: PreTrainedModel<PretrainedConfig>,
): Promise<void> {
  await inFolder(async (folder) => {
    await model.savePretrained(folder);
    model.dispose();
    for (const file of ["config.json", "model.safetensors"]) {
      assertEquals(
        await Deno.readFile(`${folder}/${file}`),
        await Deno.readFile(`${FIXTURES}${name}/${file}`),
        `${name}/${file}`,
      );
    }
  });
}
