// Copyright 2026 the swagpu authors. MIT license.

import { assertAlmostEquals, assertEquals, assertGreater } from "@std/assert";
import { main } from "../../examples/own_posterior.ts";
import { gpuTest } from "../_check.ts";
import { inFolder } from "../_folder.ts";

gpuTest(
  "a posterior over a model of the user's own is saved and loaded",
  () =>
    inFolder(async (folder) => {
      const lines: string[] = [];
      const [sure, unsure] = await main(folder, (line: string) => {
        lines.push(line);
      });
      assertEquals(lines.slice(0, 2), [
        "swag_word-mean: 10 collections, rank 10",
        "over a WordMeanForSequenceClassification",
      ]);
      assertEquals(sure?.label, "good");
      assertGreater(sure?.score ?? NaN, 0.9);
      // The reviews do not say which one is right, so two classes have ln 2 nats.
      assertAlmostEquals(unsure?.entropy ?? NaN, Math.LN2, 0.1);
      const { model_type, internal_model_config: { vocab_size } } = JSON.parse(
        await Deno.readTextFile(`${folder}/config.json`),
      );
      assertEquals(model_type, "swag_word-mean");
      assertGreater(vocab_size, 10);
    }),
);
