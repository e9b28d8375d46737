// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals } from "@std/assert";
import { scope } from "../../engine/mod.ts";
import {
  AutoModelForMaskedLM,
  AutoTokenizer,
  DataCollatorForWholeWordMask,
  toTensors,
} from "../../models/mod.ts";
import { openSafetensors } from "../../nn/formats/mod.ts";
import { gpuTest } from "../_check.ts";

const FOLDER = new URL("../../examples/mini-bert", import.meta.url).pathname;

/** The most bytes of the folder. */
const MOST = 4e6;

const TEXTS = [
  "He was in a great hurry to be gone, and he did not look at her.",
  "The captain of the ship went down into the boat with his men.",
  "She was the daughter of the old man, and she had been very happy.",
  "They had come to the house of his mother in the evening.",
];

Deno.test("the mini-BERT is small, and in 16 bits", async () => {
  let bytes = 0;
  for await (const { name } of Deno.readDir(FOLDER)) {
    bytes += (await Deno.stat(`${FOLDER}/${name}`)).size;
  }
  assert(bytes < MOST, `${bytes} bytes`);
  using file = await openSafetensors(`${FOLDER}/model.safetensors`);
  const types = new Set([...file.names].map((name) => file.info(name).dtype));
  assertEquals([...types], ["F16"]);
});

gpuTest("the mini-BERT guesses hidden words better than chance", async () => {
  const tokenizer = await AutoTokenizer.fromPretrained(FOLDER);
  const model = await AutoModelForMaskedLM.fromPretrained(FOLDER);
  const collator = new DataCollatorForWholeWordMask(tokenizer, {
    mlmProbability: 0.15,
    seed: 1,
  });
  using _ = scope();
  const batch = collator.collate(
    TEXTS.map((text) => tokenizer.encode(text)),
    { rows: [...TEXTS.keys()], epoch: 0 },
  );
  const { loss } = model.forward(toTensors(batch));
  // Chance among 6,000 word pieces is 8.7 nats.
  assert(await loss.item() < 5, `${await loss.item()}`);
  model.dispose();
});
