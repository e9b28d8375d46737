// Copyright 2026 the swagpu authors. MIT license.

// The models that the page keeps, in a browser's files in memory.

import { assertEquals, assertRejects } from "@std/assert";
import { Classifier } from "../../../examples/browser/worker/classifier.ts";
import {
  forgetModel,
  keepModel,
  keptModels,
} from "../../../examples/browser/worker/kept_models.ts";
import { BertForSequenceClassification } from "../../../models/mod.ts";
import { gpuTest } from "../../_check.ts";
import { BrowserFiles, inBrowser } from "../../host/_browser_files.ts";
import { tinyConfig, tinyTokenizer } from "../../models/pipelines/_tiny.ts";

gpuTest(
  "a model is kept whole or not at all, and never in place of another",
  async () => {
    const files = new BrowserFiles();
    using classifier = new Classifier({
      name: "mine",
      model: new BertForSequenceClassification(tinyConfig()),
      tokenizer: tinyTokenizer(),
      posterior: undefined,
    });
    await inBrowser(files, async () => {
      assertEquals(await keptModels(), []);
      files.abilities.space = 1000; // Enough for the configuration alone.
      await assertRejects(
        () => keepModel("mine", classifier),
        Error,
        "no more space",
      );
      assertEquals(await keptModels(), []);
      files.abilities.space = Infinity;
      assertEquals((await keepModel("mine", classifier)).kept, "mine");
      assertEquals((await keepModel("mine", classifier)).kept, "mine 2");
      files.abilities.space = 1000;
      await assertRejects(() => keepModel("mine", classifier), Error);
      assertEquals(await forgetModel("mine"), ["mine 2"]);
    });
  },
);
