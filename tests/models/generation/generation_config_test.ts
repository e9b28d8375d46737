// Copyright 2026 the swagpu authors. MIT license.

import { assertEquals, assertThrows } from "@std/assert";
import { ConfigReader, PretrainedConfig } from "../../../models/config.ts";
import { GenerationConfig } from "../../../models/generation/mod.ts";
import { warningsOf } from "../../_warnings.ts";

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

Deno.test("fromModelConfig() reads the fields of generation only", () => {
  const model = new PretrainedConfig({ bosTokenId: 3 }, {
    modelType: "tiny",
    padTokenId: 0,
  });
  const config = GenerationConfig.fromModelConfig(model);
  assertEquals(config.toJSON(), { bos_token_id: 3, pad_token_id: 0 });
});

Deno.test("with() replaces fields, also by null", () => {
  const config = new GenerationConfig({ eosTokenId: 2, numBeams: 3 });
  const changed = config.with({ eosTokenId: null, topK: 5 });
  assertEquals(changed.eosTokenId, null);
  assertEquals([changed.numBeams, changed.topK], [3, 5]);
  assertEquals(config.eosTokenId, 2);
});

Deno.test("GenerationConfig refuses invalid fields", () => {
  const cases: [Record<string, unknown>, string][] = [
    [{ numBeams: 0 }, "numBeams is 0, expected a positive integer"],
    [{ repetitionPenalty: 0 }, "repetitionPenalty is 0, expected a number"],
    [{ numBaems: 2 }, "there is no numBaems, did you mean numBeams?"],
    [{ topP: 2 }, "topP is 2, expected a number from 0 to 1"],
    [{ earlyStopping: "soon" }, 'earlyStopping is "soon", expected one of'],
    [{ badWordsIds: [3] }, "badWordsIds is [3], expected a list of lists"],
    [
      { sequenceBias: [[[3], NaN]] },
      "expected a list of pairs of tokens and a",
    ],
    [{ numBeamGroups: 2 }, "numBeamGroups is 2, expected 1: it is not"],
    [{ penaltyAlpha: 0.6 }, "penaltyAlpha is 0.6, expected 0: it is not"],
  ];
  for (const [options, message] of cases) {
    assertThrows(() => new GenerationConfig(options), Error, message);
  }
  new GenerationConfig({ earlyStopping: "never" });
});

Deno.test("save() keeps fields that this library does not know", async () => {
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

Deno.test("a file loads with fields that only generate() refuses", async () => {
  const heard = await warningsOf(async () => {
    for (
      const [fields, message] of [
        [{ do_sample: false, temperature: 0.0 }, undefined],
        [{ typical_p: 0.9 }, undefined],
        [{ top_p: 3, top_k: -1 }, undefined],
        [{ do_sample: true, temperature: 0 }, "temperature is 0"],
        [{ do_sample: true, top_k: -1 }, "top_k is -1"],
        [{ repetition_penalty: -1 }, "repetition_penalty is -1"],
        [{ penalty_alpha: 0.6 }, "penalty_alpha is 0.6, expected 0"],
        [{ stop_strings: ["x"] }, "stop_strings is"],
        [{ do_sample: true, epsilon_cutoff: 0.1 }, "epsilon_cutoff is 0.1"],
        [{ decoder_start_token_id: [3, 4] }, "one token for all rows"],
        [{ decoder_start_token_id: [3, 3] }, undefined],
        [{ pad_token_id: -1, eos_token_id: -1 }, undefined],
        [{ no_repeat_ngram_size: -1, min_new_tokens: -1 }, undefined],
        [{ do_sample: 0, early_stopping: 1 }, undefined],
        [{ num_beams: 0 }, "num_beams is 0, expected a positive integer"],
        [{ num_return_sequences: "2" }, 'num_return_sequences is "2"'],
        [{ temperature: "0.7" }, 'temperature is "0.7", expected a number'],
        [{ bos_token_id: "<s>" }, 'bos_token_id is "<s>", expected an integer'],
        [{ eos_token_id: ["2"] }, 'eos_token_id is ["2"]'],
        [{ bad_words_ids: [[]] }, "bad_words_ids is [[]]"],
        [{ sequence_bias: {} }, "sequence_bias is {}"],
        [{ suppress_tokens: [1.5] }, "suppress_tokens is [1.5]"],
        [{ remove_invalid_values: "no" }, 'remove_invalid_values is "no"'],
      ] as const
    ) {
      const text = JSON.stringify(fields);
      const files = { "config.json": "{}", "generation_config.json": text };
      await withFolder(files, async (folder) => {
        const config = await GenerationConfig.fromPretrained(folder);
        if (message === undefined) config.checkUse();
        else assertThrows(() => config.checkUse(), Error, message);
        assertEquals(config.toJSON(), { ...fields });
      });
    }
  });
  assertEquals(heard.length, 1);
  assertEquals(
    heard[0]?.endsWith("temperature 0 has no effect, as doSample is not set"),
    true,
  );
});

Deno.test("an invalid field of a file has no effect if a call replaces it", async () => {
  const text = '{"num_beams": 0, "temperature": "warm"}';
  const files = { "config.json": "{}", "generation_config.json": text };
  await withFolder(files, async (folder) => {
    const config = await GenerationConfig.fromPretrained(folder);
    const better = config.with({ numBeams: 2, temperature: 1 });
    better.checkUse();
    assertEquals([better.numBeams, better.earlyStopping], [2, false]);
    assertThrows(
      () => config.with({ numBeams: 2 }).checkUse(),
      TypeError,
      'temperature is "warm"',
    );
  });
});

Deno.test("null removes a restriction, as in transformers", async () => {
  const text = '{"top_k": null, "top_p": null, "temperature": null}';
  const files = { "config.json": "{}", "generation_config.json": text };
  await withFolder(files, async (folder) => {
    const config = await GenerationConfig.fromPretrained(folder);
    assertEquals([config.topK, config.topP, config.temperature], [0, 1, 1]);
  });
});

Deno.test("the fields of generation in a model's configuration are kept", () => {
  const model = new PretrainedConfig(
    new ConfigReader({ num_beam_groups: 2, num_beams: 4, typical_p: 1 }),
    { modelType: "tiny" },
  );
  const config = GenerationConfig.fromModelConfig(model);
  assertEquals(config.numBeams, 4);
  assertThrows(() => config.checkUse(), TypeError, "num_beam_groups is 2");
});
