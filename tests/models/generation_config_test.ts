// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertThrows } from "@std/assert";
import { PretrainedConfig } from "../../models/config.ts";
import { GenerationConfig } from "../../models/generation_config.ts";
import { logitsProcessors } from "../../models/_logits_processors.ts";

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
      JSON.parse(await Deno.readTextFile(`${folder}/generation_config.json`)),
      JSON.parse(BART),
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

/** The scores of four tokens after all processors of some options. */
function processed(
  options: ConstructorParameters<typeof GenerationConfig>[0],
  tokens: readonly number[],
): number[] {
  const scores = Float32Array.of(1, 2, 3, 4);
  const context = { promptLength: 1, maxLength: 4, eosTokenIds: [3] };
  const config = new GenerationConfig(options);
  for (const processor of logitsProcessors(config, context)) {
    processor(tokens, scores);
  }
  return [...scores];
}

Deno.test("logitsProcessors() does nothing by default", () => {
  assertEquals(
    logitsProcessors(new GenerationConfig(), {
      promptLength: 1,
      maxLength: 4,
      eosTokenIds: [3],
    }),
    [],
  );
});

Deno.test("logitsProcessors() prefers minNewTokens to minLength", () => {
  const options = { minLength: 9, minNewTokens: 2 };
  assertEquals(processed(options, [0, 0]), [1, 2, 3, -Infinity]);
  assertEquals(processed(options, [0, 0, 0]), [1, 2, 3, 4]);
});

Deno.test("logitsProcessors() forces the end after it has forbidden words", () => {
  const options = { badWordsIds: [[2]], forcedEosTokenId: 2, topK: 1 };
  const none = -Infinity;
  assertEquals(processed(options, [0]), [1, 2, none, 4]);
  assertEquals(processed(options, [0, 0, 0]), [none, none, 0, none]);
});

Deno.test("logitsProcessors() narrows down only if tokens are drawn", () => {
  const none = -Infinity;
  const options = { temperature: 2, topK: 1 };
  assertEquals(processed(options, [0]), [1, 2, 3, 4]);
  const drawn = { ...options, doSample: true };
  assertEquals(processed(drawn, [0]), [none, none, none, 2]);
  // Beams keep one more than there are end tokens.
  const beams = { ...drawn, numBeams: 2 };
  assertEquals(processed(beams, [0]), [none, none, 1.5, 2]);
});
