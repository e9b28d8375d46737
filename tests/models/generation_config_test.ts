// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertThrows } from "@std/assert";
import { PretrainedConfig } from "../../models/config.ts";
import { GenerationConfig } from "../../models/generation_config.ts";

const BART = `{
  "_from_model_config": true,
  "bos_token_id": 0,
  "decoder_start_token_id": 2,
  "eos_token_id": [2, 5],
  "forced_eos_token_id": 2,
  "length_penalty": 2.0,
  "pad_token_id": 1,
  "transformers_version": "4.57.0"
}
`;

async function withFolder(
  files: Record<string, string>,
  run: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${folder}/${name}`, text);
    }
    await run(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("GenerationConfig has the defaults of transformers", () => {
  const config = new GenerationConfig();
  assertEquals(
    [config.maxLength, config.numBeams, config.topK, config.topP],
    [20, 1, 50, 1],
  );
  assertEquals([config.doSample, config.earlyStopping], [false, false]);
  assertEquals([config.eosTokenId, config.padTokenId], [null, null]);
});

Deno.test("fromPretrained() reads generation_config.json, save() writes it back", async () => {
  const files = { "config.json": "{}", "generation_config.json": BART };
  await withFolder(files, async (folder) => {
    const config = await GenerationConfig.fromPretrained(folder);
    assertEquals(config.eosTokenId, [2, 5]);
    assertEquals(config.forcedEosTokenId, 2);
    assertEquals(config.lengthPenalty, 2);
    await config.save(folder);
    assertEquals(
      await Deno.readTextFile(`${folder}/generation_config.json`),
      BART.replace("[2, 5]", "[\n    2,\n    5\n  ]"),
    );
  });
});

Deno.test("fromPretrained() reads config.json where there is no other file", async () => {
  const text = '{"model_type": "tiny", "num_beams": 4, "eos_token_id": 7}';
  await withFolder({ "config.json": text }, async (folder) => {
    const config = await GenerationConfig.fromPretrained(folder);
    assertEquals(config.toJSON(), { eos_token_id: 7, num_beams: 4 });
  });
});

Deno.test("fromModelConfig() takes the fields of generation alone", () => {
  const model = new PretrainedConfig({ bosTokenId: 3 }, {
    modelType: "tiny",
    padTokenId: 0,
  });
  const config = GenerationConfig.fromModelConfig(model);
  assertEquals(config.toJSON(), { bos_token_id: 3, pad_token_id: 0 });
});

Deno.test("with() replaces fields, by null too", () => {
  const config = new GenerationConfig({ eosTokenId: 2, numBeams: 3 });
  const changed = config.with({ eosTokenId: null, topK: 5 });
  assertEquals(changed.eosTokenId, null);
  assertEquals([changed.numBeams, changed.topK], [3, 5]);
  assertEquals(config.eosTokenId, 2);
});

Deno.test("GenerationConfig throws when a field has no sense", () => {
  const cases: [Record<string, unknown>, string][] = [
    [{ numBeams: 0 }, "numBeams is 0, expected a positive integer"],
    [{ temperature: 0 }, "temperature is 0, expected a number above 0"],
    [{ topP: 2 }, "topP is 2, expected a number from 0 to 1"],
    [{ earlyStopping: "soon" }, 'earlyStopping is "soon", expected one of'],
    [{ badWordsIds: [3] }, "badWordsIds is [3], expected a list of lists"],
    [{ numBeamGroups: 2 }, "numBeamGroups is 2, expected 1: it is not"],
    [{ penaltyAlpha: 0.6 }, "penaltyAlpha is 0.6, expected 0: it is not"],
  ];
  for (const [options, message] of cases) {
    assertThrows(() => new GenerationConfig(options), Error, message);
  }
  new GenerationConfig({ earlyStopping: "never" });
});

Deno.test("save() keeps what this library does not know", async () => {
  const text = `{
  "_from_model_config": true,
  "cache_implementation": "static",
  "num_beams": 4,
  "temperature": 0.7,
  "top_p": 1.0,
  "transformers_version": "4.57.0"
}
`;
  const files = { "config.json": "{}", "generation_config.json": text };
  await withFolder(files, async (folder) => {
    await (await GenerationConfig.fromPretrained(folder)).save(folder);
    const path = `${folder}/generation_config.json`;
    assertEquals(await Deno.readTextFile(path), text);
  });
});
