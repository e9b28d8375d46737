// Copyright 2026 the swagpu authors. MIT license.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { Tokenizer as Oracle } from "tokenizers";
import {
  trainTokenizer,
  type TrainTokenizerOptions,
} from "../../models/mod.ts";
import { check } from "../../tools/golden/metrics/tokenizer_training.ts";
import { inFolder } from "../_folder.ts";

const HARBOR = await Deno.readTextFile(
  new URL("../fixtures/tokenizers/training/harbor.txt", import.meta.url),
);
const LINES = HARBOR.split("\n").filter((line) => line !== "").slice(0, 12);

/** Writes a folder in the layout of the golden data, with encodings by npm's library. */
async function makeFolder(folder: string): Promise<void> {
  const write = (name: string, value: unknown) =>
    Deno.writeTextFile(`${folder}/${name}`, JSON.stringify(value));
  await Deno.mkdir(folder, { recursive: true });
  await write("lines.json", LINES);
  for (
    const options of [
      { type: "bpe", vocabSize: 300 },
      { type: "wordpiece", vocabSize: 200 },
    ] satisfies TrainTokenizerOptions[]
  ) {
    const tokenizer = await trainTokenizer(HARBOR.split(/(?<=\n)/), options);
    await tokenizer.save(`${folder}/saved`);
    const json = JSON.parse(
      await Deno.readTextFile(`${folder}/saved/tokenizer.json`),
    );
    await Deno.remove(`${folder}/saved`, { recursive: true });
    const { type, vocabSize } = options;
    const name = `${type}_${vocabSize}`;
    const oracle = Oracle.fromString(JSON.stringify(json));
    const addSpecialTokens = type === "wordpiece";
    const encodings = await Promise.all(
      LINES.map((line) => oracle.encode(line, null, { addSpecialTokens })),
    );
    await write(`${name}.json`, json);
    if (type === "wordpiece") {
      const tokens = Object.entries<number>(json.model.vocab)
        .sort(([, a], [, b]) => a - b).map(([token]) => token);
      await write(`wordpiece_sorted_vocab_${vocabSize}.json`, tokens);
    }
    const ten = encodings.slice(0, 10);
    await write(`encodings_${name}.json`, {
      lines: "lines.json",
      ids: encodings.map((one) => one.getIds()),
      first10: {
        decoded: await Promise.all(
          ten.map((one) => oracle.decode(one.getIds(), true)),
        ),
        detail: ten.map((one) => ({
          tokens: one.getTokens(),
          offsets: one.getOffsets(),
        })),
      },
    });
  }
  const all = await trainTokenizer(HARBOR.split(/(?<=\n)/), { type: "bpe" });
  await write("report.json", {
    text: "harbor.txt",
    bpe: { mergesWithMinFrequency: { 2: all.vocabSize - 261 } },
    wordpiece: { 200: { tokensThatDependOnTies: [] } },
  });
}

Deno.test("trained tokenizers are compared with golden ones", async () => {
  await inFolder(async (root) => {
    const folder = `${root}/golden/metrics/tokenizer_training`;
    await makeFolder(folder);
    const failed = async () =>
      (await check(folder)).filter(({ ok }) => !ok).map(({ name }) => name);
    const [absent, ...others] = await check(folder);
    assertEquals([absent?.ok, others.length], [false, 0]);
    assertMatch(absent?.note ?? "", /there is no .*harbor\.txt/);

    await Deno.mkdir(`${root}/data/gutenberg`, { recursive: true });
    await Deno.writeTextFile(`${root}/data/gutenberg/harbor.txt`, HARBOR);
    const all = await check(folder);
    assertEquals(all.filter(({ ok }) => !ok), []);
    assert(all.length >= 14);

    // Two merges in the wrong order, and another order of tokens.
    const path = `${folder}/bpe_300.json`;
    const json = JSON.parse(await Deno.readTextFile(path));
    const { merges } = json.model;
    json.model.merges = [merges[1], merges[0], ...merges.slice(2)];
    await Deno.writeTextFile(path, JSON.stringify(json));
    assert((await failed()).includes("bpe_300: merges"));
    const sorted = `${folder}/wordpiece_sorted_vocab_200.json`;
    const tokens: string[] = JSON.parse(await Deno.readTextFile(sorted));
    await Deno.writeTextFile(sorted, JSON.stringify(tokens.toReversed()));
    assert((await failed()).some((name) => /sorted$/.test(name)));
    await Deno.writeTextFile(
      `${root}/data/gutenberg/harbor.txt`,
      HARBOR.slice(0, 900),
    );
    assert((await failed()).length > 5);
  });
});
